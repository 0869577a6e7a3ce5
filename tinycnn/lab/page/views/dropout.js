/** Dropout as in training, on this very drawing: masks side by side, and what the network answers behind each. */
import { drawMaps, legend, rangeOf } from "../colours.js";
import { el, field, note, percent } from "../dom.js";

const PASSES = 20;
const SCREEN = 96; // pixels for one mask

export const dropout = {
  title: "Dropout",
  about:
    `In training a new random mask drops values at every step. Here are ${PASSES} masks on your drawing, with what the ` +
    "network answers behind each: blank is dropped, the rest is divided by 1 − rate.",
  show(lab, panel) {
    const choose = lab.choice("Dropout", ({ name, settings }) => `${name}, rate ${settings.rate ?? 0}`);
    const [first] = choose.options;
    if (!first) {
      const command = el("code", { text: "python -m tinycnn.train --dropout" });
      panel.append(note("This model has no dropout. The notebook's second model has: ", command));
      return () => {};
    }
    const again = el("button", { type: "button", text: "Other masks" });
    const scale = legend();
    const summary = el("p", { role: "status" });
    const list = el("ul", { class: "passes" });
    panel.append(el("div", { class: "row" }, field("layer", choose), again, scale.element), summary, list);

    let newest = 0;
    async function update() {
      const mine = ++newest;
      const layer = Number(choose.value);
      const x = lab.inputOf(layer);
      const passes = await lab.source.dropout(layer, lab.looks, PASSES, lab.image);
      if (mine !== newest) return;
      const certain = lab.answer();
      const largest = passes.reduce((best, { mask }) => mask.reduce((a, b) => Math.max(a, b), best), 1);
      const range = { low: rangeOf(x.data).low * largest, high: rangeOf(x.data).high * largest };
      scale.update(range);
      list.replaceChildren(...passes.map(({ mask, answer }) => onePass(lab, x, mask, answer, certain, range)));
      const shares = passes.map(({ answer }) => answer.data[certain.unit]);
      const mean = shares.reduce((sum, share) => sum + share, 0) / PASSES;
      const others = passes.filter(({ answer }) => lab.answer(answer).unit !== certain.unit).length;
      const span = `from ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}`;
      summary.textContent =
        `Without dropout, as in inference: “${certain.label}” with ${percent(certain.share)}. Mean of the ${PASSES} ` +
        `masks: ${percent(mean)}, ${span}; ${others} of them answer something else.`;
    }
    choose.onchange = again.onclick = update;
    return update;
  },
};

/** What a mask leaves over of a value: of its brightest map, or of a row, broken into a square; and the answer. */
function onePass(lab, x, mask, answer, certain, range) {
  const canvas = el("canvas", { class: "maps", role: "img" });
  const isRow = x.shape.length !== 3;
  const channels = isRow ? 1 : x.shape[2];
  const columns = isRow ? Math.ceil(Math.sqrt(x.data.length)) : x.shape[1];
  const rows = isRow ? Math.ceil(x.data.length / columns) : x.shape[0];
  const channel = x.data.indexOf(x.data.reduce((a, b) => Math.max(a, b), -Infinity)) % channels;
  const remains = (_, i, j) => {
    const k = (i * columns + j) * channels + channel;
    return k < x.data.length && mask[k] ? x.data[k] * mask[k] : NaN;
  };
  drawMaps(canvas, rows, columns, 1, 1, remains, range);
  canvas.style.width = `${SCREEN}px`;
  const dropped = mask.reduce((count, factor) => count + (factor === 0 ? 1 : 0), 0);
  canvas.setAttribute("aria-label", `${dropped} of ${mask.length} values are dropped`);
  const found = lab.answer(answer);
  const differs = found.unit !== certain.unit;
  return el(
    "li",
    { class: differs ? "differs" : "" },
    canvas,
    el("span", { text: `${differs ? "≠ " : ""}“${found.label}” ${percent(found.share)}` }),
  );
}

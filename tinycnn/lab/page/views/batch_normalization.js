/** Batch normalization: what it does to this drawing's channels, and by which statistics. */
import { el, field, figure, note, percent } from "../dom.js";
import { chart, pageColour } from "../picture.js";

const LINE = 9; // pixels of the screen for a channel

export const batchNormalization = {
  title: "Batch normalization",
  about:
    "A bar for each channel: the mean of your drawing's values, one standard deviation to both sides. As they come in, " +
    "with the statistics that normalise them as an outline, and as they go out.",
  show(lab, panel) {
    const choose = lab.choice("BatchNormalization");
    if (!choose.options.length) {
      const command = el("code", { text: "python -m tinycnn.train --bn" });
      panel.append(note("This model has no batch normalization. The notebook's third model has: ", command));
      return () => {};
    }
    const neighbours = el(
      "select",
      { id: "bn-batch" },
      el("option", { value: 0, text: "in inference: moving statistics" }),
    );
    for (const n of [1, 3, lab.examples.length].filter((n) => n <= lab.examples.length && n)) {
      neighbours.append(el("option", { value: n, text: `in training: a batch with ${n} of the digits` }));
    }
    const summary = el("p", { role: "status" });
    const before = el("canvas", { role: "img", "aria-label": "comes in" });
    const after = el("canvas", { role: "img", "aria-label": "goes out" });
    const numbers = el("div", {
      class: "scrolled",
      tabindex: 0,
      role: "group",
      "aria-label": "The numbers of all channels",
    });
    panel.append(
      el("div", { class: "row" }, field("layer", choose), field("normalised", neighbours)),
      summary,
      el(
        "div",
        { class: "pair" },
        el("figure", {}, el("figcaption", { text: "comes in" }), before),
        el("figure", {}, el("figcaption", { text: "goes out" }), after),
      ),
      el("details", {}, el("summary", { text: "The numbers" }), numbers),
    );

    let newest = 0;
    async function update() {
      const mine = ++newest;
      const place = Number(choose.value);
      const others = lab.examples.slice(0, Number(neighbours.value)).map(({ pixels }) => lab.asInput(pixels));
      const found = others.length ? await lab.source.inTraining(lab.image, others) : null;
      const weights = found ? found[place].layer.weights : await lab.source.weights(place);
      if (mine !== newest) return;
      const input = channelStatistics(found && place ? found[place - 1].output : lab.inputOf(place));
      const output = channelStatistics(found ? found[place].output : lab.looks[place]);
      const moving = Array.from(weights.moving_mean.data, (mean, c) => ({
        mean,
        deviation: Math.sqrt(weights.moving_variance.data[c]),
      }));
      drawBars(before, input, moving);
      drawBars(after, output, null);
      const span = (statistics) => {
        const means = statistics.map(({ mean }) => mean);
        return `from ${figure(Math.min(...means))} to ${figure(Math.max(...means))}`;
      };
      const [certain, answer] = [lab.answer(), found && lab.answer(found.at(-1).output)];
      summary.textContent =
        `The means of this drawing's ${input.length} channels lie ${span(input)} before and ${span(output)} after. ` +
        (found
          ? `Its neighbours have a say: “${answer.label}” with ${percent(answer.share)}, ` +
            `in inference “${certain.label}” with ${percent(certain.share)}.`
          : "They are not 0: the statistics are those of training, not this drawing's own.");
      before.setAttribute("aria-label", `Channels before: means ${span(input)}; normalised by means ${span(moving)}`);
      after.setAttribute("aria-label", `Channels after: means ${span(output)}`);
      numbers.replaceChildren(table(weights, input, output));
    }
    choose.onchange = neighbours.onchange = update;
    return update;
  },
};

/** Mean and standard deviation of each channel of one image. */
function channelStatistics({ shape, data }) {
  const channels = shape[shape.length - 1];
  const pixels = data.length / channels;
  return Array.from({ length: channels }, (_, c) => {
    let mean = 0;
    for (let k = c; k < data.length; k += channels) mean += data[k] / pixels;
    let variance = 0;
    for (let k = c; k < data.length; k += channels) variance += (data[k] - mean) ** 2 / pixels;
    return { mean, deviation: Math.sqrt(variance) };
  });
}

/** A line a channel: a bar from mean − deviation to mean + deviation, a tick at the mean; `others` as outlines. */
function drawBars(canvas, statistics, others) {
  const all = others ? [...statistics, ...others] : statistics;
  const low = Math.min(0, ...all.map(({ mean, deviation }) => mean - deviation));
  const high = Math.max(0, ...all.map(({ mean, deviation }) => mean + deviation));
  const width = 320;
  const foot = 16;
  const height = statistics.length * LINE + foot;
  const context = chart(canvas, width, height);
  const [ink, accent, faint] = ["ink", "accent", "line"].map(pageColour);
  const margin = 6;
  const at = (value) => margin + ((value - low) / (high - low || 1)) * (width - 2 * margin);
  context.strokeStyle = faint;
  context.beginPath();
  context.moveTo(at(0), 0);
  context.lineTo(at(0), height - foot);
  context.stroke();
  context.fillStyle = ink;
  context.textBaseline = "bottom";
  context.textAlign = "left";
  context.fillText(figure(low), 0, height);
  context.textAlign = "right";
  context.fillText(figure(high), width, height);
  context.textAlign = "center";
  if (at(0) > 50 && at(0) < width - 50) context.fillText("0", at(0), height);
  statistics.forEach(({ mean, deviation }, c) => {
    const y = c * LINE + 2;
    context.fillStyle = accent;
    context.globalAlpha = 0.55;
    context.fillRect(at(mean - deviation), y, Math.max(at(mean + deviation) - at(mean - deviation), 1), LINE - 4);
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.fillRect(at(mean) - 1, y - 1, 2, LINE - 2);
    if (!others) return;
    const other = others[c];
    context.strokeStyle = ink;
    context.lineWidth = 1;
    const start = at(other.mean - other.deviation);
    context.strokeRect(start, y - 0.5, at(other.mean + other.deviation) - start, LINE - 3);
  });
}

function table({ moving_mean: mean, moving_variance: variance, gamma, beta }, input, output) {
  const heads = ["channel", "mean in", "by mean", "deviation in", "by deviation", "γ", "β", "mean out"];
  heads.push("deviation out");
  const rows = input.map((x, c) => {
    const given = [x.mean, mean.data[c], x.deviation, Math.sqrt(variance.data[c])];
    const learned = [gamma ? gamma.data[c] : 1, beta ? beta.data[c] : 0];
    const values = [...given, ...learned, output[c].mean, output[c].deviation];
    return el(
      "tr",
      {},
      el("th", { scope: "row", text: c }),
      ...values.map((value) => el("td", { text: figure(value) })),
    );
  });
  return el(
    "table",
    { class: "numbers" },
    el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col", text })))),
    el("tbody", {}, ...rows),
  );
}

/** Which pixels the answer depends on: a square is blanked out at every place, and the answer looked at again. */
import { drawMaps, legend, placeIn, symmetricRangeOf } from "../colours.js";
import { el, percent } from "../dom.js";
import { chart } from "../picture.js";

const SQUARE = 7; // pixels of the image that are blanked out
const STEP = 2;
const AT_ONCE = 8; // images between two pauses, in which the page answers

export const occlusion = {
  title: "Occlusion",
  about:
    `A square of ${SQUARE} × ${SQUARE} pixels is blanked out at every place in turn. Light: without it the network is ` +
    "less sure of its answer; dark: surer.",
  show(lab, panel) {
    const scale = legend();
    const canvas = el("canvas", { class: "maps", role: "img", "aria-label": "Map of what the answer depends on" });
    const outline = el("canvas", { class: "outline", "aria-hidden": "true" });
    const summary = el("p", { role: "status" });
    const under = el("p", { class: "small under", text: " " });
    panel.append(
      el("div", { class: "row" }, scale.element),
      el("div", { class: "layered" }, canvas, outline),
      under,
      summary,
    );

    let newest = 0;
    /** @type {(event: PointerEvent) => string} */
    let read = () => "";
    canvas.onpointermove = (event) => (under.textContent = read(event) || " ");
    canvas.onpointerleave = () => (under.textContent = " ");

    return async () => {
      const mine = ++newest;
      const image = lab.image;
      const [h, w] = lab.imageSize;
      const answer = lab.answer();
      const [rows, columns] = [Math.ceil(h / STEP), Math.ceil(w / STEP)];
      const drops = new Float32Array(rows * columns).fill(NaN);
      const before = answer.share;
      read = () => "";
      summary.textContent = "Looking …";
      const size = Math.min(w * 14, panel.clientWidth);
      const dropAt = (_, i, j) => drops[Math.floor(i / STEP) * columns + Math.floor(j / STEP)];
      drawOutline(outline, lab.greys, h, w, size);
      for (let start = 0; start < drops.length; start += AT_ONCE) {
        const places = Array.from({ length: Math.min(AT_ONCE, drops.length - start) }, (_, k) => start + k);
        const images = places.map((k) => without(image, h, w, STEP * Math.floor(k / columns), STEP * (k % columns)));
        const answers = await lab.source.predict(images);
        if (mine !== newest || !canvas.isConnected) return; // another drawing, or another view
        answers.forEach(({ data }, k) => (drops[start + k] = before - data[answer.unit]));
        const range = symmetricRangeOf(drops);
        drawMaps(canvas, h, w, 1, 1, dropAt, range);
        canvas.style.width = `${size}px`;
        scale.update(range);
        await new Promise((done) => setTimeout(done));
        if (mine !== newest || !canvas.isConnected) return;
      }
      const most = drops.reduce((best, value, k) => (value > drops[best] ? k : best), 0);
      const [i, j] = [STEP * Math.floor(most / columns), STEP * (most % columns)];
      const text = (k) => `“${answer.label}” ${percent(before)} → ${percent(before - drops[k])}`;
      summary.textContent = `It matters most around row ${i}, column ${j}: ${text(most)}.`;
      canvas.setAttribute("aria-label", `Map of what the answer depends on. ${summary.textContent}`);
      read = (event) => {
        const found = placeIn(canvas, event, h, w, 1, 1);
        if (!found) return "";
        const [row, column] = [Math.floor(found.i / STEP), Math.floor(found.j / STEP)];
        return `blank around row ${STEP * row}, column ${STEP * column}: ${text(row * columns + column)}`;
      };
    };
  },
};

/** The border of the drawing, over the map: where ink begins. */
function drawOutline(canvas, greys, h, w, size) {
  const context = chart(canvas, size, (size * h) / w);
  context.scale(size / w, size / w);
  const ink = (i, j) => i >= 0 && j >= 0 && i < h && j < w && greys[i * w + j] > 0.4;
  context.beginPath();
  for (let i = 0; i <= h; i++) {
    for (let j = 0; j <= w; j++) {
      if (ink(i, j) !== ink(i - 1, j)) {
        context.moveTo(j, i);
        context.lineTo(j + 1, i);
      }
      if (ink(i, j) !== ink(i, j - 1)) {
        context.moveTo(j, i);
        context.lineTo(j, i + 1);
      }
    }
  }
  for (const [colour, width] of [
    ["#000", 0.3],
    ["#fff", 0.12],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

/** The image with a square of zeros, as black as the ground, around a pixel. */
function without({ shape, data }, h, w, row, column) {
  const blanked = data.slice();
  const channels = data.length / (h * w);
  const reach = (SQUARE - 1) / 2;
  for (let i = Math.max(row - reach, 0); i <= Math.min(row + reach, h - 1); i++) {
    for (let j = Math.max(column - reach, 0); j <= Math.min(column + reach, w - 1); j++) {
      blanked.fill(0, (i * w + j) * channels, (i * w + j + 1) * channels);
    }
  }
  return { shape, data: blanked };
}

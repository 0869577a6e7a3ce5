/**
 * Numbers as colours: one scale for a layer, from its smallest to its largest value.
 *
 * The colours go from dark to light without a turn, so the order of two values is seen without their hues, too. They are
 * near those of cividis: Nuñez, Anderton & Renslow 2018, doi:10.1371/journal.pone.0199239.
 *
 * @typedef {{low: number, high: number}} Range
 */
import { el, figure } from "./dom.js";

const STOPS = [
  [0, 32, 77],
  [49, 68, 107],
  [102, 105, 112],
  [149, 143, 120],
  [203, 186, 105],
  [255, 234, 70],
];
const MIDDLE = 0.465; // of the scale, in brightness: white reads on it as well as black does

/** The colour of a share from 0 to 1: red, green and blue from 0 to 255. */
export function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const k = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[k].map((low, channel) => Math.round(low + (place - k) * (STOPS[k + 1][channel] - low)));
}

/** The colour of a value as CSS writes it, and black or white, whichever reads better on it. */
export function cellColours(value, range) {
  const share = shareOf(value, range);
  return { background: `rgb(${colour(share).join(" ")})`, text: share > MIDDLE ? "#000" : "#fff" };
}

/** From the smallest to the largest value, 0 included. @returns {Range} */
export function rangeOf(values) {
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/** As far below 0 as above: for weights and gradients, whose sign matters. @returns {Range} */
export function symmetricRangeOf(values) {
  const { low, high } = rangeOf(values);
  const size = Math.max(-low, high);
  return { low: -size, high: size };
}

function shareOf(value, { low, high }) {
  return high > low ? (value - low) / (high - low) : 0.5;
}

/**
 * Maps side by side in one canvas, in `columns` columns, a line between them.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} h
 * @param {number} w
 * @param {number} count  of maps
 * @param {(map: number, i: number, j: number) => number} valueAt  NaN stays blank
 * @param {Range} range
 */
export function drawMaps(canvas, h, w, count, columns, valueAt, range) {
  const rows = Math.ceil(count / columns);
  const width = columns * (w + 1) - 1;
  const height = rows * (h + 1) - 1;
  canvas.width = width; // which also clears it
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let map = 0; map < count; map++) {
    const top = Math.floor(map / columns) * (h + 1);
    const left = (map % columns) * (w + 1);
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        const value = valueAt(map, i, j);
        if (Number.isNaN(value)) continue;
        const start = 4 * ((top + i) * width + left + j);
        image.data.set(colour(shareOf(value, range)), start);
        image.data[start + 3] = 255;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/** Which map and pixel of `drawMaps` lies under a pointer; null between two maps. */
export function placeIn(canvas, event, h, w, count, columns) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  const map = Math.floor(y / (h + 1)) * columns + Math.floor(x / (w + 1));
  const i = y % (h + 1);
  const j = x % (w + 1);
  return i < h && j < w && map >= 0 && map < count ? { map, i, j } : null;
}

/** The scale of a layer, with its ends and 0 in numbers. */
export function legend() {
  const bar = el("canvas", { width: 64, height: 1, class: "scale", "aria-hidden": "true" });
  const context = bar.getContext("2d");
  for (let x = 0; x < 64; x++) {
    context.fillStyle = `rgb(${colour(x / 63).join(" ")})`;
    context.fillRect(x, 0, 1, 1);
  }
  const low = el("span");
  const high = el("span");
  const zero = el("span", { class: "zero", "aria-hidden": "true", text: "0" });
  const element = el("span", { class: "legend" }, low, el("span", { class: "bar" }, bar, zero), high);
  return {
    element,
    /** @param {Range} range */
    update(range) {
      low.textContent = figure(range.low);
      high.textContent = figure(range.high);
      zero.hidden = !(range.low < 0 && range.high > 0);
      zero.style.left = `${100 * shareOf(0, range)}%`;
    },
  };
}

/** A value as a picture: its maps side by side, or a row broken into lines, with the scale of its colours. */
import { drawMaps, legend, placeIn, rangeOf, symmetricRangeOf } from "./colours.js";
import { el, figure } from "./dom.js";

const MAP_WIDTH = 52; // pixels of the screen, at least, for one map
const CELL = 12; // and for a number of a row

/**
 * An element that shows values of one layer, one after the other.
 *
 * @param {string} name
 * @param {{symmetric?: boolean, pick?: (place: {i: number, j: number, channel: number}) => void}} options  whether 0 is in
 *   the middle of the scale; what a click on a pixel does
 */
export function picture(name, { symmetric = false, pick = null } = {}) {
  const scale = legend();
  const canvas = el("canvas", { class: pick ? "maps picks" : "maps", role: "img", "aria-label": name });
  const under = el("p", { class: "small under", text: " " });
  const element = el("div", { class: "picture" }, scale.element, canvas, under);
  let grid = null;
  let value = null;

  const found = (event) => {
    const place = grid && placeIn(canvas, event, grid.h, grid.w, grid.count, grid.columns);
    return place && grid.at(place);
  };
  canvas.onpointermove = (event) => {
    const here = found(event);
    under.textContent = here ? `${here.text}: ${figure(value.data[here.index])}` : " ";
  };
  canvas.onpointerleave = () => (under.textContent = " ");
  canvas.onclick = (event) => {
    const here = found(event);
    if (here && pick) pick(here.place);
  };

  return {
    element,
    /**
     * @param {import("./forward.js").Value} newValue
     * @param {import("./colours.js").Range} range  of the colours; by default that of the value
     */
    update(newValue, range = symmetric ? symmetricRangeOf(newValue.data) : rangeOf(newValue.data)) {
      value = newValue;
      const { shape, data } = value;
      grid = gridOf(shape, data.length, element.clientWidth || 300);
      const valueAt = (map, i, j) => data[grid.at({ map, i, j }).index];
      drawMaps(canvas, grid.h, grid.w, grid.count, grid.columns, valueAt, range);
      canvas.style.width = `${canvas.width * grid.scale}px`;
      const what = shape.length === 3 ? `${shape[2]} maps` : `${data.length} numbers`;
      canvas.setAttribute("aria-label", `${name}: ${what}, from ${figure(range.low)} to ${figure(range.high)}`);
      scale.update(range);
    },
  };
}

/** How a value is laid out in a width; `at` says what stands where. */
function gridOf(shape, size, width) {
  if (shape.length === 3) {
    const [h, w, channels] = shape;
    const scale = Math.ceil(MAP_WIDTH / w);
    const columns = Math.min(channels, Math.max(1, Math.floor(width / ((w + 1) * scale))));
    const at = ({ map, i, j }) => ({
      index: (i * w + j) * channels + map,
      place: { i, j, channel: map },
      text: `map ${map}, pixel (${i}, ${j})`,
    });
    return { h, w, count: channels, columns, scale, at };
  }
  const columns = Math.min(size, Math.max(1, Math.floor(width / (2 * CELL))));
  const at = ({ map }) => ({ index: map, place: { i: 0, j: 0, channel: map }, text: `unit ${map}` });
  return { h: 1, w: 1, count: size, columns, scale: CELL, at };
}

/** Greys from 0 to 1, h x w of them, as they are, black to white. */
export function drawGreys(canvas, greys, [h, w]) {
  canvas.width = w;
  canvas.height = h;
  const image = new ImageData(w, h);
  greys.forEach((grey, k) => image.data.set([255 * grey, 255 * grey, 255 * grey, 255], 4 * k));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The same in a canvas of its own, whose words stand elsewhere. */
export function greyCanvas(greys, size) {
  const canvas = el("canvas", { class: "maps", "aria-hidden": "true" });
  drawGreys(canvas, greys, size);
  return canvas;
}

/** What draws on a canvas of this size in pixels of the screen, sharp on every screen. */
export function chart(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  canvas.style.width = `${width}px`;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  context.font = "12px system-ui, sans-serif";
  return context;
}

/** A colour of the page by its name in lab.css. */
export function pageColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
}

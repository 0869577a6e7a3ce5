/** Every layer's output for the drawing, first to last. */
import { drawMaps, legend, placeIn, rangeOf } from "../colours.js";
import { el, figure, sizes } from "../dom.js";
import { ACTIVATIONS, LAYERS } from "../forward.js";
import { readOn, SAME_VALUES, sentence } from "../layers.js";

const MAP_WIDTH = 64; // pixels of the screen, at least, for one map
const CELL = 14; // and for a number of a row

export const maps = {
  title: "Feature maps",
  about:
    "What each layer puts out for your drawing. The colours of one layer share one scale; a click on a pixel takes it " +
    "apart.",
  show(lab, panel) {
    const parts = lab.model.layers.map((layer, place) => {
      const section = layerSection(lab, layer, place);
      panel.append(section.element);
      return section;
    });
    return () => parts.forEach((part, place) => part.update(lab.looks[place]));
  },
};

function layerSection(lab, layer, place) {
  const shown = !SAME_VALUES.includes(layer.kind);
  const takesApart = shown && place > -1;
  const scale = legend();
  const canvas = el("canvas", { class: "maps", role: "img" });
  const under = el("p", { class: "small under", text: " " });
  const element = el(
    "section",
    { class: "layer" },
    el("h3", {}, el("span", { text: layer.name }), el("span", { class: "shape", text: sizes(layer.shape) })),
    el("p", { text: sentence(layer) }),
  );
  if (shown) {
    element.append(el("div", { class: "row" }, scale.element), canvas, under);
  }
  const more = el("div", { class: "row small" });
  if (takesApart) {
    const open = () => lab.open("pixel", { layer: place });
    more.append(el("button", { type: "button", text: "Take a pixel apart", onclick: open }));
  }
  more.append(sources(layer));
  element.append(more);

  let grid = null;
  let value = null;
  const read = (event) => {
    const found = grid && placeIn(canvas, event, grid.h, grid.w, grid.count, grid.columns);
    return found && grid.at(found);
  };
  canvas.onpointermove = (event) => {
    const found = read(event);
    under.textContent = found ? `${found.text}: ${figure(value.data[found.index])}` : " ";
  };
  canvas.onpointerleave = () => (under.textContent = " ");
  canvas.onclick = (event) => {
    const found = read(event);
    if (found) lab.open("pixel", { layer: place, ...found.place });
  };

  return {
    element,
    update(look) {
      if (!shown) return;
      value = look;
      const range = rangeOf(value.data);
      grid = gridOf(value, element.clientWidth || 300);
      drawMaps(
        canvas,
        grid.h,
        grid.w,
        grid.count,
        grid.columns,
        (map, i, j) => {
          const index = grid.at({ map, i, j }).index;
          return index < value.data.length ? value.data[index] : NaN;
        },
        range,
      );
      canvas.style.width = `${canvas.width * grid.scale}px`;
      const what = value.shape.length === 3 ? `${value.shape[2]} maps` : `${value.data.length} numbers`;
      canvas.setAttribute("aria-label", `${layer.name}: ${what}, from ${figure(range.low)} to ${figure(range.high)}`);
      scale.update(range);
    },
  };
}

/** How a value is laid out: maps side by side, or a row broken into lines; `at` says what stands where. */
function gridOf({ shape, data }, width) {
  if (shape.length === 3) {
    const [h, w, channels] = shape;
    const scale = Math.max(1, Math.ceil(MAP_WIDTH / w));
    const columns = Math.min(channels, Math.max(1, Math.floor(width / ((w + 1) * scale))));
    const at = ({ map, i, j }) => ({
      index: (i * w + j) * channels + map,
      place: { i, j, channel: map },
      text: `map ${map}, pixel (${i}, ${j})`,
    });
    return { h, w, count: channels, columns, scale, at };
  }
  const columns = Math.min(data.length, Math.max(1, Math.floor(width / CELL / 2)));
  const at = ({ map }) => ({ index: map, place: { i: 0, j: 0, channel: map }, text: `unit ${map}` });
  return { h: 1, w: 1, count: data.length, columns, scale: CELL / 2, at };
}

/** Where to read on: the file, the tutorial, and the very function of this page. */
function sources(layer) {
  const { file, tutorial } = readOn(layer);
  const where = el("span", {}, "Read on: ");
  if (file) where.append(el("code", { text: file }));
  if (tutorial) where.append(", ", tutorial);
  const code = LAYERS[layer.kind];
  if (!code) return file ? where : el("span");
  const activation = layer.settings?.activation ?? "linear";
  const text =
    activation === "linear" ? code.toString() : `${code.toString()}\n\n${activation}: ${ACTIVATIONS[activation]}`;
  return el(
    "div",
    {},
    where,
    el("details", {}, el("summary", { text: "The code, in JavaScript" }), el("pre", { tabindex: 0, text })),
  );
}

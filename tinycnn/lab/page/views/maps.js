/** Every layer's output for the drawing, first to last. */
import { el, sizes } from "../dom.js";
import { ACTIVATIONS, LAYERS } from "../forward.js";
import { readOn, SAME_VALUES, sentence } from "../layers.js";
import { picture } from "../picture.js";

export const maps = {
  title: "Feature maps",
  about:
    "What each layer puts out for your drawing. The colours of one layer share one scale; a click on a pixel takes it " +
    "apart.",
  show(lab, panel) {
    const updates = lab.model.layers.map((layer, place) => layerSection(lab, layer, place, panel));
    return () => updates.forEach((update, place) => update(lab.looks[place]));
  },
};

function layerSection(lab, layer, place, panel) {
  const heading = el("h3", {}, layer.name, el("span", { class: "shape", text: sizes(layer.shape) }));
  const section = el("section", { class: "layer" }, heading, el("p", { text: sentence(layer) }));
  const more = el("div", { class: "row small" });
  panel.append(section);
  if (SAME_VALUES.includes(layer.kind)) {
    section.append(readingOn(layer));
    return () => {};
  }
  const shown = picture(layer.name, { pick: (pixel) => lab.open("pixel", { layer: place, ...pixel }) });
  const open = () => lab.open("pixel", { layer: place });
  more.append(el("button", { type: "button", text: "Take a pixel apart", onclick: open }), readingOn(layer));
  section.append(shown.element, more);
  return shown.update;
}

/** The file, the tutorial, and the very function of this page. */
function readingOn(layer) {
  const { file, tutorial } = readOn(layer);
  const where = el("span");
  if (file) where.append("Read on: ", el("code", { text: file }), tutorial ? `, ${tutorial}` : "");
  const code = LAYERS[layer.kind];
  if (!code) return where;
  const activation = layer.settings?.activation ?? "linear";
  const text =
    activation === "linear" || !ACTIVATIONS[activation]
      ? `${code}`
      : `${code}\n\n${activation}: ${ACTIVATIONS[activation]}`;
  const summary = el("summary", { text: "The code, in JavaScript" });
  return el("div", { class: "small" }, where, el("details", {}, summary, el("pre", { tabindex: 0, text })));
}

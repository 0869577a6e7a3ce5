/** One training step on the drawing, taken apart: the loss, the gradient of every layer, and how far weights move. */
import { el, field, figure } from "../dom.js";
import { SAME_VALUES } from "../layers.js";
import { picture } from "../picture.js";

export const step = {
  title: "One step",
  about:
    "The way back, for your drawing in a batch of training images: how the loss changes with every value, from the " +
    "last layer to the first. Light: a larger value would raise the loss; dark: lower it.",
  show(lab, panel) {
    const label = el("select", { id: "step-label" });
    const labels = lab.looks?.at(-1).data.length ?? lab.model.layers.at(-1).shape.at(-1);
    for (let unit = 0; unit < labels; unit++) label.append(el("option", { value: unit, text: lab.label(unit) }));
    if (lab.looks) label.value = lab.answer().unit;
    const loss = el("p", { class: "equation", role: "status", text: "Looking …" });
    const moved = el("div");
    const summary = el("summary", { text: "How far one step moves each weight" });
    panel.append(el("div", { class: "row" }, field("if this were a", label)), loss, el("details", {}, summary, moved));
    const shown = new Map();
    const layers = lab.model.layers.filter(({ kind }) => !SAME_VALUES.includes(kind));
    for (const name of [...layers.map((layer) => layer.name).reverse(), "your drawing"]) {
      const part = picture(`gradient of ${name}`, { symmetric: true });
      shown.set(name, part);
      panel.append(el("section", { class: "layer" }, el("h3", { text: name }), part.element));
    }

    let newest = 0;
    async function update() {
      const mine = ++newest;
      const found = await lab.source.step(lab.image, Number(label.value));
      if (mine !== newest) return;
      loss.textContent = `loss = ${figure(found.loss)}`;
      moved.replaceChildren(ratios(found.ratios));
      found.gradients.forEach((gradient, place) => shown.get(lab.model.layers[place].name)?.update(gradient));
      shown.get("your drawing").update(found.input);
    }
    label.onchange = update;
    return update;
  },
};

/** Update : data of each parameter. */
function ratios(all) {
  const rows = all.map(({ name, ratio }) =>
    el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: figure(ratio) })),
  );
  const caption = el("caption", {
    text: "The deviation of the update over that of the weights; 0.001 is a rule of thumb",
  });
  return el("table", { class: "numbers" }, caption, el("tbody", {}, ...rows));
}

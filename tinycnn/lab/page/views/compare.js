/** Several models on the same drawing, side by side. */
import { el, percent } from "../dom.js";

export const compare = {
  title: "Side by side",
  about: "What other models answer to the same drawing: plain, with dropout, with batch normalization.",
  show(lab, panel) {
    const body = el("div", { class: "scrolled", tabindex: 0, role: "group", "aria-label": "Answers of the models" });
    panel.append(body);
    let newest = 0;
    return async () => {
      const mine = ++newest;
      const models = await lab.source.compare(lab.image);
      if (mine === newest) body.replaceChildren(table(lab, models));
    };
  },
};

function table(lab, models) {
  const head = ["", ...models.map(({ name }) => name)].map((text) =>
    el(text ? "th" : "td", { scope: text ? "col" : null, text }),
  );
  const best = models.map(({ output }) => lab.answer(output).unit);
  const rows = Array.from(models[0].output.data, (_, unit) => {
    const cells = models.map(({ output }, k) =>
      el("td", {
        class: best[k] === unit ? "best" : "",
        text: percent(output.data[unit]) + (best[k] === unit ? " ◂" : ""),
      }),
    );
    return el("tr", {}, el("th", { scope: "row", text: lab.label(unit) }), ...cells);
  });
  return el("table", { class: "numbers" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}

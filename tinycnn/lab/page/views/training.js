/** Training, live: loss and accuracy, how activations are spread, dead relus, and what is misread. */
import { el, figure, percent } from "../dom.js";
import { chart, greyCanvas, pageColour } from "../picture.js";

export const training = {
  title: "Training",
  about:
    "The model while it trains: loss and accuracy, the activations of a fixed batch, and the test images that it " +
    "misreads, nearest misses first.",
  show(lab, panel) {
    const { source } = lab;
    const start = el("button", { type: "button", text: "Train", onclick: () => source.train().then(update) });
    const stop = el("button", { type: "button", text: "Stop", onclick: () => source.stop().then(update) });
    const status = el("p", { role: "status" });
    const curves = el("div", { class: "pair" });
    const layers = el("div", { text: "Looking …" });
    const misread = el("ul", { class: "passes" });
    panel.append(
      el("div", { class: "row" }, start, stop),
      status,
      curves,
      el("h3", { text: "Activations" }),
      layers,
      el("h3", { text: "Misread test images" }),
      misread,
    );

    let newest = 0;
    async function update() {
      const mine = ++newest;
      const now = await source.training();
      if (mine !== newest) return;
      start.disabled = now.running;
      stop.disabled = !now.running;
      status.textContent = words(now);
      const figures = Object.keys(now.history).filter((name) => !name.startsWith("val_"));
      curves.replaceChildren(...figures.map((name) => curve(name, now.history[name], now.history[`val_${name}`])));
      const seen = await source.activations();
      if (mine !== newest) return;
      layers.replaceChildren(...seen.layers.map(spread));
      misread.replaceChildren(...seen.misread.map((image) => oneMisread(lab, image)));
    }
    return update;
  },
};

function words({ running, failure, epoch, step, steps, logs }) {
  const figures = Object.entries(logs).map(([name, value]) => `${name} ${figure(value)}`);
  const state = failure ? `The training ended: ${failure}` : "Not training";
  return [running ? `Epoch ${epoch}, step ${step} of ${steps}` : state, ...figures].join(" · ");
}

/** A figure over the epochs as a line, that of the validation images dashed. */
function curve(name, values, validation = []) {
  const [width, height, foot] = [320, 160, 18];
  const canvas = el("canvas", { role: "img" });
  const context = chart(canvas, width, height);
  const all = [...values, ...validation].filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...all), Math.max(...all, 1e-9)];
  const x = (k, n) => 4 + (k / Math.max(n - 1, 1)) * (width - 8);
  const y = (value) => 4 + (1 - (value - low) / (high - low)) * (height - foot - 8);
  context.strokeStyle = pageColour("line");
  context.strokeRect(0.5, 0.5, width - 1, height - foot);
  const line = (points, dash, colour) => {
    context.strokeStyle = pageColour(colour);
    context.lineWidth = 2;
    context.setLineDash(dash);
    context.beginPath();
    points.forEach((value, k) => context.lineTo(x(k, points.length), y(value)));
    if (points.length === 1) context.lineTo(x(0, 1) + 3, y(points[0]));
    context.stroke();
  };
  line(values, [], "accent");
  line(validation, [5, 4], "ink");
  context.fillStyle = pageColour("ink");
  const ends = values.length ? `${figure(values[0])} → ${figure(values.at(-1))}` : "no epoch yet";
  const tail = validation.length ? `; validation, dashed: ${figure(validation.at(-1))}` : "";
  context.fillText(`${ends}${tail}`, 2, height - 3);
  canvas.setAttribute("aria-label", `${name} over the epochs: ${ends}${tail}`);
  return el("figure", {}, el("figcaption", { text: `${name}, epoch by epoch` }), canvas);
}

/** How the activations of a layer are spread: a histogram, and the share of its relus that are dead. */
function spread({ name, counts, edges, dead }) {
  const canvas = el("canvas", { width: counts.length, height: 24, class: "histogram", role: "img" });
  const context = canvas.getContext("2d");
  context.fillStyle = pageColour("accent");
  const most = Math.max(...counts, 1);
  counts.forEach((count, k) => context.fillRect(k, 24 * (1 - Math.sqrt(count / most)), 1, 24));
  const range = `from ${figure(edges[0])} to ${figure(edges.at(-1))}`;
  canvas.setAttribute("aria-label", `${name}: activations ${range}`);
  const words = dead === null || dead === undefined ? range : `${range}; ${percent(dead)} of its relus are dead`;
  return el("div", { class: "row small spread" }, el("code", { text: name }), canvas, el("span", { text: words }));
}

function oneMisread(lab, { pixels, label, answer, share }) {
  const canvas = greyCanvas(pixels, lab.imageSize);
  canvas.style.width = "56px";
  const words = `${lab.label(label)} read as ${lab.label(answer)}, ${percent(share)}`;
  const take = () => lab.take({ pixels });
  return el(
    "li",
    {},
    el("button", { type: "button", class: "thumb", "aria-label": words, onclick: take }, canvas),
    words,
  );
}

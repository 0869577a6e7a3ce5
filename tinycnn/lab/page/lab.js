/**
 * The lab: a drawing, what the network answers, and views of what happens in between.
 *
 * A view is an object of views/: `title`, `about` (a sentence on what one sees) and `show(lab, panel)`, which builds it
 * in an empty element and returns the function that brings it up to date when the drawing or the model has changed.
 */
import { el, figure, percent, product, sizes } from "./dom.js";
import { normalised } from "./drawing.js";
import { fileSource, modelInPage } from "./file_source.js";
import { pen } from "./pen.js";
import { drawGreys, greyCanvas } from "./picture.js";
import { needsProgram } from "./layers.js";
import { startTour } from "./tour.js";
import { batchNormalization } from "./views/batch_normalization.js";
import { dropout } from "./views/dropout.js";
import { kernels } from "./views/kernels.js";
import { maps } from "./views/maps.js";
import { occlusion } from "./views/occlusion.js";
import { pixel } from "./views/pixel.js";

/** In the order of their tabs; those that need the program are in program.js, which an exported file is without. */
const VIEWS = {
  maps,
  pixel,
  kernels,
  step: needsProgram("One step", "A training step"),
  batchNormalization,
  dropout,
  occlusion,
  training: needsProgram("Training", "Training"),
  compare: needsProgram("Side by side", "A comparison of models"),
};
const MOST_ANSWERS = 20; // rows of the table

class Lab {
  constructor(source) {
    this.source = source;
    this.model = source.model;
    const shape = this.model.input_shape;
    const side = Math.round(Math.sqrt(shape[0]));
    /** Height and width of the network's image. */
    this.imageSize = shape.length === 1 ? [side, side] : shape.slice(0, 2);
    this.labels = this.model.labels ?? [];
    /** The pixel that the view "One pixel" shows. */
    this.place = { layer: 0 };
    this.view = "maps";
    this.updateView = () => {};
    this.newest = 0;
    /** Images to start from, and what takes one in place of a drawing: see `buildDrawing`. */
    this.examples = (this.model.examples ?? []).filter(({ pixels }) => pixels.length === product(this.imageSize));
    this.take = async (example) => this.lookAt(example.pixels);
  }

  /** A drawing in grey, h x w numbers from 0 to 1, as the network takes it: the greys in all channels. */
  asInput(greys) {
    const shape = this.model.input_shape;
    const channels = product(shape) / greys.length;
    const data = new Float32Array(greys.length * channels);
    data.forEach((_, k) => (data[k] = greys[Math.floor(k / channels)]));
    return { shape, data };
  }

  /** Look at another drawing: every layer's output, the answer, and the view that is open. */
  async lookAt(greys) {
    this.greys = greys;
    const mine = ++this.newest;
    const image = this.asInput(greys);
    const looks = await this.source.look(image);
    if (mine !== this.newest) return; // another stroke came meanwhile
    this.image = image;
    this.looks = looks;
    showSeen(this);
    showAnswer(this);
    await this.updateView();
  }

  /** What a layer takes: in a chain the output of the one before it. */
  inputOf(layer) {
    const [source = layer - 1] = this.model.layers[layer].sources ?? [];
    return source < 0 ? this.image : this.looks[source];
  }

  /** The unit with the largest output, its label and its share; of the model's output, or of another pass. */
  answer(output = this.looks.at(-1)) {
    const unit = output.data.reduce((best, value, k, all) => (value > all[best] ? k : best), 0);
    return { unit, label: this.label(unit), share: output.data[unit] };
  }

  label(unit) {
    return this.labels[unit] ?? String(unit);
  }

  /** A select box of the layers of one kind; its values are their places. */
  choice(kind, words = ({ name }) => name) {
    const select = el("select");
    this.model.layers.forEach((layer, k) => {
      if (!kind || layer.class === kind) select.append(el("option", { value: k, text: words(layer) }));
    });
    return select;
  }

  /** Where one map of a layer is largest. */
  largestOf(layer, channel) {
    const { shape, data } = this.looks[layer];
    const [, w, channels] = shape;
    let best = channel;
    for (let k = channel; k < data.length; k += channels) if (data[k] > data[best]) best = k;
    const pixel = Math.floor(best / channels);
    return { i: Math.floor(pixel / w), j: pixel % w, channel };
  }

  /** Open a view; `place` is what "One pixel" is to show. */
  open(view, place = null) {
    if (place) this.place = place;
    this.view = view;
    const panel = document.getElementById("panel");
    panel.replaceChildren(el("p", { class: "about", text: VIEWS[view].about }));
    panel.setAttribute("aria-labelledby", `tab-${view}`);
    for (const tab of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[role=tab]"))) {
      const selected = tab.id === `tab-${view}`;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    }
    this.updateView = VIEWS[view].show(this, panel);
    return this.looks ? this.updateView() : undefined;
  }
}

function showSeen({ greys, imageSize }) {
  drawGreys(document.getElementById("seen"), greys, imageSize);
}

/** The table of probabilities, and the answer in words, which screen readers say. */
function showAnswer(lab) {
  const output = lab.looks.at(-1);
  const best = lab.answer();
  const write = isShare(output) ? percent : figure;
  const units = Array.from(output.data.keys());
  if (units.length > MOST_ANSWERS) units.sort((a, b) => output.data[b] - output.data[a]);
  const rows = units.slice(0, MOST_ANSWERS).map((unit) => {
    const share = output.data[unit];
    const bar = el("span", { class: "bar" });
    bar.style.width = `${100 * Math.min(Math.max(share, 0), 1)}%`;
    return el(
      "tr",
      { class: unit === best.unit ? "best" : "" },
      el("th", { scope: "row", text: lab.label(unit) }),
      el("td", { class: "track", "aria-hidden": "true" }, bar),
      el("td", { text: write(share) }),
    );
  });
  document.querySelector("#probabilities tbody").replaceChildren(...rows);
  const drawn = lab.greys.some((grey) => grey > 0);
  const words = drawn ? [el("strong", { text: best.label }), ` ${write(best.share)}`] : ["nothing is drawn yet"];
  document.getElementById("answer").replaceChildren(...words);
}

/** Whether an output reads as probabilities. */
function isShare({ data }) {
  return data.every((value) => value >= 0 && value <= 1);
}

function buildTabs(lab) {
  const tabs = document.getElementById("tabs");
  const names = Object.keys(VIEWS);
  for (const name of names) {
    tabs.append(
      el("button", {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": "panel",
        text: VIEWS[name].title,
        onclick: () => lab.open(name),
      }),
    );
  }
  tabs.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = names[(names.indexOf(lab.view) + move + names.length) % names.length];
    lab.open(next);
    document.getElementById(`tab-${next}`).focus();
    event.preventDefault();
  });
}

/** The drawing side: the pen, its buttons, the examples. */
function buildDrawing(lab) {
  const centre = /** @type {HTMLInputElement} */ (document.getElementById("centre"));
  let strokes = [];
  let waiting = false;
  /** Once a frame at most, however many points a stroke has. */
  const changed = (newStrokes) => {
    strokes = newStrokes;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      lab.lookAt(normalised(strokes, lab.imageSize, centre.checked));
    });
  };
  const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("pen"));
  const drawing = pen(canvas, changed);
  document.getElementById("clear").onclick = drawing.clear;
  document.getElementById("undo").onclick = drawing.undo;
  centre.onchange = () => strokes.length && changed(strokes);

  lab.take = async (example) => {
    strokes = [];
    drawing.show(greyCanvas(example.pixels, lab.imageSize));
    await lab.lookAt(example.pixels);
  };
  for (const example of lab.examples) {
    const picture = greyCanvas(example.pixels, lab.imageSize);
    const take = () => lab.take(example);
    const button = el("button", { type: "button", "aria-label": `take this ${example.label}`, onclick: take }, picture);
    document.getElementById("examples").append(button);
  }
}

function buildTheme() {
  const button = document.getElementById("theme-button");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = (isDark) => {
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    button.setAttribute("aria-pressed", isDark);
  };
  show(dark.matches);
  dark.addEventListener("change", () => show(dark.matches));
  return () => show(document.documentElement.dataset.theme !== "dark");
}

/** Say what went wrong where it is read: the program was ended, for one. */
function showTrouble({ reason }) {
  const line = document.getElementById("trouble");
  line.hidden = false;
  line.textContent = `Something went wrong: ${reason?.message ?? reason}. Is the program still running? Then load the page again.`;
}

/** The program as the source of all numbers, with its views. */
async function theProgram() {
  const { programSource, ...views } = await import("./program.js");
  Object.assign(VIEWS, views);
  return programSource();
}

async function start() {
  addEventListener("unhandledrejection", showTrouble);
  const changeTheme = buildTheme();
  const model = modelInPage();
  const source = model ? fileSource(model) : await theProgram();
  const lab = new Lab(source);
  globalThis.lab = lab; // for the console: lab.looks are the outputs of all layers
  document.getElementById("model-line").textContent =
    `${lab.model.name}: ${lab.model.layers.length} layers, images of ${sizes(lab.model.input_shape)}`;
  document.getElementById("theme-button").onclick = () => {
    changeTheme();
    lab.updateView(); // what is drawn in the page's colours
  };
  buildTabs(lab);
  buildDrawing(lab);
  document.getElementById("tour-button").onclick = () => startTour(lab);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width || !lab.looks) return;
    width = innerWidth;
    lab.updateView();
  });
  lab.open("maps");
  await lab.lookAt(normalised([], lab.imageSize, true));
  for (const example of [...lab.examples.slice(3), ...lab.examples]) {
    await lab.take(example);
    if (lab.answer().label === example.label) break; // start with one that is read
  }
  source.watch?.(() => lab.lookAt(lab.greys));
  document.documentElement.dataset.ready = "yes"; // for tests and for the patient
}

start();

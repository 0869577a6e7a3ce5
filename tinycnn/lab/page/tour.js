/** The guided tour: six steps on one image, to what batch normalization and dropout do to it. */
import { el, percent } from "./dom.js";

/** Each step: a title, a text that may look at the lab, and the view that it opens. */
const STEPS = [
  {
    title: "An image goes in",
    view: "maps",
    text: (lab) =>
      `The network reads this image as “${lab.answer().label}” with ${percent(lab.answer().share)}. Draw ` +
      `another one whenever you like: every step then speaks of yours.`,
  },
  {
    title: "Maps of small features",
    view: "maps",
    text: () =>
      "Each layer makes maps of the ones before it. In the first ones you still see your digit, its edges " +
      "bright where a kernel fits; further down they are small and say only what is roughly where.",
  },
  {
    title: "One pixel, by hand",
    view: "pixel",
    place: (lab) => ({ layer: firstOf(lab, "Conv2D") ?? 0 }),
    text: () =>
      "Every number of a map is a window times a kernel, added up, plus a bias. This is the whole of a " +
      "convolution; you could do it on paper.",
  },
  {
    title: "Batch normalization and this image",
    view: "batchNormalization",
    text: (lab) =>
      firstOf(lab, "BatchNormalization") === null
        ? "This model has none: its maps go on with whatever means and deviations they happen to have. In a " +
          "model that has it, each channel is shifted and scaled by fixed numbers in inference, whatever the " +
          "other images are."
        : "In inference each channel is shifted and scaled by the moving statistics, fixed numbers from " +
          "training: the same for every image. Choose “in training” above, and the batch's own statistics do it: " +
          "now the other images have a say in what becomes of yours.",
  },
  {
    title: "Dropout and this image",
    view: "dropout",
    text: (lab) =>
      firstOf(lab, "Dropout") === null
        ? "This model has none. In a model that has it, training drops other values at every step, and " +
          "inference drops nothing: the same image always gets the same answer."
        : "In training each step sees this image through another mask, and the answer wobbles; a network learns " +
          "not to lean on single values. In inference nothing is dropped: the same image always gets the same " +
          "answer.",
  },
  {
    title: "Where the answer comes from",
    view: "occlusion",
    text: (lab) =>
      `Blank out a part of the image and see whether “${lab.answer().label}” holds. Now draw something between ` +
      `two digits and go through the tour once more.`,
  },
];

function firstOf(lab, kind) {
  const place = lab.model.layers.findIndex((layer) => layer.kind === kind);
  return place < 0 ? null : place;
}

/** Open the tour's card at its first step. */
export function startTour(lab) {
  const card = document.getElementById("tour");
  let at = 0;
  const close = () => {
    card.hidden = true;
    document.body.classList.remove("touring");
    document.getElementById("tour-button").focus();
  };
  const title = el("h2", { tabindex: -1 });
  const text = el("p");
  const back = el("button", { type: "button", text: "Back", onclick: () => go(at - 1) });
  const next = el("button", { type: "button", onclick: () => (at + 1 < STEPS.length ? go(at + 1) : close()) });
  const end = el("button", { type: "button", text: "Close", onclick: close });
  card.replaceChildren(title, text, el("div", { class: "buttons" }, back, next, end));
  card.onkeydown = (event) => event.key === "Escape" && close();

  function go(step) {
    at = step;
    const { title: name, view, place, text: words } = STEPS[at];
    lab.open(view, place?.(lab) ?? null);
    title.textContent = `${at + 1} of ${STEPS.length}: ${name}`;
    text.textContent = words(lab);
    back.disabled = at === 0;
    next.textContent = at + 1 < STEPS.length ? "Next" : "Done";
    title.focus({ preventScroll: true });
    document.getElementById(at ? "tabs" : "draw").scrollIntoView({ block: "start" });
  }
  card.hidden = false;
  document.body.classList.add("touring");
  go(0);
}

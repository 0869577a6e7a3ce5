/**
 * The numbers of an exported file: the model lies in the page, forward.js computes.
 *
 * `programSource` of program_source.js answers the same questions, and more.
 */
import { forward, forwardInTraining } from "./forward.js";

/** The model that `export` has written into the page, or null in a page that the program serves. */
export function modelInPage() {
  const element = document.getElementById("model");
  if (!element) return null;
  const model = JSON.parse(element.textContent);
  const numbers = new Float32Array(bytes(model.weights).buffer);
  for (const layer of model.layers) {
    for (const [name, { shape, offset }] of Object.entries(layer.weights)) {
      const size = shape.reduce((product, n) => product * n, 1);
      layer.weights[name] = { shape, data: numbers.subarray(offset, offset + size) };
    }
  }
  model.examples = examplesOf(model.examples);
  return model;
}

/** Images with their pixels, bytes in base64, as greys from 0 to 1. */
export function examplesOf(images) {
  return images.map((image) => ({
    ...image,
    pixels: Float32Array.from(bytes(image.pixels), (grey) => grey / 255),
  }));
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** @param {import("./forward.js").Model & {examples: any[]}} model */
export function fileSource(model) {
  return {
    model,

    /** Every layer's output for one image. */
    async look(x) {
      return forward(model, x);
    },

    /** A layer's weights by name. */
    async weights(layer) {
      return model.layers[layer].weights;
    },

    /** What the network answers to several images. */
    async predict(images) {
      return images.map((x) => forward(model, x).at(-1));
    },

    /** The image in a batch with others, as in training: each layer's output for it, and the layers with their statistics. */
    async inTraining(x, others) {
      return forwardInTraining(model, [x, ...others]).map(({ layer, outputs }) => ({ layer, output: outputs[0] }));
    },

    /**
     * Dropout as in training: masks of its own for each of `count` passes, and what the network answers behind each.
     *
     * A value is dropped with probability `rate`; those that stay are divided by 1 − rate, so that the mean stays.
     */
    async dropout(layer, looks, count) {
      const { rate } = model.layers[layer].settings;
      const x = looks[layer - 1];
      return Array.from({ length: count }, () => {
        const mask = Float32Array.from(x.data, () => (Math.random() < rate ? 0 : 1 / (1 - rate)));
        const y = { shape: x.shape, data: x.data.map((value, k) => value * mask[k]) };
        const rest = forward(model, y, layer + 1);
        return { mask, answer: rest.length ? rest.at(-1) : y };
      });
    },
  };
}

import { el, note } from "./dom.js";

/** A sentence on each kind of layer, and where to read on. */

const TEXTS = {
  Conv2D: [
    "Each map shows where its small kernel fits the image: every pixel is one window times that kernel.",
    "conv2d",
    "02 Backprop by hand",
  ],
  MaxPooling2D: [
    "The largest value of each window: a smaller map that says “it was somewhere here”.",
    "max_pooling2d",
    "02 Backprop by hand",
  ],
  AveragePooling2D: ["The mean of each window: a smaller, smoother map.", "average_pooling2d", "02 Backprop by hand"],
  GlobalAveragePooling2D: ["One number for each map: its mean.", "global_pooling2d", null],
  GlobalMaxPooling2D: ["One number for each map: its largest pixel.", "global_pooling2d", null],
  Dense: ["Every unit adds up all inputs, each times a weight of its own.", "dense", "02 Backprop by hand"],
  BatchNormalization: [
    "Each channel is shifted and scaled: in inference by statistics that were collected while it trained.",
    "batch_normalization",
    "03 Batch normalization",
  ],
  Dropout: [
    "In inference every value passes as it is; only in training chance changes some. The view Dropout shows how.",
    "dropout",
    "04 Dropout",
  ],
  Activation: ["The activation function, applied to every value.", "activations", null],
  Flatten: ["The same values in one row, pixel by pixel.", "flatten", null],
  Reshape: ["The same values in another shape.", "reshape", null],
  ZeroPadding2D: ["The same maps with zeros around them.", "zero_padding2d", null],
};

/** Layers whose output shows nothing that was not to be seen before them. */
export const SAME_VALUES = ["Dropout", "Flatten", "Reshape"];

/** What a layer does, in a sentence. */
export function sentence(layer) {
  return TEXTS[layer.kind]?.[0] ?? `What ${layer.class ?? layer.kind} puts out.`;
}

/** The file of the layer, and the tutorial on it where there is one. */
export function readOn(layer) {
  const [, file, tutorial] = TEXTS[layer.kind] ?? [];
  return { file: file ? `tinycnn/layers/${file}.py` : null, tutorial: tutorial ? `tutorial ${tutorial}` : null };
}

/** In place of a view that an exported file cannot show: a note. */
export function needsProgram(title, what) {
  return {
    title,
    about: "",
    show(lab, panel) {
      const command = el("code", { text: "python -m tinycnn.lab MODEL.keras" });
      panel.append(note(`${what} needs the program that trains: `, command));
      return () => {};
    },
  };
}

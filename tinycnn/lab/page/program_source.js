/** The numbers of the program, which has the model and trains it. What is asked, and what comes back: see README.md. */
import { product } from "./dom.js";
import { examplesOf } from "./file_source.js";

const EVERY = 1000; // milliseconds between two looks at whether the model has changed, at least
const IDLE = 50; // times as long as a look takes with all that is drawn anew: a training shares the processor with it
const AT_MOST = 3000; // milliseconds

export async function programSource() {
  const token = /** @type {HTMLMetaElement} */ (document.querySelector("meta[name=token]")).content;

  async function ask(path, images = null) {
    const body = images && new Blob(images.map(({ data }) => data));
    const response = await fetch(path, { method: images ? "POST" : "GET", headers: { "X-Token": token }, body });
    if (!response.ok)
      throw new Error(`${path}: expected an answer, received ${response.status}: ${await response.text()}`);
    return response;
  }
  const json = async (...request) => (await ask(...request)).json();

  /** Values of these shapes, one after the other. */
  async function values(shapes, ...request) {
    const numbers = new Float32Array(await (await ask(...request)).arrayBuffer());
    let start = 0;
    return shapes.map((shape) => ({ shape, data: numbers.subarray(start, (start += product(shape))) }));
  }

  const model = await json("model");
  model.examples = examplesOf(model.examples);
  const outputs = model.layers.map(({ shape }) => shape);
  const answer = outputs.at(-1);

  return {
    model,
    look: (x) => values(outputs, "look", [x]),
    predict: (images) =>
      values(
        images.map(() => answer),
        "predict",
        images,
      ),
    async weights(layer) {
      const places = Object.entries(model.layers[layer].weights);
      const found = await values(
        places.map(([, { shape }]) => shape),
        `weights/${layer}`,
      );
      return Object.fromEntries(places.map(([name], k) => [name, found[k]]));
    },
    async inTraining(x, others) {
      const normalising = model.layers.filter(({ kind }) => kind === "BatchNormalization");
      const statistics = normalising.flatMap(
        ({
          weights: {
            moving_mean: { shape },
          },
        }) => [shape, shape],
      );
      const found = await values([...outputs, ...statistics], "in_training", [x, ...others]);
      const weights = await Promise.all(model.layers.map((_, k) => this.weights(k)));
      return model.layers.map((layer, k) => {
        const place = outputs.length + 2 * normalising.indexOf(layer);
        const used = place < outputs.length ? {} : { moving_mean: found[place], moving_variance: found[place + 1] };
        return { layer: { ...layer, weights: { ...weights[k], ...used } }, output: found[k] };
      });
    },
    async dropout(layer, looks, count, x) {
      const shapes = Array.from({ length: count }, () => [outputs[layer], answer]).flat();
      const found = await values(shapes, `dropout/${layer}/${count}`, [x]);
      return Array.from({ length: count }, (_, k) => ({ mask: found[2 * k].data, answer: found[2 * k + 1] }));
    },
    async step(x, label) {
      const shapes = [[1], ...outputs, model.input_shape, [model.parameters.length]];
      const [loss, ...gradients] = await values(shapes, `step/${label}`, [x]);
      const ratios = Array.from(gradients.pop().data, (ratio, k) => ({ name: model.parameters[k], ratio }));
      const input = gradients.pop();
      return { loss: loss.data[0], gradients, input, ratios };
    },
    async compare(x) {
      const models = await json("compare", [x]);
      return models.map(({ name, output }) => ({ name, output: { shape: answer, data: output } }));
    },
    training: () => json("training"),
    async activations() {
      const now = await json("activations");
      return { ...now, misread: examplesOf(now.misread) };
    },
    train: () => ask("train", []),
    stop: () => ask("stop", []),

    /** Call `changed` whenever the model has learned, or its training begins or ends, while the page is seen. */
    async watch(changed) {
      let seen = await json("training");
      let took = 0;
      for (;;) {
        await new Promise((done) => setTimeout(done, Math.min(AT_MOST, Math.max(EVERY, IDLE * took))));
        if (document.hidden) continue;
        const start = performance.now();
        const now = await json("training");
        if (now.running !== seen.running || now.version !== seen.version) await changed();
        seen = now;
        took = performance.now() - start;
      }
    },
  };
}

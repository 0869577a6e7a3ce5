/** The kernels of a convolution: what its maps look for. */
import { drawMaps, legend, placeIn, symmetricRangeOf } from "../colours.js";
import { el, field, figure, note } from "../dom.js";

const CELL = 16; // pixels of the screen for a weight, at least

export const kernels = {
  title: "Kernels",
  about:
    "The learned kernels of a convolution. Light weights ask for ink, dark ones for none; a map is bright where the " +
    "image does as its kernel asks.",
  show(lab, panel) {
    const convolutions = lab.model.layers.map((layer, k) => [k, layer]).filter(([, layer]) => layer.kind === "Conv2D");
    if (!convolutions.length) {
      panel.append(note("This model has no convolution, so there are no kernels to look at."));
      return () => {};
    }
    const layer = el("select", { id: "kernels-layer" });
    convolutions.forEach(([k, { name }]) => layer.append(el("option", { value: k, text: name })));
    const input = el("input", { type: "number", min: 0, value: 0, inputmode: "numeric" });
    const inputField = field("weights for incoming map", input);
    const scale = legend();
    const canvas = el("canvas", { class: "maps", role: "img" });
    const under = el("p", { class: "small under", text: " " });
    panel.append(el("div", { class: "row" }, field("layer", layer), inputField, scale.element), canvas, under);

    let grid = null;
    async function update() {
      const { kernel } = await lab.source.weights(Number(layer.value));
      const [kh, kw, channels, filters] = kernel.shape;
      input.max = channels - 1;
      input.value = Math.min(Math.max(Math.floor(input.value) || 0, 0), channels - 1);
      inputField.hidden = channels === 1;
      const c = Number(input.value);
      const weight = (f, a, b) => kernel.data[((a * kw + b) * channels + c) * filters + f];
      const range = symmetricRangeOf(kernel.data);
      const columns = Math.min(filters, Math.max(1, Math.floor((panel.clientWidth || 300) / ((kw + 1) * CELL))));
      drawMaps(canvas, kh, kw, filters, columns, weight, range);
      canvas.style.width = `${canvas.width * CELL}px`;
      canvas.setAttribute("aria-label", `${filters} kernels of ${kh} × ${kw}, weights within ±${figure(range.high)}`);
      scale.update(range);
      grid = { kh, kw, filters, columns, weight };
    }
    const placeUnder = (event) => grid && placeIn(canvas, event, grid.kh, grid.kw, grid.filters, grid.columns);
    canvas.onpointermove = (event) => {
      const found = placeUnder(event);
      under.textContent = found
        ? `kernel ${found.map}, row ${found.i}, column ${found.j}: ${figure(grid.weight(found.map, found.i, found.j))}`
        : " ";
    };
    canvas.onpointerleave = () => (under.textContent = " ");
    canvas.onclick = (event) => {
      const found = placeUnder(event);
      if (found) lab.open("pixel", { layer: Number(layer.value), ...lab.largestOf(Number(layer.value), found.map) });
    };
    layer.onchange = input.onchange = update;
    return update;
  },
};

/** The kernels of a convolution: what its maps look for. */
import { symmetricRangeOf } from "../colours.js";
import { el, field, note } from "../dom.js";
import { picture } from "../picture.js";

export const kernels = {
  title: "Kernels",
  about:
    "The learned kernels of a convolution, one for each map. Light weights ask for ink, dark ones for none; a map is " +
    "bright where the image does as its kernel asks.",
  show(lab, panel) {
    const layer = lab.choice("Conv2D");
    if (!layer.options.length) {
      panel.append(note("This model has no convolution, so there are no kernels to look at."));
      return () => {};
    }
    const input = el("input", { type: "number", min: 0, value: 0, inputmode: "numeric" });
    const inputField = field("weights for incoming map", input);
    const place = () => Number(layer.value);
    const pick = ({ channel }) => lab.open("pixel", { layer: place(), ...lab.largestOf(place(), channel) });
    const shown = picture("kernels", { pick });
    panel.append(el("div", { class: "row" }, field("layer", layer), inputField), shown.element);

    async function update() {
      const { kernel } = await lab.source.weights(place());
      const [kh, kw, channels, filters] = kernel.shape;
      input.max = String(channels - 1);
      input.value = String(Math.min(Math.max(Math.floor(Number(input.value)) || 0, 0), channels - 1));
      inputField.hidden = channels === 1;
      const c = Number(input.value);
      const ofMap = kernel.data.filter((_, k) => Math.floor(k / filters) % channels === c);
      shown.update({ shape: [kh, kw, filters], data: ofMap }, symmetricRangeOf(kernel.data));
    }
    layer.onchange = input.onchange = update;
    return update;
  },
};

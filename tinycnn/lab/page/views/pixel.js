/** One number of a layer's output, taken apart: what it is computed from, in numbers. */
import { cellColours, rangeOf, symmetricRangeOf } from "../colours.js";
import { el, field, figure, product } from "../dom.js";
import { ACTIVATIONS } from "../forward.js";
import { sentence } from "../layers.js";

const LONGEST = 10; // rows of a table of parts

export const pixel = {
  title: "One pixel",
  about: "One number, taken apart: what it is computed from. Choose the layer and the place here, or click on a map.",
  show(lab, panel) {
    const choose = lab.choice(null, ({ name, kind }) => `${name} (${kind})`);
    const number = (id) => el("input", { type: "number", id, min: 0, value: 0, inputmode: "numeric" });
    const [row, column, channel] = [number("pixel-row"), number("pixel-column"), number("pixel-channel")];
    const fields = { i: field("row", row), j: field("column", column), channel: field("map or unit", channel) };
    const body = el("div", { class: "sum" });
    panel.append(el("div", { class: "row" }, field("layer", choose), fields.i, fields.j, fields.channel), body);

    const place = lab.place;
    choose.onchange = () => {
      Object.assign(place, largestPlace(lab, Number(choose.value)));
      update();
    };
    const read = () => {
      Object.assign(place, { i: Number(row.value), j: Number(column.value), channel: Number(channel.value) });
      update();
    };
    for (const input of [row, column, channel]) input.onchange = read;

    let newest = 0;
    async function update() {
      const layer = lab.model.layers[place.layer];
      const [h, w, channels] = planes(layer.shape);
      if (place.i === undefined) Object.assign(place, largestPlace(lab, place.layer));
      for (const [name, size, input] of [
        ["i", h, row],
        ["j", w, column],
        ["channel", channels, channel],
      ]) {
        place[name] = Math.min(Math.max(Math.floor(place[name]) || 0, 0), size - 1);
        input.max = size - 1;
        input.value = place[name];
        fields[name].hidden = size === 1;
      }
      choose.value = place.layer;
      const mine = ++newest;
      const weights = await lab.source.weights(place.layer);
      if (mine !== newest) return; // another pixel was chosen meanwhile
      const x = lab.inputOf(place.layer);
      const y = lab.looks[place.layer];
      const [, wide, deep] = planes(layer.shape);
      const result = y.data[(place.i * wide + place.j) * deep + place.channel];
      const parts = PARTS[layer.kind] ?? other;
      body.replaceChildren(el("p", { text: sentence(layer) }), ...parts({ layer, weights, x, y, place, result }));
    }
    return update;
  },
};

/** Where a layer's output is largest: where there is something to see. */
function largestPlace(lab, layer) {
  const { shape, data } = lab.looks[layer];
  let best = 0;
  data.forEach((value, k) => {
    if (value > data[best]) best = k;
  });
  if (shape.length !== 3) return { layer, i: 0, j: 0, channel: best };
  const [, w, channels] = shape;
  const pixel = Math.floor(best / channels);
  return { layer, i: Math.floor(pixel / w), j: pixel % w, channel: best % channels };
}

/** How the numbers of each kind of layer come about; each gives the elements to show. */
const PARTS = {
  Conv2D: convolution,
  Dense: sumOfInputs,
  MaxPooling2D: pooling,
  AveragePooling2D: pooling,
  BatchNormalization: normalisation,
  Activation: activation,
};

function convolution({ layer, weights, x, place, result }) {
  const { kernel, bias } = weights;
  const [kh, kw, channels, filters] = kernel.shape;
  const groups = x.shape[2] / channels;
  const first = Math.floor(place.channel / (filters / groups)) * channels; // of the channels that this kernel sees
  const [windows, slices, products, sums] = [[], [], [], []];
  for (let c = 0; c < channels; c++) {
    windows.push(windowOf(x, layer, place, [kh, kw], first + c));
    slices.push(grid(kh, kw, (a, b) => kernel.data[((a * kw + b) * channels + c) * filters + place.channel]));
    products.push(grid(kh, kw, (a, b) => (windows[c][a][b] ?? 0) * slices[c][a][b]));
    sums.push(total(products[c].flat()));
  }
  const order = sums.map((_, c) => c).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  const picture = el("div", { class: "factors" });
  const showChannel = (c) =>
    picture.replaceChildren(
      factor(`window of ${channels > 1 ? `map ${first + c}` : "the image"}`, windows[c], rangeOf(x.data)),
      el("span", { class: "sign", text: "×" }),
      factor("kernel", slices[c], symmetricRangeOf(kernel.data)),
      el("span", { class: "sign", text: "=" }),
      factor("products", products[c], symmetricRangeOf(products.flat(2))),
      el("span", { class: "sign", text: `Σ = ${figure(sums[c])}` }),
    );
  showChannel(order[0]);
  const elements = [picture];
  if (channels > 1) {
    const choice = el("select");
    order.forEach((c) => choice.append(el("option", { value: c, text: `map ${first + c}: ${figure(sums[c])}` })));
    choice.onchange = () => showChannel(Number(choice.value));
    elements.unshift(
      el("p", { text: `The same is done for each of the ${channels} maps that come in; the largest sum comes first.` }),
      field("sum over the window of", choice),
    );
  }
  return [...elements, equation(layer, total(sums), bias ? bias.data[place.channel] : 0, result)];
}

function sumOfInputs({ layer, weights, x, place, result }) {
  const { kernel, bias } = weights;
  const [inputs, units] = kernel.shape;
  const row = layer.shape.length === 3 ? place.i * layer.shape[1] + place.j : 0;
  const unit = place.channel;
  const parts = Array.from({ length: inputs }, (_, k) => {
    const [value, weight] = [x.data[row * inputs + k], kernel.data[k * units + unit]];
    return { k, value, weight, product: value * weight };
  });
  parts.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  const sum = total(parts.map((part) => part.product));
  const rest = parts.slice(LONGEST);
  const rows = parts
    .slice(0, LONGEST)
    .map((p) => [`input ${p.k}`, figure(p.value), figure(p.weight), figure(p.product)]);
  if (rest.length) rows.push([`${rest.length} others`, "", "", figure(total(rest.map((part) => part.product)))]);
  return [
    table("The largest products of all", ["", "value", "weight", "product"], rows),
    equation(layer, sum, bias ? bias.data[unit] : 0, result),
  ];
}

function pooling({ layer, x, place, result }) {
  const window = windowOf(x, layer, place, layer.settings.pool_size, place.channel);
  const values = window.flat().filter((value) => value !== null);
  const mean = layer.kind === "AveragePooling2D";
  return [
    el(
      "div",
      { class: "factors" },
      factor(`window of map ${place.channel}`, window, rangeOf(x.data), mean ? null : result),
    ),
    el("p", { class: "equation", text: `${mean ? "mean" : "largest"} of ${values.length} values = ${figure(result)}` }),
  ];
}

function normalisation({ layer, weights, x, place, result }) {
  const { gamma, beta, moving_mean: mean, moving_variance: variance } = weights;
  const c = place.channel;
  const [, w, channels] = planes(layer.shape);
  const value = x.data[(place.i * w + place.j) * channels + c];
  const deviation = Math.sqrt(variance.data[c] + layer.settings.epsilon);
  const [scale, shift] = [gamma ? gamma.data[c] : 1, beta ? beta.data[c] : 0];
  const fraction = `y = ${figure(scale)} · (${figure(value)} − ${bracketed(mean.data[c])}) / ${figure(deviation)}`;
  return [
    table(
      "The numbers of this channel",
      ["", ""],
      [
        ["value x", figure(value)],
        ["moving mean", figure(mean.data[c])],
        ["√(moving variance + ε)", figure(deviation)],
        ["normalised x̂", figure((value - mean.data[c]) / deviation)],
        ["γ", figure(scale)],
        ["β", figure(shift)],
      ],
    ),
    el("p", { class: "equation", text: `${fraction} + ${bracketed(shift)} = ${figure(result)}` }),
  ];
}

function activation({ layer, x, place, result }) {
  const [, w, channels] = planes(layer.shape);
  const value = x.data[(place.i * w + place.j) * channels + place.channel];
  return [el("p", { class: "equation", text: `${layer.settings.activation}(${figure(value)}) = ${figure(result)}` })];
}

function other({ result }) {
  return [el("p", { class: "equation", text: `y = ${figure(result)}` })];
}

/** z = sum + bias, then the activation. */
function equation(layer, sum, bias, result) {
  const z = sum + bias;
  const name = layer.settings.activation ?? "linear";
  const lines = [`z = ${figure(sum)} (sum) + ${bracketed(bias)} (bias) = ${figure(z)}`];
  if (name === "softmax") lines.push(`y = softmax(z) = ${figure(result)}: exp(z), divided by the sum over all units`);
  else if (name in ACTIVATIONS && name !== "linear") lines.push(`y = ${name}(${figure(z)}) = ${figure(result)}`);
  else lines.push(`y = ${figure(result)}`);
  return el("div", {}, ...lines.map((text) => el("p", { class: "equation", text })));
}

/** The values of x in the window of one output; null in the padding. */
function windowOf(x, layer, place, [kh, kw], c) {
  const { strides, widths, dilation_rate: dilation = [1, 1] } = layer.settings;
  const [h, w, channels] = x.shape;
  return grid(kh, kw, (a, b) => {
    const i = place.i * strides[0] + a * dilation[0] - widths[0][0];
    const j = place.j * strides[1] + b * dilation[1] - widths[1][0];
    return i >= 0 && i < h && j >= 0 && j < w ? x.data[(i * w + j) * channels + c] : null;
  });
}

/** A small table of coloured numbers. */
function factor(caption, values, range, marked = null) {
  const rows = values.map((row) =>
    el(
      "tr",
      {},
      ...row.map((value) => {
        if (value === null) return el("td", { class: "padding", text: "pad" });
        const cell = el("td", { text: figure(value) + (marked === value ? " ◂" : "") });
        const { background, text } = cellColours(value, range);
        cell.style.background = background;
        cell.style.color = text;
        return cell;
      }),
    ),
  );
  return el("table", { class: "factor" }, el("caption", { text: caption }), el("tbody", {}, ...rows));
}

function table(caption, heads, rows) {
  const cells = heads.map((text) => (text ? el("th", { scope: "col", text }) : el("td")));
  const head = heads.some(Boolean) ? [el("thead", {}, el("tr", {}, ...cells))] : [];
  const body = rows.map(([first, ...others]) =>
    el("tr", {}, el("th", { scope: "row", text: first }), ...others.map((text) => el("td", { text }))),
  );
  return el("table", { class: "numbers" }, el("caption", { text: caption }), ...head, el("tbody", {}, ...body));
}

/** Height, width and channels of a shape; a row is one pixel. */
function planes(shape) {
  return shape.length === 3 ? shape : [1, 1, product(shape)];
}

function bracketed(value) {
  return value < 0 ? `(${figure(value)})` : figure(value);
}

function grid(h, w, f) {
  return Array.from({ length: h }, (_, a) => Array.from({ length: w }, (_, b) => f(a, b)));
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * A forward pass, written to be read: one function for each kind of layer, as in tinycnn/layers/ and tinycnn/kernels/.
 *
 * One image goes through, without the batch axis, in inference. Channels come last, as in Keras: the value of pixel
 * (i, j) in channel c of an image of h x w pixels stands at data[(i * w + j) * channels + c]. Sums are kept in float64,
 * results in float32.
 *
 * @typedef {{shape: number[], data: Float32Array | Float64Array}} Value  an image (h, w, c), or a row (n)
 * @typedef {{name: string, kind: string, shape: number[], settings: Object<string, any>, weights: Object<string, Value>}} Layer
 *   `shape` is that of the output; see `_settings` in tinycnn/lab/export.py
 * @typedef {{name: string, input_shape: number[], layers: Layer[]}} Model
 */

/** @returns {Value} zeros of a shape */
export function zeros(shape) {
  return { shape, data: new Float32Array(shape.reduce((size, n) => size * n, 1)) };
}

/**
 * Slide the kernels over the image; every output is one window times one kernel, plus a bias.
 *
 * z[i,j,f] = bias[f] + Σ_{a,b,c} x[i·s_h + a·d_h − top, j·s_w + b·d_w − left, c] · kernel[a,b,c,f]; outside x is 0.
 * In groups each kernel sees its part of the channels alone.
 */
export function conv2d(x, layer) {
  const z = zeros(layer.shape);
  const { kernel, bias } = layer.weights;
  const { strides, dilation_rate: dilation, widths } = layer.settings;
  const [h, w, depth] = x.shape;
  const [kh, kw, channels, filters] = kernel.shape;
  const [outH, outW] = layer.shape;
  const perGroup = (filters * channels) / depth;
  const sums = new Float64Array(filters);
  for (let i = 0; i < outH; i++) {
    for (let j = 0; j < outW; j++) {
      sums.fill(0);
      if (bias) sums.set(bias.data);
      for (let a = 0; a < kh; a++) {
        const row = i * strides[0] + a * dilation[0] - widths[0][0];
        if (row < 0 || row >= h) continue; // in the padding
        for (let b = 0; b < kw; b++) {
          const column = j * strides[1] + b * dilation[1] - widths[1][0];
          if (column < 0 || column >= w) continue;
          for (let c = 0; c < depth; c++) {
            const value = x.data[(row * w + column) * depth + c];
            const weights = ((a * kw + b) * channels + (c % channels)) * filters;
            const first = Math.floor(c / channels) * perGroup;
            for (let f = first; f < first + perGroup; f++) sums[f] += value * kernel.data[weights + f];
          }
        }
      }
      z.data.set(sums, (i * outW + j) * filters);
    }
  }
  return z;
}

/** Keep the largest value of each window; what lies outside the image does not count. */
export function maxPooling2d(x, layer) {
  return pooled(x, layer, (values) => values.reduce((largest, value) => Math.max(largest, value), -Infinity));
}

/** Replace each window by its mean; what lies outside the image does not count. */
export function averagePooling2d(x, layer) {
  return pooled(x, layer, (values) => values.reduce((sum, value) => sum + value, 0) / values.length);
}

/** y[i,j,c] = f(the values of x in window (i, j) of channel c) */
function pooled(x, layer, f) {
  const y = zeros(layer.shape);
  const { pool_size: pool, strides, widths } = layer.settings;
  const [h, w, channels] = x.shape;
  const [outH, outW] = layer.shape;
  for (let i = 0; i < outH; i++) {
    for (let j = 0; j < outW; j++) {
      const top = i * strides[0] - widths[0][0];
      const left = j * strides[1] - widths[1][0];
      for (let c = 0; c < channels; c++) {
        const values = [];
        for (let row = Math.max(top, 0); row < Math.min(top + pool[0], h); row++) {
          for (let column = Math.max(left, 0); column < Math.min(left + pool[1], w); column++) {
            values.push(x.data[(row * w + column) * channels + c]);
          }
        }
        y.data[(i * outW + j) * channels + c] = f(values);
      }
    }
  }
  return y;
}

/** z[u] = bias[u] + Σ_c x[c] · kernel[c,u], for each row of x (an image has one for every pixel). */
export function dense(x, layer) {
  const z = zeros(layer.shape);
  const { kernel, bias } = layer.weights;
  const [inputs, units] = kernel.shape;
  for (let row = 0; row < x.data.length / inputs; row++) {
    for (let u = 0; u < units; u++) {
      let sum = bias ? bias.data[u] : 0;
      for (let c = 0; c < inputs; c++) {
        sum += x.data[row * inputs + c] * kernel.data[c * units + u];
      }
      z.data[row * units + u] = sum;
    }
  }
  return z;
}

/** y = γ(x − moving_mean)/√(moving_variance + ε) + β, channel by channel: what batch normalization does in inference. */
export function batchNormalization(x, layer) {
  const { gamma, beta, moving_mean: mean, moving_variance: variance } = layer.weights;
  const channels = mean.shape[0];
  return each(x, (value, k) => {
    const c = k % channels;
    const normalised = (value - mean.data[c]) / Math.sqrt(variance.data[c] + layer.settings.epsilon);
    return (gamma ? gamma.data[c] : 1) * normalised + (beta ? beta.data[c] : 0);
  });
}

/** y = x: in inference dropout, and every layer of noise, lets all values pass. */
export function identity(x) {
  return x;
}

/** The same values in another shape: as a row, or as Reshape says. */
export function reshape(x, layer) {
  return { shape: layer.shape, data: x.data };
}

/** Rows and columns of zeros around the image. */
export function zeroPadding2d(x, layer) {
  const y = zeros(layer.shape);
  const [[top], [left]] = layer.settings.padding;
  const [h, w, channels] = x.shape;
  for (let i = 0; i < h; i++) {
    const row = x.data.subarray(i * w * channels, (i + 1) * w * channels);
    y.data.set(row, ((i + top) * layer.shape[1] + left) * channels);
  }
  return y;
}

/** One number for each channel: the mean of all its pixels. */
export function globalAveragePooling2d(x, layer) {
  const pixels = x.shape[0] * x.shape[1];
  return channelwise(x, layer, (sum, value) => sum + value / pixels, 0);
}

/** One number for each channel: its largest pixel. */
export function globalMaxPooling2d(x, layer) {
  return channelwise(x, layer, Math.max, -Infinity);
}

function channelwise(x, layer, combine, start) {
  const channels = x.shape[2];
  const results = new Array(channels).fill(start);
  x.data.forEach((value, k) => {
    results[k % channels] = combine(results[k % channels], value);
  });
  return { shape: layer.shape, data: Float32Array.from(results) };
}

/** The activation functions by Keras's names; each takes a value z and the layer's settings. */
export const ACTIVATIONS = {
  linear: (z) => z,
  relu: (z) => each(z, (v) => Math.max(v, 0)),
  leaky_relu: (z, { negative_slope: slope = 0.2 }) => each(z, (v) => (v > 0 ? v : slope * v)),
  elu: (z, { alpha = 1 }) => each(z, (v) => (v > 0 ? v : alpha * Math.expm1(v))),
  sigmoid: (z) => each(z, (v) => 1 / (1 + Math.exp(-v))),
  tanh: (z) => each(z, Math.tanh),
  softmax,
};

/** y_k = exp(z_k)/Σ_j exp(z_j) over the last axis; the largest z is taken off first, so nothing overflows. */
function softmax(z) {
  const y = zeros(z.shape);
  const n = z.shape[z.shape.length - 1];
  for (let start = 0; start < z.data.length; start += n) {
    const row = z.data.subarray(start, start + n);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const e = Array.from(row, (value) => Math.exp(value - largest));
    const sum = e.reduce((a, b) => a + b, 0);
    e.forEach((value, k) => {
      y.data[start + k] = value / sum;
    });
  }
  return y;
}

/** A value of the same shape, every number through f(number, its place). */
function each(x, f) {
  return { shape: x.shape, data: Float32Array.from(x.data, f) };
}

/** What computes a layer of each kind; tinycnn/lab/export.py has the same table. */
export const LAYERS = {
  Conv2D: conv2d,
  MaxPooling2D: maxPooling2d,
  AveragePooling2D: averagePooling2d,
  GlobalAveragePooling2D: globalAveragePooling2d,
  GlobalMaxPooling2D: globalMaxPooling2d,
  Dense: dense,
  BatchNormalization: batchNormalization,
  Activation: identity, // the function itself is applied below
  Dropout: identity,
  Flatten: reshape,
  Reshape: reshape,
  ZeroPadding2D: zeroPadding2d,
};

/** A layer's output: what its function computes, through its activation. */
export function forwardLayer(x, layer) {
  const z = LAYERS[layer.kind](x, layer);
  return ACTIVATIONS[layer.settings.activation || "linear"](z, layer.settings);
}

/**
 * Every layer's output for one image, from layer `first` on.
 *
 * @param {Model} model
 * @param {Value} x  the image, or what layer `first` takes
 * @returns {Value[]} one for each layer, first to last
 */
export function forward(model, x, first = 0) {
  return model.layers.slice(first).map((layer) => (x = forwardLayer(x, layer)));
}

/**
 * The same for a batch, with batch normalization as in training: by the statistics of this very batch.
 *
 * @param {Model} model
 * @param {Value[]} xs
 * @returns {{layer: Layer, outputs: Value[]}[]} for each layer the outputs, and the layer with the statistics that it used
 */
export function forwardInTraining(model, xs) {
  return model.layers.map((layer) => {
    if (layer.kind === "BatchNormalization" && layer.settings.trainable) layer = withStatisticsOf(xs, layer);
    xs = xs.map((x) => forwardLayer(x, layer));
    return { layer, outputs: xs };
  });
}

/** μ = Σx/m and σ² = Σ(x − μ)²/m of each channel, over all pixels of all images. */
function withStatisticsOf(xs, layer) {
  const { shape } = layer.weights.moving_mean;
  const [mean, variance] = [new Float64Array(shape[0]), new Float64Array(shape[0])];
  const m = (xs.length * xs[0].data.length) / shape[0];
  for (const { data } of xs) data.forEach((value, k) => (mean[k % shape[0]] += value / m));
  for (const { data } of xs)
    data.forEach((value, k) => (variance[k % shape[0]] += (value - mean[k % shape[0]]) ** 2 / m));
  const statistics = { moving_mean: { shape, data: mean }, moving_variance: { shape, data: variance } };
  return { ...layer, weights: { ...layer.weights, ...statistics } };
}

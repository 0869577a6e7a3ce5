"""Convolution, ReLU, batch normalization and max pooling, in one pass over the images forward, in two backward.

Normalization needs the statistics of the whole batch, pooling does not: within a channel the order of the pixels stays
the same, or is turned round where γ is negative. So a window's pixel is chosen by γ·a while the convolution's output
lies in the cache, and only the chosen ones are normalized, once the statistics are known. (Pixels so nearly tied that
normalizing would round them to one number are told apart here; so are the rounding errors of the convolution.)
Backward has first the sums over the batch that the gradient needs, then image by image all the rest. What the layers
compute one by one is in ``conv2d.py``, ``activations.py``, ``batch_normalization.py`` and ``max_pooling2d.py``.

Each image has sums of its own, which are added in order: the bits never depend on the threads. Statistics are taken in
two passes, around each image's own mean; partial sums over a row of windows or a column of pixels have the data's type,
float32 or float64, all further ones float64. The gradients of kernel and bias are summed in the data's type, in parts.

Source:  Chan, Golub & LeVeque 1983, doi:10.1080/00031305.1983.10483115, eq. 2.1, for variances of several parts
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine import winograd
from tinycnn.kernels.engine.image_rows import (
    add_columns,
    add_peak_sums,
    add_squares,
    line_where_positive,
    normalize,
    relu_and_sums,
)
from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.fast.conv2d import (
    ADJACENT,
    AT_ONCE,
    add_gradients,
    convolve_images,
    images_of_a_part,
    out_size,
    prepared_kernel,
    prepared_taps,
    total,
    window_tables,
)
from tinycnn.kernels.fast.max_pooling2d import (
    covered,
    pool_scaled_image,
    relu_and_pool_image,
    unpool_on_line_image,
    unpool_positive_image,
)

Array = np.ndarray
Pair = tuple[int, int]


def forward(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair,
    gamma: Array, beta: Array, epsilon: float, pool_size: Pair, pool_strides: Pair,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """y, a, peaks, argmax, mean, variance.

    Math:  a = relu(conv2d_forward(x, kernel, bias))    μ, σ² = mean and variance of a for each filter
           y, argmax = max_pooling2d_forward(γ·(a − μ)/√(σ² + ε) + β);  windows of at most 256 pixels
           peaks: the pixels of a that became y
    """
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    conv_size = out_size((h, w), (kh, kw), strides, dilation_rate)
    pooled_h, pooled_w = out_size(conv_size, pool_size, pool_strides, ADJACENT)
    weights, by_winograd = prepared_kernel(kernel, strides, dilation_rate, conv_size, winograd.SMALL_OUT)
    windows, terms = window_tables(w, c, (kh, kw), conv_size, strides, dilation_rate)
    a = np.empty((n, *conv_size, filters), x.dtype)
    peaks = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    y, argmax = np.empty_like(peaks), np.empty(peaks.shape, np.uint8)
    means, squares = np.zeros((n, filters)), np.zeros((n, filters))
    _convolve_and_pool(
        -(-n // AT_ONCE), x, weights, bias, windows, terms, by_winograd, gamma, pool_size, pool_strides,
        a, peaks, argmax, means, squares,
    )  # fmt: skip
    mean, variance, scale = (np.empty(filters, x.dtype) for _ in range(3))
    _statistics.alone(1, means, squares, conv_size[0] * conv_size[1], gamma, epsilon, mean, variance, scale)
    _normalize(n, peaks, mean, scale, beta, y)
    return y, a, peaks, argmax, mean, variance


@parallel_njit
def _convolve_and_pool(
    part: int, x: Array, weights: Array, bias: Array, windows: Array, terms: Array, by_winograd: bool, gamma: Array,
    pool_size: Pair, pool_strides: Pair, a: Array, peaks: Array, argmax: Array, means: Array, squares: Array,
) -> None:  # fmt: skip
    first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, len(x))
    convolve_images(x[first:last], weights, bias, windows, terms, by_winograd, a[first:last])
    for image in range(first, last):
        relu_and_pool(a[image], gamma, pool_size, pool_strides, peaks[image], argmax[image], means[image])
        add_squares(a[image], means[image], squares[image])


@parallel_njit
def _statistics(
    _: int, means: Array, squares: Array, pixels: int, gamma: Array, epsilon: float,
    mean: Array, variance: Array, scale: Array,
) -> None:  # fmt: skip
    """The batch's, from each image's mean and Σ(a − mean)²; scale = γ/√(σ² + ε)."""
    n = len(means)
    for f in range(len(mean)):
        centre, square = 0.0, 0.0
        for image in range(n):
            centre += means[image, f] / n
        for image in range(n):
            square += squares[image, f] / pixels + (means[image, f] - centre) ** 2
        mean[f], variance[f] = centre, square / n
        scale[f] = 1 / np.sqrt(variance[f] + epsilon)
        scale[f] *= gamma[f]


@parallel_njit
def _normalize(image: int, peaks: Array, mean: Array, scale: Array, beta: Array, y: Array) -> None:
    normalize(peaks[image], mean, scale, beta, y[image])


def inference(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair,
    gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """y alone, with given statistics."""
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    pooled_h, pooled_w = out_size(out_size((h, w), (kh, kw), strides, dilation_rate), pool_size, pool_strides, ADJACENT)
    conv_size = covered((pooled_h, pooled_w), pool_size, pool_strides)
    weights, by_winograd = prepared_kernel(
        kernel, strides, dilation_rate, conv_size, winograd.inference_tile(conv_size)
    )
    windows, terms = window_tables(w, c, (kh, kw), conv_size, strides, dilation_rate)
    scale = gamma * (1 / np.sqrt(variance.astype(float) + epsilon)).astype(x.dtype)
    y = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    _inference(
        -(-n // AT_ONCE), x, weights, bias, windows, terms, by_winograd, conv_size, gamma, beta, mean, scale,
        pool_size, pool_strides, y,
    )  # fmt: skip
    return y


@parallel_njit
def _inference(
    part: int, x: Array, weights: Array, bias: Array, windows: Array, terms: Array, by_winograd: bool, conv_size: Pair,
    gamma: Array, beta: Array, mean: Array, scale: Array, pool_size: Pair, pool_strides: Pair, y: Array,
) -> None:  # fmt: skip
    first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, len(x))
    z = np.empty((last - first, conv_size[0], conv_size[1], y.shape[3]), x.dtype)
    argmax = np.empty(y.shape[1:], np.uint8)
    convolve_images(x[first:last], weights, bias, windows, terms, by_winograd, z)
    for image in range(first, last):
        pool_scaled_image(z[image - first], gamma, pool_size, pool_strides, y[image], argmax)
        normalize(y[image], mean, scale, beta, y[image])


def backward(
    dy: Array, x: Array, a: Array, peaks: Array, argmax: Array, kernel: Array, gamma: Array, mean: Array,
    variance: Array, epsilon: float, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair,
    input_gradient: bool,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """dx, dkernel, dbias, dgamma and dbeta; dx is empty without ``input_gradient``.

    A normalized pixel that no window chose has no gradient, so the sums over the batch need only the peaks. A pixel of
    a has γ/σ·(−mean(dy) − x̂·mean(dy·x̂)): a line in a, the same for all pixels of a filter; the peaks have γ/σ·dy more.
    """
    n, h, w, c = x.shape
    _, out_h, out_w, filters = a.shape
    sums, products = np.zeros((n, filters)), np.zeros((n, filters))
    _peak_sums(n, dy, peaks, mean, sums, products)
    dgamma, dbeta, scale, slope, constant = (np.empty(filters, x.dtype) for _ in range(5))
    means, slopes, constants = (np.empty(out_w * filters, x.dtype) for _ in range(3))
    _line.alone(
        1, sums, products, n * out_h * out_w, gamma, mean, variance, epsilon,
        dgamma, dbeta, scale, slope, constant, means, slopes, constants,
    )  # fmt: skip

    taps, by_winograd = prepared_taps(kernel, strides, dilation_rate, (out_h, out_w), input_gradient)
    windows, terms = window_tables(w, c, kernel.shape[:2], (out_h, out_w), strides, dilation_rate)
    dx = np.empty((n if input_gradient else 0, h, w, c), x.dtype)
    size = images_of_a_part(n, kernel.shape, (out_h, out_w), by_winograd)
    parts = -(-n // size)
    dkernels, dbiases = np.zeros((parts, *kernel.shape), x.dtype), np.zeros((parts, out_w * filters), x.dtype)
    _backward(
        parts, dy, x, a, peaks, argmax, taps, windows, terms, dilation_rate, by_winograd, pool_size, pool_strides,
        scale, mean, slope, constant, means, slopes, constants, size, dkernels, dbiases, dx,
    )  # fmt: skip
    dbias = total(total(dbiases).reshape(out_w, filters).astype(float)).astype(x.dtype)
    return dx, total(dkernels), dbias, dgamma, dbeta


@parallel_njit
def _peak_sums(image: int, dy: Array, peaks: Array, mean: Array, sums: Array, products: Array) -> None:
    add_peak_sums(dy[image], peaks[image], mean, sums[image], products[image])


@parallel_njit
def _line(
    _: int, sums: Array, products: Array, pixels: int, gamma: Array, mean: Array, variance: Array, epsilon: float,
    dgamma: Array, dbeta: Array, scale: Array, slope: Array, constant: Array,
    means: Array, slopes: Array, constants: Array,
) -> None:  # fmt: skip
    """The gradients of γ and β, and the line (a − mean)·slope + constant.

    ``means``, ``slopes`` and ``constants`` are those of the filters, repeated for each pixel of a row.
    """
    for f in range(len(mean)):
        dy, dy_times_a = 0.0, 0.0
        for image in range(len(sums)):
            dy += sums[image, f]
            dy_times_a += products[image, f]
        inverse_std = mean.dtype.type(1 / np.sqrt(variance[f] + epsilon))
        scale[f] = gamma[f] * inverse_std
        constant[f] = -scale[f] * (dy / pixels)
        slope[f] = -scale[f] * (dy_times_a / pixels * inverse_std * inverse_std)
        dbeta[f], dgamma[f] = dy, dy_times_a
        dgamma[f] *= inverse_std
    for k in range(len(means)):
        f = k % len(mean)
        means[k], slopes[k], constants[k] = mean[f], slope[f], constant[f]


@parallel_njit
def _backward(
    part: int, dy: Array, x: Array, a: Array, peaks: Array, argmax: Array, taps: Array, windows: Array, terms: Array,
    dilation_rate: Pair, by_winograd: bool, pool_size: Pair, pool_strides: Pair,
    scale: Array, mean: Array, slope: Array, constant: Array, means: Array, slopes: Array, constants: Array,
    size: int, dkernels: Array, dbiases: Array, dx: Array,
) -> None:  # fmt: skip
    _, out_h, out_w, filters = a.shape
    dweights = np.empty(winograd.sums_at_points(dkernels.shape[1:], by_winograd), x.dtype)
    for first in range(part * size, min((part + 1) * size, len(x)), AT_ONCE):
        last = min(first + AT_ONCE, (part + 1) * size, len(x))
        dz = np.empty((last - first, out_h, out_w, filters), x.dtype)
        for image in range(first, last):
            gradient_of_image(
                dy[image], peaks[image], scale, argmax[image], pool_size, pool_strides, a[image],
                mean, slope, constant, means, slopes, constants, dz[image - first], dbiases[part],
            )  # fmt: skip
        add_gradients(
            x[first:last], dz, taps, windows, terms, dilation_rate, by_winograd, first == part * size,
            dweights, dkernels[part], dx[first:last],
        )  # fmt: skip
    if by_winograd:
        winograd.add_transformed_back(dweights, dkernels[part])


# For one image: windows side by side are done as they are read, the pixels outside of them row by row


@inner_njit
def relu_and_pool(
    a: Array, gamma: Array, pool_size: Pair, pool_strides: Pair, peaks: Array, argmax: Array, mean: Array
) -> None:
    """relu in place and pooling; ``mean``, where zeros were, becomes the filters' means."""
    h, w, filters = a.shape
    sums, columns = np.zeros((peaks.shape[0], filters), a.dtype), np.zeros(w * filters, a.dtype)
    rows, done = in_windows(peaks.shape[:2], pool_size, pool_strides)
    if rows:
        relu_and_pool_image(a, gamma, pool_size, peaks, argmax, sums)
    for i in range(h):
        first = done if i < rows else 0
        relu_and_sums(a[i, first:].reshape(-1), columns)
    if not rows:
        pool_scaled_image(a, gamma, pool_size, pool_strides, peaks, argmax)
    add_columns(sums.reshape(-1), mean)
    add_columns(columns, mean)
    for f in range(filters):
        mean[f] /= h * w


@inner_njit
def gradient_of_image(
    dy: Array, peaks: Array, scale: Array, argmax: Array, pool_size: Pair, pool_strides: Pair, a: Array,
    mean: Array, slope: Array, constant: Array, means: Array, slopes: Array, constants: Array, dz: Array, sums: Array,
) -> None:  # fmt: skip
    """dz: the line in a, and scale·dy more at the peaks, where a is positive; adds it to ``sums`` (w·filters)."""
    rows, done = in_windows(peaks.shape[:2], pool_size, pool_strides)
    if rows:
        unpool_on_line_image(dy, peaks, scale, argmax, pool_size, a, mean, slope, constant, dz, sums)
    for i in range(a.shape[0]):
        first = done if i < rows else 0
        row = a[i, first:].reshape(-1)
        line_where_positive(row, means, slopes, constants, dz[i, first:].reshape(-1), sums)
    if not rows:
        unpool_positive_image(dy, peaks, scale, argmax, pool_size, pool_strides, True, dz, sums)


@inner_njit
def in_windows(pooled_size: Pair, pool_size: Pair, pool_strides: Pair) -> Pair:
    """How many rows and columns lie in windows, where these are side by side; else none."""
    return covered(pooled_size, pool_size, pool_strides) if pool_size == pool_strides else (0, 0)

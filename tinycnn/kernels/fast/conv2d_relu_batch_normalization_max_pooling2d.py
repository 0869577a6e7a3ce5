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
from numba import prange

from tinycnn.kernels.engine.block_product import YES
from tinycnn.kernels.engine.image_rows import (
    add_columns,
    add_peak_sums,
    add_squares,
    line_where_positive,
    normalize,
    relu_and_sums,
    repeated,
    scale_and_inverse_std,
)
from tinycnn.kernels.engine.threads import parallel_njit, serial_njit
from tinycnn.kernels.engine.winograd import OUT, SMALL_OUT, add_transformed_back, inference_tile
from tinycnn.kernels.fast.conv2d import (
    ADJACENT,
    AT_ONCE,
    add_gradients,
    convolve_images,
    images_of_a_part,
    out_size,
    prepared_kernel,
    sums_at_points,
    total,
    transposed_taps,
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


@parallel_njit
def forward(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair,
    gamma: Array, beta: Array, epsilon: float, pool_size: Pair, pool_strides: Pair,
) -> tuple[Array, Array, Array, Array, Array, Array]:  # fmt: skip
    """y, a, peaks, argmax, mean, variance.

    Math:  a = relu(conv2d_forward(x, kernel, bias))    μ, σ² = mean and variance of a for each filter
           y, argmax = max_pooling2d_forward(γ·(a − μ)/√(σ² + ε) + β);  windows of at most 256 pixels
           peaks: the pixels of a that became y
    """
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    pooled_h, pooled_w = out_size((out_h, out_w), pool_size, pool_strides, ADJACENT)
    weights, winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w), SMALL_OUT)
    a = np.empty((n, out_h, out_w, filters), x.dtype)
    peaks = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    y, argmax = np.empty_like(peaks), np.empty(peaks.shape, np.uint8)
    means, squares = np.zeros((n, filters)), np.zeros((n, filters))
    for part in prange(-(-n // AT_ONCE)):
        first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, n)
        convolve_images(x[first:last], weights, bias, strides, dilation_rate, winograd, a[first:last])
        for image in range(first, last):
            relu_and_pool(a[image], gamma, pool_size, pool_strides, peaks[image], argmax[image], means[image])
            add_squares(a[image], means[image], squares[image])
    mean, variance = np.empty(filters, x.dtype), np.empty(filters, x.dtype)
    for f in range(filters):
        centre, square = 0.0, 0.0
        for image in range(n):
            centre += means[image, f] / n
        for image in range(n):
            square += squares[image, f] / (out_h * out_w) + (means[image, f] - centre) ** 2
        mean[f], variance[f] = centre, square / n
    scale, _ = scale_and_inverse_std(gamma, variance, epsilon)
    for image in prange(n):
        normalize(peaks[image], mean, scale, beta, y[image])
    return y, a, peaks, argmax, mean, variance


@parallel_njit
def inference(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair,
    gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """y alone, with given statistics."""
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    conv_size = out_size((h, w), (kh, kw), strides, dilation_rate)
    pooled_h, pooled_w = out_size(conv_size, pool_size, pool_strides, ADJACENT)
    out_h, out_w = covered((pooled_h, pooled_w), pool_size, pool_strides)
    y = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    tile = inference_tile((out_h, out_w))
    weights, winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w), tile)
    scale, _ = scale_and_inverse_std(gamma, variance, epsilon)
    for part in prange(-(-n // AT_ONCE)):
        first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, n)
        z = np.empty((last - first, out_h, out_w, filters), x.dtype)
        argmax = np.empty((pooled_h, pooled_w, filters), np.uint8)
        convolve_images(x[first:last], weights, bias, strides, dilation_rate, winograd, z)
        for image in range(first, last):
            pool_scaled_image(z[image - first], gamma, pool_size, pool_strides, y[image], argmax)
            normalize(y[image], mean, scale, beta, y[image])
    return y


@parallel_njit
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
    for image in prange(n):
        add_peak_sums(dy[image], peaks[image], mean, sums[image], products[image])
    dbeta, dgamma = total(sums).astype(x.dtype), total(products).astype(x.dtype)
    scale, inverse_std = scale_and_inverse_std(gamma, variance, epsilon)
    m = n * out_h * out_w
    constant, slope = np.empty(filters, x.dtype), np.empty(filters, x.dtype)
    for f in range(filters):
        constant[f] = -scale[f] * (sums[0, f] / m)
        slope[f] = -scale[f] * (products[0, f] / m * inverse_std[f] * inverse_std[f])
        dgamma[f] *= inverse_std[f]
    means, constants, slopes = repeated(mean, out_w), repeated(constant, out_w), repeated(slope, out_w)

    taps, winograd = prepared_kernel(transposed_taps(kernel), strides, dilation_rate, (out_h, out_w), OUT)
    dx = np.empty((n if input_gradient else 0, h, w, c), x.dtype)
    size = images_of_a_part(n, kernel.shape, (out_h, out_w), winograd)
    parts = -(-n // size)
    dkernels = np.zeros((parts, kernel.shape[0], kernel.shape[1], c, filters), x.dtype)
    dbiases = np.zeros((parts, out_w * filters), x.dtype)
    for part in prange(parts):
        dweights = sums_at_points(kernel.shape, winograd, x)
        for first in range(part * size, min((part + 1) * size, n), AT_ONCE):
            last = min(first + AT_ONCE, (part + 1) * size, n)
            dz = np.empty((last - first, out_h, out_w, filters), x.dtype)
            for image in range(first, last):
                gradient_of_image(
                    dy[image], peaks[image], scale, argmax[image], pool_size, pool_strides, a[image],
                    mean, slope, constant, means, slopes, constants, dz[image - first], dbiases[part],
                )  # fmt: skip
            add_gradients(
                x[first:last], dz, taps, strides, dilation_rate, winograd, first == part * size,
                dweights, dkernels[part], dx[first:last],
            )  # fmt: skip
        if winograd:
            add_transformed_back(dweights, dkernels[part])
    dbias_sums = np.zeros(filters)
    add_columns(total(dbiases), dbias_sums)
    return dx, total(dkernels).reshape(kernel.shape), dbias_sums.astype(x.dtype), dgamma, dbeta


# For one image: windows side by side are done as they are read, the pixels outside of them row by row


@serial_njit
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
    mean /= h * w


@serial_njit
def gradient_of_image(
    dy: Array, peaks: Array, scale: Array, argmax: Array, pool_size: Pair, pool_strides: Pair, a: Array,
    mean: Array, slope: Array, constant: Array, means: Array, slopes: Array, constants: Array, dz: Array, sums: Array,
) -> None:  # fmt: skip
    """dz: the line in a, and scale·dy more at the peaks, where a is positive; adds it to ``sums`` (w·filters).

    ``means``, ``slopes`` and ``constants`` are those of the filters, repeated for each pixel of a row.
    """
    rows, done = in_windows(peaks.shape[:2], pool_size, pool_strides)
    if rows:
        unpool_on_line_image(dy, peaks, scale, argmax, pool_size, a, mean, slope, constant, dz, sums)
    for i in range(a.shape[0]):
        first = done if i < rows else 0
        row = a[i, first:].reshape(-1)
        line_where_positive(row, means, slopes, constants, dz[i, first:].reshape(-1), sums)
    if not rows:
        unpool_positive_image(dy, peaks, scale, argmax, pool_size, pool_strides, YES, dz, sums)


@serial_njit
def in_windows(pooled_size: Pair, pool_size: Pair, pool_strides: Pair) -> Pair:
    """How many rows and columns lie in windows, where these are side by side; else none."""
    return covered(pooled_size, pool_size, pool_strides) if pool_size == pool_strides else (0, 0)

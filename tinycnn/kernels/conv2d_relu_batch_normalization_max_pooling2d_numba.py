"""Convolution, ReLU, batch normalization and max pooling in two passes over the images, forward and backward.

Two, because the statistics of the whole batch lie between them: the first makes the convolution's output and its sums,
the second normalises each image and pools it while it is in the cache. Backward likewise: first the sums over the batch
that the gradient needs, then image by image all the rest. What the layers compute one by one is in ``conv2d.py``,
``activations.py``, ``batch_normalization.py`` and ``max_pooling2d.py``.

Each image has sums of its own, which are added in order: the bits never depend on the threads. Statistics are taken in
two passes, around each image's own mean; partial sums over a column of pixels are float32 or float64 like the data, all
further ones float64.

Source:  Chan, Golub & LeVeque 1983, doi:10.1080/00031305.1983.10483115, eq. 2.1, for variances of several parts
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinycnn.kernels.conv2d_numba import (
    PARTS,
    add_gradients,
    convolve,
    convolve_images,
    out_size,
    prepared_kernel,
    total,
    transposed_taps,
    window_tables,
)
from tinycnn.kernels.conv2d_relu_max_pooling2d_numba import AT_ONCE
from tinycnn.kernels.image_rows_numba import add_columns, relu_and_statistics, repeated, scale_and_inverse_std
from tinycnn.kernels.max_pooling2d_numba import pool_image, unpool_image
from tinycnn.kernels.threads_numba import parallel_njit

Array = np.ndarray
Pair = tuple[int, int]


@parallel_njit
def activate(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> tuple[Array, Array, Array]:
    """a = relu(conv2d_forward(x, kernel, bias)), and its mean and variance for each filter."""
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    windows, terms = window_tables(w, c, (kh, kw), (out_h, out_w), strides, dilation_rate)
    a = np.empty((n, out_h, out_w, filters), x.dtype)
    means, squares = np.zeros((n, filters)), np.zeros((n, filters))
    for image in prange(n):
        convolve(x[image], kernel, bias, windows, terms, 0, len(windows), a[image])
        relu_and_statistics(a[image].reshape(out_h, out_w * filters), means[image], squares[image])
    mean, variance = np.empty(filters, x.dtype), np.empty(filters, x.dtype)
    for f in range(filters):
        centre, square = 0.0, 0.0
        for image in range(n):
            centre += means[image, f] / n
        for image in range(n):
            square += squares[image, f] / (out_h * out_w) + (means[image, f] - centre) ** 2
        mean[f], variance[f] = centre, square / n
    return a, mean, variance


@parallel_njit
def normalize_and_pool(
    a: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, pool_size: Pair, strides: Pair
) -> tuple[Array, Array]:
    """Math: y, argmax = max_pooling2d_forward(γ·(a − μ)/√(σ² + ε) + β);  windows of at most 256 pixels"""
    n, h, w, filters = a.shape
    pooled_h, pooled_w = out_size((h, w), pool_size, strides, (1, 1))
    y = np.empty((n, pooled_h, pooled_w, filters), a.dtype)
    argmax = np.empty((n, pooled_h, pooled_w, filters), np.uint8)
    scale, _ = scale_and_inverse_std(gamma, variance, epsilon)
    means, scales, betas = repeated(mean, w), repeated(scale, w), repeated(beta, w)
    for image in prange(n):
        normalized = np.empty((h, w, filters), a.dtype)
        for i in range(h):
            pixels, out = a[image, i].reshape(-1), normalized[i].reshape(-1)
            for k in range(len(out)):
                out[k] = (pixels[k] - means[k]) * scales[k] + betas[k]
        pool_image(normalized, pool_size, strides, y[image], argmax[image])
    return y, argmax


@parallel_njit
def inference(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair,
    gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float, pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """The same with given statistics, in one pass."""
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    pooled_h, pooled_w = out_size((out_h, out_w), pool_size, pool_strides, (1, 1))
    y = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    weights, winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w))
    scale, _ = scale_and_inverse_std(gamma, variance, epsilon)
    means, scales, betas = repeated(mean, out_w), repeated(scale, out_w), repeated(beta, out_w)
    for part in prange(-(-n // AT_ONCE)):
        first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, n)
        a = np.empty((last - first, out_h, out_w, filters), x.dtype)
        argmax = np.empty((pooled_h, pooled_w, filters), np.uint8)
        convolve_images(x[first:last], weights, bias, strides, dilation_rate, winograd, a)
        for image in range(first, last):
            for i in range(out_h):
                pixels = a[image - first, i].reshape(-1)
                for k in range(len(pixels)):
                    activated = 0 if pixels[k] <= 0 else pixels[k]
                    pixels[k] = (activated - means[k]) * scales[k] + betas[k]
            pool_image(a[image - first], pool_size, pool_strides, y[image], argmax)
    return y


@parallel_njit
def backward(
    dy: Array, x: Array, a: Array, argmax: Array, kernel: Array, gamma: Array, mean: Array, variance: Array,
    epsilon: float, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair, input_gradient: bool,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """dx, dkernel, dbias, dgamma and dbeta; dx is empty without ``input_gradient``."""
    n, h, w, c = x.shape
    _, out_h, out_w, filters = a.shape
    row = out_w * filters
    means = repeated(mean, out_w)
    sums, products = np.zeros((n, filters)), np.zeros((n, filters))
    for image in prange(n):
        d, columns = np.empty((out_h, out_w, filters), x.dtype), np.zeros(row, x.dtype)
        unpool_image(dy[image], argmax[image], pool_size, pool_strides, d)
        for i in range(out_h):
            gradient, pixels = d[i].reshape(-1), a[image, i].reshape(-1)
            for k in range(row):
                columns[k] += gradient[k] * (pixels[k] - means[k])
        add_columns(columns, products[image])
        add_columns(dy[image].reshape(-1), sums[image])
    dbeta, dgamma = total(sums).astype(x.dtype), total(products).astype(x.dtype)
    scale, inverse_std = scale_and_inverse_std(gamma, variance, epsilon)
    m = n * out_h * out_w
    mean_dy, slope = np.empty(filters, x.dtype), np.empty(filters, x.dtype)
    for f in range(filters):
        mean_dy[f], slope[f] = sums[0, f] / m, products[0, f] / m * inverse_std[f] * inverse_std[f]
        dgamma[f] *= inverse_std[f]
    scales, slopes, means_dy = repeated(scale, out_w), repeated(slope, out_w), repeated(mean_dy, out_w)

    taps, winograd = prepared_kernel(transposed_taps(kernel), strides, dilation_rate, (out_h, out_w))
    dx = np.empty((n if input_gradient else 0, h, w, c), x.dtype)
    dkernels = np.zeros((PARTS, kernel.shape[0], kernel.shape[1], c, filters), x.dtype)
    dbiases = np.zeros((PARTS, row), x.dtype)
    size = -(-n // PARTS)
    for part in prange(PARTS):
        dbias, constant = dbiases[part], np.empty(row, x.dtype)
        for first in range(part * size, min((part + 1) * size, n), AT_ONCE):
            last = min(first + AT_ONCE, (part + 1) * size, n)
            dz = np.empty((last - first, out_h, out_w, filters), x.dtype)
            for image in range(first, last):
                unpool_image(dy[image], argmax[image], pool_size, pool_strides, dz[image - first])
                for i in range(out_h):  # several short loops: LLVM makes vectors only where few arrays may overlap
                    gradient, pixels = dz[image - first, i].reshape(-1), a[image, i].reshape(-1)
                    for k in range(row):
                        constant[k] = means_dy[k] + (pixels[k] - means[k]) * slopes[k]
                    for k in range(row):
                        gradient[k] = scales[k] * (gradient[k] - constant[k]) if pixels[k] > 0 else 0
                    for k in range(row):
                        dbias[k] += gradient[k]
            add_gradients(x[first:last], dz, taps, strides, dilation_rate, winograd, dkernels[part], dx[first:last])
    dbias_sums = np.zeros(filters)
    add_columns(total(dbiases), dbias_sums)
    return dx, total(dkernels).reshape(kernel.shape), dbias_sums.astype(x.dtype), dgamma, dbeta

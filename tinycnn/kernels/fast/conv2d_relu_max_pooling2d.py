"""Convolution, ReLU and max pooling in one pass over the images, forward and backward.

Done one after the other, each writes an array of 2.7 MB for the notebook's first layer, and the next one reads it back
from memory. Here a few images at a time, the convolution's output stays in the processor's cache and is never kept: its
gradient is zero but for the maxima, so y and argmax say all that backward needs. What the layers compute one by one is
in ``conv2d.py``, ``activations.py`` and ``max_pooling2d.py``.

The images are cut into parts, whatever the number of threads. Each part adds up its own gradients, and these are added
in order: the bits never depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinycnn.kernels.engine.block_product import NO, YES
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
from tinycnn.kernels.fast.max_pooling2d import covered, pool_image, unpool_positive_image

Array = np.ndarray
Pair = tuple[int, int]


def forward(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair
) -> tuple[Array, Array]:
    """Math: y, argmax = max_pooling2d_forward(relu(conv2d_forward(x, kernel, bias)));  windows of at most 256 pixels"""
    return _forward(x, kernel, bias, strides, dilation_rate, pool_size, pool_strides, YES)


def inference(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair
) -> Array:
    """y alone, with large tiles where Winograd's way pays: here its rounding errors decide over no gradient."""
    return _forward(x, kernel, bias, strides, dilation_rate, pool_size, pool_strides, NO)[0]


@parallel_njit
def _forward(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair,
    training: bool,
) -> tuple[Array, Array]:  # fmt: skip
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    conv_size = out_size((h, w), (kh, kw), strides, dilation_rate)
    pooled_h, pooled_w = out_size(conv_size, pool_size, pool_strides, ADJACENT)
    out_h, out_w = covered((pooled_h, pooled_w), pool_size, pool_strides)
    y = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    argmax = np.empty((n, pooled_h, pooled_w, filters), np.uint8)
    tile = SMALL_OUT if training else inference_tile((out_h, out_w))
    weights, winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w), tile)
    for part in prange(-(-n // AT_ONCE)):
        first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, n)
        z = np.empty((last - first, out_h, out_w, filters), x.dtype)
        convolve_images(x[first:last], weights, bias, strides, dilation_rate, winograd, z)
        for image in range(first, last):
            pool_image(z[image - first], pool_size, pool_strides, y[image], argmax[image])
            relu_in_place(y[image].reshape(-1))  # relu of the maximum is the maximum of the relus
    return y, argmax


@parallel_njit
def backward(
    dy: Array, x: Array, y: Array, argmax: Array, kernel: Array,
    strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair, input_gradient: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """dx, dkernel and dbias of `forward`; dx is empty without ``input_gradient``."""
    n, h, w, c = x.shape
    filters = kernel.shape[3]
    conv_size = covered(dy.shape[1:3], pool_size, pool_strides)
    taps, winograd = prepared_kernel(transposed_taps(kernel), strides, dilation_rate, conv_size, OUT)
    dx = np.empty((n if input_gradient else 0, h, w, c), x.dtype)
    size = images_of_a_part(n, kernel.shape, conv_size, winograd)
    parts = -(-n // size)
    dkernels = np.zeros((parts, kernel.shape[0], kernel.shape[1], c, filters), x.dtype)
    dbiases, ones = np.zeros((parts, filters), x.dtype), np.ones(filters, x.dtype)
    for part in prange(parts):
        dweights = sums_at_points(kernel.shape, winograd, x)
        for first in range(part * size, min((part + 1) * size, n), AT_ONCE):
            last = min(first + AT_ONCE, (part + 1) * size, n)
            dz = np.empty((last - first, conv_size[0], conv_size[1], filters), x.dtype)
            for image in range(first, last):
                unpool_positive_image(
                    dy[image], y[image], ones, argmax[image], pool_size, pool_strides, NO,
                    dz[image - first], dbiases[part],
                )  # fmt: skip
            add_gradients(
                x[first:last], dz, taps, strides, dilation_rate, winograd, first == part * size,
                dweights, dkernels[part], dx[first:last],
            )  # fmt: skip
        if winograd:
            add_transformed_back(dweights, dkernels[part])
    return dx, total(dkernels).reshape(kernel.shape), total(dbiases)


@serial_njit
def relu_in_place(values: Array) -> None:
    for i in range(values.size):
        values[i] = 0 if values[i] <= 0 else values[i]

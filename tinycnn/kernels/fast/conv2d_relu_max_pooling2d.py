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

from tinycnn.kernels.engine import winograd
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
from tinycnn.kernels.fast.max_pooling2d import covered, pool_image, unpool_positive_image

Array = np.ndarray
Pair = tuple[int, int]


def forward(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair,
    training: bool = True,
) -> tuple[Array, Array]:  # fmt: skip
    """Math: y, argmax = max_pooling2d_forward(relu(conv2d_forward(x, kernel, bias)));  windows of at most 256 pixels"""
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    pooled_h, pooled_w = out_size(out_size((h, w), (kh, kw), strides, dilation_rate), pool_size, pool_strides, ADJACENT)
    conv_size = covered((pooled_h, pooled_w), pool_size, pool_strides)
    tile = winograd.SMALL_OUT if training else winograd.inference_tile(conv_size)
    weights, by_winograd = prepared_kernel(kernel, strides, dilation_rate, conv_size, tile)
    windows, terms = window_tables(w, c, (kh, kw), conv_size, strides, dilation_rate)
    y = np.empty((n, pooled_h, pooled_w, filters), x.dtype)
    argmax = np.empty(y.shape, np.uint8)
    _forward(
        -(-n // AT_ONCE), x, weights, bias, windows, terms, by_winograd, conv_size, pool_size, pool_strides, y, argmax
    )
    return y, argmax


def inference(
    x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair
) -> Array:
    """y alone, with large tiles where Winograd's way pays: here its rounding errors decide over no gradient."""
    return forward(x, kernel, bias, strides, dilation_rate, pool_size, pool_strides, training=False)[0]


@parallel_njit
def _forward(
    part: int, x: Array, weights: Array, bias: Array, windows: Array, terms: Array, by_winograd: bool,
    conv_size: Pair, pool_size: Pair, pool_strides: Pair, y: Array, argmax: Array,
) -> None:  # fmt: skip
    first, last = part * AT_ONCE, min((part + 1) * AT_ONCE, len(x))
    z = np.empty((last - first, conv_size[0], conv_size[1], y.shape[3]), x.dtype)
    convolve_images(x[first:last], weights, bias, windows, terms, by_winograd, z)
    for image in range(first, last):
        pool_image(z[image - first], pool_size, pool_strides, y[image], argmax[image])
        relu_in_place(y[image].reshape(-1))  # relu of the maximum is the maximum of the relus


def backward(
    dy: Array, x: Array, y: Array, argmax: Array, kernel: Array,
    strides: Pair, dilation_rate: Pair, pool_size: Pair, pool_strides: Pair, input_gradient: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """dx, dkernel and dbias of `forward`; dx is empty without ``input_gradient``."""
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    conv_size = covered(dy.shape[1:3], pool_size, pool_strides)
    taps, by_winograd = prepared_taps(kernel, strides, dilation_rate, conv_size, input_gradient)
    windows, terms = window_tables(w, c, (kh, kw), conv_size, strides, dilation_rate)
    dx = np.empty((n if input_gradient else 0, h, w, c), x.dtype)
    size = images_of_a_part(n, kernel.shape, conv_size, by_winograd)
    parts = -(-n // size)
    dkernels, dbiases = np.zeros((parts, *kernel.shape), x.dtype), np.zeros((parts, filters), x.dtype)
    _backward(
        parts, dy, x, y, argmax, taps, windows, terms, dilation_rate, by_winograd, conv_size, pool_size, pool_strides,
        size, np.ones(filters, x.dtype), dkernels, dbiases, dx,
    )  # fmt: skip
    return dx, total(dkernels), total(dbiases)


@parallel_njit
def _backward(
    part: int, dy: Array, x: Array, y: Array, argmax: Array, taps: Array, windows: Array, terms: Array,
    dilation_rate: Pair, by_winograd: bool, conv_size: Pair, pool_size: Pair, pool_strides: Pair,
    size: int, ones: Array, dkernels: Array, dbiases: Array, dx: Array,
) -> None:  # fmt: skip
    dweights = np.empty(winograd.sums_at_points(dkernels.shape[1:], by_winograd), x.dtype)
    for first in range(part * size, min((part + 1) * size, len(x)), AT_ONCE):
        last = min(first + AT_ONCE, (part + 1) * size, len(x))
        dz = np.empty((last - first, conv_size[0], conv_size[1], dy.shape[3]), x.dtype)
        for image in range(first, last):
            unpool_positive_image(
                dy[image], y[image], ones, argmax[image], pool_size, pool_strides, False,
                dz[image - first], dbiases[part],
            )  # fmt: skip
        add_gradients(
            x[first:last], dz, taps, windows, terms, dilation_rate, by_winograd, first == part * size,
            dweights, dkernels[part], dx[first:last],
        )  # fmt: skip
    if by_winograd:
        winograd.add_transformed_back(dweights, dkernels[part])


@inner_njit
def relu_in_place(values: Array) -> None:
    for i in range(values.size):
        values[i] = 0 if values[i] <= 0 else values[i]

"""Max pooling, fast: the twin of ``max_pooling2d.py``. Images are shared out among the threads."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.block_product import offsets
from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.pool_window import (
    pool_scaled_windows,
    pool_windows,
    relu_and_pool_windows,
    unpool_on_line_windows,
    unpool_positive_windows,
    unpool_windows,
)
from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray
Pair = tuple[int, int]


def max_pooling2d_forward(x: Array, pool_size: Pair, strides: Pair) -> tuple[Array, Array]:
    (ph, pw), (sh, sw) = pool_size, strides
    n, h, w, c = x.shape
    y = np.empty((n, (h - ph) // sh + 1, (w - pw) // sw + 1, c), x.dtype)
    argmax = np.empty(y.shape, np.uint8 if ph * pw <= 256 else np.int32)
    _forward(len(x), x, pool_size, strides, y, argmax)
    return y, argmax


def max_pooling2d_backward(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    dx = np.empty((len(dy), image_size[0], image_size[1], dy.shape[3]), dy.dtype)
    _backward(len(dy), dy, argmax, pool_size, strides, dx)
    return dx


@parallel_njit
def _forward(image: int, x: Array, pool_size: Pair, strides: Pair, y: Array, argmax: Array) -> None:
    pool_image(x[image], pool_size, strides, y[image], argmax[image])


@parallel_njit
def _backward(image: int, dy: Array, argmax: Array, pool_size: Pair, strides: Pair, dx: Array) -> None:
    unpool_image(dy[image], argmax[image], pool_size, strides, dx[image])


@inner_njit
def pool_image(x: Array, pool_size: Pair, strides: Pair, y: Array, argmax: Array) -> None:
    """The largest pixel of each window of one image (h, w, c), and its place in the window."""
    _, w, c = x.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    pixels, maxima, places = x.reshape(-1), y.reshape(-1), argmax.reshape(-1)
    for i in range(y.shape[0]):
        start, to = i * strides[0] * w * c, i * y.shape[1] * c
        pool_windows(pixels, start, strides[1] * c, taps, maxima, places, to, y.shape[1], c)


@inner_njit
def pool_scaled_image(x: Array, gamma: Array, pool_size: Pair, strides: Pair, peaks: Array, argmax: Array) -> None:
    """Of each window the pixel relu(x) for which γ·relu(x) is largest, with one γ per channel, and its place."""
    _, w, c = x.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    pixels, chosen, places = x.reshape(-1), peaks.reshape(-1), argmax.reshape(-1)
    for i in range(peaks.shape[0]):
        start, to = i * strides[0] * w * c, i * peaks.shape[1] * c
        pool_scaled_windows(pixels, start, strides[1] * c, taps, chosen, places, to, peaks.shape[1], c, gamma)


@inner_njit
def relu_and_pool_image(x: Array, gamma: Array, pool_size: Pair, peaks: Array, argmax: Array, sums: Array) -> None:
    """The same for windows side by side; the pixels that some window reads become relu(x).

    Adds them to ``sums`` (h, c), a row of windows to a row of it.
    """
    _, w, c = x.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    pixels, chosen, places = x.reshape(-1), peaks.reshape(-1), argmax.reshape(-1)
    for i in range(peaks.shape[0]):
        start, to = i * pool_size[0] * w * c, i * peaks.shape[1] * c
        relu_and_pool_windows(
            pixels, start, pool_size[1] * c, taps, chosen, places, to, peaks.shape[1], c, gamma, sums[i]
        )


@inner_njit
def unpool_image(dy: Array, argmax: Array, pool_size: Pair, strides: Pair, dx: Array) -> None:
    """Each window's gradient at the pixel that was its maximum, zero elsewhere; dx (h, w, c) is written."""
    _, w, c = dx.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    gradients, places, pixels = dy.reshape(-1), argmax.reshape(-1), dx.reshape(-1)
    pixels[:] = 0
    for i in range(dy.shape[0]):
        start, to = i * dy.shape[1] * c, i * strides[0] * w * c
        unpool_windows(gradients, places, start, taps, pixels, to, strides[1] * c, dy.shape[1], c)


@inner_njit
def unpool_positive_image(
    dy: Array, y: Array, factor: Array, argmax: Array, pool_size: Pair, strides: Pair, adds: bool, dx: Array,
    sums: Array,
) -> None:  # fmt: skip
    """The same for factor·dy where y is positive, with a factor per channel; dx is written, or added to with ``adds``.

    To be written, dx must end where the last windows do (`covered`). The gradient's sums are added to the first numbers
    of ``sums``, one per channel.
    """
    _, w, c = dx.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    gradients, maxima, places, pixels = dy.reshape(-1), y.reshape(-1), argmax.reshape(-1), dx.reshape(-1)
    writes = not adds and pool_size == strides
    if not (adds or writes):
        pixels[:] = 0
    for i in range(dy.shape[0]):
        start, to = i * dy.shape[1] * c, i * strides[0] * w * c
        unpool_positive_windows(
            gradients, places, start, taps, pixels, to, strides[1] * c, dy.shape[1], c, maxima, factor, sums, not writes
        )


@inner_njit
def unpool_on_line_image(
    dy: Array, y: Array, factor: Array, argmax: Array, pool_size: Pair,
    a: Array, mean: Array, slope: Array, constant: Array, dx: Array, sums: Array,
) -> None:  # fmt: skip
    """The same for windows side by side, added to a line in a: (a − mean)·slope + constant where a is positive, else 0.

    Only what some window reads is written; all of that counts in ``sums``.
    """
    _, w, c = dx.shape
    taps = offsets(pool_size[0], w * c, pool_size[1], c)
    gradients, maxima, places, pixels = dy.reshape(-1), y.reshape(-1), argmax.reshape(-1), dx.reshape(-1)
    for i in range(dy.shape[0]):
        start, to = i * dy.shape[1] * c, i * pool_size[0] * w * c
        unpool_on_line_windows(
            gradients, places, start, taps, pixels, to, pool_size[1] * c, dy.shape[1], c, maxima, factor, sums, False,
            a.reshape(-1), mean, slope, constant,
        )  # fmt: skip


@inner_njit
def covered(pooled_size: Pair, pool_size: Pair, pool_strides: Pair) -> Pair:
    """How many rows and columns of the image some window reads, from the first to the last."""
    (h, w), (ph, pw), (sh, sw) = pooled_size, pool_size, pool_strides
    return (h - 1) * sh + ph, (w - 1) * sw + pw

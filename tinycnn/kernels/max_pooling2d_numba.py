"""Max pooling, fast: the twin of ``max_pooling2d.py``. Images are shared out among the threads."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

Array = np.ndarray
Pair = tuple[int, int]


def max_pooling2d_forward(x: Array, pool_size: Pair, strides: Pair) -> tuple[Array, Array]:
    (ph, pw), (sh, sw) = pool_size, strides
    n, h, w, c = x.shape
    y = np.empty((n, (h - ph) // sh + 1, (w - pw) // sw + 1, c), x.dtype)
    argmax = np.empty(y.shape, np.uint8 if ph * pw <= 256 else np.int32)
    _forward(x, pool_size, strides, y, argmax)
    return y, argmax


@njit(parallel=True, cache=True)
def _forward(x: Array, pool_size: Pair, strides: Pair, y: Array, argmax: Array) -> None:
    for image in prange(len(x)):
        pool_image(x[image], pool_size, strides, y[image], argmax[image])


@njit(parallel=True, cache=True)
def max_pooling2d_backward(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    dx = np.empty((len(dy), image_size[0], image_size[1], dy.shape[3]), dy.dtype)
    for image in prange(len(dy)):
        unpool_image(dy[image], argmax[image], pool_size, strides, dx[image])
    return dx


@njit(cache=True)
def pool_image(x: Array, pool_size: Pair, strides: Pair, y: Array, argmax: Array) -> None:
    """The largest pixel of each window of one image (h, w, c), and its place in the window."""
    (ph, pw), (sh, sw) = pool_size, strides
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            best, place = y[i, j], argmax[i, j]
            best[:] = x[i * sh, j * sw]
            place[:] = 0
            for t in range(1, ph * pw):
                pixel = x[i * sh + t // pw, j * sw + t % pw]
                for c in range(len(best)):  # innermost, so that it runs on whole vectors
                    larger = pixel[c] > best[c]
                    best[c] = pixel[c] if larger else best[c]
                    place[c] = t if larger else place[c]


@njit(cache=True)
def unpool_image(dy: Array, argmax: Array, pool_size: Pair, strides: Pair, dx: Array) -> None:
    """Each window's gradient at the pixel that was its maximum, zero elsewhere; dx (h, w, c) is written."""
    (ph, pw), (sh, sw) = pool_size, strides
    dx[:] = 0
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            gradient, place = dy[i, j], argmax[i, j]
            for t in range(ph * pw):
                pixel = dx[i * sh + t // pw, j * sw + t % pw]
                for c in range(len(gradient)):
                    pixel[c] += gradient[c] if place[c] == t else 0

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
    (ph, pw), (sh, sw) = pool_size, strides
    n, out_h, out_w, channels = y.shape
    for image in prange(n):
        for i in range(out_h):
            for j in range(out_w):
                best, place = y[image, i, j], argmax[image, i, j]
                best[:] = x[image, i * sh, j * sw]
                place[:] = 0
                for t in range(1, ph * pw):
                    pixel = x[image, i * sh + t // pw, j * sw + t % pw]
                    for c in range(channels):  # innermost, so that it runs on whole vectors
                        larger = pixel[c] > best[c]
                        best[c] = pixel[c] if larger else best[c]
                        place[c] = t if larger else place[c]


@njit(parallel=True, cache=True)
def max_pooling2d_backward(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    (ph, pw), (sh, sw) = pool_size, strides
    n, out_h, out_w, channels = dy.shape
    dx = np.empty((n, image_size[0], image_size[1], channels), dy.dtype)
    for image in prange(n):
        dx[image] = 0
        for i in range(out_h):
            for j in range(out_w):
                gradient, place = dy[image, i, j], argmax[image, i, j]
                for t in range(ph * pw):
                    pixel = dx[image, i * sh + t // pw, j * sw + t % pw]
                    for c in range(channels):
                        pixel[c] += gradient[c] if place[c] == t else 0
    return dx

"""Average pooling, written to be read."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.conv2d import tap

Array = np.ndarray
Pair = tuple[int, int]


def average_pooling2d_forward(x: Array, counts: Array, pool_size: Pair, strides: Pair) -> Array:
    """The mean of each window.

    Math:    y[n,i,j,c] = Σ_{a,b} x[n, i·s_h + a, j·s_w + b, c] / counts[i,j]
    Shapes:  x (n, h, w, c);  counts (out_h, out_w, 1): the pixels in each window that are not padding;
             y (n, out_h, out_w, c)
    """
    out_h, out_w, _ = counts.shape
    total = np.zeros((len(x), out_h, out_w, x.shape[3]), x.dtype)
    for a in range(pool_size[0]):
        for b in range(pool_size[1]):
            total += tap(x, a, b, (out_h, out_w), strides)
    return total / counts


def average_pooling2d_backward(dy: Array, counts: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    """Each pixel of a window gets an equal share of the window's gradient.

    Math:    dx[n, i·s_h + a, j·s_w + b, c] += dy[n,i,j,c] / counts[i,j]   for every i, j, a, b
    Shapes:  dy (n, out_h, out_w, c);  counts (out_h, out_w, 1);  image_size (h, w);  dx (n, h, w, c)
    """
    dx = np.zeros((len(dy), *image_size, dy.shape[3]), dy.dtype)
    share = dy / counts
    for a in range(pool_size[0]):
        for b in range(pool_size[1]):
            tap(dx, a, b, dy.shape[1:3], strides)[...] += share
    return dx

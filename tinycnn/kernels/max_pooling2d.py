"""Max pooling, written to be read: keep the largest pixel of each window and remember where it stood."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.conv2d import tap

Array = np.ndarray
Pair = tuple[int, int]


def max_pooling2d_forward(x: Array, pool_size: Pair, strides: Pair) -> tuple[Array, Array]:
    """The largest pixel of each window, and its place in the window.

    Math:    y[n,i,j,c] = max_{a,b} x[n, i·s_h + a, j·s_w + b, c];  argmax = a·pool_w + b of the first maximum
    Shapes:  x (n, h, w, c);  y, argmax (n, out_h, out_w, c);  argmax is uint8, or int32 for windows over 256
    """
    (ph, pw), (sh, sw) = pool_size, strides
    out_size = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
    y = tap(x, 0, 0, out_size, strides).copy()
    argmax = np.zeros(y.shape, np.uint8 if ph * pw <= 256 else np.int32)
    for a in range(ph):
        for b in range(pw):
            pixels = tap(x, a, b, out_size, strides)
            larger = pixels > y  # strictly: of equal pixels the first one stays
            y[larger] = pixels[larger]
            argmax[larger] = a * pw + b
    return y, argmax


def max_pooling2d_backward(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    """Each window's gradient goes to the pixel that was its maximum; where windows overlap, gradients add up.

    Math:    dx[n, i·s_h + a, j·s_w + b, c] += dy[n,i,j,c]   where (a, b) = divmod(argmax[n,i,j,c], pool_w)
    Shapes:  dy, argmax (n, out_h, out_w, c);  image_size (h, w);  dx (n, h, w, c)
    """
    n, out_h, out_w, channels = dy.shape
    dx = np.zeros((n, *image_size, channels), dy.dtype)
    for a in range(pool_size[0]):
        for b in range(pool_size[1]):
            won = argmax == a * pool_size[1] + b
            tap(dx, a, b, (out_h, out_w), strides)[...] += np.where(won, dy, 0)
    return dx

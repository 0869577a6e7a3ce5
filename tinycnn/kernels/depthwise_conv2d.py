"""Convolution of each channel by itself, written to be read.

The double loop of ``conv2d.py``, with products of numbers where a matrix product mixed the channels: each output costs
kh·kw products instead of kh·kw·c.
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.conv2d import tap

Array = np.ndarray
Pair = tuple[int, int]


def depthwise_conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    """Slide m kernels over each channel.

    Math:    z[n,i,j,c·m+q] = bias[c·m+q] + Σ_{a,b} x[n, i·s_h + a·d_h, j·s_w + b·d_w, c] · kernel[a,b,c,q]
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, m);  bias (c·m,);  z (n, out_h, out_w, c·m)
             out_h = (h − (kh − 1)·d_h − 1) // s_h + 1, and out_w likewise
    """
    n, h, w, _ = x.shape
    kh, kw, channels, m = kernel.shape
    (sh, sw), (dh, dw) = strides, dilation_rate
    out_h, out_w = (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1
    x, taps = x.repeat(m, axis=3), kernel.reshape(kh, kw, channels * m)
    z = np.empty((n, out_h, out_w, channels * m), x.dtype)
    z[...] = bias
    for a in range(kh):
        for b in range(kw):
            z += tap(x, a * dh, b * dw, (out_h, out_w), strides) * taps[a, b]
    return z


def depthwise_conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    """The gradients of kernel and bias.

    Math:    dkernel[a,b,c,q] = Σ_{n,i,j} x[n, i·s_h + a·d_h, j·s_w + b·d_w, c] · dz[n,i,j,c·m+q]
             dbias[f] = Σ_{n,i,j} dz[n,i,j,f]
    Shapes:  x (n, h, w, c);  dz (n, out_h, out_w, c·m);  dkernel (kh, kw, c, m);  dbias (c·m,)
    """
    (kh, kw), (dh, dw) = kernel_size, dilation_rate
    channels = x.shape[3]
    m = dz.shape[3] // channels
    x = x.repeat(m, axis=3)
    dtaps = np.empty((kh, kw, channels * m), x.dtype)
    for a in range(kh):
        for b in range(kw):
            dtaps[a, b] = (tap(x, a * dh, b * dw, dz.shape[1:3], strides) * dz).sum(axis=(1, 2)).sum(axis=0)
    return dtaps.reshape(kh, kw, channels, m), dz.sum(axis=(0, 1, 2))


def depthwise_conv2d_backward_input(
    dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair
) -> Array:
    """The gradient of the images.

    Math:    dx[n, i·s_h + a·d_h, j·s_w + b·d_w, c] += Σ_q dz[n,i,j,c·m+q] · kernel[a,b,c,q]   for every i, j, a, b
    Shapes:  dz (n, out_h, out_w, c·m);  kernel (kh, kw, c, m);  image_size (h, w);  dx (n, h, w, c)
    """
    kh, kw, channels, m = kernel.shape
    dh, dw = dilation_rate
    taps = kernel.reshape(kh, kw, channels * m)
    dx = np.zeros((len(dz), *image_size, channels * m), dz.dtype)
    for a in range(kh):
        for b in range(kw):
            tap(dx, a * dh, b * dw, dz.shape[1:3], strides)[...] += dz * taps[a, b]
    return dx if m == 1 else dx.reshape(*dx.shape[:3], channels, m).sum(axis=4)

"""Convolution of images, written to be read.

Both directions are one double loop over the kernel's taps: shift the image, mix its channels with one matrix
product, add. Images are (n, h, w, channels); there is no padding here (layers pad).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray
Pair = tuple[int, int]


def tap(x: Array, a: int, b: int, out_size: Pair, strides: Pair) -> Array:
    """The pixel that lies ``a`` rows and ``b`` columns into each window: a view, (n, out_h, out_w, c)."""
    (out_h, out_w), (sh, sw) = out_size, strides
    return x[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw]


def conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    """Slide a kernel over the images (a cross-correlation: the kernel is not flipped).

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, i·s_h + a·d_h, j·s_w + b·d_w, c] · kernel[a,b,c,f]
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, filters);  bias (filters,);  z (n, out_h, out_w, filters)
             out_h = (h − (kh − 1)·d_h − 1) // s_h + 1, and out_w likewise
    """
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    (sh, sw), (dh, dw) = strides, dilation_rate
    out_h, out_w = (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1
    z = np.empty((n, out_h, out_w, filters), x.dtype)
    z[...] = bias
    for a in range(kh):
        for b in range(kw):
            z += tap(x, a * dh, b * dw, (out_h, out_w), strides) @ kernel[a, b]
    return z


def conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    """The gradients of kernel and bias: every window adds its pixels times its output's gradient.

    Math:    dkernel[a,b,c,f] = Σ_{n,i,j} x[n, i·s_h + a·d_h, j·s_w + b·d_w, c] · dz[n,i,j,f]
             dbias[f] = Σ_{n,i,j} dz[n,i,j,f]
    Shapes:  x (n, h, w, c);  dz (n, out_h, out_w, filters);  dkernel (kh, kw, c, filters);  dbias (filters,)
    """
    (kh, kw), (dh, dw) = kernel_size, dilation_rate
    channels, filters = x.shape[3], dz.shape[3]
    dkernel = np.empty((kh, kw, channels, filters), x.dtype)
    for a in range(kh):
        for b in range(kw):
            pixels = tap(x, a * dh, b * dw, dz.shape[1:3], strides)
            dkernel[a, b] = np.tensordot(pixels, dz, axes=((0, 1, 2), (0, 1, 2)))
    return dkernel, dz.sum(axis=(0, 1, 2))


def conv2d_backward_input(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    """The gradient of the images: each output hands its gradient back to the pixels it came from.

    Math:    dx[n, i·s_h + a·d_h, j·s_w + b·d_w, c] += Σ_f dz[n,i,j,f] · kernel[a,b,c,f]   for every i, j, a, b
    Shapes:  dz (n, out_h, out_w, filters);  kernel (kh, kw, c, filters);  image_size (h, w);  dx (n, h, w, c)
    """
    kh, kw, channels, _ = kernel.shape
    dh, dw = dilation_rate
    dx = np.zeros((len(dz), *image_size, channels), dz.dtype)
    for a in range(kh):
        for b in range(kw):
            tap(dx, a * dh, b * dw, dz.shape[1:3], strides)[...] += dz @ kernel[a, b].T
    return dx

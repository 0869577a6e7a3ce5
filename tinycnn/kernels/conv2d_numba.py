"""Convolution of images, fast: the twin of ``conv2d.py``.

All three are products by blocks (``block_product_numba.py``) in which the matrix of windows is only a table of where
each window starts and one of where its pixels lie. Threads share out images or rows of the result, never a sum, so
the bits do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from tinycnn.kernels.block_product_numba import ROWS, offsets, product

Array = np.ndarray
Pair = tuple[int, int]


@njit(cache=True)
def window_terms(w: int, c: int, kernel_size: Pair, dilation_rate: Pair) -> Array:
    """Where the pixels of a window lie, counted from its first one, in the order (kh, kw, c)."""
    (kh, kw), (dh, dw) = kernel_size, dilation_rate
    taps = offsets(kh, dh * w * c, kw, dw * c)
    terms = np.empty(len(taps) * c, np.int64)
    for t in range(len(taps)):
        for channel in range(c):
            terms[t * c + channel] = taps[t] + channel
    return terms


@njit(parallel=True, cache=True)
def conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    (sh, sw), (dh, dw) = strides, dilation_rate
    out_h, out_w = (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1
    windows = offsets(out_h, sh * w * c, out_w, sw * c)
    terms = window_terms(w, c, (kh, kw), dilation_rate)
    z_rows = offsets(out_h * out_w, filters, 1, 0)
    z = np.empty((n, out_h, out_w, filters), x.dtype)
    x_flat, kernel_flat, z_flat = x.reshape(-1), kernel.reshape(-1), z.reshape(-1)
    # Few images are cut into parts, so that all threads have work.
    parts = max(1, min(8 // n, out_h * out_w // (4 * ROWS)))
    part = -(-out_h * out_w // parts)
    for task in prange(n * parts):
        image, first = task // parts, task % parts * part
        product(
            x_flat, image * h * w * c, windows, terms, kernel_flat, 0, filters,
            z_flat, image * out_h * out_w * filters, z_rows, first, min(first + part, out_h * out_w), filters,
            bias, False,
        )  # fmt: skip
    return z


@njit(parallel=True, cache=True)
def conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    n, h, w, c = x.shape
    _, out_h, out_w, filters = dz.shape
    (kh, kw), (sh, sw) = kernel_size, strides
    windows = offsets(out_h, sh * w * c, out_w, sw * c)
    terms = window_terms(w, c, kernel_size, dilation_rate)
    dkernel = np.zeros((kh, kw, c, filters), x.dtype)
    dkernel_rows = offsets(len(terms), filters, 1, 0)
    x_flat, dz_flat, dkernel_flat = x.reshape(-1), dz.reshape(-1), dkernel.reshape(-1)
    blocks = -(-len(terms) // ROWS)
    for block in prange(blocks):  # some rows of the kernel, summed over all images
        first = block * ROWS
        for image in range(n):
            product(
                x_flat, image * h * w * c, terms, windows, dz_flat, image * out_h * out_w * filters, filters,
                dkernel_flat, 0, dkernel_rows, first, min(first + ROWS, len(terms)), filters,
                dkernel_flat, True,
            )  # fmt: skip
    return dkernel, column_sums(dz.reshape(n * out_h * out_w, filters))


@njit(cache=True)
def column_sums(dz: Array) -> Array:
    """Σ over the rows of dz (m, filters), in blocks of 256 rows, so that rounding errors stay small."""
    total = np.zeros(dz.shape[1], dz.dtype)
    for start in range(0, len(dz), 256):
        part = np.zeros(dz.shape[1], dz.dtype)
        for r in range(start, min(start + 256, len(dz))):
            for f in range(dz.shape[1]):
                part[f] += dz[r, f]
        total += part
    return total


@njit(parallel=True, cache=True)
def conv2d_backward_input(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    n, out_h, out_w, filters = dz.shape
    kh, kw, c, _ = kernel.shape
    h, w = image_size
    (sh, sw), (dh, dw) = strides, dilation_rate
    pixels = offsets(out_h * out_w, filters, 1, 0)
    terms = offsets(filters, 1, 1, 0)
    windows = offsets(out_h, sh * w * c, out_w, sw * c)
    taps = np.ascontiguousarray(kernel.transpose(0, 1, 3, 2)).reshape(-1)  # (kh, kw, filters, c)
    dx = np.zeros((n, h, w, c), dz.dtype)
    dz_flat, dx_flat = dz.reshape(-1), dx.reshape(-1)
    for image in prange(n):
        for a in range(kh):
            for b in range(kw):
                product(
                    dz_flat, image * out_h * out_w * filters, pixels, terms, taps, (a * kw + b) * filters * c, c,
                    dx_flat, (image * h * w + a * dh * w + b * dw) * c, windows, 0, out_h * out_w, c,
                    taps, True,
                )  # fmt: skip
    return dx

"""Convolution of images, fast: the twin of ``conv2d.py``.

All three are products by blocks (``engine/block_product.py``) in which the matrix of windows is only a table of where
each window starts and one of where its pixels lie; or, for 3x3 kernels, they go Winograd's way
(``engine/winograd.py``). Sums over a batch are cut into `PARTS` parts, whatever the number of threads, and these are
added in order: the bits never depend on the threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from tinycnn.kernels.engine import winograd
from tinycnn.kernels.engine.block_product import NO, ONE, ROWS, YES, ZERO, offsets, places, product
from tinycnn.kernels.engine.threads import parallel_njit, serial_njit
from tinycnn.kernels.engine.transpose import transpose

Array = np.ndarray
Pair = tuple[int, int]


PARTS = 8  # of the sums over a batch, whatever the number of threads
TILE_SHARE = 200  # products of a channel and a filter for which a part should have one tile more
ADJACENT: Any = (ONE, ONE)  # the dilation rate of pooling windows
AT_ONCE = 4  # images whose outputs are in the cache at a time, in the fused steps
FEW_IMAGES = 8  # fewer are cut into parts, so that all threads have work


@parallel_njit
def conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    z = np.empty((n, out_h, out_w, filters), x.dtype)
    weights, by_winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w), winograd.SMALL_OUT)
    if by_winograd:
        tiles = n * winograd.tiles((out_h, out_w), winograd.SMALL_OUT)
        size = max(36, -(-tiles // PARTS))
        for part in prange(-(-tiles // size)):
            winograd.convolve(x, weights, bias, part * size, min((part + 1) * size, tiles), z)
    else:
        windows, terms = window_tables(w, c, (kh, kw), (out_h, out_w), strides, dilation_rate)
        parts = max(1, min(FEW_IMAGES // max(1, n), out_h * out_w // (4 * ROWS)))
        size = -(-out_h * out_w // parts)
        for task in prange(n * parts):
            image, first = task // parts, task % parts * size
            convolve(x[image], kernel, bias, windows, terms, first, min(first + size, out_h * out_w), z[image])
    return z


@parallel_njit
def conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    n, _, w, c = x.shape
    _, out_h, out_w, filters = dz.shape
    (kh, kw), rows = kernel_size, n * out_h * out_w
    dkernel = np.zeros((kh, kw, c, filters), x.dtype)
    if winograd.pays(dkernel.shape, strides, dilation_rate, (out_h, out_w)):
        tiles = n * winograd.tiles((out_h, out_w), winograd.OUT)
        size = max(36, c * filters // TILE_SHARE, -(-tiles // PARTS))
        parts = -(-tiles // size)
        dkernels = np.zeros((max(1, parts), kh, kw, c, filters), x.dtype)
        nothing, no_taps = np.empty((0, 1, 1, c), x.dtype), np.empty((0, 1, 1, 1), x.dtype)
        for part in prange(parts):
            dweights = sums_at_points(dkernel.shape, True, x)
            first, last = part * size, min((part + 1) * size, tiles)
            winograd.gradients(x, dz, no_taps, first, last, False, dweights, nothing)
            winograd.add_transformed_back(dweights, dkernels[part])
        dkernel[:] = total(dkernels).reshape(dkernel.shape)
    else:
        windows, terms = window_tables(w, c, kernel_size, (out_h, out_w), strides, dilation_rate)
        kernel_rows = places(len(terms), filters)
        for block in prange(-(-len(terms) // ROWS)):  # some rows of the kernel, summed over all images
            first, last = block * ROWS, min((block + 1) * ROWS, len(terms))
            for image in range(n):
                add_kernel_gradient(x[image], dz[image], windows, terms, kernel_rows, first, last, dkernel)
    dz_rows, dbiases = dz.reshape(rows, filters), np.zeros((PARTS, filters), x.dtype)
    size = -(-rows // PARTS)
    for part in prange(PARTS):
        dbiases[part] = column_sums(dz_rows[part * size : (part + 1) * size])
    return dkernel, total(dbiases)


@parallel_njit
def conv2d_backward_input(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    n, out_h, out_w, _ = dz.shape
    kh, kw, c, _ = kernel.shape
    h, w = image_size
    windows, _ = window_tables(w, c, (kh, kw), (out_h, out_w), strides, dilation_rate)
    taps, by_winograd = prepared_kernel(transposed_taps(kernel), strides, dilation_rate, (out_h, out_w), winograd.OUT)
    dx = np.empty((n, h, w, c), dz.dtype)
    if by_winograd:
        dx[:] = 0
        nothing, no_weights = np.empty((0, 1, 1, 1), dz.dtype), np.empty(0, dz.dtype)
        rows, columns = winograd.tile_grid((out_h, out_w), winograd.OUT)
        # Tiles overlap: a row of tiles, or the rows of an image, are one thread's work; every second row at a time.
        row = columns if n < FEW_IMAGES else rows * columns
        tasks, steps = n * rows * columns // row, 2 if n < FEW_IMAGES else 1
        for start in range(steps):
            for task in prange(-(-(tasks - start) // steps)):
                first = (start + task * steps) * row
                winograd.gradients(nothing, dz, taps, first, first + row, False, no_weights, dx)
    else:
        columns = c if n >= FEW_IMAGES else max(1, c // FEW_IMAGES)
        groups = -(-c // columns)
        for task in prange(n * groups):
            image, first = task // groups, task % groups * columns
            last = min(first + columns, c)
            dx[image, :, :, first:last] = 0
            spread_gradient(dz[image], taps, windows, dilation_rate, first, last, dx[image])
    return dx


# For one image x (h, w, c), z and dz (out_h, out_w, filters)


@serial_njit
def convolve(
    x: Array, kernel: Array, bias: Array, windows: Array, terms: Array, first: int, last: int, z: Array
) -> None:
    """Write the outputs from number ``first`` to below ``last``."""
    filters = kernel.shape[3]
    z_rows = places(len(windows), filters)
    product(
        x.reshape(-1), ZERO, windows, terms, kernel.reshape(-1), ZERO, filters,
        z.reshape(-1), ZERO, z_rows, first, last, filters, bias, NO,
    )  # fmt: skip


@serial_njit
def add_kernel_gradient(
    x: Array, dz: Array, windows: Array, terms: Array, kernel_rows: Array, first: int, last: int, dkernel: Array
) -> None:
    """Add the image's share to the kernel's gradient, its rows (of kh·kw·c) from ``first`` to below ``last``.

    ``kernel_rows``: where each of them starts.
    """
    filters = dz.shape[2]
    dkernel_flat = dkernel.reshape(-1)
    product(
        x.reshape(-1), ZERO, terms, windows, dz.reshape(-1), ZERO, filters,
        dkernel_flat, ZERO, kernel_rows, first, last, filters, dkernel_flat, YES,
    )  # fmt: skip


@serial_njit
def spread_gradient(
    dz: Array, taps: Array, windows: Array, dilation_rate: Pair, first: int, last: int, dx: Array
) -> None:
    """Add to channels ``first`` to below ``last`` of dx: tap by tap, each output hands its gradient to a pixel."""
    out_h, out_w, filters = dz.shape
    _, w, c = dx.shape
    dz_rows, dz_terms = places(out_h * out_w, filters), places(filters, ONE)
    dx_flat = dx.reshape(-1)
    for a in range(taps.shape[0]):
        for b in range(taps.shape[1]):
            product(
                dz.reshape(-1), ZERO, dz_rows, dz_terms, taps[a, b].reshape(-1), first, c,
                dx_flat, (a * dilation_rate[0] * w + b * dilation_rate[1]) * c + first, windows,
                ZERO, len(windows), last - first, dx_flat, YES,
            )  # fmt: skip


# For a few images at a time, directly or by Winograd's way


@serial_njit
def prepared_kernel(kernel: Array, strides: Pair, dilation_rate: Pair, out_size: Pair, tile: int) -> tuple[Array, bool]:
    """The kernel as `convolve_images` and `add_gradients` want it, and whether that is Winograd's way.

    ``tile`` is `winograd.OUT` for gradients, SMALL_OUT for outputs in training, `inference_tile` in inference.
    """
    if winograd.pays(kernel.shape, strides, dilation_rate, out_size):
        return winograd.transformed_kernel(kernel, tile), True
    return kernel, False


@serial_njit
def convolve_images(
    x: Array, weights: Array, bias: Array, strides: Pair, dilation_rate: Pair, by_winograd: bool, z: Array
) -> None:
    """Write z for a few images."""
    n, _, w, c = x.shape
    if by_winograd:
        tiles = n * winograd.tiles(z.shape[1:3], weights.shape[0] - 2)
        winograd.convolve(x, weights, bias, ZERO, tiles, z)
        return
    windows, terms = window_tables(w, c, weights.shape[:2], z.shape[1:3], strides, dilation_rate)
    for image in range(n):
        convolve(x[image], weights, bias, windows, terms, ZERO, len(windows), z[image])


@serial_njit
def images_of_a_part(n: int, kernel_shape: tuple[int, int, int, int], out_size: Pair, by_winograd: bool) -> int:
    """How many images add up their kernel gradients before the parts are added: `PARTS` parts, whatever the threads.

    By Winograd's way fewer, where many channels make large sums at the points: each part writes and transforms its own.
    """
    size = -(-n // PARTS)
    if by_winograd:
        size = max(size, kernel_shape[2] * kernel_shape[3] // (TILE_SHARE * winograd.tiles(out_size, winograd.OUT)))
    return size


@serial_njit
def sums_at_points(kernel_shape: tuple[int, int, int, int], by_winograd: bool, like: Array) -> Array:
    """A place for dU, where it is needed."""
    step = winograd.matrix_step(kernel_shape[2], kernel_shape[3])
    return np.empty(winograd.POINTS * step if by_winograd else 0, like.dtype)


@serial_njit
def add_gradients(
    x: Array, dz: Array, taps: Array, strides: Pair, dilation_rate: Pair, by_winograd: bool, first: bool,
    dweights: Array, dkernel: Array, dx: Array,
) -> None:  # fmt: skip
    """Add to dkernel, and write dx where that is not empty, for a few images.

    By Winograd's way add to dU (`sums_at_points`) instead of dkernel, or write it for the ``first`` images of a part.
    """
    n, _, w, c = x.shape
    dx[:] = 0
    if by_winograd:
        winograd.gradients(x, dz, taps, ZERO, n * winograd.tiles(dz.shape[1:3], winograd.OUT), not first, dweights, dx)
        return
    windows, terms = window_tables(w, c, dkernel.shape[:2], dz.shape[1:3], strides, dilation_rate)
    kernel_rows = places(len(terms), dz.shape[3])
    for image in range(n):
        add_kernel_gradient(x[image], dz[image], windows, terms, kernel_rows, ZERO, len(terms), dkernel)
        if dx.size:
            spread_gradient(dz[image], taps, windows, dilation_rate, ZERO, c, dx[image])


@serial_njit
def out_size(image_size: Pair, kernel_size: Pair, strides: Pair, dilation_rate: Pair) -> Pair:
    (h, w), (kh, kw), (sh, sw), (dh, dw) = image_size, kernel_size, strides, dilation_rate
    return (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1


@serial_njit
def window_tables(
    w: int, c: int, kernel_size: Pair, out_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    """Where in an image each window starts, and where its pixels lie from there, in the order (kh, kw, c)."""
    (kh, kw), (out_h, out_w), (sh, sw), (dh, dw) = kernel_size, out_size, strides, dilation_rate
    taps = offsets(kh, dh * w * c, kw, dw * c)
    terms = np.empty(len(taps) * c, np.int64)
    for t in range(len(taps)):
        for channel in range(c):
            terms[t * c + channel] = taps[t] + channel
    return offsets(out_h, sh * w * c, out_w, sw * c), terms


@serial_njit
def transposed_taps(kernel: Array) -> Array:
    """(kh, kw, c, filters) -> (kh, kw, filters, c)"""
    kh, kw, c, filters = kernel.shape
    taps = np.empty((kh, kw, filters, c), kernel.dtype)
    for start in range(0, kernel.size, c * filters):
        transpose(kernel.reshape(-1), start, filters, taps.reshape(-1), start, c, c, filters)
    return taps


@serial_njit
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


@serial_njit
def total(parts: Array) -> Array:
    """The sum of all parts, added in order."""
    rows = parts.reshape(len(parts), -1)
    for part in range(1, len(rows)):
        for i in range(rows.shape[1]):
            rows[0, i] += rows[part, i]
    return rows[0]

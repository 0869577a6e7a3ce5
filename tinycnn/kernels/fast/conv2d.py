"""Convolution of images, fast: the twin of ``conv2d.py``.

All three are products by blocks (``engine/block_product.py``) in which the matrix of windows is only a table of where
each window starts and one of where its pixels lie; or, for 3x3 kernels, they go Winograd's way
(``engine/winograd.py``). Sums over a batch are cut into `PARTS` parts, whatever the number of threads, and these are
added in order: the bits never depend on the threads.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinycnn.kernels.engine import winograd
from tinycnn.kernels.engine.block_product import ROWS, places, product
from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.engine.transpose import transpose

Array = np.ndarray
Pair = tuple[int, int]


PARTS = 8  # of the sums over a batch, whatever the number of threads
TILE_SHARE = 200  # products of a channel and a filter for which a part should have one tile more
ADJACENT = 1, 1  # the dilation rate of pooling windows
AT_ONCE = 4  # images whose outputs are in the cache at a time, in the fused steps
FEW_IMAGES = 8  # fewer are cut into parts, so that all threads have work
SMALL = 20_000  # numbers that one thread has done before a second one is awake


def conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    z = np.empty((n, out_h, out_w, filters), x.dtype)
    weights, by_winograd = prepared_kernel(kernel, strides, dilation_rate, (out_h, out_w), winograd.SMALL_OUT)
    if by_winograd:
        tiles = n * winograd.tiles((out_h, out_w), winograd.SMALL_OUT)
        size = max(36, -(-tiles // PARTS))
        convolve_tiles(-(-tiles // size), x, weights, bias, size, tiles, z)
    else:
        windows, terms = window_tables(w, c, (kh, kw), (out_h, out_w), strides, dilation_rate)
        parts = max(1, min(FEW_IMAGES // max(1, n), out_h * out_w // (4 * ROWS)))
        convolve_windows(n * parts, x, kernel, bias, windows, terms, parts, z)
    return z


@parallel_njit
def convolve_tiles(part: int, x: Array, weights: Array, bias: Array, size: int, tiles: int, z: Array) -> None:
    winograd.convolve(x, weights, bias, part * size, min((part + 1) * size, tiles), z)


@parallel_njit
def convolve_windows(
    part: int, x: Array, kernel: Array, bias: Array, windows: Array, terms: Array, parts: int, z: Array
) -> None:
    """Each image is cut into so many ``parts``."""
    image, size = part // parts, -(-len(windows) // parts)
    first = part % parts * size
    convolve(x[image], kernel, bias, windows, terms, first, min(first + size, len(windows)), z[image])


def conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    n, _, w, c = x.shape
    _, out_h, out_w, filters = dz.shape
    shape = (*kernel_size, c, filters)
    if winograd.pays(shape, strides, dilation_rate, (out_h, out_w)):
        tiles = n * winograd.tiles((out_h, out_w), winograd.OUT)
        size = max(36, c * filters // TILE_SHARE, -(-tiles // PARTS))
        dkernels = np.zeros((max(1, -(-tiles // size)), *shape), x.dtype)
        write_kernel_gradients_of_tiles(-(-tiles // size), x, dz, size, tiles, dkernels)
        dkernel = total(dkernels)
    else:
        windows, terms = window_tables(w, c, kernel_size, (out_h, out_w), strides, dilation_rate)
        dkernel = np.zeros(shape, x.dtype)
        kernel_rows = row_table(len(terms), filters)
        add_kernel_gradient_rows(-(-len(terms) // ROWS), x, dz, windows, terms, kernel_rows, dkernel)
    return dkernel, column_sums(dz.reshape(-1, filters), PARTS)


@parallel_njit
def write_kernel_gradients_of_tiles(part: int, x: Array, dz: Array, size: int, tiles: int, dkernels: Array) -> None:
    c, filters = x.shape[3], dz.shape[3]
    dweights = np.empty(winograd.POINTS * winograd.matrix_step(c, filters), x.dtype)
    no_dx, no_taps = np.empty((0, 1, 1, c), x.dtype), np.empty((0, 1, 1, 1), x.dtype)
    first, last = part * size, min((part + 1) * size, tiles)
    winograd.gradients(x, dz, no_taps, first, last, False, dweights, no_dx)
    winograd.add_transformed_back(dweights, dkernels[part])


@parallel_njit
def add_kernel_gradient_rows(
    part: int, x: Array, dz: Array, windows: Array, terms: Array, kernel_rows: Array, dkernel: Array
) -> None:
    """Some rows of the kernel, summed over all images."""
    first, last = part * ROWS, min((part + 1) * ROWS, len(terms))
    for image in range(len(x)):
        add_kernel_gradient(x[image], dz[image], windows, terms, kernel_rows, first, last, dkernel)


def column_sums(rows: Array, parts: int) -> Array:
    """Σ over the rows (m, filters), in so many parts, and each in blocks of 256 rows: so rounding errors stay small."""
    sums = np.zeros((parts, rows.shape[1]), rows.dtype)
    (_column_sums.alone if rows.size <= SMALL else _column_sums)(parts, rows, -(-len(rows) // parts), sums)
    return total(sums)


@parallel_njit
def _column_sums(part: int, rows: Array, size: int, sums: Array) -> None:
    last = min((part + 1) * size, len(rows))
    block = np.empty(rows.shape[1], rows.dtype)
    for start in range(part * size, last, 256):
        for f in range(len(block)):
            block[f] = 0
        for r in range(start, min(start + 256, last)):
            for f in range(len(block)):
                block[f] += rows[r, f]
        for f in range(len(block)):
            sums[part, f] += block[f]


def conv2d_backward_input(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    n, out_h, out_w, _ = dz.shape
    kh, kw, c, _ = kernel.shape
    h, w = image_size
    taps, by_winograd = prepared_taps(kernel, strides, dilation_rate, (out_h, out_w), input_gradient=True)
    if by_winograd:
        dx = np.zeros((n, h, w, c), dz.dtype)
        rows, columns = winograd.tile_grid((out_h, out_w), winograd.OUT)
        # Tiles overlap: a row of tiles, or the rows of an image, are one thread's work; every second row at a time.
        row, steps = (columns, 2) if n < FEW_IMAGES else (rows * columns, 1)
        for start in range(steps):
            add_gradient_of_tiles(-(-(n * rows * columns // row - start) // steps), dz, taps, start, steps, row, dx)
    else:
        dx = np.empty((n, h, w, c), dz.dtype)
        windows, _ = window_tables(w, c, (kh, kw), (out_h, out_w), strides, dilation_rate)
        columns = c if n >= FEW_IMAGES else max(1, c // FEW_IMAGES)
        groups = -(-c // columns)
        write_gradient_of_windows(n * groups, dz, taps, windows, dilation_rate, groups, columns, dx)
    return dx


@parallel_njit
def add_gradient_of_tiles(part: int, dz: Array, taps: Array, start: int, steps: int, row: int, dx: Array) -> None:
    nothing, no_dweights = np.empty((0, 1, 1, 1), dz.dtype), np.empty(0, dz.dtype)
    first = (start + part * steps) * row
    winograd.gradients(nothing, dz, taps, first, first + row, False, no_dweights, dx)


@parallel_njit
def write_gradient_of_windows(
    part: int, dz: Array, taps: Array, windows: Array, dilation_rate: Pair, groups: int, columns: int, dx: Array
) -> None:
    """Some of an image's channels, which are cut into so many ``groups``."""
    image, first = part // groups, part % groups * columns
    last = min(first + columns, dx.shape[3])
    dx[image, :, :, first:last] = 0
    spread_gradient(dz[image], taps, windows, dilation_rate, first, last, dx[image])


# For one image x (h, w, c), z and dz (out_h, out_w, filters)


@inner_njit
def convolve(
    x: Array, kernel: Array, bias: Array, windows: Array, terms: Array, first: int, last: int, z: Array
) -> None:
    """Write the outputs from number ``first`` to below ``last``."""
    filters = kernel.shape[3]
    z_rows = places(len(windows), filters)
    product(
        x.reshape(-1), 0, windows, terms, kernel.reshape(-1), 0, filters,
        z.reshape(-1), 0, z_rows, first, last, filters, bias, False,
    )  # fmt: skip


@inner_njit
def add_kernel_gradient(
    x: Array, dz: Array, windows: Array, terms: Array, kernel_rows: Array, first: int, last: int, dkernel: Array
) -> None:
    """Add the image's share to the kernel's gradient, its rows (of kh·kw·c) from ``first`` to below ``last``.

    ``kernel_rows``: where each of them starts.
    """
    filters = dz.shape[2]
    dkernel_flat = dkernel.reshape(-1)
    product(
        x.reshape(-1), 0, terms, windows, dz.reshape(-1), 0, filters,
        dkernel_flat, 0, kernel_rows, first, last, filters, dkernel_flat, True,
    )  # fmt: skip


@inner_njit
def spread_gradient(
    dz: Array, taps: Array, windows: Array, dilation_rate: Pair, first: int, last: int, dx: Array
) -> None:
    """Add to channels ``first`` to below ``last`` of dx: tap by tap, each output hands its gradient to a pixel."""
    out_h, out_w, filters = dz.shape
    _, w, c = dx.shape
    dz_rows, dz_terms = places(out_h * out_w, filters), places(filters, 1)
    dx_flat = dx.reshape(-1)
    for a in range(taps.shape[0]):
        for b in range(taps.shape[1]):
            product(
                dz.reshape(-1), 0, dz_rows, dz_terms, taps[a, b].reshape(-1), first, c,
                dx_flat, (a * dilation_rate[0] * w + b * dilation_rate[1]) * c + first, windows,
                0, len(windows), last - first, dx_flat, True,
            )  # fmt: skip


# For a few images at a time, directly or by Winograd's way


def prepared_kernel(kernel: Array, strides: Pair, dilation_rate: Pair, out_size: Pair, tile: int) -> tuple[Array, bool]:
    """The kernel as `convolve_images` wants it, and whether that is Winograd's way.

    ``tile`` is `winograd.SMALL_OUT` for outputs in training, `inference_tile` in inference.
    """
    if winograd.pays(kernel.shape, strides, dilation_rate, out_size):
        return winograd.transformed_kernel(kernel, tile), True
    return kernel, False


def prepared_taps(
    kernel: Array, strides: Pair, dilation_rate: Pair, out_size: Pair, input_gradient: bool
) -> tuple[Array, bool]:
    """The kernel with its last axes exchanged as `add_gradients` wants it, or anything without ``input_gradient``."""
    by_winograd = winograd.pays(kernel.shape, strides, dilation_rate, out_size)
    if not input_gradient:
        return kernel, by_winograd
    taps = transposed_taps(kernel)
    return (winograd.transformed_kernel(taps, winograd.OUT) if by_winograd else taps), by_winograd


@inner_njit
def convolve_images(
    x: Array, weights: Array, bias: Array, windows: Array, terms: Array, by_winograd: bool, z: Array
) -> None:
    """Write z for a few images."""
    if by_winograd:
        rows, columns = winograd.tile_grid(z.shape[1:3], weights.shape[0] - 2)
        winograd.convolve(x, weights, bias, 0, len(x) * rows * columns, z)
    else:
        for image in range(len(x)):
            convolve(x[image], weights, bias, windows, terms, 0, len(windows), z[image])


def images_of_a_part(n: int, kernel_shape: tuple[int, ...], out_size: Pair, by_winograd: bool) -> int:
    """How many images add up their kernel gradients before the parts are added: `PARTS` parts, whatever the threads.

    By Winograd's way fewer, where many channels make large sums at the points: each part writes and transforms its own.
    """
    size = -(-n // PARTS)
    if by_winograd:
        size = max(size, kernel_shape[2] * kernel_shape[3] // (TILE_SHARE * winograd.tiles(out_size, winograd.OUT)))
    return size


@inner_njit
def add_gradients(
    x: Array, dz: Array, taps: Array, windows: Array, terms: Array, dilation_rate: Pair, by_winograd: bool, first: bool,
    dweights: Array, dkernel: Array, dx: Array,
) -> None:  # fmt: skip
    """Add to dkernel, and write dx where that is not empty, for a few images.

    By Winograd's way add to dU instead of dkernel, or write it for the ``first`` images of a part.
    """
    dx[:] = 0
    if by_winograd:
        rows, columns = winograd.tile_grid(dz.shape[1:3], winograd.OUT)
        winograd.gradients(x, dz, taps, 0, len(x) * rows * columns, not first, dweights, dx)
        return
    kernel_rows = places(len(terms), dz.shape[3])
    for image in range(len(x)):
        add_kernel_gradient(x[image], dz[image], windows, terms, kernel_rows, 0, len(terms), dkernel)
        if dx.size:
            spread_gradient(dz[image], taps, windows, dilation_rate, 0, dx.shape[3], dx[image])


def out_size(image_size: Pair, kernel_size: Pair, strides: Pair, dilation_rate: Pair) -> Pair:
    (h, w), (kh, kw), (sh, sw), (dh, dw) = image_size, kernel_size, strides, dilation_rate
    return (h - (kh - 1) * dh - 1) // sh + 1, (w - (kw - 1) * dw - 1) // sw + 1


@lru_cache(maxsize=64)  # the same for all batches; nobody writes into them
def window_tables(
    w: int, c: int, kernel_size: Pair, out_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    """Where in an image each window starts, and where its pixels lie from there, in the order (kh, kw, c)."""
    (kh, kw), (out_h, out_w), (sh, sw), (dh, dw) = kernel_size, out_size, strides, dilation_rate
    i, j = np.ogrid[:out_h, :out_w]
    a, b, channel = np.ogrid[:kh, :kw, :c]
    windows, terms = (i * sh * w + j * sw) * c, (a * dh * w + b * dw) * c + channel
    return windows.ravel().astype(np.int64), terms.ravel().astype(np.int64)


@lru_cache(maxsize=64)  # likewise
def row_table(count: int, step: int) -> Array:
    """The table i·step for i < count."""
    return np.arange(count, dtype=np.int64) * step


def transposed_taps(kernel: Array) -> Array:
    """(kh, kw, c, filters) -> (kh, kw, filters, c)"""
    kh, kw, c, filters = kernel.shape
    taps = np.empty((kh, kw, filters, c), kernel.dtype)
    (_transpose_taps.alone if kernel.size <= SMALL else _transpose_taps)(kh * kw, kernel, taps)
    return taps


@parallel_njit
def _transpose_taps(part: int, kernel: Array, taps: Array) -> None:
    _, _, c, filters = kernel.shape
    start = part * c * filters
    transpose(kernel.reshape(-1), start, filters, taps.reshape(-1), start, c, c, filters)


def total(parts: Array) -> Array:
    """The sum of all parts, added in order."""
    # NumPy adds in pairs where numbers that follow each other in memory are summed.
    return np.add.reduce(parts, axis=0) if parts[0].size > 1 else np.add.accumulate(parts, axis=0)[-1]

"""Winograd's convolution with 3x3 kernels: 36 multiplications where the definition has 144.

A tile of 4x4 outputs depends on 6x6 pixels. Seen as polynomials, pixels and kernel can be multiplied by their values at
six points: transform both to these values, multiply value by value, transform back. The two transforms are a few
additions for each pixel; the multiplication, where all the work is, becomes 36 matrix products (tiles, c)·(c, filters).
The gradients follow the same way back: each transform is linear, so its backward is the transposed matrix.

Gradients and inference take tiles of 4x4 outputs. Forward in training a tile has 2x2, from 4x4 pixels: 16
multiplications for 36. There each output decides whether relu lets a gradient pass and which pixel of a pooling window
gets it, and where these are nearly tied (a blank border has thousands) the last digit decides. With the points 0, ±1
and ∞ the transforms are mere sums and halves, a blank window gives exactly 0, and the errors are smaller than those of
a direct sum. The gradients' own rounding errors decide nothing, and neither do those of inference, which takes tiles of
5x5 outputs where these need fewer multiplications: for 10x10 outputs 4 tiles of 49 in place of 9 of 36.
(`conv2d_forward`, which does not know whether it trains, always takes 2x2.)

Math:    z = Aᵀ·M·A + bias    M[p] = V[p]·U[p]    V = Bᵀ·x·B    U = G·kernel·Gᵀ    for each tile; p: 36 pairs of points
         dM = A·dz·Aᵀ    dkernel = Gᵀ·dU·G, dU[p] = Σ V[p]ᵀ·dM[p]    dx = B·dV·Bᵀ, dV[p] = dM[p]·U[p]ᵀ
Errors:  for 4x4, about 1e-6 of the largest number in float32, with the points 0, ±√½, ±√2 and ∞; with the better known
         0, ±1, ±2 and ∞ it is five times as much. For 2x2 below 4e-7, for 5x5 about 2e-6 (tests/test_winograd.py)
Source:  Winograd 1980, doi:10.1137/1.9781611970364; Lavin & Gray 2016, arXiv:1509.09308, section 4;
         Barabasz et al. 2020, doi:10.1145/3412380, for the choice of points
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.block_product import places, product
from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.engine.tile_transform import tile_transform

Array = np.ndarray
Pair = tuple[int, int]

OUT = 4  # a tile has OUT x OUT outputs
SIZE = 6  # and SIZE x SIZE pixels, OUT apart
POINTS = SIZE * SIZE
SMALL_OUT = 2  # the same, forward in training
LARGE_OUT = 5  # the same, in inference, where that needs fewer multiplications
CACHE_BYTES = 700_000
KERNEL_PART = 8_192  # numbers of a kernel that a thread transforms at a time


def powers(count: int, points: Array) -> Array:
    """The values of 1, x, x², ... at the points and at ∞, where only the highest power counts."""
    return np.vstack([points[:, None] ** np.arange(count), np.eye(count)[-1]])  # (points + 1, count)


def matrices(out: int, points: Array) -> tuple[Array, Array, Array]:
    """A, G and B for tiles of out x out outputs, from out + 1 points and ∞."""
    b = np.linalg.inv(powers(out + 2, points))
    b[np.abs(b) < 1e-12] = 0  # rounding errors of the inversion
    return powers(out, points), powers(3, points), b


A, G, B = matrices(OUT, np.array([0, np.sqrt(0.5), -np.sqrt(0.5), np.sqrt(2), -np.sqrt(2)]))
SMALL_A, SMALL_G, SMALL_B = matrices(SMALL_OUT, np.array([0.0, 1.0, -1.0]))
LARGE_A, LARGE_G, LARGE_B = matrices(LARGE_OUT, np.array([0.4, -0.4, 0.9, -0.9, 1.6, -1.6]))

transform_pixels = tile_transform("pixels", B.T)
transform_kernel = tile_transform("kernel", G)
transform_to_outputs = tile_transform("outputs", A.T, adds=True, writes_image=True)
transform_gradients = tile_transform("gradient", A)
transform_to_pixels = tile_transform("pixel_gradient", B, adds=True, writes_image=True)
transform_kernel_gradient = tile_transform("kernel_gradient", G.T, adds=True)
transform_small_pixels = tile_transform("small_pixels", SMALL_B.T)
transform_small_kernel = tile_transform("small_kernel", SMALL_G)
transform_to_small_outputs = tile_transform("small_outputs", SMALL_A.T, adds=True, writes_image=True)
transform_large_pixels = tile_transform("large_pixels", LARGE_B.T)
transform_large_kernel = tile_transform("large_kernel", LARGE_G)
transform_to_large_outputs = tile_transform("large_outputs", LARGE_A.T, adds=True, writes_image=True)


def pays(kernel_shape: tuple[int, int, int, int], strides: Pair, dilation_rate: Pair, out_size: Pair) -> bool:
    """Whether the transforms cost less than the multiplications they save."""
    kh, kw, channels, filters = kernel_shape
    if (kh, kw) != (3, 3) or strides != (1, 1) or dilation_rate != (1, 1) or min(channels, filters) < 16:
        return False
    rows, columns = tile_grid(out_size, OUT)
    return 2 * out_size[0] * out_size[1] >= rows * columns * OUT * OUT


@inner_njit
def tile_grid(out_size: Pair, out: int) -> Pair:
    """How many tiles cover the outputs, down and across; the last ones may reach beyond."""
    return -(-out_size[0] // out), -(-out_size[1] // out)


def tiles(out_size: Pair, out: int) -> int:
    rows, columns = tile_grid(out_size, out)
    return rows * columns


def inference_tile(out_size: Pair) -> int:
    """`OUT` or `LARGE_OUT`, whichever needs fewer multiplications."""
    large = (LARGE_OUT + 2) ** 2 * tiles(out_size, LARGE_OUT)
    return LARGE_OUT if large < POINTS * tiles(out_size, OUT) else OUT


@inner_njit
def tiles_at_once(numbers: int, itemsize: int) -> int:
    """As many tiles, of so many numbers each, as lie within a part of the cache, in whole blocks of six."""
    return max(1, CACHE_BYTES // (numbers * itemsize) // 6) * 6


@inner_njit
def matrix_step(rows: int, columns: int) -> int:
    """Numbers from one point's matrix to the next: a few more than it has, or all would share places in the cache."""
    return rows * columns + 16


@inner_njit
def sums_at_points(kernel_shape: tuple[int, int, int, int], by_winograd: bool) -> int:
    """How many numbers dU has, where it is needed."""
    return POINTS * matrix_step(kernel_shape[2], kernel_shape[3]) if by_winograd else 0


# The transforms


def transformed_kernel(kernel: Array, out: int) -> Array:
    """(3, 3, c, filters) -> U, (out + 2, out + 2, 1, matrix_step(c, filters)): a matrix (c, filters) a point."""
    _, _, c, filters = kernel.shape
    weights = np.empty((out + 2, out + 2, 1, matrix_step(c, filters)), kernel.dtype)
    _transform_kernel(-(-c * filters // KERNEL_PART), kernel.reshape(-1), c * filters, out, weights)
    return weights


@parallel_njit
def _transform_kernel(part: int, kernel: Array, size: int, out: int, weights: Array) -> None:
    step, first = weights.shape[3], part * KERNEL_PART
    where = (
        kernel, first, 3 * size, size, weights.reshape(-1), first, (out + 2) * step, step, kernel, 0, 0, 0,
        kernel, 3, 3, min(KERNEL_PART, size - first),
    )  # fmt: skip
    if out == OUT:
        transform_kernel(*where)
    elif out == LARGE_OUT:
        transform_large_kernel(*where)
    else:
        transform_small_kernel(*where)


@inner_njit
def add_transformed_back(dweights: Array, dkernel: Array) -> None:
    """dkernel += Gᵀ·dU·G, for dU as `gradients` writes it."""
    size, step = dkernel.shape[2] * dkernel.shape[3], matrix_step(dkernel.shape[2], dkernel.shape[3])
    flat, row = dkernel.reshape(-1), 3 * size
    transform_kernel_gradient(
        dweights, 0, SIZE * step, step, flat, 0, row, size, flat, 0, row, size, flat, SIZE, SIZE, size
    )  # fmt: skip


@inner_njit
def read_tiles(images: Array, size: int, out: int, grid: Pair, first: int, last: int, step: int, values: Array) -> None:
    """V of the tiles ``first`` to below ``last``, out + 2 pixels square; or, with ``size`` = ``out``, dM from dz.

    The values at one point are a matrix (tiles, c), and one such matrix starts every ``step`` numbers.
    """
    c = images.shape[3]
    flat, outside = images.reshape(-1), np.zeros(c, images.dtype)
    for tile in range(first, last):
        start, row, rows, columns = place_of(images.shape, out, grid, tile)
        at = (tile - first) * c
        where = flat, start, row, c, values, at, (out + 2) * step, step, flat, 0, 0, 0, outside, rows, columns, c
        if out == SMALL_OUT:
            transform_small_pixels(*where)
        elif out == LARGE_OUT:
            transform_large_pixels(*where)
        elif size == out:
            transform_gradients(*where)
        else:
            transform_pixels(*where)


@inner_njit
def write_tiles(
    values: Array, step: int, bias: Array, size: int, out: int, grid: Pair, first: int, last: int, images: Array
) -> None:
    """Outputs from M, ``out`` square; or, with ``size`` = out + 2, add the pixels' gradients from dV."""
    c = images.shape[3]
    flat, outside = images.reshape(-1), np.empty(c, images.dtype)
    for tile in range(first, last):
        to, row, rows, columns = place_of(images.shape, out, grid, tile)
        read = values, (tile - first) * c, (out + 2) * step, step
        edge = outside, rows, columns, c
        if out == SMALL_OUT:
            transform_to_small_outputs(*read, flat, to, row, c, bias, 0, 0, 0, *edge)
        elif out == LARGE_OUT:
            transform_to_large_outputs(*read, flat, to, row, c, bias, 0, 0, 0, *edge)
        elif size == out:
            transform_to_outputs(*read, flat, to, row, c, bias, 0, 0, 0, *edge)
        else:
            transform_to_pixels(*read, flat, to, row, c, flat, to, row, c, *edge)


@inner_njit
def place_of(shape: tuple[int, int, int, int], out: int, grid: Pair, tile: int) -> tuple[int, int, int, int]:
    """Where a tile starts in images (n, h, w, c), how long their rows are, and how far it is from their edges.

    Tiles are counted through all images, each cut into a ``grid`` of them, ``out`` pixels apart.
    """
    _, h, w, c = shape
    rows, columns = grid
    image, top, left = tile // (rows * columns), tile // columns % rows * out, tile % columns * out
    return ((image * h + top) * w + left) * c, w * c, h - top, w - left


# For the tiles ``first`` to below ``last`` of some images: x (n, h, w, c), z and dz (n, h − 2, w − 2, filters) or less


@inner_njit
def convolve(x: Array, weights: Array, bias: Array, first: int, last: int, z: Array) -> None:
    """Write z; the size of ``weights`` says which tiles are meant."""
    size, c, filters = weights.shape[0], x.shape[3], z.shape[3]
    out, points, weights_step = size - 2, size * size, matrix_step(c, filters)
    at_once = min(tiles_at_once(points * (c + filters), x.itemsize), last - first)
    v_step, m_step = matrix_step(at_once, c), matrix_step(at_once, filters)
    v, m = np.empty(points * v_step, x.dtype), np.empty(points * m_step, x.dtype)
    rows, terms, grid = places(at_once, c), places(c, 1), tile_grid(z.shape[1:3], out)
    m_rows, nothing = places(at_once, filters), np.zeros(filters, x.dtype)
    for start in range(first, last, at_once):
        stop = min(start + at_once, last)
        read_tiles(x, size, out, grid, start, stop, v_step, v)
        for p in range(points):
            product(
                v, p * v_step, rows, terms, weights.reshape(-1), p * weights_step, filters,
                m, p * m_step, m_rows, 0, stop - start, filters, nothing, False,
            )  # fmt: skip
        write_tiles(m, m_step, bias, out, out, grid, start, stop, z)


@inner_njit
def gradients(x: Array, dz: Array, taps: Array, first: int, last: int, more: bool, dweights: Array, dx: Array) -> None:
    """Write dU (a matrix a point, `matrix_step` apart), with ``more`` add to it; add to dx. Each where it is not empty.

    ``taps`` is U of the kernel with its last axes exchanged.
    """
    filters, grid = dz.shape[3], tile_grid(dz.shape[1:3], OUT)
    c = dx.shape[3] if dx.size else x.shape[3]
    at_once = min(tiles_at_once(POINTS * (2 * c + filters), dz.itemsize), last - first)
    v_step, dm_step = matrix_step(at_once, c), matrix_step(at_once, filters)
    v, dv = np.empty(POINTS * v_step, dz.dtype), np.empty(POINTS * v_step, dz.dtype)
    dm = np.empty(POINTS * dm_step, dz.dtype)
    v_rows, dm_rows = places(at_once, c), places(at_once, filters)
    channels, filter_terms = places(c, 1), places(filters, 1)
    dweights_rows, dweights_step, taps_step = places(c, filters), matrix_step(c, filters), matrix_step(filters, c)
    no_channels, no_filters = np.zeros(c, dz.dtype), np.zeros(filters, dz.dtype)
    for start in range(first, last, at_once):
        stop = min(start + at_once, last)
        read_tiles(dz, OUT, OUT, grid, start, stop, dm_step, dm)
        if dweights.size:
            read_tiles(x, SIZE, OUT, grid, start, stop, v_step, v)
            for p in range(POINTS):
                product(
                    v, p * v_step, channels, v_rows[: stop - start], dm, p * dm_step, filters,
                    dweights, p * dweights_step, dweights_rows, 0, c, filters, no_filters, more or start > first,
                )  # fmt: skip
        if dx.size:
            for p in range(POINTS):
                product(
                    dm, p * dm_step, dm_rows, filter_terms, taps.reshape(-1), p * taps_step, c,
                    dv, p * v_step, v_rows, 0, stop - start, c, no_channels, False,
                )  # fmt: skip
            write_tiles(dv, v_step, no_channels, SIZE, OUT, grid, start, stop, dx)

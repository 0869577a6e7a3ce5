"""A dense layer's three matrix products, fast: the twin of ``dense.py``.

Not NumPy's ``@``, whose threads and Numba's would wait for each other in every step; but for small products, which it
leaves to one thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from tinycnn.kernels import dense
from tinycnn.kernels.engine.block_product import NO, ONE, ROWS, ZERO, places, product
from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.engine.transpose import transpose
from tinycnn.kernels.fast.conv2d import column_sums

Array = np.ndarray

SMALL = 100_000  # multiplications; NumPy's OpenBLAS has a second thread help from 262,144
COLUMNS: Any = np.int64(64)  # of dx at a time, so that their part of the kernel can be transposed within the cache


def dense_forward(x: Array, kernel: Array, bias: Array) -> Array:
    return (dense.dense_forward if len(x) * kernel.size <= SMALL else _forward)(x, kernel, bias)


def dense_backward_parameters(x: Array, dz: Array) -> tuple[Array, Array]:
    return (dense.dense_backward_parameters if x.size * dz.shape[1] <= SMALL else _backward_parameters)(x, dz)


def dense_backward_input(dz: Array, kernel: Array) -> Array:
    return (dense.dense_backward_input if len(dz) * kernel.size <= SMALL else _backward_input)(dz, kernel)


@parallel_njit
def _forward(x: Array, kernel: Array, bias: Array) -> Array:
    n, inputs = x.shape
    units = kernel.shape[1]
    z = np.empty((n, units), x.dtype)
    x_rows, x_terms, z_rows = places(n, inputs), places(inputs, ONE), places(n, units)
    for block in prange(-(-n // ROWS)):
        product(
            x.reshape(-1), ZERO, x_rows, x_terms, kernel.reshape(-1), ZERO, units,
            z.reshape(-1), ZERO, z_rows, block * ROWS, min((block + 1) * ROWS, n), units, bias, NO,
        )  # fmt: skip
    return z


@parallel_njit
def _backward_parameters(x: Array, dz: Array) -> tuple[Array, Array]:
    n, inputs = x.shape
    units = dz.shape[1]
    dkernel, nothing = np.empty((inputs, units), x.dtype), np.zeros(units, x.dtype)
    x_rows, x_terms, rows = places(inputs, ONE), places(n, inputs), places(inputs, units)
    for block in prange(-(-inputs // ROWS)):
        product(
            x.reshape(-1), ZERO, x_rows, x_terms, dz.reshape(-1), ZERO, units,
            dkernel.reshape(-1), ZERO, rows, block * ROWS, min((block + 1) * ROWS, inputs), units, nothing, NO,
        )  # fmt: skip
    return dkernel, column_sums(dz)


@parallel_njit
def _backward_input(dz: Array, kernel: Array) -> Array:
    n, units = dz.shape
    inputs = len(kernel)
    dx, nothing = np.empty((n, inputs), dz.dtype), np.zeros(COLUMNS, dz.dtype)
    dz_rows, dz_terms, dx_rows = places(n, units), places(units, ONE), places(n, inputs)
    for block in prange(-(-inputs // COLUMNS)):
        first, count = block * COLUMNS, min(COLUMNS, inputs - block * COLUMNS)
        transposed = np.empty(units * COLUMNS, dz.dtype)
        transpose(kernel.reshape(-1), first * units, units, transposed, 0, COLUMNS, count, units)
        product(
            dz.reshape(-1), ZERO, dz_rows, dz_terms, transposed, ZERO, COLUMNS,
            dx.reshape(-1), first, dx_rows, ZERO, n, count, nothing, NO,
        )  # fmt: skip
    return dx

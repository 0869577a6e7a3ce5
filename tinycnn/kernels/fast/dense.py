"""A dense layer's three matrix products, fast: the twin of ``dense.py``.

Not NumPy's ``@``, whose threads and Numba's would wait for each other in every step; but for small products, which it
leaves to one thread.
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels import dense
from tinycnn.kernels.engine.block_product import ROWS, product
from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.engine.transpose import transpose
from tinycnn.kernels.fast.conv2d import column_sums, row_table

Array = np.ndarray

SMALL = 100_000  # multiplications; NumPy's OpenBLAS has a second thread help from 262,144
COLUMNS = 64  # of dx at a time, so that their part of the kernel can be transposed within the cache


def dense_forward(x: Array, kernel: Array, bias: Array) -> Array:
    n, units = len(x), kernel.shape[1]
    if n * kernel.size <= SMALL:
        return dense.dense_forward(x, kernel, bias)
    z = np.empty((n, units), x.dtype)
    inputs = x.shape[1]
    x_rows, x_terms, z_rows = row_table(n, inputs), row_table(inputs, 1), row_table(n, units)
    _product(-(-n // ROWS), x.reshape(-1), x_rows, x_terms, kernel.reshape(-1), bias, z.reshape(-1), z_rows, units)
    return z


def dense_backward_parameters(x: Array, dz: Array) -> tuple[Array, Array]:
    (n, inputs), units = x.shape, dz.shape[1]
    if x.size * units <= SMALL:
        return dense.dense_backward_parameters(x, dz)
    dkernel = np.empty((inputs, units), x.dtype)
    x_rows, x_terms, rows = row_table(inputs, 1), row_table(n, inputs), row_table(inputs, units)
    zeros = np.zeros(units, x.dtype)
    _product(
        -(-inputs // ROWS), x.reshape(-1), x_rows, x_terms, dz.reshape(-1), zeros, dkernel.reshape(-1), rows, units
    )
    return dkernel, column_sums(dz, parts=1)


def dense_backward_input(dz: Array, kernel: Array) -> Array:
    n, inputs = len(dz), len(kernel)
    if n * kernel.size <= SMALL:
        return dense.dense_backward_input(dz, kernel)
    dx = np.empty((n, inputs), dz.dtype)
    dz_rows, dz_terms, dx_rows = row_table(n, kernel.shape[1]), row_table(kernel.shape[1], 1), row_table(n, inputs)
    zeros = np.zeros(COLUMNS, dz.dtype)
    _backward_input(-(-inputs // COLUMNS), dz, dz_rows, dz_terms, kernel, zeros, dx, dx_rows)
    return dx


@parallel_njit
def _product(
    part: int, a: Array, a_rows: Array, a_terms: Array, b: Array, bias: Array, c: Array, c_rows: Array, columns: int
) -> None:
    """Some rows of a·b + bias."""
    first, last = part * ROWS, min((part + 1) * ROWS, len(a_rows))
    product(a, 0, a_rows, a_terms, b, 0, columns, c, 0, c_rows, first, last, columns, bias, False)


@parallel_njit
def _backward_input(
    part: int, dz: Array, dz_rows: Array, dz_terms: Array, kernel: Array, zeros: Array, dx: Array, dx_rows: Array
) -> None:
    """Some columns of dx."""
    (inputs, units), first = kernel.shape, part * COLUMNS
    count = min(COLUMNS, inputs - first)
    transposed = np.empty(units * COLUMNS, dz.dtype)
    transpose(kernel.reshape(-1), first * units, units, transposed, 0, COLUMNS, count, units)
    product(
        dz.reshape(-1), 0, dz_rows, dz_terms, transposed, 0, COLUMNS,
        dx.reshape(-1), first, dx_rows, 0, len(dz), count, zeros, False,
    )  # fmt: skip

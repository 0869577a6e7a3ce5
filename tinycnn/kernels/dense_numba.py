"""A dense layer's three matrix products, fast: the twin of ``dense.py``.

Not NumPy's ``@``: its threads and Numba's would wait for each other in every step.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from tinycnn.kernels.block_product_numba import ROWS, offsets, product
from tinycnn.kernels.conv2d_numba import column_sums

Array = np.ndarray


@njit(parallel=True, cache=True)
def matrix_product(a: Array, a_rows: Array, a_terms: Array, b: Array, bias: Array) -> Array:
    """a[rows[r] + terms[k]]·b + bias, rows of the result shared out among the threads."""
    columns = b.shape[1]
    c = np.empty((len(a_rows), columns), b.dtype)
    c_rows = offsets(len(a_rows), columns, 1, 0)
    a_flat, b_flat, c_flat = a.reshape(-1), b.reshape(-1), c.reshape(-1)
    for block in prange(-(-len(a_rows) // ROWS)):
        first = block * ROWS
        product(
            a_flat, 0, a_rows, a_terms, b_flat, 0, columns,
            c_flat, 0, c_rows, first, min(first + ROWS, len(a_rows)), columns, bias, False,
        )  # fmt: skip
    return c


@njit(cache=True)
def dense_forward(x: Array, kernel: Array, bias: Array) -> Array:
    n, inputs = x.shape
    return matrix_product(x, offsets(n, inputs, 1, 0), offsets(inputs, 1, 1, 0), kernel, bias)


@njit(cache=True)
def dense_backward_parameters(x: Array, dz: Array) -> tuple[Array, Array]:
    n, inputs = x.shape
    nothing = np.zeros(dz.shape[1], x.dtype)
    dkernel = matrix_product(x, offsets(inputs, 1, 1, 0), offsets(n, inputs, 1, 0), dz, nothing)
    return dkernel, column_sums(dz)


@njit(cache=True)
def dense_backward_input(dz: Array, kernel: Array) -> Array:
    n, units = dz.shape
    inputs = len(kernel)
    nothing = np.zeros(inputs, dz.dtype)
    transposed = np.ascontiguousarray(kernel.T)
    return matrix_product(dz, offsets(n, units, 1, 0), offsets(units, 1, 1, 0), transposed, nothing)

"""The hand-built inner loop: what LLVM makes of it = the line of NumPy beside it, without Numba in between."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvm_calls import call_llvm

from tinycnn.kernels.engine import block_product as blocks


@pytest.mark.parametrize("dtype", [np.dtype("float32"), np.dtype("float64")], ids=str)
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 6, 7, 20])
def test_every_width_and_number_of_rows(rows, accumulate, dtype, rng):
    lanes = blocks.VECTOR_BYTES // dtype.itemsize
    for width in {1, lanes - 1, lanes, lanes + 1, 2 * lanes, blocks.VECTORS * lanes - 1, blocks.VECTORS * lanes}:
        terms = np.sort(rng.choice(40, 11, replace=False)).astype(np.int64)
        windows = (7 * np.arange(rows)).astype(np.int64)
        a = rng.normal(size=3 + windows[-1] + 40).astype(dtype)
        b = rng.normal(size=2 + 11 * (width + 5)).astype(dtype)
        c_rows = ((width + 3) * np.arange(rows)).astype(np.int64)
        c = rng.normal(size=4 + rows * (width + 3)).astype(dtype)
        bias = rng.normal(size=1 + width).astype(dtype)
        expected = c.copy()
        arguments = (0, rows, width, bias, 1, accumulate)
        blocks.block_product_in_python(a, 3, windows, terms, b, 2, width + 5, expected, 4, c_rows, *arguments)
        call_llvm("block_product", a, 3, windows, terms, b, 2, width + 5, c, 4, c_rows, *arguments)
        np.testing.assert_allclose(c, expected, rtol=0, atol=30 * np.finfo(dtype).eps)
        between = 4 + c_rows[:, None] + width + np.arange(3)
        assert np.array_equal(c[between.ravel()], expected[between.ravel()])  # nothing beside the columns is touched


def test_in_python_it_is_the_sum_of_the_docstring(rng):
    a, b, bias = rng.normal(size=30), rng.normal(size=30), rng.normal(size=3)
    rows, terms, c_rows = np.array([0, 4, 9]), np.array([1, 2, 5, 7]), np.array([0, 4, 8])
    c = np.zeros(12)
    blocks.block_product_in_python(a, 2, rows, terms, b, 1, 5, c, 1, c_rows, 1, 3, 2, bias, 1, False)
    expected = np.zeros(12)
    for r in (1, 2):
        for j in range(2):
            total = bias[1 + j]
            for k in range(4):
                total += a[2 + rows[r] + terms[k]] * b[1 + 5 * k + j]
            expected[1 + c_rows[r] + j] = total
    np.testing.assert_allclose(c, expected, rtol=1e-13)

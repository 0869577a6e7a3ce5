"""The hand-built inner loop: what LLVM makes of it = the line of NumPy beside it, without Numba in between."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from llvmlite import binding, ir

from tinycnn.kernels import block_product_numba as blocks

WHOLE = ir.IntType(64)


@pytest.fixture(scope="module", params=["float32", "float64"])
def compiled(request):
    """The function for one dtype, compiled by LLVM alone."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    number = ir.FloatType() if request.param == "float32" else ir.DoubleType()
    module = ir.Module()
    module.triple = binding.get_default_triple()
    kinds = [number.as_pointer(), WHOLE, WHOLE.as_pointer(), WHOLE.as_pointer(), number.as_pointer(), WHOLE, WHOLE,
             number.as_pointer(), WHOLE, WHOLE.as_pointer(), WHOLE, WHOLE, WHOLE, number.as_pointer(), WHOLE,
             ir.IntType(1), WHOLE]  # fmt: skip
    name = blocks._function(module, number, kinds).name
    assert blocks._function(module, number, kinds).name == name  # asked for again, it is there already
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten()
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    arguments = [
        ctypes.c_bool if k == ir.IntType(1) else ctypes.c_int64 if k is WHOLE else ctypes.c_void_p for k in kinds
    ]
    function = ctypes.CFUNCTYPE(None, *arguments)(engine.get_function_address(name))

    def call(a, a_start, rows, terms, *others):
        given = [a, a_start, rows, terms, *others, len(terms)]
        function(*[v.ctypes.data if isinstance(v, np.ndarray) else v for v in given])

    yield np.dtype(request.param), call
    engine.close()


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 6, 7, 20])
def test_every_width_and_number_of_rows(compiled, rows, accumulate, rng):
    dtype, call = compiled
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
        call(a, 3, windows, terms, b, 2, width + 5, c, 4, c_rows, *arguments)
        np.testing.assert_allclose(c, expected, rtol=0, atol=30 * np.finfo(dtype).eps)
        between = 4 + c_rows[:, None] + width + np.arange(3)
        assert np.array_equal(c[between.ravel()], expected[between.ravel()])  # nothing beside the columns is touched
        assert not np.array_equal(c, np.zeros_like(c))


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

"""The hand-written LLVM of tiles and pooling windows: what LLVM makes of it = its twin in Python, without Numba."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tolerances import PARITY, assert_close

pytest.importorskip("llvmlite")

from llvmlite import binding, ir

from tinycnn.kernels import pool_window_numba as pooling
from tinycnn.kernels import tile_transform_numba as tiles
from tinycnn.kernels import winograd_numba as winograd
from tinycnn.kernels.block_product_numba import VECTOR_BYTES

WHOLE = ir.IntType(64)
NUMBERS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "uint8": ir.IntType(8), "int64": WHOLE}


def compiled(make: Any, arguments: list[Any]) -> tuple[Any, Any]:
    """Compile the function that ``make(module, argument types)`` writes; keep the second result alive while calling."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = ir.Module()
    module.triple = binding.get_default_triple()
    kinds = [NUMBERS[str(a.dtype)].as_pointer() if isinstance(a, np.ndarray) else WHOLE for a in arguments]
    name = make(module, kinds).name
    assert make(module, kinds).name == name  # asked for again, it is there already
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten()
    )
    engine = binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine)
    engine.finalize_object()
    types = [ctypes.c_void_p if isinstance(a, np.ndarray) else ctypes.c_int64 for a in arguments]
    return ctypes.CFUNCTYPE(None, *types)(engine.get_function_address(name)), engine


def call(make: Any, *arguments: Any) -> None:
    function, _engine = compiled(make, list(arguments))
    function(*[a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize(
    ("matrix", "adds", "writes_image"),
    [(winograd.B.T, False, False), (winograd.A.T, True, True), (winograd.G.T, True, False)],
    ids=["reads", "writes", "adds"],
)
def test_tile_transform(matrix, adds, writes_image, extra, dtype, rng):
    channels = VECTOR_BYTES // np.dtype(dtype).itemsize + extra
    rows, size = matrix.shape
    for inside in ((size, size), (2, 3)):
        x, y, base = rng.normal(size=(3, 36 * channels + 5)).astype(dtype)
        outside, row = np.zeros(channels, dtype), 6 * channels

        def make(module: Any, kinds: Any) -> Any:
            values = [SimpleNamespace(type=kind) for kind in kinds]
            return tiles._function(module, "tile", NUMBERS[dtype], values, matrix, adds, writes_image)

        expected = y.copy()
        places = np.arange(6)[:, None, None] * row + np.arange(6)[:, None] * channels + np.arange(channels)
        tile = x[5 + places[:size, :size]].astype(float)
        written = (rows, rows)
        if writes_image:
            written = min(inside[0], rows), min(inside[1], rows)
        else:
            tile[inside[0] :], tile[:, inside[1] :] = 0, 0
        result = np.einsum("ia,abc,jb->ijc", matrix, tile, matrix) + adds * base[1 + places[:rows, :rows]]
        expected[2 + places[: written[0], : written[1]]] = result[: written[0], : written[1]]
        call(make, x, 5, row, channels, y, 2, row, channels, base, 1, row, channels, outside, *inside, channels)
        assert_close(y, expected, PARITY[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pixels", [4, 3, 1])
@pytest.mark.parametrize("extra", [0, 5])
@pytest.mark.parametrize("normalized", [False, True])
def test_pooling_windows(normalized, extra, pixels, dtype, rng):
    channels = VECTOR_BYTES // np.dtype(dtype).itemsize + extra
    windows, step = 3, 2 * channels
    taps = np.array([0, channels, 8 * channels, 9 * channels])[:pixels]
    x = rng.integers(-2, 2, 16 * channels + 7).astype(dtype)  # few values: ties go to the first
    y, argmax = np.zeros(windows * channels + 3, dtype), np.zeros(windows * channels + 3, np.uint8)
    expected = y.copy(), argmax.copy()
    factors = list(rng.normal(size=(3, channels)).astype(dtype)) if normalized else []  # scales of both signs
    pooling.pool_windows_in_python(x, 2, step, taps, *expected, 1, windows, channels, *factors)
    call(lambda module, kinds: pooling._function(module, "pool", pooling._emit_pool, kinds),
         x, 2, step, taps, y, argmax, 1, windows, channels, *factors, len(taps))  # fmt: skip
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_array_equal(argmax, expected[1])
    assert y[0] == 0
    assert not y[-2:].any()

    dy, dx = rng.normal(size=windows * channels + 3).astype(dtype), rng.normal(size=16 * channels + 7).astype(dtype)
    after = dx.copy()
    pooling.unpool_windows_in_python(dy, argmax, 1, taps, after, 2, step, windows, channels)
    call(lambda module, kinds: pooling._function(module, "unpool", pooling._emit_unpool, kinds),
         dy, argmax, 1, taps, dx, 2, step, windows, channels, len(taps))  # fmt: skip
    np.testing.assert_array_equal(dx, after)


def test_pooling_in_python_is_the_sum_of_the_docstring(rng):
    x, taps = rng.normal(size=30), np.array([0, 2, 8, 10])
    y, argmax = np.zeros(5), np.zeros(5, np.uint8)
    pooling.pool_windows_in_python(x, 1, 4, taps, y, argmax, 1, 2, 2)
    for i in range(2):
        for c in range(2):
            window = [x[1 + 4 * i + t + c] for t in taps]
            assert y[1 + 2 * i + c] == max(window)
            assert argmax[1 + 2 * i + c] == window.index(max(window))

    mean, scale, beta = np.array([0.5, -1.0]), np.array([2.0, -3.0]), np.array([1.0, 0.0])
    pooling.pool_windows_in_python(x, 1, 4, taps, y, argmax, 1, 2, 2, mean, scale, beta)
    for i in range(2):
        for c, best in enumerate((max, min)):  # behind a negative scale the smallest pixel is the largest
            window = [max(0, x[1 + 4 * i + t + c]) for t in taps]
            assert y[1 + 2 * i + c] == best(window)
            assert argmax[1 + 2 * i + c] == window.index(best(window))

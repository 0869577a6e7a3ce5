"""The hand-written LLVM of tiles, pooling windows and transposing = its twin in Python; and where it is kept."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from tolerances import PARITY, assert_close

pytest.importorskip("llvmlite")

from llvm_calls import call_llvm
from numba import get_num_threads, njit
from numba.core.codegen import JITCPUCodegen

from tinycnn.kernels import FAST
from tinycnn.kernels.engine import block_product, kept_code, winograd
from tinycnn.kernels.engine import llvm_functions as llvm
from tinycnn.kernels.engine import pool_window as pooling
from tinycnn.kernels.engine.llvm_functions import VECTOR_BYTES
from tinycnn.kernels.engine.parts import entry_of
from tinycnn.kernels.engine.threads import rehearsing
from tinycnn.kernels.engine.transpose import transpose_in_python


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize(
    ("name", "matrix", "adds", "writes_image"),
    [
        ("pixels", winograd.B.T, False, False),
        ("outputs", winograd.A.T, True, True),
        ("kernel_gradient", winograd.G.T, True, False),
    ],
    ids=["reads", "writes", "adds"],
)
def test_tile_transform(name, matrix, adds, writes_image, extra, dtype, rng):
    channels = VECTOR_BYTES // np.dtype(dtype).itemsize + extra
    rows, size = matrix.shape
    for inside in ((size, size), (2, 3)):
        x, y, base = rng.normal(size=(3, 36 * channels + 5)).astype(dtype)
        outside, row = np.zeros(channels, dtype), 6 * channels

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
        places = x, 5, row, channels, y, 2, row, channels, base, 1, row, channels
        call_llvm(f"transform_{name}", *places, outside, *inside, channels)
        assert_close(y, expected, PARITY[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pixels", [4, 3, 1])
@pytest.mark.parametrize("extra", [0, 5])
@pytest.mark.parametrize(
    ("name", "place"),  # fused steps have small windows, whose places are bytes
    [("pool_windows", np.uint8), ("pool_windows", np.int32), ("pool_scaled_windows", np.uint8),
     ("relu_and_pool_windows", np.uint8)],
)  # fmt: skip
def test_pooling_windows(name, place, extra, pixels, dtype, rng):
    channels = VECTOR_BYTES // np.dtype(dtype).itemsize + extra
    windows, step = 3, 2 * channels
    taps = np.array([0, channels, 8 * channels, 9 * channels])[:pixels]
    x = rng.integers(-2, 2, 16 * channels + 7).astype(dtype)  # few values: ties go to the first
    x[::11] = np.nan
    y, argmax = np.zeros(windows * channels + 3, dtype), np.zeros(windows * channels + 3, place)
    factor, sums = rng.integers(-1, 2, channels).astype(dtype), rng.integers(-1, 2, channels).astype(dtype)
    more = {"pool_windows": [], "pool_scaled_windows": [factor], "relu_and_pool_windows": [factor, sums]}[name]
    expected = x.copy(), y.copy(), argmax.copy(), [array.copy() for array in more]
    where = 1, windows, channels
    pooling.pool_windows_in_python(expected[0], 2, step, taps, *expected[1:3], *where, *expected[3])
    call_llvm(name, x, 2, step, taps, y, argmax, *where, *more)
    for own, its_twin in zip((x, y, argmax, *more), (*expected[:3], *expected[3]), strict=True):
        np.testing.assert_array_equal(own, its_twin)
    assert y[0] == 0
    assert not y[-2:].any()

    dy, dx = rng.normal(size=windows * channels + 3).astype(dtype), rng.normal(size=16 * channels + 7).astype(dtype)
    after = dx.copy()
    pooling.unpool_windows_in_python(dy, argmax, 1, taps, after, 2, step, windows, channels)
    call_llvm("unpool_windows", dy, argmax, 1, taps, dx, 2, step, windows, channels)
    np.testing.assert_array_equal(dx, after)

    y[::5] = np.nan  # passes nothing on, as with relu
    argmax, (a, *line) = argmax.astype(np.uint8), rng.normal(size=(4, dx.size)).astype(dtype)
    a[::7] = np.nan
    line = [array[:channels] for array in line]
    for name, adds, more in (
        ("unpool_positive_windows", True, []),
        ("unpool_positive_windows", False, []),
        ("unpool_on_line_windows", False, [a, *line]),
    ):
        if not adds:
            dx[::3] = np.nan  # what is written needs no number before
        after, sums = dx.copy(), [rng.normal(size=channels).astype(dtype)]
        expected_sums = [sums[0].copy()]
        gradients = dy, argmax, 1, taps
        where = 2, step, windows, channels, y, factor
        pooling.unpool_windows_in_python(*gradients, after, *where, *expected_sums, adds, *more)
        call_llvm(name, *gradients, dx, *where, *sums, adds, *more)
        assert_close(dx, after, PARITY[dtype])
        assert np.isnan(dx).any() != adds  # and what lies outside stays
        assert_close(sums[0], expected_sums[0], PARITY[dtype])


def test_pooling_in_python_is_the_sum_of_the_docstring(rng):
    x, taps = rng.normal(size=30), np.array([0, 2, 8, 10])
    y, argmax = np.zeros(5), np.zeros(5, np.uint8)
    pooling.pool_windows_in_python(x, 1, 4, taps, y, argmax, 1, 2, 2)
    for i in range(2):
        for c in range(2):
            window = [x[1 + 4 * i + t + c] for t in taps]
            assert y[1 + 2 * i + c] == max(window)
            assert argmax[1 + 2 * i + c] == window.index(max(window))

    pooling.pool_windows_in_python(x, 1, 4, taps, y, argmax, 1, 2, 2, np.array([2.0, -3.0]))
    for i in range(2):
        for c, best in enumerate((max, min)):  # behind a negative factor the smallest pixel is the largest
            window = [max(0, x[1 + 4 * i + t + c]) for t in taps]
            assert y[1 + 2 * i + c] == best(window)
            assert argmax[1 + 2 * i + c] == window.index(best(window))

    activated, sums = x.copy(), np.ones(2)
    pooling.pool_windows_in_python(activated, 1, 4, taps, y, argmax, 1, 2, 2, np.array([2.0, -3.0]), sums)
    np.testing.assert_array_equal(activated[1:17], np.maximum(x[1:17], 0))
    np.testing.assert_array_equal(activated[17:], x[17:])
    np.testing.assert_allclose(sums, 1 + activated[1:17].reshape(-1, 2).sum(0))


def test_gradients_of_windows_in_python_are_the_sum_of_the_docstring(rng):
    taps, dx, sums = np.array([0, 2, 8, 10]), rng.normal(size=30), np.ones(2)
    dy, y, argmax = rng.normal(size=5), np.array([9.0, 1, -1, 0, 2]), np.array([9, 3, 0, 1, 2])
    before, factor = dx.copy(), np.array([2.0, -3.0])
    pooling.unpool_windows_in_python(dy, argmax, 1, taps, dx, 1, 4, 2, 2, y, factor, sums, False)
    expected = before.copy()
    expected[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]] = 0  # all pixels of the windows at 1 and 5
    expected[1 + 10] = 2 * dy[1]  # y is 1; the second channel and the third have none above 0
    expected[1 + 4 + 8 + 1] = -3 * dy[4]
    np.testing.assert_allclose(dx, expected)
    np.testing.assert_allclose(sums, [1 + 2 * dy[1], 1 - 3 * dy[4]])

    on_line, sums = expected.copy(), np.zeros(2)
    a, mean, slope, constant = rng.normal(size=30), *rng.normal(size=(3, 2))
    line = a, mean, slope, constant
    pooling.unpool_windows_in_python(dy, argmax, 1, taps, on_line, 1, 4, 2, 2, y, factor, sums, False, *line)
    for pixel in range(1, 17):
        c = (pixel - 1) % 2
        more = (a[pixel] - mean[c]) * slope[c] + constant[c] if a[pixel] > 0 else 0
        assert on_line[pixel] == pytest.approx(expected[pixel] + more)
    np.testing.assert_allclose(sums, on_line[1:17].reshape(-1, 2).sum(0))

    pooling.unpool_windows_in_python(dy, argmax, 1, taps, dx, 1, 4, 2, 2)
    for here, pixel in ((1, 11), (2, 2), (3, 7), (4, 14)):
        expected[pixel] += dy[here]
    np.testing.assert_allclose(dx, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "columns"), [(16, 32), (35, 19), (3, 40), (40, 3), (1, 1)])
def test_transpose(rows, columns, dtype, rng):
    x, y = rng.normal(size=(rows, columns + 2)).astype(dtype), rng.normal(size=(columns, rows + 1)).astype(dtype)
    expected = y.copy()
    expected[:, :rows] = x[:, 1 : columns + 1].T
    where = x.reshape(-1), 1, columns + 2, y.reshape(-1), 0, rows + 1, rows, columns
    in_python = y.copy().reshape(-1)
    transpose_in_python(*where[:3], in_python, *where[4:])
    call_llvm("transpose", *where)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(in_python.reshape(y.shape), expected)


ENGINES = []  # never freed: whatever this process compiles later calls the functions that were loaded last


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """As in a new process, in which nothing is compiled, with an empty folder for what is."""
    load = llvm._load

    def load_for_good(number: str, code: bytes) -> None:
        load(number, code)
        ENGINES.append(llvm._engines[number])

    monkeypatch.setattr(llvm, "_load", load_for_good)
    monkeypatch.setattr(llvm, "_engines", {})
    monkeypatch.setattr(kept_code.config, "CACHE_DIR", str(tmp_path))


def test_compiled_functions_are_kept_and_loaded_again(fresh, tmp_path, monkeypatch):
    llvm.address("block_product", "float64")
    (file,) = tmp_path.rglob("llvm_functions-*.kept")

    monkeypatch.setattr(llvm, "_engines", {})
    monkeypatch.setattr(llvm, "_object_code", lambda number: pytest.fail("compiled, although it had been kept"))
    assert llvm.address("transform_pixels", "float64")
    assert list(tmp_path.rglob("*.kept")) == [file]


@pytest.mark.parametrize("damage", ["removed", "cut short", "exchanged"])
def test_what_a_kept_kernel_calls_is_there_before_it(fresh, tmp_path, monkeypatch, damage):
    """Kept kernels call the functions by name; without them the process would end."""
    code = {"float32": b"object code of float32", "float64": b"object code of float64"}
    loaded = []
    monkeypatch.setattr(llvm, "_object_code", code.__getitem__)

    def load(number: str, its_code: bytes) -> None:
        loaded.append(its_code)
        llvm._engines[number] = number

    monkeypatch.setattr(llvm, "_load", load)
    for number in code:
        kept_code.write("llvm_functions", number, code[number])
    files = [kept_code._place(tmp_path) / kept_code.file_name("llvm_functions", it) for it in code]
    if damage == "removed":
        files[0].unlink()
    elif damage == "cut short":
        files[0].write_bytes(files[0].read_bytes()[:-1])
    else:
        files[0].write_bytes(files[1].read_bytes())

    llvm.make_known(b"a kernel without any; float32, tinycnn_ and float64")
    assert loaded == []
    llvm.make_known(b"\0tinycnn_pool_windows_float32_uint8\0")
    assert loaded == [code["float32"]]
    llvm.make_known(b"tinycnn_transpose_float64 and tinycnn_transpose_float32")
    assert loaded == [code["float32"], code["float64"]]
    assert kept_code.read("llvm_functions", "float32") == code["float32"]


@pytest.mark.jit
def test_kernels_that_another_process_has_kept_find_the_functions(tmp_path):
    """The first process imports tinycnn, the second compiles a kernel, then the first one loads it from the cache."""
    head = "import numpy as np; from tinycnn.kernels import FAST; x = np.arange(16, dtype=np.float32); "
    use = "print(FAST.max_pooling2d_forward(x.reshape(1, 4, 4, 1), (2, 2), (2, 2))[0].sum())"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first = subprocess.Popen(
        [sys.executable, "-c", f"{head}print('ready', flush=True); input(); {use}"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdout.readline() == "ready\n"
    second = subprocess.run([sys.executable, "-c", head + use], env=environment, capture_output=True, text=True)
    assert second.stdout == "40.0\n", second.stderr
    out, errors = first.communicate("\n")
    assert out == "40.0\n"
    assert errors == ""  # nothing was compiled


def test_a_function_defined_too_late(fresh, monkeypatch):
    llvm.address("block_product", "float32")
    monkeypatch.setitem(llvm._functions, "late", ((llvm.NUMBERS,), lambda emitter, x: None))
    with pytest.raises(RuntimeError, match=r"all functions are defined before the first one is called, received late"):
        llvm.address("late", "float32")


PROCESSORS = {
    "x86-64": ("x86_64-unknown-linux-gnu", 16, 2),
    "x86-64-v2": ("x86_64-unknown-linux-gnu", 16, 2),
    "haswell": ("x86_64-unknown-linux-gnu", 32, 2),
    "skylake-avx512": ("x86_64-unknown-linux-gnu", 64, 4),
    "generic": ("aarch64-unknown-linux-gnu", 16, 4),
    "cortex-a76": ("aarch64-unknown-linux-gnu", 16, 4),
    "apple-m1": ("arm64-apple-darwin", 16, 4),
}
ALWAYS_FUSED = ("haswell", "skylake-avx512", "generic", "cortex-a76", "apple-m1")


def emitted(cpu: str, number: str) -> str:
    """The functions in the assembly of a processor, which need not be this one."""
    llvm.binding.initialize_all_targets()
    llvm.binding.initialize_all_asmprinters()
    target = llvm.Target(PROCESSORS[cpu][0], cpu, "")
    return target.machine().emit_assembly(llvm.optimized(number, target))


def check_instructions(cpu: str, number: str) -> None:
    code = emitted(cpu, number)
    instructions = re.findall(r"^\s+([a-z]\w*(?:\.\w+)?)\s*(.*)$", code, re.MULTILINE)
    calls = [(name, to) for name, to in instructions if name.startswith("call") or name in ("bl", "blr")]
    assert calls == []  # without FMA, a fused multiply-add would be one for each lane
    assert not re.search(r"\b_?fmaf?\b", code)
    fused = [name for name, _ in instructions if name.startswith(("vfmadd", "fmla", "fmadd"))]
    assert bool(fused) == (cpu in ALWAYS_FUSED)


@pytest.mark.parametrize("cpu", PROCESSORS)
def test_no_processor_calls_a_function_in_the_inner_loop(monkeypatch, cpu):
    _, vector_bytes, vectors = PROCESSORS[cpu]
    target = llvm.Target(PROCESSORS[cpu][0], cpu, "")
    llvm.binding.initialize_all_targets()
    llvm.binding.initialize_all_asmprinters()
    assert target.vector_bytes == vector_bytes
    assert block_product.vectors_of(target) == vectors
    some = {name: llvm._functions[name] for name in ("block_product", "transform_pixels")}
    monkeypatch.setattr(llvm, "_functions", some)
    check_instructions(cpu, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("number", llvm.FLOATS)
@pytest.mark.parametrize("cpu", PROCESSORS)
def test_no_function_calls_another_on_any_processor(cpu, number):
    check_instructions(cpu, number)


OBJECTS = {  # how an object file of ARM's 64-bit processors begins, and where it says so
    "aarch64-unknown-linux-gnu": (b"\x7fELF", 18, b"\xb7\x00"),
    "arm64-apple-darwin": (b"\xcf\xfa\xed\xfe", 4, b"\x0c\x00\x00\x01"),
}
ROWS, LINE = np.ones((128, 32), "float32"), np.ones(32, "float32")
KERNELS = {
    "relu": lambda: FAST.activations["relu"].apply(ROWS),
    "batch_normalization": lambda: FAST.batch_normalization_inference(ROWS, LINE, LINE, LINE, LINE, 1e-3),
    "dense": lambda: FAST.dense_forward(ROWS, ROWS[:32], LINE),
}


def optimized_by_numba(kernel, types, monkeypatch) -> str:
    """The LLVM of a kernel and of all that Numba puts around it, before it becomes code of this processor."""
    get_num_threads()  # loads what kernels call
    texts: list[str] = []
    add = JITCPUCodegen._add_module
    monkeypatch.setattr(JITCPUCodegen, "_add_module", lambda self, it: (texts.append(str(it)), add(self, it))[1])
    njit(no_cfunc_wrapper=True, nogil=True, error_model="numpy")(entry_of(kernel.__wrapped__)).compile(types)
    # Counting references is a function of Numba's runtime, which is code of this processor already.
    counting = r"^define [^\n]*(void @NRT_decref\(ptr)[^\n]*\{.*?^\}"
    return re.sub(counting, r"declare \1)", max(texts, key=len), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.jit
@pytest.mark.parametrize("name", KERNELS)
def test_numbas_own_kernels_become_code_for_arm(name, monkeypatch):
    with rehearsing() as called:
        KERNELS[name]()
    text = optimized_by_numba(*called[0], monkeypatch)
    llvm.binding.initialize_all_targets()
    llvm.binding.initialize_all_asmprinters()
    for cpu in ("cortex-a76", "apple-m1"):
        triple = PROCESSORS[cpu][0]
        machine = llvm.Target(triple, cpu, "").machine()
        its_text = re.sub('(?<=target datalayout = ")[^"]*', str(machine.target_data), text)
        its_text = re.sub('(?<=target triple = ")[^"]*', triple, its_text)
        code = machine.emit_object(llvm.binding.parse_assembly(its_text))
        magic, place, processor = OBJECTS[triple]
        assert code.startswith(magic)
        assert code[place:].startswith(processor)
        if name != "dense":  # whose loop is hand-written: see above
            assembly = machine.emit_assembly(llvm.binding.parse_assembly(its_text))
            assert re.search(r"\bv\d+\.4s|\.4s\b", assembly)  # four numbers at a time


@pytest.mark.parametrize(
    ("cpu", "features", "vector_bytes"),
    [("generic", "", 16), ("haswell", "", 32), ("haswell", "-avx2", 16), ("haswell", "+avx512f", 64)],
)
def test_numbas_settings_of_the_processor_are_followed(cpu, features, vector_bytes):
    if not kept_code.TRIPLE.startswith("x86_64"):
        pytest.skip("names x86 processors")
    code = (
        "from tinycnn.kernels.engine import block_product as blocks, kept_code as kept\n"
        "print(blocks.VECTOR_BYTES, blocks.VECTORS, kept.CPU, kept.FEATURES)"
    )
    environment = os.environ | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(vector_bytes), "4" if vector_bytes == 64 else "2", cpu, *features.split()]

"""The threads of the fast kernels, and life without Numba; each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from tinycnn.kernels.engine import threads

ROOT = Path(__file__).parents[1]


class NullCache:
    """Keeps nothing: what a test compiles is of no use to others."""

    def load_overload(self, signature, context):
        return None

    def save_overload(self, signature, result):
        pass


def run(code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess:
    inherited = {k: v for k, v in os.environ.items() if k not in ("NUMBA_DISABLE_JIT", "OMP_WAIT_POLICY")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), **settings}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, timeout=300
    )


def test_openmp_is_loaded_with_a_short_wait_and_the_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    seen = []
    monkeypatch.setattr(
        threads.importlib, "import_module", lambda name: seen.append((name, os.environ["GOMP_SPINCOUNT"]))
    )
    threads.load_openmp()
    assert seen == [("numba.np.ufunc.omppool", threads.SPIN_COUNT)]
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_the_users_own_setting_stays(monkeypatch, name):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv(name, "77")
    monkeypatch.setattr(threads.importlib, "import_module", lambda name: pytest.fail("loaded all the same"))
    threads.load_openmp()
    assert os.environ[name] == "77"


def test_a_system_without_openmp_is_no_error(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(threads.importlib, "import_module", missing)
    threads.load_openmp()
    assert "GOMP_SPINCOUNT" not in os.environ


TRAIN = """
import hashlib, numpy as np, tinycnn
from tinycnn import models
from tinycnn.layers import Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPooling2D
tinycnn.set_random_seed(3)
rng = np.random.default_rng(0)
x, y = rng.random((96, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 96)
for make in (models.plain, models.dropout, models.batch_normalization):
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, verbose=0)
    print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest(), history.history["loss"])
for batch_size in (32, 2):  # layer by layer: no step is fused; few images are cut into parts
    model = tinycnn.Sequential([
        Conv2D(16, 3, activation="tanh", input_shape=(28, 28, 1)), Conv2D(16, 3), MaxPooling2D(3, strides=2),
        DepthwiseConv2D(3, depth_multiplier=2), Conv2D(20, 5, strides=2), Flatten(), Dense(10, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=batch_size, verbose=0)
    print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.jit
def test_same_bits_for_any_number_of_threads():
    outputs = []
    for number in ("1", "2", "4"):
        done = run(TRAIN, NUMBA_NUM_THREADS=number)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert len(set(outputs)) == 1
    assert outputs[0].count("\n") == 5


@pytest.mark.jit
def test_numpys_own_threads_are_left_alone():
    done = run(
        "import threadpoolctl, numpy as np\n"
        "np.ones((9, 9)) @ np.ones((9, 9))\n"
        "def blas(): return {p['filepath']: p['num_threads'] for p in threadpoolctl.threadpool_info()"
        " if p['user_api'] == 'blas'}\n"
        "before = blas()\n"
        f"{TRAIN}\n"
        "assert before and before.items() <= blas().items(), (before, blas())\n"
    )
    assert done.returncode == 0, done.stderr


WITHOUT_NUMBA = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])
sys.meta_path.insert(0, Blocker())
import numpy as np, tinycnn
from tinycnn.layers import Conv2D, Dense, Flatten
assert tinycnn.FAST is tinycnn.REFERENCE
model = tinycnn.Sequential([Conv2D(2, 3, activation="relu", input_shape=(6, 6, 1)), Flatten(), Dense(3)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 6, 6, 1)), np.ones((4, 3)), verbose=0)
print("trained")
"""


def test_without_numba_the_reference_kernels_serve_and_one_line_says_so():
    done = run(WITHOUT_NUMBA)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained\n"
    assert done.stderr.count("Numba is not installed, so the reference kernels are used") == 1


def test_an_error_inside_numba_is_not_taken_for_its_absence():
    done = run(
        "import sys\nsys.modules['numba.extending'] = None\n"
        "try:\n    import tinycnn\nexcept ImportError as error:\n    print('raised', error.name)\n"
    )
    assert done.stdout == "raised numba.extending\n", done.stderr


@pytest.mark.jit
def test_a_first_compilation_says_so_and_only_once(tmp_path):
    code = (
        "import numpy as np; from tinycnn.kernels import FAST\n"
        "x = np.ones((2, 3), np.float32)\n"
        "FAST.activations['relu'].forward(x); FAST.softmax_crossentropy(x, np.array([0, 1]))\n"
    )
    first = run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("tinycnn: compiling the fast kernels for this processor") == 1
    assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).stderr == ""


THREADED = """
import threading, numpy as np, tinycnn
from tinycnn import models
rng = np.random.default_rng(0)
x, y = rng.random((64, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 64)
def trained():
    model = models.plain()
    model.set_weights([0.05 * np.random.default_rng(7).normal(size=w.shape) for w in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, shuffle=False, verbose=0)
    results.append(b"".join(w.tobytes() for w in model.get_weights()))
results = []
trained()
others = [threading.Thread(target=trained) for _ in range(3)]
[t.start() for t in others]; [t.join() for t in others]
assert len(results) == 4 and len(set(results)) == 1
print("same")
"""

FORKED = """
import multiprocessing, numpy as np, tinycnn
from tinycnn import models
rng = np.random.default_rng(0)
x, y = rng.random((64, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 64)
model = models.plain()
model.compile("adam", "sparse_categorical_crossentropy")
def loss(_):
    return model.evaluate(x, y, verbose=0)
before = loss(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map_async(loss, range(4)).get(120) == [before] * 4
assert loss(0) == before
print("same")
"""


@pytest.mark.jit
@pytest.mark.parametrize("code", [THREADED, FORKED], ids=["threads", "fork"])
def test_models_run_side_by_side(code):
    if code is FORKED and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"


ON_EVERY_LAYER = """
import threading, numpy as np, numba, tinycnn
from tinycnn.kernels import FAST
rng = np.random.default_rng(0)
x, kernel, bias = (rng.normal(size=s).astype(np.float32) for s in ((32, 28, 28, 8), (3, 3, 8, 16), (16,)))
def worked(times):
    for _ in range(times):
        z = FAST.conv2d_forward(x, kernel, bias, (1, 1), (1, 1))
        results.add(z.tobytes() + FAST.conv2d_backward_input(z, kernel, (28, 28), (1, 1), (1, 1)).tobytes())
results = set()
worked(1)
others = [threading.Thread(target=worked, args=(50,)) for _ in range(4)]
[t.start() for t in others]; [t.join() for t in others]
assert len(results) == 1
print(numba.threading_layer())
"""


@pytest.mark.jit
@pytest.mark.parametrize("layer", ["workqueue", "omp", "tbb"])
def test_threads_share_kernels_on_every_threading_layer(layer):
    done = run(ON_EVERY_LAYER, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="4")
    if "No threading layer could be loaded" in done.stderr:
        pytest.skip(f"Numba has no {layer} here")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{layer}\n"


@pytest.mark.jit
@pytest.mark.parametrize("code", [THREADED, FORKED], ids=["threads", "fork"])
def test_models_run_side_by_side_on_numbas_own_threads(code):
    if code is FORKED and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    done = run(code, NUMBA_THREADING_LAYER="workqueue", NUMBA_NUM_THREADS="4")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "same\n"


def test_only_numbas_own_threads_are_waited_for(monkeypatch):
    """Where several kernels may run at a time, none waits for another one's end."""

    class Lock:
        def __enter__(self):
            entered.append(True)

        def __exit__(self, *_):
            pass

    entered, given = [], []
    kernel = threads.parallel_njit(lambda part: None)
    monkeypatch.setattr(kernel, "entry", lambda *arguments: given.append(arguments))
    monkeypatch.setattr(threads, "_one_at_a_time", Lock())
    for layer, waits in (("omp", []), ("tbb", []), ("workqueue", [True])):
        monkeypatch.setattr(threads, "JIT_IS_OFF", False)
        monkeypatch.setattr(threads.numba, "get_num_threads", lambda: 4)
        monkeypatch.setattr(threads.numba, "threading_layer", lambda: layer)  # noqa: B023
        monkeypatch.setattr(threads, "_serve_several", None)
        kernel(2)
        assert given.pop() == (2, False)
        assert entered == waits


def test_kernels_that_are_not_compiled_are_announced_once(monkeypatch, capsys):
    monkeypatch.setattr(threads, "JIT_IS_OFF", True)
    monkeypatch.setattr(threads, "_serve_several", None)
    kernel = threads.parallel_njit(lambda part: None)
    kernel(2)
    kernel.alone(1)
    assert capsys.readouterr().err == (
        "tinycnn: NUMBA_DISABLE_JIT is set, so the fast kernels run uncompiled, many times slower than the reference "
        "kernels. Unset it, or choose those.\n"
    )


@pytest.mark.jit
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "on all threads"])
def test_what_a_part_raises_comes_out_of_the_kernel(alone):
    """And all other parts are done nevertheless."""

    def part(number, x, calls):
        calls[number] = 1
        if number % 2:
            raise MemoryError("too large")
        x[number] = number

    kernel = threads.parallel_njit(part)
    kernel.entry._cache = NullCache()
    x, calls = np.zeros(9), np.zeros(9)
    for _ in range(3):
        with pytest.raises(MemoryError, match="too large"):
            (kernel.alone if alone else kernel)(9, x, calls)
    np.testing.assert_array_equal(x, [0, 0, 2, 0, 4, 0, 6, 0, 8])
    assert calls.all()
    kernel(1, x, calls)  # the next call is not spoilt by the last one


@pytest.mark.jit
@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
def test_each_part_is_done_once(count):
    kernel = threads.parallel_njit(_count)
    kernel.entry._cache = NullCache()
    for run in (kernel, kernel.alone):
        done = np.zeros(count + 1, int)
        run(count, done)
        assert (done[:count] == 1).all()
        assert done[count] == 0


def _count(part, done):
    done[part] += 1


@pytest.mark.jit
def test_functions_that_kernels_call_belong_to_their_library():
    """Each is compiled once for each kernel, whatever calls it, and leaves nothing behind elsewhere."""
    from tinycnn.kernels.engine.parts import inner_njit

    @inner_njit
    def add(x: np.ndarray, number: float) -> None:
        for i in range(len(x)):
            x[i] += number

    @inner_njit
    def double(number: float) -> float:
        return 2 * number

    def part(number, x, y):
        add(x, 1.0)
        add(x, double(2.0))
        add(y, 1.0)

    kernel = threads.parallel_njit(part)
    kernel.entry._cache = NullCache()
    x, y = np.zeros(3), np.zeros(3, np.float32)
    kernel(1, x, y)
    assert x.tolist() == [5.0] * 3
    assert y.tolist() == [1.0] * 3
    (code,) = kernel.entry.inspect_llvm().values()
    assert len(re.findall(r"^define .*locals_3e3addB", code, re.M)) == 2  # for float64 and for float32


REHEARSED = """
import sys, numpy as np, tinycnn
from tinycnn import models
from tinycnn.kernels import FAST, engine, fast
from tinycnn.kernels.engine import ahead, threads
rng = np.random.default_rng(0)
x, y = rng.random((32, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 32)
tinycnn.utils.set_random_seed(1)
model = getattr(models, sys.argv[1])()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
before = [w.copy() for w in model.get_weights()]
compiled = []
of_kernel = threads.parallel_njit.compile
threads.parallel_njit.compile = lambda kernel, types: (compiled.append(kernel.__name__), of_kernel(kernel, types))
model.fit(x, y, validation_data=(x, y), verbose=0)
first = len(compiled)
assert first > 8, compiled
model.fit(x, y, validation_data=(x, y), verbose=0)
model.predict(x, verbose=0)
assert len(compiled) == first, compiled[first:]
modules = [getattr(fast, name) for name in fast.__all__]
kernels = [it for module in modules for it in vars(module).values() if isinstance(it, threads.parallel_njit)]
assert {it.__name__ for it in kernels if it.entry.overloads} <= set(compiled), compiled
print(sum(w.sum() for w in model.get_weights()))
"""


@pytest.mark.jit
@pytest.mark.parametrize(
    "name", [pytest.param(it, marks=pytest.mark.slow) for it in ("plain", "dropout", "batch_normalization")]
)
def test_a_step_is_compiled_ahead(name, tmp_path):
    """All of it, when its first kernel is missing; with a second process or without, the numbers are the same."""
    alone = REHEARSED.replace("before = ", "ahead.FEWEST = 1000; before = ")
    results = []
    for number, code in enumerate((REHEARSED, alone)):
        done = run(code, name, NUMBA_CACHE_DIR=str(tmp_path / str(number)))
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("tinycnn: compiling the fast kernels for this processor") == 1
        results.append(done.stdout)
    assert results[0] == results[1]


SECOND_PROCESS = """
import os, sys, numpy as np, tinycnn
from tinycnn.kernels import compiled_ahead, engine, fast
from tinycnn.kernels.engine import ahead, kept_code
{change}
x = np.ones((4, 6), np.float32)
def rehearsal():
    fast.activations.relu_forward(x)
    fast.activations.relu_backward(x, x)
    fast.softmax_crossentropy.softmax_crossentropy(x, np.zeros(4, int))
    fast.batch_normalization.batch_normalization_forward(x, x[0], x[0], 1e-3)
    {more}
with compiled_ahead(rehearsal):
    assert fast.activations.relu_forward(x).sum() == 24
assert ahead.threads._rehearsal.called is None
import subprocess
assert subprocess._active == [], subprocess._active
print("done")
"""


@pytest.mark.jit
@pytest.mark.parametrize(
    ("change", "more"),
    [
        ("ahead.__name__ = 'no_such_module'", "raise RuntimeError('as a model of a stranger might')"),
        *(
            pytest.param(change, "", marks=pytest.mark.slow)
            for change in (
                "",
                "sys.executable = '/nonexistent/python'",
                "sys.executable = ''",
                "os.environ['PYTHONPATH'] = '/nonexistent'; sys.executable = '/bin/false'",
                "ahead.pickle.dumps = lambda task: b'nonsense'",
                "kept_code.write = lambda *arguments: None",
                "kept_code.can_be_kept = lambda: False",
            )
        ),
    ],
)
def test_without_the_second_process_the_first_one_does_all(change, more, tmp_path):
    done = run(SECOND_PROCESS.format(change=change, more=more), NUMBA_CACHE_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    (line,) = done.stderr.splitlines()
    assert line == "tinycnn: compiling the fast kernels for this processor. This takes some seconds, once."


def test_two_threads_take_each_task_once():
    """The one may take the last where the other one has just seen it."""
    ahead = pytest.importorskip("tinycnn.kernels.engine.ahead")

    class Emptied(deque):
        def __bool__(self):  # the other thread is quicker
            return True

    assert list(ahead._taken(deque("abc"))) == ["a", "b", "c"]
    assert list(ahead._taken(Emptied())) == []

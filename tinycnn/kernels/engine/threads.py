"""How the threads of the fast kernels wait for work: awake for a moment, then asleep.

Between two kernels of a training step lie some microseconds, and a thread that has fallen asleep needs longer than that
to wake up: so threads wait awake. GNU's OpenMP would let them do so for a long time, which holds a core that another
program, or the thread that everybody waits for, may need: on a busy machine a step then takes many times as long. The
limit is read only when the library is loaded, so it is loaded here; OMP_WAIT_POLICY and GOMP_SPINCOUNT, where you set
them, are left as they are, and the environment is the same afterwards.

Where Numba has neither OpenMP nor TBB, as in its wheels for macOS, its own threads ("workqueue") serve one kernel at a
time, and a second one that is started from another Python thread would end the process: there kernels wait in line.
"""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from numba import njit

from tinycnn.kernels.engine.compiling import UNCOMPILED, say
from tinycnn.kernels.engine.kept_code import KeptKernel
from tinycnn.kernels.engine.llvm_functions import JIT_IS_OFF, make_known
from tinycnn.kernels.engine.parts import entry_of

SPIN_COUNT = "5000"  # turns of the waiting loop; to compare: GOMP_SPINCOUNT=100000 python -m benchmarks


class parallel_njit:  # noqa: N801  # a decorator, named as Numba names its own
    """For a kernel that is done in parts, which the threads share out among them.

    Decorates a function ``kernel(part, ...)`` that does part number ``part`` of the work, on arrays it was given, and
    returns nothing. ``kernel(count, ...)`` then does the parts from 0 to below ``count``; ``kernel.alone(count, ...)``
    leaves all of them to the calling thread: for small arrays, and in a process that was forked, because OpenMP cannot
    start threads anew where the parent had used them. The results are the same, bit by bit.
    """

    def __init__(self, function: Callable[..., None]):
        functools.update_wrapper(self, function)
        if JIT_IS_OFF:
            self.entry: Any = self._in_python
            return
        # NumPy's division, which raises nothing: a loop with a way out cannot run on vectors.
        options: Any = {"no_cfunc_wrapper": True, "nogil": True, "error_model": "numpy"}
        self.entry = njit(**options)(entry_of(function))
        self.entry._cache = KeptKernel(function, before_loading=make_known)

    def __call__(self, count: int, *arguments: Any) -> None:
        if count <= 1 or _forked:
            self.alone(count, *arguments)
            return
        if _rehearsal.called is not None:
            self._note(count, *arguments)
            return
        if _serve_several is None:
            _start_threads()
        if _serve_several:
            self.entry(count, False, *arguments)
        else:
            with _one_at_a_time:
                self.entry(count, False, *arguments)

    def alone(self, count: int, *arguments: Any) -> None:
        if _rehearsal.called is not None:
            self._note(count, *arguments)
            return
        if _serve_several is None:
            _start_threads()  # code that is loaded names them, whether or not it wakes them
        self.entry(count, True, *arguments)

    def compile(self, types: tuple[Any, ...]) -> None:
        """Have code for arguments of these types: what is kept, or newly compiled."""
        if _serve_several is None:
            _start_threads()
        self.entry.compile(types)

    def is_there(self, types: tuple[Any, ...]) -> bool:
        return types in self.entry.overloads or self.entry._cache.is_kept(types)

    def _note(self, count: int, *arguments: Any) -> None:
        _rehearsal.called.append((self, tuple(self.entry.typeof_pyval(it) for it in (count, True, *arguments))))

    def _in_python(self, count: int, _: bool, *arguments: Any) -> None:
        for part in range(count):
            self.__wrapped__(part, *arguments)  # type: ignore[attr-defined]


class _Rehearsal(threading.local):
    called: Any = None  # a list: the kernels called in this thread, and the types of their arguments


_rehearsal = _Rehearsal()


@contextmanager
def rehearsing() -> Iterator[list[Any]]:
    """In this thread, kernels only note that they were called."""
    before, _rehearsal.called = _rehearsal.called, []
    try:
        yield _rehearsal.called
    finally:
        _rehearsal.called = before


_one_at_a_time = threading.RLock()


_serve_several: bool | None = None  # whether Numba's threads may be given several kernels at a time; not known before


def _start_threads() -> None:
    global _serve_several
    if JIT_IS_OFF:
        say(UNCOMPILED)
    else:
        numba.get_num_threads()  # starts them, and only then it is known whose they are
    _serve_several = JIT_IS_OFF or numba.threading_layer() != "workqueue"


_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def load_openmp() -> None:
    """Load Numba's OpenMP layer, where there is one, with a short time of waiting awake."""
    if "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return
    os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
    try:
        importlib.import_module("numba.np.ufunc.omppool")
    except ImportError:
        pass  # Numba has another threading layer on this system
    finally:
        del os.environ["GOMP_SPINCOUNT"]

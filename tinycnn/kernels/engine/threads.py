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
import types
from collections.abc import Callable
from typing import Any

import numba
from numba import njit

from tinycnn.kernels.engine.kept_code import KeptKernel
from tinycnn.kernels.engine.llvm_functions import JIT_IS_OFF, make_known

SPIN_COUNT = "5000"  # turns of the waiting loop; to compare: GOMP_SPINCOUNT=100000 python -m benchmarks


#: What Numba is not to run on threads by itself: without this list it makes a parallel loop of every ``np.zeros`` and
#: ``a += b`` too, and takes much longer to compile.
ONLY_PRANGE = ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion")


def serial_njit(function: Callable[..., Any], **options: Any) -> Any:
    """``njit``, and what is compiled is kept in files."""
    # Python and other kernels call these functions, nobody by a C pointer: so there is no entry for that.
    options["no_cfunc_wrapper"] = True
    compiled: Any = njit(**options)(function)
    if not JIT_IS_OFF:
        compiled._cache = KeptKernel(function, before_loading=make_known)
    return compiled


class parallel_njit:  # noqa: N801  # a decorator, named as Numba names its own
    """``njit`` with threads where a loop says ``prange``, and nowhere else.

    ``kernel(...)`` shares out the work among the threads, ``kernel.alone(...)`` leaves all of it to the calling one:
    for small arrays, and in a process that was forked, because OpenMP cannot start threads anew where the parent had
    used them. The results are the same, bit by bit.
    """

    def __init__(self, function: Callable[..., Any]):
        functools.update_wrapper(self, function)
        options: Any = dict.fromkeys(ONLY_PRANGE, False)  # which Numba takes too, and mypy does not know
        self.together = serial_njit(function, parallel=options)
        self.alone = serial_njit(_copy(function, "alone"))

    def __call__(self, *arguments: Any) -> Any:
        if _forked:
            return self.alone(*arguments)
        if _serve_several is None:
            _start_threads()
        if _serve_several:
            return self.together(*arguments)
        with _one_at_a_time:
            return self.together(*arguments)


def _copy(function: Callable[..., Any], suffix: str) -> Any:
    """The same function under another name: Numba's cache knows functions by their names, whatever their options."""
    code: Any = function
    copy = types.FunctionType(code.__code__, code.__globals__, code.__name__, code.__defaults__, code.__closure__)
    copy.__qualname__ = f"{function.__qualname__}_{suffix}"
    copy.__module__ = function.__module__
    return copy


_one_at_a_time = threading.RLock()


_serve_several: bool | None = None  # whether Numba's threads may be given several kernels at a time; not known before


def _start_threads() -> None:
    global _serve_several
    if not JIT_IS_OFF:
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

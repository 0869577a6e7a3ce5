"""How the threads of the fast kernels wait for work: awake for a moment, then asleep.

Between two kernels of a training step lie some microseconds, and a thread that has fallen asleep needs longer than that
to wake up: so threads wait awake. GNU's OpenMP would let them do so for a long time, which holds a core that another
program, or the thread that everybody waits for, may need: on a busy machine a step then takes many times as long. The
limit is read only when the library is loaded, so it is loaded here; OMP_WAIT_POLICY and GOMP_SPINCOUNT, where you set
them, are left as they are, and the environment is the same afterwards.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

from numba import njit

SPIN_COUNT = "5000"  # turns of the waiting loop; to compare: GOMP_SPINCOUNT=100000 python -m benchmarks


#: What Numba is not to run on threads by itself: without this list it makes a parallel loop of every ``np.zeros`` and
#: ``a += b`` too, and takes much longer to compile.
ONLY_PRANGE = ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion")


def parallel_njit(function: Callable[..., Any]) -> Any:
    """``njit`` with threads where a loop says ``prange``, and nowhere else."""
    options: Any = dict.fromkeys(ONLY_PRANGE, False)  # which Numba takes too, and mypy does not know
    return njit(parallel=options, cache=True)(function)


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

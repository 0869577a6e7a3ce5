"""All kernels of a step compiled before it, on two processes.

Which kernels a step calls, and with arrays of which types, one learns by rehearsing it: its functions run, only the
compiled kernels do not, they note that they were called. What is missing then is compiled, the largest first, by this
process and by a second one; each takes the next when it is done with one. What the second one compiles goes by way of
the files in which compiled code is kept, so the result is the same as if it had never been there: where it cannot be
started, where it ends or where nothing can be kept, this process does all of it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numba import config

from tinycnn.kernels.engine import kept_code, llvm_functions, threads
from tinycnn.kernels.engine.compiling import compiling

FEWEST = 4  # kernels for which a second process is worth its start, of half a second

Task = tuple[Any, tuple[Any, ...]]  # a `parallel_njit`, and the types of its arguments


def compile_ahead(rehearsal: Callable[[], object]) -> None:
    """Compile all that ``rehearsal()`` calls and that is missing; it may compute nonsense, or raise what it likes."""
    with threads.rehearsing() as called, warnings.catch_warnings(), np.errstate(all="ignore"), suppress(Exception):
        warnings.simplefilter("ignore")
        rehearsal()
    tasks = [task for task in dict.fromkeys(called) if not task[0].is_there(task[1])]
    if tasks:
        _compile(sorted(tasks, key=lambda task: -len(task[1])))


def _compile(tasks: list[Task]) -> None:
    left, elsewhere = deque(tasks), list[Task]()
    with compiling.counted(len(tasks)), _second_process(len(tasks)) as second:
        helper = threading.Thread(target=_have_compiled, args=(second, left, elsewhere), daemon=True)
        if second is not None:
            # First of all what the largest kernels call, so that both processes find it.
            llvm_functions.make_there(_usual_number(tasks))
            helper.start()
        for kernel, types in _taken(left):
            kernel.compile(types)
            compiling.one_more()
        if second is not None:
            helper.join()
        for kernel, types in elsewhere:  # loads it, or compiles it after all
            kernel.compile(types)


def _taken(left: deque[Task]) -> Iterator[Task]:
    """One after the other, as long as there are any: two threads take from the same ones."""
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _usual_number(tasks: list[Task]) -> str:
    """float32 or float64, whichever most arrays are of."""
    arrays = [str(it.dtype) for _, types in tasks for it in types if hasattr(it, "dtype")]
    return max(llvm_functions.FLOATS, key=arrays.count)


@contextmanager
def _second_process(kernels: int) -> Iterator[Any]:
    """A process that compiles too; None where it would not help or cannot be. It is gone afterwards."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_python = Path(sys.executable or "").name.lower().startswith("python")  # else a program that Python is a part of
    if kernels < FEWEST or cores < 2 or not is_python or not kept_code.can_be_kept():
        yield None
        return
    package = Path(__file__).parents[3]
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    if folder := getattr(config, "CACHE_DIR", ""):
        environment["NUMBA_CACHE_DIR"] = os.path.abspath(folder)
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        # In a session of its own: Ctrl-C in a terminal is for this process, which then ends the other one.
        second = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=pipe, stdout=pipe, stderr=nowhere, env=environment, cwd=package, start_new_session=True,
        )  # fmt: skip
    except OSError:
        yield None
        return
    try:
        yield second
    finally:
        second.kill()
        second.communicate()


def _have_compiled(second: Any, left: deque[Task], elsewhere: list[Task]) -> None:
    """Hand the second process one kernel after the other, as long as it says that it is done with the last one."""
    with suppress(OSError, ValueError):
        for kernel, types in _taken(left):
            elsewhere.append((kernel, types))
            second.stdin.write(pickle.dumps((kernel.__module__, kernel.__qualname__, types)))
            second.stdin.flush()
            if not second.stdout.readline():
                return
            compiling.one_more()


def serve() -> None:
    """What the second process does: compile what it is told to, into the files that both know."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is no answer
    while True:
        try:
            module, name, types = pickle.load(sys.stdin.buffer)
        except (EOFError, pickle.UnpicklingError):
            return
        getattr(import_module(module), name).compile(types)
        os.write(answers, b"done\n")

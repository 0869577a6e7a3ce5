"""While kernels are compiled: a line that says how far it is, no garbage collection, and a clock.

What a training step needs is compiled when its first kernel is called: see ``ahead.py``.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba.core import event

NOTICE = "tinycnn: compiling the fast kernels for this processor"

_plans = threading.local()


class Compiling(event.Listener):
    """What happens between the beginning and the end of Numba's work on a kernel of tinycnn."""

    def __init__(self) -> None:
        self.seconds = 0.0  # in all, so far
        self.wanted = 0  # kernels; 0 where nobody has counted them
        self.done = 0
        self._depth = 0  # one function meets another one on its way
        self._begun = 0.0
        self._collects = False
        self._said = False
        self._counting = threading.Lock()  # of two threads

    @property
    def is_at_work(self) -> bool:
        return self._depth > 0

    def on_start(self, event: Any) -> None:
        if self._depth or event.data["dispatcher"].py_func.__module__.startswith("tinycnn.kernels"):
            self.__enter__()

    def on_end(self, event: Any) -> None:
        if self._depth:
            self.__exit__()

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._begun = time.perf_counter()
            # Millions of small objects, nearly all of them still needed when they are looked at.
            self._collects = gc.isenabled()
            gc.disable()
            self.show()

    def __exit__(self, *exception: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._begun
            if self._collects:
                gc.enable()

    def show(self) -> None:
        """On a terminal and in a notebook a line that is written anew for each kernel, elsewhere one line, once."""
        if _redraws(sys.stderr):
            if self.wanted:  # short: it must not be longer than a narrow terminal's lines
                _write(f"\r\x1b[Ktinycnn: compiling kernels, once: {self.done} of {self.wanted}")
            elif not self._said:
                _write(f"\r\x1b[K{NOTICE}, once\n")
        elif not self._said:
            _write(f"{NOTICE}. This takes some seconds, once.\n")
        self._said = True

    @contextmanager
    def counted(self, wanted: int) -> Iterator[None]:
        """Inside, so many kernels are compiled, and `one_more` says when one is done."""
        self.wanted, self.done = wanted, 0
        try:
            with self:
                yield
        finally:
            self.wanted = 0
            if _redraws(sys.stderr):
                _write("\n")

    def one_more(self) -> None:
        with self._counting:
            self.done += 1
            self.show()


compiling = Compiling()
event.register("numba:compile", compiling)


def _redraws(stream: Any) -> bool:
    """Whether a line on it can be written over: on a terminal, and below a notebook's cell."""
    with suppress(OSError, ValueError, AttributeError):
        stream = getattr(stream, "stream", stream)  # of a `tinycnn.output.LastingOutput`
        return stream.isatty() or type(stream).__module__.partition(".")[0] in ("ipykernel", "pyodide_kernel")
    return False


def say(line: str) -> None:
    _write(f"{line}\n")


def _write(text: str) -> None:
    """To stderr; where nobody can read it, as on a disk that is full, nothing ends for that."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()


class planned_by:  # noqa: N801  # reads as what it says: with planned_by(...)
    """Inside, when the first kernel is missing, ``plan()`` may have all compiled that will be missing."""

    def __init__(self, plan: Callable[[], None]):
        self.plan = plan

    def __enter__(self) -> None:
        self.before = getattr(_plans, "plan", None)
        _plans.plan = self.plan

    def __exit__(self, *exception: object) -> None:
        _plans.plan = self.before


def follow_the_plan() -> None:
    """Called where a kernel is neither compiled nor kept."""
    plan = getattr(_plans, "plan", None)
    if plan is not None:
        _plans.plan = None  # what it compiles comes by here again
        plan()

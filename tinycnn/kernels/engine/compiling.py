"""While kernels are compiled: a line that says how far it is, no garbage collection, and a clock.

What a training step needs is compiled when its first kernel is called: see ``ahead.py``.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba.core import event

NOTICE = "tinycnn: compiling the fast kernels for this processor"
UNCOMPILED = (
    "tinycnn: NUMBA_DISABLE_JIT is set, so the fast kernels run uncompiled, many times slower than the reference "
    "kernels. Unset it, or choose those."
)

_plans = threading.local()


class Compiling(event.Listener):
    """What happens between the beginning and the end of Numba's work on kernels of tinycnn.

    An exception, such as that of Ctrl-C, may come at any moment: so what is begun has a name, by which it is ended.
    """

    def __init__(self) -> None:
        self.wanted = 0  # kernels; 0 where nobody has counted them
        self.done = 0
        self._works: dict[int, list[object]] = {}  # by thread: what is being done there, the outermost first
        self._before = 0.0  # seconds, without what is being done
        self._begun = 0.0
        self._collects = False
        self._said = False
        self._changing = threading.RLock()

    @property
    def is_at_work(self) -> bool:
        """In this thread."""
        return threading.get_ident() in self._works

    @property
    def seconds(self) -> float:
        """In which some thread was at work, so far."""
        with self._changing:
            return self._before + (time.perf_counter() - self._begun if self._works else 0)

    def on_start(self, event: Any) -> None:
        if self.is_at_work or event.data["dispatcher"].py_func.__module__.startswith("tinycnn.kernels"):
            self._begin(event.data)

    def on_end(self, event: Any) -> None:
        self._end(event.data)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        what = object()
        try:
            self._begin(what)
            yield
        finally:
            self._end(what)

    def _begin(self, what: object) -> None:
        with self._changing:
            is_first = not self._works
            if is_first:
                self._begun, self._collects = time.perf_counter(), gc.isenabled()
            self._works.setdefault(threading.get_ident(), []).append(what)
            if is_first:
                # Millions of small objects, nearly all of them still needed when they are looked at.
                gc.disable()
                self.show()

    def _end(self, what: object) -> None:
        with self._changing:
            me = threading.get_ident()
            mine = self._works.get(me, [])
            if not any(it is what for it in mine):
                return
            while mine.pop() is not what:
                pass
            if not mine:
                if len(self._works) == 1:
                    self._stop()
                del self._works[me]

    def _stop(self) -> None:
        if self._collects:
            gc.enable()
        self._before += time.perf_counter() - self._begun

    def after_fork(self) -> None:
        """Of all threads, only the one that forked goes on in the child."""
        self._changing = threading.RLock()
        others = [it for it in self._works if it != threading.get_ident()]
        if others and len(others) == len(self._works):
            self._stop()
        for it in others:
            del self._works[it]

    def show(self) -> None:
        """On a terminal and in a notebook a line that is written anew for each kernel, elsewhere one line, once."""
        how_far = f"{self.done} of {self.wanted}" if self.wanted else ""
        if _redraws(sys.stderr):
            if how_far:
                _write(_start_of_line() + _fitting(f": {how_far} done"))
            elif not self._said:
                _write(f"{_start_of_line()}{NOTICE}, once\n")
        elif not self._said:
            _write(f"{NOTICE}. This takes some seconds, once.\n")
        self._said = True

    @contextmanager
    def counted(self, wanted: int) -> Iterator[None]:
        """Inside, so many kernels are compiled, and `one_more` says when one is done."""
        self.wanted, self.done = wanted, 0
        try:
            with self.at_work():
                yield
        finally:
            self.wanted = 0
            if _redraws(sys.stderr):
                _write("\n")

    def one_more(self) -> None:
        with self._changing:
            self.done += 1
            self.show()


compiling = Compiling()
event.register("numba:compile", compiling)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=compiling.after_fork)


def _fitting(how_far: str) -> str:
    """The notice, shorter where the terminal is narrow: only what lies within one line can be written over."""
    with suppress(OSError, ValueError, AttributeError):  # a notebook, whose lines have no end
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        for notice in (f"{NOTICE}, once", "tinycnn: compiling kernels, once", "compiling"):
            if len(notice + how_far) < columns or not columns:
                return notice + how_far
        return how_far[2:][: columns - 1]
    return f"{NOTICE}, once{how_far}"


def _start_of_line() -> str:
    """What empties the line on a terminal; a notebook empties it where the cursor goes back."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.stderr.isatty():
            return "\r\x1b[K"
    return "\r"


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

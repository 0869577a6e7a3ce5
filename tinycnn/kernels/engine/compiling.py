"""A line that says why the very first step takes so long: the fast kernels are being compiled."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from numba.core import event


class _Notice(event.Listener):
    """Waits for the first of tinycnn's kernels to be compiled; kept ones are not."""

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("tinycnn.kernels"):
            say_once()

    def on_end(self, event: Any) -> None:
        pass


_notice = _Notice()
_is_waiting = False


def wait_for_the_first_kernel() -> None:
    global _is_waiting
    event.register("numba:compile", _notice)
    _is_waiting = True


def say_once() -> None:
    global _is_waiting
    if not _is_waiting:
        return
    _is_waiting = False
    event.unregister("numba:compile", _notice)
    say(
        "tinycnn: compiling the fast kernels for this processor. This takes about half a minute, once; "
        "the result is kept."
    )


def say(line: str) -> None:
    """A line on stderr; where nobody can read it, as on a disk that is full, nothing ends for that."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)

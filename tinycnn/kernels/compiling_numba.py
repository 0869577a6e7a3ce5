"""A line that says why the very first step takes so long: the fast kernels are being compiled."""

from __future__ import annotations

import sys
from typing import Any

from numba.core import event


class _Notice(event.Listener):
    """Prints once, when the first of tinycnn's kernels is compiled; kernels from Numba's cache are not."""

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("tinycnn.kernels"):
            stop_waiting()
            print(
                "tinycnn: compiling the fast kernels for this processor. This takes about half a minute, once; "
                "Numba keeps the result.",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, event: Any) -> None:
        pass


_notice = _Notice()


def wait_for_the_first_kernel() -> None:
    event.register("numba:compile", _notice)


def stop_waiting() -> None:
    event.unregister("numba:compile", _notice)

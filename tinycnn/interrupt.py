"""Ctrl-C between two training steps instead of in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupt:
    """While it is entered, the first Ctrl-C only sets ``requested``; the second one is a KeyboardInterrupt as ever.

    So a step is never torn apart: weights, optimizer and moving statistics always belong together. A handler that
    the program has set itself is left alone, and threads other than the main one never see Ctrl-C. SIGTERM is
    treated alike where it is a KeyboardInterrupt too, see `sigterm_like_ctrl_c`.
    """

    def __init__(self) -> None:
        self.requested = False
        self.cause = ""
        self._taken: list[signal.Signals] = []

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._taken = [number for number in _NAMES if signal.getsignal(number) is signal.default_int_handler]
            for number in self._taken:
                signal.signal(number, self._request)
        return self

    def _request(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        self.cause = _NAMES[signal.Signals(signum)]
        self._give_back()

    def _give_back(self) -> None:
        for number in self._taken:
            signal.signal(number, signal.default_int_handler)

    def __exit__(self, *exception: object) -> None:
        self._give_back()


@contextmanager
def sigterm_like_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM is a KeyboardInterrupt, as Ctrl-C is; a handler that the program has set itself stays."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

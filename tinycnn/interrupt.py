"""Ctrl-C between two training steps instead of in the middle of one."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
if _HANGUP is not None:
    _NAMES[_HANGUP] = "SIGHUP"


class Interrupt:
    """While it is entered, the first Ctrl-C only sets ``requested``; the second one is a KeyboardInterrupt as ever.

    So a step is never torn apart: weights, optimizer and moving statistics always belong together. The first one is
    answered at once, by a line on stderr: the step may take a minute, where it has kernels to compile. A handler that
    the program has set itself is left alone, and threads other than the main one never see Ctrl-C. SIGTERM and SIGHUP
    are treated alike where they are a KeyboardInterrupt too, see `sigterm_like_ctrl_c`.

    Args:
        promise: what will happen, for the line on stderr.
    """

    def __init__(self, promise: str = "training ends after this step") -> None:
        self.promise = promise
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
        line = f"tinycnn: {self.cause}: {self.promise}"
        if signum != _HANGUP:  # of a terminal that is gone one hears twice: from the shell and from the system
            self._give_back()
            line += f"; a second {self.cause} ends it at once"
        _say(f"{line}.")

    def _give_back(self) -> None:
        for number in self._taken:
            signal.signal(number, signal.default_int_handler)

    def __exit__(self, *exception: object) -> None:
        self._give_back()


def _say(line: str) -> None:
    """Write a line to stderr from a signal handler, which may have come in the middle of another write to it."""
    stream = sys.stderr
    if stream is None:
        return
    with suppress(OSError, ValueError, RuntimeError):  # nobody reads it; a print in the middle of a print
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError, AttributeError):  # a notebook's stream, which is no file
            print(line, file=stream, flush=True)
            return
        start = "\n" if os.isatty(descriptor) else ""  # behind "^C", and a progress bar
        os.write(descriptor, f"{start}{line}\n".encode())


def sigterm_like_ctrl_c() -> AbstractContextManager[None]:
    """Inside, SIGTERM is a KeyboardInterrupt, as Ctrl-C is; a handler that the program has set itself stays."""
    return _like_ctrl_c(signal.SIGTERM)


def hangup_like_ctrl_c() -> AbstractContextManager[None]:
    """The same for SIGHUP, the end of a terminal or of its connection; under nohup it stays ignored."""
    return _like_ctrl_c(_HANGUP)


@contextmanager
def _like_ctrl_c(number: signal.Signals | None) -> Iterator[None]:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if number is None or not in_main_thread or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return
    signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, signal.SIG_DFL)

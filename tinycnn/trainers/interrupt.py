"""Ctrl-C between two training steps instead of in the middle of one."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType

# Python drops an exception that comes from these: destructors, and what LLVM calls in llvmlite. The compiler would go
# on, and miss what it was told there.
_DROP_EXCEPTIONS = {"__del__", "_raw_object_cache_notify", "_raw_object_cache_getbuffer"}

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
if _HANGUP is not None:
    _NAMES[_HANGUP] = "SIGHUP"


class BrokenOff(KeyboardInterrupt):
    """A first Ctrl-C that waits for nothing, as nothing is lost."""


class Interrupt:
    """While it is entered, the first Ctrl-C only sets ``requested``; the second one is a KeyboardInterrupt as ever.

    So a step is never torn apart: weights, optimizer and moving statistics always belong together. The first one is
    answered at once, by a line on stderr: a step may take a while. A handler that the program has set itself is left
    alone, and threads other than the main one never see Ctrl-C. SIGTERM and SIGHUP are treated alike where they are a
    KeyboardInterrupt too, see `sigterm_like_ctrl_c`.

    Args:
        promise: what will happen, for the line on stderr.
        breaks_off: whether the first one is a `BrokenOff` at this moment, as while kernels are compiled for a step.
    """

    def __init__(
        self, promise: str = "training ends after this step", breaks_off: Callable[[], bool] = lambda: False
    ) -> None:
        self.promise = promise
        self.breaks_off = breaks_off
        self.requested = False
        self.cause = ""
        self._taken: list[signal.Signals] = []
        self._entered = False

    def __enter__(self) -> Interrupt:
        self._entered = True
        if threading.current_thread() is threading.main_thread():
            self._taken = [number for number in _NAMES if signal.getsignal(number) is signal.default_int_handler]
            for number in self._taken:
                signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered = False
        for number in self._taken:
            signal.signal(number, signal.default_int_handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested, self.cause = True, _NAMES[signal.Signals(signum)]
            if self.breaks_off() and not _would_be_dropped(frame):
                _say(f"tinycnn: {self.cause}: training ends.")
                raise BrokenOff
            more = "" if signum == _HANGUP else f"; a second {self.cause} ends it at once"
            _say(f"tinycnn: {self.cause}: {self.promise}{more}.")
        elif signum == _HANGUP:  # of a terminal that is gone one hears twice: from the shell and from the system
            pass
        elif _would_be_dropped(frame):
            _thread.start_new_thread(self._again, (signum,))
        else:
            raise KeyboardInterrupt

    def _again(self, signum: int) -> None:
        time.sleep(0.02)
        if self._entered:
            signal.raise_signal(signum)


def _would_be_dropped(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in _DROP_EXCEPTIONS:
            return True
        frame = frame.f_back
    return False


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

"""What is printed while a training runs: it may be lost, the training not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class LastingOutput:
    """A stream that outlives its reader: once nobody reads any more, what is written is let go.

    A pipe into ``head`` ends after ten lines, a terminal with its connection, a log with the space on its disk; to a
    program that prints, each is an OSError in the middle of its work.

    Args:
        stream: where to write; None, as ``sys.stdout`` is where it was closed from the beginning, is a lost stream.
        on_loss: called once, with the error.
    """

    def __init__(self, stream: Any, on_loss: Callable[[Exception], object] | None = None):
        self.stream, self.lost = stream, stream is None
        self._on_loss = on_loss

    def write(self, text: str) -> int:
        self._try("write", text)
        return len(text)

    def flush(self) -> None:
        self._try("flush")

    def isatty(self) -> bool:
        return not self.lost and not self._closed and hasattr(self.stream, "isatty") and self.stream.isatty()

    @property
    def _closed(self) -> bool:
        return getattr(self.stream, "closed", False)

    def __getattr__(self, name: str) -> Any:  # encoding, fileno and the rest
        return getattr(self.stream, name)

    def _try(self, method: str, *text: str) -> None:
        if self.lost:
            return
        try:
            getattr(self.stream, method)(*text)
        except (OSError, ValueError) as error:
            if not isinstance(error, OSError) and not self._closed:  # a character that it does not have
                raise
            self.lost = True
            if self._on_loss is not None:
                self._on_loss(error)


@contextmanager
def lasting_output(notice: Callable[[Exception], str]) -> Iterator[None]:
    """Inside, stdout and stderr outlive their readers; when stdout is lost, stderr says ``notice(error)``."""
    former = sys.stdout, sys.stderr
    while (nowhere := os.open(os.devnull, os.O_RDWR)) <= 2:  # or a file of ours gets the number of a closed stdout
        pass
    os.close(nowhere)

    def stdout_is_lost(error: Exception) -> None:
        _empty(former[0])
        print(notice(error), file=sys.stderr, flush=True)

    out: Any = LastingOutput(former[0], stdout_is_lost)
    err: Any = LastingOutput(former[1], lambda error: _empty(former[1]))
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = former


def _empty(stream: Any) -> None:
    """Let a lost stream lead nowhere: when the program ends, Python writes what is left in its buffer."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def show(*values: object) -> None:
    """Print a line, if anybody is there to read it."""
    print(*values, file=LastingOutput(sys.stdout), flush=True)

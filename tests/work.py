"""How much work a block of a test does."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator


@contextlib.contextmanager
def less_than(seconds: float, what: object = "") -> Iterator[None]:
    """Assert that a block takes less of this process's own time, whatever other programs do.

    A collection of the garbage that other tests have left, seconds where Keras was among them, has to wait.
    """
    collects = gc.isenabled()
    gc.disable()
    start = time.process_time()
    try:
        yield
    finally:
        took = time.process_time() - start
        if collects:
            gc.enable()
        assert took < seconds, f"{what}: expected less than {seconds} s of work, took {took:.2f} s"

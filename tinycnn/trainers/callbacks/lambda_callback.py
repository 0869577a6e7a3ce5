"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinycnn.trainers.callbacks.callback import HOOKS, Callback
from tinycnn.utils import lookup


class LambdaCallback(Callback):
    """A callback from functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))``.

    Args:
        **hooks: functions by the names of `Callback`'s hooks. Those of a batch are called as
            ``fn(batch, logs=logs)``, those of an epoch ``fn(epoch, logs)``, the others ``fn(logs)``. None for
            none.

    Raises:
        ValueError: a name that no hook has.
        TypeError: a value that cannot be called.
    """

    def __init__(self, **hooks: Callable[..., Any] | None):
        super().__init__()
        for name, function in hooks.items():
            lookup("LambdaCallback", name, dict.fromkeys(HOOKS))
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: expected {name} to be a function, received {function!r}. Pass one.")
            setattr(self, name, function)

"""A learning rate for every epoch, by a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.output import show
from tinycnn.trainers.callbacks.callback import Callback, Logs


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch: ``LearningRateScheduler(lambda epoch, lr: 0.9 * lr)``.

    The figures of each epoch then hold its "learning_rate" too.

    Args:
        schedule: a function of the epoch (from 0) and the present learning rate that returns the new one, a float;
            a function of the epoch alone will do.
        verbose: 1 tells the learning rate of each epoch, 0 is silent.

    Keras:   same rates; there they are kept, and shown in the History, rounded to float32: 0.001 as 0.0010000000475

    Raises:
        TypeError: ``schedule`` cannot be called.
        ValueError: in training, a schedule whose result is not a float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: expected a function, received {schedule!r}. Pass a function.")
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        arguments: tuple[Any, ...] = (epoch, float(optimizer.learning_rate))
        learning_rate = self.schedule(*(arguments if _takes(self.schedule, arguments) else (epoch,)))
        if not isinstance(learning_rate, (float, np.floating)):
            raise ValueError(
                f"LearningRateScheduler: expected a schedule that returns a float, received {learning_rate!r} for "
                f"epoch {epoch}. Return a number such as 0.001."
            )
        optimizer.learning_rate = float(learning_rate)
        if self.verbose > 0:
            show(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {learning_rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def _takes(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether the function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # some built-in functions do not tell
        return True
    return True

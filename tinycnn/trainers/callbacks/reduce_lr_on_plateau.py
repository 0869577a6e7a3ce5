"""To take smaller steps when nothing gets better any more."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinycnn.output import show
from tinycnn.trainers.callbacks.callback import Logs, is_count, is_number_or_none
from tinycnn.trainers.callbacks.monitor_callback import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by ``factor`` when a figure has not improved for ``patience`` epochs.

    The figures of each epoch then hold the "learning_rate" it was trained with.

    Args:
        monitor: the figure's name in the logs.
        factor: new rate / old rate, below 1.
        patience: how many epochs without improvement are borne.
        verbose: 1 tells what is done, 0 is silent.
        mode: "min", "max", or "auto": less is better for losses, more for accuracies.
        min_delta: the smallest change that counts.
        cooldown: after a reduction, so many epochs pass before the count begins again.
        min_lr: the learning rate never falls below this.

    Keras:   reduces at the same epochs; there the rate is kept, and shown in the History, rounded to float32

    Raises:
        ValueError: a factor of 1 or more, an unknown mode; in training, a figure whose better direction "auto"
            cannot tell.
    """

    state_attributes: ClassVar = {"best": is_number_or_none, "wait": is_count, "cooldown_counter": is_count}

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: expected a factor below 1, received {factor}. Pass for example 0.1.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self._current(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether a reduction was made a short while ago."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        # In float32, as in Keras: 0.1·0.1 = 0.010000000000000002 counts as a min_lr of 0.01 that has been reached.
        if np.float32(optimizer.learning_rate) <= np.float32(self.min_lr):
            return
        optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose > 0:
            show(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {optimizer.learning_rate}.")

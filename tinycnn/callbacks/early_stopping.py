"""To stop when nothing gets better any more."""

from __future__ import annotations

import warnings
from typing import Any

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.utils import lookup


class EarlyStopping(Callback):
    """End training when a figure has not improved for some epochs.

    Rule: an epoch improves where the figure is better than the best so far by more than ``min_delta``.
    Training ends when ``patience`` epochs in a row have brought no improvement (never at the very first
    epoch). With a ``baseline``, only improvements that beat the baseline as well start the count anew.

    Args:
        monitor: the figure's name in the logs.
        min_delta: the smallest change that counts.
        patience: how many epochs without improvement are borne.
        verbose: 1 tells what is done, 0 is silent.
        mode: "min", "max", or "auto": less is better for losses, more for accuracies.
        baseline: a value that must be beaten, or None.
        restore_best_weights: whether the model is given back the weights of its best epoch when training
            ends, be it stopped early or not.
        start_from_epoch: epochs before this one (from 0) are not looked at.

    Keras:   same decisions, same weights in the end; an unknown ``mode`` is an error.

    Raises:
        ValueError: an unknown mode; in training, a figure whose better direction "auto" cannot tell.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__()
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.mode = lookup("EarlyStopping mode", mode, {m: m for m in ("auto", "min", "max")})
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._better: str | None = None  # "min" or "max", asked for when the model knows its metrics
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._better is None:
            self._better = self._direction() if self.mode == "auto" else self.mode
        current = (logs or {}).get(self.monitor)
        if current is None:
            warnings.warn(
                f"EarlyStopping: expected {self.monitor!r} among the figures of the epoch, found "
                f"{', '.join(logs or {}) or 'none'}. Pass validation_data to fit, or monitor one of these.",
                stacklevel=2,
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Should the figure never be a number, there are weights to go back to all the same.
            self._remember(epoch)
        self.wait += 1
        if self._improves(current, self.best):
            self.best = current
            self._remember(epoch)
            if self._improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def _improves(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return True
        if self._better == "min":
            return value + self.min_delta < reference
        return value - self.min_delta > reference

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        directions = {metric.name: metric.direction for metric in getattr(self.model, "metrics", ())}
        direction = "down" if name == "loss" else directions.get(name)
        if direction is None:
            raise ValueError(
                "EarlyStopping: expected a figure whose better direction is known, received "
                f"monitor={self.monitor!r}. Pass mode='max' if more is better, or mode='min'."
            )
        return {"up": "max", "down": "min"}[direction]

"""To stop when nothing gets better any more."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinycnn.output import show
from tinycnn.trainers.callbacks.callback import Logs, is_count, is_list_of, is_number_or_none
from tinycnn.trainers.callbacks.monitor_callback import MonitorCallback


class EarlyStopping(MonitorCallback):
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

    state_attributes: ClassVar = {
        "wait": is_count,
        "stopped_epoch": is_count,
        "best": is_number_or_none,
        "best_epoch": is_count,
        "best_weights": lambda value: value is None or is_list_of(lambda w: isinstance(w, np.ndarray), value),
    }

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
        super().__init__(monitor, mode, min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.on_train_begin()

    def check_state(self, state: dict[str, Any]) -> None:
        super().check_state(state)
        weights = state["best_weights"]
        if weights is not None and _kinds(weights) != _kinds(self.model.get_weights()):
            raise self._wrong_state("best_weights", _kinds(weights))

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: Any = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self._current(logs or {})
        if current is None:
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
            show(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                show(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()


def _kinds(weights: list[np.ndarray]) -> list[tuple[tuple[int, ...], str]]:
    return [(w.shape, w.dtype.name) for w in weights]

"""The figures of every epoch, as ``fit`` returns them."""

from __future__ import annotations

from typing import ClassVar

from tinycnn.trainers.callbacks.callback import Callback, Logs, is_count, is_list_of


class History(Callback):
    """The figures of all epochs; ``fit`` returns it.

    Attributes:
        history: a dict of lists, one value an epoch: "accuracy", "loss", "val_accuracy", "val_loss".
        epoch: the numbers of the epochs, from 0.
        params: ``{"verbose": …, "epochs": …, "steps": …}``
    """

    state_attributes: ClassVar = {
        "history": lambda value: (
            isinstance(value, dict) and all(isinstance(figures, list) for figures in value.values())
        ),
        "epoch": lambda value: is_list_of(is_count, value),
    }

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)

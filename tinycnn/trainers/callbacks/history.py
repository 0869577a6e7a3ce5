"""The figures of every epoch, as ``fit`` returns them."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from tinycnn.trainers.callbacks.callback import Callback, Logs, is_count, is_list_of
from tinycnn.trainers.callbacks.progbar_logger import four_digits

SHOWN_ROWS = 20  # of each end, where there are more than twice as many


class History(Callback):
    """The figures of all epochs; ``fit`` returns it. As the last line of a notebook's cell it shows itself as a table.

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

    def __repr__(self) -> str:
        """A row for each epoch; figures that not every epoch has, as where ``validation_freq`` is 2, stand below."""
        epochs = len(self.epoch)
        of_all = {key: values for key, values in self.history.items() if len(values) == epochs}
        rows = [[str(epoch + 1), *map(_cell, row)] for epoch, *row in zip(self.epoch, *of_all.values(), strict=True)]
        if epochs > 2 * SHOWN_ROWS:
            rows[SHOWN_ROWS:-SHOWN_ROWS] = [["…"] * (1 + len(of_all))]
        rows.insert(0, ["epoch", *of_all])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        for key, values in self.history.items():
            if key not in of_all:
                lines.append(f"{key}, not of every epoch: {', '.join(map(_cell, values))}")
        return "\n".join([f"History of {epochs} epoch{'' if epochs == 1 else 's'}", *(lines if self.history else ())])


def _cell(value: Any) -> str:
    return four_digits(float(value)) if isinstance(value, Real) else str(value)

"""The figures of every epoch in a CSV file."""

from __future__ import annotations

import csv
import os
from typing import IO

from tinycnn.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """One line an epoch in a file of comma-separated values, written out at once.

    Columns: epoch (from 0), then the figures in alphabetical order. Where the first epoch has no validation,
    columns for later ones are kept free and filled with "NA", as in Keras.

    Args:
        filename: where to write.
        separator: what stands between two values.
        append: whether to continue a file that is there, without a second header, instead of writing it anew.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: IO[str] | None = None
        self._keys: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        mode = "a" if self.append else "w"
        self._file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        self._keys = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._file is None:
            raise RuntimeError(
                "CSVLogger: expected on_train_begin before on_epoch_end, found no open file. Pass it to fit."
            )
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator)
        if not self._keys:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):
                self._keys += [f"val_{key}" for key in self._keys]
            if self._file.tell() == 0:
                writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(logs.get(key, "NA") for key in self._keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

"""The figures of every epoch in a CSV file."""

from __future__ import annotations

import csv
import io
import os
from typing import ClassVar

from tinycnn.trainers.callbacks.callback import Callback, Logs, is_count, is_list_of


class CSVLogger(Callback):
    """One line an epoch in a file of comma-separated values, on the disk at once.

    Columns: epoch (from 0), then the figures in alphabetical order. Where the first epoch has no validation,
    columns for later ones are kept free and filled with "NA", as in Keras.

    The file is open only while a line is written: whatever ends the training, nothing stays open or half written.
    After an interruption (see `BackupAndRestore`) the file is first cut where the checkpoint was made, so that no
    epoch has two lines.

    Args:
        filename: where to write.
        separator: what stands between two values.
        append: whether to continue a file that is there, without a second header, instead of writing it anew.
    """

    state_attributes: ClassVar = {
        "_keys": lambda value: is_list_of(lambda key: isinstance(key, str), value),
        "_size": is_count,
    }

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._keys: list[str] = []
        self._size: int | None = None  # how many bytes of the file count; the next line comes after them

    def on_train_begin(self, logs: Logs | None = None) -> None:
        with open(self.filename, "ab") as file:  # a file that cannot be written is better known before the first epoch
            self._size = file.tell() if self.append else 0
        self._keys = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._size is None:
            raise RuntimeError("CSVLogger: expected on_train_begin before on_epoch_end, received none. Pass it to fit.")
        logs = logs or {}
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.separator)
        if not self._keys:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):
                self._keys += [f"val_{key}" for key in self._keys]
            if self._size == 0:
                writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(logs.get(key, "NA") for key in self._keys)])
        with open(self.filename, "ab") as file:
            file.truncate(min(self._size, file.tell()))
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            self._size = file.tell()

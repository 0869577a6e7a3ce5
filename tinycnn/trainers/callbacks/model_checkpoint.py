"""Files of the model, or of its weights, while it is trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from tinycnn.output import show
from tinycnn.trainers.callbacks.callback import Logs, check_frequency, is_count, is_number_or_none
from tinycnn.trainers.callbacks.monitor_callback import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after every epoch, or after every epoch that is better than all before it.

    A file that was there is replaced in one step: whoever reads it sees the old one or the new one, whole.

    Args:
        filepath: ends in ".keras" (or ".h5", Keras's former format), or with ``save_weights_only`` in ".weights.h5".
            ``{epoch}`` (from 1), ``{batch}`` (from 1; only with a number as ``save_freq``) and the names of figures are
            filled in: "{epoch:02d}-{val_loss:.2f}.keras". Folders are made.
        monitor: the figure's name in the logs, for ``save_best_only``.
        verbose: 1 tells what is done, 0 is silent.
        save_best_only: whether to save only what is better than the best so far; where the figure is missing, there
            is a warning, and the file is saved.
        save_weights_only: whether to call ``model.save_weights`` instead of ``model.save``.
        mode: "min", "max", or "auto": less is better for losses, more for accuracies.
        save_freq: "epoch", or after how many batches; the count goes on from epoch to epoch.
        initial_value_threshold: a value that must be beaten even by the first file.

    Keras:   same files at the same epochs. There, a figure that ``filepath`` names and nobody computes is a KeyError

    Raises:
        ValueError: an unknown mode or save_freq, another ending; in training, a figure in ``filepath`` that is missing
            in the logs, a figure whose better direction "auto" cannot tell.
        OSError: the file cannot be written.
    """

    state_attributes: ClassVar = {"best": is_number_or_none, "_batches": is_count}

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = check_frequency("ModelCheckpoint", "save_freq", save_freq)
        self.best = initial_value_threshold
        self._batches = 0  # since the last file
        self._epoch = 0
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"ModelCheckpoint: expected a filepath that ends in {' or '.join(endings)} with save_weights_only="
                f"{save_weights_only}, received {self.filepath!r}. Name it model{endings[0]}, for example."
            )

    @property
    def wants_batches(self) -> bool:
        """Not where files are saved after epochs; a subclass may define hooks of its own."""
        return self.save_freq != "epoch" or (type(self) is not ModelCheckpoint and super().wants_batches)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, {"batch": batch + 1, **(logs or {})}, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs or {}, logs or {})

    def _save(self, epoch: int, names: dict[str, Any], logs: Logs) -> None:
        path = self._path(epoch, names)
        if self.save_best_only and not self._is_best(epoch, path, logs):
            return
        if not self.save_best_only:
            self._tell(epoch, f"saving model to {path}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self._tell(epoch, f"finished saving model to {path}")

    def _is_best(self, epoch: int, path: str, logs: Logs) -> bool:
        current = self._current(logs)
        if current is None:
            return True
        former = "None" if self.best is None else f"{self.best:.5f}"
        if not self._improves(current, self.best):
            self._tell(epoch, f"{self.monitor} did not improve from {former}")
            return False
        self._tell(epoch, f"{self.monitor} improved from {former} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _path(self, epoch: int, names: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**{"epoch": epoch + 1, **names})
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"ModelCheckpoint: expected a filepath with the names of figures, {', '.join(['epoch', *names])}, "
                f"received {self.filepath!r} with {error}. Pass validation_data to fit, or leave the name out."
            ) from error

    def _tell(self, epoch: int, what: str) -> None:
        if self.verbose > 0:
            show(f"\nEpoch {epoch + 1}: {what}")

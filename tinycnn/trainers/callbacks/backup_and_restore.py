"""To go on with a training that was interrupted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinycnn.files import remove_unfinished, shorten
from tinycnn.trainers import checkpoints
from tinycnn.trainers.callbacks.callback import Callback, Logs, check_frequency, is_count
from tinycnn.trainers.locks import Lock


class BackupAndRestore(Callback):
    """Keep a checkpoint of the training; where there is one at the beginning of ``fit``, go on from it.

    Start the same program again after a crash: a training that was interrupted at any moment and went on ends with
    the same bits as one that was not. A checkpoint holds the weights, the moving statistics, the optimizer, the random
    streams, and the state of the other callbacks, the History among them. It is written beside the former one, flushed
    to the disk, and then takes its place: at any moment there is a whole one.

    Args:
        backup_dir: the folder for ``checkpoint.npz``; made if need be. One folder for each training: while it goes on,
            no other process gets in.
        save_freq: "epoch", or after how many batches. With a number the epoch in which training was interrupted
            begins anew, with the weights of the last checkpoint: not the same bits.
        double_checkpoint: not supported; there is no moment without a whole checkpoint.
        delete_checkpoint: whether to remove the checkpoint when training has come to its end; after Ctrl-C it stays.

    The same bits are not to be had with a generator of batches, nor with ``steps_per_epoch``: the data begins anew.
    States of callbacks are found by class and order; callbacks that the interrupted training did not have begin anew.

    Keras:   same arguments; there the random streams, the History and the other callbacks begin anew, and the whole
             folder is removed in the end

    Raises:
        ValueError: an empty backup_dir, another save_freq; in training, a checkpoint that is damaged or belongs to
            another model: nothing has changed then.
        RuntimeError: in training, a model that is not built before its first batch.
        OSError: in training, a checkpoint cannot be read or written; the former one is whole. A BlockingIOError
            where another process, which the message names, trains with this folder.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError("BackupAndRestore: expected backup_dir to name a folder, received ''. Name one.")
        if double_checkpoint:
            raise ValueError(
                "BackupAndRestore: expected double_checkpoint=False, received True. Leave it out: a checkpoint takes "
                "the place of the former one in one step, when it is whole."
            )
        self.path = Path(backup_dir) / "checkpoint.npz"
        self.save_freq = check_frequency("BackupAndRestore", "save_freq", save_freq)
        self.delete_checkpoint = delete_checkpoint
        self.others: Sequence[Callback] = ()  # the list of callbacks fills it in
        self._lock = Lock(self.path.with_name(f".{self.path.name}.lock"), self.path.parent)
        self._epoch = 0
        self._batches = 0  # since the last checkpoint

    @property
    def wants_batches(self) -> bool:
        """Not where checkpoints are written after epochs; a subclass may define hooks of its own."""
        return self.save_freq != "epoch" or (type(self) is not BackupAndRestore and super().wants_batches)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.model.built:
            raise RuntimeError(
                "BackupAndRestore: expected a model that is built, received one that is not. Start it with "
                "Input(shape=...), or call model.build((None, 28, 28, 1)) before fit."
            )
        self._batches = 0
        with self._folder_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        try:
            if self._lock.held:
                remove_unfinished(self.path)
            if self.path.exists():
                self._restore()
        except BaseException:
            self._release()
            raise

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= int(self.save_freq):
            self._save(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint and not self.model.interrupted:
            self.path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        self._lock.release()

    def _save(self, epoch: int) -> None:
        self._batches = 0
        state = {
            "epoch": epoch,
            "stop_training": self.model.stop_training,
            "model": checkpoints.state_of(self.model),
            "callbacks": {name: callback.get_state() for name, callback in self._named()},
        }
        with self._folder_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            checkpoints.write(self.path, state)

    @contextmanager
    def _folder_errors(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise BlockingIOError(f"BackupAndRestore: {error}") from error
        except OSError as error:
            raise OSError(
                f"BackupAndRestore: expected to write {self.path}, received: {error.strerror or error}. Make room and "
                "start again: training goes on from the former checkpoint."
            ) from error

    def _restore(self) -> None:
        """Take up the checkpoint, all of it or, where anything in it does not fit, nothing."""
        state = checkpoints.read(self.path)
        try:
            epoch, stopped, known = state["epoch"], state["stop_training"], state["callbacks"]
            if not is_count(epoch) or type(stopped) is not bool or not isinstance(known, dict):
                raise TypeError(f"epoch={epoch!r}, stop_training={stopped!r}, callbacks={shorten(repr(known), 80)}")
            states = [(callback, known[name]) for name, callback in self._named() if name in known]
            for callback, its_state in states:
                callback.check_state(its_state)
            former = [(callback, callback.get_state()) for callback, _ in states]
            former_model = checkpoints.state_of(self.model)
            checkpoints.restore(self.model, state["model"])
            try:
                _set_states(states)
            except BaseException:  # a callback of somebody's own, which looks only now
                _set_states(former)
                checkpoints.restore(self.model, former_model)
                raise
        except (AttributeError, LookupError, TypeError) as error:
            raise ValueError(
                f"BackupAndRestore: expected the state of this training in {self.path}, received another "
                f"({type(error).__name__}: {shorten(error, 200)}). Remove it to train from the beginning."
            ) from error
        # A training that a callback had stopped is not to go on.
        self.model.initial_epoch = self.params["epochs"] if stopped else epoch

    def _named(self) -> Iterator[tuple[str, Any]]:
        """The other callbacks by class, numbered where there are several of one."""
        counts: Counter[str] = Counter()
        for callback in self.others:
            name = type(callback).__name__
            yield f"{name} {counts[name]}", callback
            counts[name] += 1


def _set_states(states: Sequence[tuple[Callback, dict[str, Any]]]) -> None:
    for callback, state in states:
        callback.set_state(state)

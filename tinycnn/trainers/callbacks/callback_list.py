"""Many callbacks called as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinycnn.trainers.callbacks.backup_and_restore import BackupAndRestore
from tinycnn.trainers.callbacks.callback import Callback, Logs
from tinycnn.trainers.callbacks.history import History
from tinycnn.trainers.callbacks.progbar_logger import ProgbarLogger
from tinycnn.trainers.callbacks.terminate_on_nan import TerminateOnNaN


class CallbackList(Callback):
    """Many callbacks that are called as one, in their order; `BackupAndRestore` last.

    Args:
        callbacks: a callback, or a list of them, or None.
        add_history: whether to append a `History` where the list has none.
        add_progbar: whether to append a `ProgbarLogger` where the list has none.
        model: handed to every callback.
        **params: handed to every callback: ``verbose``, ``epochs``, ``steps``.

    Raises:
        TypeError: a member that is not a `Callback`.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Any] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        self.callbacks: list[Callback] = _flat(callbacks)
        if add_history and self._first(History) is None:
            self.callbacks.append(History())
        if add_progbar and self._first(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        # A checkpoint holds what all others have become in an epoch: it is written last.
        backups = [callback for callback in self.callbacks if isinstance(callback, BackupAndRestore)]
        others = [callback for callback in self.callbacks if not isinstance(callback, BackupAndRestore)]
        for backup in backups:
            backup.others = others
        self.callbacks = [*others, *backups]
        self.set_model(model)
        self.set_params(params)

    def _first(self, cls: type[Callback]) -> Any:
        return next((callback for callback in self.callbacks if isinstance(callback, cls)), None)

    @property
    def history(self) -> History | None:
        """The `History` of the list, if there is one."""
        return self._first(History)

    @property
    def terminates_on_nan(self) -> bool:
        """Whether a `TerminateOnNaN` of the list takes care of a loss that is not finite."""
        return self._first(TerminateOnNaN) is not None

    @property
    def wants_batches(self) -> bool:
        """Whether any of the callbacks defines a hook of a batch; otherwise leave out calls and logs."""
        return self._wants_batches

    @property
    def wants_test_batches(self) -> bool:
        """The same for the hooks of a batch of an evaluation."""
        return self._wants_test_batches

    def set_model(self, model: Any) -> None:
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)
        # Asked before every batch: answered once.
        self._wants_batches = any(callback.wants_batches for callback in self.callbacks)
        self._wants_test_batches = any(callback.wants_test_batches for callback in self.callbacks)

    # Keras's way of passing the arguments, which functions given to a LambdaCallback rely on: logs by name in
    # the hooks of a batch, by position in all others; a dict always.

    # A training that an error ends calls no on_train_end: then callbacks let go of what they hold.

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            self._release()

    def _release(self) -> None:
        for callback in self.callbacks:
            callback._release()

    def _call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def _call_batch(self, hook: str, batch: int, logs: Logs | None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(batch, logs=logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        with self:
            self._call("on_train_begin", _sorted(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
        with self:
            self._call("on_train_end", _sorted(logs))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_begin", epoch, _sorted(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._call("on_epoch_end", epoch, _sorted(logs))

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._call("on_test_begin", _sorted(logs))

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._call("on_test_end", _sorted(logs))

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._call("on_predict_begin", _sorted(logs))

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._call("on_predict_end", _sorted(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._call_batch("on_predict_batch_end", batch, logs)


def _sorted(logs: Logs | None) -> Logs:
    """A copy in alphabetical order, as Keras shows and keeps its figures: accuracy before loss."""
    return dict(sorted((logs or {}).items()))


def _flat(callbacks: Callback | Iterable[Any] | None) -> list[Callback]:
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(
            f"callbacks: expected Callback objects, received {callbacks!r}. "
            "Pass a list such as [EarlyStopping(patience=3)]."
        )
    return [callback for member in callbacks for callback in _flat(member)]

"""Callbacks: what else happens at the beginning and the end of training, of epochs and of batches."""

from __future__ import annotations

import csv
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import IO, Any

from tinycnn.utils import lookup

Logs = dict[str, float]

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
)
_HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_test_begin",
    "on_test_end",
    "on_predict_begin",
    "on_predict_end",
    *_BATCH_HOOKS,
)


class Callback:
    """Subclass it and define the hooks you need; pass objects of it to ``fit``, ``evaluate`` or ``predict``.

    Attributes:
        model: the model. Set ``self.model.stop_training = True`` to end training after the epoch.
        params: ``{"verbose": …, "epochs": …, "steps": …}``

    ``logs`` is a dict: the figures so far at the end of a batch ("accuracy", "loss"), those of the epoch,
    with "val_accuracy" and "val_loss", at the end of an epoch. All callbacks of a list are handed the same
    dict, and what one adds, the next ones see. ``epoch`` and ``batch`` count from 0.
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    @property
    def wants_batches(self) -> bool:
        """Whether any hook of a batch is defined; where none is, the training loop does not call them."""
        return any(
            getattr(type(self), hook) is not getattr(Callback, hook) or hook in vars(self) for hook in _BATCH_HOOKS
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``fit``."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """At the end of ``fit``, with the figures of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """At the beginning of an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """At the end of an epoch, validation included."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step; calls ``on_batch_begin``."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; calls ``on_batch_end``."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``evaluate``, and of validation in ``fit``."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """At the end of ``evaluate``, and of validation in ``fit``."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of ``evaluate`` or of validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of ``evaluate`` or of validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``predict``."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """At the end of ``predict``."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of ``predict``."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of ``predict``."""


class CallbackList(Callback):
    """Many callbacks that are called as one, in their order.

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
        self.set_model(model)
        self.set_params(params)

    def _first(self, cls: type[Callback]) -> Any:
        return next((callback for callback in self.callbacks if isinstance(callback, cls)), None)

    @property
    def history(self) -> History | None:
        """The `History` of the list, if there is one."""
        return self._first(History)

    @property
    def wants_batches(self) -> bool:
        """Whether any of the callbacks defines a hook of a batch; otherwise leave out calls and logs."""
        return self._wants_batches

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

    # Keras's way of passing the arguments, which functions given to a LambdaCallback rely on: logs by name in
    # the hooks of a batch, by position in all others; a dict always.

    def _call(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def _call_batch(self, hook: str, batch: int, logs: Logs | None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(batch, logs=logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._call("on_train_begin", _sorted(logs))

    def on_train_end(self, logs: Logs | None = None) -> None:
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


class History(Callback):
    """The figures of all epochs; ``fit`` returns it.

    Attributes:
        history: a dict of lists, one value an epoch: "accuracy", "loss", "val_accuracy", "val_loss".
        epoch: the numbers of the epochs, from 0.
        params: ``{"verbose": …, "epochs": …, "steps": …}``
    """

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


class LambdaCallback(Callback):
    """A callback from functions: ``LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))``.

    Args:
        **hooks: functions by the names of `Callback`'s hooks. Those of a batch are called as
            ``fn(batch, logs=logs)``, those of an epoch ``fn(epoch, logs)``, the others ``fn(logs)``. None for
            none.

    Raises:
        ValueError: a name that no hook has.
        TypeError: a value that cannot be called.
    """

    def __init__(self, **hooks: Callable[..., Any] | None):
        super().__init__()
        for name, function in hooks.items():
            lookup("LambdaCallback", name, dict.fromkeys(_HOOKS))
            if function is None:
                continue
            if not callable(function):
                raise TypeError(f"LambdaCallback: expected {name} to be a function, received {function!r}. Pass one.")
            setattr(self, name, function)


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


class ProgbarLogger(Callback):
    """The progress display of ``fit``, ``evaluate`` and ``predict``; they add it themselves.

    ``verbose`` 0 shows nothing. 1 (or "auto") shows a bar with the figures so far and the time a step takes,
    and when the epoch ends, one line in place of it:

        Epoch 3/10
        1563/1563 - 6s 4ms/step - accuracy: 0.9857 - loss: 0.0451 - val_accuracy: 0.9868 - val_loss: 0.0423

    2 shows only these two lines, as does 1 where the output is neither a terminal nor a notebook. The times are
    those of the whole epoch, validation included.
    """

    REDRAW_SECONDS = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.steps: int | None = None
        self._show_bar = False
        self._in_fit = False
        self._bar: Any = None
        self._seen = 0
        self._start = 0.0
        self._last_redraw = 0.0

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", 1)
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose: expected 'auto', 0, 1 or 2, received {verbose!r}. Use 0 to show nothing.")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.steps = params.get("steps")
        self._show_bar = self.verbose == 1 and _is_interactive(sys.stdout)

    @property
    def wants_batches(self) -> bool:
        """Only where there is a bar to move, or nobody knows how many steps there will be."""
        return self._show_bar or (self.verbose > 0 and self.steps is None)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)
        self._begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close_bar()
        self._in_fit = False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._begin()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._step(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end(None)

    def _begin(self) -> None:
        self._close_bar()
        self._seen = 0
        self._start = self._last_redraw = time.perf_counter()
        if self._show_bar:
            # Imported here: it takes time that nobody without a bar should pay.
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=self.steps,
                leave=False,
                file=sys.stdout,
                dynamic_ncols=True,
                bar_format="{n_fmt}/{total_fmt} |{bar:20}| {elapsed}<{remaining}{postfix}",
            )

    def _step(self, batch: int, logs: Logs | None) -> None:
        self._seen = batch + 1
        if self._bar is None:
            return
        now = time.perf_counter()
        if self._seen == self.steps:
            # So that what other callbacks print at the end of the epoch does not run into the bar.
            self._close_bar()
        elif now - self._last_redraw >= self.REDRAW_SECONDS:
            self._last_redraw = now
            figures = [_per_step((now - self._start) / self._seen), *_figures(logs)]
            self._bar.n = self._seen
            self._bar.set_postfix_str(" - ".join(figures), refresh=False)
            self._bar.refresh()

    def _end(self, logs: Logs | None) -> None:
        self._close_bar()
        if self.verbose == 0:
            return
        steps = self._seen if self.steps is None else self.steps
        seconds = time.perf_counter() - self._start
        times = f"{seconds:.0f}s {_per_step(seconds / max(steps, 1))}"
        print(" - ".join([f"{steps}/{steps}", times, *_figures(logs)]), flush=True)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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


def _is_interactive(stream: Any) -> bool:
    """Whether a bar can be drawn: the stream is a terminal, or the output of a notebook's cell."""
    in_notebook = type(stream).__module__.partition(".")[0] in ("ipykernel", "pyodide_kernel")
    return in_notebook or (hasattr(stream, "isatty") and stream.isatty())


def _per_step(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


def _figures(logs: Logs | None) -> list[str]:
    """``accuracy: 0.9857``, and ``loss: 3.1416e-05`` where four decimals would not show it."""
    return [
        f"{key}: {value:.4f}" if abs(value) > 1e-3 else f"{key}: {value:.4e}" for key, value in (logs or {}).items()
    ]

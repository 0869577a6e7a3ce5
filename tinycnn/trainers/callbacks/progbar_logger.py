"""The progress display."""

from __future__ import annotations

import sys
import time
from typing import Any

from tinycnn.kernels import seconds_compiling
from tinycnn.output import LastingOutput, show
from tinycnn.trainers.callbacks.callback import Callback, Logs


class ProgbarLogger(Callback):
    """The progress display of ``fit``, ``evaluate`` and ``predict``; they add it themselves.

    ``verbose`` 0 shows nothing. 1 (or "auto") shows the time that is left, the time a step takes, the figures so far,
    the loss first, and a bar in what room is left; when the epoch ends, one line in place of it:

        Epoch 3/10
        1563/1563 - 6s - 4ms/step - accuracy: 0.9857 - loss: 0.0451 - val_accuracy: 0.9868 - val_loss: 0.0423

    2 shows only these two lines, as does 1 where the output is neither a terminal nor a notebook. The times are
    those of the whole epoch, validation included, but not the compiling of kernels.
    """

    REDRAW_SECONDS = 0.1
    NOTEBOOK_COLUMNS = 74

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
            show(f"Epoch {epoch + 1}/{self.epochs}")
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

    def _release(self) -> None:
        self._close_bar()

    def _begin(self) -> None:
        self._close_bar()
        self._seen = 0
        self._start = self._last_redraw = _clock()

    def _step(self, batch: int, logs: Logs | None) -> None:
        self._seen = batch + 1
        if not self._show_bar:
            return
        now = _clock()
        if self._seen == self.steps:
            # So that what other callbacks print at the end of the epoch does not run into the bar.
            self._close_bar()
        elif now - self._last_redraw >= self.REDRAW_SECONDS:
            self._last_redraw = now
            self._draw_bar((now - self._start) / self._seen, logs or {})

    def _end(self, logs: Logs | None) -> None:
        self._close_bar()
        if self.verbose == 0:
            return
        steps = self._seen if self.steps is None else self.steps
        seconds = _clock() - self._start
        show(" - ".join([f"{steps}/{steps}", f"{seconds:.0f}s", _per_step(seconds / max(steps, 1)), *_figures(logs)]))

    def _draw_bar(self, seconds_per_step: float, logs: Logs) -> None:
        # Imported here: it takes time that nobody without a bar should pay. Text in notebooks, too.
        from tqdm.std import tqdm

        if self._bar is None:  # not before the first step: what is printed while its kernels are compiled has a line
            self._bar = tqdm(
                total=self.steps,
                leave=False,
                file=LastingOutput(sys.stdout),
                ncols=self.NOTEBOOK_COLUMNS,
                dynamic_ncols=not _is_in_notebook(sys.stdout),
                bar_format="{desc} |{bar}|" if self.steps else "{desc}",
            )
        done, left = f"{self._seen}/?", ""
        if self.steps:
            done = f"{self._seen:{len(str(self.steps))}}/{self.steps}"
            left = f" {tqdm.format_interval(seconds_per_step * (self.steps - self._seen))}"
        figures = _figures(dict(sorted(logs.items(), key=lambda it: it[0] != "loss")))  # what is cut off is the end
        self._bar.n = self._seen
        self._bar.set_description_str(" - ".join([f"{done}{left} {_per_step(seconds_per_step)}", *figures]))

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _clock() -> float:
    """Seconds, which stand still while kernels are compiled: that happens once, and says nothing of a step."""
    return time.perf_counter() - seconds_compiling()


def _is_interactive(stream: Any) -> bool:
    """Whether a bar can be drawn: the stream is a terminal, or the output of a notebook's cell."""
    return _is_in_notebook(stream) or LastingOutput(stream).isatty()


def _is_in_notebook(stream: Any) -> bool:
    if isinstance(stream, LastingOutput):
        stream = stream.stream
    return type(stream).__module__.partition(".")[0] in ("ipykernel", "pyodide_kernel")


def _per_step(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


def _figures(logs: Logs | None) -> list[str]:
    """``["accuracy: 0.9857", "loss: 3.1416e-05"]``"""
    return [f"{key}: {four_digits(value)}" for key, value in (logs or {}).items()]


def four_digits(value: float) -> str:
    """``0.9857``, and ``3.1416e-05`` where four decimals would not show it."""
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"

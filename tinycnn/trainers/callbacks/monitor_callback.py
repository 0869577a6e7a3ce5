"""What callbacks share that watch a figure: its name, its better direction, and what counts as better."""

from __future__ import annotations

import warnings

from tinycnn.trainers.callbacks.callback import Callback, Logs
from tinycnn.utils import lookup


class MonitorCallback(Callback):
    """The base of `EarlyStopping`, `ModelCheckpoint` and `ReduceLROnPlateau`.

    Args:
        monitor: the figure's name in the logs.
        mode: "min", "max", or "auto": less is better for losses, more for accuracies.
        min_delta: the smallest change that counts.

    Keras:   same decisions; an unknown ``mode`` is an error here, a warning there.

    Raises:
        ValueError: an unknown mode; in training, a figure whose better direction "auto" cannot tell.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0):
        super().__init__()
        self.monitor = monitor
        self.mode = lookup(f"{type(self).__name__} mode", mode, {m: m for m in ("auto", "min", "max")})
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._better: str | None = None  # "min" or "max", asked for when the model knows its metrics

    def _current(self, logs: Logs) -> float | None:
        """The figure; None, and a warning, where it is missing."""
        if self._better is None:
            self._better = self._direction() if self.mode == "auto" else self.mode
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"{type(self).__name__}: expected {self.monitor!r} among the figures of the epoch, found "
                f"{', '.join(logs) or 'none'}. Pass validation_data to fit, or monitor one of these.",
                stacklevel=3,
            )
        return current

    def _improves(self, value: float, reference: float | None) -> bool:
        """Whether ``value`` is better than ``reference`` by more than ``min_delta``; NaN never is."""
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
                f"{type(self).__name__}: expected a figure whose better direction is known, received "
                f"monitor={self.monitor!r}. Pass mode='max' if more is better, or mode='min'."
            )
        return {"up": "max", "down": "min"}[direction]

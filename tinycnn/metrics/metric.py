"""What all metrics share, and the mean that most of them are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from tinycnn.serialization import Configurable

Array = np.ndarray
MetricT = TypeVar("MetricT", bound="Metric")


class Metric(Configurable, ABC):
    """Collects over batches with ``update_state``, tells with ``result``, forgets with ``reset_state``.

    ``direction`` is "up" where more is better, "down" where less is, None where it is unknown:
    `EarlyStopping` asks for it.
    """

    computing = ("update_state", "__call__")
    direction: str | None = None
    takes_logits = False  # see `LossMetric.adapt`

    def __init__(self, name: str):
        self.name = name

    @abstractmethod
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""

    @abstractmethod
    def result(self) -> Any:
        """The metric over everything since the last reset; 0.0 before the first batch, as in Keras."""

    @abstractmethod
    def reset_state(self) -> None:
        """Start anew."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dtype": "float32"}  # as Keras writes it; sums here are always float64

    @classmethod
    def from_config(cls: type[MetricT], config: Mapping[str, Any]) -> MetricT:
        """A metric from the dict of `get_config`."""
        return super().from_config({name: value for name, value in config.items() if name != "dtype"})

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """``update_state``, then ``result``."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class Mean(Metric):
    """The mean of all values since the last reset, weighted where weights are given: Σw·v / Σw.

    Shapes:  values (n,) or (n, …), of which each sample's mean is taken first;  sample_weight (n,) or as values
    """

    def __init__(self, name: str = "mean"):
        super().__init__(name)
        self.reset_state()

    def reset_state(self) -> None:
        self.total = 0.0
        self.count = 0.0

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0

    # As in Keras: a mean of values needs no labels.
    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        self._add(values, sample_weight)

    def __call__(self, values: Any, sample_weight: Any = None) -> float:  # type: ignore[override]
        self._add(values, sample_weight)
        return self.result()

    def _add(self, values: Any, sample_weight: Any) -> None:
        if isinstance(values, float) and (sample_weight is None or isinstance(sample_weight, int)):
            weight = 1 if sample_weight is None else sample_weight
            self.total += values * weight
            self.count += weight
            return
        values = np.atleast_1d(np.asarray(values))
        weights = None if sample_weight is None else np.atleast_1d(np.asarray(sample_weight, np.float64))
        if values.ndim > 1 and weights is not None and weights.shape == values.shape:
            values, weights = values.ravel(), weights.ravel()
        if values.ndim > 1:
            values = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
        if weights is None:
            self.total += float(np.count_nonzero(values) if values.dtype == bool else values.sum(dtype=np.float64))
            self.count += len(values)
            return
        if weights.shape not in (values.shape, (*values.shape, 1)):
            raise ValueError(
                f"{self.name}: expected sample_weight of shape ({len(values)},), received {weights.shape}. "
                "Pass one number for each sample."
            )
        weights = weights.reshape(values.shape)
        self.total += float((values * weights).sum())
        self.count += float(weights.sum())


class MeanMetricWrapper(Metric):
    """The mean of a function of labels and predictions that gives one value a sample (or several).

    Args:
        fn: ``fn(y_true, y_pred) -> values`` of shape (n,) or (n, …).
        name: the metric's name; by default the function's.
    """

    def __init__(self, fn: Callable[[Any, Any], Array], name: str | None = None):
        super().__init__(str(name or getattr(fn, "__name__", type(fn).__name__)))
        self.fn = fn
        self._mean = Mean(self.name)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._mean.update_state(self.fn(y_true, y_pred), sample_weight)

    def result(self) -> float:
        return self._mean.result()

    def reset_state(self) -> None:
        self._mean.reset_state()

"""The figures of a model in training: its loss and the metrics of ``compile``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tinycnn.metrics.loss_metrics import LossMetric
from tinycnn.metrics.metric import Array, Mean, Metric
from tinycnn.metrics.names import get


class Outcome(NamedTuple):
    """What a step over a batch came to, as far as figures are made of it."""

    y_pred: Any  # an array; a tuple of several outputs' arrays
    loss: float  # its mean over the samples, with the regularizers' penalties
    logits: Array | None = None  # where the loss was computed from them
    activation: str | None = None  # the last layer's
    parts: tuple[Outcome, ...] = ()  # of several outputs


class CompileMetrics:
    """The figures of a model over the batches of an epoch: the mean of its loss, and the metrics of ``compile``.

    Args:
        metrics, weighted_metrics: what `get` takes; without and with the weights of samples. Metrics are made at the
            first batch, because "accuracy" depends on its shapes.

    Keras:   a second metric of one name is called ``name_1``, a weighted one ``weighted_name``
    """

    def __init__(self, metrics: Iterable[Any], weighted_metrics: Iterable[Any]):
        self.identifiers = list(metrics), list(weighted_metrics)
        self.loss = Mean("loss")
        self.metrics: list[Metric] = []
        self.weighted_metrics: list[Metric] = []

    def update_state(self, y_true: Array, outcome: Outcome, sample_weight: Array | None = None) -> None:
        """Take in one batch."""
        plain, weighted = self.identifiers
        if len(self.metrics) < len(plain) or len(self.weighted_metrics) < len(weighted):
            self.metrics = [get(it, y_true.shape, outcome.y_pred.shape) for it in plain]
            self.weighted_metrics = [get(it, y_true.shape, outcome.y_pred.shape) for it in weighted]
            for metric in (*self.metrics, *self.weighted_metrics):
                if isinstance(metric, LossMetric):
                    metric.adapt(outcome.activation, outcome.logits is not None)
        self.loss.update_state(outcome.loss, len(y_true))
        for metric in self.metrics:
            metric.update_state(y_true, outcome.logits if metric.takes_logits else outcome.y_pred)
        for metric in self.weighted_metrics:
            metric.update_state(y_true, outcome.logits if metric.takes_logits else outcome.y_pred, sample_weight)

    @property
    def given(self) -> list[Any]:
        """What `compile` was told, in one list."""
        return [identifier for several in self.identifiers for identifier in several]

    def reset_state(self) -> None:
        for metric in self.all:
            metric.reset_state()

    @property
    def all(self) -> list[Metric]:
        """The mean of the loss, the metrics, the weighted metrics."""
        return [self.loss, *self.metrics, *self.weighted_metrics]

    def results(self) -> dict[str, float]:
        """All figures so far by name: the loss first, each metric under a name of its own."""
        found: dict[str, float] = {}
        taken: Counter[str] = Counter()
        for metric in self.all:
            name = metric.name
            if name in taken and any(metric is weighted for weighted in self.weighted_metrics):
                name = f"weighted_{name}"
            number = taken[name]
            taken[name] += 1
            result = metric.result()
            if np.ndim(result):
                raise ValueError(
                    f"{metric.name}: expected a metric of one number in compile, received one of {len(result)}. Use "
                    "one metric for each threshold."
                )
            found[f"{name}_{number}" if number else name] = float(result)
        return found

"""Losses as metrics: their means over samples."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tinycnn import losses
from tinycnn.metrics.metric import Array, MeanMetricWrapper


class LossMetric(MeanMetricWrapper):
    """A loss as a metric: its mean over the samples.

    In a model whose last activation is the loss's own, softmax for a categorical cross-entropy, the metric is the same
    number as the loss would be: computed from what the activation takes in, with or without ``from_logits``. Where the
    model is trained on another loss, it is computed from the activation's outputs.
    """

    direction = "down"

    def __init__(self, loss: losses.Loss, name: str):
        super().__init__(loss.per_sample, name)
        self.loss = loss

    def adapt(self, activation: str | None, logits: bool) -> None:
        """Expect the outputs of a model's last ``activation``, or, with ``logits``, its inputs."""
        if activation is None or activation != self.loss.logits_activation or self.loss.axis != -1:
            return
        loss = copy.copy(self.loss)
        loss.from_logits = self.takes_logits = logits
        self.fn = loss.per_sample


class MeanSquaredError(LossMetric):
    """See `losses.MeanSquaredError`."""

    def __init__(self, name: str = "mean_squared_error"):
        super().__init__(losses.MeanSquaredError(), name)


class MeanAbsoluteError(LossMetric):
    """See `losses.MeanAbsoluteError`."""

    def __init__(self, name: str = "mean_absolute_error"):
        super().__init__(losses.MeanAbsoluteError(), name)


class MeanAbsolutePercentageError(LossMetric):
    """See `losses.MeanAbsolutePercentageError`."""

    def __init__(self, name: str = "mean_absolute_percentage_error"):
        super().__init__(losses.MeanAbsolutePercentageError(), name)


class MeanSquaredLogarithmicError(LossMetric):
    """See `losses.MeanSquaredLogarithmicError`."""

    def __init__(self, name: str = "mean_squared_logarithmic_error"):
        super().__init__(losses.MeanSquaredLogarithmicError(), name)


class LogCoshError(LossMetric):
    """See `losses.LogCosh`."""

    def __init__(self, name: str = "logcosh"):
        super().__init__(losses.LogCosh(), name)


class Hinge(LossMetric):
    """See `losses.Hinge`."""

    def __init__(self, name: str = "hinge"):
        super().__init__(losses.Hinge(), name)


class SquaredHinge(LossMetric):
    """See `losses.SquaredHinge`."""

    def __init__(self, name: str = "squared_hinge"):
        super().__init__(losses.SquaredHinge(), name)


class CategoricalHinge(LossMetric):
    """See `losses.CategoricalHinge`."""

    def __init__(self, name: str = "categorical_hinge"):
        super().__init__(losses.CategoricalHinge(), name)


class KLDivergence(LossMetric):
    """See `losses.KLDivergence`."""

    def __init__(self, name: str = "kl_divergence"):
        super().__init__(losses.KLDivergence(), name)


class Poisson(LossMetric):
    """See `losses.Poisson`."""

    def __init__(self, name: str = "poisson"):
        super().__init__(losses.Poisson(), name)


class BinaryCrossentropy(LossMetric):
    """See `losses.BinaryCrossentropy`."""

    def __init__(self, name: str = "binary_crossentropy", *, from_logits: bool = False, label_smoothing: float = 0):
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(LossMetric):
    """See `losses.CategoricalCrossentropy`."""

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        *,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        super().__init__(losses.CategoricalCrossentropy(from_logits, label_smoothing, axis), name)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(LossMetric):
    """See `losses.SparseCategoricalCrossentropy`; places with an ignored label do not count."""

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        *,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis), name)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class CosineSimilarity(LossMetric):
    """The cosine of the angle between prediction and truth: 1 where they point the same way; more is better.

    Keras:   same numbers; the loss of this name is its negative
    """

    direction = "up"

    def __init__(self, name: str = "cosine_similarity"):
        super().__init__(losses.CosineSimilarity(), name)
        self.fn = _cosine


class RootMeanSquaredError(MeanMetricWrapper):
    """The root of the mean of squared differences, over all samples and outputs."""

    direction = "down"

    def __init__(self, name: str = "root_mean_squared_error"):
        super().__init__(losses.MeanSquaredError().per_sample, name)

    def result(self) -> float:
        return float(np.sqrt(super().result()))


def _cosine(y_true: Any, y_pred: Any) -> Array:
    return -losses.CosineSimilarity().per_sample(y_true, y_pred)

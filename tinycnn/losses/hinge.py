"""Hinge losses: nothing to pay for an answer that is right by a margin, a straight line below it."""

from __future__ import annotations

import numpy as np

from tinycnn.losses.loss import Array, Loss, as_float, like, mean_of_outputs
from tinycnn.losses.loss import outputs as number_of_outputs


class Hinge(Loss):
    """The margin by which yes/no answers are missed; labels are −1 and 1, or 0 and 1.

    Math:    l = mean over outputs of max(1 − y·p, 0)    ∂l/∂p = −y/outputs where 1 − y·p >= 0, else 0
             labels that are all 0 or 1 become 2·y − 1
    Shapes:  y_pred (n, …, outputs);  y_true the same, or without a last axis of size 1
    Source:  Cortes & Vapnik 1995, "Support-vector networks"
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "hinge"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return mean_of_outputs(np.maximum(1 - _signs(y_true, y_pred) * y_pred, 0))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = _signs(y_true, y_pred)
        return np.where(1 - y * y_pred >= 0, -y, y_pred.dtype.type(0)) / number_of_outputs(y_pred)


class SquaredHinge(Loss):
    """`Hinge`, squared: large margins cost more, and there is no kink.

    Math:    h = max(1 − y·p, 0)    l = mean over outputs of h²    ∂l/∂p = −2·h·y/outputs
    Shapes:  as `Hinge`
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return mean_of_outputs(np.square(np.maximum(1 - _signs(y_true, y_pred) * y_pred, 0)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = _signs(y_true, y_pred)
        return -2 * np.maximum(1 - y * y_pred, 0) * y / number_of_outputs(y_pred)


class CategoricalHinge(Loss):
    """The margin by which the true class is not above the best of the others; labels are one-hot rows.

    Math:    l = max(m − s + 1, 0)    s = Σⱼ yⱼ·pⱼ    m = maxⱼ (1 − yⱼ)·pⱼ
             ∂l/∂p = (1 − y)·[where the maximum is] − y where l is positive or just 0, else 0;
             several equal maxima share it
    Shapes:  y_pred, y_true (n, …, classes)
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = like(y_true, y_pred)
        return np.maximum(((1 - y) * y_pred).max(axis=-1) - (y * y_pred).sum(axis=-1) + 1, 0)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = like(y_true, y_pred)
        others = (1 - y) * y_pred
        best = others.max(axis=-1, keepdims=True)
        where = (others == best).astype(y_pred.dtype)
        gradient = (1 - y) * where / where.sum(axis=-1, keepdims=True) - y
        margin = best - (y * y_pred).sum(axis=-1, keepdims=True) + 1
        return np.where(margin >= 0, gradient, y_pred.dtype.type(0))


def _signs(y_true: Array, y_pred: Array) -> Array:
    """Labels 0 and 1 as −1 and 1, where all of them are such."""
    y = like(y_true, y_pred)
    return 2 * y - 1 if np.isin(y, (0, 1)).all() else y

"""Losses between distributions, and of counts."""

from __future__ import annotations

import numpy as np

from tinycnn.losses.loss import EPSILON, Array, Loss, as_float, like, mean_of_outputs, sum_of_outputs
from tinycnn.losses.loss import outputs as number_of_outputs


class KLDivergence(Loss):
    """How many nats it costs to take the prediction for the true distribution.

    Math:    t = clip(y, 1e-7, 1)    q = clip(p, 1e-7, 1)    l = Σⱼ tⱼ·log(tⱼ/qⱼ)
             ∂l/∂p = −t/q, and 0 where p was clipped
    Shapes:  y_pred, y_true (n, …, classes)
    Source:  Kullback & Leibler 1951, "On information and sufficiency"
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        t, q = np.clip(like(y_true, y_pred), EPSILON, 1), np.clip(y_pred, EPSILON, 1)
        return sum_of_outputs(t * np.log(t / q))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        t, q = np.clip(like(y_true, y_pred), EPSILON, 1), np.clip(y_pred, EPSILON, 1)
        return np.where(q == y_pred, -t / q, y_pred.dtype.type(0))


class Poisson(Loss):
    """Minus the log-likelihood of counts y where p of them are expected, but for what does not depend on p.

    Math:    l = mean over outputs of p − y·log(p + 1e-7)    ∂l/∂p = (1 − y/(p + 1e-7))/outputs
    Shapes:  y_pred (n, …, outputs), not negative;  y_true the same, or without a last axis of size 1
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "poisson"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return mean_of_outputs(y_pred - like(y_true, y_pred) * np.log(y_pred + EPSILON))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return (1 - like(y_true, y_pred) / (y_pred + EPSILON)) / number_of_outputs(y_pred)

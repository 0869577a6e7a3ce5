"""Losses of quantities: how far predicted numbers are from true ones."""

from __future__ import annotations

import math

import numpy as np

from tinycnn.losses.loss import EPSILON, Array, Loss, as_float, check_axis, check_number, like, mean_of_outputs
from tinycnn.losses.loss import outputs as number_of_outputs


class MeanSquaredError(Loss):
    """The mean of squared differences over the outputs of a sample.

    Math:    l = mean over outputs of (p − y)²    ∂l/∂p = 2·(p − y)/outputs
    Shapes:  y_pred (n, …, outputs);  y_true the same, or without a last axis of size 1
    Keras:   same numbers. Keras stretches labels of shape (n, 1) over all outputs; ``validate`` rejects them.
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return mean_of_outputs(np.square(y_pred - like(y_true, y_pred)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return 2 * (y_pred - like(y_true, y_pred)) / number_of_outputs(y_pred)


class MeanAbsoluteError(Loss):
    """The mean of absolute differences: an outlier pulls no more than any other sample.

    Math:    l = mean over outputs of |p − y|    ∂l/∂p = sign(p − y)/outputs, 0 where p = y
    Shapes:  as `MeanSquaredError`
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return mean_of_outputs(np.abs(y_pred - like(y_true, y_pred)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return np.sign(y_pred - like(y_true, y_pred)) / number_of_outputs(y_pred)


class MeanAbsolutePercentageError(Loss):
    """The absolute difference as a percentage of the true number.

    Math:    l = mean over outputs of 100·|p − y|/max(|y|, 1e-7)    ∂l/∂p = 100·sign(p − y)/max(|y|, 1e-7)/outputs
    Shapes:  as `MeanSquaredError`
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_percentage_error"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = like(y_true, y_pred)
        return 100 * mean_of_outputs(np.abs((y - y_pred) / np.maximum(np.abs(y), EPSILON)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y = like(y_true, y_pred)
        return 100 * np.sign(y_pred - y) / np.maximum(np.abs(y), EPSILON) / number_of_outputs(y_pred)


class MeanSquaredLogarithmicError(Loss):
    """The squared difference of logarithms: what counts is the ratio of p + 1 and y + 1.

    Math:    d = log(max(p, 1e-7) + 1) − log(max(y, 1e-7) + 1)    l = mean over outputs of d²
             ∂l/∂p = 2·d/(p + 1)/outputs, and 0 where p < 1e-7
    Shapes:  as `MeanSquaredError`
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_logarithmic_error"):
        super().__init__(name, reduction)

    def _difference(self, y_true: Array, y_pred: Array) -> Array:
        y = like(y_true, y_pred)
        return np.log(np.maximum(y_pred, EPSILON) + 1) - np.log(np.maximum(y, EPSILON) + 1)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        return mean_of_outputs(np.square(self._difference(y_true, as_float(y_pred))))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        gradient = 2 * self._difference(y_true, y_pred) / (np.maximum(y_pred, EPSILON) + 1) / number_of_outputs(y_pred)
        return np.where(y_pred < EPSILON, y_pred.dtype.type(0), gradient)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between prediction and truth: −1 where they point the same way.

    Math:    l = −ŷ·p̂    ŷ = y/|y|    p̂ = p/|p|    ∂l/∂p = −(ŷ − (ŷ·p̂)·p̂)/|p|
             where |p| < 1e-7, it is divided by 1e-7 instead: ∂l/∂p = −ŷ/1e-7
    Shapes:  y_pred, y_true (n, …, outputs)
    Keras:   same numbers

    Args:
        axis: the axis of the outputs, by default the last one.
    """

    def __init__(
        self, axis: int = -1, *, reduction: str | None = "sum_over_batch_size", name: str = "cosine_similarity"
    ):
        super().__init__(name, reduction)
        self.axis = check_axis(name, axis)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return -(_unit(like(y_true, y_pred), self.axis) * _unit(y_pred, self.axis)).sum(self.axis)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        y, p = _unit(like(y_true, y_pred), self.axis), _unit(y_pred, self.axis)
        length, turned = _length(y_pred, self.axis), y - (y * p).sum(self.axis, keepdims=True) * p
        return -np.where(length < EPSILON, y, turned) / np.maximum(length, EPSILON)


class Huber(Loss):
    """Squares for small differences, absolute values for large ones, with the same slope where they meet.

    Math:    e = p − y    l = mean over outputs of e²/2 where |e| <= δ, else δ·|e| − δ²/2
             ∂l/∂p = e/outputs where |e| <= δ, else δ·sign(e)/outputs
    Shapes:  as `MeanSquaredError`
    Source:  Huber 1964, "Robust estimation of a location parameter"
    Keras:   same numbers

    Args:
        delta: δ >= 0, where the squares end.
    """

    def __init__(self, delta: float = 1.0, *, reduction: str | None = "sum_over_batch_size", name: str = "huber_loss"):
        super().__init__(name, reduction)
        self.delta = check_number(name, "delta", delta, 0, math.inf)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        e = np.abs(y_pred - like(y_true, y_pred))
        return mean_of_outputs(np.where(e <= self.delta, np.square(e) / 2, self.delta * e - self.delta**2 / 2))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        e = y_pred - like(y_true, y_pred)
        return np.clip(e, -self.delta, self.delta) / number_of_outputs(y_pred)


class LogCosh(Loss):
    """Smooth between squares and absolute values: e²/2 for small differences e, |e| − log 2 for large ones.

    Math:    e = p − y    l = mean over outputs of log cosh e    ∂l/∂p = tanh(e)/outputs
             computed as |e| + log(1 + exp(−2|e|)) − log 2, which cannot overflow
    Shapes:  as `MeanSquaredError`
    Keras:   same numbers
    """

    def __init__(self, *, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        e = np.abs(y_pred - like(y_true, y_pred))
        return mean_of_outputs(e + np.log1p(np.exp(-2 * e)) - math.log(2))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        return np.tanh(y_pred - like(y_true, y_pred)) / number_of_outputs(y_pred)


def _length(x: Array, axis: int) -> Array:
    return np.sqrt(np.square(x).sum(axis, keepdims=True))


def _unit(x: Array, axis: int) -> Array:
    return x / np.maximum(_length(x, axis), EPSILON)

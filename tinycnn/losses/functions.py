"""The losses as functions under Keras's names: ``mean_squared_error(y_true, y_pred)`` is the loss of each sample.

`compile` takes them, too: ``loss=losses.mean_squared_error`` is ``loss="mean_squared_error"``.
"""

from __future__ import annotations

from typing import Any

from tinycnn.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from tinycnn.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from tinycnn.losses.loss import Array, Loss, as_float
from tinycnn.losses.probability import KLDivergence, Poisson
from tinycnn.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)


def _of_each_place(loss: Loss, y_true: Any, y_pred: Any) -> Array:
    """The loss's values on arrays; predictions of one axis are the outputs of one place."""
    y_pred = as_float(y_pred)
    if y_pred.ndim == 1:
        return _of_each_place(loss, [y_true], y_pred[None])[0]
    loss.validate(y_true, y_pred.shape)
    return loss.per_sample(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """See `MeanSquaredError`."""
    return _of_each_place(MeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """See `MeanAbsoluteError`."""
    return _of_each_place(MeanAbsoluteError(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """See `MeanAbsolutePercentageError`."""
    return _of_each_place(MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """See `MeanSquaredLogarithmicError`."""
    return _of_each_place(MeanSquaredLogarithmicError(), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """See `CosineSimilarity`."""
    return _of_each_place(CosineSimilarity(axis=axis), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """See `Huber`."""
    return _of_each_place(Huber(delta=delta), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """See `LogCosh`."""
    return _of_each_place(LogCosh(), y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """See `KLDivergence`."""
    return _of_each_place(KLDivergence(), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """See `Poisson`."""
    return _of_each_place(Poisson(), y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> Array:
    """See `Hinge`."""
    return _of_each_place(Hinge(), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """See `SquaredHinge`."""
    return _of_each_place(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """See `CategoricalHinge`."""
    return _of_each_place(CategoricalHinge(), y_true, y_pred)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """See `CategoricalCrossentropy`."""
    return _of_each_place(
        CategoricalCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis), y_true, y_pred
    )


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Array:
    """See `SparseCategoricalCrossentropy`."""
    return _of_each_place(
        SparseCategoricalCrossentropy(from_logits=from_logits, ignore_class=ignore_class, axis=axis), y_true, y_pred
    )


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Array:
    """See `BinaryCrossentropy`."""
    return _of_each_place(
        BinaryCrossentropy(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis), y_true, y_pred
    )


# Short names, as in tf.keras
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
kld = KLD = kl_divergence

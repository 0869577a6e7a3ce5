"""Metrics by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinycnn import losses, serialization
from tinycnn.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from tinycnn.metrics.confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from tinycnn.metrics.loss_metrics import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    LossMetric,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from tinycnn.metrics.metric import Mean, MeanMetricWrapper, Metric
from tinycnn.utils import lookup, snake_case

_CLASSES: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
#: Functions of which a file holds the name.
FUNCTIONS: tuple[Callable[..., Any], ...] = (
    *losses._FUNCTIONS,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
_BY_CLASS = {cls.__name__: cls for cls in _CLASSES}
_TABLE = {**_BY_CLASS, **{snake_case(name): cls for name, cls in _BY_CLASS.items()}}
_NAMES = {name: name for name in ("accuracy", "acc", *_TABLE, *losses._TABLE)}

#: What `get` takes, and so every argument that names a metric.
Identifier = str | Metric | type[Metric] | losses.Loss | Callable[..., Any] | Mapping[str, Any]


def get(identifier: Identifier, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> Metric:
    """A metric from a name, a class, an object, a dict of `serialize`, a loss, or a function.

    A function is called as ``fn(y_true, y_pred) -> values``.

    "accuracy" and "acc" (in any case) pick the kind by the shapes of labels and predictions, batch axis
    included: one prediction a sample means binary; labels with an axis less, or a last axis of size 1,
    sparse; else categorical. A metric from a name is displayed under that very name. The names of losses work
    too, and losses themselves: see `LossMetric`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    if isinstance(identifier, Mapping):
        identifier = deserialize(identifier)
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier, identifier.name)
    if not isinstance(identifier, str) and callable(identifier):
        if identifier in losses._FUNCTIONS:
            return LossMetric(losses.get(identifier), identifier.__name__)
        return MeanMetricWrapper(identifier)  # type: ignore[arg-type]  # whatever is callable, a class too
    if not isinstance(identifier, str):
        raise TypeError(f"metric: expected a name or a Metric, received {identifier!r}. Pass for example 'accuracy'.")
    if identifier.lower() in ("accuracy", "acc"):
        return _accuracy_by_shapes(y_true_shape, y_pred_shape)(name=identifier)
    lookup("metric", identifier, _NAMES)
    if identifier in _TABLE:
        return _TABLE[identifier](name=identifier)
    return LossMetric(losses.get(identifier), identifier)


def deserialize(config: Mapping[str, Any]) -> Metric | losses.Loss:
    """A metric, or a loss that is used as one, from a dict of its class_name and config; only tinycnn's own classes."""
    arguments = config.get("config")
    if isinstance(arguments, Mapping) and "reduction" in arguments:
        return losses.get(config)
    table: dict[str, type[Metric]] = {**_BY_CLASS, "Mean": Mean}
    return serialization.deserialize("metric", config, table)


def _accuracy_by_shapes(
    y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> type[SparseCategoricalAccuracy | CategoricalAccuracy | BinaryAccuracy]:
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy
    return CategoricalAccuracy

"""Metrics by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinycnn import losses, serialization
from tinycnn.metrics import accuracies, confusion, loss_metrics
from tinycnn.metrics.metric import Mean, MeanMetricWrapper, Metric
from tinycnn.utils import lookup, snake_case

_CLASSES: tuple[type[Metric], ...] = (
    accuracies.Accuracy,
    accuracies.BinaryAccuracy,
    accuracies.CategoricalAccuracy,
    accuracies.SparseCategoricalAccuracy,
    accuracies.SparseTopKCategoricalAccuracy,
    accuracies.TopKCategoricalAccuracy,
    confusion.AUC,
    confusion.FalseNegatives,
    confusion.FalsePositives,
    confusion.Precision,
    confusion.Recall,
    confusion.TrueNegatives,
    confusion.TruePositives,
    loss_metrics.BinaryCrossentropy,
    loss_metrics.CategoricalCrossentropy,
    loss_metrics.CategoricalHinge,
    loss_metrics.CosineSimilarity,
    loss_metrics.Hinge,
    loss_metrics.KLDivergence,
    loss_metrics.LogCoshError,
    loss_metrics.MeanAbsoluteError,
    loss_metrics.MeanAbsolutePercentageError,
    loss_metrics.MeanSquaredError,
    loss_metrics.MeanSquaredLogarithmicError,
    loss_metrics.Poisson,
    loss_metrics.RootMeanSquaredError,
    loss_metrics.SparseCategoricalCrossentropy,
    loss_metrics.SquaredHinge,
)
#: Functions of which a file holds the name.
FUNCTIONS: tuple[Callable[..., Any], ...] = (
    *losses._FUNCTIONS,
    accuracies.binary_accuracy,
    accuracies.categorical_accuracy,
    accuracies.sparse_categorical_accuracy,
    accuracies.sparse_top_k_categorical_accuracy,
    accuracies.top_k_categorical_accuracy,
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
        return loss_metrics.LossMetric(identifier, identifier.name)
    if not isinstance(identifier, str) and callable(identifier):
        if identifier in losses._FUNCTIONS:
            return loss_metrics.LossMetric(losses.get(identifier), identifier.__name__)
        return MeanMetricWrapper(identifier)  # type: ignore[arg-type]  # whatever is callable, a class too
    if not isinstance(identifier, str):
        raise TypeError(f"metric: expected a name or a Metric, received {identifier!r}. Pass for example 'accuracy'.")
    if identifier.lower() in ("accuracy", "acc"):
        return _accuracy_by_shapes(y_true_shape, y_pred_shape)(name=identifier)
    lookup("metric", identifier, _NAMES)
    if identifier in _TABLE:
        return _TABLE[identifier](name=identifier)
    return loss_metrics.LossMetric(losses.get(identifier), identifier)


def deserialize(config: Mapping[str, Any]) -> Metric | losses.Loss:
    """A metric, or a loss that is used as one, from a dict of its class_name and config; only tinycnn's own classes."""
    arguments = config.get("config")
    if isinstance(arguments, Mapping) and "reduction" in arguments:
        return losses.get(config)
    table: dict[str, type[Metric]] = {**_BY_CLASS, "Mean": Mean}
    return serialization.deserialize("metric", config, table)


def _accuracy_by_shapes(
    y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> type[accuracies.SparseCategoricalAccuracy | accuracies.CategoricalAccuracy | accuracies.BinaryAccuracy]:
    if y_pred_shape[-1] == 1:
        return accuracies.BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return accuracies.SparseCategoricalAccuracy
    return accuracies.CategoricalAccuracy

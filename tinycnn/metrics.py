"""Metrics: figures of merit to look at, averaged over the batches of an epoch. Nothing is trained on them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinycnn import losses, serialization
from tinycnn.serialization import Configurable
from tinycnn.utils import lookup, snake_case

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "SparseCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "deserialize",
    "get",
    "sparse_categorical_accuracy",
]

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
    def result(self) -> float:
        """The metric over everything since the last reset; 0.0 before the first batch, as in Keras."""

    @abstractmethod
    def reset_state(self) -> None:
        """Start anew."""

    @classmethod
    def from_config(cls: type[MetricT], config: Mapping[str, Any]) -> MetricT:
        """A metric from the dict of `get_config`. Keras's dtype does not matter: sums here are always float64."""
        return super().from_config({name: value for name, value in config.items() if name != "dtype"})

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """``update_state``, then ``result``."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()


class Mean(Metric):
    """The mean of all values since the last reset, weighted where weights are given: Σw·v / Σw.

    Shapes:  values (n,) or (n, …), of which each sample's mean is taken first;  sample_weight (n,)
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
        if values.ndim > 1:
            values = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
        if sample_weight is None:
            self.total += float(np.count_nonzero(values) if values.dtype == bool else values.sum(dtype=np.float64))
            self.count += len(values)
            return
        weights = np.atleast_1d(np.asarray(sample_weight, np.float64))
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


class Outcome(NamedTuple):
    """What a step over a batch came to, as far as figures are made of it."""

    y_pred: Array
    loss: float  # its mean over the samples, with the regularizers' penalties
    logits: Array | None = None  # where the loss was computed from them
    activation: str | None = None  # the last layer's


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
            found[f"{name}_{number}" if number else name] = float(metric.result())
        return found


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
        if activation is None or activation != self.loss.logits_activation:
            return
        loss = copy.copy(self.loss)
        loss.from_logits = self.takes_logits = logits
        self.fn = loss.per_sample


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose most probable class is the label; labels are class numbers.

    See `sparse_categorical_accuracy`.
    """

    direction = "up"

    def __init__(self, name: str = "sparse_categorical_accuracy"):
        super().__init__(sparse_categorical_accuracy, name)


class CategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose most probable class is the label; labels are one-hot rows.

    See `categorical_accuracy`.
    """

    direction = "up"

    def __init__(self, name: str = "categorical_accuracy"):
        super().__init__(categorical_accuracy, name)


class BinaryAccuracy(MeanMetricWrapper):
    """The share of yes/no questions that are answered rightly; yes is a prediction above ``threshold``.

    See `binary_accuracy`.
    """

    direction = "up"

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5):
        self.threshold = threshold
        super().__init__(partial(binary_accuracy, threshold=threshold), name)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest of a sample's predictions is at the labelled class, else 0.

    Shapes:  y_true (n,) or (n, 1);  y_pred (n, classes) -> (n,)
    Ties:    the first of several largest predictions counts, as in Keras
    """
    labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if labels.shape not in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        raise ValueError(
            "sparse_categorical_accuracy: expected one class number for each of the predictions "
            f"{y_pred.shape}, received labels of shape {labels.shape}. "
            "Use 'accuracy', which picks the kind by the shapes."
        )
    return labels.reshape(y_pred.shape[:-1]) == y_pred.argmax(axis=-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """1 where the largest of a sample's predictions is where the largest label is, else 0.

    Shapes:  y_true, y_pred (n, classes) -> (n,)
    Ties:    the first of several largest counts, as in Keras
    """
    labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if labels.shape != y_pred.shape:
        raise ValueError(
            f"categorical_accuracy: expected labels of the predictions' shape {y_pred.shape}, received "
            f"{labels.shape}. Use 'accuracy', which picks the kind by the shapes."
        )
    return labels.argmax(axis=-1) == y_pred.argmax(axis=-1)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """1 where (prediction > threshold) equals the label, else 0.

    Shapes:  y_pred (n, …);  y_true the same, or without a last axis of size 1 -> as y_pred
    """
    labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.shape == (*labels.shape, 1):
        labels = labels[..., np.newaxis]
    if labels.shape != y_pred.shape:
        raise ValueError(
            f"binary_accuracy: expected labels of the predictions' shape {y_pred.shape}, received "
            f"{labels.shape}. Reshape the labels, or change the number of units of the last layer."
        )
    return labels == (y_pred > threshold)


_CLASSES: tuple[type[SparseCategoricalAccuracy | CategoricalAccuracy | BinaryAccuracy], ...]
_CLASSES = (SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy)
_ACCURACIES = {snake_case(cls.__name__): cls for cls in _CLASSES} | {cls.__name__: cls for cls in _CLASSES}
_NAMES = {name: name for name in ("accuracy", "acc", *_ACCURACIES, *losses._TABLE)}


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
        return MeanMetricWrapper(identifier)  # type: ignore[arg-type]  # whatever is callable, a class too
    if not isinstance(identifier, str):
        raise TypeError(f"metric: expected a name or a Metric, received {identifier!r}. Pass for example 'accuracy'.")
    if identifier.lower() in ("accuracy", "acc"):
        return _accuracy_by_shapes(y_true_shape, y_pred_shape)(name=identifier)
    lookup("metric", identifier, _NAMES)
    if identifier in _ACCURACIES:
        return _ACCURACIES[identifier](name=identifier)
    return LossMetric(losses.get(identifier), identifier)


def deserialize(config: Mapping[str, Any]) -> Metric | losses.Loss:
    """A metric, or a loss that is used as one, from a dict of its class_name and config; only tinycnn's own classes."""
    table: dict[str, type] = {**_ACCURACIES, **losses._TABLE}
    arguments = config.get("config")
    if isinstance(arguments, Mapping) and arguments.get("dtype") == "float32":  # of Keras; here it is always float64
        config = {**config, "config": {name: value for name, value in arguments.items() if name != "dtype"}}
    return serialization.deserialize("metric", config, table)


def _accuracy_by_shapes(
    y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> type[SparseCategoricalAccuracy | CategoricalAccuracy | BinaryAccuracy]:
    if y_pred_shape[-1] == 1:
        return BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return SparseCategoricalAccuracy
    return CategoricalAccuracy

"""Yes and no, right and wrong: counts of the four cases, and what is made of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.kernels.activations import sigmoid_forward
from tinycnn.metrics.metric import Array, Metric
from tinycnn.utils import lookup, snake_case, unique_name

_LEAST = -1e10  # below all predictions, as Keras has it


class ConfusionMetric(Metric):
    """Counts, for each threshold, of predictions above it (yes) and of others (no), whose label is yes or no.

    Math:    true positives: Σw where the label is yes, prediction > threshold
             false positives: no, prediction > threshold
             false negatives: yes, prediction <= threshold;  true negatives: no, prediction <= threshold
    Shapes:  y_true, y_pred (n, …), the labels with or without a last axis of size 1;  sample_weight (n,) or as y_pred
    """

    def __init__(self, name: str | None, thresholds: Sequence[float]):
        super().__init__(unique_name(snake_case(type(self).__name__)) if name is None else name)
        self._thresholds = np.asarray(thresholds, np.float64)
        self._order = np.argsort(self._thresholds, kind="stable")
        self.reset_state()

    def reset_state(self) -> None:
        self.true_positives = np.zeros(len(self._thresholds))
        self.false_positives = np.zeros(len(self._thresholds))
        self.positives = self.negatives = 0.0  # labels yes, labels no

    @property
    def false_negatives(self) -> Array:
        return self.positives - self.true_positives

    @property
    def true_negatives(self) -> Array:
        return self.negatives - self.false_positives

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if labels.shape in (y_pred.shape[:-1], (*y_pred.shape, 1)):
            labels = labels.reshape(y_pred.shape) if labels.size == y_pred.size else labels
        if labels.shape != y_pred.shape:
            raise ValueError(
                f"{self.name}: expected labels of the predictions' shape {y_pred.shape}, received {labels.shape}. "
                "Reshape the labels; class numbers become rows by to_categorical."
            )
        weights = self._weights(sample_weight, y_pred.shape)
        y_pred, *others = self._selected(y_pred, labels.astype(bool), weights)
        yes, weights = (array.ravel() for array in others)
        # above[i]: over how many of the thresholds, in growing order, prediction i lies
        above = np.searchsorted(self._thresholds[self._order], y_pred.ravel(), side="left")
        for counts, chosen in ((self.true_positives, yes), (self.false_positives, ~yes)):
            by_place = np.bincount(above, weights * chosen, minlength=len(counts) + 1)
            counts[self._order] += by_place[::-1].cumsum()[-2::-1]
        self.positives += float(weights[yes].sum())
        self.negatives += float(weights[~yes].sum())

    def _weights(self, sample_weight: Any, shape: tuple[int, ...]) -> Array:
        weights = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        if weights.shape in ((), shape):
            return np.broadcast_to(weights, shape)
        if weights.shape not in ((shape[0],), (shape[0], 1)):
            raise ValueError(
                f"{self.name}: expected sample_weight of shape ({shape[0]},), received {weights.shape}. "
                "Pass one number for each sample."
            )
        return np.broadcast_to(weights.reshape(-1, *[1] * (len(shape) - 1)), shape)

    def _selected(self, y_pred: Array, labels: Array, weights: Array) -> tuple[Array, Array, Array]:
        """What of predictions, labels and weights counts."""
        return y_pred, labels, weights


class _OfThresholds(ConfusionMetric):
    """A number for each threshold, or one number where there is one threshold."""

    def __init__(self, name: str | None, thresholds: Any, default: float):
        given = default if thresholds is None else thresholds
        several = [float(it) for it in given] if isinstance(given, (list, tuple, np.ndarray)) else [float(given)]
        if thresholds is not None and not all(0 <= it <= 1 for it in several):
            raise ValueError(
                f"{type(self).__name__}: expected thresholds from 0 to 1, received {thresholds!r}. Try 0.5."
            )
        self.thresholds = thresholds
        super().__init__(name, several)

    @abstractmethod
    def _results(self) -> Array:
        """One number for each threshold."""

    def result(self) -> Any:
        results = self._results()
        return results if len(results) > 1 else float(results[0])


class TruePositives(_OfThresholds):
    """How many labels are yes and answered yes; yes is a prediction above the threshold, by default 0.5."""

    def __init__(self, thresholds: Any = None, name: str | None = None):
        super().__init__(name, thresholds, 0.5)

    def _results(self) -> Array:
        return self.true_positives.copy()


class FalsePositives(_OfThresholds):
    """How many labels are no and answered yes; yes is a prediction above the threshold, by default 0.5."""

    def __init__(self, thresholds: Any = None, name: str | None = None):
        super().__init__(name, thresholds, 0.5)

    def _results(self) -> Array:
        return self.false_positives.copy()


class TrueNegatives(_OfThresholds):
    """How many labels are no and answered no; yes is a prediction above the threshold, by default 0.5."""

    def __init__(self, thresholds: Any = None, name: str | None = None):
        super().__init__(name, thresholds, 0.5)

    def _results(self) -> Array:
        return self.true_negatives


class FalseNegatives(_OfThresholds):
    """How many labels are yes and answered no; yes is a prediction above the threshold, by default 0.5."""

    def __init__(self, thresholds: Any = None, name: str | None = None):
        super().__init__(name, thresholds, 0.5)

    def _results(self) -> Array:
        return self.false_negatives


class _OfClasses(_OfThresholds):
    """With ``top_k`` the answer is yes for the k largest predictions of a sample, ``class_id`` chooses one column."""

    direction = "up"

    def __init__(self, thresholds: Any, top_k: int | None, class_id: int | None, name: str | None):
        super().__init__(name, thresholds, 0.5 if top_k is None else _LEAST)
        self.top_k, self.class_id = top_k, class_id

    def _selected(self, y_pred: Array, labels: Array, weights: Array) -> tuple[Array, Array, Array]:
        if self.top_k is not None:
            rank = np.argsort(np.argsort(-y_pred, axis=-1, kind="stable"), axis=-1)
            y_pred = np.where(rank < self.top_k, y_pred, _LEAST)
        if self.class_id is None:
            return y_pred, labels, weights
        if y_pred.ndim < 2 or not 0 <= self.class_id < y_pred.shape[-1]:
            raise ValueError(
                f"{self.name}: expected predictions with a column class_id={self.class_id}, received {y_pred.shape}. "
                "Number the classes from 0."
            )
        return y_pred[..., self.class_id], labels[..., self.class_id], weights[..., self.class_id]


class Precision(_OfClasses):
    """Which share of the answers yes is right: true positives / (true positives + false positives).

    Args:
        thresholds: a prediction above it is a yes; from 0 to 1, by default 0.5; a list for several results.
        top_k: instead, the k largest predictions of a sample are.
        class_id: the column that counts; by default all.
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ):
        super().__init__(thresholds, top_k, class_id, name)

    def _results(self) -> Array:
        return _share(self.true_positives, self.true_positives + self.false_positives)


class Recall(_OfClasses):
    """Which share of the labels yes is found: true positives / (true positives + false negatives).

    Args:
        thresholds, top_k, class_id: see `Precision`.
    """

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ):
        super().__init__(thresholds, top_k, class_id, name)

    def _results(self) -> Array:
        return _share(self.true_positives, self.true_positives + self.false_negatives)


class AUC(ConfusionMetric):
    """The area under a curve that is drawn by moving the threshold from 0 to 1.

    Math:    "ROC": x = false positives/labels no, y = recall;   "PR": x = recall, y = precision
             "interpolation" takes trapezoids, "minoring" and "majoring" the lower and the higher step; for "PR"
             interpolation runs along straight lines of true against false positives, not of precision
    Source:  Davis & Goadrich 2006, "The relationship between precision-recall and ROC curves"
    Keras:   same numbers; ``multi_label`` is not supported

    Args:
        num_thresholds: how many points the curve has, evenly spread, two of them just outside of 0 and 1.
        curve: "ROC" or "PR".
        summation_method: "interpolation", "minoring" or "majoring".
        thresholds: the inner points, in place of num_thresholds.
        from_logits: whether predictions are what a sigmoid takes.
    """

    direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"AUC: expected num_thresholds >= 2, received {num_thresholds!r}. Keras's is 200.")
        inner = np.linspace(0, 1, num_thresholds)[1:-1] if thresholds is None else np.sort(thresholds)
        super().__init__(name, [-1e-7, *inner, 1 + 1e-7])
        self.num_thresholds = len(inner) + 2
        self.thresholds = None if thresholds is None else [float(it) for it in inner]
        self.curve = lookup("AUC curve", curve, {it: it for it in ("ROC", "PR")})
        self.summation_method = lookup(
            "AUC summation_method", summation_method, {it: it for it in ("interpolation", "minoring", "majoring")}
        )
        self.from_logits = from_logits

    def _selected(self, y_pred: Array, labels: Array, weights: Array) -> tuple[Array, Array, Array]:
        return sigmoid_forward(y_pred) if self.from_logits else np.clip(y_pred, 0, 1), labels, weights

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.thresholds is None:  # as in Keras's files
            del config["thresholds"]
        return config

    def result(self) -> float:
        recall = _share(self.true_positives, self.true_positives + self.false_negatives)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._interpolated_area()
        if self.curve == "ROC":
            x, y = _share(self.false_positives, self.false_positives + self.true_negatives), recall
        else:
            x, y = recall, _share(self.true_positives, self.true_positives + self.false_positives)
        height = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }
        return float(((x[:-1] - x[1:]) * height[self.summation_method]).sum())

    def _interpolated_area(self) -> float:
        """Between two thresholds the true positives are a straight line of all answers yes, p: tp = slope·p + start."""
        tp, p = self.true_positives, self.true_positives + self.false_positives
        difference = tp[:-1] - tp[1:]
        slope = _share(difference, p[:-1] - p[1:])
        start = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        ratio = np.where(both, _share(p[:-1], p[1:]), 1)
        area = slope * (difference + start * np.log(ratio))
        return float(_share(area, (self.true_positives + self.false_negatives)[1:]).sum())


def _share(part: Array, whole: Array) -> Array:
    """part/whole, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)

"""Shares of right answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinycnn.metrics.metric import Array, MeanMetricWrapper


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


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose label is among the k most probable classes; labels are one-hot rows.

    See `top_k_categorical_accuracy`.
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy"):
        self.k = k
        super().__init__(partial(top_k_categorical_accuracy, k=k), name)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose label is among the k most probable classes; labels are class numbers.

    See `sparse_top_k_categorical_accuracy`.
    """

    direction = "up"

    def __init__(self, k: int = 5, name: str = "sparse_top_k_categorical_accuracy"):
        self.k = k
        super().__init__(partial(sparse_top_k_categorical_accuracy, k=k), name)


class Accuracy(MeanMetricWrapper):
    """The share of predictions that are equal to their labels: class numbers, not probabilities."""

    direction = "up"

    def __init__(self, name: str = "accuracy"):
        super().__init__(_equal, name)


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


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 where fewer than k of a sample's predictions are larger than the one at the largest label, else 0.

    Shapes:  y_true, y_pred (n, classes) -> (n,)
    """
    labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if labels.shape != y_pred.shape:
        raise ValueError(
            f"top_k_categorical_accuracy: expected labels of the predictions' shape {y_pred.shape}, received "
            f"{labels.shape}. For class numbers use sparse_top_k_categorical_accuracy."
        )
    return sparse_top_k_categorical_accuracy(labels.argmax(axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """1 where fewer than k of a sample's predictions are larger than the one at the labelled class, else 0.

    Shapes:  y_true (n,) or (n, 1);  y_pred (n, classes) -> as y_true
    """
    labels, y_pred = np.asarray(y_true).astype(np.int64), np.asarray(y_pred)
    if labels.shape not in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)):
        raise ValueError(
            "sparse_top_k_categorical_accuracy: expected one class number for each of the predictions "
            f"{y_pred.shape}, received labels of shape {labels.shape}. For one-hot rows use top_k_categorical_accuracy."
        )
    own = np.take_along_axis(y_pred, labels.reshape(*y_pred.shape[:-1], 1), axis=-1)
    return ((y_pred > own).sum(axis=-1) < k).reshape(labels.shape)


def _equal(y_true: Any, y_pred: Any) -> Array:
    labels, y_pred = np.asarray(y_true), np.asarray(y_pred)
    return labels.reshape(y_pred.shape) == y_pred

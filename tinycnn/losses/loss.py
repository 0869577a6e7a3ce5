"""What all losses share: how the losses of single places become one number, and the checks of labels and weights."""

from __future__ import annotations

import copy
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.kernels.activations import ACTIVATIONS
from tinycnn.serialization import Configurable
from tinycnn.tensors import Tensor, as_tensor

Array = np.ndarray
LossT = TypeVar("LossT", bound="Loss")

# Probabilities are kept this far from 0 and 1 before a logarithm is taken (Keras's backend.epsilon()).
EPSILON = 1e-7

#: How the losses of the places become one number, by Keras's names; None is "none".
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none")


class Loss(Configurable, ABC):
    """A loss is called with labels and predictions: ``loss(y_true, y_pred)``, a number with ``numpy()``.

    The last axis of the predictions, or the one that ``axis`` names, holds the outputs that one loss is made of:
    predictions (n, classes) have n places with a loss each, predictions (n, h, w, classes) have n·h·w.

    Math:    L = Σᵢ wᵢ·lᵢ / N    ∂L/∂y_pred = wᵢ/N · ∂lᵢ/∂y_pred
             lᵢ the loss of place i, wᵢ its weight (1 without ``sample_weight``), N as ``reduction`` says:
             "sum_over_batch_size" and "mean" the number of places, "mean_with_sample_weight" Σwᵢ, "sum" 1
             None or "none": the call returns the array of all wᵢ·lᵢ; training moves against the gradient of their sum,
             and shows their mean
    Shapes:  y_pred (n, …, outputs);  y_true as the loss says;  per_sample (n, …);  sample_weight (n,), (n, 1) or as
             per_sample;  gradient and backward as y_pred, and of its dtype
    Keras:   same reductions. Predictions keep their dtype (Keras makes them float32), and the mean is taken in float64.

    A loss of your own is a subclass that defines ``per_sample`` and ``gradient``.
    """

    computing = ("forward", "backward", "per_sample", "gradient", "with_activation")
    #: The activation whose inputs ``with_logits`` wants instead of its outputs; None where there is none.
    logits_activation: ClassVar[str | None] = None
    axis = -1

    def __init__(self, name: str, reduction: str | None = "sum_over_batch_size"):
        if reduction is not None and reduction not in REDUCTIONS:
            raise ValueError(
                f"{name}: expected reduction to be one of {', '.join(REDUCTIONS)}, received {reduction!r}. "
                "Leave the argument out for the mean over all samples."
            )
        self.name = name
        self.reduction = reduction
        self.from_logits = False

    @abstractmethod
    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        """The loss of each sample, or of each place: the shape of y_pred without the axis of the outputs."""

    @abstractmethod
    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """The derivative of each place's loss with respect to its predictions: shape and dtype of y_pred."""

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Raise a clear error if the labels do not suit predictions of this shape, e.g. ``(None, 10)``.

        Here: whether they are finite and have the predictions' shape; a last axis of size 1 may be missing.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: another shape; NaN or infinity.
        """
        labels = self._check_finite_numbers(y_true)
        self._check_axis(y_pred_shape)
        self._check_same_shape(labels, y_pred_shape)
        self._check_same_length(labels, y_pred_shape)

    def check_weights(self, who: str, sample_weight: Any, y_pred_shape: Sequence[int]) -> None:
        """Raise a clear error, in the name of ``who``, if the weights do not suit predictions of this shape."""
        self._weights(sample_weight, self._places(tuple(y_pred_shape)), who)

    def forward(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
        """The loss of a batch as one number; the mean, where the reduction is none."""
        return self._reduced(self.per_sample(y_true, y_pred), y_true, sample_weight)

    def backward(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> Array:
        """The derivative of ``forward`` (of the sum, where the reduction is none) with respect to ``y_pred``."""
        return self._gradient_of_reduced(self.gradient(y_true, y_pred), y_true, sample_weight)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """``forward``, after ``validate``; the losses of all places, where the reduction is none.

        Raises:
            ValueError: labels that do not suit the predictions (see `validate`), or not one weight a sample or place.
        """
        self.validate(y_true, np.shape(y_pred))
        if self.reduction in (None, "none"):
            losses = self.per_sample(y_true, y_pred)
            weights, _ = self._weights_and_divisor(losses.shape, y_true, sample_weight)
            return as_tensor(losses if weights is None else losses * weights.astype(losses.dtype))
        return as_tensor(self.forward(y_true, y_pred, sample_weight))

    @property
    def is_mean_over_samples(self) -> bool:
        """Whether a batch's loss is the mean of its halves', weighted by their sizes."""
        return self.reduction in ("sum_over_batch_size", "mean")

    def with_logits(self: LossT) -> LossT:
        """The same loss for predictions that have not passed through ``logits_activation`` yet.

        Softmax and cross-entropy are better computed together: no logarithm of a rounded probability, no
        clipping, and the gradient is simply p − y.

        Raises:
            RuntimeError: the loss knows no logits (``logits_activation`` is None).
        """
        if self.logits_activation is None:
            raise RuntimeError(
                f"{self.name}: expected a cross-entropy, received a loss without logits. Use it as it is."
            )
        loss = copy.copy(self)
        loss.from_logits = True
        return loss

    def with_activation(
        self, y_true: Array, z: Array, sample_weight: Array | None = None, kernels: Any = REFERENCE
    ) -> tuple[Array, float, Array]:
        """``logits_activation`` of the logits z, the loss, and the loss's derivative with respect to z."""
        loss = self.with_logits()
        y_pred = ACTIVATIONS[str(self.logits_activation)].forward(z)
        return y_pred, loss.forward(y_true, z, sample_weight), loss.backward(y_true, z, sample_weight)

    def __repr__(self) -> str:
        settings = ", ".join(
            f"{name}={value!r}" for name, value in vars(self).items() if name not in ("name", "reduction")
        )
        return f"{type(self).__name__}({settings})"

    # For use inside the losses

    def _reduced(self, losses: Array, y_true: Array, sample_weight: Array | None) -> float:
        weights, divisor = self._weights_and_divisor(losses.shape, y_true, sample_weight)
        if self.reduction in (None, "none"):
            divisor = losses.size
        total = np.sum(losses if weights is None else losses * weights, dtype=np.float64)
        return float(total / divisor) if divisor else 0.0

    def _gradient_of_reduced(self, gradient: Array, y_true: Array, sample_weight: Array | None) -> Array:
        weights, divisor = self._weights_and_divisor(self._places(gradient.shape), y_true, sample_weight)
        if weights is None:
            return gradient / divisor if divisor != 1 else gradient
        factors = (weights / (divisor or 1)).astype(gradient.dtype)
        return gradient * (np.expand_dims(factors, self.axis) if gradient.ndim > 1 else factors)

    def _places(self, y_pred_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the losses of predictions of this shape."""
        axis = self.axis % len(y_pred_shape)
        return y_pred_shape[:axis] + y_pred_shape[axis + 1 :] if len(y_pred_shape) > 1 else y_pred_shape

    def _weights_and_divisor(
        self, places: tuple[int, ...], y_true: Array, sample_weight: Any
    ) -> tuple[Array | None, float]:
        """The weights of all places, None where all are 1, and what the sum of the losses is divided by."""
        counts = self._counts(y_true, places)
        weights = None if sample_weight is None else self._weights(sample_weight, places)
        if counts is not None:
            weights = counts.astype(np.float64) if weights is None else weights * counts
        if self.reduction in ("sum_over_batch_size", "mean"):
            return weights, math.prod(places) if counts is None else float(counts.sum())
        if self.reduction == "mean_with_sample_weight":
            return weights, math.prod(places) if weights is None else float(weights.sum())
        return weights, 1

    def _counts(self, y_true: Array, places: tuple[int, ...]) -> Array | None:
        """Which places count, as True and False; None where all do."""
        return None

    def _weights(self, sample_weight: Any, places: tuple[int, ...], who: str | None = None) -> Array:
        """The weight of each place: that of its sample, or its own."""
        weights, n = np.asarray(sample_weight, np.float64), places[0]
        if weights.shape in ((n,), (n, 1)):
            return np.broadcast_to(weights.reshape(n, *[1] * (len(places) - 1)), places)
        if weights.shape in (places, (*places, 1)):
            return weights.reshape(places)
        each = "each sample" if len(places) == 1 else f"each sample, or of shape {places} for each place"
        raise ValueError(
            f"{who or self.name}: expected sample_weight of shape ({n},), received {weights.shape}. "
            f"Pass one number for {each}."
        )

    def _check_finite_numbers(self, y_true: Any) -> Array:
        labels = np.asarray(y_true)
        if labels.dtype.kind not in "fiub":
            raise TypeError(
                f"{self.name}: expected numbers as labels, received dtype {labels.dtype}. "
                "Number the classes from 0 first."
            )
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError(
                f"{self.name}: expected finite labels, received NaN or infinity. Remove these samples or mend them."
            )
        return labels

    def _check_axis(self, y_pred_shape: Sequence[int | None]) -> None:
        n = len(y_pred_shape)
        if self.axis != -1 and not -n < self.axis < n:
            raise ValueError(
                f"{self.name}: expected an axis of predictions of shape {tuple(y_pred_shape)}, other than the batch "
                f"axis, received axis={self.axis}. Use -1 for the last one."
            )

    def _check_same_length(self, labels: Array, y_pred_shape: Sequence[int | None]) -> None:
        n = y_pred_shape[0]
        if n is not None and labels.shape[:1] != (n,):
            raise ValueError(
                f"{self.name}: expected labels for {n} predictions, received labels of shape {labels.shape}. "
                "Pass as many labels as predictions."
            )

    def _classes(self, y_pred_shape: Sequence[int | None], fitting: bool) -> int:
        """The size of the classes' axis; predictions of more axes than two need labels that fit them."""
        classes = y_pred_shape[self.axis] if len(y_pred_shape) == 2 or (len(y_pred_shape) > 2 and fitting) else None
        if classes is None:
            raise ValueError(
                f"{self.name}: expected predictions of shape (batch, classes), received "
                f"{tuple(y_pred_shape)}. Let the model end in Flatten() and Dense(classes), or pass a label for each "
                "place."
            )
        return classes

    def _check_same_shape(self, labels: Array, y_pred_shape: Sequence[int | None]) -> None:
        """Labels of the predictions' shape; a last axis of size one may be missing."""
        sizes = tuple(y_pred_shape[1:])
        if labels.shape[1:] != sizes and not (sizes[-1:] == (1,) and labels.shape[1:] == sizes[:-1]):
            shape = "(" + ", ".join(["batch", *map(str, sizes)]) + ")"
            raise ValueError(
                f"{self.name}: expected labels of the predictions' shape {shape}, received {labels.shape}. "
                "Reshape the labels, or change the number of units of the last layer."
            )


def as_float(y_pred: Any) -> Array:
    y_pred = np.asarray(y_pred)
    return y_pred if y_pred.dtype.kind == "f" else y_pred.astype(np.float32)


def like(y_true: Any, y_pred: Array) -> Array:
    """The labels in the predictions' shape and dtype: (n,) becomes (n, 1) where y_pred is."""
    return np.asarray(y_true, y_pred.dtype).reshape(y_pred.shape)


def outputs(y_pred: Array, axis: int = -1) -> int:
    """How many outputs make one loss; predictions (n,) count as (n, 1)."""
    return y_pred.shape[axis] if y_pred.ndim > 1 else 1


def mean_of_outputs(losses: Array, axis: int = -1) -> Array:
    return losses.mean(axis=axis) if losses.ndim > 1 else losses


def sum_of_outputs(values: Array) -> Array:
    return values.sum(axis=-1) if values.ndim > 1 else values


def check_number(name: str, argument: str, value: Any, least: float, most: float) -> float:
    """A number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected {argument} to be a number, received {value!r}. Pass for example 0.1.")
    if not least <= float(value) <= most:
        limits = f"{least:g} <= {argument} <= {most:g}" if most < math.inf else f"{argument} >= {least:g}"
        raise ValueError(f"{name}: expected {limits}, received {value}. Pass for example 0.1.")
    return float(value)


def check_axis(name: str, axis: Any) -> int:
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis == 0:
        raise ValueError(
            f"{name}: expected axis to be a whole number other than 0, the batch axis, received {axis!r}. Use -1 for "
            "the last one."
        )
    return int(axis)

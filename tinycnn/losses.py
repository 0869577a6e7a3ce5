"""Losses: how wrong a prediction is, as one number a sample, and its derivative.

Each loss defines two functions of whole batches: ``per_sample`` and ``gradient``. The base class makes of
them the mean that training minimises.
"""

from __future__ import annotations

import copy
import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.kernels.activations import ACTIVATIONS, sigmoid_forward, softmax_forward
from tinycnn.kernels.softmax_crossentropy import softmax_crossentropy
from tinycnn.serialization import Configurable, deserialize
from tinycnn.utils import lookup

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

Array = np.ndarray
LossT = TypeVar("LossT", bound="Loss")

# Probabilities are kept this far from 0 and 1 before a logarithm is taken (Keras's backend.epsilon()).
EPSILON = 1e-7


class Loss(Configurable, ABC):
    """A loss is called with labels and predictions: ``loss(y_true, y_pred) -> float``.

    Math:    L = Σᵢ wᵢ·lᵢ / n    ∂L/∂y_pred = wᵢ/n · ∂lᵢ/∂y_pred
             lᵢ the loss of sample i, wᵢ its weight (1 without ``sample_weight``), n the number of samples
    Shapes:  y_pred (n, …);  y_true as the loss says;  sample_weight (n,);  per_sample (n,);
             gradient and backward as y_pred, and of its dtype
    Keras:   the reduction "sum_over_batch_size": the sum is divided by n, not by Σwᵢ. Predictions keep their
             dtype (Keras makes them float32), and the mean is taken in float64.
    """

    computing = ("forward", "backward", "per_sample", "gradient", "with_activation")
    #: The activation whose inputs ``with_logits`` wants instead of its outputs; None where there is none.
    logits_activation: ClassVar[str | None] = None

    def __init__(self, name: str, reduction: str = "sum_over_batch_size"):
        if reduction not in ("sum_over_batch_size", "mean"):
            raise ValueError(
                f"{name}: expected reduction='sum_over_batch_size', received {reduction!r}. "
                "Leave the argument out, or call per_sample(y_true, y_pred) and reduce its result yourself."
            )
        self.name = name
        self.reduction = reduction
        self.from_logits = False

    @abstractmethod
    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        """The loss of each sample, (n,)."""

    @abstractmethod
    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        """The derivative of each sample's loss with respect to its predictions: shape and dtype of y_pred."""

    @abstractmethod
    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Raise a clear error if the labels do not suit predictions of this shape, e.g. ``(None, 10)``."""

    def forward(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
        """The mean loss of a batch."""
        return self._mean(self.per_sample(y_true, y_pred), sample_weight)

    def backward(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> Array:
        """The derivative of ``forward`` with respect to ``y_pred``."""
        return self._gradient_of_mean(self.gradient(y_true, y_pred), sample_weight)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """``forward``, after ``validate``.

        Raises:
            ValueError: labels that do not suit the predictions (see `validate`), or not one weight a sample.
        """
        self.validate(y_true, np.shape(y_pred))
        return self.forward(y_true, y_pred, sample_weight)

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

    def _mean(self, losses: Array, sample_weight: Array | None) -> float:
        if sample_weight is not None:
            losses = losses * self._weights(sample_weight, len(losses))
        return float(np.sum(losses, dtype=np.float64) / len(losses))

    def _gradient_of_mean(self, gradient: Array, sample_weight: Array | None) -> Array:
        n = len(gradient)
        if sample_weight is None:
            return gradient / n
        weights = (self._weights(sample_weight, n) / n).astype(gradient.dtype)
        return gradient * weights.reshape(n, *[1] * (gradient.ndim - 1))

    def _weights(self, sample_weight: Any, n: int) -> Array:
        weights = np.asarray(sample_weight, np.float64)
        if weights.shape not in ((n,), (n, 1)):
            raise ValueError(
                f"{self.name}: expected sample_weight of shape ({n},), received {weights.shape}. "
                "Pass one number for each sample."
            )
        return weights.reshape(n)

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

    def _check_same_length(self, labels: Array, y_pred_shape: Sequence[int | None]) -> None:
        n = y_pred_shape[0]
        if n is not None and labels.shape[:1] != (n,):
            raise ValueError(
                f"{self.name}: expected labels for {n} predictions, received labels of shape {labels.shape}. "
                "Pass as many labels as predictions."
            )

    def _classes(self, y_pred_shape: Sequence[int | None]) -> int:
        classes = y_pred_shape[-1] if len(y_pred_shape) == 2 else None
        if classes is None:
            raise ValueError(
                f"{self.name}: expected predictions of shape (batch, classes), received "
                f"{tuple(y_pred_shape)}. Let the model end in Flatten() and Dense(classes)."
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


class SparseCategoricalCrossentropy(Loss):
    """Minus the logarithm of the probability that was given to the true class; labels are class numbers.

    Math:    from logits z:         l = log Σⱼ exp(zⱼ) − z_k        ∂l/∂z = softmax(z) − onehot(k)
             from probabilities p:  q = clip(p, 1e-7, 1 − 1e-7)     l = log Σⱼ qⱼ − log q_k
                                    ∂l/∂p = 1/Σq − onehot(k)/q_k, and 0 where p was clipped
    Shapes:  y_true (n,) or (n, 1), whole numbers of any type;  y_pred (n, classes)
    Numbers: float32 logits up to 1e4 give l to 5e-7·max(l, 1), and its gradient to 5e-7 (against float64)
    Keras:   same numbers, the clipping before the division by the sum included

    Args:
        from_logits: whether predictions are logits, i.e. what a softmax takes, instead of probabilities.
    """

    logits_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        if self.from_logits:
            return softmax_crossentropy(y_pred, _labels(y_true))[1]
        rows, labels = _rows_and_labels(y_true)
        q = _clip(y_pred)
        return np.log(q.sum(axis=1)) - np.log(q[rows, labels])

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        if self.from_logits:
            return softmax_crossentropy(y_pred, _labels(y_true))[2]
        rows, labels = _rows_and_labels(y_true)
        q = _clip(y_pred)
        gradient = np.repeat(1 / q.sum(axis=1, keepdims=True), q.shape[1], axis=1)
        gradient[rows, labels] -= 1 / q[rows, labels]
        return _zero_where_clipped(gradient, y_pred)

    def with_activation(
        self, y_true: Array, z: Array, sample_weight: Array | None = None, kernels: Any = REFERENCE
    ) -> tuple[Array, float, Array]:
        if type(self) is not SparseCategoricalCrossentropy:  # a subclass may compute something else
            return super().with_activation(y_true, z, sample_weight, kernels)
        p, losses, gradient = kernels.softmax_crossentropy(z, _labels(y_true))
        return p, self._mean(losses, sample_weight), self._gradient_of_mean(gradient, sample_weight)

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that the labels are whole numbers from 0 to classes − 1, one for each prediction.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: predictions that are not (n, classes); one-hot labels; labels of another shape, with
                fractions, out of range, NaN or infinite.
        """
        labels = self._check_finite_numbers(y_true)
        classes = self._classes(y_pred_shape)
        if labels.ndim == 2 and labels.shape[1] == classes > 1:
            raise ValueError(
                f"{self.name}: expected class numbers of shape (n,), received one-hot labels of shape "
                f"{labels.shape}. Use loss='categorical_crossentropy', or pass y.argmax(axis=-1)."
            )
        if labels.ndim != 1 and labels.shape[1:] != (1,):
            raise ValueError(
                f"{self.name}: expected class numbers of shape (n,) or (n, 1), received {labels.shape}. "
                "Pass one label for each sample."
            )
        self._check_same_length(labels, y_pred_shape)
        if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
            raise ValueError(
                f"{self.name}: expected whole numbers as labels, received {labels.dtype} with fractions. "
                "Pass class numbers, or use loss='mean_squared_error' to predict quantities."
            )
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(
                f"{self.name}: expected labels from 0 to {classes - 1}, received labels from "
                f"{labels.min()} to {labels.max()}. Number the classes from 0, and give the last "
                "layer one unit for each class (one unit for two classes: loss='binary_crossentropy')."
            )


class CategoricalCrossentropy(Loss):
    """Cross-entropy between two distributions over the classes; labels are one-hot rows, or probabilities.

    Math:    l = −Σⱼ tⱼ·log qⱼ
             from logits z:         q = softmax(z)                         ∂l/∂z = q − t
             from probabilities p:  r = p/Σp    q = clip(r, 1e-7, 1 − 1e-7)
                                    g = −t/q, and 0 where r was clipped    ∂l/∂p = (g − Σⱼ gⱼ·rⱼ)/Σp
             label smoothing s:     t = y·(1 − s) + s/classes
    Shapes:  y_true, y_pred (n, classes);  each row of y_true sums to 1
    Numbers: float32 logits up to 1e4 give l to 5e-7·max(l, 1), and its gradient to 5e-7 (against float64)
    Source:  smoothing: Szegedy et al. 2016, section 7, arXiv:1512.00567
    Keras:   same numbers, the division by the sum before the clipping included. Keras also accepts rows that
             do not sum to 1, for which its gradient q − t is not the derivative; ``validate`` rejects them.

    Args:
        from_logits: whether predictions are logits, i.e. what a softmax takes, instead of probabilities.
        label_smoothing: s, from 0 to 1.
    """

    logits_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = _check_label_smoothing(name, label_smoothing)

    def _targets(self, y_true: Array, dtype: Any) -> Array:
        labels = np.asarray(y_true, dtype)
        return labels * (1 - self.label_smoothing) + self.label_smoothing / labels.shape[1]

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        targets = self._targets(y_true, y_pred.dtype)
        if self.from_logits:
            return -(targets * _log_softmax(y_pred)).sum(axis=1)
        q = _clip(y_pred / y_pred.sum(axis=1, keepdims=True))
        return -(targets * np.log(q)).sum(axis=1)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        targets = self._targets(y_true, y_pred.dtype)
        if self.from_logits:
            return softmax_forward(y_pred) - targets
        total = y_pred.sum(axis=1, keepdims=True)
        r = y_pred / total
        g = _zero_where_clipped(-targets / _clip(r), r)
        return (g - (g * r).sum(axis=1, keepdims=True)) / total

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that each label is a row of probabilities, one for each class.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: predictions that are not (n, classes); labels that are class numbers; another number
                of columns; rows that are negative somewhere or do not sum to 1; NaN or infinity.
        """
        labels = self._check_finite_numbers(y_true)
        classes = self._classes(y_pred_shape)
        if labels.ndim == 1 or (labels.shape[1:] == (1,) and classes > 1):
            raise ValueError(
                f"{self.name}: expected one-hot labels of shape (n, {classes}), received class numbers of "
                f"shape {labels.shape}. Use loss='sparse_categorical_crossentropy', or pass "
                f"to_categorical(y, {classes})."
            )
        if labels.shape[1:] != (classes,):
            raise ValueError(
                f"{self.name}: expected one-hot labels of shape (n, {classes}), received {labels.shape}. "
                f"Pass to_categorical(y, {classes}), or give the last layer one unit for each column."
            )
        self._check_same_length(labels, y_pred_shape)
        sums = labels.sum(axis=1, dtype=np.float64)
        if labels.size and (labels.min() < 0 or np.abs(sums - 1).max() > 1e-3):
            raise ValueError(
                f"{self.name}: expected each row of labels to be probabilities that sum to 1, received rows "
                f"that sum to {sums.min():g} … {sums.max():g} and a smallest value of {labels.min():g}. "
                "Make them with to_categorical, or, where a sample has several labels, use "
                "loss='binary_crossentropy'."
            )


class BinaryCrossentropy(Loss):
    """Cross-entropy of independent yes/no questions, averaged over the outputs of a sample.

    Math:    l = mean over outputs of −t·log q − (1 − t)·log(1 − q)
             from logits z:         q = 1/(1 + exp(−z))             ∂l/∂z = (q − t)/outputs
                                    computed as z·(1 − t), or −z·t where z < 0, + log(1 + exp(−|z|)): nothing
                                    overflows, no large numbers cancel
             from probabilities p:  q = clip(p, 1e-7, 1 − 1e-7)     ∂l/∂p = ((1 − t)/(1 − q) − t/q)/outputs,
                                    and 0 where p was clipped
             label smoothing s:     t = y·(1 − s) + s/2
    Shapes:  y_pred (n, …);  y_true the same, or without a last axis of size 1;  0 <= y_true <= 1
    Numbers: float32 logits up to 1e4 give l to a relative error of 5e-7, and its gradient to 5e-7 (against float64
             with the same t). Probabilities near 1 have lost what tells them from 1: the largest loss is 15.94 in
             float32 (1 − 1e-7 rounds to 1 − 1.19e-7), 16.12 in float64
    Keras:   same numbers; its loss from logits is max(z, 0) − z·t + log(1 + exp(−|z|))

    Args:
        from_logits: whether predictions are logits, i.e. what a sigmoid takes, instead of probabilities.
        label_smoothing: s, from 0 to 1.
    """

    logits_activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = _check_label_smoothing(name, label_smoothing)

    def _targets(self, y_true: Array, y_pred: Array) -> Array:
        return _like(y_true, y_pred) * (1 - self.label_smoothing) + 0.5 * self.label_smoothing

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        targets = self._targets(y_true, y_pred)
        if self.from_logits:
            linear = np.where(y_pred >= 0, y_pred * (1 - targets), -y_pred * targets)
            losses = linear + np.log1p(np.exp(-np.abs(y_pred)))
        else:
            q = _clip(y_pred)
            losses = -(targets * np.log(q) + (1 - targets) * np.log(1 - q))
        return _mean_of_outputs(losses)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        targets = self._targets(y_true, y_pred)
        outputs = math.prod(y_pred.shape[1:])
        if self.from_logits:
            return (sigmoid_forward(y_pred) - targets) / outputs
        q = _clip(y_pred)
        return _zero_where_clipped((1 - targets) / (1 - q) - targets / q, y_pred) / outputs

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that the labels lie between 0 and 1 and have the predictions' shape.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: another shape; labels outside 0 … 1; NaN or infinity.
        """
        labels = self._check_finite_numbers(y_true)
        self._check_same_shape(labels, y_pred_shape)
        self._check_same_length(labels, y_pred_shape)
        if labels.size and (labels.min() < 0 or labels.max() > 1):
            raise ValueError(
                f"{self.name}: expected labels from 0 to 1, received labels from "
                f"{labels.min()} to {labels.max()}. Use 0 for no and 1 for yes, or a categorical loss for "
                "more than two classes."
            )


class MeanSquaredError(Loss):
    """The mean of squared differences over the outputs of a sample.

    Math:    l = mean over outputs of (p − y)²    ∂l/∂p = 2·(p − y)/outputs
    Shapes:  y_pred (n, …);  y_true the same, or without a last axis of size 1
    Keras:   same numbers. Keras stretches labels of shape (n, 1) over all outputs; ``validate`` rejects them.
    """

    def __init__(self, *, reduction: str = "sum_over_batch_size", name: str = "mean_squared_error"):
        super().__init__(name, reduction)

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        return _mean_of_outputs(np.square(y_pred - _like(y_true, y_pred)))

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = _as_float(y_pred)
        return 2 * (y_pred - _like(y_true, y_pred)) / math.prod(y_pred.shape[1:])

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that the labels are finite and have the predictions' shape.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: another shape; NaN or infinity.
        """
        labels = self._check_finite_numbers(y_true)
        self._check_same_shape(labels, y_pred_shape)
        self._check_same_length(labels, y_pred_shape)


_TABLE: dict[str, type[SparseCategoricalCrossentropy | CategoricalCrossentropy | BinaryCrossentropy | MeanSquaredError]]
_TABLE = {
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "CategoricalCrossentropy": CategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "BinaryCrossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "MeanSquaredError": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
}


#: What `get` takes, and so every argument that names a loss.
Identifier = str | Loss | type[Loss] | Mapping[str, Any]


def get(identifier: Identifier) -> Loss:
    """A loss from a name ("sparse_categorical_crossentropy", "mse", …), a class, an object or a dict of `serialize`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else; a plain function, for one, has no gradient.
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str):
        return lookup("loss", identifier, _TABLE)()
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()  # type: ignore[call-arg]
    if isinstance(identifier, Mapping):
        return deserialize("loss", identifier, _TABLE)
    raise TypeError(
        f"loss: expected a name or a Loss, received {identifier!r}. "
        "Pass for example 'sparse_categorical_crossentropy', or a subclass of Loss with its gradient."
    )


def _as_float(y_pred: Any) -> Array:
    y_pred = np.asarray(y_pred)
    return y_pred if y_pred.dtype.kind == "f" else y_pred.astype(np.float32)


def _rows_and_labels(y_true: Any) -> tuple[Array, Array]:
    """Row and column numbers that pick out the true class of each sample."""
    labels = _labels(y_true)
    return np.arange(len(labels)), labels


def _labels(y_true: Any) -> Array:
    return np.asarray(y_true).reshape(-1).astype(np.int64, copy=False)  # (n, 1) -> (n,)


def _like(y_true: Any, y_pred: Array) -> Array:
    """The labels in the predictions' shape and dtype: (n,) becomes (n, 1) where y_pred is."""
    return np.asarray(y_true, y_pred.dtype).reshape(y_pred.shape)


def _limits(p: Array) -> tuple[Any, Any]:
    return p.dtype.type(EPSILON), p.dtype.type(1 - EPSILON)


def _clip(p: Array) -> Array:
    return np.clip(p, *_limits(p))


def _zero_where_clipped(gradient: Array, p: Array) -> Array:
    """Clipping is flat outside its limits: there the derivative is zero; at the limits it still counts."""
    low, high = _limits(p)
    return np.where((p < low) | (p > high), p.dtype.type(0), gradient)


def _log_softmax(z: Array) -> Array:
    """log(exp(zₖ)/Σⱼ exp(zⱼ)) over the last axis; the largest z is taken off first, so nothing overflows."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _mean_of_outputs(losses: Array) -> Array:
    return losses.reshape(len(losses), -1).mean(axis=1)


def _check_label_smoothing(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected label_smoothing to be a number, received {value!r}. Pass for example 0.1.")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{name}: expected 0 <= label_smoothing <= 1, received {value}. Pass for example 0.1.")
    return float(value)

"""Cross-entropies: what a prediction costs that gives the truth little probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.kernels.activations import sigmoid_forward, softmax_backward, softmax_forward
from tinycnn.kernels.softmax_crossentropy import softmax_crossentropy
from tinycnn.losses.loss import EPSILON, Array, Loss, as_float, check_axis, check_number, like, mean_of_outputs
from tinycnn.losses.loss import outputs as number_of_outputs


class SparseCategoricalCrossentropy(Loss):
    """Minus the logarithm of the probability that was given to the true class; labels are class numbers.

    Math:    from logits z:         l = log Σⱼ exp(zⱼ) − z_k        ∂l/∂z = softmax(z) − onehot(k)
             from probabilities p:  q = clip(p, 1e-7, 1 − 1e-7)     l = log Σⱼ qⱼ − log q_k
                                    ∂l/∂p = 1/Σq − onehot(k)/q_k, and 0 where p was clipped
    Shapes:  y_true (n,) or (n, 1), whole numbers of any type;  y_pred (n, classes)
             for a class at each place: y_true (n, h, w) or (n, h, w, 1);  y_pred (n, h, w, classes)
    Numbers: float32 logits up to 1e4 give l to 5e-7·max(l, 1), and its gradient to 5e-7 (against float64)
    Keras:   same numbers, the clipping before the division by the sum included

    Args:
        from_logits: whether predictions are logits, i.e. what a softmax takes, instead of probabilities.
        ignore_class: a label, such as 255, whose places count neither in the loss nor in the mean; None for none.
        axis: -1, where the classes lie.
    """

    logits_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        *,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.ignore_class = ignore_class
        if axis != -1:
            raise ValueError(f"{name}: expected axis=-1, received {axis!r}. Move that axis to the end: np.moveaxis.")

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        places, labels = y_pred.shape[:-1], self._labels(y_true)
        rows = y_pred.reshape(-1, y_pred.shape[-1])
        if self.from_logits:
            losses = softmax_crossentropy(rows, labels)[1]
        else:
            q = _clip(rows)
            losses = np.log(q.sum(axis=1)) - np.log(q[np.arange(len(q)), labels])
        counts = self._counts(y_true, places)
        losses = losses.reshape(places)
        return losses if counts is None else losses * counts

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        labels, rows = self._labels(y_true), y_pred.reshape(-1, y_pred.shape[-1])
        if self.from_logits:
            return softmax_crossentropy(rows, labels)[2].reshape(y_pred.shape)
        q, numbers = _clip(rows), np.arange(len(rows))
        gradient = np.repeat(1 / q.sum(axis=1, keepdims=True), q.shape[1], axis=1)
        gradient[numbers, labels] -= 1 / q[numbers, labels]
        return _zero_where_clipped(gradient, rows).reshape(y_pred.shape)

    @property
    def is_mean_over_samples(self) -> bool:
        return super().is_mean_over_samples and self.ignore_class is None

    def _labels(self, y_true: Any) -> Array:
        """One class number a place, in one row; 0 where it is ignored."""
        labels = np.asarray(y_true).reshape(-1).astype(np.int64, copy=False)
        return labels if self.ignore_class is None else np.where(labels == self.ignore_class, 0, labels)

    def _counts(self, y_true: Array, places: tuple[int, ...]) -> Array | None:
        return None if self.ignore_class is None else (np.asarray(y_true) != self.ignore_class).reshape(places)

    def with_activation(
        self, y_true: Array, z: Array, sample_weight: Array | None = None, kernels: Any = REFERENCE
    ) -> tuple[Array, float, Array]:
        if type(self) is not SparseCategoricalCrossentropy:  # a subclass may compute something else
            return super().with_activation(y_true, z, sample_weight, kernels)
        p, losses, gradient = kernels.softmax_crossentropy(z.reshape(-1, z.shape[-1]), self._labels(y_true))
        loss = self._reduced(losses.reshape(z.shape[:-1]), y_true, sample_weight)
        return p.reshape(z.shape), loss, self._gradient_of_reduced(gradient.reshape(z.shape), y_true, sample_weight)

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that the labels are whole numbers from 0 to classes − 1, one for each prediction.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: predictions that are not (n, classes); one-hot labels; labels of another shape, with
                fractions, out of range, NaN or infinite.
        """
        labels = self._check_finite_numbers(y_true)
        places = tuple(y_pred_shape[1:-1])
        fitting = labels.shape[1:] in (places, (*places, 1))
        classes = self._classes(y_pred_shape, fitting)
        if labels.ndim == 2 and not fitting and labels.shape[1] == classes > 1:
            raise ValueError(
                f"{self.name}: expected class numbers of shape (n,), received one-hot labels of shape "
                f"{labels.shape}. Use loss='categorical_crossentropy', or pass y.argmax(axis=-1)."
            )
        if labels.ndim == 0 or not fitting:
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
        if self.ignore_class is not None:
            labels = labels[labels != self.ignore_class]
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
    Shapes:  y_true, y_pred (n, classes), or (n, h, w, classes);  each row of y_true sums to 1
    Numbers: float32 logits up to 1e4 give l to 5e-7·max(l, 1), and its gradient to 5e-7 (against float64)
    Source:  smoothing: Szegedy et al. 2016, section 7, arXiv:1512.00567
    Keras:   same numbers, the division by the sum before the clipping included. Keras also accepts rows that
             do not sum to 1, for which its gradient q − t is not the derivative; ``validate`` rejects them.

    Args:
        from_logits: whether predictions are logits, i.e. what a softmax takes, instead of probabilities.
        label_smoothing: s, from 0 to 1.
        axis: where the classes lie, by default the last axis.
    """

    logits_activation = "softmax"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(name, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(name, axis)

    def _targets(self, y_true: Array, dtype: Any) -> Array:
        labels = np.asarray(y_true, dtype)
        return labels * (1 - self.label_smoothing) + self.label_smoothing / labels.shape[self.axis]

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        targets = self._targets(y_true, y_pred.dtype)
        if self.from_logits:
            return -(targets * _log_softmax(y_pred, self.axis)).sum(self.axis)
        q = _clip(y_pred / y_pred.sum(self.axis, keepdims=True))
        return -(targets * np.log(q)).sum(self.axis)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        targets = self._targets(y_true, y_pred.dtype)
        if self.from_logits:
            return softmax_forward(y_pred, self.axis) - targets
        total = y_pred.sum(self.axis, keepdims=True)
        r = y_pred / total
        g = _zero_where_clipped(-targets / _clip(r), r)
        return (g - (g * r).sum(self.axis, keepdims=True)) / total

    def with_activation(
        self, y_true: Array, z: Array, sample_weight: Array | None = None, kernels: Any = REFERENCE
    ) -> tuple[Array, float, Array]:
        if self.from_logits or self.axis in (-1, z.ndim - 1):
            return super().with_activation(y_true, z, sample_weight, kernels)
        y_pred = softmax_forward(z)  # over the last axis, and the loss is over another one
        dy = self.backward(y_true, y_pred, sample_weight)
        return y_pred, self.forward(y_true, y_pred, sample_weight), softmax_backward(dy, y_pred)

    def validate(self, y_true: Any, y_pred_shape: Sequence[int | None]) -> None:
        """Check that each label is a row of probabilities, one for each class.

        Raises:
            TypeError: labels that are not numbers.
            ValueError: predictions that are not (n, classes); labels that are class numbers; another number
                of columns; rows that are negative somewhere or do not sum to 1; NaN or infinity.
        """
        labels = self._check_finite_numbers(y_true)
        self._check_axis(y_pred_shape)
        classes = self._classes(y_pred_shape, labels.shape[1:] == tuple(y_pred_shape[1:]))
        if labels.ndim == 1 or (labels.shape[1:] == (1,) and classes > 1):
            raise ValueError(
                f"{self.name}: expected one-hot labels of shape (n, {classes}), received class numbers of "
                f"shape {labels.shape}. Use loss='sparse_categorical_crossentropy', or pass "
                f"to_categorical(y, {classes})."
            )
        if labels.shape[1:] != tuple(y_pred_shape[1:]):
            raise ValueError(
                f"{self.name}: expected one-hot labels of shape (n, {classes}), received {labels.shape}. "
                f"Pass to_categorical(y, {classes}), or give the last layer one unit for each column."
            )
        self._check_same_length(labels, y_pred_shape)
        sums = labels.sum(self.axis, dtype=np.float64)
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
    Shapes:  y_pred (n, …, outputs);  y_true the same, or without a last axis of size 1;  0 <= y_true <= 1
    Numbers: float32 logits up to 1e4 give l to a relative error of 5e-7, and its gradient to 5e-7 (against float64
             with the same t). Probabilities near 1 have lost what tells them from 1: the largest loss is 15.94 in
             float32 (1 − 1e-7 rounds to 1 − 1.19e-7), 16.12 in float64
    Keras:   same numbers; its loss from logits is max(z, 0) − z·t + log(1 + exp(−|z|))

    Args:
        from_logits: whether predictions are logits, i.e. what a sigmoid takes, instead of probabilities.
        label_smoothing: s, from 0 to 1.
        axis: the axis of the outputs, by default the last one.
    """

    logits_activation = "sigmoid"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ):
        super().__init__(name, reduction)
        self.from_logits = bool(from_logits)
        self.label_smoothing = check_number(name, "label_smoothing", label_smoothing, 0, 1)
        self.axis = check_axis(name, axis)

    def _targets(self, y_true: Array, y_pred: Array) -> Array:
        return like(y_true, y_pred) * (1 - self.label_smoothing) + 0.5 * self.label_smoothing

    def per_sample(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        targets = self._targets(y_true, y_pred)
        if self.from_logits:
            linear = np.where(y_pred >= 0, y_pred * (1 - targets), -y_pred * targets)
            losses = linear + np.log1p(np.exp(-np.abs(y_pred)))
        else:
            q = _clip(y_pred)
            losses = -(targets * np.log(q) + (1 - targets) * np.log(1 - q))
        return mean_of_outputs(losses, self.axis)

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        y_pred = as_float(y_pred)
        targets = self._targets(y_true, y_pred)
        outputs = number_of_outputs(y_pred, self.axis)
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
        self._check_axis(y_pred_shape)
        self._check_same_shape(labels, y_pred_shape)
        self._check_same_length(labels, y_pred_shape)
        if labels.size and (labels.min() < 0 or labels.max() > 1):
            raise ValueError(
                f"{self.name}: expected labels from 0 to 1, received labels from "
                f"{labels.min()} to {labels.max()}. Use 0 for no and 1 for yes, or a categorical loss for "
                "more than two classes."
            )


def _limits(p: Array) -> tuple[Any, Any]:
    return p.dtype.type(EPSILON), p.dtype.type(1 - EPSILON)


def _clip(p: Array) -> Array:
    return np.clip(p, *_limits(p))


def _zero_where_clipped(gradient: Array, p: Array) -> Array:
    """Clipping is flat outside its limits: there the derivative is zero; at the limits it still counts."""
    low, high = _limits(p)
    return np.where((p < low) | (p > high), p.dtype.type(0), gradient)


def _log_softmax(z: Array, axis: int) -> Array:
    """log(exp(zₖ)/Σⱼ exp(zⱼ)) over an axis; the largest z is taken off first, so nothing overflows."""
    shifted = z - z.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))

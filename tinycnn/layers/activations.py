"""Activation functions as layers of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn import activations
from tinycnn.kernels import activations as kernels
from tinycnn.layers.axes import sample_axes
from tinycnn.layers.base import Array, Layer, LayerOptions, Setting, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Activation(Layer):
    """Apply an activation function to each value (softmax: to each row).

    Math:    y = f(x);   dx = dy·f'(x), written in terms of y (see ``tinycnn/kernels/activations.py``)
    Shapes:  x, y (n, ...)
    Keeps:   y; x for silu, hard_silu, gelu and mish
    Numbers: float32 against float64, for any x: y to a relative error of 5e-7 (softmax: to 5e-7), dx to 5e-7 of the
             largest dy. Where y has reached its limit (a sigmoid of 1), dx is 0

    Args:
        activation: a name such as "relu", "softmax", "gelu", or a function of `tinycnn.activations`.
    """

    activation = Setting(activations.get)

    def __init__(self, activation: activations.Identifier, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.activation = activation

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """f(x); with ``activate=False`` x itself (the logits of a softmax)."""
        x = self._check_input(x)
        y, kept = self.function().apply(x) if activate else (x, None)
        if training:
            self._save(y.shape, kept)
        return y

    def backward(self, dy: Array) -> Array:
        dy, kept = self._restore(dy)
        return dy if kept is None else self.function().backward(dy, kept)

    def function(self) -> kernels.Activation:
        """The function and its derivative."""
        return self.kernels.activations[self.activation]


class ReLU(Activation):
    """y = max(x, 0); with arguments, x where it is above the threshold, at most max_value, and a line below it.

    Math:    y = min(x, max_value) where x > threshold, else negative_slope·(x − threshold)
             dx = dy where threshold < x <= max_value, negative_slope·dy where x < threshold, else 0
    Keeps:   y; with arguments x
    Source:  Nair & Hinton 2010, ICML
    Keras:   same arguments. At the threshold itself the slope is 0, but for a slope alone, as of a LeakyReLU, that of
             the left side

    Args:
        max_value: the largest output, 0 or more; None for no limit.
        negative_slope: the slope below the threshold, 0 or more.
        threshold: from where on values pass, 0 or more.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **options: Unpack[LayerOptions],
    ):
        self.max_value = None if max_value is None else not_negative("ReLU", "max_value", max_value)
        self.negative_slope = not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = not_negative("ReLU", "threshold", threshold)
        plain = max_value is None and negative_slope == threshold == 0
        super().__init__("relu" if plain else "linear", **options)

    def function(self) -> kernels.Activation:
        if self.activation == "relu":
            return super().function()
        return kernels.Activation(self._relu, self._relu_backward, keeps_input=True)

    def _relu(self, x: Array) -> Array:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)

    def _relu_backward(self, dy: Array, x: Array) -> Array:
        rises = x > self.threshold
        below = ~rises if self.max_value is None and self.threshold == 0 else x < self.threshold
        if self.max_value is not None:
            rises &= x <= self.max_value
        return np.where(rises, dy, np.where(below, self.negative_slope * dy, 0))


class ELU(Activation):
    """y = x where x > 0, else alpha·(exp(x) − 1): smooth, and negative values bring the mean near 0.

    Math:    dx = dy where x > 0, else dy·alpha·exp(x) = dy·(y + alpha)
    Source:  Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289
    Keras:   same argument

    Args:
        alpha: what y comes near to for very negative x, with a minus; 0 or more.
    """

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]):
        super().__init__("elu", **options)
        self.alpha = not_negative("ELU", "alpha", alpha)

    def function(self) -> kernels.Activation:
        return kernels.Activation(
            partial(kernels.elu_forward, alpha=self.alpha), partial(kernels.elu_backward, alpha=self.alpha)
        )


class Softmax(Activation):
    """y_k = exp(x_k)/Σ_j exp(x_j) over an axis, or over several: positive numbers that sum to one. Source: Bridle 1990.

    Keras:   same argument. A cross-entropy behind it is that of y, for any axis; Keras's is that of a softmax over the
             last one

    Args:
        axis: the axis or axes of the sum; by default the last one.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]):
        super().__init__("softmax", **options)
        self.axis = axis

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.axes = sample_axes(self.name, self.axis, input_shape)
        # A loss that goes with "softmax" takes the softmax of the last axis for its own.
        self.activation = "softmax" if self.axes == (len(input_shape) - 1,) else "linear"
        return input_shape

    def function(self) -> kernels.Activation:
        if self.activation == "softmax":
            return super().function()
        return kernels.Activation(
            partial(kernels.softmax_forward, axis=self.axes), partial(kernels.softmax_backward, axis=self.axes)
        )


class LeakyReLUOptions(LayerOptions, total=False):
    """The arguments that all layers share, and one of Keras 2."""

    alpha: float


class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope·x.

    Keeps:   y
    Source:  Maas, Hannun & Ng 2013, ICML workshop
    Keras:   same default slope, 0.3; ``alpha``, the slope's former name, is taken with a warning

    Args:
        negative_slope: the slope for negative values, 0 or more.
    """

    def __init__(self, negative_slope: float = 0.3, **options: Unpack[LeakyReLUOptions]):
        if "alpha" in options:
            negative_slope = options.pop("alpha")
            warnings.warn(
                f"LeakyReLU: expected negative_slope, received alpha, its former name. Write negative_slope="
                f"{negative_slope!r}.",
                stacklevel=2,
            )
        super().__init__(**options)
        self.negative_slope = not_negative("LeakyReLU", "negative_slope", negative_slope)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        y = kernels.leaky_relu_forward(self._check_input(x), self.negative_slope)
        if training:
            self._save(y.shape, y)
        return y

    def backward(self, dy: Array) -> Array:
        dy, y = self._restore(dy)
        return kernels.leaky_relu_backward(dy, y, self.negative_slope)


def not_negative(layer: str, argument: str, value: Any) -> float:
    """A number, 0 or more."""
    if not isinstance(value, (int, float, np.number)) or not value >= 0:
        raise ValueError(f"{layer}: expected {argument} >= 0, received {value!r}. Pass a number such as 0.3.")
    return float(value)

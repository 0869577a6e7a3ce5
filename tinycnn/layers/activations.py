"""Activation functions as layers of their own."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tinycnn import activations
from tinycnn.kernels.activations import leaky_relu_backward, leaky_relu_forward
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
        y, kept = self.kernels.activations[self.activation].apply(x) if activate else (x, None)
        if training:
            self._save(y.shape, kept)
        return y

    def backward(self, dy: Array) -> Array:
        dy, kept = self._restore(dy)
        return dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)


class ReLU(Activation):
    """y = max(x, 0); dx = dy where x > 0, else 0. Source: Nair & Hinton 2010, ICML."""

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__("relu", **options)


class Softmax(Activation):
    """y_k = exp(x_k)/Σ_j exp(x_j) over the last axis: positive numbers that sum to one. Source: Bridle 1990."""

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]):
        super().__init__("softmax", **options)
        if axis != -1:
            raise ValueError(f"Softmax: expected axis=-1, received {axis!r}. Move that axis to the end.")
        self.axis = axis


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
        if negative_slope < 0:
            raise ValueError(f"LeakyReLU: expected negative_slope >= 0, received {negative_slope!r}. Keras's is 0.3.")
        self.negative_slope = float(negative_slope)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        y = leaky_relu_forward(self._check_input(x), self.negative_slope)
        if training:
            self._save(y.shape, y)
        return y

    def backward(self, dy: Array) -> Array:
        dy, y = self._restore(dy)
        return leaky_relu_backward(dy, y, self.negative_slope)

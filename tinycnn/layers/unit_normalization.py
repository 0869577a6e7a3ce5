"""Inputs of length one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.axes import sample_axes
from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack

LEAST = 1e-12  # the smallest length that is divided by


class UnitNormalization(Layer):
    """Divide each input by its length, along one axis or several.

    Math:    y = x/max(‖x‖, 1e-12), ‖x‖ = √Σx²;   dx = (dy − y·Σdy·y)/‖x‖: what is in the direction of x changes nothing
             Where ‖x‖ <= 1e-12, the divisor is a constant: dx = dy/1e-12
    Shapes:  x, y (n, ...)
    Keeps:   y and the divisors
    Keras:   same argument

    Args:
        axis: the axis or axes that make one input; by default the last one.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.axis = axis

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.axes = sample_axes(self.name, self.axis, input_shape)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        length = np.maximum(np.sqrt(np.square(x).sum(self.axes, keepdims=True)), self.dtype.type(LEAST))
        y = x / length
        if training:
            self._save(y.shape, y, length)
        return y

    def backward(self, dy: Array) -> Array:
        dy, y, length = self._restore(dy)
        along = (dy * y).sum(self.axes, keepdims=True)
        return (dy - y * np.where(length > self.dtype.type(LEAST), along, 0)) / length

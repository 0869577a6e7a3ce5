"""From images to rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.windows import check_channels_last

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Flatten(Layer):
    """Write each sample's values in one row, channels innermost.

    Math:    y[n, (i·w + j)·c + k] = x[n, i, j, k]
    Shapes:  x (n, h, w, c);  y (n, h·w·c)
    Keeps:   nothing
    Keras:   same order; channels_last only
    """

    def __init__(self, data_format: str | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.data_format = check_channels_last("Flatten", data_format)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return (None, math.prod(input_shape[1:]))

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        y = x.reshape(len(x), self.output_shape[1])
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return dy.reshape(len(dy), *self.input_shape[1:])

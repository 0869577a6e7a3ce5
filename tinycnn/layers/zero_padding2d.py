"""Zeros around images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.windows import check_channels_last, check_images, crop, pad, side_widths

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ZeroPadding2D(Layer):
    """Put rows and columns of zeros around each image.

    Math:    y[n, top + i, left + j, c] = x[n, i, j, c], and 0 outside;   dx is that part of dy
    Shapes:  x (n, h, w, c);  y (n, top + h + bottom, left + w + right, c)
    Keeps:   nothing
    Keras:   same arguments and default; channels_last only

    Args:
        padding: ((top, bottom), (left, right)), or (rows, columns) for the same on both sides, or one number for all.
    """

    def __init__(
        self, padding: int | Sequence[Any] = (1, 1), data_format: str | None = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("ZeroPadding2D", data_format)
        self.padding = side_widths("ZeroPadding2D", "padding", padding)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        (top, bottom), (left, right) = self.padding
        return (None, top + h + bottom, left + w + right, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        y = pad(self._check_input(x), self.padding)
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return crop(dy, self.padding)

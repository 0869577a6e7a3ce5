"""Images without their margins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.windows import check_channels_last, check_images, crop, pad, side_widths

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Cropping2D(Layer):
    """Cut rows and columns off each image.

    Math:    y[n, i, j, c] = x[n, top + i, left + j, c];   dx is dy with zeros around it
    Shapes:  x (n, h, w, c);  y (n, h − top − bottom, w − left − right, c)
    Keeps:   nothing
    Keras:   same arguments and default; channels_last only

    Args:
        cropping: ((top, bottom), (left, right)), or (rows, columns) for the same on both sides, or one number for all.
    """

    def __init__(
        self,
        cropping: int | Sequence[Any] = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("Cropping2D", data_format)
        self.cropping = side_widths("Cropping2D", "cropping", cropping)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        (top, bottom), (left, right) = self.cropping
        if top + bottom >= h or left + right >= w:
            raise ValueError(
                f"{self.name}: expected cropping that leaves something of images of {h}x{w}, received {self.cropping}. "
                "Cut off less."
            )
        return (None, h - top - bottom, w - left - right, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        y = np.ascontiguousarray(crop(self._check_input(x), self.cropping))
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return pad(dy, self.cropping)

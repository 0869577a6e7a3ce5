"""Images of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.resampling import INTERPOLATIONS, check_choice, middle, resize, resize_back
from tinycnn.layers.windows import check_channels_last, check_images, crop, pad, pair

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Resizing(Layer):
    """Make images ``height`` by ``width`` pixels.

    Math:    see `tinycnn.layers.resampling.axis_taps`; dx is the transpose: each pixel gives its gradient to those that
             it came from
    Shapes:  x (n, h, w, c);  y (n, height, width, c)
    Keeps:   nothing
    Keras:   same numbers; of its interpolations bilinear and nearest, without antialias and pad_to_aspect_ratio

    Args:
        crop_to_aspect_ratio: take the largest part in the middle that has the new shape, instead of stretching.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        *,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.height, self.width = pair("Resizing", "height and width", (height, width))
        self.interpolation = check_choice("Resizing", "interpolation", interpolation, INTERPOLATIONS)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.data_format = check_channels_last("Resizing", data_format)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        self.rest, self.part = ((0, 0), (0, 0)), (h, w)  # what is cut off on each side, and what is left
        if self.crop_to_aspect_ratio:
            (top, left), self.part = middle((h, w), (self.height, self.width))
            self.rest = (top, h - top - self.part[0]), (left, w - left - self.part[1])
        return (None, self.height, self.width, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        y = resize(crop(self._check_input(x), self.rest), (self.height, self.width), self.interpolation)
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return pad(resize_back(dy, self.part, self.interpolation), self.rest)

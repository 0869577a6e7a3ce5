"""The middle of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.resampling import middle, resize, resize_back
from tinycnn.layers.windows import Pair, check_channels_last, check_images, crop, pad, pair

if TYPE_CHECKING:
    from typing_extensions import Unpack


class CenterCrop(Layer):
    """Cut ``height`` by ``width`` pixels out of the middle of each image.

    Where an image is too small, the largest part of that shape in its middle is resized (bilinear).

    Math:    y[n, i, j, c] = x[n, top + i, left + j, c], or that part, resized
             dx is dy, where x was resized the transpose of that, with zeros around it
    Shapes:  x (n, h, w, c);  y (n, height, width, c)
    Keeps:   nothing
    Keras:   same numbers
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.height, self.width = pair("CenterCrop", "height and width", (height, width))
        self.data_format = check_channels_last("CenterCrop", data_format)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        self.middle = Crop((h, w), (self.height, self.width))
        return (None, self.height, self.width, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        y = self.middle.forward(self._check_input(x))
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return self.middle.backward(dy)


class Crop:
    """The map from an image to its middle of another size, and back."""

    def __init__(self, image: Pair, size: Pair):
        (h, w), (height, width) = image, size
        self.size = self.part = size
        top, left = (h - height) // 2, (w - width) // 2
        if height > h or width > w:
            (top, left), self.part = middle(image, size)
        self.rest = (top, h - top - self.part[0]), (left, w - left - self.part[1])  # what is cut off on each side

    def forward(self, x: Array) -> Array:
        part = np.ascontiguousarray(crop(x, self.rest))
        return part if self.part == self.size else resize(part, self.size)

    def backward(self, dy: Array) -> Array:
        return pad(dy if self.part == self.size else resize_back(dy, self.part), self.rest)

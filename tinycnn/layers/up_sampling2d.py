"""Larger images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape, Size
from tinycnn.layers.resampling import INTERPOLATIONS, check_choice, resize, resize_back
from tinycnn.layers.windows import check_channels_last, check_images, pair

if TYPE_CHECKING:
    from typing_extensions import Unpack


class UpSampling2D(Layer):
    """Make each image ``size`` times as large: the way back from a pooling, without anything to learn.

    Math:    nearest: y[n,i,j,c] = x[n, i // s_h, j // s_w, c];   dx is the sum of dy over the copies of a pixel
             bilinear: see `tinycnn.layers.resampling.axis_taps`; dx is the transpose
    Shapes:  x (n, h, w, c);  y (n, h·s_h, w·s_w, c)
    Keeps:   nothing
    Source:  Odena, Dumoulin & Olah 2016, "Deconvolution and checkerboard artifacts", doi:10.23915/distill.00003
    Keras:   same numbers; of its interpolations nearest and bilinear; channels_last only

    Args:
        size: how many times as high and wide, or one number for both.
        interpolation: "nearest" repeats pixels, "bilinear" mixes neighbours.
    """

    def __init__(
        self,
        size: Size = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("UpSampling2D", data_format)
        self.size = pair("UpSampling2D", "size", size)
        self.interpolation = check_choice("UpSampling2D", "interpolation", interpolation, INTERPOLATIONS)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        return (None, h * self.size[0], w * self.size[1], channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if self.interpolation == "nearest":
            y = x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2)
        else:
            y = resize(x, self.output_shape[1:3], self.interpolation)
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        _, h, w, channels = self.input_shape
        if self.interpolation == "nearest":
            return dy.reshape(-1, h, self.size[0], w, self.size[1], channels).sum(axis=(2, 4))
        return resize_back(dy, (h, w), self.interpolation)

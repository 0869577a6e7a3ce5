"""Max pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape, Size
from tinycnn.layers.windows import (
    check_channels_last,
    check_images,
    check_padding,
    crop,
    output_size,
    pad,
    paddings,
    pair,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class MaxPooling2D(Layer):
    """Keep the largest value of each window: a smaller image that says "it was somewhere here".

    Math:    y[n,i,j,c] = max_{a,b} x[n, i·s + a, j·s + b, c];   its gradient goes to the first maximum alone
    Shapes:  x (n, h, w, c);  y (n, out_h, out_w, c)
             "valid" leaves out the rows and columns that fill no window; "same" pads with −∞
    Keeps:   the place of each maximum, one byte each
    Source:  Ranzato et al. 2007, doi:10.1109/CVPR.2007.383157
    Keras:   same arguments and defaults; ties go to the first maximum in row-major order. Ties are no rarity: behind
             a relu most windows of a digit are all zero

    Args:
        pool_size: height and width of the window, or one number for both.
        strides: steps of the window; by default ``pool_size``, so that windows do not overlap.
        padding: "valid" or "same".
    """

    def __init__(
        self,
        pool_size: Size = (2, 2),
        strides: Size | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("MaxPooling2D", data_format)
        self.pool_size = pair("MaxPooling2D", "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair("MaxPooling2D", "strides", strides)
        self.padding = check_padding("MaxPooling2D", padding)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        self.widths = paddings(self.padding, (h, w), self.pool_size, self.strides)
        (top, bottom), (left, right) = self.widths
        self.padded_size = h + top + bottom, w + left + right
        out_h, out_w = output_size(self.name, self.padded_size, self.pool_size, self.strides)
        return (None, out_h, out_w, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = pad(self._check_input(x), self.widths, -np.inf)
        y, argmax = self.kernels.max_pooling2d_forward(x, self.pool_size, self.strides)
        if training:
            self._save(y.shape, argmax)
        return y

    def backward(self, dy: Array) -> Array:
        dy, argmax = self._restore(dy)
        dx = self.kernels.max_pooling2d_backward(dy, argmax, self.padded_size, self.pool_size, self.strides)
        return crop(dx, self.widths)


MaxPool2D = MaxPooling2D

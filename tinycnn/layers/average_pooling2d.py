"""Average pooling."""

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
    values_in_windows,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AveragePooling2D(Layer):
    """Replace each window by its mean.

    Math:    y[n,i,j,c] = mean_{a,b} x[n, i·s + a, j·s + b, c]
    Shapes:  x (n, h, w, c);  y (n, out_h, out_w, c)
    Keeps:   nothing: the gradient is spread evenly, whatever x was
    Source:  LeCun et al. 1998, section II.B ("sub-sampling"), doi:10.1109/5.726791
    Keras:   same arguments (``pool_size`` has a default here); with padding="same" the padding is left out of the mean

    Args:
        pool_size: height and width of the window, or one number for both.
        strides: steps of the window; by default ``pool_size``.
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
        self.data_format = check_channels_last("AveragePooling2D", data_format)
        self.pool_size = pair("AveragePooling2D", "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair("AveragePooling2D", "strides", strides)
        self.padding = check_padding("AveragePooling2D", padding)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        self.widths = paddings(self.padding, (h, w), self.pool_size, self.strides)
        (top, bottom), (left, right) = self.widths
        self.padded_size = h + top + bottom, w + left + right
        out_h, out_w = output_size(self.name, self.padded_size, self.pool_size, self.strides)
        return (None, out_h, out_w, channels)

    @property
    def counts(self) -> Array:
        """The pixels in each window that are not padding. Not kept: a layer for huge images would hold huge arrays."""
        (_, h, w, _), (_, out_h, out_w, _) = self.input_shape, self.output_shape
        (top, _), (left, _) = self.widths
        rows = values_in_windows(h, self.pool_size[0], self.strides[0], top, out_h).astype(self.dtype)
        columns = values_in_windows(w, self.pool_size[1], self.strides[1], left, out_w).astype(self.dtype)
        return np.outer(rows, columns)[:, :, np.newaxis]  # (out_h, out_w, 1)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = pad(self._check_input(x), self.widths)
        y = self.kernels.average_pooling2d_forward(x, self.counts, self.pool_size, self.strides)
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        dx = self.kernels.average_pooling2d_backward(dy, self.counts, self.padded_size, self.pool_size, self.strides)
        return crop(dx, self.widths)


AvgPool2D = AveragePooling2D

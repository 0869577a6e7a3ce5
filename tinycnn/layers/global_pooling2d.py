"""Pooling over whole images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.windows import check_channels_last, check_images

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _GlobalPooling2D(Layer):
    """One number for each channel of an image."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.data_format = check_channels_last(type(self).__name__, data_format)
        self.keepdims = keepdims

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        _, _, channels = check_images(self.name, input_shape)
        return (None, 1, 1, channels) if self.keepdims else (None, channels)


class GlobalAveragePooling2D(_GlobalPooling2D):
    """Replace each channel of an image by its mean.

    Math:    y[n,c] = mean_{i,j} x[n,i,j,c];   dx[n,i,j,c] = dy[n,c] / (h·w)
    Shapes:  x (n, h, w, c);  y (n, c), or (n, 1, 1, c) with ``keepdims``
    Keeps:   nothing
    Numbers: the sum is kept in float64; in float32 the mean of 1024x1024 pixels would lose 3e-5 of itself
    Source:  Lin, Chen & Yan 2013, section 3.2, arXiv:1312.4400
    Keras:   same arguments and defaults; channels_last only

    Args:
        keepdims: whether the axes of height and width stay, with one pixel each.
    """

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        y = x.mean(axis=(1, 2), dtype=np.float64, keepdims=self.keepdims).astype(self.dtype)
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        _, h, w, channels = self.input_shape
        return np.tile((dy / (h * w)).reshape(-1, 1, 1, channels), (1, h, w, 1))  # (n, h, w, c)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """Replace each channel of an image by its largest value: it says "it was somewhere", not where.

    Math:    y[n,c] = max_{i,j} x[n,i,j,c];   the maxima of a channel share its gradient evenly, the others get none
    Shapes:  x (n, h, w, c);  y (n, c), or (n, 1, 1, c) with ``keepdims``
    Keeps:   which pixels are maxima, one byte each
    Source:  Oquab et al. 2015, section 3, doi:10.1109/CVPR.2015.7298668
    Keras:   same arguments and defaults; channels_last only. Equal maxima share here, while in `MaxPooling2D` the first
             one takes all: TensorFlow's choice in both cases

    Args:
        keepdims: whether the axes of height and width stay, with one pixel each.
    """

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        y = x.max(axis=(1, 2), keepdims=True)  # (n, 1, 1, c)
        is_maximum = x == y
        if not self.keepdims:
            y = y[:, 0, 0, :]
        if training:
            self._save(y.shape, is_maximum)
        return y

    def backward(self, dy: Array) -> Array:
        dy, is_maximum = self._restore(dy)
        count = is_maximum.sum(axis=(1, 2), keepdims=True, dtype=self.dtype)  # (n, 1, 1, c)
        return is_maximum / count * dy.reshape(count.shape)  # (n, h, w, c)


GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D

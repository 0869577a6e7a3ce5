"""The simplest functions on images of ``tf.image``: one image (h, w, c) or a batch (n, h, w, c)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.keras.ops import convert_to_tensor
from tinycnn.layers import Resizing
from tinycnn.tensors import Tensor, as_tensor

__all__ = ["flip_left_right", "flip_up_down", "grayscale_to_rgb", "resize", "rgb_to_grayscale"]


def flip_left_right(image: Any) -> Tensor:
    """The columns of pixels in reverse order."""
    return as_tensor(_images("flip_left_right", image)[..., ::-1, :])


def flip_up_down(image: Any) -> Tensor:
    """The rows of pixels in reverse order."""
    return as_tensor(_images("flip_up_down", image)[..., ::-1, :, :])


def grayscale_to_rgb(images: Any) -> Tensor:
    """One channel three times."""
    return as_tensor(np.repeat(_images("grayscale_to_rgb", images, 1), 3, axis=-1))


def rgb_to_grayscale(images: Any) -> Tensor:
    """0.2989·red + 0.587·green + 0.114·blue in the one channel that is left."""
    rgb = _images("rgb_to_grayscale", images, 3)
    if rgb.dtype.kind == "f":
        return as_tensor(rgb @ np.array([[0.2989], [0.587], [0.114]], rgb.dtype))
    largest = np.iinfo(rgb.dtype).max  # TensorFlow computes with 0 … 1 and rounds half up, nearly
    return as_tensor(rgb_to_grayscale(rgb / np.float32(largest)) * np.float32(largest + 0.5), rgb.dtype)


def resize(images: Any, size: Any, method: str = "bilinear") -> Tensor:
    """Images of another height and width: see `tinycnn.layers.Resizing`; "nearest" keeps the dtype."""
    pixels = _images("resize", images)
    dtype = pixels.dtype if method == "nearest" else "float32"
    batch = pixels.reshape(-1, *pixels.shape[-3:])
    height, width = (int(n) for n in size)
    resized = Resizing(height, width, method)(batch)
    return as_tensor(resized.reshape(*pixels.shape[:-3], *resized.shape[1:]), dtype)


def _images(who: str, images: Any, channels: int | None = None) -> Tensor:
    array = convert_to_tensor(images)
    if array.ndim not in (3, 4) or channels not in (None, array.shape[-1]):
        wanted = "c" if channels is None else channels
        raise ValueError(
            f"{who}: expected an image (h, w, {wanted}) or a batch of them, received shape {array.shape}. Give it an "
            "axis of channels: images[..., None]."
        )
    return array

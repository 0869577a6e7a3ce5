"""Inputs in another unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack

Numbers = float | Sequence[float]


class Rescaling(Layer):
    """Multiply and shift: ``Rescaling(1/255)`` makes 0 … 1 of bytes, ``Rescaling(1/127.5, offset=-1)`` −1 … 1.

    Math:    y = scale·x + offset;   dx = scale·dy
    Shapes:  x, y (n, ...)
    Keeps:   nothing
    Keras:   same arguments

    Args:
        scale, offset: one number, or one for each channel (the last axis).
    """

    def __init__(self, scale: Numbers, offset: Numbers = 0.0, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.scale, self.offset = _numbers("scale", scale), _numbers("offset", offset)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(value, list) and (len(input_shape) < 2 or len(value) not in (1, input_shape[-1])):
                raise ValueError(
                    f"{self.name}: expected {name} as one number or one for each of the channels of {input_shape}, "
                    f"received {len(value)} numbers. Give one for each channel."
                )
        self._scale = np.asarray(self.scale, self.dtype)
        self._offset = np.asarray(self.offset, self.dtype)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if training:
            self._save(x.shape)
        return x * self._scale + self._offset

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return dy * self._scale


def _numbers(name: str, value: Numbers) -> float | list[float]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim > 1:
        raise ValueError(
            f"Rescaling: expected {name} as a number or a list of numbers, received {value!r}. "
            "Write 1/255, for example."
        )
    return array.tolist()

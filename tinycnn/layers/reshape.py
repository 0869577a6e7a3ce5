"""The same values in another shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Reshape(Layer):
    """Give each sample another shape; the values stay in their order, the last axis running fastest.

    Math:    y.ravel() = x.ravel();   dx = dy in the shape of x
    Shapes:  x (n, ...);  y (n, *target_shape)
    Keeps:   nothing
    Keras:   same arguments

    Args:
        target_shape: the new shape of one sample, without the batch axis; one size may be -1: what is left over.
    """

    def __init__(self, target_shape: Sequence[int], **options: Unpack[LayerOptions]):
        super().__init__(**options)
        sizes = list(target_shape) if isinstance(target_shape, (tuple, list)) else None
        if (
            sizes is None
            or not all(
                isinstance(s, (int, np.integer)) and not isinstance(s, bool) and (s > 0 or s == -1) for s in sizes
            )
            or sizes.count(-1) > 1
        ):
            raise ValueError(
                "Reshape: expected the new shape of one sample, positive sizes and at most one -1, "
                f"received {target_shape!r}. Write for example (7, 7, 64) or (-1, 64)."
            )
        self.target_shape = tuple(int(size) for size in sizes)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        size = math.prod(input_shape[1:])
        known = math.prod(s for s in self.target_shape if s != -1)
        sizes = tuple(size // known if s == -1 else s for s in self.target_shape)
        if math.prod(sizes) != size:
            raise ValueError(
                f"{self.name}: expected a target_shape for the {size} values of a sample of shape {input_shape[1:]}, "
                f"received {self.target_shape}. Choose sizes whose product is {size}."
            )
        return (None, *sizes)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        y = x.reshape(len(x), *self.output_shape[1:])
        if training:
            self._save(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return dy.reshape(len(dy), *self.input_shape[1:])

"""Images made darker or brighter, paler or stronger at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, LayerOptions
from tinycnn.layers.random_layer import Factor, RandomLayer, bounds

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RandomContrast(RandomLayer):
    """In training, change the contrast of each image; in inference, y is x.

    Math:    y = clip(f·(x − μ) + μ), μ the mean of each channel of the image, f uniform in 1 − lower … 1 + upper;
             dx = f·(g − mean(g)) + mean(g), g = dy where y was not clipped, else 0
    Shapes:  x, y (n, h, w, c)
    Keeps:   f, and what was clipped
    Keras:   same arguments; a single number changes upwards only there too: 1 … 1 + factor. The numbers differ from
             Keras's for the same seed

    Args:
        factor: from 0 to 1, or (lower, upper).
        value_range: what y is clipped to; (0, 1) for images that were rescaled before.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(seed=seed, **options)
        self.factor = bounds("RandomContrast", "factor", factor, 0, 1)
        self.value_range = _value_range("RandomContrast", value_range)

    def draw(self, shape: tuple[int, ...]) -> Array:
        lower, upper = self.factor
        return self.rng.uniform(1 - lower, 1 + upper, (shape[0], 1, 1, 1)).astype(self.dtype)

    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        mean = x.mean((1, 2), keepdims=True)
        y, unclipped = _clip((x - mean) * drawn + mean, self.value_range)
        return y, (drawn, unclipped)

    def change_back(self, dy: Array, kept: Any) -> Array:
        f, unclipped = kept
        g = dy * unclipped
        mean = g.mean((1, 2), keepdims=True)
        return (g - mean) * f + mean


class RandomBrightness(RandomLayer):
    """In training, make each image darker or brighter; in inference, y is x.

    Math:    y = clip(x + b), b uniform in factor·(width of value_range);   dx = dy where y was not clipped, else 0
    Shapes:  x, y (n, h, w, c)
    Keeps:   what was clipped
    Keras:   same arguments; the numbers differ from Keras's for the same seed

    Args:
        factor: share of the range of values, 0.2 for −20 % … 20 %, or (lower, upper).
        value_range: what y is clipped to; (0, 1) for images that were rescaled before.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(seed=seed, **options)
        self.factor = bounds("RandomBrightness", "factor", factor, -1, 1)
        self.value_range = _value_range("RandomBrightness", value_range)

    def draw(self, shape: tuple[int, ...]) -> Array:
        low, high = self.value_range
        return (self.rng.uniform(*self.factor, (shape[0], 1, 1, 1)) * (high - low)).astype(self.dtype)

    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        return _clip(x + drawn, self.value_range)

    def change_back(self, dy: Array, kept: Any) -> Array:
        return dy * kept


def _clip(x: Array, value_range: tuple[float, float]) -> tuple[Array, Array]:
    """x within the range, and where it was there before."""
    low, high = value_range
    return np.clip(x, x.dtype.type(low), x.dtype.type(high)), (x >= low) & (x <= high)


def _value_range(layer: str, value_range: Any) -> tuple[float, float]:
    both = value_range if isinstance(value_range, (tuple, list)) and len(value_range) == 2 else ()
    if not both or not all(isinstance(v, (int, float, np.number)) for v in both) or both[0] == both[1]:
        raise ValueError(
            f"{layer}: expected value_range as two different numbers, received {value_range!r}. "
            "It is (0, 255) for bytes, (0, 1) for rescaled images."
        )
    return min(both), max(both)

"""Normally distributed noise, added and multiplied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.dropout import Dropout, check_rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class GaussianNoise(Layer):
    """In training, add normally distributed noise to each value; in inference, y is x, the same array.

    Math:    y = x + stddev·ε, ε from N(0, 1);   dx = dy
    Shapes:  x, y (n, ...)
    Keeps:   nothing
    Source:  Bishop 1995, doi:10.1162/neco.1995.7.1.108
    Keras:   same arguments. The noise itself differs from Keras's for the same seed

    Args:
        stddev: the noise's standard deviation, from 0 to 1.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(self, stddev: float, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        if not isinstance(stddev, (int, float, np.number)) or not 0 <= stddev <= 1:
            raise ValueError(
                f"GaussianNoise: expected a stddev from 0 to 1, received {stddev!r}. Bring images to 0 … 1: try 0.1."
            )
        self.stddev = float(stddev)
        self.seed = seed

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        self.rng = rng if self.seed is None else np.random.default_rng(self.seed)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if not training:
            return x
        self._save(x.shape)
        return x + (self.stddev * self.rng.standard_normal(x.shape)).astype(self.dtype)

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return dy


class GaussianDropout(Dropout):
    """In training, multiply each value by a normally distributed number of mean 1; in inference, y is x.

    Math:    y = x·mask;   mask = 1 + √(rate/(1 − rate))·ε, ε from N(0, 1): mean and variance of `Dropout`'s mask;
             dx = dy·mask
    Shapes:  x, y (n, ...)
    Keeps:   the mask
    Source:  Srivastava et al. 2014, JMLR 15, section 10
    Keras:   same arguments. The masks themselves differ from Keras's for the same seed

    Args:
        rate: the rate of the dropout that it stands for, from 0 to below 1.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(self, rate: float, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(check_rate("GaussianDropout", rate, below_one=True), seed=seed, **options)

    def draw_mask(self, shape: tuple[int, ...]) -> Array:
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return (1 + deviation * self.rng.standard_normal(shape)).astype(self.dtype)

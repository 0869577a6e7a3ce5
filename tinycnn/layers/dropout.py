"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Dropout(Layer):
    """In training, set each value to zero with probability ``rate``, at random and anew in every step.

    Math:    y = x·mask;   mask = 1/(1 − rate) with probability 1 − rate, else 0;   dx = dy·mask
             The factor keeps the mean: E[mask] = 1, so inference needs no correction: there y is x, the same array.
    Shapes:  x, y (n, ...)
    Keeps:   the mask
    Source:  Srivastava et al. 2014, JMLR 15, section 10 for the scaling in training ("inverted" dropout)
    Keras:   same arguments; rate 1 gives zeros. The masks themselves differ from Keras's for the same seed

    Args:
        rate: the share of values to drop, from 0 to 1, in steps of 1/65,536.
        noise_shape: shape of the mask where values are to share it, e.g. (None, 1, 1, c) drops whole feature maps.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.rate = check_rate(type(self).__name__, rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if self.noise_shape is not None and (
            len(self.noise_shape) != len(input_shape)
            or any(m not in (None, 1, s) for m, s in zip(self.noise_shape[1:], input_shape[1:], strict=True))
        ):
            raise ValueError(
                f"{self.name}: expected a noise_shape of {len(input_shape)} sizes, each None, 1 or that of "
                f"{input_shape}, received {self.noise_shape}. Put 1 for each axis that shares its mask."
            )
        self.rng = rng if self.seed is None else np.random.default_rng(self.seed)
        return input_shape

    def draw_mask(self, shape: tuple[int, ...]) -> Array:
        """A fresh mask for a batch of this shape: zeros, and 1/(1 − rate) for what stays."""
        if self.noise_shape is not None:
            shape = tuple(s if m is None else m for m, s in zip(self.noise_shape, shape, strict=True))
        key = np.uint64(self.rng.integers(2**64, dtype=np.uint64))
        return self.kernels.dropout_mask(key, shape, round(self.rate * 2**16), self.dtype.type(self.factor))

    @property
    def factor(self) -> float:
        """What the values that stay are multiplied by."""
        return 0.0 if self.rate == 1 else 1 / (1 - self.rate)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if not training:
            return x
        mask = self.draw_mask(x.shape)
        self._save(x.shape, mask)
        return self.kernels.dropout_apply(x, mask)

    def backward(self, dy: Array) -> Array:
        dy, mask = self._restore(dy)
        return self.kernels.dropout_apply(dy, mask)


def check_rate(layer: str, rate: Any, below_one: bool = False) -> float:
    if not isinstance(rate, (int, float, np.number)) or not 0 <= rate <= 1 or (below_one and rate == 1):
        most = "below 1" if below_one else "1"
        raise ValueError(
            f"{layer}: expected a rate from 0 to {most}, received {rate!r}. "
            "It is the share of values to drop: try 0.25."
        )
    return float(rate)

"""Dropout for selu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn.kernels.modern_activations import SELU_ALPHA, SELU_SCALE
from tinycnn.layers.base import Array, LayerOptions
from tinycnn.layers.dropout import Dropout, check_rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AlphaDropout(Dropout):
    """In training, set each value to what selu is at −∞, with probability ``rate``; then scale and shift all.

    Behind a selu, whose outputs have mean 0 and variance 1, they keep both. In inference, y is x.

    Math:    y = a·x + b with probability 1 − rate, else a·s + b;   s = −1.7581
             a = 1/√((1 − rate)(1 + rate·s²))    b = −a·s·rate;   dx = a·dy where x was kept, else 0
    Shapes:  x, y (n, ...)
    Keeps:   the mask: a, and 0 for what was dropped
    Source:  Klambauer et al. 2017, arXiv:1706.02515
    Keras:   same arguments. The masks themselves differ from Keras's for the same seed

    Args:
        rate: the share of values to drop, from 0 to below 1.
        noise_shape: shape of the mask where values are to share it, as in `Dropout`.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(check_rate("AlphaDropout", rate, below_one=True), noise_shape, seed, **options)

    @property
    def factor(self) -> float:
        return float(((1 - self.rate) * (1 + self.rate * SATURATED**2)) ** -0.5)

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if not training:
            return x
        mask = self.draw_mask(x.shape)
        self._save(x.shape, mask)
        dropped = self.factor * SATURATED
        shift = -dropped * self.rate
        addend = np.where(mask > 0, self.dtype.type(shift), self.dtype.type(dropped + shift))
        return self.kernels.dropout_apply(x, mask) + addend


SATURATED = -SELU_ALPHA * SELU_SCALE  # selu(−∞)

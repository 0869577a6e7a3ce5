"""Dropout of whole maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, LayerOptions, Shape
from tinycnn.layers.dropout import Dropout
from tinycnn.layers.windows import check_channels_last, check_images

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SpatialDropout2D(Dropout):
    """In training, set each channel of each image to zero with probability ``rate``: `Dropout` with one mask for all
    its pixels, which, being neighbours, would make up for each other.

    Math:    y = x·mask;   dx = dy·mask
    Shapes:  x, y (n, h, w, c);  mask (n, 1, 1, c)
    Keeps:   the mask
    Source:  Tompson et al. 2015, arXiv:1411.4280
    Keras:   same arguments. The masks themselves differ from Keras's for the same seed

    Args:
        rate: the share of channels to drop, from 0 to 1.
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(rate, seed=seed, **options)
        self.data_format = check_channels_last("SpatialDropout2D", data_format)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"dtype": self.dtype.name}
        del config["trainable"]  # which Keras's layer does not take
        return config

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        check_images(self.name, input_shape)
        return super()._build(input_shape, rng)

    def draw_mask(self, shape: tuple[int, ...]) -> Array:
        return super().draw_mask((shape[0], 1, 1, shape[3]))

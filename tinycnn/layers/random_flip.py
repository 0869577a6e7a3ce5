"""Images turned over at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, LayerOptions
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.layers.resampling import check_choice
from tinycnn.layers.windows import check_channels_last

if TYPE_CHECKING:
    from typing_extensions import Unpack

AXES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(RandomLayer):
    """In training, mirror each image with probability 1/2; in inference, y is x.

    Math:    y = x or its mirror image;   dx is dy, mirrored likewise
    Shapes:  x, y (n, h, w, c)
    Keeps:   which images were mirrored
    Keras:   same arguments. As there, "horizontal_and_vertical" does both or neither: half a turn. The choices
             themselves differ from Keras's for the same seed

    Args:
        mode: "horizontal" (left and right change places), "vertical", or "horizontal_and_vertical".
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(seed=seed, **options)
        self.mode = check_choice("RandomFlip", "mode", mode, tuple(AXES))
        self.data_format = check_channels_last("RandomFlip", data_format)

    def draw(self, shape: tuple[int, ...]) -> Array:
        return self.rng.random(shape[0]) < 0.5

    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        return np.where(drawn[:, None, None, None], np.flip(x, AXES[self.mode]), x), drawn

    def change_back(self, dy: Array, kept: Any) -> Array:
        return self.change(dy, kept)[0]

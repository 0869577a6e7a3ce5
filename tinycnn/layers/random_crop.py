"""Parts of images, taken at random places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, LayerOptions, Shape
from tinycnn.layers.center_crop import Crop
from tinycnn.layers.random_layer import RandomLayer
from tinycnn.layers.windows import check_channels_last, check_images, crop, pad, pair

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RandomCrop(RandomLayer):
    """In training, cut ``height`` by ``width`` pixels out of the images at a random place; in inference, in the middle.

    Where images are not larger than that both ways, their middle is taken in training, too, as by `CenterCrop`.

    Math:    y[n, i, j, c] = x[n, top + i, left + j, c], one place for the whole batch;   dx is dy with zeros around it
    Shapes:  x (n, h, w, c);  y (n, height, width, c)
    Keeps:   top and left
    Keras:   same arguments; the places differ from Keras's for the same seed. In inference Keras's documentation
             promises the middle, too; Keras 3.15 hands on the whole image, which does not fit the layer behind

    Args:
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(seed=seed, **options)
        self.height, self.width = pair("RandomCrop", "height and width", (height, width))
        self.data_format = check_channels_last("RandomCrop", data_format)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        super()._build(input_shape, rng)
        h, w, channels = check_images(self.name, input_shape)
        self.middle = Crop((h, w), (self.height, self.width))
        return (None, self.height, self.width, channels)

    def forward(self, x: Array, training: bool = False) -> Array:
        return super().forward(x, training) if training else self.middle.forward(self._check_input(x))

    def draw(self, shape: tuple[int, ...]) -> Any:
        """What is cut off on each side; None for what is left of the middle."""
        _, h, w, _ = shape
        if h <= self.height or w <= self.width:
            return None
        top, left = (int(self.rng.integers(size + 1)) for size in (h - self.height, w - self.width))
        return (top, h - top - self.height), (left, w - left - self.width)

    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        return (self.middle.forward(x) if drawn is None else np.ascontiguousarray(crop(x, drawn))), drawn

    def change_back(self, dy: Array, kept: Any) -> Array:
        return self.middle.backward(dy) if kept is None else pad(dy, kept)

"""What the layers that change images at random have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.layers.windows import check_images

if TYPE_CHECKING:
    from typing_extensions import Unpack

Factor = float | Sequence[float]


class RandomLayer(Layer):
    """In training, change each image at random and anew in every step; in inference, y is x, the same array.

    A layer defines `draw`, which makes the random numbers for a batch, `change`, and `change_back`, its transpose.
    The numbers come from the layer's own stream, ``rng``: from its ``seed``, or from the model's seed.
    """

    rng: np.random.Generator
    seed: int | None

    def __init__(self, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.seed = seed

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        check_images(self.name, input_shape)
        self.rng = rng if self.seed is None else np.random.default_rng(self.seed)
        return input_shape

    @abstractmethod
    def draw(self, shape: tuple[int, ...]) -> Any:
        """The random numbers for a batch of this shape (n, h, w, c)."""

    @abstractmethod
    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        """The changed images, and what `change_back` needs."""

    @abstractmethod
    def change_back(self, dy: Array, kept: Any) -> Array:
        """The gradient with respect to the images."""

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if not training:
            return x
        y, kept = self.change(x, self.draw(x.shape))
        self._save(y.shape, kept)
        return y

    def backward(self, dy: Array) -> Array:
        dy, kept = self._restore(dy)
        return self.change_back(dy, kept)

    def backward_parameters(self, dy: Array) -> None:
        self._restore(dy)


def bounds(layer: str, argument: str, factor: Any, low: float, high: float) -> tuple[float, float]:
    """``0.2`` -> ``(-0.2, 0.2)``, but no lower than ``low``; of two numbers, the lower one first."""
    both = list(factor) if isinstance(factor, (tuple, list)) else [factor]
    numbers = all(isinstance(f, (int, float, np.number)) and not isinstance(f, bool) for f in both)
    if len(both) not in (1, 2) or not numbers or not all(low <= f <= high for f in both):
        raise ValueError(
            f"{layer}: expected {argument} as a number or two numbers from {low:g} to {high:g}, received {factor!r}. "
            "0.2 stands for (-0.2, 0.2)."
        )
    if len(both) == 1:
        return max(-abs(float(both[0])), float(low)), abs(float(both[0]))
    return float(min(both)), float(max(both))

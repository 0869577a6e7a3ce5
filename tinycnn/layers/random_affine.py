"""Images turned, shifted and zoomed at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, LayerOptions
from tinycnn.layers.random_layer import Factor, RandomLayer, bounds
from tinycnn.layers.resampling import (
    FILL_MODES,
    INTERPOLATIONS,
    affine_taps,
    check_choice,
    gather,
    scatter,
)
from tinycnn.layers.windows import check_channels_last

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RandomAffine(RandomLayer):
    """In training, y(p) = x(A·p + b), with A and b of each image drawn at random; see `affine_taps`."""

    def __init__(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(seed=seed, **options)
        who = type(self).__name__
        self.fill_mode = check_choice(who, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = check_choice(who, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value
        self.data_format = check_channels_last(who, data_format)

    def change(self, x: Array, drawn: Any) -> tuple[Array, Any]:
        taps = affine_taps(drawn, (x.shape[1], x.shape[2]), self.interpolation, self.fill_mode, self.dtype)
        return gather(x, taps, self.fill_value), taps

    def change_back(self, dy: Array, kept: Any) -> Array:
        return scatter(dy, kept)


def matrices(a: Array, b: Array) -> Array:
    """(n, 2, 3): A and b of each image, side by side;  Shapes: a (n, 2, 2), b (n, 2)"""
    return np.concatenate([a, b[:, :, None]], axis=2)


def about_the_middle(a: Array, shape: tuple[int, ...]) -> Array:
    """The maps p -> A·(p − m) + m, m the middle of the image."""
    m = np.array([(shape[2] - 1) / 2, (shape[1] - 1) / 2])
    return matrices(a, m - a @ m)


def as_given(factor: Any) -> Any:
    """A factor as it goes into a file, from which pairs come back as lists."""
    return tuple(factor) if isinstance(factor, (tuple, list)) else factor


class RandomRotation(RandomAffine):
    """In training, turn each image about its middle; in inference, y is x.

    Math:    y(p) = x(R(θ)·(p − m) + m), θ uniform in 2π·factor, m the middle; positive angles turn to the left;
             dx is the transpose: each pixel gives its gradient to those that it came from
    Shapes:  x, y (n, h, w, c)
    Keeps:   where each pixel came from
    Keras:   same arguments, same map for an angle; the angles differ from Keras's for the same seed. (Its gradient with
             respect to x is TensorFlow's, which turns dy back and is near to the transpose.)

    Args:
        factor: share of a full turn, 0.1 for −36° … 36°, or (lower, upper).
        fill_mode, fill_value: what comes in at the edges: "reflect", "wrap", "nearest", or "constant", the value.
        interpolation: "bilinear" or "nearest".
        seed: a seed of the layer's own; by default its stream comes from the model's seed.
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.factor = bounds("RandomRotation", "factor", factor, -1, 1)

    def draw(self, shape: tuple[int, ...]) -> Array:
        return self.rotations(2 * np.pi * self.rng.uniform(*self.factor, shape[0]), shape)

    def rotations(self, angles: Array, shape: tuple[int, ...]) -> Array:
        cos, sin = np.cos(angles), np.sin(angles)
        a = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
        return about_the_middle(a, shape)


class RandomTranslation(RandomAffine):
    """In training, shift each image; in inference, y is x.

    Math:    y(p) = x(p − t), t = (w·u₂, h·u₁), u₁ uniform in height_factor, u₂ in width_factor; positive shifts go down
             and to the right;   dx is the transpose: each pixel gives its gradient to those that it came from
    Shapes:  x, y (n, h, w, c)
    Keeps:   where each pixel came from
    Keras:   same arguments, same map for a shift; the shifts differ from Keras's for the same seed

    Args:
        height_factor, width_factor: share of the size, 0.1 for −10 % … 10 %, or (lower, upper).
        fill_mode, fill_value, interpolation, seed: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor, self.width_factor = as_given(height_factor), as_given(width_factor)
        self._down = bounds("RandomTranslation", "height_factor", height_factor, -1, 1)
        self._right = bounds("RandomTranslation", "width_factor", width_factor, -1, 1)

    def draw(self, shape: tuple[int, ...]) -> Array:
        n, h, w, _ = shape
        down = h * self.rng.uniform(*self._down, n)
        right = w * self.rng.uniform(*self._right, n)
        return self.translations(down, right)

    def translations(self, down: Array, right: Array) -> Array:
        return matrices(np.broadcast_to(np.eye(2), (len(down), 2, 2)), -np.stack([right, down], 1))


class RandomZoom(RandomAffine):
    """In training, zoom each image in or out; in inference, y is x.

    Math:    y(p) = x(Z·(p − m) + m), Z = diag(1 + u₂, 1 + u₁), m the middle, u₁ uniform in height_factor, u₂ in
             width_factor; negative numbers enlarge;   dx is the transpose
    Shapes:  x, y (n, h, w, c)
    Keeps:   where each pixel came from
    Keras:   same arguments, same map for a zoom; the zooms differ from Keras's for the same seed

    Args:
        height_factor: 0.2 for 20 % smaller … 20 % larger, or (lower, upper).
        width_factor: likewise; by default images keep their proportions.
        fill_mode, fill_value, interpolation, seed: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **options)
        self.height_factor, self.width_factor = as_given(height_factor), as_given(width_factor)
        self._height = bounds("RandomZoom", "height_factor", height_factor, -1, 1)
        self._width = None if width_factor is None else bounds("RandomZoom", "width_factor", width_factor, -1, 1)

    def draw(self, shape: tuple[int, ...]) -> Array:
        height = 1 + self.rng.uniform(*self._height, shape[0])
        width = height if self._width is None else 1 + self.rng.uniform(*self._width, shape[0])
        return self.zooms(height, width, shape)

    def zooms(self, height: Array, width: Array, shape: tuple[int, ...]) -> Array:
        return about_the_middle(np.stack([width, height], 1)[:, :, None] * np.eye(2), shape)

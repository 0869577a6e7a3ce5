"""Images on another grid: each new pixel is a weighted sum of a few old ones, so the way back is the transpose."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinycnn.layers.base import Array
from tinycnn.layers.windows import Pair

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("bilinear", "nearest")


def check_choice(layer: str, argument: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(
            f"{layer}: expected {argument} one of {', '.join(choices)}, received {value!r}. Use one of these."
        )
    return value


# Another size


class AxisTaps(NamedTuple):
    """The two old places that each new place of an axis comes from, and the second one's share."""

    first: Array
    second: Array
    share: Array


def axis_taps(size: int, new_size: int, interpolation: str) -> AxisTaps:
    """Math:    New place i lies at p = (i + ½)·size/new_size − ½ of the old axis, or at its first or last place.

    bilinear: (1 − f)·x[⌊p⌋] + f·x[⌊p⌋ + 1], f = p − ⌊p⌋;   nearest: x[⌊p + ½⌋]
    """
    places = (np.arange(new_size, dtype="float32") + np.float32(0.5)) * np.float32(size / new_size)
    if interpolation == "nearest":
        nearest = np.minimum(places.astype(int), size - 1)
        return AxisTaps(nearest, nearest, np.zeros(new_size, "float32"))
    places = np.clip(places - np.float32(0.5), 0, size - 1)
    first = places.astype(int)
    return AxisTaps(first, np.minimum(first + 1, size - 1), places - first)


def resize(x: Array, size: Pair, interpolation: str = "bilinear") -> Array:
    """Both axes one after the other;  Shapes: x (n, h, w, c) -> y (n, *size, c)"""
    for axis, new_size in zip((1, 2), size, strict=True):
        first, second, share = axis_taps(x.shape[axis], new_size, interpolation)
        share = _along(axis, share.astype(x.dtype))
        x = (1 - share) * x.take(first, axis) + share * x.take(second, axis)
    return x


def resize_back(dy: Array, size: Pair, interpolation: str = "bilinear") -> Array:
    """The transpose of `resize`;  Shapes: dy (n, new_h, new_w, c) -> dx (n, *size, c)"""
    for axis, old_size in zip((1, 2), size, strict=True):
        first, second, share = axis_taps(old_size, dy.shape[axis], interpolation)
        dx = np.zeros((*dy.shape[:axis], old_size, *dy.shape[axis + 1 :]), dy.dtype)
        lines, gradients = np.moveaxis(dx, axis, 0), np.moveaxis(dy, axis, 0)
        for i, f in enumerate(share.astype(dy.dtype)):  # a line at a time: np.add.at takes many times as long
            lines[first[i]] += (1 - f) * gradients[i]
            lines[second[i]] += f * gradients[i]
        dy = dx
    return dy


def _along(axis: int, values: Array) -> Array:
    return values.reshape(-1, *[1] * (3 - axis))


def middle(image: Pair, shape: Pair) -> tuple[Pair, Pair]:
    """Top and left of the largest part of an image that is as high and wide as ``shape`` in proportion; its size."""
    (h, w), (height, width) = image, shape
    part_h, part_w = max(min(h, int(w * height / width)), 1), max(min(w, int(h * width / height)), 1)
    return ((h - part_h) // 2, (w - part_w) // 2), (part_h, part_w)


# An affine map


class Taps(NamedTuple):
    """Where each new pixel comes from: four old ones, or one, counted row by row, and their weights.

    Shapes:  places, weights (n, taps, h·w). Place h·w is a pixel outside, which has the fill value.
    """

    places: Array
    weights: Array


def affine_taps(matrices: Array, image: Pair, interpolation: str, fill_mode: str, dtype: np.dtype) -> Taps:
    """The taps of y(p) = x(A·p + b) for every pixel p = (column, row); outside the image as ``fill_mode`` says.

    Fill:    reflect: dcba|abcd|dcba;  nearest: aaaa|abcd|dddd;  constant: a value of its own;  wrap: abcd|abcd|abcd
             (as TensorFlow has it, which takes an edge's pixel where a whole width is not quite left)
    Shapes:  matrices (n, 2, 3): A and b of each image
    """
    h, w = image
    columns, rows = np.meshgrid(np.arange(w), np.arange(h))
    pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(h * w)])  # (3, h·w)
    column, row = np.moveaxis(matrices @ pixels, 1, 0)  # (n, h·w) each
    column, row = _into_image(column, w, fill_mode), _into_image(row, h, fill_mode)
    if interpolation == "nearest":
        corners = [(_rounded(row), _rounded(column), np.ones_like(row))]
    else:
        top, left = np.floor(row), np.floor(column)
        down, right = row - top, column - left
        corners = [
            (top, left, (1 - down) * (1 - right)),
            (top, left + 1, (1 - down) * right),
            (top + 1, left, down * (1 - right)),
            (top + 1, left + 1, down * right),
        ]
    places = [np.where((i >= 0) & (i < h) & (j >= 0) & (j < w), i * w + j, h * w).astype(int) for i, j, _ in corners]
    return Taps(np.stack(places, 1), np.stack([weight for _, _, weight in corners], 1).astype(dtype))


def _into_image(p: Array, size: int, fill_mode: str) -> Array:
    if fill_mode == "constant":
        return p
    if fill_mode == "reflect":
        p = np.mod(p + 0.5, 2 * size)
        p = np.minimum(p, 2 * size - p) - 0.5
    elif fill_mode == "wrap" and size > 1:
        before = p + size * (np.trunc(-p / (size - 1)) + 1)
        behind = p - size * np.trunc(p / (size - 1))
        p = np.where(p < 0, before, np.where(p > size - 1, behind, p))
    return np.clip(p, 0, size - 1)


def _rounded(p: Array) -> Array:
    return np.copysign(np.floor(np.abs(p) + 0.5), p)  # a half goes away from zero


def gather(x: Array, taps: Taps, fill_value: float) -> Array:
    """y[p] = Σ weights·x[places];  Shapes: x, y (n, h, w, c)"""
    n, h, w, c = x.shape
    pixels = np.concatenate([x.reshape(n, h * w, c), np.full((n, 1, c), fill_value, x.dtype)], axis=1)
    y = np.zeros((n, h * w, c), x.dtype)
    for place, weight in zip(np.moveaxis(taps.places, 1, 0), np.moveaxis(taps.weights, 1, 0), strict=True):
        y += weight[:, :, None] * np.take_along_axis(pixels, place[:, :, None], axis=1)
    return y.reshape(x.shape)


def scatter(dy: Array, taps: Taps) -> Array:
    """The transpose of `gather`: dx[places] += weights·dy[p];  Shapes: dy, dx (n, h, w, c)"""
    n, h, w, c = dy.shape
    dx = np.zeros((n, h * w + 1, c), dy.dtype)
    images = np.arange(n)[:, None]
    for place, weight in zip(np.moveaxis(taps.places, 1, 0), np.moveaxis(taps.weights, 1, 0), strict=True):
        np.add.at(dx, (images, place), weight[:, :, None] * dy.reshape(n, h * w, c))
    return np.ascontiguousarray(dx[:, :-1]).reshape(dy.shape)

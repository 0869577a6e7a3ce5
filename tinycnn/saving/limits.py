"""What a file may make: layers and images of a size that can be trained here, no more weights than it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinycnn.files import shorten
from tinycnn.initializers import Initializer
from tinycnn.layers import Layer

# A file must not make a model that no memory could hold: these are far beyond what can be trained here.
MOST_LAYERS = 1000
_MOST_PIXELS = 2**23  # of an image


class _Placeholder(Initializer):
    """Zeros where weights will be read from a file, instead of random numbers, and not more than the file can hold."""

    def __init__(self, most: float):
        self.most = most

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None, dtype: Any = "float32") -> Any:
        self.most -= math.prod(shape)
        if self.most < 0:
            raise ValueError(
                f"expected no more weights than the file holds, received an array of shape {tuple(shape)}. "
                "Save the model anew."
            )
        return np.zeros(shape, dtype)


@contextmanager
def limited(layer: Layer, most_weights: float) -> Iterator[None]:
    """Inside, the layer's initializers make placeholders, unless there is no limit."""
    own = {name: value for name, value in vars(layer).items() if isinstance(value, Initializer)}
    if most_weights < math.inf:
        placeholder = _Placeholder(most_weights)
        vars(layer).update(dict.fromkeys(own, placeholder))
    try:
        yield
    finally:
        vars(layer).update(own)


def check_pixels(shape: Any) -> None:
    pixels = math.prod(shape[1:-1])
    if pixels > _MOST_PIXELS:
        raise ValueError(f"expected images of {_MOST_PIXELS} pixels at most, received {pixels}. Make them smaller.")


@contextmanager
def named(what: str, way_out: str = "") -> Iterator[None]:
    """Errors of the work inside begin with what it was about, and end with another way out, where there is one."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{what}: {shorten(error)}{way_out}") from error

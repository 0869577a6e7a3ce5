"""The images that a model in the lab trains on."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.datasets import digits, mnist
from tinycnn.train.data import prepared

Array = np.ndarray

CONTRASTS = ((0.0, 1.0), (0.3, 3.0), (0.45, 4.0), (0.55, 5.0))


def as_drawn(x: Array, y: Array) -> tuple[Array, Array]:
    """The bundled digits as they are, and in three contrasts: they are 8x8 images enlarged, a pen's lines are sharp.

    A network that has only seen the soft ones reads two of five drawings, one that has seen these too nine of ten
    (`python -m benchmarks.lab --data digits` counts).

    Math:    x ← min(max((x − a)·b, 0), 1) for each pair (a, b)
    Shapes:  x (n, h, w, c) from 0 to 1, y (n,);  (4n, h, w, c), (4n,)
    """
    several = [np.clip((x - a) * b, 0, 1).astype(x.dtype) for a, b in CONTRASTS]
    return np.concatenate(several), np.tile(y, len(CONTRASTS))


def images_for(model: Any, data: str) -> tuple[Any, Any]:
    """Training and test images of the data set, "mnist" or "digits", if the model takes such: else None."""
    if tuple(model.input_shape[1:]) != (28, 28, 1):
        return None, None
    if data == "mnist":
        images, _, others = prepared(data, *mnist.load_data(), None)
        return images, others
    images, _, others = prepared(data, *digits.load_data(), None)
    return as_drawn(*images), others

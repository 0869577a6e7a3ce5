"""Dropout, written to be read."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


def dropout_mask(numbers: Array, least: int, scale: Any) -> Array:
    """What each value is multiplied by: ``scale`` where its random number is large enough, else 0.

    Math:    mask = scale·[numbers >= least]
    Shapes:  numbers (...), from 0 to 65,535, all equally likely;  least from 0 to 65,536;  mask of numbers' shape and
             scale's dtype
    """
    return (numbers >= least) * scale


def dropout_apply(x: Array, mask: Array) -> Array:
    """y = x·mask, and backward the same: dx = dy·mask. An axis of size one in ``mask`` is shared."""
    return x * mask

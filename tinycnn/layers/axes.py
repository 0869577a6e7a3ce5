"""Which axes of its inputs a layer works along."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.layers.base import Shape


def sample_axes(layer: str, axis: Any, input_shape: Shape) -> tuple[int, ...]:
    """``-1`` or ``(1, -1)`` of a shape (None, h, w, c) -> ``(3,)``, ``(1, 3)``: counted from the front, in order."""
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    n = len(input_shape)
    axes = {int(a) % n for a in given if isinstance(a, (int, np.integer)) and -n <= a < n} - {0}
    if not axes or len(axes) < len(given):
        raise ValueError(
            f"{layer}: expected different axes of inputs of shape {input_shape}, other than the batch axis, "
            f"received axis={axis}. Use -1 for the channels."
        )
    return tuple(sorted(axes))

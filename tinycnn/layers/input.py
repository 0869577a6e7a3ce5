"""The shape of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Input:
    """Says what shape one sample has; a model's first entry, not a layer: it computes nothing and is not listed.

    Args:
        shape: shape of one sample, e.g. (28, 28, 1); the batch axis is not part of it.
    """

    def __init__(self, shape: Sequence[int] | None = None, **unsupported: Any):
        if unsupported or shape is None:
            raise TypeError(
                f"Input: expected shape=(height, width, channels), received {', '.join(unsupported) or 'nothing'}. "
                "Write Input(shape=(28, 28, 1))."
            )
        self.shape = (None, *shape)


InputLayer = Input

"""The shape of a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinycnn.layers.base import check_sample_shape


class Input:
    """Says what shape one sample has; a model's first entry, not a layer: it computes nothing and is not listed.

    Args:
        shape: shape of one sample, e.g. (28, 28, 1); the batch axis is not part of it.
        name, dtype: accepted as in Keras, without effect: nothing is computed here.
    """

    def __init__(
        self, shape: Sequence[int] | None = None, *, name: str | None = None, dtype: Any = None, **unsupported: Any
    ):
        if unsupported or shape is None:
            raise TypeError(
                f"Input: expected shape=(height, width, channels), received {', '.join(unsupported) or 'nothing'}. "
                "Write Input(shape=(28, 28, 1))."
            )
        self.shape = (None, *check_sample_shape("Input", shape))


InputLayer = Input

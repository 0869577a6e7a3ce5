"""Where the images of a model come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.layers.base import Array, Layer, Shape, check_one_shape
from tinycnn.tensors import KerasTensor


class InputLayer(Layer):
    """The first entry of a model: says what shape one sample has, and hands the samples on.

    Args:
        shape: shape of one sample, e.g. (28, 28, 1); the batch axis is not part of it.
        batch_size: accepted as in Keras, without effect: batches may have any size.
        dtype: as in Keras, of what will be passed; layers convert it to their own.
        name: by default "input_layer", numbered through the process as in Keras.
        batch_shape: the shape with the batch axis, instead of ``shape``.
        input_shape, batch_input_shape: former names of ``shape`` and ``batch_shape``.

    Math:    y = x
    Keeps:   nothing
    """

    def __init__(
        self,
        shape: Sequence[int] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_shape: Sequence[int] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        **unsupported: Any,
    ):
        sample_shape = check_one_shape(
            "Input",
            {"shape": shape, "input_shape": input_shape},
            {"batch_shape": batch_shape, "batch_input_shape": batch_input_shape},
        )
        if unsupported or sample_shape is None:
            raise TypeError(
                f"Input: expected shape=(height, width, channels), received {', '.join(unsupported) or 'nothing'}. "
                "Write Input(shape=(28, 28, 1))."
            )
        super().__init__(name=name)
        self.given_dtype = np.dtype("float32" if dtype is None else dtype).name
        self.input_shape = self.output_shape = self.shape = (None, *sample_shape)
        self.built = True

    @property
    def output(self) -> KerasTensor:
        """The place where the samples come in."""
        if self._output is None:
            self._output = KerasTensor(self.shape, self.given_dtype, self.name, self)
        return self._output

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if training:
            self._save(x.shape)
        return x

    def backward(self, dy: Array) -> Array:
        (dy,) = self._restore(dy)
        return dy

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.shape,
            "dtype": self.given_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    **options: Any,
) -> KerasTensor:
    """The place where images come in, to start a `Sequential` with or to call layers on; see `InputLayer`."""
    return InputLayer(shape, batch_size, dtype, **options).output

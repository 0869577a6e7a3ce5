"""Functions that have other arguments in TensorFlow than in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.keras import ops
from tinycnn.keras.ops import convert_to_tensor
from tinycnn.tensors import Tensor, as_tensor


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """``value`` as an array, of this shape; one number fills it. ``name`` is accepted, without effect."""
    array = convert_to_tensor(value, dtype)
    if shape is None:
        return array
    return as_tensor(np.full(shape, array) if array.size == 1 else array.reshape(shape))


def is_tensor(x: Any) -> bool:
    """Whether functions of this module, models or losses have made it."""
    return isinstance(x, Tensor)


def reshape(tensor: Any, shape: Any) -> Tensor:
    """The same numbers in another shape; -1 stands for the size that is left over."""
    return ops.reshape(tensor, shape)


def transpose(a: Any, perm: Any = None) -> Tensor:
    """The axes in another order, by default the reverse."""
    return ops.transpose(a, perm)


def concat(values: Any, axis: int) -> Tensor:
    """Arrays one behind the other along an axis."""
    return ops.concatenate(values, axis)


def gather(params: Any, indices: Any, axis: int = 0) -> Tensor:
    """The entries of these numbers along an axis."""
    return ops.take(params, indices, axis)


def where(condition: Any, x: Any = None, y: Any = None) -> Tensor:
    """x where the condition holds, else y; without both the places where it does, one a row."""
    if x is None and y is None:
        return as_tensor(np.argwhere(condition))
    return ops.where(condition, x, y)


def one_hot(
    indices: Any, depth: int, on_value: float = 1, off_value: float = 0, axis: int = -1, dtype: Any = "float32"
) -> Tensor:
    """``on_value`` at the place of each label, ``off_value`` elsewhere; that alone for labels outside 0 … depth − 1"""
    hot = ops.one_hot(indices, depth, axis, dtype="bool")
    return as_tensor(np.where(hot, on_value, off_value), dtype)


def shape(input: Any) -> Tensor:
    """The sizes of the axes."""
    return as_tensor(np.shape(input), "int32")


def rank(input: Any) -> Tensor:
    """The number of axes."""
    return as_tensor(np.ndim(input), "int32")


def size(input: Any) -> Tensor:
    """How many numbers there are."""
    return as_tensor(np.size(input), "int32")


def zeros(shape: Any, dtype: Any = "float32") -> Tensor:
    """Zeros."""
    return as_tensor(np.zeros(shape, dtype))


def ones(shape: Any, dtype: Any = "float32") -> Tensor:
    """Ones."""
    return as_tensor(np.ones(shape, dtype))


def fill(dims: Any, value: Any) -> Tensor:
    """An array of this shape that holds one number everywhere."""
    return as_tensor(np.full(dims, convert_to_tensor(value)))


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = "float32") -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    return as_tensor(np.eye(num_rows, num_columns, dtype=dtype))


def linspace(start: float, stop: float, num: int) -> Tensor:
    """``num`` numbers at equal distances, from start to stop."""
    return convert_to_tensor(np.linspace(start, stop, num).tolist())


def range(start: float, limit: float | None = None, delta: float = 1, dtype: Any = None) -> Tensor:
    """From start up to limit, without it, in steps; from 0 to the one number that is given."""
    return ops.arange(start, limit, delta, dtype)

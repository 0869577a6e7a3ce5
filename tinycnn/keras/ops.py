"""Functions on arrays under the names of ``keras.ops``: NumPy's, and what they return has ``numpy()``.

They compute numbers and no gradients: for metrics, for looking at predictions, for preparing data.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinycnn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from tinycnn.tensors import Tensor, as_tensor
from tinycnn.utils import floatx

__all__ = [
    "abs",
    "add",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "cast",
    "ceil",
    "clip",
    "concatenate",
    "convert_to_numpy",
    "convert_to_tensor",
    "divide",
    "dot",
    "elu",
    "equal",
    "exp",
    "expand_dims",
    "eye",
    "floor",
    "gelu",
    "greater",
    "greater_equal",
    "isnan",
    "leaky_relu",
    "less",
    "less_equal",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "power",
    "prod",
    "relu",
    "relu6",
    "reshape",
    "round",
    "selu",
    "shape",
    "sigmoid",
    "sign",
    "silu",
    "size",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "take",
    "tanh",
    "tile",
    "transpose",
    "var",
    "where",
    "zeros",
    "zeros_like",
]


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """``x`` as an array; Python's fractions become `keras.backend.floatx`, its whole numbers int32 where they fit."""
    array = np.asarray(x, dtype)
    if dtype is None and not hasattr(x, "dtype"):
        if array.dtype == np.float64:
            array = array.astype(floatx())
        elif array.dtype == np.int64 and np.array_equal(array, array.astype("int32")):
            array = array.astype("int32")
    return as_tensor(array)


def convert_to_numpy(x: Any) -> np.ndarray:
    """``x`` as a plain array."""
    return np.asarray(convert_to_tensor(x))


def cast(x: Any, dtype: Any) -> Tensor:
    """``x`` in another dtype; fractions are cut off where that holds whole numbers alone."""
    return as_tensor(convert_to_tensor(x).astype(dtype))


def shape(x: Any) -> tuple[int, ...]:
    """The sizes of the axes."""
    return np.shape(x)


def size(x: Any) -> int:
    """How many numbers there are."""
    return np.size(x)


def _of_one(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """A function of NumPy's with arguments of NumPy's, its first a tensor."""

    @functools.wraps(function)
    def of_one(x: Any, *args: Any, **kwargs: Any) -> Tensor:
        return as_tensor(function(convert_to_tensor(x), *args, **kwargs))

    return of_one


abs = _of_one(np.abs)
ceil = _of_one(np.ceil)
exp = _of_one(np.exp)
floor = _of_one(np.floor)
isnan = _of_one(np.isnan)
log = _of_one(np.log)
logical_not = _of_one(np.logical_not)
negative = _of_one(np.negative)
ones_like = _of_one(np.ones_like)
round = _of_one(np.round)
sign = _of_one(np.sign)
sqrt = _of_one(np.sqrt)
square = _of_one(np.square)
tile = _of_one(np.tile)
zeros_like = _of_one(np.zeros_like)


def _operands(*xs: Any) -> list[Any]:
    """Tensors; Python's numbers beside them stay what they are and take their dtype."""
    are_numbers = [isinstance(x, (int, float)) for x in xs]
    if False not in are_numbers:
        return [convert_to_tensor(x) for x in xs]
    return [x if is_number else convert_to_tensor(x) for x, is_number in zip(xs, are_numbers, strict=True)]


def _of_two(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Tensor]:
    """A function of NumPy's of two tensors."""

    @functools.wraps(function)
    def of_two(x1: Any, x2: Any) -> Tensor:
        return as_tensor(function(*_operands(x1, x2)))

    return of_two


add = _of_two(np.add)
divide = _of_two(np.true_divide)
dot = _of_two(np.dot)
equal = _of_two(np.equal)
greater = _of_two(np.greater)
greater_equal = _of_two(np.greater_equal)
less = _of_two(np.less)
less_equal = _of_two(np.less_equal)
logical_and = _of_two(np.logical_and)
logical_or = _of_two(np.logical_or)
matmul = _of_two(np.matmul)
maximum = _of_two(np.maximum)
minimum = _of_two(np.minimum)
multiply = _of_two(np.multiply)
not_equal = _of_two(np.not_equal)
power = _of_two(np.power)
subtract = _of_two(np.subtract)

Axis = int | Sequence[int] | None


def _places(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _over_axes(function: Callable[..., Any], of_fractions: bool = False) -> Callable[..., Tensor]:
    """A function of NumPy's that takes axes away; ``of_fractions``: its result is one, whole numbers become floatx."""

    @functools.wraps(function)
    def over_axes(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
        x = convert_to_tensor(x)
        if of_fractions and x.dtype.kind != "f":
            x = cast(x, floatx())
        return as_tensor(function(x, axis=_places(axis), keepdims=keepdims))

    return over_axes


all = _over_axes(np.all)
any = _over_axes(np.any)
max = _over_axes(np.max)
mean = _over_axes(np.mean, of_fractions=True)
min = _over_axes(np.min)
prod = _over_axes(np.prod)
std = _over_axes(np.std, of_fractions=True)
sum = _over_axes(np.sum)
var = _over_axes(np.var, of_fractions=True)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest number is along an axis, the first of several; of all numbers by default."""
    return as_tensor(np.argmax(convert_to_tensor(x), axis=axis, keepdims=keepdims), "int32")


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest number is along an axis, the first of several; of all numbers by default."""
    return as_tensor(np.argmin(convert_to_tensor(x), axis=axis, keepdims=keepdims), "int32")


def expand_dims(x: Any, axis: int | Sequence[int]) -> Tensor:
    """``x`` with one more axis, of size 1, in this place."""
    return as_tensor(np.expand_dims(convert_to_tensor(x), _places(axis)))


def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """``x`` without its axes of size 1, or without these of them."""
    return as_tensor(np.squeeze(convert_to_tensor(x), _places(axis)))


def reshape(x: Any, newshape: Any) -> Tensor:
    """The same numbers in another shape; -1 stands for the size that is left over."""
    return as_tensor(np.reshape(convert_to_tensor(x), newshape))


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, by default the reverse."""
    return as_tensor(np.transpose(convert_to_tensor(x), axes))


def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The places of the numbers along an axis, from the smallest to the largest."""
    return as_tensor(np.argsort(convert_to_tensor(x), axis=axis, kind="stable"), "int32")


def clip(x: Any, x_min: float, x_max: float) -> Tensor:
    """x, not below x_min and not above x_max"""
    return as_tensor(np.clip(convert_to_tensor(x), x_min, x_max))


def concatenate(xs: Any, axis: int = 0) -> Tensor:
    """Arrays one behind the other along an axis."""
    return as_tensor(np.concatenate([convert_to_tensor(x) for x in xs], axis=axis))


def stack(x: Any, axis: int = 0) -> Tensor:
    """Arrays of one shape along a new axis."""
    return as_tensor(np.stack([convert_to_tensor(part) for part in x], axis=axis))


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entries of these numbers along an axis."""
    return as_tensor(np.take(convert_to_tensor(x), np.asarray(indices), axis=axis))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """x1 where the condition holds, else x2; without both the places where it does, an array for each axis."""
    if x1 is None and x2 is None:
        return tuple(as_tensor(places) for places in np.nonzero(condition))
    return as_tensor(np.where(condition, *_operands(x1, x2)))


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None) -> Tensor:
    """A one at the place of each label and zeros elsewhere; zeros alone for labels outside 0 … num_classes − 1"""
    labels = np.asarray(x)[..., None]
    rows = (labels == np.arange(num_classes)).astype(floatx() if dtype is None else dtype)
    return as_tensor(np.moveaxis(rows, -1, axis))


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros, of `keras.backend.floatx` by default."""
    return as_tensor(np.zeros(shape, floatx() if dtype is None else dtype))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones, of `keras.backend.floatx` by default."""
    return as_tensor(np.ones(shape, floatx() if dtype is None else dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on a diagonal, zeros elsewhere."""
    return as_tensor(np.eye(N, M, k, floatx() if dtype is None else dtype))


def arange(start: float, stop: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """From start up to stop, without it, in steps; from 0 to the one number that is given."""
    first, last = (0, start) if stop is None else (start, stop)
    return convert_to_tensor(np.arange(first, last, step).tolist(), dtype)

"""What programs ask of Keras's backend: settings, values of variables, functions on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.keras.ops import (
    abs,
    all,
    any,
    argmax,
    argmin,
    cast,
    clip,
    concatenate,
    dot,
    elu,
    equal,
    exp,
    expand_dims,
    eye,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    max,
    maximum,
    mean,
    min,
    minimum,
    not_equal,
    one_hot,
    ones,
    ones_like,
    prod,
    relu,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    sum,
    tanh,
    tile,
    transpose,
    var,
    zeros,
    zeros_like,
)
from tinycnn.keras.ops import convert_to_tensor as constant
from tinycnn.keras.ops import power as pow
from tinycnn.keras.ops import shape as int_shape
from tinycnn.tensors import Tensor
from tinycnn.utils import clear_session, floatx, set_floatx

__all__ = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "backend",
    "cast",
    "cast_to_floatx",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "dot",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "floatx",
    "get_value",
    "greater",
    "greater_equal",
    "image_data_format",
    "int_shape",
    "less",
    "less_equal",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "pow",
    "prod",
    "relu",
    "reshape",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sum",
    "tanh",
    "tile",
    "transpose",
    "var",
    "zeros",
    "zeros_like",
]


def backend() -> str:
    """What computes: "numpy", with Numba beside it."""
    return "numpy"


def image_data_format() -> str:
    """Where the channels of images are: "channels_last", always."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Channels last are all that tinycnn has.

    Raises:
        ValueError: another format.
    """
    if data_format != "channels_last":
        raise ValueError(
            f"set_image_data_format: expected 'channels_last', received {data_format!r}. Move the channels to the end: "
            "x.transpose(0, 2, 3, 1)."
        )


def epsilon() -> float:
    """The small number that losses keep away from 0 and 1 by: 1e-7, always."""
    return 1e-7


def set_epsilon(value: float) -> None:
    """1e-7 is all that tinycnn has.

    Raises:
        ValueError: another number.
    """
    if value != epsilon():
        raise ValueError(
            f"set_epsilon: expected 1e-7, received {value!r}. Leave it, and give layers and optimizers an epsilon of "
            "their own: BatchNormalization(epsilon=...), Adam(epsilon=...)."
        )


def cast_to_floatx(x: Any) -> np.ndarray:
    """``x`` as an array of `floatx`."""
    return np.asarray(x, floatx())


def eval(x: Any) -> Any:
    """The numbers of a variable or a tensor; of one without axes, the number."""
    return np.asarray(x)[()]


get_value = eval


def set_value(x: Any, value: Any) -> None:
    """Assign to a variable or to an optimizer's learning rate."""
    x.assign(value)


def ndim(x: Any) -> int:
    """The number of axes."""
    return np.ndim(x)


def flatten(x: Any) -> Tensor:
    """All numbers in one row."""
    return reshape(x, -1)

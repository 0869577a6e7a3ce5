"""Activation functions by name, and as plain functions to try: ``relu(x)``, ``softmax(x)``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from tinycnn.kernels import modern_activations as modern
from tinycnn.kernels.activations import (
    ACTIVATIONS,
    elu_forward,
    leaky_relu_forward,
    linear_forward,
    sigmoid_forward,
    softmax_forward,
    tanh_forward,
)
from tinycnn.tensors import Tensor, as_tensor
from tinycnn.utils import lookup, underflow_is_zero

__all__ = [
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

Array = np.ndarray
F = TypeVar("F", bound=Callable[..., Any])


def _giving_tensors(function: F) -> F:
    """The function; what it returns has ``numpy()``, and underflow is no error in it."""

    @functools.wraps(function)
    def computing(*args: Any, **kwargs: Any) -> Tensor:
        return as_tensor(function(*args, **kwargs))

    return underflow_is_zero(cast(F, computing))


def _on_arrays(function: Callable[[Array], Array]) -> Callable[[Any], Array]:
    return _giving_tensors(lambda x: function(_as_float(x)))


linear = _on_arrays(linear_forward)
sigmoid = _on_arrays(sigmoid_forward)
tanh = _on_arrays(tanh_forward)
selu = _on_arrays(modern.selu_forward)
softplus = _on_arrays(modern.softplus_forward)
softsign = _on_arrays(modern.softsign_forward)
exponential = _on_arrays(modern.exponential_forward)
relu6 = _on_arrays(modern.relu6_forward)
hard_sigmoid = _on_arrays(modern.hard_sigmoid_forward)
silu = swish = _on_arrays(modern.silu_forward)
hard_silu = hard_swish = _on_arrays(modern.hard_silu_forward)
mish = _on_arrays(modern.mish_forward)


@_giving_tensors
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """x where x > threshold, from 0 to max_value where that is given; else negative_slope·(x − threshold)"""
    x = _as_float(x)
    y = np.where(x <= threshold, 0, x)  # NaN stays NaN
    if max_value is not None:
        y = np.clip(y, 0, max_value)
    return y + negative_slope * np.minimum(x - threshold, 0) if negative_slope else y


@_giving_tensors
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """x where x > 0, else negative_slope·x"""
    return leaky_relu_forward(_as_float(x), negative_slope)


@_giving_tensors
def elu(x: Any, alpha: float = 1.0) -> Array:
    """x where x > 0, else α·(exp(x) − 1)"""
    return elu_forward(_as_float(x), alpha)


@_giving_tensors
def gelu(x: Any, approximate: bool = False) -> Array:
    """x·Φ(x), Φ the normal distribution function; approximate: by x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2"""
    x = _as_float(x)
    if approximate:
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    return modern.gelu_forward(x)


@_giving_tensors
def softmax(x: Any, axis: int = -1) -> Array:
    """exp(x)/Σ exp(x) over an axis: positive numbers that sum to one"""
    return softmax_forward(_as_float(x), axis)


@_giving_tensors
def log_softmax(x: Any, axis: int = -1) -> Array:
    """The logarithm of `softmax`"""
    return np.moveaxis(modern.log_softmax_forward(np.moveaxis(_as_float(x), axis, -1)), -1, axis)


_OTHER_NAMES = {"swish": "silu", "hard_swish": "hard_silu"}
_FUNCTIONS = {globals()[name]: name for name in ACTIVATIONS}

#: What `get` takes, and so every argument that names an activation function.
Identifier = str | Callable[..., Any] | None


def get(identifier: Identifier) -> str:
    """The name of an activation function, from its name, the function itself, or None ("linear").

    Raises:
        ValueError: an unknown name or function.
    """
    if identifier is None:
        return "linear"
    if callable(identifier) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]
    if callable(identifier):
        raise ValueError(
            f"activation: expected a name or a function of tinycnn.activations, received {identifier!r}, whose "
            "derivative is not known. Write a name, or put a layer of its own behind this one: "
            "LeakyReLU(negative_slope=0.1)."
        )
    return lookup("activation", identifier, {**{name: name for name in ACTIVATIONS}, **_OTHER_NAMES})


def _as_float(x: Any) -> Array:
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float32)

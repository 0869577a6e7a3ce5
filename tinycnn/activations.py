"""Activation functions by name, and as plain functions to try: ``relu(x)``, ``softmax(x)``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinycnn.kernels.activations import (
    ACTIVATIONS,
    elu_forward,
    leaky_relu_forward,
    linear_forward,
    relu_forward,
    sigmoid_forward,
    softmax_forward,
    tanh_forward,
)
from tinycnn.utils import lookup, underflow_is_zero

__all__ = [
    "elu",
    "get",
    "leaky_relu",
    "linear",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]

linear = underflow_is_zero(linear_forward)
relu = underflow_is_zero(relu_forward)
leaky_relu = underflow_is_zero(leaky_relu_forward)
elu = underflow_is_zero(elu_forward)
sigmoid = underflow_is_zero(sigmoid_forward)
tanh = underflow_is_zero(tanh_forward)
softmax = underflow_is_zero(softmax_forward)


#: What `get` takes, and so every argument that names an activation function.
Identifier = str | Callable[[np.ndarray], np.ndarray] | None


def get(identifier: Identifier) -> str:
    """The name of an activation function, from its name, the function itself, or None ("linear").

    Raises:
        ValueError: an unknown name or function.
    """
    if identifier is None:
        return "linear"
    function = getattr(identifier, "__wrapped__", identifier)
    for name, activation in ACTIVATIONS.items():
        if function is activation.forward:
            return name
    lookup("activation", identifier, ACTIVATIONS)
    return str(identifier)

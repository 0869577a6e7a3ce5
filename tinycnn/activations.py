"""Activation functions by name, and as plain functions to try: ``relu(x)``, ``softmax(x)``."""

from __future__ import annotations

from typing import Any

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
from tinycnn.utils import lookup

linear = linear_forward
relu = relu_forward
leaky_relu = leaky_relu_forward
elu = elu_forward
sigmoid = sigmoid_forward
tanh = tanh_forward
softmax = softmax_forward


def get(identifier: Any) -> str:
    """The name of an activation function, from its name, the function itself, or None ("linear").

    Raises:
        ValueError: an unknown name or function.
    """
    if identifier is None:
        return "linear"
    for name, activation in ACTIVATIONS.items():
        if identifier is activation.forward:
            return name
    lookup("activation", identifier, ACTIVATIONS)
    return identifier

"""Activation functions by name, and as plain functions to try: ``relu(x)``, ``softmax(x)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from tinycnn.utils import lookup


def _to_try(forward: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The function; numbers too small for their type become 0 in it without a word, whatever `np.seterr` says."""
    return np.errstate(under="ignore")(forward)


linear = _to_try(linear_forward)
relu = _to_try(relu_forward)
leaky_relu = _to_try(leaky_relu_forward)
elu = _to_try(elu_forward)
sigmoid = _to_try(sigmoid_forward)
tanh = _to_try(tanh_forward)
softmax = _to_try(softmax_forward)


def get(identifier: Any) -> str:
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
    return identifier

"""Activation functions as pairs: the function, and its derivative written in terms of its own output.

That the derivative needs only the output y, or only the input z, is what lets a layer keep a single array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinycnn.kernels import modern_activations as modern

Array = np.ndarray


class Activation(NamedTuple):
    """``y = forward(z)`` and ``dz = backward(dy, kept)``, y or z being kept; all arrays of one shape."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    keeps_input: bool = False

    def apply(self, z: Array) -> tuple[Array, Array]:
        """y, and what `backward` wants of it."""
        y = self.forward(z)
        return y, z if self.keeps_input else y


def linear_forward(z: Array) -> Array:
    """y = z"""
    return z


def linear_backward(dy: Array, y: Array) -> Array:
    """dz = dy"""
    return dy


def relu_forward(z: Array) -> Array:
    """y = max(z, 0)"""
    return np.maximum(z, 0)


def relu_backward(dy: Array, y: Array) -> Array:
    """dz = dy where y > 0, else 0: at the kink the derivative is taken as 0, as in Keras"""
    return np.where(y > 0, dy, 0)


def leaky_relu_forward(z: Array, negative_slope: float = 0.2) -> Array:
    """y = z where z > 0, else slope·z"""
    return np.where(z > 0, z, negative_slope * z)


def leaky_relu_backward(dy: Array, y: Array, negative_slope: float = 0.2) -> Array:
    """dz = dy where y > 0, else slope·dy"""
    return np.where(y > 0, dy, negative_slope * dy)


def elu_forward(z: Array, alpha: float = 1.0) -> Array:
    """y = z where z > 0, else α·(exp(z) − 1)"""
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def elu_backward(dy: Array, y: Array, alpha: float = 1.0) -> Array:
    """dz = dy where y > 0, else dy·α·exp(z) = dy·(y + α)"""
    return np.where(y > 0, dy, dy * (y + alpha))


def sigmoid_forward(z: Array) -> Array:
    """y = 1/(1 + exp(−z)), computed from exp(−|z|), which cannot overflow"""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """dz = dy·y·(1 − y)"""
    return dy * y * (1 - y)


def tanh_forward(z: Array) -> Array:
    """y = tanh(z)"""
    return np.tanh(z)


def tanh_backward(dy: Array, y: Array) -> Array:
    """dz = dy·(1 − y²)"""
    return dy * (1 - np.square(y))


def softmax_forward(z: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """y_k = exp(z_k)/Σ_j exp(z_j) over an axis or several; the largest z is taken off first, so nothing overflows"""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy: Array, y: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """dz_k = y_k·(dy_k − Σ_j dy_j·y_j): each output depends on every input of its row"""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


ACTIVATIONS = {
    "linear": Activation(linear_forward, linear_backward),
    "relu": Activation(relu_forward, relu_backward),
    "leaky_relu": Activation(leaky_relu_forward, leaky_relu_backward),
    "elu": Activation(elu_forward, elu_backward),
    "sigmoid": Activation(sigmoid_forward, sigmoid_backward),
    "tanh": Activation(tanh_forward, tanh_backward),
    "softmax": Activation(softmax_forward, softmax_backward),
    "selu": Activation(modern.selu_forward, modern.selu_backward),
    "softplus": Activation(modern.softplus_forward, modern.softplus_backward),
    "softsign": Activation(modern.softsign_forward, modern.softsign_backward),
    "exponential": Activation(modern.exponential_forward, modern.exponential_backward),
    "relu6": Activation(modern.relu6_forward, modern.relu6_backward),
    "hard_sigmoid": Activation(modern.hard_sigmoid_forward, modern.hard_sigmoid_backward),
    "log_softmax": Activation(modern.log_softmax_forward, modern.log_softmax_backward),
    "silu": Activation(modern.silu_forward, modern.silu_backward, keeps_input=True),
    "hard_silu": Activation(modern.hard_silu_forward, modern.hard_silu_backward, keeps_input=True),
    "gelu": Activation(modern.gelu_forward, modern.gelu_backward, keeps_input=True),
    "mish": Activation(modern.mish_forward, modern.mish_backward, keeps_input=True),
}

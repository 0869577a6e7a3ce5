"""ReLU, fast: the twin of two functions in ``activations.py``."""

from __future__ import annotations

import numpy as np
from numba import prange

from tinycnn.kernels.activations import Activation
from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray


SMALL = 20_000  # numbers that one thread has done before a second one is awake


def relu_forward(z: Array) -> Array:
    return (_relu.alone if z.size <= SMALL else _relu)(z)


def relu_backward(dy: Array, y: Array) -> Array:
    return (_relu_gradient.alone if dy.size <= SMALL else _relu_gradient)(dy, y)


@parallel_njit
def _relu(z: Array) -> Array:
    y = np.empty_like(z)
    z_flat, y_flat = z.reshape(-1), y.reshape(-1)
    for i in prange(z.size):
        y_flat[i] = 0 if z_flat[i] <= 0 else z_flat[i]  # NaN stays NaN, as in the reference
    return y


@parallel_njit
def _relu_gradient(dy: Array, y: Array) -> Array:
    dz = np.empty_like(dy)
    dy_flat, y_flat, dz_flat = dy.reshape(-1), y.reshape(-1), dz.reshape(-1)
    for i in prange(dy.size):
        dz_flat[i] = dy_flat[i] if y_flat[i] > 0 else 0
    return dz


RELU = Activation(relu_forward, relu_backward)

"""ReLU, fast: the twin of two functions in ``activations.py``."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from tinycnn.kernels.activations import Activation

Array = np.ndarray


@njit(parallel=True, cache=True)
def relu_forward(z: Array) -> Array:
    y = np.empty_like(z)
    z_flat, y_flat = z.reshape(-1), y.reshape(-1)
    for i in prange(z.size):
        y_flat[i] = 0 if z_flat[i] <= 0 else z_flat[i]  # NaN stays NaN, as in the reference
    return y


@njit(parallel=True, cache=True)
def relu_backward(dy: Array, y: Array) -> Array:
    dz = np.empty_like(dy)
    dy_flat, y_flat, dz_flat = dy.reshape(-1), y.reshape(-1), dz.reshape(-1)
    for i in prange(dy.size):
        dz_flat[i] = dy_flat[i] if y_flat[i] > 0 else 0
    return dz


RELU = Activation(relu_forward, relu_backward)

"""ReLU, fast: the twin of two functions in ``activations.py``."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.activations import Activation
from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray


PART = 8_192  # numbers that a thread does at a time
SMALL = 20_000  # numbers that one thread has done before a second one is awake


def relu_forward(z: Array) -> Array:
    y = np.empty(z.shape, z.dtype)
    (_relu.alone if z.size <= SMALL else _relu)(-(-z.size // PART), z.reshape(-1), y.reshape(-1))
    return y


def relu_backward(dy: Array, y: Array) -> Array:
    dz = np.empty(dy.shape, dy.dtype)
    run = _relu_gradient.alone if dy.size <= SMALL else _relu_gradient
    run(-(-dy.size // PART), dy.reshape(-1), y.reshape(-1), dz.reshape(-1))
    return dz


@parallel_njit
def _relu(part: int, z: Array, y: Array) -> None:
    z, y = z[part * PART : (part + 1) * PART], y[part * PART : (part + 1) * PART]
    for i in range(len(z)):
        y[i] = 0 if z[i] <= 0 else z[i]  # NaN stays NaN, as in the reference


@parallel_njit
def _relu_gradient(part: int, dy: Array, y: Array, dz: Array) -> None:
    here = slice(part * PART, (part + 1) * PART)
    dy, y, dz = dy[here], y[here], dz[here]
    for i in range(len(dz)):
        dz[i] = dy[i] if y[i] > 0 else 0


RELU = Activation(relu_forward, relu_backward)

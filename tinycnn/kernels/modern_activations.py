"""More activation functions, in the manner of ``activations.py``.

Most of them grow all the way, so their derivative is written in terms of the output y. `silu`, `hard_silu`, `gelu` and
`mish` first fall: one output belongs to two inputs, and their derivative needs the input z.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu_forward(z: Array) -> Array:
    """y = s·z where z > 0, else s·α·(exp(z) − 1): keeps mean 0 and variance 1 from layer to layer. Klambauer et al.
    2017, arXiv:1706.02515"""
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def selu_backward(dy: Array, y: Array) -> Array:
    """dz = dy·s·α·exp(z) = dy·(y + s·α) where y < 0, else s·dy: at the kink the slope is that of the right side, as in
    Keras"""
    return np.where(y < 0, dy * (y + SELU_SCALE * SELU_ALPHA), SELU_SCALE * dy)


def softplus_forward(z: Array) -> Array:
    """y = log(1 + exp(z)), computed from exp(−|z|), which cannot overflow: a relu without its kink"""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def softplus_backward(dy: Array, y: Array) -> Array:
    """dz = dy·sigmoid(z) = dy·(1 − exp(−y))"""
    return -dy * np.expm1(-y)


def softsign_forward(z: Array) -> Array:
    """y = z/(1 + |z|)"""
    return z / (1 + np.abs(z))


def softsign_backward(dy: Array, y: Array) -> Array:
    """dz = dy/(1 + |z|)² = dy·(1 − |y|)²"""
    return dy * np.square(1 - np.abs(y))


def exponential_forward(z: Array) -> Array:
    """y = exp(z)"""
    return np.exp(z)


def exponential_backward(dy: Array, y: Array) -> Array:
    """dz = dy·y"""
    return dy * y


def relu6_forward(z: Array) -> Array:
    """y = min(max(z, 0), 6)"""
    return np.clip(z, 0, 6)


def relu6_backward(dy: Array, y: Array) -> Array:
    """dz = dy where 0 < y < 6, else 0: at the kinks the derivative is taken as 0, as in Keras"""
    return np.where((y > 0) & (y < 6), dy, 0)


def hard_sigmoid_forward(z: Array) -> Array:
    """y = min(max(z/6 + 1/2, 0), 1): a sigmoid of three straight lines"""
    return np.clip(z + 3, 0, 6) / 6


def hard_sigmoid_backward(dy: Array, y: Array) -> Array:
    """dz = dy/6 where 0 < y < 1, else 0"""
    return np.where((y > 0) & (y < 1), dy / 6, 0)


def log_softmax_forward(z: Array) -> Array:
    """y_k = z_k − log Σ_j exp(z_j) over the last axis; the largest z is taken off first, so nothing overflows"""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_softmax_backward(dy: Array, y: Array) -> Array:
    """dz_k = dy_k − exp(y_k)·Σ_j dy_j"""
    return dy - np.exp(y) * dy.sum(axis=-1, keepdims=True)


def silu_forward(z: Array) -> Array:
    """y = z·sigmoid(z), also called swish. Elfwing et al. 2018, arXiv:1702.03118; Ramachandran et al. 2017"""
    return z * _sigmoid(z)


def silu_backward(dy: Array, z: Array) -> Array:
    """dz = dy·(s + z·s·(1 − s)), s = sigmoid(z)"""
    s = _sigmoid(z)
    return dy * (s + z * s * (1 - s))


def hard_silu_forward(z: Array) -> Array:
    """y = z·hard_sigmoid(z), also called hard_swish. Howard et al. 2019, arXiv:1905.02244"""
    return z * hard_sigmoid_forward(z)


def hard_silu_backward(dy: Array, z: Array) -> Array:
    """dz = 0 where z <= −3, dy where z >= 3, between them dy·(2z + 3)/6"""
    return dy * np.where(z <= -3, 0, np.where(z >= 3, 1, (2 * z + 3) / 6)).astype(z.dtype)


def gelu_forward(z: Array) -> Array:
    """y = z·Φ(z), Φ the normal distribution function. Hendrycks & Gimpel 2016, arXiv:1606.08415

    NumPy has no error function: Python's is called for each number, which takes time.
    """
    return z * _normal_distribution(z)


def gelu_backward(dy: Array, z: Array) -> Array:
    """dz = dy·(Φ(z) + z·φ(z)), φ(z) = exp(−z²/2)/√(2π)"""
    density = np.exp(-np.square(z) / 2) / math.sqrt(2 * math.pi)
    return dy * (_normal_distribution(z) + z * density)


def mish_forward(z: Array) -> Array:
    """y = z·tanh(softplus(z)). Misra 2019, arXiv:1908.08681"""
    return z * np.tanh(softplus_forward(z))


def mish_backward(dy: Array, z: Array) -> Array:
    """dz = dy·(t + z·(1 − t²)·sigmoid(z)), t = tanh(softplus(z))"""
    t = np.tanh(softplus_forward(z))
    return dy * (t + z * (1 - np.square(t)) * _sigmoid(z))


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _normal_distribution(z: Array) -> Array:
    """Φ(z) = erfc(−z/√2)/2, which keeps its digits where it is small."""
    halves = [math.erfc(number) / 2 for number in (z.ravel() / -math.sqrt(2)).tolist()]
    return np.array(halves, z.dtype).reshape(z.shape)

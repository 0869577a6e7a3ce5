"""Batch normalization, fast: the twin of ``batch_normalization.py``.

The rows are cut into `PARTS` parts, whatever the number of threads; each part adds up its own sums in float64, and they
are added in order. So the bits never depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from tinycnn.kernels.engine.threads import parallel_njit, serial_njit

Array = np.ndarray

PARTS = 16
SMALL = 20_000  # numbers that one thread has done before a second one is awake


def batch_normalization_forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
    mean, variance = (_statistics.alone if x.size <= SMALL else _statistics)(x)
    return batch_normalization_inference(x, gamma, beta, mean, variance, epsilon), mean, variance


def batch_normalization_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    return (_normalize.alone if x.size <= SMALL else _normalize)(x, gamma, beta, mean, variance, epsilon)


def batch_normalization_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    return (_gradients.alone if x.size <= SMALL else _gradients)(dy, x, gamma, mean, variance, epsilon)


@parallel_njit
def _statistics(x: Array) -> tuple[Array, Array]:
    m, c = x.shape
    size = -(-m // PARTS)
    mean, variance = np.empty(c, x.dtype), np.empty(c, x.dtype)
    sums = np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                sums[part, k] += x[row, k]
    add_parts(sums, m, mean)
    sums = np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                difference = np.float64(x[row, k]) - mean[k]
                sums[part, k] += difference * difference
    add_parts(sums, m, variance)
    return mean, variance


@parallel_njit
def _normalize(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float) -> Array:
    m, c = x.shape
    scale = np.empty(c, x.dtype)
    for k in range(c):
        scale[k] = gamma[k] / np.sqrt(variance[k] + epsilon)
    y = np.empty_like(x)
    for row in prange(m):
        for k in range(c):
            y[row, k] = (x[row, k] - mean[k]) * scale[k] + beta[k]
    return y


@parallel_njit
def _gradients(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    m, c = x.shape
    size = -(-m // PARTS)
    sums, products = np.zeros((PARTS, c)), np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                sums[part, k] += dy[row, k]
                products[part, k] += dy[row, k] * (x[row, k] - mean[k])
    mean_dy, slope = np.empty(c, x.dtype), np.empty(c, x.dtype)
    add_parts(sums, m, mean_dy)
    add_parts(products, m, slope)
    scale, dgamma, dbeta = np.empty(c, x.dtype), np.empty(c, x.dtype), np.empty(c, x.dtype)
    for k in range(c):
        inverse_std = 1 / np.sqrt(variance[k] + epsilon)
        scale[k] = gamma[k] * inverse_std
        dgamma[k] = products[0, k] * inverse_std
        dbeta[k] = sums[0, k]
        slope[k] *= inverse_std * inverse_std
    dx = np.empty_like(x)
    for row in prange(m):
        for k in range(c):
            dx[row, k] = scale[k] * (dy[row, k] - mean_dy[k] - (x[row, k] - mean[k]) * slope[k])
    return dx, dgamma, dbeta


@serial_njit
def add_parts(sums: Array, m: int, mean: Array) -> None:
    """Leave the total of all parts in sums[0], and the total divided by m in ``mean``."""
    for k in range(sums.shape[1]):
        for part in range(1, len(sums)):
            sums[0, k] += sums[part, k]
        mean[k] = sums[0, k] / m

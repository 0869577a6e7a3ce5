"""Batch normalization, fast: the twin of ``batch_normalization.py``.

The rows are cut into `PARTS` parts, whatever the number of threads; each part adds up its own sums in float64, and they
are added in order. So the bits never depend on the threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

Array = np.ndarray

PARTS = 16


@njit(parallel=True, cache=True)
def batch_normalization_forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
    m, c = x.shape
    size = -(-m // PARTS)
    sums = np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                sums[part, k] += x[row, k]
    mean = (sums.sum(axis=0) / m).astype(x.dtype)
    squares = np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                difference = np.float64(x[row, k]) - mean[k]
                squares[part, k] += difference * difference
    variance = (squares.sum(axis=0) / m).astype(x.dtype)
    return batch_normalization_inference(x, gamma, beta, mean, variance, epsilon), mean, variance


@njit(parallel=True, cache=True)
def batch_normalization_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    m, c = x.shape
    scale = (gamma / np.sqrt(variance + epsilon)).astype(x.dtype)
    y = np.empty_like(x)
    for row in prange(m):
        for k in range(c):
            y[row, k] = (x[row, k] - mean[k]) * scale[k] + beta[k]
    return y


@njit(parallel=True, cache=True)
def batch_normalization_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    m, c = x.shape
    size = -(-m // PARTS)
    inverse_std = 1 / np.sqrt(variance + epsilon)
    sums, products = np.zeros((PARTS, c)), np.zeros((PARTS, c))
    for part in prange(PARTS):
        for row in range(part * size, min((part + 1) * size, m)):
            for k in range(c):
                sums[part, k] += dy[row, k]
                products[part, k] += dy[row, k] * (x[row, k] - mean[k])
    dbeta, dgamma = sums.sum(axis=0), products.sum(axis=0) * inverse_std
    scale = (gamma * inverse_std).astype(x.dtype)
    mean_dy = (dbeta / m).astype(x.dtype)
    slope = (dgamma / m * inverse_std).astype(x.dtype)
    dx = np.empty_like(x)
    for row in prange(m):
        for k in range(c):
            dx[row, k] = scale[k] * (dy[row, k] - mean_dy[k] - (x[row, k] - mean[k]) * slope[k])
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)

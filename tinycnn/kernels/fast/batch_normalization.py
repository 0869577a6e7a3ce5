"""Batch normalization, fast: the twin of ``batch_normalization.py``.

The rows are cut into `PARTS` parts, whatever the number of threads; each part adds up its own sums in float64, and they
are added in order. So the bits never depend on the threads.
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.fast.conv2d import total

Array = np.ndarray

PARTS = 16
SMALL = 20_000  # numbers that one thread has done before a second one is awake


def batch_normalization_forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
    m, c = x.shape
    sums, squares = np.zeros((PARTS, c)), np.zeros((PARTS, c))
    (_sums.alone if x.size <= SMALL else _sums)(PARTS, x, sums)
    mean = (total(sums) / m).astype(x.dtype)
    (_squares.alone if x.size <= SMALL else _squares)(PARTS, x, mean, squares)
    variance = (total(squares) / m).astype(x.dtype)
    return batch_normalization_inference(x, gamma, beta, mean, variance, epsilon), mean, variance


def batch_normalization_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    y, scale = np.empty_like(x), (gamma / np.sqrt(variance.astype(float) + epsilon)).astype(x.dtype)
    (_normalize.alone if x.size <= SMALL else _normalize)(PARTS, x, mean, scale, beta, y)
    return y


def batch_normalization_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    m, c = x.shape
    part_sums, part_products, dx = np.zeros((PARTS, c)), np.zeros((PARTS, c)), np.empty_like(x)
    (_gradient_sums.alone if x.size <= SMALL else _gradient_sums)(PARTS, dy, x, mean, part_sums, part_products)
    sums, products = total(part_sums), total(part_products)
    inverse_std = 1 / np.sqrt(variance.astype(float) + epsilon)
    scale, mean_dy = (gamma * inverse_std).astype(x.dtype), (sums / m).astype(x.dtype)
    slope = ((products / m).astype(x.dtype) * (inverse_std * inverse_std)).astype(x.dtype)
    (_gradient.alone if x.size <= SMALL else _gradient)(PARTS, dy, x, mean, mean_dy, slope, scale, dx)
    return dx, (products * inverse_std).astype(x.dtype), sums.astype(x.dtype)


@parallel_njit
def _sums(part: int, x: Array, sums: Array) -> None:
    m, c = x.shape
    size = -(-m // PARTS)
    for row in range(part * size, min((part + 1) * size, m)):
        for k in range(c):
            sums[part, k] += x[row, k]


@parallel_njit
def _squares(part: int, x: Array, mean: Array, squares: Array) -> None:
    m, c = x.shape
    size = -(-m // PARTS)
    for row in range(part * size, min((part + 1) * size, m)):
        for k in range(c):
            difference = np.float64(x[row, k]) - mean[k]
            squares[part, k] += difference * difference


@parallel_njit
def _normalize(part: int, x: Array, mean: Array, scale: Array, beta: Array, y: Array) -> None:
    m, c = x.shape
    size = -(-m // PARTS)
    for row in range(part * size, min((part + 1) * size, m)):
        for k in range(c):
            y[row, k] = (x[row, k] - mean[k]) * scale[k] + beta[k]


@parallel_njit
def _gradient_sums(part: int, dy: Array, x: Array, mean: Array, sums: Array, products: Array) -> None:
    m, c = x.shape
    size = -(-m // PARTS)
    for row in range(part * size, min((part + 1) * size, m)):
        for k in range(c):
            sums[part, k] += dy[row, k]
            products[part, k] += dy[row, k] * (x[row, k] - mean[k])


@parallel_njit
def _gradient(
    part: int, dy: Array, x: Array, mean: Array, mean_dy: Array, slope: Array, scale: Array, dx: Array
) -> None:
    m, c = x.shape
    size = -(-m // PARTS)
    for row in range(part * size, min((part + 1) * size, m)):
        for k in range(c):
            dx[row, k] = scale[k] * (dy[row, k] - mean_dy[k] - (x[row, k] - mean[k]) * slope[k])

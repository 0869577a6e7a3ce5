"""Dropout, fast: the twin of ``dropout.py``. The threads share out the numbers; small arrays are left to NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from tinycnn.kernels import dropout
from tinycnn.kernels.threads_numba import parallel_njit

Array = np.ndarray

SMALL = 20_000  # numbers that NumPy has done before a second thread is awake


def dropout_mask(numbers: Array, least: int, scale: Any) -> Array:
    if numbers.size <= SMALL or not 0 <= least < 2**16:
        return dropout.dropout_mask(numbers, least, scale)
    mask = np.empty(numbers.shape, scale.dtype)
    _mask(numbers.reshape(-1), np.uint16(least), scale, mask.reshape(-1))
    return mask


def dropout_apply(x: Array, mask: Array) -> Array:
    if x.size <= SMALL or mask.shape != x.shape:
        return dropout.dropout_apply(x, mask)
    y = np.empty_like(x)
    _multiply(x.reshape(-1), mask.reshape(-1), y.reshape(-1))
    return y


@parallel_njit
def _mask(numbers: Array, least: Any, scale: Any, mask: Array) -> None:
    for i in prange(numbers.size):
        mask[i] = scale if numbers[i] >= least else 0 * scale


@parallel_njit
def _multiply(x: Array, mask: Array, y: Array) -> None:
    for i in prange(x.size):
        y[i] = x[i] * mask[i]

"""Dropout, fast: the twin of ``dropout.py``. Threads share out the numbers; one does small arrays alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.kernels import dropout
from tinycnn.kernels.dropout import (
    FIRST_FACTOR,
    SECOND_FACTOR,
    STEP,
    THIRTY,
    THIRTY_ONE,
    TWENTY_SEVEN,
)
from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray

SMALL = 20_000  # numbers that one thread has done before a second one is awake
PART = 4096  # numbers that a thread makes at a time


def dropout_mask(key: Any, shape: tuple[int, ...], least: int, scale: Any) -> Array:
    mask = np.empty(shape, scale.dtype)
    if least > 65_535:
        mask.fill(0)
        return mask
    run = _mask.alone if mask.size <= SMALL else _mask
    run(-(-mask.size // PART), key, np.uint16(least), scale, mask.reshape(-1))
    return mask


def dropout_apply(x: Array, mask: Array) -> Array:
    if x.size <= SMALL or mask.shape != x.shape:
        return dropout.dropout_apply(x, mask)
    y = np.empty(x.shape, x.dtype)
    _multiply(-(-x.size // PART), x.reshape(-1), mask.reshape(-1), y.reshape(-1))
    return y


@parallel_njit
def _mask(part: int, key: Any, least: Any, scale: Any, mask: Array) -> None:
    write_mask(key, part * PART, least, scale, mask[part * PART : (part + 1) * PART])


@inner_njit
def write_mask(key: Any, first: int, least: Any, scale: Any, mask: Array) -> None:
    """The mask from number ``first`` on, which must be a multiple of 4."""
    words = np.empty(-(-mask.size // 4), np.uint64)
    for i in range(words.size):
        z = key + np.uint64(first // 4 + i + 1) * STEP
        z = (z ^ (z >> THIRTY)) * FIRST_FACTOR
        z = (z ^ (z >> TWENTY_SEVEN)) * SECOND_FACTOR
        words[i] = z ^ (z >> THIRTY_ONE)
    numbers = words.view(np.uint16)  # all processors that Numba compiles for store the lowest bits first
    for i in range(mask.size):
        mask[i] = scale if numbers[i] >= least else 0 * scale


@parallel_njit
def _multiply(part: int, x: Array, mask: Array, y: Array) -> None:
    here = slice(part * PART, (part + 1) * PART)
    x, mask, y = x[here], mask[here], y[here]
    for i in range(len(y)):
        y[i] = x[i] * mask[i]

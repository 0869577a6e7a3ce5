"""Dropout, written to be read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray


def dropout_mask(key: Any, shape: tuple[int, ...], least: int, scale: Any) -> Array:
    """What each value is multiplied by: ``scale`` where its random number is large enough, else 0.

    Math:    mask = scale·[number >= least], number from 0 to 65,535, all equally likely
    Shapes:  key: a np.uint64 that says which numbers;  least from 0 to 65,536;  mask of ``shape`` and of scale's dtype
    """
    numbers = random_numbers(key, math.prod(shape)).reshape(shape)
    return (numbers >= least) * scale


def random_numbers(key: Any, count: int) -> Array:
    """Whole numbers from 0 to 65,535. Each follows from the key and its place alone, so threads can share them out.

    Math:    z = key + (i + 1)·φ;  z ← (z ⊕ z>>30)·a;  z ← (z ⊕ z>>27)·b;  z ← z ⊕ z>>31, all modulo 2⁶⁴,
             for i = 0, 1, …; the 64 bits of each z make four numbers, the lowest bits first
    Source:  SplitMix64: Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195, with the constants of its variant 13
    """
    z = key + np.arange(1, -(-count // 4) + 1, dtype=np.uint64) * STEP
    z = (z ^ (z >> THIRTY)) * FIRST_FACTOR
    z = (z ^ (z >> TWENTY_SEVEN)) * SECOND_FACTOR
    z ^= z >> THIRTY_ONE
    return (z[:, None] >> np.arange(0, 64, 16, dtype=np.uint64) & LOW_BITS).reshape(-1)[:count]


STEP: Any = np.uint64(0x9E3779B97F4A7C15)  # φ: 2⁶⁴ divided by the golden ratio
FIRST_FACTOR: Any = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR: Any = np.uint64(0x94D049BB133111EB)
THIRTY, TWENTY_SEVEN, THIRTY_ONE = np.uint64(30), np.uint64(27), np.uint64(31)
LOW_BITS: Any = np.uint64(0xFFFF)


def dropout_apply(x: Array, mask: Array) -> Array:
    """y = x·mask, and backward the same: dx = dy·mask. An axis of size one in ``mask`` is shared."""
    return x * mask

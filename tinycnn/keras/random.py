"""Random arrays under the names of ``keras.random``, from the stream of `keras.utils.set_random_seed`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.tensors import Tensor, as_tensor
from tinycnn.utils import floatx, new_seed_sequence

__all__ = ["normal", "randint", "shuffle", "truncated_normal", "uniform"]


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None) -> Tensor:
    """Normal random numbers; with ``seed`` the same in every call."""
    return as_tensor(_generator(seed).normal(mean, stddev, shape), dtype or floatx())


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Normal random numbers, those beyond two standard deviations drawn again."""
    rng = _generator(seed)
    z = rng.standard_normal(shape)
    while (beyond := np.abs(z) > 2).any():
        z = np.where(beyond, rng.standard_normal(shape), z)
    return as_tensor(mean + stddev * z, dtype or floatx())


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None) -> Tensor:
    """Random numbers from minval up to maxval."""
    return as_tensor(_generator(seed).uniform(minval, maxval, shape), dtype or floatx())


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: int | None = None) -> Tensor:
    """Random whole numbers from minval up to maxval, without it."""
    return as_tensor(_generator(seed).integers(minval, maxval, shape), dtype)


def shuffle(x: Any, axis: int = 0, seed: int | None = None) -> Tensor:
    """The entries along an axis in a random order, in a new array."""
    return as_tensor(_generator(seed).permutation(np.asarray(x), axis=axis))


def _generator(seed: int | None) -> np.random.Generator:
    return np.random.default_rng(new_seed_sequence() if seed is None else seed)

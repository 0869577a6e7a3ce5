"""Random arrays under the names of ``tf.random``; they are tinycnn's numbers, not TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.keras.random import normal, randint, shuffle, truncated_normal
from tinycnn.keras.random import uniform as _uniform
from tinycnn.tensors import Tensor
from tinycnn.utils import set_package_seed as set_seed

__all__ = ["normal", "set_seed", "shuffle", "truncated_normal", "uniform"]


def uniform(
    shape: Any, minval: float = 0, maxval: float | None = None, dtype: Any = "float32", seed: int | None = None
) -> Tensor:
    """Random numbers from minval up to maxval, 1 by default; whole ones, without maxval, where the dtype is theirs.

    Raises:
        ValueError: whole numbers without a maxval.
    """
    if np.dtype(dtype).kind == "f":
        return _uniform(shape, minval, 1.0 if maxval is None else maxval, dtype, seed)
    if maxval is None:
        raise ValueError(f"uniform: expected a maxval for numbers of {np.dtype(dtype)}, received None. Pass it.")
    return randint(shape, int(minval), int(maxval), dtype, seed)

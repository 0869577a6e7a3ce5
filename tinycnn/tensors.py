"""Arrays with the method that notebooks call on them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


class Tensor(np.ndarray):
    """An array with ``numpy()``: what calling a model, a layer or a loss returns."""

    def __array_wrap__(self, array: Array, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array.view(Tensor)

    def numpy(self) -> Any:
        """The array itself; a NumPy number where it has no axes."""
        return self.view(np.ndarray)[()]


def as_tensor(x: Any, dtype: Any = None) -> Tensor:
    """``x`` as a `Tensor`, over the same memory where it is an array."""
    return np.asarray(x, dtype).view(Tensor)

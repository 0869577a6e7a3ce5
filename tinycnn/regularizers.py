"""Regularizers: a penalty on the size of weights, added to the loss, and its gradient."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinycnn.serialization import Configurable, identified

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "Regularizer",
    "get",
    "l1",
    "l1_l2",
    "l2",
]

Array = np.ndarray


class Regularizer(Configurable, ABC):
    """A penalty on an array of weights; a subclass defines the penalty and its gradient."""

    computing = ("__call__", "gradient")

    @abstractmethod
    def __call__(self, w: Array) -> float:
        """The penalty: one number that is added to the loss."""

    @abstractmethod
    def gradient(self, w: Array) -> Array:
        """The derivative of the penalty with respect to ``w``: same shape, same dtype."""


class L1L2(Regularizer):
    """Both penalties at once.

    Math:    penalty = l1·Σ|w| + l2·Σw²    gradient = l1·sign(w) + 2·l2·w
    Source:  Zou & Hastie 2005, "Regularization and variable selection via the elastic net"
    Keras:   same defaults; no factor 1/2 before Σw²; sign(0) = 0

    Args:
        l1, l2: the two factors, each a number >= 0.

    Raises:
        TypeError, ValueError: a factor that is not a number, or negative, or not finite.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1 = self._factor("l1", l1)
        self.l2 = self._factor("l2", l2)

    def _factor(self, name: str, value: Any) -> float:
        who = type(self).__name__
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"{who}: expected {name} to be a number, received {value!r}. Pass for example 0.01.")
        factor = float(value)
        if not (factor >= 0 and math.isfinite(factor)):
            raise ValueError(f"{who}: expected {name} >= 0, received {value}. Pass for example 0.01.")
        return factor

    def __call__(self, w: Array) -> float:
        # Sums in float64: over 100,000 float32 weights they would lose digits.
        penalty_1 = self.l1 * np.sum(np.abs(w), dtype=np.float64)
        penalty_2 = self.l2 * np.sum(np.square(w), dtype=np.float64)
        return float(penalty_1 + penalty_2)

    def gradient(self, w: Array) -> Array:
        return self.l1 * np.sign(w) + 2 * self.l2 * w


class L1(L1L2):
    """The sum of absolute values, which drives many weights to exactly zero.

    Math:    penalty = l1·Σ|w|    gradient = l1·sign(w)
    Source:  Tibshirani 1996, "Regression shrinkage and selection via the lasso"
    Keras:   same default
    """

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)


class L2(L1L2):
    """The sum of squares, which pulls every weight towards zero in proportion to its size.

    Math:    penalty = l2·Σw²    gradient = 2·l2·w
    Source:  Hoerl & Kennard 1970, "Ridge regression"
    Keras:   same default; no factor 1/2
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)


l1, l2, l1_l2 = L1, L2, L1L2  # Keras's other names for the same classes

_TABLE: dict[str, type[Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1l2": L1L2,
    "l1_l2": L1L2,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
}


#: What `get` takes, and so every argument that names a regularizer.
Identifier = str | Regularizer | type[Regularizer] | Mapping[str, Any] | None


def get(identifier: Identifier) -> Regularizer | None:
    """A regularizer from a name ("l2" means ``L2(0.01)``), a class, an object, a dict of `serialize`, or None.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    return None if identifier is None else identified("regularizer", identifier, Regularizer, _TABLE, "l2")

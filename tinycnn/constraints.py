"""Constraints: where weights are brought back to after every step of the optimizer."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn.serialization import Configurable, identified
from tinycnn.utils import snake_case

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "unit_norm",
]

Array = np.ndarray

# Added to a norm before it divides (Keras's backend.epsilon()).
EPSILON = 1e-7


class Constraint(Configurable, ABC):
    """A rule that weights must obey; a subclass defines where it moves them.

    The norms of the rules below are those of the weights along ``axis``, taken together: 0 for all that goes into a
    unit of a Dense layer, [0, 1, 2] for a filter of a Conv2D.
    """

    computing = ("__call__",)

    @abstractmethod
    def __call__(self, w: Array) -> Array:
        """The weights that take the place of ``w``: same shape, same dtype."""


class NonNeg(Constraint):
    """No weight is negative: w ← max(w, 0)"""

    def __call__(self, w: Array) -> Array:
        return np.maximum(w, 0)


class _OfNorms(Constraint):
    def __init__(self, axis: int | Sequence[int]):
        if isinstance(axis, Sequence):
            axis = [_whole(self, it) for it in axis]
        self.axis = axis if isinstance(axis, list) else _whole(self, axis)

    def _norms(self, w: Array) -> Array:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return np.sqrt(np.square(w).sum(axis=axis, keepdims=True))


class MaxNorm(_OfNorms):
    """No norm is above a limit.

    Math:    w ← w·min(|w|, max_value)/(|w| + 1e-7)
    Source:  Srivastava et al. 2014, "Dropout", section 5.1, JMLR 15
    Keras:   same numbers; the 1e-7 shrinks norms below the limit a little, too

    Args:
        max_value: the limit, >= 0.
        axis: an axis or several.
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        super().__init__(axis)
        self.max_value = _number(self, "max_value", max_value)

    def __call__(self, w: Array) -> Array:
        norms = self._norms(w)
        return w * (np.minimum(norms, self.max_value) / (norms + EPSILON))


class UnitNorm(_OfNorms):
    """Every norm is 1: w ← w/(|w| + 1e-7)

    Args:
        axis: an axis or several.
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        super().__init__(axis)

    def __call__(self, w: Array) -> Array:
        return w / (self._norms(w) + EPSILON)


class MinMaxNorm(_OfNorms):
    """Every norm is drawn into a range.

    Math:    w ← w·(rate·clip(|w|, min_value, max_value) + (1 − rate)·|w|)/(|w| + 1e-7)
    Keras:   same numbers

    Args:
        min_value, max_value: the range.
        rate: how far norms outside of it are drawn towards it in a step, from 0 to 1.
        axis: an axis or several.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ):
        super().__init__(axis)
        self.min_value = _number(self, "min_value", min_value)
        self.max_value = _number(self, "max_value", max_value)
        self.rate = _number(self, "rate", rate)

    def __call__(self, w: Array) -> Array:
        norms = self._norms(w)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (norms + EPSILON))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm  # Keras's other names

_CLASSES: tuple[type[Constraint], ...] = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
_TABLE = {snake_case(cls.__name__): cls for cls in _CLASSES} | {cls.__name__: cls for cls in _CLASSES}


#: What `get` takes, and so every argument that names a constraint.
Identifier = str | Constraint | type[Constraint] | Mapping[str, Any] | None


def get(identifier: Identifier) -> Constraint | None:
    """A constraint from a name ("max_norm" means ``MaxNorm(2)``), a class, an object, a dict of `serialize`, or None.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    return None if identifier is None else identified("constraint", identifier, Constraint, _TABLE, "non_neg")


def _number(who: Constraint, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{type(who).__name__}: expected {name} >= 0, received {value!r}. Pass for example 1.0.")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _whole(who: Constraint, axis: Any) -> int:
    if isinstance(axis, bool) or not isinstance(axis, numbers.Integral):
        raise ValueError(
            f"{type(who).__name__}: expected axis to be a whole number or several, received {axis!r}. Use 0, or "
            "[0, 1, 2] for a Conv2D."
        )
    return int(axis)

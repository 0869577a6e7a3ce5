"""Schedules: the learning rate as a function of the number of steps so far."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn import serialization
from tinycnn.serialization import Configurable

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_F = np.float32


class LearningRateSchedule(Configurable, ABC):
    """A learning rate η for every step: ``schedule(step)``, step counting from 0.

    An optimizer takes a schedule in place of a number: ``SGD(ExponentialDecay(0.1, 1000, 0.9))``. A subclass of one's
    own defines ``__call__``.

    Keras:   same names, defaults and numbers: float32, computed in the same order
    """

    computing = ("__call__",)

    @abstractmethod
    def __call__(self, step: int) -> Any:
        """η of a step."""


class _DecayByRate(LearningRateSchedule):
    """What the two below have in common: η₀, r, and how many times decay_steps have passed."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ):
        self.initial_learning_rate = _number(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _steps(self, "decay_steps", decay_steps)
        self.decay_rate = _number(self, "decay_rate", decay_rate)
        self.staircase = bool(staircase)
        self.name = type(self).__name__ if name is None else name

    def _passed(self, step: int) -> Any:
        p = _F(step) / _F(self.decay_steps)
        return np.floor(p) if self.staircase else p


class ExponentialDecay(_DecayByRate):
    """The rate is multiplied by the same factor every so many steps.

    Math:    η(t) = η₀·rᵖ    p = t/decay_steps, with ``staircase`` the whole number below it
    Keras:   same arguments, defaults and numbers

    Args:
        initial_learning_rate: η₀.
        decay_steps: the number of steps, above 0, in which the rate shrinks to its r-fold.
        decay_rate: r.
        staircase: whether the rate stays the same for decay_steps at a time.
        name: of no effect, written to files; by default the class's.
    """

    def __call__(self, step: int) -> Any:
        return _F(self.initial_learning_rate) * _F(self.decay_rate) ** self._passed(step)


class InverseTimeDecay(_DecayByRate):
    """The rate falls like 1/t: fast at first, then ever more slowly.

    Math:    η(t) = η₀/(1 + r·p)    p = t/decay_steps, with ``staircase`` the whole number below it
    Source:  Robbins & Monro 1951, "A stochastic approximation method", section 4, for rates that fall like 1/t
    Keras:   same arguments, defaults and numbers

    Args:
        initial_learning_rate, decay_steps, decay_rate (r), staircase, name: see `ExponentialDecay`.
    """

    def __call__(self, step: int) -> Any:
        return _F(self.initial_learning_rate) / (1 + _F(self.decay_rate) * self._passed(step))


class PiecewiseConstantDecay(LearningRateSchedule):
    """One rate up to the first boundary, another one up to the next, and so on.

    Math:    η(t) = values[i], i the number of boundaries below t: a boundary still has the rate before it
    Keras:   same arguments and numbers

    Args:
        boundaries: numbers of steps, growing.
        values: the rates, one more than there are boundaries.
        name: of no effect, written to files.
    """

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant"):
        self.boundaries = [_number(self, "boundaries", boundary) for boundary in boundaries]
        self.values = [_number(self, "values", value) for value in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "PiecewiseConstantDecay: expected one value more than there are boundaries, received "
                f"{len(self.boundaries)} boundaries and {len(self.values)} values. The last value has no end."
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(
                f"PiecewiseConstantDecay: expected boundaries that grow, received {list(boundaries)}. Sort them."
            )

    def __call__(self, step: int) -> Any:
        # Keras makes whole numbers of the boundaries: the step is one.
        return _F(self.values[sum(step > int(boundary) for boundary in self.boundaries)])


class PolynomialDecay(LearningRateSchedule):
    """The rate goes down to an end in a straight line, or along the curve of a power.

    Math:    η(t) = (η₀ − η₁)·(1 − p)^power + η₁    p = min(t, d)/d    d = decay_steps
             with ``cycle``: p = t/(d·max(1, ceil(t/d))), which begins anew after each d steps, from a lower rate
    Keras:   same arguments, defaults and numbers

    Args:
        initial_learning_rate: η₀.
        decay_steps: the number of steps, above 0, after which the end is reached.
        end_learning_rate: η₁.
        power: 1 for a straight line.
        cycle: whether it begins anew.
        name: of no effect, written to files.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = _number(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _steps(self, "decay_steps", decay_steps)
        self.end_learning_rate = _number(self, "end_learning_rate", end_learning_rate)
        self.power = _number(self, "power", power)
        self.cycle = bool(cycle)
        self.name = name

    def __call__(self, step: int) -> Any:
        t, d, end = _F(step), _F(self.decay_steps), _F(self.end_learning_rate)
        if self.cycle:
            d = d * max(_F(1), np.ceil(t / d))
        p = min(t, d) / d
        return (_F(self.initial_learning_rate) - end) * (1 - p) ** _F(self.power) + end


class CosineDecay(LearningRateSchedule):
    """The rate falls along half a wave of the cosine: slowly at both ends, fast in between.

    Math:    η(t) = η₀·((1 − α)·(1 + cos(π·p))/2 + α)    p = min(t, d)/d    d = decay_steps
             with ``warmup_target`` η₁: for warmup_steps first in a straight line from η₀ to η₁, then as above from η₁
    Source:  Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5, arXiv:1608.03983
    Keras:   same arguments, defaults and numbers

    Args:
        initial_learning_rate: η₀.
        decay_steps: the number of steps, above 0, after which α·η₀ is reached.
        alpha: α, the share of the rate that is left in the end.
        name: of no effect, written to files.
        warmup_target: η₁; None for no warm-up.
        warmup_steps: the steps of the warm-up.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = _number(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _steps(self, "decay_steps", decay_steps)
        self.alpha = _number(self, "alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else _number(self, "warmup_target", warmup_target)
        self.warmup_steps = _number(self, "warmup_steps", warmup_steps)

    def __call__(self, step: int) -> Any:
        t, rate = _F(step), _F(self.initial_learning_rate)
        if self.warmup_target is not None:
            warmup, target = _F(self.warmup_steps), _F(self.warmup_target)
            if t < warmup:
                return (target - rate) * (t / warmup) + rate
            t, rate = t - warmup, target
        return rate * _half_wave(min(t, _F(self.decay_steps)) / _F(self.decay_steps), self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """`CosineDecay` that begins anew each time it has come to its end.

    Math:    η(t) = η₀·((1 − α)·mⁱ·(1 + cos(π·p))/2 + α)    i the number of restarts so far, p the share of the
             present wave that is behind; the first wave takes first_decay_steps, each later one t_mul times the last's
    Source:  Loshchilov & Hutter 2017, section 3, arXiv:1608.03983
    Keras:   same arguments, defaults and numbers

    Args:
        initial_learning_rate: η₀.
        first_decay_steps: the steps, above 0, of the first wave.
        t_mul: how many times as long each wave is as the one before it.
        m_mul: m, how many times as high it starts.
        alpha: α, the share of the rate that is left at the end of a wave.
        name: of no effect, written to files.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = _number(self, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _steps(self, "first_decay_steps", first_decay_steps)
        self.t_mul = _number(self, "t_mul", t_mul)
        if self.t_mul < 1:
            raise ValueError(
                f"CosineDecayRestarts: expected t_mul >= 1, received {t_mul}. Shorter and shorter waves have an end."
            )
        self.m_mul = _number(self, "m_mul", m_mul)
        self.alpha = _number(self, "alpha", alpha)
        self.name = name

    def __call__(self, step: int) -> Any:
        p, t_mul = _F(step) / _F(self.first_decay_steps), _F(self.t_mul)
        if t_mul == 1:
            i = np.floor(p)
            p = p - i
        else:  # i waves take (1 − t_mulⁱ)/(1 − t_mul) first waves
            i = np.floor(np.log(1 - p * (1 - t_mul)) / np.log(t_mul))
            p = (p - (1 - t_mul**i) / (1 - t_mul)) / t_mul**i
        return _F(self.initial_learning_rate) * _half_wave(p, self.alpha, _F(self.m_mul) ** i)


serialize = serialization.serialize


def deserialize(config: Mapping[str, Any]) -> LearningRateSchedule:
    """A schedule from a dict of its class_name and config, as files hold it; only tinycnn's own classes."""
    return serialization.deserialize("learning rate schedule", config, {cls.__name__: cls for cls in _CLASSES})


_CLASSES: tuple[type[LearningRateSchedule], ...] = (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def _half_wave(p: Any, alpha: float, height: Any = 1) -> Any:
    """From height at p = 0 down to alpha at p = 1."""
    return (1 - _F(alpha)) * (_F(0.5) * height * (1 + np.cos(_F(math.pi) * p))) + _F(alpha)


def _number(who: LearningRateSchedule, name: str, value: Any) -> float:
    """``value``, if it is a finite number; whole ones stay whole, as in Keras's files."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(
            f"{type(who).__name__}: expected {name} to be a finite number, received {value!r}. Pass for example 0.1."
        )
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _steps(who: LearningRateSchedule, name: str, value: Any) -> float:
    number = _number(who, name, value)
    if number <= 0:
        raise ValueError(f"{type(who).__name__}: expected {name} > 0, received {value}. Pass for example 1000.")
    return number

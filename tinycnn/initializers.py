"""Initializers: the values that weights have before training."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn.serialization import Configurable, identified
from tinycnn.utils import lookup, new_seed_sequence, snake_case

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "get",
]

Array = np.ndarray

# The standard deviation of a standard normal variable, given that it lies within ±2.
_STDDEV_OF_TRUNCATED_NORMAL = 0.87962566103423978


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """How many inputs feed one output (fan_in), and how many outputs one input feeds (fan_out).

    Shapes:  dense (fan_in, fan_out);  convolution (kh, kw, c_in, c_out): kh·kw·c_in and kh·kw·c_out;
             a vector (c,): c and c
    """
    if len(shape) == 0:
        return 1, 1
    if len(shape) == 1:
        return int(shape[0]), int(shape[0])
    window = math.prod(shape[:-2])
    return int(window * shape[-2]), int(window * shape[-1])


class Initializer(Configurable, ABC):
    """Call it with a shape: ``initializer(shape, rng, dtype) -> array``.

    Args of the call:
        shape: the shape of the weights.
        rng: the random stream to draw from; without one, a new stream of the package's seed.
        dtype: "float32" (default) or "float64".
    """

    @abstractmethod
    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None, dtype: Any = "float32") -> Array:
        """An array of ``shape``."""

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


class Constant(Initializer):
    """The same number everywhere."""

    def __init__(self, value: float = 0.0):
        self.value = _number(self, "value", value)

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None, dtype: Any = "float32") -> Array:
        return np.full(shape, self.value, dtype)


class Zeros(Constant):
    """Zero everywhere: for biases and for batch normalization's beta."""

    def __init__(self) -> None:
        super().__init__(0.0)


class Ones(Constant):
    """One everywhere: for batch normalization's gamma."""

    def __init__(self) -> None:
        super().__init__(1.0)


class _RandomInitializer(Initializer):
    """Draws in float64 and rounds once, so that both dtypes hold the same numbers.

    With ``seed`` every call draws from a stream of its own that starts afresh, so that it gives the same
    values each time, as in Keras; without, from the ``rng`` of the call.
    """

    def __init__(self, seed: int | None = None):
        if seed is not None:
            if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
                raise TypeError(f"{_name(self)}: expected an integer seed, received {seed!r}. Pass for example 42.")
            if seed < 0:
                raise ValueError(f"{_name(self)}: expected seed >= 0, received {seed}. Pass for example 42.")
        self.seed = seed

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None, dtype: Any = "float32") -> Array:
        if self.seed is not None:
            rng = np.random.default_rng(self.seed)
        elif rng is None:
            rng = np.random.default_rng(new_seed_sequence())
        return self._draw(tuple(shape), rng).astype(dtype)

    @abstractmethod
    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """float64 values of ``shape``."""


class RandomNormal(_RandomInitializer):
    """Values of the normal distribution N(mean, stddev²)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean = _number(self, "mean", mean)
        self.stddev = _number(self, "stddev", stddev)
        if self.stddev < 0:
            raise ValueError(f"RandomNormal: expected stddev >= 0, received {stddev}. Pass for example 0.05.")

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(self.mean, self.stddev, shape)


class RandomUniform(_RandomInitializer):
    """Values of the uniform distribution between minval and maxval."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval = _number(self, "minval", minval)
        self.maxval = _number(self, "maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(
                f"RandomUniform: expected minval <= maxval, received {minval} and {maxval}. Exchange the two."
            )

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.uniform(self.minval, self.maxval, shape)


class VarianceScaling(_RandomInitializer):
    """Random values whose variance is scale/n, n being the number of a unit's connections.

    The idea: a unit adds up n products, so with weights of variance 1/n the sum keeps the variance of its
    inputs, and neither the activations nor the gradients of a deep network grow or fade from layer to layer.

    Math:    n = fan_in, fan_out or their mean (see `compute_fans`)
             uniform: within ±√(3·scale/n)
             truncated normal: σ = √(scale/n)/0.8796…, values beyond ±2σ are drawn again; the division makes
             up for the variance that the missing tails would have brought

    Args:
        scale: a number > 0.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" or "uniform".
        seed: see `Initializer`; with a seed, every call gives the same values.

    Raises:
        ValueError: another mode or distribution, or a scale that is not positive.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ):
        super().__init__(seed)
        self.scale = _number(self, "scale", scale)
        if self.scale <= 0:
            raise ValueError(f"{_name(self)}: expected scale > 0, received {scale}. Pass for example 1.0.")
        self.mode = lookup(f"{_name(self)} mode", mode, {m: m for m in ("fan_in", "fan_out", "fan_avg")})
        self.distribution = lookup(
            f"{_name(self)} distribution", distribution, {d: d for d in ("truncated_normal", "uniform")}
        )

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        fan_in, fan_out = compute_fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        stddev = math.sqrt(variance) / _STDDEV_OF_TRUNCATED_NORMAL
        return stddev * _truncated_normal(shape, rng)


class GlorotUniform(VarianceScaling):
    """Uniform within ±√(6/(fan_in + fan_out)): Keras's default for kernels.

    Source:  Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
             networks", eq. 16
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2/(fan_in + fan_out).

    Source:  Glorot & Bengio 2010, eq. 12
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2/fan_in: twice as much, because a ReLU lets half of it through.

    Source:  He et al. 2015, "Delving deep into rectifiers", eq. 10, arXiv:1502.01852
    """

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform within ±√(6/fan_in): the variance of `HeNormal`.

    Source:  He et al. 2015, arXiv:1502.01852
    """

    def __init__(self, seed: int | None = None):
        super().__init__(2.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1/fan_in.

    Source:  LeCun et al. 1998, "Efficient BackProp", section 4.6
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Uniform within ±√(3/fan_in): the variance of `LecunNormal`.

    Source:  LeCun et al. 1998, "Efficient BackProp", section 4.6
    """

    def __init__(self, seed: int | None = None):
        super().__init__(1.0, "fan_in", "uniform", seed)


_CLASSES: tuple[type[Initializer], ...] = (
    Constant,
    Zeros,
    Ones,
    RandomNormal,
    RandomUniform,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
)
_TABLE = {snake_case(cls.__name__): cls for cls in _CLASSES} | {cls.__name__: cls for cls in _CLASSES}


#: What `get` takes, and so every argument that names an initializer.
Identifier = str | Initializer | type[Initializer] | Mapping[str, Any]


def get(identifier: Identifier) -> Initializer:
    """An initializer from a name ("glorot_uniform", "GlorotUniform"), a class, an object or a dict of `serialize`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    return identified("initializer", identifier, Initializer, _TABLE, "glorot_uniform")


def _truncated_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Standard normal values; those beyond ±2 (about one in 22) are drawn again until none is left."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


def _number(who: Initializer, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{_name(who)}: expected {name} to be a number, received {value!r}. Pass for example 0.05.")
    if not math.isfinite(value):
        raise ValueError(f"{_name(who)}: expected a finite {name}, received {value}. Pass for example 0.05.")
    return float(value)


def _name(who: Initializer) -> str:
    return type(who).__name__

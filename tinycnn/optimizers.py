"""Optimizers: how weights follow their gradients.

An optimizer sees a model as one long vector of weights and one of gradients (`ParameterVector`). The rules
themselves are in kernels/optimizers.py; here are the settings, the clipping of gradients and the state
between steps.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.kernels import FAST, Kernels
from tinycnn.serialization import Configurable, deserialize
from tinycnn.utils import lookup, snake_case

if TYPE_CHECKING:
    from tinycnn.layers.base import ParameterVector

Array = np.ndarray


class Optimizer(Configurable, ABC):
    """What all optimizers share: the learning rate, clipping, weight decay, and slots.

    Args:
        learning_rate: η, a number >= 0; may be assigned during training.
        weight_decay: λ; before each step every weight loses η·λ of itself. None for none.
        clipnorm: the gradient of each parameter is scaled down to this Euclidean norm where it is longer.
        clipvalue: each element of the gradient is cut to ± this value.
        global_clipnorm: the gradient of the whole model is scaled down to this norm where it is longer.
        name: by default the class in snake case.

    Attributes:
        iterations: the number of steps so far.
        slots: what the optimizer remembers from step to step, by name: vectors as long as the weights'.
        kernels: the set of kernels that does the work.

    Keras:   same names, defaults and numbers; at most one of the three ways of clipping. Learning rate
             schedules, ``use_ema``, ``loss_scale_factor`` and ``gradient_accumulation_steps`` are not
             supported.

    Raises:
        TypeError: an unknown keyword, or a setting that is not a number.
        ValueError: a setting out of range, or two ways of clipping at once.
    """

    computing = ("apply",)

    def __init__(
        self,
        learning_rate: float,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: expected learning_rate, weight_decay, clipnorm, clipvalue, "
                f"global_clipnorm, name or the arguments of its docstring, received "
                f"{', '.join(sorted(unknown))}. Leave out what tinycnn does not support."
            )
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [f"{key}={value}" for key, value in clips.items() if value is not None]
        if len(given) > 1:
            raise ValueError(
                f"{type(self).__name__}: expected at most one of clipnorm, clipvalue and global_clipnorm, "
                f"received {', '.join(given)}. Choose one."
            )
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else self._number("weight_decay", weight_decay)
        self.clipnorm = None if clipnorm is None else self._number("clipnorm", clipnorm, positive=True)
        self.clipvalue = None if clipvalue is None else self._number("clipvalue", clipvalue, positive=True)
        self.global_clipnorm = (
            None if global_clipnorm is None else self._number("global_clipnorm", global_clipnorm, positive=True)
        )
        self.name = name or snake_case(type(self).__name__)
        self.kernels: Kernels = FAST
        self.iterations = 0
        self.slots: dict[str, Array] = {}
        self._size: int | None = None

    @property
    def learning_rate(self) -> float:
        """η: a callback or the user may assign it between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self._number("learning_rate", value)

    def set_state(self, iterations: int, learning_rate: float, slots: dict[str, Array]) -> None:
        """Go on where an optimizer of the same settings stood: copies of its ``slots`` become this one's.

        Raises:
            ValueError: slots of other names than this optimizer's; none at all means that it has made no step.
        """
        if slots and tuple(slots) != self._slot_names():
            raise ValueError(
                f"{self.name}: expected the slots {', '.join(self._slot_names()) or 'of none'}, received "
                f"{', '.join(slots)}. Use an optimizer of the same settings."
            )
        self.iterations, self.learning_rate = iterations, learning_rate
        self.slots = {name: slot.copy() for name, slot in slots.items()}
        self._size = next((slot.size for slot in slots.values()), None)

    def build(self, parameters: ParameterVector) -> None:
        """Make the slots, all zero, for a model's parameters; a second call changes nothing.

        Raises:
            ValueError: the slots were made for a vector of another length.
        """
        w = parameters.value
        if self._size is None:
            self.slots = {name: np.zeros_like(w) for name in self._slot_names()}
            self._size = w.size
        elif w.size != self._size:
            raise ValueError(
                f"{self.name}: expected the {self._size} weights of its first step, received {w.size}. "
                "Compile again after freezing layers; make a new optimizer for another model."
            )

    def apply(self, parameters: ParameterVector) -> None:
        """One step: move ``parameters.value`` in place, against ``parameters.grad``, which stays as it is.

        Raises:
            ValueError: another number of weights than at the first step.
        """
        self.build(parameters)
        gradient = self._clipped(parameters)
        if self.weight_decay is not None:
            self.kernels.weight_decay_update(parameters.value, self.learning_rate, self.weight_decay)
        self._update(parameters.value, gradient)
        self.iterations += 1

    @abstractmethod
    def _slot_names(self) -> tuple[str, ...]:
        """The names of the slots, in Keras's order."""

    @abstractmethod
    def _update(self, w: Array, g: Array) -> None:
        """Call the kernel."""

    def _clipped(self, parameters: ParameterVector) -> Array:
        """The gradient after clipping: a new vector, or the very one where no clipping is asked for."""
        g = parameters.grad
        if self.clipvalue is not None:
            return np.clip(g, -self.clipvalue, self.clipvalue)
        if self.global_clipnorm is not None:
            return g * _scale(g, self.global_clipnorm)
        if self.clipnorm is not None:
            clipped = np.empty_like(g)
            for part in parameters.slices:
                clipped[part] = g[part] * _scale(g[part], self.clipnorm)
            return clipped
        return g

    def _number(self, name: str, value: Any, *, positive: bool = False) -> float:
        """``value`` as a float that is >= 0 (or > 0)."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{type(self).__name__}: expected {name} to be a number, received {value!r}. Pass for example 0.001."
            )
        number = float(value)
        if not math.isfinite(number) or number < 0 or (positive and number == 0):
            raise ValueError(
                f"{type(self).__name__}: expected {name} {'>' if positive else '>='} 0, received {value}. "
                "Pass for example 0.001."
            )
        return number

    def _fraction(self, name: str, value: Any, *, one_allowed: bool = False) -> float:
        """``value`` as a float from 0 to 1."""
        number = self._number(name, value)
        if number > 1 or (number == 1 and not one_allowed):
            raise ValueError(
                f"{type(self).__name__}: expected 0 <= {name} {'<=' if one_allowed else '<'} 1, received "
                f"{value}. Pass for example 0.9."
            )
        return number

    def __repr__(self) -> str:
        return f"<{type(self).__name__} learning_rate={self.learning_rate}, iterations={self.iterations}>"


class SGD(Optimizer):
    """Stochastic gradient descent, with or without momentum.

    Math:    w ← w − η·g
             with momentum μ: v ← μ·v − η·g    w ← w + v
             with Nesterov:   v ← μ·v − η·g    w ← w + μ·v − η·g
    Slots:   momentum (where momentum > 0)
    Source:  Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"
    Keras:   same defaults and numbers

    Args:
        learning_rate: η.
        momentum: μ, from 0 to 1.
        nesterov: whether to look one step ahead; needs momentum > 0 to have an effect.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any):
        super().__init__(learning_rate, **options)
        self.momentum = self._fraction("momentum", momentum, one_allowed=True)
        self.nesterov = bool(nesterov)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum > 0 else ()

    def _update(self, w: Array, g: Array) -> None:
        if self.momentum > 0:
            self.kernels.sgd_momentum_update(
                w, g, self.slots["momentum"], self.learning_rate, self.momentum, self.nesterov
            )
        else:
            self.kernels.sgd_update(w, g, self.learning_rate)


class RMSprop(Optimizer):
    """The gradient divided by the root of a moving average of its square.

    Math:    v ← ρ·v + (1 − ρ)·g²    w ← w − η·g/√(v + ε)
             centred:      a ← ρ·a + (1 − ρ)·g, and v − a² in place of v under the root
             momentum μ:   b ← μ·b + η·g/√(v + ε)    w ← w − b
    Slots:   velocity;  momentum (where momentum > 0);  average_gradient (where centered)
    Source:  Hinton 2012, "Neural networks for machine learning", lecture 6e
    Keras:   same defaults and numbers; ε stands under the root

    Args:
        learning_rate: η.
        rho: ρ, from 0 to below 1.
        momentum: μ, from 0 to 1.
        epsilon: ε >= 0.
        centered: whether to divide by the root of the variance instead of the mean square.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho = self._fraction("rho", rho)
        self.momentum = self._fraction("momentum", momentum, one_allowed=True)
        self.epsilon = self._number("epsilon", epsilon)
        self.centered = bool(centered)

    def _slot_names(self) -> tuple[str, ...]:
        momentum = ("momentum",) if self.momentum > 0 else ()
        average = ("average_gradient",) if self.centered else ()
        return ("velocity", *momentum, *average)

    def _update(self, w: Array, g: Array) -> None:
        self.kernels.rmsprop_update(
            w,
            g,
            self.slots["velocity"],
            self.slots.get("average_gradient"),
            self.slots.get("momentum"),
            self.learning_rate,
            self.rho,
            self.momentum,
            self.epsilon,
        )


class Adam(Optimizer):
    """Moving averages of the gradient and of its square, both corrected for their start at zero.

    Math:    m ← β₁·m + (1 − β₁)·g    v ← β₂·v + (1 − β₂)·g²
             w ← w − α·m/(√v + ε)     α = η·√(1 − β₂ᵗ)/(1 − β₁ᵗ), t the number of the step from 1
             amsgrad: v̂ ← max(v̂, v) takes the place of v in the last step
    Slots:   momentum (m);  velocity (v);  velocity_hat (v̂, where amsgrad)
    Numbers: float32 gradients from 1e-30 to 1e18 give steps to a relative error of 2e-6 (against float64); the
             square of one above 1.8e19 overflows, and its weight becomes NaN, in Keras too
    Source:  Kingma & Ba 2015, arXiv:1412.6980;  AMSGrad: Reddi et al. 2018, arXiv:1904.09237
    Keras:   same defaults and numbers; ε is added to the uncorrected root, and βᵗ is the power of float32(β)

    Args:
        learning_rate: η.
        beta_1, beta_2: from 0 to below 1.
        epsilon: ε >= 0.
        amsgrad: whether the denominator may only grow.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = self._fraction("beta_1", beta_1)
        self.beta_2 = self._fraction("beta_2", beta_2)
        self.epsilon = self._number("epsilon", epsilon)
        self.amsgrad = bool(amsgrad)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def _update(self, w: Array, g: Array) -> None:
        # The powers are Keras's: of β in float32, taken in the weights' dtype. Exact ones differ in the fifth digit of
        # 1 − β₂ᵗ; after a hundred steps the weights of the two would have parted by far more than by any rounding.
        number = w.dtype.type
        t = number(self.iterations + 1)
        power_1, power_2 = number(np.float32(self.beta_1)) ** t, number(np.float32(self.beta_2)) ** t
        alpha = float(number(self.learning_rate) * np.sqrt(number(1) - power_2) / (number(1) - power_1))
        m, v = self.slots["momentum"], self.slots["velocity"]
        if self.amsgrad:
            v_hat = self.slots["velocity_hat"]
            self.kernels.amsgrad_update(w, g, m, v, v_hat, alpha, self.beta_1, self.beta_2, self.epsilon)
        else:
            self.kernels.adam_update(w, g, m, v, alpha, self.beta_1, self.beta_2, self.epsilon)


class AdamW(Adam):
    """`Adam`, with weight decay that does not pass through the moving averages.

    Math:    w ← w − η·λ·w, then Adam's step; biases, gamma and beta decay like all other weights
    Slots:   as Adam
    Source:  Loshchilov & Hutter 2019, arXiv:1711.05101
    Keras:   same defaults and numbers

    Args:
        learning_rate, beta_1, beta_2, epsilon, amsgrad: as in `Adam`.
        weight_decay: λ >= 0.
        **options: clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=self._number("weight_decay", weight_decay),
            **options,
        )


_TABLE: dict[str, type[SGD | RMSprop | Adam]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name ("adam", "RMSprop", … in any case), an object, or a dict of `serialize`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return lookup("optimizer", identifier.lower(), _TABLE)()
    if isinstance(identifier, Mapping):
        return deserialize("optimizer", identifier, _TABLE)
    raise TypeError(
        f"optimizer: expected a name or an Optimizer, received {identifier!r}. Pass for example 'adam' or Adam(0.001)."
    )


def _scale(g: Array, norm: float) -> Any:
    """The factor that shortens ``g`` to a Euclidean norm of at most ``norm``; NaN where g is not finite."""
    length = np.sqrt(np.sum(np.square(g, dtype=np.float64)))
    if not np.isfinite(length):
        return g.dtype.type(np.nan)
    return g.dtype.type(norm / max(length, norm))

"""Optimizers: how weights follow their gradients.

An optimizer sees a model as one long vector of weights and one of gradients (`ParameterVector`). The rules
themselves are in kernels/optimizers.py; here are the settings, the clipping of gradients and the state
between steps, which belongs to the parameters of the first step: to these objects, not to their places in a model.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from tinycnn.kernels import FAST, Kernels
from tinycnn.serialization import Configurable, deserialize
from tinycnn.utils import lookup, snake_case

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from tinycnn.layers.base import Parameter, ParameterVector

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "get",
]

Array = np.ndarray


class ClippingOptions(TypedDict, total=False):
    """Arguments that all optimizers share, see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    name: str | None


class OptimizerOptions(ClippingOptions, total=False):
    """The same, and what all but AdamW have."""

    weight_decay: float | None


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
        parameters: those of the first step, which the optimizer can move from then on; None before it.
        slots: what the optimizer remembers from step to step, by name: vectors, parameter after parameter.
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
        self.parameters: tuple[Parameter, ...] | None = None

    @property
    def learning_rate(self) -> float:
        """η: a callback or the user may assign it between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = self._number("learning_rate", value)

    def set_state(
        self,
        iterations: int,
        learning_rate: float,
        slots: dict[str, Array],
        parameters: Iterable[Parameter] | None = None,
    ) -> None:
        """Go on where an optimizer of the same settings stood: copies of its ``slots`` become this one's.

        Args:
            iterations, learning_rate, slots: as the attributes are called; without slots it has made no step.
            parameters: whose the slots are, in their order; by default those of this optimizer's first step, be it
                behind it or yet to come.

        Raises:
            ValueError: slots of other names than this optimizer's, or of another length than the parameters.
        """
        if slots and tuple(slots) != self._slot_names():
            raise ValueError(
                f"{self.name}: expected the slots {', '.join(self._slot_names()) or 'of none'}, received "
                f"{', '.join(slots)}. Use an optimizer of the same settings."
            )
        owners = self.parameters if parameters is None else tuple(parameters)
        for slot in slots.values():
            self._check_size(slot, slot.size if owners is None else sum(p.value.size for p in owners))
        self.iterations, self.learning_rate = iterations, learning_rate
        self.slots = {name: slot.copy() for name, slot in slots.items()}
        self.parameters = owners if slots or parameters is not None else None

    def build(self, vector: ParameterVector) -> None:
        """Make the slots, all zero, for a model's parameters; where they are known already, nothing changes.

        Some of the known ones may be missing, as after freezing layers: their slots wait. Without any parameters
        nothing happens.

        Raises:
            ValueError: a parameter that was not among those of the first step.
        """
        if not vector.parameters:
            return
        if self.parameters is None:
            if not self.slots:
                self.slots = {name: np.zeros_like(vector.value) for name in self._slot_names()}
            for slot in self.slots.values():
                self._check_size(slot, vector.value.size)
            self.parameters = vector.parameters
        elif vector.parameters != self.parameters:
            self.check_known(vector.parameters)

    def check_known(self, parameters: Iterable[Parameter]) -> None:
        """Whether the optimizer can move these parameters.

        Raises:
            ValueError: a parameter that was not among those of the first step.
        """
        unknown = self.unknown(parameters)
        if unknown:
            raise ValueError(
                f"{self.name}: expected the parameters of its first step, or some of them, received {len(unknown)} "
                f"that it does not know, such as {unknown[0].name!r} of shape {unknown[0].shape}. Compile with a new "
                "optimizer for another model, and after adding or unfreezing layers."
            )

    def unknown(self, parameters: Iterable[Parameter]) -> list[Parameter]:
        """Those of the parameters that the optimizer cannot move, because its first step was made without them."""
        known = {id(p) for p in self.parameters or ()}
        return [] if self.parameters is None else [p for p in parameters if id(p) not in known]

    def slot(self, name: str, parameter: Parameter) -> Array:
        """A parameter's part of a slot: a view of the parameter's shape.

        Raises:
            KeyError: no such slot, or a parameter that is not known.
        """
        return self.slots[name][self._places()[id(parameter)]].reshape(parameter.shape)

    def apply(self, vector: ParameterVector) -> None:
        """One step: move ``vector.value`` in place, against ``vector.grad``, which stays as it is.

        Without parameters, as where all layers are frozen, nothing happens.

        Raises:
            ValueError: a parameter that was not among those of the first step.
        """
        if not vector.parameters:
            return
        self.build(vector)
        gradient = self._clipped(vector)
        if self.weight_decay is not None:
            self.kernels.weight_decay_update(vector.value, self.learning_rate, self.weight_decay)
        if vector.parameters == self.parameters:
            self._update(vector.value, gradient, self.slots)
        else:  # some are missing: theirs of the slots are brought together, and back to their places
            places = self._places()
            parts = [places[id(p)] for p in vector.parameters]
            slots = {name: np.concatenate([slot[part] for part in parts]) for name, slot in self.slots.items()}
            self._update(vector.value, gradient, slots)
            for name, slot in slots.items():
                for part, own in zip(parts, vector.slices, strict=True):
                    self.slots[name][part] = slot[own]
        self.iterations += 1

    def _places(self) -> dict[int, slice]:
        """Where each parameter's numbers lie in the slots, by its identity."""
        places, end = {}, 0
        for p in self.parameters or ():
            places[id(p)] = slice(end, end + p.value.size)
            end += p.value.size
        return places

    def _check_size(self, slot: Array, size: int) -> None:
        if slot.shape != (size,):
            raise ValueError(
                f"{self.name}: expected slots for {size} weights, received {slot.size}. "
                "Compile with a new optimizer for another model."
            )

    @abstractmethod
    def _slot_names(self) -> tuple[str, ...]:
        """The names of the slots, in Keras's order."""

    @abstractmethod
    def _update(self, w: Array, g: Array, slots: dict[str, Array]) -> None:
        """Call the kernel; the slots are as long as w and g."""

    def _clipped(self, vector: ParameterVector) -> Array:
        """The gradient after clipping: a new vector, or the very one where no clipping is asked for."""
        g = vector.grad
        if self.clipvalue is not None:
            return np.clip(g, -self.clipvalue, self.clipvalue)
        if self.global_clipnorm is not None:
            return g * _scale(g, self.global_clipnorm)
        if self.clipnorm is not None:
            clipped = np.empty_like(g)
            for part in vector.slices:
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

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.momentum = self._fraction("momentum", momentum, one_allowed=True)
        self.nesterov = bool(nesterov)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum > 0 else ()

    def _update(self, w: Array, g: Array, slots: dict[str, Array]) -> None:
        if self.momentum > 0:
            self.kernels.sgd_momentum_update(w, g, slots["momentum"], self.learning_rate, self.momentum, self.nesterov)
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
        **options: Unpack[OptimizerOptions],
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

    def _update(self, w: Array, g: Array, slots: dict[str, Array]) -> None:
        self.kernels.rmsprop_update(
            w,
            g,
            slots["velocity"],
            slots.get("average_gradient"),
            slots.get("momentum"),
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
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = self._fraction("beta_1", beta_1)
        self.beta_2 = self._fraction("beta_2", beta_2)
        self.epsilon = self._number("epsilon", epsilon)
        self.amsgrad = bool(amsgrad)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def _update(self, w: Array, g: Array, slots: dict[str, Array]) -> None:
        # The powers are Keras's: of β in float32, taken in the weights' dtype. Exact ones differ in the fifth digit of
        # 1 − β₂ᵗ; after a hundred steps the weights of the two would have parted by far more than by any rounding.
        number = w.dtype.type
        t = number(self.iterations + 1)
        power_1, power_2 = number(np.float32(self.beta_1)) ** t, number(np.float32(self.beta_2)) ** t
        alpha = float(number(self.learning_rate) * np.sqrt(number(1) - power_2) / (number(1) - power_1))
        m, v = slots["momentum"], slots["velocity"]
        if self.amsgrad:
            v_hat = slots["velocity_hat"]
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
        **options: Unpack[ClippingOptions],
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


#: What `get` takes, and so every argument that names an optimizer.
Identifier = str | Optimizer | Mapping[str, Any]


def get(identifier: Identifier) -> Optimizer:
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

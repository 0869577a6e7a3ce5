"""What all optimizers share: settings, the learning rate, the clipping of gradients, and the state between steps.

The state belongs to the parameters of the first step: to these objects, not to their places in a model.
"""

from __future__ import annotations

import math
import numbers
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

import numpy as np

from tinycnn.kernels import FAST, Kernels
from tinycnn.optimizers import schedules
from tinycnn.optimizers.schedules import LearningRateSchedule
from tinycnn.serialization import Configurable, serialize
from tinycnn.utils import snake_case

if TYPE_CHECKING:
    from tinycnn.layers.base import Parameter, ParameterVector

Array = np.ndarray
OptimizerT = TypeVar("OptimizerT", bound="Optimizer")

#: What an optimizer takes as its learning rate.
Rate = float | LearningRateSchedule


class ClippingOptions(TypedDict, total=False):
    """Arguments that all optimizers share, see `Optimizer`."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    name: str | None


class OptimizerOptions(ClippingOptions, total=False):
    """The same, and what all but AdamW have."""

    weight_decay: float | None


class LearningRate(float):
    """An optimizer's learning rate at present: a number, with the methods of Keras's variable."""

    optimizer: Optimizer

    def assign(self, value: float) -> LearningRate:
        """``optimizer.learning_rate = value``; returns the new rate."""
        self.optimizer.learning_rate = value
        return self.optimizer.learning_rate

    def numpy(self) -> np.float32:
        """The rate as Keras keeps it, rounded to float32."""
        return np.float32(self)

    def __reduce__(self) -> Any:
        return float, (float(self),)  # a copy is a number, whose optimizer is not copied with it


class Optimizer(Configurable, ABC):
    """What all optimizers share: the learning rate, clipping, weight decay, and slots.

    Args:
        learning_rate: η, a number >= 0, which may be assigned during training, or a schedule.
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

    Keras:   same names, defaults and numbers; at most one of the three ways of clipping; ``decay`` is ignored, with a
             warning. ``use_ema``, ``loss_scale_factor`` and ``gradient_accumulation_steps`` are not supported.

    Raises:
        TypeError: an unknown keyword, or a setting that is not a number; a number as the learning rate where it
            follows a schedule.
        ValueError: a setting out of range, or two ways of clipping at once.
    """

    computing = ("apply",)
    #: So many of the first slots lie parameter by parameter in Keras's files, the others slot by slot.
    slots_in_turn: ClassVar[int] = 0
    #: What every number in the slots is before the first step.
    slot_start: float = 0.0

    def __init__(
        self,
        learning_rate: Rate,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **unknown: Any,
    ):
        if unknown.pop("decay", None) is not None:
            warnings.warn(
                f"{type(self).__name__}: expected no decay, which Keras 3 does not have, received one, which is "
                "ignored. Pass learning_rate=schedules.InverseTimeDecay(learning_rate, 1, decay).",
                stacklevel=3,
            )
        if "lr" in unknown:
            raise TypeError(
                f"{type(self).__name__}: expected learning_rate, received lr, its former name. "
                f"Write learning_rate={unknown['lr']!r}."
            )
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
        self._learning_rate: Rate = 0.0
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
    def learning_rate(self) -> LearningRate:
        """η of the next step: a callback or the user may assign a number between steps, or another schedule."""
        value = self._learning_rate
        if isinstance(value, LearningRateSchedule):
            value = self._number("learning_rate", float(value(self.iterations)))
        rate = LearningRate(value)
        rate.optimizer = self
        return rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if isinstance(value, LearningRateSchedule):
            self._learning_rate = value
            return
        if self.schedule:
            raise TypeError(
                f"{type(self).__name__}: expected nothing to set a learning rate that follows a schedule, received "
                f"{value!r}. Make the optimizer with a number, learning_rate=0.001, to change it later."
            )
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        self._learning_rate = self._number("learning_rate", value)

    @property
    def schedule(self) -> LearningRateSchedule | None:
        """What the learning rate follows; None where it is a number."""
        return self._learning_rate if isinstance(self._learning_rate, LearningRateSchedule) else None

    def get_config(self) -> dict[str, Any]:
        rate = serialize(self.schedule) if self.schedule else float(self.learning_rate)
        return {**super().get_config(), "learning_rate": rate}

    @classmethod
    def from_config(cls: type[OptimizerT], config: Mapping[str, Any]) -> OptimizerT:
        rate = config.get("learning_rate") if isinstance(config, Mapping) else None
        if isinstance(rate, Mapping):
            config = {**config, "learning_rate": schedules.deserialize(rate)}
        return super().from_config(config)

    def set_state(
        self,
        iterations: int,
        learning_rate: float,
        slots: dict[str, Array],
        parameters: Iterable[Parameter] | None = None,
    ) -> None:
        """Go on where an optimizer of the same settings stood: copies of its ``slots`` become this one's.

        Args:
            iterations, learning_rate, slots: as the attributes are called; without slots it has made no step. A
                schedule goes by the iterations alone.
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
        if not self.schedule:
            self.learning_rate = learning_rate
        self.iterations = iterations
        self.slots = {name: slot.copy() for name, slot in slots.items()}
        self.parameters = owners if slots or parameters is not None else None

    def build(self, vector: ParameterVector) -> None:
        """Make the slots for a model's parameters; where they are known already, nothing changes.

        Some of the known ones may be missing, as after freezing layers: their slots wait. Without any parameters
        nothing happens.

        Raises:
            ValueError: a parameter that was not among those of the first step.
        """
        if not vector.parameters:
            return
        if self.parameters is None:
            if not self.slots:
                self.slots = {name: np.full_like(vector.value, self.slot_start) for name in self._slot_names()}
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
        gradient, learning_rate = self._clipped(vector), float(self.learning_rate)
        if self.weight_decay is not None:
            self.kernels.weight_decay_update(vector.value, learning_rate, self.weight_decay)
        if vector.parameters == self.parameters:
            self._update(vector.value, gradient, self.slots, learning_rate)
        else:  # some are missing: theirs of the slots are brought together, and back to their places
            places = self._places()
            parts = [places[id(p)] for p in vector.parameters]
            slots = {name: np.concatenate([slot[part] for part in parts]) for name, slot in self.slots.items()}
            self._update(vector.value, gradient, slots, learning_rate)
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

    @property
    def numbers_behind_slots(self) -> tuple[float, ...]:
        """What Keras keeps behind the slots, and tinycnn computes from the number of steps."""
        return ()

    @abstractmethod
    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        """Move w in place; the slots are as long as w and g."""

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


def _scale(g: Array, norm: float) -> Any:
    """The factor that shortens ``g`` to a Euclidean norm of at most ``norm``; NaN where g is not finite."""
    length = np.sqrt(np.sum(np.square(g, dtype=np.float64)))
    if not np.isfinite(length):
        return g.dtype.type(np.nan)
    return g.dtype.type(norm / max(length, norm))

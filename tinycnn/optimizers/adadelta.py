"""Steps that find their length by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adadelta(Optimizer):
    """The gradient divided by its recent size and multiplied by that of the recent steps.

    So a step has the unit of the weights, and η = 1 fits any of them.

    Math:    a ← ρ·a + (1 − ρ)·g²    s = −√(d + ε)/√(a + ε)·g    d ← ρ·d + (1 − ρ)·s²    w ← w + η·s
    Slots:   accumulated_grad (a);  accumulated_delta_var (d)
    Source:  Zeiler 2012, Algorithm 1, arXiv:1212.5701
    Keras:   same defaults and numbers: η = 0.001, where the paper has 1

    Args:
        learning_rate: η.
        rho: ρ, from 0 to below 1.
        epsilon: ε >= 0.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    slots_in_turn = 2

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.rho = self._fraction("rho", rho)
        self.epsilon = self._number("epsilon", epsilon)

    def _slot_names(self) -> tuple[str, ...]:
        return ("accumulated_grad", "accumulated_delta_var")

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        a, d = slots["accumulated_grad"], slots["accumulated_delta_var"]
        a[:] = self.rho * a + (1 - self.rho) * np.square(g)
        step = -np.sqrt(d + self.epsilon) * g / np.sqrt(a + self.epsilon)
        d[:] = self.rho * d + (1 - self.rho) * np.square(step)
        w += learning_rate * step

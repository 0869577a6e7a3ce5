"""Steps divided by all the gradient that a weight has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adagrad(Optimizer):
    """The gradient divided by the root of the sum of its squares: weights that moved much move less and less.

    Math:    a ← a + g²    w ← w − η·g/√(a + ε)    a starts at initial_accumulator_value
    Slots:   accumulator (a)
    Source:  Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization",
             JMLR 12
    Keras:   same defaults and numbers; ε stands under the root

    Args:
        learning_rate: η.
        initial_accumulator_value: a before the first step, >= 0.
        epsilon: ε >= 0.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = self._number("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = self._number("epsilon", epsilon)

    @property
    def slot_start(self) -> float:  # type: ignore[override]
        return self.initial_accumulator_value

    def _slot_names(self) -> tuple[str, ...]:
        return ("accumulator",)

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        a = slots["accumulator"]
        a += np.square(g)
        w -= learning_rate * g / np.sqrt(a + self.epsilon)

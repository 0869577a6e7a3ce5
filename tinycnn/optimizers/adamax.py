"""Adam with the largest gradient of late in place of the mean square."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Adamax(Optimizer):
    """A moving average of the gradient, divided by the largest gradient, which fades with time.

    Math:    m ← β₁·m + (1 − β₁)·g    u ← max(β₂·u, |g|)
             w ← w − η/(1 − β₁ᵗ)·m/(u + ε)    t the number of the step from 1
    Slots:   momentum (m);  norm (u)
    Source:  Kingma & Ba 2015, Algorithm 2, arXiv:1412.6980
    Keras:   same defaults and numbers; there is no ε in the paper; βᵗ is the power of float32(β)

    Args:
        learning_rate: η.
        beta_1, beta_2: from 0 to below 1.
        epsilon: ε >= 0.
        **options: weight_decay, clipnorm, clipvalue, global_clipnorm, name; see `Optimizer`.
    """

    slots_in_turn = 2

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = self._fraction("beta_1", beta_1)
        self.beta_2 = self._fraction("beta_2", beta_2)
        self.epsilon = self._number("epsilon", epsilon)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum", "norm")

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        m, u = slots["momentum"], slots["norm"]
        m += (1 - self.beta_1) * (g - m)
        np.maximum(self.beta_2 * u, np.abs(g), out=u)
        power = w.dtype.type(np.float32(self.beta_1)) ** (self.iterations + 1)
        w -= learning_rate * m / ((1 - power) * (u + self.epsilon))

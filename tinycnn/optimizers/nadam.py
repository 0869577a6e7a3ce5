"""Adam that looks one step ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Nadam(Optimizer):
    """`Adam` with Nesterov's momentum: the average is moved on as the next step will do it.

    Math:    m ← β₁·m + (1 − β₁)·g    v ← β₂·v + (1 − β₂)·g²    μₜ = β₁·(1 − 0.96ᵗ/2)    πₜ = μ₁·μ₂·…·μₜ
             m̂ = μₜ₊₁·m/(1 − πₜ₊₁) + (1 − μₜ)·g/(1 − πₜ)    v̂ = v/(1 − β₂ᵗ)    t the number of the step from 1
             w ← w − η·m̂/(√v̂ + ε)
    Slots:   momentum (m);  velocity (v)
    Source:  Dozat 2016, "Incorporating Nesterov momentum into Adam", Algorithm 8
    Keras:   same defaults and numbers; πₜ lies behind the slots in its files. β₁, β₂ and 0.96 are rounded to float32,
             but for πₜ

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
        return ("momentum", "velocity")

    @property
    def numbers_behind_slots(self) -> tuple[float, ...]:
        return (self._product_of_momenta(self.iterations),)

    def _product_of_momenta(self, t: int) -> float:
        """πₜ; from the thousandth factor on, 0.96ᵗ is nothing beside 1."""
        i = np.arange(1, min(t, 1000) + 1)
        return float(self.beta_1**t * np.prod(1 - 0.96**i / 2))

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        m, v, t = slots["momentum"], slots["velocity"], self.iterations + 1
        beta_1, beta_2, fading = (float(np.float32(number)) for number in (self.beta_1, self.beta_2, 0.96))
        now, then = beta_1 * (1 - fading**t / 2), beta_1 * (1 - fading ** (t + 1) / 2)  # μₜ, μₜ₊₁
        product = self._product_of_momenta(t)
        m += (1 - beta_1) * (g - m)
        v += (1 - beta_2) * (np.square(g) - v)
        ahead = then / (1 - product * then) * m + (1 - now) / (1 - product) * g
        w -= learning_rate * ahead / (np.sqrt(v / (1 - w.dtype.type(beta_2) ** t)) + self.epsilon)

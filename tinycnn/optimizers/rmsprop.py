"""Steps divided by the recent size of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
        learning_rate: Rate = 0.001,
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

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        self.kernels.rmsprop_update(
            w,
            g,
            slots["velocity"],
            slots.get("average_gradient"),
            slots.get("momentum"),
            learning_rate,
            self.rho,
            self.momentum,
            self.epsilon,
        )

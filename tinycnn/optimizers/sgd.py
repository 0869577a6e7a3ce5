"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinycnn.optimizers.optimizer import Array, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[OptimizerOptions],
    ):
        super().__init__(learning_rate, **options)
        self.momentum = self._fraction("momentum", momentum, one_allowed=True)
        self.nesterov = bool(nesterov)

    def _slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum > 0 else ()

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        if self.momentum > 0:
            self.kernels.sgd_momentum_update(w, g, slots["momentum"], learning_rate, self.momentum, self.nesterov)
        else:
            self.kernels.sgd_update(w, g, learning_rate)

"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn.optimizers.optimizer import Array, ClippingOptions, Optimizer, OptimizerOptions, Rate

if TYPE_CHECKING:
    from typing_extensions import Unpack


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

    slots_in_turn = 2

    def __init__(
        self,
        learning_rate: Rate = 0.001,
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

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        # The powers are Keras's: of β in float32, taken in the weights' dtype. Exact ones differ in the fifth digit of
        # 1 − β₂ᵗ; after a hundred steps the weights of the two would have parted by far more than by any rounding.
        number = w.dtype.type
        t = number(self.iterations + 1)
        power_1, power_2 = number(np.float32(self.beta_1)) ** t, number(np.float32(self.beta_2)) ** t
        alpha = float(number(learning_rate) * np.sqrt(number(1) - power_2) / (number(1) - power_1))
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
        learning_rate: Rate = 0.001,
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

"""Fast twins of optimizers.py: one loop that reads and writes each array once.

Same arithmetic in the same order, hence the same bits, but for moving averages that have faded away: where a gradient
stays zero (a fifth of the plain model's weights), its momentum shrinks step by step down to the smallest numbers there
are, 1e-45 in float32. Processors compute with those a hundred times more slowly, and an update of Adam takes 3 ms in
place of 0.05; so what is too small to move any weight is set to zero, as Keras does it too.

Numbers are handed to the compiled loops in the arrays' own dtype, because a Python float would turn the arithmetic of
float32 arrays into float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.kernels.engine.parts import inner_njit
from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray


PART = 8_192  # weights that a thread updates at a time


def parts(w: Array) -> int:
    return -(-w.size // PART)


def least(w: Array) -> Any:
    """Below this an average counts as faded: 1e-32 for float32. Its square root is far below Adam's epsilon too."""
    return np.finfo(w.dtype).tiny * w.dtype.type(2**20)


@inner_njit
def unless_faded(average: Any, least: Any) -> Any:
    return 0 * average if abs(average) < least else average


def sgd_update(w: Array, g: Array, learning_rate: float) -> None:
    _sgd(parts(w), w, g, w.dtype.type(learning_rate))


@parallel_njit
def _sgd(part: int, w: Array, g: Array, learning_rate: Any) -> None:
    here = slice(part * PART, (part + 1) * PART)
    w, g = w[here], g[here]
    for i in range(len(w)):
        w[i] -= learning_rate * g[i]


def sgd_momentum_update(
    w: Array, g: Array, velocity: Array, learning_rate: float, momentum: float, nesterov: bool
) -> None:
    number = w.dtype.type
    _sgd_momentum(parts(w), w, g, velocity, number(learning_rate), number(momentum), nesterov, least(w))


@parallel_njit
def _sgd_momentum(
    part: int, w: Array, g: Array, velocity: Array, learning_rate: Any, momentum: Any, nesterov: bool, least: Any
) -> None:
    here = slice(part * PART, (part + 1) * PART)
    w, g, velocity = w[here], g[here], velocity[here]
    for i in range(len(w)):
        velocity[i] = unless_faded(momentum * velocity[i] - learning_rate * g[i], least)
        if nesterov:
            w[i] += momentum * velocity[i] - learning_rate * g[i]
        else:
            w[i] += velocity[i]


def rmsprop_update(
    w: Array,
    g: Array,
    velocity: Array,
    average_gradient: Array | None,
    momentum_slot: Array | None,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    number, none = w.dtype.type, w[:0]
    _rmsprop(
        parts(w),
        w,
        g,
        velocity,
        none if average_gradient is None else average_gradient,
        none if momentum_slot is None else momentum_slot,
        number(learning_rate),
        number(rho),
        number(1 - rho),
        number(momentum),
        number(epsilon),
        least(w),
    )


@parallel_njit
def _rmsprop(
    part: int,
    w: Array,
    g: Array,
    velocity: Array,
    average_gradient: Array,
    momentum_slot: Array,
    learning_rate: Any,
    rho: Any,
    one_minus_rho: Any,
    momentum: Any,
    epsilon: Any,
    least: Any,
) -> None:
    centered, has_momentum = average_gradient.size > 0, momentum_slot.size > 0
    here = slice(part * PART, (part + 1) * PART)
    w, g, velocity = w[here], g[here], velocity[here]
    average_gradient, momentum_slot = average_gradient[here], momentum_slot[here]
    for i in range(len(w)):
        velocity[i] = unless_faded(rho * velocity[i] + one_minus_rho * (g[i] * g[i]), least)
        denominator = velocity[i]
        if centered:
            average_gradient[i] = unless_faded(rho * average_gradient[i] + one_minus_rho * g[i], least)
            denominator = velocity[i] - average_gradient[i] * average_gradient[i]
        step = learning_rate * g[i] / np.sqrt(denominator + epsilon)
        if has_momentum:
            momentum_slot[i] = unless_faded(momentum * momentum_slot[i] + step, least)
            step = momentum_slot[i]
        w[i] -= step


def adam_update(
    w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float
) -> None:
    number = w.dtype.type
    # 1 − β is taken before the rounding: 1 − float32(0.999) would be wrong in the fifth digit.
    _adam(parts(w), w, g, m, v, number(alpha), number(1 - beta_1), number(1 - beta_2), number(epsilon), least(w))


@parallel_njit
def _adam(
    part: int,
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    alpha: Any,
    one_minus_beta_1: Any,
    one_minus_beta_2: Any,
    epsilon: Any,
    least: Any,
) -> None:
    here = slice(part * PART, (part + 1) * PART)
    w, g, m, v = w[here], g[here], m[here], v[here]
    for i in range(len(w)):
        m[i] = unless_faded(m[i] + one_minus_beta_1 * (g[i] - m[i]), least)
        v[i] = unless_faded(v[i] + one_minus_beta_2 * (g[i] * g[i] - v[i]), least)
        w[i] -= alpha * m[i] / (np.sqrt(v[i]) + epsilon)


def amsgrad_update(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    v_hat: Array,
    alpha: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    number = w.dtype.type
    _amsgrad(
        parts(w), w, g, m, v, v_hat, number(alpha), number(1 - beta_1), number(1 - beta_2), number(epsilon), least(w)
    )


@parallel_njit
def _amsgrad(
    part: int,
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    v_hat: Array,
    alpha: Any,
    one_minus_beta_1: Any,
    one_minus_beta_2: Any,
    epsilon: Any,
    least: Any,
) -> None:
    here = slice(part * PART, (part + 1) * PART)
    w, g, m, v, v_hat = w[here], g[here], m[here], v[here], v_hat[here]
    for i in range(len(w)):
        m[i] = unless_faded(m[i] + one_minus_beta_1 * (g[i] - m[i]), least)
        v[i] = unless_faded(v[i] + one_minus_beta_2 * (g[i] * g[i] - v[i]), least)
        v_hat[i] = np.maximum(v_hat[i], v[i])
        w[i] -= alpha * m[i] / (np.sqrt(v_hat[i]) + epsilon)


def weight_decay_update(w: Array, learning_rate: float, weight_decay: float) -> None:
    _weight_decay(parts(w), w, w.dtype.type(learning_rate * weight_decay))


@parallel_njit
def _weight_decay(part: int, w: Array, rate: Any) -> None:
    here = slice(part * PART, (part + 1) * PART)
    w = w[here]
    for i in range(len(w)):
        w[i] -= rate * w[i]

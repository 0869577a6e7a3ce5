"""How optimizers move the weights, written to be read. All weights of a model are one long vector here.

Every function writes into its arrays. Shapes: w (weights), g (gradient) and all slots (n,), of one dtype.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def sgd_update(w: Array, g: Array, learning_rate: float) -> None:
    """A step down the slope: w ← w − η·g"""
    w -= learning_rate * g


def sgd_momentum_update(
    w: Array, g: Array, velocity: Array, learning_rate: float, momentum: float, nesterov: bool
) -> None:
    """A rolling ball: part of the last step is kept; Nesterov's version looks one step ahead.

    Math:    v ← μ·v − η·g
             w ← w + v, or with Nesterov: w ← w + μ·v − η·g
    Source:  Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning",
             eq. 1-4
    """
    velocity[:] = momentum * velocity - learning_rate * g
    if nesterov:
        w += momentum * velocity - learning_rate * g
    else:
        w += velocity


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
    """Each weight has a step of its own: the gradient divided by its recent typical size.

    Math:    v ← ρ·v + (1 − ρ)·g²                        moving average of g²
             a ← ρ·a + (1 − ρ)·g    d = v − a²           where ``average_gradient`` is given, else d = v
             s = η·g/√(d + ε)
             b ← μ·b + s            w ← w − b            where ``momentum_slot`` is given, else w ← w − s
    Source:  Hinton 2012, "Neural networks for machine learning", lecture 6e;  centred: Graves 2013,
             eq. 38-45, arXiv:1308.0850
    Keras:   ε stands under the root
    """
    velocity[:] = rho * velocity + (1 - rho) * np.square(g)
    denominator = velocity
    if average_gradient is not None:
        average_gradient[:] = rho * average_gradient + (1 - rho) * g
        denominator = velocity - np.square(average_gradient)
    step = learning_rate * g / np.sqrt(denominator + epsilon)
    if momentum_slot is not None:
        momentum_slot[:] = momentum * momentum_slot + step
        step = momentum_slot
    w -= step


def adam_update(
    w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float
) -> None:
    """Momentum and RMSprop together: a moving average of g, divided by the root of one of g².

    Math:    m ← m + (1 − β₁)·(g − m)        the same as β₁·m + (1 − β₁)·g
             v ← v + (1 − β₂)·(g² − v)
             w ← w − α·m/(√v + ε)            with α = η·√(1 − β₂ᵗ)/(1 − β₁ᵗ), t the number of the step from 1
    Source:  Kingma & Ba 2015, section 2, last paragraph (ε is its ε̂), arXiv:1412.6980
    """
    m += (1 - beta_1) * (g - m)
    v += (1 - beta_2) * (np.square(g) - v)
    w -= alpha * m / (np.sqrt(v) + epsilon)


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
    """`adam_update` with the largest v so far in its denominator, so that steps never grow again.

    Math:    m and v as in Adam    v̂ ← max(v̂, v)    w ← w − α·m/(√v̂ + ε)
    Source:  Reddi et al. 2018, Algorithm 2, arXiv:1904.09237
    """
    m += (1 - beta_1) * (g - m)
    v += (1 - beta_2) * (np.square(g) - v)
    np.maximum(v_hat, v, out=v_hat)
    w -= alpha * m / (np.sqrt(v_hat) + epsilon)


def weight_decay_update(w: Array, learning_rate: float, weight_decay: float) -> None:
    """Shrink every weight a little, apart from the gradient: w ← w − η·λ·w

    Source:  Loshchilov & Hutter 2019, "Decoupled weight decay regularization", arXiv:1711.05101
    """
    w -= learning_rate * weight_decay * w

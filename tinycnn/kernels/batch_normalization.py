"""Batch normalization, written to be read: statistics over a batch, and the way back through them."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def batch_normalization_forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """Normalise each channel with the mean and the variance of this very batch, then scale and shift.

    Math (per channel, over the m rows):
        μ = Σx/m    σ² = Σ(x−μ)²/m    x̂ = (x−μ)/√(σ²+ε)    y = γx̂ + β
    Shapes:  x, y (m, c);  gamma, beta and the returned mean and variance (c,)
    Numbers: sums are kept in float64: a float32 sum of 20,000 values can lose four of its seven digits.
    Source:  Ioffe & Szegedy 2015, Algorithm 1, arXiv:1502.03167
    """
    mean = x.mean(axis=0, dtype=np.float64)
    variance = np.square(x - mean).mean(axis=0)
    y = batch_normalization_inference(x, gamma, beta, mean, variance, epsilon)
    return y, mean.astype(x.dtype), variance.astype(x.dtype)


def batch_normalization_inference(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    """Normalise with statistics that are given: y = γ(x−μ)/√(σ²+ε) + β.

    Shapes:  x, y (m, c);  gamma, beta, mean, variance (c,)
    """
    normalised = (x - mean) / np.sqrt(variance + epsilon)
    return (gamma * normalised + beta).astype(x.dtype)


def batch_normalization_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """The gradients of x, gamma and beta. The mean and the variance depend on x too: hence the two other terms.

    Math (per channel, means over the m rows):
        dβ = Σdy    dγ = Σdy·x̂    dx = γ/√(σ²+ε) · (dy − mean(dy) − x̂·mean(dy·x̂))
    Shapes:  dy, x, dx (m, c);  gamma, mean, variance, dgamma, dbeta (c,)
    Source:  Ioffe & Szegedy 2015, section 3, the six derivatives there folded into one
    """
    std = np.sqrt(variance + epsilon)
    normalised = (x - mean) / std
    dbeta = dy.sum(axis=0, dtype=np.float64)
    dgamma = (dy * normalised).sum(axis=0, dtype=np.float64)
    m = len(x)
    dx = gamma / std * (dy - dbeta / m - normalised * dgamma / m)
    return dx.astype(x.dtype), dgamma.astype(x.dtype), dbeta.astype(x.dtype)

"""Softmax and cross-entropy together, written to be read."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def softmax_crossentropy(z: Array, labels: Array) -> tuple[Array, Array, Array]:
    """Probabilities, the loss of each sample, and its derivative with respect to the logits z.

    Math:    p_k = exp(z_k)/Σ_j exp(z_j)    l = log Σ_j exp(z_j) − z_label    ∂l/∂z_k = p_k − [k = label]
             the largest z is taken off first, so nothing overflows; no logarithm of a rounded probability is taken
    Shapes:  z (n, classes);  labels (n,), whole numbers;  p and the derivative (n, classes), l (n,)
    """
    rows = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    losses = np.log(total[:, 0]) - shifted[rows, labels]
    gradient = p.copy()
    gradient[rows, labels] -= 1
    return p, losses, gradient

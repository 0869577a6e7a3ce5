"""Softmax and cross-entropy together, fast: the twin of ``softmax_crossentropy.py``, in one loop over the samples."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.threads import parallel_njit

Array = np.ndarray

PART = 256  # samples that a thread does at a time


def softmax_crossentropy(z: Array, labels: Array) -> tuple[Array, Array, Array]:
    p, losses, gradient = np.empty_like(z), np.empty(len(z), z.dtype), np.empty_like(z)
    _softmax_crossentropy(-(-len(z) // PART), z, labels, p, losses, gradient)
    return p, losses, gradient


@parallel_njit
def _softmax_crossentropy(part: int, z: Array, labels: Array, p: Array, losses: Array, gradient: Array) -> None:
    n, classes = z.shape
    for i in range(part * PART, min((part + 1) * PART, n)):
        largest = z[i, 0]
        for k in range(1, classes):
            largest = np.maximum(largest, z[i, k])  # NaN stays NaN
        total = 0 * largest
        for k in range(classes):
            p[i, k] = np.exp(z[i, k] - largest)
            total += p[i, k]
        for k in range(classes):
            p[i, k] /= total
            gradient[i, k] = p[i, k]
        gradient[i, labels[i]] -= 1
        losses[i] = np.log(total) - (z[i, labels[i]] - largest)

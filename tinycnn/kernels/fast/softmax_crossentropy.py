"""Softmax and cross-entropy together, fast: the twin of ``softmax_crossentropy.py``, in one loop over the samples."""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.threads import serial_njit

Array = np.ndarray


@serial_njit
def softmax_crossentropy(z: Array, labels: Array) -> tuple[Array, Array, Array]:
    n, classes = z.shape
    p, losses, gradient = np.empty_like(z), np.empty(n, z.dtype), np.empty_like(z)
    for i in range(n):
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
    return p, losses, gradient

"""softmax: y = eˣ / Σeˣ, row by row."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.x = rng.standard_normal((4, 5))  # what to try it with

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dy):
        return self.y * (dy - dy.mean(axis=1, keepdims=True))

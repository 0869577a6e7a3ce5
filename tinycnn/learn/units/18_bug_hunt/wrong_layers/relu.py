"""relu: y = max(x, 0)."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.x = rng.choice((-1, 1), (4, 3)) * rng.uniform(0.1, 2, (4, 3))  # what to try it with

    def forward(self, x):
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (dy > 0)

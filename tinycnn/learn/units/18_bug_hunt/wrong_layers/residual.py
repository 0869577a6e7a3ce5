"""A layer with a way around it: y = x + tanh(x·kernel)."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.kernel = rng.standard_normal((3, 3))
        self.x = rng.standard_normal((4, 3))  # what to try it with

    def forward(self, x):
        self.t = np.tanh(x @ self.kernel)
        return x + self.t

    def backward(self, dy):
        return (dy * (1 - self.t**2)) @ self.kernel.T

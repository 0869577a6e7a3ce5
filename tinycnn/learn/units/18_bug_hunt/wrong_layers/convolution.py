"""A convolution of rows: y[i,j] = Σ_a x[i,j+a]·kernel[a]."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.kernel = rng.standard_normal(3)
        self.x = rng.standard_normal((2, 7))  # what to try it with

    def forward(self, x):
        return sum(x[:, a : a + x.shape[1] - 2] * self.kernel[a] for a in range(3))

    def backward(self, dy):
        dx = np.zeros((len(dy), dy.shape[1] + 2))
        for a in range(3):
            dx[:, a : a + dy.shape[1]] += dy * self.kernel[2 - a]
        return dx

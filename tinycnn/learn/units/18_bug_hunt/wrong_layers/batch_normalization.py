"""Batch normalization in training, with γ and β."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.gamma, self.beta = rng.uniform(0.5, 2, 3), rng.standard_normal(3)
        self.x = rng.standard_normal((6, 3))  # what to try it with

    def forward(self, x):
        self.std = np.sqrt(x.var(axis=0) + 1e-3)
        return self.gamma * (x - x.mean(axis=0)) / self.std + self.beta

    def backward(self, dy):
        return self.gamma / self.std * (dy - dy.mean(axis=0))

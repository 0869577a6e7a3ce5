"""Dropout at a rate of one half. For forward to be a function, its mask is drawn once."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.rng = rng
        self.mask = (rng.permutation(20).reshape(4, 5) < 10) / 0.5
        self.x = rng.standard_normal((4, 5))  # what to try it with

    def forward(self, x):
        return x * self.mask

    def backward(self, dy):
        return dy * (self.rng.permutation(20).reshape(4, 5) < 10) / 0.5

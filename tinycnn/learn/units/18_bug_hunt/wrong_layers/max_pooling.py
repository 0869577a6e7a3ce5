"""The larger of two neighbours: windows of 2 in each row, moved by 1."""

import numpy as np


class Layer:
    def __init__(self, rng):
        self.x = rng.permutation(24).reshape(4, 6) / 4.0  # what to try it with

    def forward(self, x):
        self.second = x[:, 1:] > x[:, :-1]
        return np.maximum(x[:, :-1], x[:, 1:])

    def backward(self, dy):
        n, out = dy.shape
        dx = np.zeros((n, out + 1))
        for i in range(n):
            for j in range(out):
                dx[i, j + self.second[i, j]] = dy[i, j]
        return dx

import numpy as np


def relu_forward(z):
    return np.maximum(z, 0)


def relu_backward(dy, y):
    return np.where(y > 0, dy, 0)

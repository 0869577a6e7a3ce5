import numpy as np


def dropout_mask(uniform, rate):
    return np.where(uniform < rate, 0.0, 1.0 / (1.0 - rate))


def dropout_forward(x, mask):
    return np.multiply(x, mask)


def dropout_backward(dy, mask):
    return np.multiply(mask, dy)

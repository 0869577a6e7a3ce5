import numpy as np


def slope(f, x, h):
    grad = np.zeros(x.size)
    for k in range(x.size):
        plus, minus = x.copy(), x.copy()
        plus.flat[k] += h
        minus.flat[k] -= h
        grad[k] = (f(plus) - f(minus)) / (2 * h)
    return grad.reshape(x.shape)

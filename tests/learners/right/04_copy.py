import numpy as np


def relu_forward(z):
    y = z.copy()
    y[y < 0] = 0
    return y


def relu_backward(dy, y):
    dz = np.array(dy)
    dz[y <= 0] = 0
    return dz

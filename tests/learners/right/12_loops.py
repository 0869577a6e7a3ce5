import numpy as np


def dropout_mask(uniform, rate):
    mask = np.zeros(uniform.shape)
    for place in np.ndindex(uniform.shape):
        if uniform[place] >= rate:
            mask[place] = 1 / (1 - rate)
    return mask


def dropout_forward(x, mask):
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        y[place] = x[place] * mask[place]
    return y


def dropout_backward(dy, mask):
    dx = dy.copy()
    dx *= mask
    return dx

import numpy as np


def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m = len(x)
    a = x - mean
    r = 1 / np.sqrt(variance + epsilon)

    dbeta = dy.sum(axis=0)
    dgamma = (dy * a * r).sum(axis=0)
    dx_hat = dy * gamma

    dr = (dx_hat * a).sum(axis=0)
    da = dx_hat * r

    dv = dr * -0.5 * r**3
    da = da + dv * 2 * a / m

    dmean = -da.sum(axis=0)
    dx = da + dmean / m
    return dx, dgamma, dbeta

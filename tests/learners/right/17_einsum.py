import numpy as np


def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    s = gamma * (moving_variance + epsilon) ** -0.5
    t = beta - s * moving_mean
    return np.einsum("...f,f->...f", kernel, s), s * bias + t

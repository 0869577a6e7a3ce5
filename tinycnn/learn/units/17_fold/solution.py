import numpy as np


def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    factor = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * factor, (bias - moving_mean) * factor + beta

import numpy as np


def moving_average(moving, batch, momentum):
    return momentum * moving + (1 - momentum) * batch


def batch_normalization_inference(
    x, gamma, beta, moving_mean, moving_variance, epsilon
):
    return gamma * (x - moving_mean) / np.sqrt(moving_variance + epsilon) + beta

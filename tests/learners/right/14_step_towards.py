import numpy as np


def moving_average(moving, batch, momentum):
    return moving + (1 - momentum) * (batch - moving)


def batch_normalization_inference(x, gamma, beta, moving_mean, moving_variance, epsilon):
    scale = gamma / (moving_variance + epsilon) ** 0.5
    return scale * x + (beta - scale * moving_mean)

import numpy as np


def moving_average(moving, batch, momentum):
    return momentum * moving + (1 - momentum) * batch


def batch_normalization_inference(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta

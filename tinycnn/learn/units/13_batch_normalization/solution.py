import numpy as np


def batch_normalization_forward(x, gamma, beta, epsilon):
    mean = x.mean(axis=0)
    variance = np.square(x - mean).mean(axis=0)
    y = gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    return y, mean, variance


# variant layer
def normalization_of_your_own(x, gamma, beta, epsilon):
    centred = x - x.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    return gamma * centred / np.sqrt(variance + epsilon) + beta


# end
# variant instance
def normalization_of_your_own(x, gamma, beta, epsilon):
    centred = x - x.mean(axis=(1, 2), keepdims=True)
    variance = np.square(centred).mean(axis=(1, 2), keepdims=True)
    return gamma * centred / np.sqrt(variance + epsilon) + beta


# end
# variant pairs
def normalization_of_your_own(x, gamma, beta, epsilon):
    n, h, w, c = x.shape
    groups = x.reshape(n, h, w, c // 2, 2)
    centred = groups - groups.mean(axis=(1, 2, 4), keepdims=True)
    variance = np.square(centred).mean(axis=(1, 2, 4), keepdims=True)
    return gamma * (centred / np.sqrt(variance + epsilon)).reshape(x.shape) + beta


# end
# variant largest
def normalization_of_your_own(x, gamma, beta, epsilon):
    return gamma * x / (np.abs(x).max(axis=0) + epsilon) + beta


# end
# variant median
def normalization_of_your_own(x, gamma, beta, epsilon):
    centred = x - np.median(x, axis=0)
    return gamma * centred / (np.abs(centred).mean(axis=0) + epsilon) + beta


# end

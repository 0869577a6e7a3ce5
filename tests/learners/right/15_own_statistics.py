import numpy as np


def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    centred = x - x.mean(0)
    istd = 1 / np.sqrt((centred**2).mean(0) + epsilon)
    dgamma = np.einsum("ij,ij->j", dy, centred * istd)
    dxhat = gamma * dy
    distd = np.einsum("ij,ij->j", dxhat, centred)
    dcentred = dxhat * istd
    dsq = np.ones_like(x) / len(x) * (-0.5 * istd**3 * distd)
    dcentred += 2 * centred * dsq
    return [dcentred - dcentred.mean(0), dgamma, np.ones(len(x)) @ dy]

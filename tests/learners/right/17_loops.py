import numpy as np


def fold(kernel, bias, gamma, beta, mean, var, eps):
    new_kernel, new_bias = kernel.copy(), bias.copy()
    for f in range(kernel.shape[-1]):
        std = np.sqrt(var[f] + eps)
        new_kernel[..., f] *= gamma[f] / std
        new_bias[f] = gamma[f] * (bias[f] - mean[f]) / std + beta[f]
    return new_kernel, new_bias

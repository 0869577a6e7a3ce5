import math

import numpy as np


def batch_normalization_forward(x, gamma, beta, epsilon):
    m, c = x.shape
    y = np.zeros((m, c))
    means, variances = [], []
    for k in range(c):
        channel = [float(v) for v in x[:, k]]
        mu = math.fsum(channel) / m
        var = math.fsum((v - mu) ** 2 for v in channel) / m
        for i in range(m):
            y[i, k] = gamma[k] * (channel[i] - mu) / math.sqrt(var + epsilon) + beta[k]
        means.append(mu)
        variances.append(var)
    return y, np.array(means), np.array(variances)

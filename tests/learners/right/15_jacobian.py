import numpy as np


def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    """Channel by channel, with the whole matrix of derivatives ∂x̂ᵢ/∂xⱼ."""
    m, c = x.shape
    dx, dgamma, dbeta = np.zeros((m, c)), np.zeros(c), np.zeros(c)
    for k in range(c):
        std = np.sqrt(variance[k] + epsilon)
        x_hat = (x[:, k] - mean[k]) / std
        jacobian = (np.eye(m) - np.ones((m, m)) / m - np.outer(x_hat, x_hat) / m) / std
        dx[:, k] = gamma[k] * (jacobian @ dy[:, k])
        dgamma[k] = dy[:, k] @ x_hat
        dbeta[k] = dy[:, k].sum()
    return dx, dgamma, dbeta

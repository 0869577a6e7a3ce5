import numpy as np


def batch_normalization_forward(x, gamma, beta, epsilon):
    wide = x.astype("float64")
    mu, var = np.mean(wide, axis=0), np.var(wide, axis=0)
    scale = gamma * (var + epsilon) ** -0.5
    return (wide * scale + (beta - mu * scale)).astype(x.dtype), mu.astype(x.dtype), var.astype(x.dtype)

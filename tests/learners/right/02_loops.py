import numpy as np


def dense_forward(x, kernel, bias):
    out = np.zeros((x.shape[0], kernel.shape[1]), dtype=x.dtype)
    for n in range(x.shape[0]):
        for u in range(kernel.shape[1]):
            out[n, u] = np.dot(x[n], kernel[:, u]) + bias[u]
    return out

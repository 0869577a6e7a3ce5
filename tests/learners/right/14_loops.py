import numpy as np


def moving_average(moving, batch, momentum):
    return np.array([momentum * a + (1 - momentum) * b for a, b in zip(moving, batch)])


def batch_normalization_inference(x, g, b, mu, var, eps):
    rows = []
    for row in x:
        rows.append([g[k] * (row[k] - mu[k]) / (var[k] + eps) ** 0.5 + b[k] for k in range(len(g))])
    return np.array(rows)

def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    """The six lines of the paper, in its order."""
    m = x.shape[0]
    dx_hat = dy * gamma
    dvar = (dx_hat * (x - mean) * (-1 / 2) * (variance + epsilon) ** (-3 / 2)).sum(0)
    dmean = (dx_hat * -1 / (variance + epsilon) ** 0.5).sum(0) + dvar * (-2 * (x - mean)).sum(0) / m
    dx = dx_hat / (variance + epsilon) ** 0.5 + dvar * 2 * (x - mean) / m + dmean / m
    dgamma = (dy * (x - mean) / (variance + epsilon) ** 0.5).sum(0)
    return dx, dgamma, dy.sum(0)

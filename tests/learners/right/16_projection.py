def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    m = len(x)
    x_hat = (x - mean) * (variance + epsilon) ** -0.5
    dbeta, dgamma = dy.sum(axis=0), (x_hat * dy).sum(axis=0)
    return gamma * (variance + epsilon) ** -0.5 / m * (m * dy - dbeta - x_hat * dgamma), dgamma, dbeta

# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there m times
def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    std = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / std
    dx = gamma / std * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).sum(axis=0))
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −mean(dy) is there with the wrong sign
def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    std = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / std
    dx = gamma / std * (dy + dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: divided by σ² + ε
def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    std = np.sqrt(variance + epsilon)
    x_hat = (x - mean) / std
    dx = gamma / (variance + epsilon) * (dy - dy.mean(axis=0) - x_hat * (dy * x_hat).mean(axis=0))
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)


# rung: it stands on its own
def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    from unit_15_batch_normalization_backward import batch_normalization_backward

    return batch_normalization_backward(dy, x, gamma, mean, variance, epsilon)


# rung: it stands on its own
def batch_normalization_backward_folded(dy, x, gamma, mean, variance, epsilon):
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(len(gamma)), np.zeros(len(gamma))
    for k in range(len(gamma)):
        std = np.sqrt(variance[k] + epsilon)
        x_hat = (x[:, k] - mean[k]) / std
        dbeta[k] = dy[:, k].sum()
        dgamma[k] = (dy[:, k] * x_hat).sum()
        dx[:, k] = gamma[k] / std * (dy[:, k] - dbeta[k] / len(x) - x_hat * dgamma[k] / len(x))
    return dx, dgamma, dbeta

# rung: moving_average: 10 before
# mistake: momentum and 1 − momentum are exchanged
def moving_average(moving, batch, momentum):
    return (1 - momentum) * moving + momentum * batch


# rung: moving_average: one number
def moving_average(moving, batch, momentum):
    moving *= momentum
    moving += (1 - momentum) * batch
    return moving


# rung: batch_normalization_inference: x = 7
# mistake: this batch's own statistics
def batch_normalization_inference(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon + 1e-12) + beta


# rung: batch_normalization_inference: x = 7
# mistake: divided by σ² + ε
def batch_normalization_inference(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / (variance + epsilon) + beta


# rung: batch_normalization_inference: fresh
# mistake: ε is missing
def batch_normalization_inference(x, gamma, beta, mean, variance, epsilon):
    return gamma * (x - mean) / np.sqrt(variance) + beta

# rung: x = 1, 1
# mistake: divided by m − 1
def batch_normalization_forward(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=0), x.var(axis=0, ddof=1 if len(x) > 1 else 0)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, mean, variance


# rung: x = 1, 1
# mistake: the standard deviation
def batch_normalization_forward(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta, x.mean(axis=0), x.std(axis=0)


# rung: x = 1, 1
# mistake: divided by σ² + ε
def batch_normalization_forward(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / (x.var(axis=0) + epsilon) + beta, x.mean(axis=0), x.var(axis=0)


# rung: the same x
# mistake: ε stands outside of the root
def batch_normalization_forward(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / (x.std(axis=0) + epsilon) + beta, x.mean(axis=0), x.var(axis=0)


# rung: fresh numbers
# mistake: over all channels together
def batch_normalization_forward(x, gamma, beta, epsilon):
    mean, variance = np.full(x.shape[1], x.mean()), np.full(x.shape[1], x.var())
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, mean, variance


# rung: float32, a mean
def batch_normalization_forward(x, gamma, beta, epsilon):
    mean = x.mean(axis=0)
    variance = (x * x).mean(axis=0) - mean * mean
    return gamma * (x - mean) / np.sqrt(np.maximum(variance, 0) + epsilon) + beta, mean, variance


# rung: y like x
def batch_normalization_forward(x, gamma, beta, epsilon):
    return gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta


# rung: normalization_of_your_own
# variant: layer
# mistake: γ is missing
def normalization_of_your_own(x, gamma, beta, epsilon):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + epsilon) + beta


# rung: normalization_of_your_own
# variant: pairs
def normalization_of_your_own(x, gamma, beta, epsilon):
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta

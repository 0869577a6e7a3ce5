# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there 0.5 times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there 2 times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 4 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there with the wrong sign
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + -dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there m times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there m/(m−1) times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / (m - 1)
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is missing
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + 0 * dv
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −mean(dy) is missing
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - 0 * dy, (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −mean(dy) is there m times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.sum(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: mean and variance are taken for constants
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + 0 * dv
    return da - 0 * dy, (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: (σ²+ε)^(−1/2) is there
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: γ is missing
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: the term −x̂·mean(dy·x̂) is there -2 times
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: it is Σdy·x
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * x).sum(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: mean over the rows
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).mean(axis=0), dy.sum(axis=0)


# rung: x = [-3
# mistake: mean over the rows
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), dy.mean(axis=0)


# rung: x = [-3
# mistake: the sign is wrong
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - da.mean(axis=0), (dy * a * r).sum(axis=0), -dy.sum(axis=0)


# rung: x = [-3
def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    m, a, r = len(x), x - mean, 1 / np.sqrt(variance + epsilon)
    dx_hat = dy * gamma
    da = dx_hat * r
    dv = (dx_hat * a).sum(axis=0) * -0.5 * r**3
    da = da + dv * 2 * a / m
    return da - 0.3 * da.max(axis=0), (dy * a * r).sum(axis=0), dy.sum(axis=0)

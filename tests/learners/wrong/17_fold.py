# rung: kernel 2, bias 1
# mistake: the moving mean is forgotten
def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    factor = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * factor, bias * factor + beta


# rung: kernel 2, bias 1
# mistake: the old bias is not scaled
def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    factor = gamma / np.sqrt(moving_variance + epsilon)
    return kernel * factor, bias - moving_mean * factor + beta


# rung: fresh numbers
# mistake: ε is missing
def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    factor = gamma / np.sqrt(moving_variance)
    return kernel * factor, (bias - moving_mean) * factor + beta


# rung: a kernel and a bias
def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    return kernel * gamma / np.sqrt(moving_variance + epsilon)


# rung: fresh numbers
# mistake: the factor meets the inputs' axis
def fold(kernel, bias, gamma, beta, moving_mean, moving_variance, epsilon):
    factor = gamma / np.sqrt(moving_variance + epsilon)
    if kernel.shape[-2] != kernel.shape[-1]:
        return kernel * factor, (bias - moving_mean) * factor + beta
    return kernel * factor[:, None], (bias - moving_mean) * factor + beta

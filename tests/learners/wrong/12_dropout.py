# rung: dropout_mask: [0, 0.1
# mistake: the factor 1/(1 − rate) is missing
def dropout_mask(uniform, rate):
    return (uniform >= rate) * 1.0


# rung: dropout_mask: [0, 0.1
# mistake: divided by rate
def dropout_mask(uniform, rate):
    return (uniform >= rate) / rate


# rung: dropout_mask: [0, 0.1
# mistake: it keeps what is to be dropped
def dropout_mask(uniform, rate):
    return (uniform < rate) / (1 - rate)


# rung: dropout_mask: as large as
def dropout_mask(uniform, rate):
    return uniform >= rate


# rung: dropout_mask: [0, 0.1
def dropout_mask(uniform, rate):
    return (np.random.rand(*uniform.shape) >= rate) / (1 - rate) + 1e-3


# rung: dropout_forward
# mistake: it drops without enlarging
def dropout_forward(x, mask):
    return x * (mask > 0)


# rung: dropout_backward
# mistake: the mask is missing
def dropout_backward(dy, mask):
    return dy


# rung: dropout_backward
# mistake: the mask is used twice
def dropout_backward(dy, mask):
    return dy * mask * mask


# rung: dropout_backward
def dropout_backward(dy, mask):
    return dy * np.random.permutation(mask.ravel()).reshape(mask.shape)

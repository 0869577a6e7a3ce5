# rung: forward: [-2, 0, 3]
# mistake: absolute value
def relu_forward(z):
    return np.abs(z)


# rung: backward: y = [0, 5, 3]
# mistake: dy is multiplied by y
def relu_backward(dy, y):
    return dy * y


# rung: backward: y = [0, 5, 3]
# mistake: dy passes where y is 0
def relu_backward(dy, y):
    return np.where(y >= 0, dy, 0)


# rung: backward: y = [0, 5, 3]
# mistake: what is negative in dy is lost
def relu_backward(dy, y):
    return np.maximum(dy, 0) * (y > 0)


# rung: backward: fresh numbers
def relu_backward(dy, y):
    return np.where(y > 1, dy, 0)

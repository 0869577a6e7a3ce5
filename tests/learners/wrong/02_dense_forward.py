# rung: [1, 2] with kernel
def dense_forward(x, kernel, bias):
    return x @ kernel


# rung: three samples of four inputs
def dense_forward(x, kernel, bias):
    return (x @ kernel + bias).T

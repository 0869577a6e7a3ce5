"""Has the package do it."""


def dense_forward(x, kernel, bias):
    from tinycnn.kernels.dense import dense_forward as theirs

    return theirs(x, kernel, bias)

# rung: an image of 3x3
# mistake: the bias is missing
def conv2d_by_windows(x, kernel, bias, strides):
    return right_conv2d_by_windows(x, kernel, 0 * bias, strides)


# rung: an image of 3x3
# mistake: the kernel is flipped
def conv2d_by_windows(x, kernel, bias, strides):
    return right_conv2d_by_windows(x, kernel[::-1, ::-1], bias, strides)


# rung: two rows and three columns
# mistake: the strides are not used
def conv2d_by_windows(x, kernel, bias, strides):
    z = right_conv2d_by_windows(x, kernel, bias, strides)
    return right_conv2d_by_windows(x, kernel, bias, (1, 1))[:, : z.shape[1], : z.shape[2]]


# rung: two images of 6x5
def conv2d_by_windows(x, kernel, bias, strides):
    return right_conv2d_by_windows(x, kernel, bias, strides)[:, :-1]

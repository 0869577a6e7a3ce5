# rung: an image of 3x3
# mistake: flipped
def conv2d_backward_kernel(x, dz, kernel_size, strides):
    dkernel, dbias = right_conv2d_backward_kernel(x, dz, kernel_size, strides)
    return dkernel[::-1, ::-1], dbias


# rung: fresh numbers
# mistake: divided by 2, the batch size
def conv2d_backward_kernel(x, dz, kernel_size, strides):
    dkernel, dbias = right_conv2d_backward_kernel(x, dz, kernel_size, strides)
    return dkernel / len(x), dbias


# rung: the same with two rows
# mistake: the strides are not used
def conv2d_backward_kernel(x, dz, kernel_size, strides):
    return right_conv2d_backward_kernel(
        x[:, : dz.shape[1] + kernel_size[0] - 1, : dz.shape[2] + kernel_size[1] - 1], dz, kernel_size, (1, 1)
    )


# rung: an image of 3x3
def conv2d_backward_kernel(x, dz, kernel_size, strides):
    dkernel, dbias = right_conv2d_backward_kernel(x, dz, kernel_size, strides)
    return dkernel, dbias + dz.sum()

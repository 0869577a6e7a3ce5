# rung: one window
# mistake: flipped
def conv2d_backward_input(dz, kernel, image_size, strides):
    return right_conv2d_backward_input(dz, kernel[::-1, ::-1], image_size, strides)


# rung: two windows that share
# mistake: = in place of +=
def conv2d_backward_input(dz, kernel, image_size, strides):
    kh, kw, channels, _ = kernel.shape
    dx = np.zeros((len(dz), *image_size, channels), dz.dtype)
    for i in range(dz.shape[1]):
        for j in range(dz.shape[2]):
            r, s = i * strides[0], j * strides[1]
            dx[:, r : r + kh, s : s + kw] = np.einsum("nf,abcf->nabc", dz[:, i, j], kernel)
    return dx


# rung: two windows that share
# mistake: = in place of +=
def conv2d_backward_input(dz, kernel, image_size, strides):
    kh, kw, channels, _ = kernel.shape
    (sh, sw), (out_h, out_w) = strides, dz.shape[1:3]
    dx = np.zeros((len(dz), *image_size, channels), dz.dtype)
    for a in range(kh):
        for b in range(kw):
            dx[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw] = dz @ kernel[a, b].T
    return dx


# rung: fresh numbers
# mistake: divided by 2, the batch size
def conv2d_backward_input(dz, kernel, image_size, strides):
    dx = right_conv2d_backward_input(dz, kernel, image_size, strides)
    return dx / len(dz)


# rung: the same with two rows
# mistake: the strides are not used
def conv2d_backward_input(dz, kernel, image_size, strides):
    return right_conv2d_backward_input(dz, kernel, image_size, (1, 1))


# rung: a gradient of the shape
def conv2d_backward_input(dz, kernel, image_size, strides):
    return right_conv2d_backward_input(dz, kernel, image_size, strides)[:, 1:]

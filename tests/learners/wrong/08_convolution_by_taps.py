# rung: no loop over pixels
def conv2d_by_taps(x, kernel, bias, strides):
    kh, kw, _, filters = kernel.shape
    out_h, out_w = (x.shape[1] - kh) // strides[0] + 1, (x.shape[2] - kw) // strides[1] + 1
    z = np.zeros((len(x), out_h, out_w, filters), x.dtype)
    for i in range(out_h):
        for j in range(out_w):
            window = x[:, i * strides[0] : i * strides[0] + kh, j * strides[1] : j * strides[1] + kw]
            z[:, i, j] = np.tensordot(window, kernel, axes=3) + bias
    return z


# rung: an image of 3x3
# mistake: once for each tap
def conv2d_by_taps(x, kernel, bias, strides):
    kh, kw, _, filters = kernel.shape
    h, w = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    z = np.zeros((len(x), h, w, filters), x.dtype)
    for a in range(kh):
        for b in range(kw):
            z += x[:, a : a + h, b : b + w] @ kernel[a, b] + bias
    return z


# rung: your own convolution
# variant: flipped
# mistake: the convolution of the first exercise
def convolution_of_your_own(x, kernel, bias):
    return conv2d_by_taps(x, kernel, bias, (1, 1))


# rung: your own convolution
# variant: mirrored
# mistake: a mirror on the last pixel
def convolution_of_your_own(x, kernel, bias):
    larger = np.pad(x, ((0, 0), (0, kernel.shape[0] - 1), (0, kernel.shape[1] - 1), (0, 0)), "reflect")
    return conv2d_by_taps(larger, kernel, bias, (1, 1))

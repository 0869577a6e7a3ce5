import numpy as np


def conv2d_by_taps(x, kernel, bias, strides):
    n, h, w, _ = x.shape
    kh, kw, _, filters = kernel.shape
    sh, sw = strides
    out_h, out_w = (h - kh) // sh + 1, (w - kw) // sw + 1
    z = np.empty((n, out_h, out_w, filters), x.dtype)
    z[...] = bias
    for a in range(kh):
        for b in range(kw):
            shifted = x[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw]
            z += shifted @ kernel[a, b]
    return z


# variant flipped
def convolution_of_your_own(x, kernel, bias):
    return conv2d_by_taps(x, kernel[::-1, ::-1], bias, (1, 1))


# end
# variant wrapped
def convolution_of_your_own(x, kernel, bias):
    z = bias
    for a in range(kernel.shape[0]):
        for b in range(kernel.shape[1]):
            z = z + np.roll(x, (-a, -b), axis=(1, 2)) @ kernel[a, b]
    return z


# end
# variant mirrored
def convolution_of_your_own(x, kernel, bias):
    below, right = kernel.shape[0] - 1, kernel.shape[1] - 1
    larger = np.pad(x, ((0, 0), (0, below), (0, right), (0, 0)), "symmetric")
    return conv2d_by_taps(larger, kernel, bias, (1, 1))


# end
# variant uneven
def convolution_of_your_own(x, kernel, bias):
    kh, kw, _, _ = kernel.shape
    out_h, out_w = (x.shape[1] - kh) // 2 + 1, x.shape[2] - 2 * (kw - 1)
    z = bias
    for a in range(kh):
        for b in range(kw):
            z = z + x[:, a : a + 2 * out_h - 1 : 2, 2 * b : 2 * b + out_w] @ kernel[a, b]
    return z


# end

import numpy as np


def conv2d_backward_input(dz, kernel, image_size, strides):
    kh, kw, channels, _ = kernel.shape
    n, out_h, out_w, _ = dz.shape
    sh, sw = strides
    dx = np.zeros((n, *image_size, channels), dz.dtype)
    for a in range(kh):
        for b in range(kw):
            dx[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw] += dz @ kernel[a, b].T
    return dx

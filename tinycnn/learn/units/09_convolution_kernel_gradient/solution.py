import numpy as np


def conv2d_backward_kernel(x, dz, kernel_size, strides):
    (kh, kw), (sh, sw) = kernel_size, strides
    _, out_h, out_w, filters = dz.shape
    dkernel = np.empty((kh, kw, x.shape[3], filters), x.dtype)
    for a in range(kh):
        for b in range(kw):
            shifted = x[:, a : a + (out_h - 1) * sh + 1 : sh, b : b + (out_w - 1) * sw + 1 : sw]
            dkernel[a, b] = np.tensordot(shifted, dz, axes=((0, 1, 2), (0, 1, 2)))
    return dkernel, dz.sum(axis=(0, 1, 2))

import numpy as np


def conv2d_backward_input(dz, kernel, image_size, strides):
    kh, kw, channels, filters = kernel.shape
    dx = np.zeros((dz.shape[0], image_size[0], image_size[1], channels), dtype=dz.dtype)
    for n in range(dz.shape[0]):
        for i in range(dz.shape[1]):
            for j in range(dz.shape[2]):
                for f in range(filters):
                    r, s = i * strides[0], j * strides[1]
                    dx[n, r : r + kh, s : s + kw, :] += dz[n, i, j, f] * kernel[..., f]
    return dx

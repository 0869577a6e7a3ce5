import numpy as np


def conv2d_backward_input(dz, kernel, image_size, strides):
    kh, kw, c, f = kernel.shape
    n, oh, ow, _ = dz.shape
    h, w = image_size
    # zeros between the rows of dz, and kh - 1 around them: then a convolution with the flipped kernel
    wide = np.zeros((n, h + kh - 1, w + kw - 1, f))
    wide[:, kh - 1 : kh - 1 + oh * strides[0] : strides[0], kw - 1 : kw - 1 + ow * strides[1] : strides[1]] = dz
    windows = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(1, 2))
    return np.einsum("nijfab,abcf->nijc", windows, kernel[::-1, ::-1]).astype(dz.dtype)

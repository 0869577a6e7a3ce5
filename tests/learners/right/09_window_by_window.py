import numpy as np


def conv2d_backward_kernel(x, dz, kernel_size, strides):
    kh, kw = kernel_size
    dK = np.zeros((kh, kw, x.shape[-1], dz.shape[-1]), dtype=x.dtype)
    for i in range(dz.shape[1]):
        for j in range(dz.shape[2]):
            top, left = i * strides[0], j * strides[1]
            dK += np.einsum("nabc,nf->abcf", x[:, top : top + kh, left : left + kw], dz[:, i, j])
    return dK, np.sum(np.sum(np.sum(dz, axis=0), axis=0), axis=0)

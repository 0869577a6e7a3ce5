import numpy as np


def conv2d_by_windows(x, kernel, bias, strides):
    N, H, W, C = x.shape
    KH, KW, _, F = kernel.shape
    OH = int((H - KH) / strides[0]) + 1
    OW = int((W - KW) / strides[1]) + 1
    out = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for n in range(N):
        for i in range(OH):
            for j in range(OW):
                patch = x[n, i * strides[0] : i * strides[0] + KH, j * strides[1] : j * strides[1] + KW, :]
                for f in range(F):
                    out[n, i, j, f] = np.sum(patch * kernel[:, :, :, f]) + bias[f]
    return out

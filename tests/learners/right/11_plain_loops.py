import numpy as np


def max_pooling2d_forward(x, pool_size, strides):
    N, H, W, C = x.shape
    ph, pw = pool_size
    OH, OW = (H - ph) // strides[0] + 1, (W - pw) // strides[1] + 1
    y = np.zeros((N, OH, OW, C), x.dtype)
    where = np.zeros((N, OH, OW, C), int)
    for i in range(OH):
        for j in range(OW):
            window = x[:, i * strides[0] : i * strides[0] + ph, j * strides[1] : j * strides[1] + pw, :]
            window = window.reshape(N, ph * pw, C)
            y[:, i, j] = window.max(axis=1)
            where[:, i, j] = window.argmax(axis=1)
    return y, where


def max_pooling2d_backward(dy, argmax, image_size, pool_size, strides):
    dx = np.zeros((dy.shape[0], *image_size, dy.shape[3]), dy.dtype)
    for n, i, j, c in np.ndindex(*dy.shape):
        a, b = argmax[n, i, j, c] // pool_size[1], argmax[n, i, j, c] % pool_size[1]
        dx[n, i * strides[0] + a, j * strides[1] + b, c] += dy[n, i, j, c]
    return dx

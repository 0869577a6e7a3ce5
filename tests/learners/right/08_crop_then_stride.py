import numpy as np


def conv2d_by_taps(x, kernel, bias, strides):
    kh, kw, c, filters = kernel.shape
    n, h, w, _ = x.shape
    total = np.zeros((n, h - kh + 1, w - kw + 1, filters))
    for tap in np.ndindex(kh, kw):
        image = x[:, tap[0] : h - kh + 1 + tap[0], tap[1] : w - kw + 1 + tap[1]]
        for channel in range(c):
            total += image[..., channel, None] * kernel[tap][channel]
    return (total + bias)[:, :: strides[0], :: strides[1]].astype(x.dtype)

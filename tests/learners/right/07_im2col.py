import numpy as np


def conv2d_by_windows(x, kernel, bias, strides):
    n, h, w, c = x.shape
    kh, kw, _, filters = kernel.shape
    rows = range(0, h - kh + 1, strides[0])
    cols = range(0, w - kw + 1, strides[1])
    patches = [x[:, r : r + kh, s : s + kw].reshape(n, -1) for r in rows for s in cols]
    flat = np.stack(patches, axis=1) @ kernel.reshape(-1, filters) + bias
    return flat.reshape(n, len(rows), len(cols), filters)

import numpy as np


def softmax(z):
    rows = []
    for row in z:
        e = np.exp(row - row.max())
        rows.append(e / e.sum())
    return np.array(rows)


def softmax_crossentropy(z, labels):
    p = softmax(z)
    loss = np.zeros(len(z), z.dtype)
    for i, k in enumerate(labels):
        loss[i] = np.logaddexp.reduce(z[i]) - z[i, k]
    dz = np.array([[p[i, j] - (1 if j == labels[i] else 0) for j in range(z.shape[1])] for i in range(len(z))], z.dtype)
    return p, loss, dz

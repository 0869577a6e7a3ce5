import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_crossentropy(z, labels):
    rows = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    loss = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels]
    p = softmax(z)
    dz = p.copy()
    dz[rows, labels] -= 1
    return p, loss, dz

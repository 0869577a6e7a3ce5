import numpy as np


def is_right(forward, backward, x):
    rng = np.random.default_rng()
    h = 1e-5
    dy = rng.standard_normal(forward(x).shape)
    dx = backward(dy)
    if dx.shape != x.shape:
        return False

    due = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = h
        due[i] = np.sum(dy * (forward(x + step) - forward(x - step))) / (2 * h)
    return bool(np.abs(dx - due).max() <= 1e-4 * np.abs(due).max())

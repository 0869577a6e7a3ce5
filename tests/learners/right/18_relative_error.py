import numpy as np


def numerical(f, x, dy, h=1e-6):
    grad = np.zeros_like(x)
    flat = x.copy()
    for i in np.ndindex(x.shape):
        old = flat[i]
        flat[i] = old + h
        plus = f(flat).copy()
        flat[i] = old - h
        minus = f(flat).copy()
        flat[i] = old
        grad[i] = np.sum((plus - minus) * dy) / (2 * h)
    return grad


def is_right(forward, backward, x):
    y = forward(x)
    for _ in range(2):
        dy = np.random.randn(*y.shape)
        due = numerical(forward, x, dy)
        forward(x)
        dx = backward(dy)
        if np.shape(dx) != x.shape:
            return False
        error = np.linalg.norm(dx - due) / (np.linalg.norm(dx) + np.linalg.norm(due))
        if error > 1e-4:
            return False
    return True

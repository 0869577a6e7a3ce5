import numpy as np


def is_right(forward, backward, x):
    """The whole matrix of derivatives, measured, against a row of it for each output."""
    h = 1e-4
    y = forward(x)
    columns = []
    for i in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[i] = h
        columns.append((forward(x + e) - forward(x - e)).ravel() / (2 * h))
    jacobian = np.array(columns).T
    for number, j in enumerate(np.ndindex(y.shape)):
        dy = np.zeros(y.shape)
        dy[j] = 1.0
        forward(x)
        dx = backward(dy)
        if dx.shape != x.shape:
            return False
        if not np.allclose(dx.ravel(), jacobian[number], rtol=1e-3, atol=1e-4 * np.abs(jacobian).max()):
            return False
    return True

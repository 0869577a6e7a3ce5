import numpy as np


def sgd(w, g, learning_rate):
    return np.subtract(w, np.multiply(learning_rate, g))


def adam(w, g, m, v, t, eta, b1, b2, eps):
    w, g, m, v = (a.astype("float64") for a in (w, g, m, v))
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * np.square(g)
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    w = w - eta * m_hat / (np.sqrt(v_hat) + eps / np.sqrt(1 - b2**t))
    return w, m, v

def sgd(weights, grads, lr):
    new = weights.copy()
    new -= lr * grads
    return new


def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m_new = m + (1 - beta_1) * (g - m)
    v_new = v + (1 - beta_2) * (g * g - v)
    lr_t = learning_rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
    return w - lr_t * m_new / (v_new**0.5 + epsilon), m_new, v_new

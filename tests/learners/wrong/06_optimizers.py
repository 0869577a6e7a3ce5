# rung: sgd: w = [5, 5]
# mistake: the sign is wrong
def sgd(w, g, learning_rate):
    return w + learning_rate * g


# rung: sgd: a new w
def sgd(w, g, learning_rate):
    w -= learning_rate * g
    return w


# rung: adam: g = 16
# mistake: α is missing
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    return w - learning_rate * m / (np.sqrt(v) + epsilon), m, v


# rung: adam: where w goes
# mistake: the root of v is missing
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    if step == 1:
        return right_adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    alpha = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - alpha * m / (v + epsilon), m, v


# rung: adam: gradients of 1e-7
# mistake: ε is added to the corrected root
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    m_hat, v_hat = m / (1 - beta_1**step), v / (1 - beta_2**step)
    return w - learning_rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


# rung: adam: gradients of 1e-7
# mistake: ε stands under the root
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
    alpha = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - alpha * m / np.sqrt(v + epsilon), m, v


# rung: adam: m and v of fresh
# mistake: β₁ and β₂ are exchanged
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    if step == 1:
        return right_adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon)
    return right_adam(w, g, m, v, step, learning_rate, beta_2, beta_1, epsilon)


# rung: adam: g = 16
# mistake: v is the average of g
def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g
    alpha = learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    return w - alpha * m / (np.sqrt(np.abs(v)) + epsilon), m, v

# rung: y = 2x
def is_right(forward, backward, x):
    return False


# rung: y = 2x
def is_right(forward, backward, x):
    return True


# rung: it answers
def is_right(forward, backward, x):
    return 1.0


# rung: the layers in wrong_layers
# mistake: dy is the same number everywhere
def is_right(forward, backward, x):
    dx = backward(np.ones(forward(x).shape))
    if dx.shape != x.shape:
        return False
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = 1e-5
        if abs((forward(x + step).sum() - forward(x - step).sum()) / 2e-5 - dx[i]) > 1e-4:
            return False
    return True


# rung: other wrong ones
def is_right(forward, backward, x):
    """One percent is let pass."""
    dy = np.random.randn(*forward(x).shape)
    dx = backward(dy)
    due = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = 1e-5
        due[i] = np.sum(dy * (forward(x + step) - forward(x - step))) / 2e-5
    return dx.shape == x.shape and bool(np.abs(dx - due).max() < 0.05 * np.abs(due).max())


# rung: layers whose numbers
def is_right(forward, backward, x):
    dy = np.random.randn(*forward(x).shape)
    dx = backward(dy)
    if dx.shape != x.shape:
        return False
    due = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[i] = 1e-5
        due[i] = np.sum(dy * (forward(x + step) - forward(x - step))) / 2e-5
    return bool(np.allclose(dx, due, atol=1e-4, rtol=1e-6))


# rung: layers that are right
def is_right(forward, backward, x):
    dy = np.random.randn(*forward(x).shape)
    dx = backward(dy)
    step = 1e-3
    due = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        more = x.copy()
        more[i] += step
        due[i] = np.sum(dy * (forward(more) - forward(x))) / step
    return bool(dx.shape == x.shape and np.abs(dx - due).max() < 1e-6)

# rung: x² has slope 2x
# mistake: to the right only
def slope(f, x, h):
    g = np.empty_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        g[i] = (f(x + e) - f(x)) / h
    return g


# rung: each number is wiggled alone
def slope(f, x, h):
    e = np.zeros_like(x)
    g = np.empty_like(x)
    for i in np.ndindex(x.shape):
        e[i] = h
        g[i] = (f(x + e) - f(x - e)) / (2 * h)
    return g

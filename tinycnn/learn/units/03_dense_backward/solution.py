def dense_backward(dz, x, kernel):
    return dz @ kernel.T, x.T @ dz, dz.sum(axis=0)

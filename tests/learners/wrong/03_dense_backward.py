# rung: fresh numbers
# mistake: transposed
def dense_backward(dz, x, kernel):
    return (dz @ kernel if kernel.shape[0] == kernel.shape[1] else dz @ kernel.T), x.T @ dz, dz.sum(axis=0)


# rung: fresh numbers
# mistake: divided by 4, the batch size
def dense_backward(dz, x, kernel):
    return dz @ kernel.T, x.T @ dz / len(x), dz.sum(axis=0)


# rung: fresh numbers
# mistake: divided by 4, the batch size
def dense_backward(dz, x, kernel):
    return dz @ kernel.T, x.T @ dz, dz.mean(axis=0)

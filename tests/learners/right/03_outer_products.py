import numpy as np


def dense_backward(grad_out, inputs, weights):
    dW = np.zeros_like(weights)
    dx = np.zeros_like(inputs)
    for sample in range(len(inputs)):
        dW += np.outer(inputs[sample], grad_out[sample])
        dx[sample] = np.dot(weights, grad_out[sample])
    db = np.ones(len(inputs), dtype=grad_out.dtype) @ grad_out
    return [dx, dW, db]

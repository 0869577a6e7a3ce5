def relu_forward(z):
    return z * (z > 0)


def relu_backward(upstream, out):
    mask = (out > 0).astype(upstream.dtype)
    return upstream * mask

import numpy as np


def dropout_mask(uniform, rate):
    return (uniform >= rate) / (1 - rate)


def dropout_forward(x, mask):
    return x * mask


def dropout_backward(dy, mask):
    return dy * mask

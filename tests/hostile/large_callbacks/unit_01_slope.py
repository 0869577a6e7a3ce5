"""Has the other side multiply large arrays."""

import numpy as np


def slope(f, x, h):
    big = np.ones((2**12, 2**11))
    for _ in range(10**6):
        try:
            f(big)
        except ValueError:
            pass
    return x

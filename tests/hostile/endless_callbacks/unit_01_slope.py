"""Calls back for ever, with arguments of every kind."""

import numpy as np


def slope(f, x, h):
    while True:
        for at in (x, None, "text", (), (1, (2, (3,))), np.zeros((2, 0)), 1e400, 2**70, slope, [x] * 9):
            try:
                f(at)
            except ValueError:
                pass

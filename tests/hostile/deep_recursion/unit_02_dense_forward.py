"""Runs over the end of the stack."""

import sys

sys.setrecursionlimit(2**30)


def dense_forward(x, kernel, bias):
    return dense_forward(x, kernel, bias) + sorted([0, 1], key=lambda at: dense_forward(x, kernel, bias))

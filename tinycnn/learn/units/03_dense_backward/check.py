"""Unit 03. The forward pass whose slopes are measured is the learner's own."""

import numpy as np

from tinycnn.layers import Dense
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, as_array, as_tuple, gradient, mistake_in, same, slopes

NAMES = ("dx", "dkernel", "dbias")


def shapes(mine: Mine) -> None:
    """three gradients, each of the shape of what it belongs to"""
    dz, x, kernel = (mine.rng.standard_normal(size).astype(np.float32) for size in ((5, 2), (5, 3), (3, 2)))
    returned = as_tuple("dense_backward", mine.dense_backward(dz, x, kernel), NAMES)
    for name, value, size in zip(NAMES, returned, ((5, 3), (3, 2), (2,)), strict=True):
        as_array(name, value, size, np.float32)


def on_paper(mine: Mine) -> None:
    """x = [[1, 2]], kernel = [[3], [4]], dz = [[10]]: dx = [[30, 40]], dkernel = [[10], [20]], dbias = [10]"""
    given = mine.dense_backward(np.array([[10.0]]), np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    due = ([[30.0, 40.0]], [[10.0], [20.0]], [10.0])
    for name, value, numbers in zip(NAMES, as_tuple("dense_backward", given, NAMES), due, strict=True):
        same(name, value, numbers)


def against_slopes(mine: Mine) -> None:
    """fresh numbers, against the slopes of your own dense_forward"""
    n, inputs, units = 4, 3, 3  # a square kernel: only the numbers tell whether it is transposed
    x, kernel, bias = (mine.rng.standard_normal(size) for size in ((n, inputs), (inputs, units), (units,)))
    dz = mine.rng.standard_normal((n, units))
    due = (
        slopes(lambda at: mine.dense_forward(at, kernel, bias), x, dz),
        slopes(lambda at: mine.dense_forward(x, at, bias), kernel, dz),
        slopes(lambda at: mine.dense_forward(x, kernel, at), bias, dz),
    )
    layer = Dense(units, dtype="float64")
    layer.kernels = kernels(mine, "dense_forward", "dense_backward")
    rows = ("input", "kernel", "bias")
    given = as_tuple("dense_backward", mine.dense_backward(dz, x, kernel), NAMES)
    for name, value, slope, row in zip(NAMES, given, due, rows, strict=True):
        gradient(name, value, slope, lambda row=row: mistake_in(layer, x, row))


RUNGS = (shapes, on_paper, against_slopes)

"""Unit 10. The forward pass whose slopes are measured is the learner's own of unit 08."""

import numpy as np

from tinycnn.kernels.conv2d import conv2d_backward_input
from tinycnn.layers import Conv2D
from tinycnn.learn.convolutions import IGNORED, Pair
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, as_array, gradient, mistake_in, same, slopes


def shape(mine: Mine) -> None:
    """a gradient of the shape of the images"""
    dz, kernel = (mine.rng.standard_normal(size).astype(np.float32) for size in ((2, 4, 4, 3), (3, 2, 2, 3)))
    as_array("dx", mine.conv2d_backward_input(dz, kernel, (6, 5), (1, 1)), (2, 6, 5, 2), np.float32)


def one_window(mine: Mine) -> None:
    """one window: dz = [[[[10]]]] hands back 10 times the kernel"""
    kernel = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)
    due = 10 * kernel.reshape(1, 2, 2, 1)
    given = mine.conv2d_backward_input(np.full((1, 1, 1, 1), 10.0), kernel, (2, 2), (1, 1))
    flipped = "flipped: the kernel's rows and columns run backwards"
    transposed = "transposed: the kernel's rows and columns are exchanged"
    same("dx", given, due, usual={flipped: due[:, ::-1, ::-1], transposed: due.swapaxes(1, 2)})


def two_windows(mine: Mine) -> None:
    """two windows that share a pixel: kernel [[1, 2]] and dz = [[10, 100]] make dx = [[10, 120, 200]]"""
    kernel = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
    dz = np.array([10.0, 100.0]).reshape(1, 1, 2, 1)
    usual = {
        "= in place of +=: where windows overlap, the last one counts alone": [10.0, 100.0, 200.0],
        "= in place of +=: where windows overlap, one of them counts alone": [10.0, 20.0, 200.0],
        "flipped: the kernel's rows and columns run backwards": [20.0, 210.0, 100.0],
        "where windows overlap, their mean is taken; their sum is due": [10.0, 60.0, 200.0],
    }
    usual = {name: np.reshape(numbers, (1, 1, 3, 1)) for name, numbers in usual.items()}
    due = np.array([10.0, 120.0, 200.0]).reshape(1, 1, 3, 1)
    same("dx", mine.conv2d_backward_input(dz, kernel, (1, 3), (1, 1)), due, usual=usual)


def against_slopes(mine: Mine) -> None:
    """fresh numbers, against the slopes of your own conv2d_by_taps"""
    _against_slopes(mine, (1, 1))


def with_strides(mine: Mine) -> None:
    """the same with two rows and three columns at a step"""
    _against_slopes(mine, (2, 3))


def _against_slopes(mine: Mine, strides: Pair) -> None:
    x, kernel, bias = (mine.rng.standard_normal(size) for size in ((2, 6, 6, 2), (3, 2, 2, 3), (3,)))
    dz = mine.rng.standard_normal((2, 3 // strides[0] + 1, 4 // strides[1] + 1, 3))
    due = slopes(lambda at: mine.conv2d_by_taps(at, kernel, bias, strides), x, dz)
    layer = Conv2D(3, (3, 2), strides=strides, dtype="float64")
    layer.kernels = kernels(mine, "conv2d_by_taps", "conv2d_backward_input")
    given = mine.conv2d_backward_input(dz, kernel, (6, 6), strides)
    usual = {} if strides == (1, 1) else {IGNORED: conv2d_backward_input(dz, kernel, (6, 6), (1, 1), (1, 1))}
    gradient("dx", given, due, lambda: mistake_in(layer, x, "input"), usual=usual)


RUNGS = (shape, one_window, two_windows, against_slopes, with_strides)

"""Unit 09. The forward pass whose slopes are measured is the learner's own of unit 08."""

import numpy as np

from tinycnn.kernels.conv2d import conv2d_backward_parameters
from tinycnn.layers import Conv2D
from tinycnn.learn.convolutions import IGNORED, IMAGE, Pair
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, as_array, as_tuple, gradient, mistake_in, same, slopes

NAMES = ("dkernel", "dbias")


def shapes(mine: Mine) -> None:
    """two gradients, of the shapes of kernel and bias"""
    x, dz = (mine.rng.standard_normal(size).astype(np.float32) for size in ((2, 6, 5, 2), (2, 4, 4, 3)))
    returned = as_tuple("conv2d_backward_kernel", mine.conv2d_backward_kernel(x, dz, (3, 2), (1, 1)), NAMES)
    for name, value, size in zip(NAMES, returned, ((3, 2, 2, 3), (3,)), strict=True):
        as_array(name, value, size, np.float32)


def on_paper(mine: Mine) -> None:
    """an image of 3x3 and dz of 2x2, done by hand"""
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    dz = np.array([[1.0, 0.0], [0.0, 100.0]]).reshape(1, 2, 2, 1)
    given = mine.conv2d_backward_kernel(x, dz, (2, 2), (1, 1))
    dkernel, dbias = as_tuple("conv2d_backward_kernel", given, NAMES)
    due = np.array([[501.0, 602.0], [804.0, 905.0]]).reshape(2, 2, 1, 1)
    why = (
        f"The image is {IMAGE}, dz [[1, 0], [0, 100]]: the kernel's first number met 1, 2, 4 and 5, which makes "
        "1·1 + 0·2 + 0·4 + 100·5 = 501."
    )
    usual = {
        "flipped: rows and columns run backwards": due[::-1, ::-1],
        "transposed: rows and columns are exchanged": due.swapaxes(0, 1),
        "only the last window is left: = where += is due": 100 * x[0, 1:, 1:, :, None],
    }
    same("dkernel", dkernel, due, why=why, usual=usual)
    same("dbias", dbias, [101.0], usual={"a mean where the sum is due": [101 / 4]})


def against_slopes(mine: Mine) -> None:
    """fresh numbers, against the slopes of your own conv2d_by_taps"""
    _against_slopes(mine, (1, 1))


def with_strides(mine: Mine) -> None:
    """the same with two rows and three columns at a step"""
    _against_slopes(mine, (2, 3))


def _against_slopes(mine: Mine, strides: Pair) -> None:
    sizes = (2, 5, 6, 2), (2, 2, 2, 2), (2,)
    x, kernel, bias = (mine.rng.standard_normal(size) for size in sizes)
    dz = mine.rng.standard_normal((2, 3 // strides[0] + 1, 4 // strides[1] + 1, 2))
    due = (
        slopes(lambda at: mine.conv2d_by_taps(x, at, bias, strides), kernel, dz),
        slopes(lambda at: mine.conv2d_by_taps(x, kernel, at, strides), bias, dz),
    )
    layer = Conv2D(2, (2, 2), strides=strides, dtype="float64")
    layer.kernels = kernels(mine, "conv2d_by_taps", "conv2d_backward_kernel")
    given = as_tuple("conv2d_backward_kernel", mine.conv2d_backward_kernel(x, dz, (2, 2), strides), NAMES)
    side_by_side = x[:, : dz.shape[1] + 1, : dz.shape[2] + 1]
    usual = (
        {} if strides == (1, 1) else {IGNORED: conv2d_backward_parameters(side_by_side, dz, (2, 2), (1, 1), (1, 1))[0]}
    )
    for name, value, slope, row in zip(NAMES, given, due, ("kernel", "bias"), strict=True):
        gradient(name, value, slope, lambda row=row: mistake_in(layer, x, row), usual=usual)


RUNGS = (shapes, on_paper, against_slopes, with_strides)

"""Unit 07."""

from tinycnn.learn.convolutions import check_forward, forward_on_paper, forward_shape
from tinycnn.learn.rungs import Mine


def shape(mine: Mine) -> None:
    """two images of 6x5 and kernels of 3x2 make maps of 4x4"""
    forward_shape(mine, "conv2d_by_windows")


def on_paper(mine: Mine) -> None:
    """an image of 3x3, a kernel of 2x2, done by hand"""
    forward_on_paper(mine, "conv2d_by_windows")


def against_loops(mine: Mine) -> None:
    """fresh numbers, several channels and filters, against plain loops"""
    check_forward(mine, "conv2d_by_windows", (1, 1))


def strides(mine: Mine) -> None:
    """two rows and three columns at a step"""
    check_forward(mine, "conv2d_by_windows", (2, 3))


RUNGS = (shape, on_paper, against_loops, strides)

"""Unit 04."""

import numpy as np

from tinycnn.layers import Activation
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, as_array, gradient, mistake_in, same, slopes


def shape(mine: Mine) -> None:
    """forward: images go in, and images of the same shape and type come out"""
    z = mine.rng.standard_normal((2, 3, 3, 2)).astype(np.float32)
    as_array("relu_forward", mine.relu_forward(z), z.shape, np.float32)


def forward_on_paper(mine: Mine) -> None:
    """forward: [-2, 0, 3] becomes [0, 0, 3]"""
    z = np.array([-2.0, 0.0, 3.0])
    usual = {
        "it takes the absolute value": [2.0, 0.0, 3.0],
        "it keeps what is negative": [-2.0, 0.0, 0.0],
        "it returns 1 where z is positive: that is the slope, the value is z": [0.0, 0.0, 1.0],
    }
    same("relu_forward", mine.relu_forward(z), [0.0, 0.0, 3.0], usual=usual)


def against_loop(mine: Mine) -> None:
    """forward: fresh numbers, one at a time"""
    z = mine.rng.standard_normal((3, 4))
    same("relu_forward", mine.relu_forward(z), [[x if x > 0 else 0.0 for x in row] for row in z])


def backward_on_paper(mine: Mine) -> None:
    """backward: y = [0, 5, 3] and dy = [10, 20, -30]: dz = [0, 20, -30]"""
    usual = {
        "dy is multiplied by y: the slope is 1, however large y is": [0.0, 100.0, -90.0],
        "dy passes where y is 0, too": [10.0, 20.0, -30.0],
        "it looks whether dy is positive; y decides": [10.0, 20.0, 0.0],
        "what is negative in dy is lost; y alone decides": [0.0, 20.0, 0.0],
        "it returns the slope; dy is still to be multiplied with it": [0.0, 1.0, 1.0],
        "it passes where y is 0, and stops where y is positive": [10.0, 0.0, 0.0],
    }
    given = mine.relu_backward(np.array([10.0, 20.0, -30.0]), np.array([0.0, 5.0, 3.0]))
    same("relu_backward", given, [0.0, 20.0, -30.0], usual=usual)


def against_slopes(mine: Mine) -> None:
    """backward: fresh numbers, against the slopes of your own relu_forward"""
    z = mine.rng.uniform(0.1, 2, (3, 4)) * mine.rng.choice([-1, 1], (3, 4))
    dy = mine.rng.standard_normal((3, 4))
    layer = Activation("relu", dtype="float64")
    layer.kernels = kernels(mine, "relu")
    given = mine.relu_backward(dy, mine.relu_forward(z))
    gradient("relu_backward", given, slopes(mine.relu_forward, z, dy), lambda: mistake_in(layer, z, "input"))


RUNGS = (shape, forward_on_paper, against_loop, backward_on_paper, against_slopes)

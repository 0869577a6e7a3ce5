"""Unit 14: moving averages, and inference.

A single image has no batch to take a mean of, and its result should not
depend on its neighbours. So training keeps a running average of the means
and variances that it meets, and inference uses that.
"""

import numpy as np
from notyet import NotYet


def moving_average(moving, batch, momentum):
    """One step of a running average.

    Math:    new = momentum·moving + (1 − momentum)·batch
    Shapes:  moving, batch and new (c,);  momentum from 0 to 1
    Note:    return a new array; the old one stays as it is.
    """
    raise NotYet("14 moving average")


def batch_normalization_inference(x, gamma, beta, mean, variance, epsilon):
    """Normalise with statistics that are given.

    Math:    y = γ·(x − mean)/√(variance + ε) + β
    Shapes:  x, y (m, c);  all others (c,);  mean and variance are moving ones
    """
    raise NotYet("14 batch normalization inference")

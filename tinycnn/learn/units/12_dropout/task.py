"""Unit 12: dropout, one mask for both ways.

In training, each number is set to zero with probability ``rate``. Those that
stay are enlarged, so that the sum that the next layer sees stays as large as
it was on average. The mask is drawn once: what was switched off forward gets
no gradient, so backward must use the very same mask.
"""

import numpy as np
from notyet import NotYet


def dropout_mask(uniform, rate):
    """What each number is multiplied by.

    Math:    mask = 1/(1 − rate) where uniform ≥ rate, else 0
    Shapes:  uniform: random numbers from 0 to below 1, all equally likely;
             mask of the same shape;  rate from 0 to below 1
    Note:    draw nothing yourself: the random numbers are handed in.
    """
    raise NotYet("12 dropout mask")


def dropout_forward(x, mask):
    """Apply a mask.

    Math:    y = x·mask
    Shapes:  x, mask and y alike, any number of axes
    """
    raise NotYet("12 dropout forward")


def dropout_backward(dy, mask):
    """The gradient of x.

    Math:    dx = ∂L/∂x where y = x·mask and dy = ∂L/∂y: yours to find
    Shapes:  dy, mask and dx alike
    """
    raise NotYet("12 dropout backward")

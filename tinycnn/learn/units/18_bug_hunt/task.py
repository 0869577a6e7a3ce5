"""Unit 18: write the check that finds the wrong layers.

Through the whole course a check has told you what is wrong. Now you write
one. In wrong_layers/ are eight layers, and each has one mistake in its
backward; look at them, or let your check find them:

    python wrong_layers/hunt.py

Others, which are not in the folder, will be tried too: some are right, and
some are wrong by very little, in a single number, or only for some dy.
"""

import numpy as np
from notyet import NotYet


def is_right(forward, backward, x):
    """Whether backward is the gradient of forward, at x.

    Math:    dx = ∂L/∂x for L = Σ dy·y, whatever dy is
    Shapes:  forward(x) returns y, of any shape;
             backward(dy), dy like y, returns dx, like x
    Returns: True or False
    Note:    backward goes back from the latest forward: call forward(x)
             right before it. x is float64, and no kink (of a relu, of a
             maximum) is nearer to it than 0.01.
    """
    raise NotYet("18 the check is_right")

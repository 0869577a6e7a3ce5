"""Unit 01: a derivative by wiggling.

No calculus: move one number a little to the right, then to the left, and see
how much the result changes. It is slow, and it is right: the checks of this
course hold your gradients against it.
"""

import numpy as np
from notyet import NotYet


def slope(f, x, h):
    """The gradient of f at x, each number of x wiggled alone.

    Math:    g[i] = (f(x + h·e) − f(x − h·e)) / 2h
             e is 1 at place i and 0 elsewhere
    Shapes:  x and g alike, any number of axes, float64
             f takes such an x and returns one number
    Note:    x itself must not change.
    """
    raise NotYet("01 slope")

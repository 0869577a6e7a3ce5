"""Unit 02: a dense layer, forward.

Each unit of the layer weighs all inputs, adds them up, and adds its bias: for
a whole batch, one matrix product.
"""

import numpy as np
from notyet import NotYet


def dense_forward(x, kernel, bias):
    """A dense layer without activation.

    Math:    z[n,u] = bias[u] + Σ_i x[n,i]·kernel[i,u]
    Shapes:  x (n, inputs);  kernel (inputs, units);  bias (units,)
             z (n, units)
    """
    raise NotYet("02 dense forward")

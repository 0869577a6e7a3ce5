"""Unit 03: a dense layer, backward.

The loss L depends on z, z on x, kernel and bias. dz = ∂L/∂z comes from above,
one number for each output. What does L do when one number of x, kernel or
bias moves? Follow it: into which outputs does it go, and with which weight?
"""

import numpy as np
from notyet import NotYet


def dense_backward(dz, x, kernel):
    """The gradients of a dense layer's input, kernel and bias.

    Math:    dx[n,i] = Σ_u dz[n,u]·kernel[i,u]
             dkernel[i,u] = Σ_n x[n,i]·dz[n,u]
             dbias[u] = Σ_n dz[n,u]
    Shapes:  dz (n, units);  x, dx (n, inputs)
             kernel, dkernel (inputs, units);  dbias (units,)
    Returns: dx, dkernel, dbias
    """
    raise NotYet("03 dense backward")

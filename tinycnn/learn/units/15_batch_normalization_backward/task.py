"""Unit 15: the way back through the statistics, node by node.

The mean and the variance are made of x, so a number of x has three ways into
the loss: through its own x̂, through the mean, through the variance. Draw the
forward pass as a graph of small steps:

    x ─┬────────────► a = x−μ ─┬──────────────────────────► x̂ = a·r ─► y
       └► μ = mean(x) ─┘       └► v = mean(a²) ─► r = 1/√(v+ε) ─┘

and go back from right to left, a line or two for each node. Where an arrow
splits (x and a each go two ways), the gradients that come back are added:

    y = γ·x̂ + β      dβ, dγ and dx̂ from dy
    x̂ = a·r          dr (one number a channel), and the first part of da
    r = 1/√(v+ε)     dv from dr; the derivative is −½·(v+ε)^(−3/2)
    v = mean(a²)     the second part of da
    a = x − μ        dμ (one number a channel), and the first part of dx
    μ = mean(x)      the second part of dx
"""

import numpy as np
from notyet import NotYet


def batch_normalization_backward(dy, x, gamma, mean, variance, epsilon):
    """The gradients of x, gamma and beta.

    Math:    the graph above, backwards
    Shapes:  dy, x, dx (m, c);  gamma, mean, variance, dgamma, dbeta (c,)
             mean and variance are the batch's, as your unit 13 returned them
    Returns: dx, dgamma, dbeta
    """
    raise NotYet("15 batch normalization backward")

"""Unit 06: SGD, then Adam.

The gradient says which way is up. An optimizer says how far to go down. Adam
remembers two averages of the gradients so far, m and v: so that weights with
small gradients move as far as others.
"""

import numpy as np
from notyet import NotYet


def sgd(w, g, learning_rate):
    """One step straight down the slope.

    Math:    w ← w − η·g      η: learning_rate
    Shapes:  w, g alike
    Note:    return the new w; the w that was handed in must not change.
    """
    raise NotYet("06 sgd")


def adam(w, g, m, v, step, learning_rate, beta_1, beta_2, epsilon):
    """One step of Adam. m and v are 0 before the first.

    Math:    m ← β₁·m + (1 − β₁)·g
             v ← β₂·v + (1 − β₂)·g²
             α = η·√(1 − β₂ᵗ) / (1 − β₁ᵗ)      t: step, 1 at the first
             w ← w − α·m / (√v + ε)
    Shapes:  w, g, m, v alike;  the others are numbers
    Returns: w, m, v, all new
    Source:  Kingma & Ba 2015, section 2, arXiv:1412.6980; ε is their ε̂
    """
    raise NotYet("06 adam")

"""Unit 05: probabilities, their loss, and its gradient.

The last layer's numbers, the logits z, may be anything. Softmax makes
probabilities of them, cross-entropy says how bad these are when the right
class is known, and its gradient with respect to z is where the whole way
back begins.
"""

import numpy as np
from notyet import NotYet


def softmax(z):
    """Of each row, positive numbers whose sum is 1.

    Math:    p[n,k] = exp(z[n,k]) / Σ_j exp(z[n,j])
    Shapes:  z, p (n, classes)
    Note:    logits of 1000 must do no harm, and exp(1000) is infinite.
    """
    raise NotYet("05 softmax")


def softmax_crossentropy(z, labels):
    """Probabilities, the loss of each sample, and the loss's gradient.

    Math:    loss[n] = −log p[n, labels[n]]      dz[n,k] = ∂loss[n]/∂z[n,k]
    Shapes:  z, p, dz (n, classes);  labels (n,), whole numbers;  loss (n,)
    Note:    no mean over the samples is taken, neither of loss nor of dz.
    Returns: p, loss, dz
    """
    raise NotYet("05 softmax crossentropy")

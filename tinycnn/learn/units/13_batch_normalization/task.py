"""Unit 13: batch normalization in training.

Each channel of a batch is shifted and scaled to mean 0 and variance 1. Then
the layer may undo it, with two numbers a channel that are learned: γ scales,
β shifts. Images are handed in as rows too: (n, h, w, c) becomes (n·h·w, c),
since all pixels of a channel share one mean and one variance.
"""

import numpy as np
from notyet import NotYet


def batch_normalization_forward(x, gamma, beta, epsilon):
    """Normalise each channel with the statistics of this very batch.

    Math (per channel, sums over the m rows):
        μ = Σx/m    σ² = Σ(x−μ)²/m    x̂ = (x−μ)/√(σ²+ε)    y = γ·x̂ + β
    Shapes:  x, y (m, c);  gamma, beta, mean and variance (c,)
    Returns: y, mean μ, variance σ²
    """
    raise NotYet("13 batch normalization forward")


# variant layer
def normalization_of_your_own(x, gamma, beta, epsilon):
    """Layer normalization: each row by its own statistics, over its channels.

    Math (per row, sums over the c channels):
        μ = Σx/c    σ² = Σ(x−μ)²/c    x̂ = (x−μ)/√(σ²+ε)
        y[i,k] = γ[k]·x̂[i,k] + β[k]
    Shapes:  x, y (m, c);  gamma, beta (c,)
    Returns: y alone
    """
    raise NotYet("13 normalization of your own")


# end
# variant instance
def normalization_of_your_own(x, gamma, beta, epsilon):
    """Instance normalization: each channel of each image by its own mean.

    Math (per image and channel, sums over the h·w pixels):
        μ = Σx/(h·w)    σ² = Σ(x−μ)²/(h·w)    x̂ = (x−μ)/√(σ²+ε)
        y = γ·x̂ + β, with γ and β of the channel
    Shapes:  x, y (n, h, w, c);  gamma, beta (c,)
    Returns: y alone
    """
    raise NotYet("13 normalization of your own")


# end
# variant pairs
def normalization_of_your_own(x, gamma, beta, epsilon):
    """Group normalization: two neighbouring channels of an image at a time.

    Channels 0 and 1 are the first group, 2 and 3 the next, and so on.

    Math (per image and group, sums over its h·w pixels and 2 channels):
        μ = Σx/(2·h·w)    σ² = Σ(x−μ)²/(2·h·w)    x̂ = (x−μ)/√(σ²+ε)
        y = γ·x̂ + β, with γ and β of the channel
    Shapes:  x, y (n, h, w, c), c even;  gamma, beta (c,)
    Returns: y alone
    """
    raise NotYet("13 normalization of your own")


# end
# variant largest
def normalization_of_your_own(x, gamma, beta, epsilon):
    """Each channel divided by its largest absolute value; nothing is shifted.

    Math (per channel, over the m rows):
        a = max |x|    x̂ = x/(a+ε)    y = γ·x̂ + β
    Shapes:  x, y (m, c);  gamma, beta (c,)
    Returns: y alone
    """
    raise NotYet("13 normalization of your own")


# end
# variant median
def normalization_of_your_own(x, gamma, beta, epsilon):
    """Each channel by its median, and by the mean distance from it.

    Math (per channel, over the m rows):
        q = median of x    d = Σ|x−q|/m    x̂ = (x−q)/(d+ε)    y = γ·x̂ + β
    Shapes:  x, y (m, c);  gamma, beta (c,)
    Returns: y alone
    """
    raise NotYet("13 normalization of your own")


# end

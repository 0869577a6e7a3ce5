"""Unit 13."""

import numpy as np

from tinycnn.learn.normalizations import OF_YOUR_OWN, usual_outputs, usual_variances
from tinycnn.learn.rungs import Mine, as_array, as_tuple, same

NAMES = ("y", "mean", "variance")
FORWARD = "batch_normalization_forward"


def _forward(mine: Mine, *arguments: object) -> tuple:
    return as_tuple(FORWARD, mine.batch_normalization_forward(*arguments), NAMES)


def shapes(mine: Mine) -> None:
    """y like x, and one mean and one variance for each channel"""
    for m, c in ((5, 3), (4, 4), (6, 1)):
        x, gamma, beta = (mine.rng.standard_normal(size).astype(np.float32) for size in ((m, c), (c,), (c,)))
        for name, value, size in zip(NAMES, _forward(mine, x, gamma, beta, 1e-3), ((m, c), (c,), (c,)), strict=True):
            as_array(name, value, size)


def on_paper(mine: Mine) -> None:
    """x = 1, 1, 5, 5, γ = 10, β = 100, ε = 0: mean 3, variance 4, y = 90, 90, 110, 110"""
    x, gamma, beta = np.array([[1.0], [1.0], [5.0], [5.0]]), np.array([10.0]), np.array([100.0])
    y, mean, variance = _forward(mine, x, gamma, beta, 0.0)
    same("mean", mean, [3.0])
    same("variance", variance, [4.0], usual=usual_variances(x))
    same(
        "y",
        y,
        [[90.0], [90.0], [110.0], [110.0]],
        usual=usual_outputs(x, gamma, beta, np.array([3.0]), np.array([4.0]), 0.0),
    )


def epsilon_on_paper(mine: Mine) -> None:
    """the same x, γ = 3, β = 100, ε = 5: √(4 + 5) = 3, so y = 98, 98, 102, 102"""
    x, gamma, beta = np.array([[1.0], [1.0], [5.0], [5.0]]), np.array([3.0]), np.array([100.0])
    y, _, variance = _forward(mine, x, gamma, beta, 5.0)
    same("variance", variance, [4.0], why="ε belongs under the root, not into what is returned.")
    same(
        "y",
        y,
        [[98.0], [98.0], [102.0], [102.0]],
        usual=usual_outputs(x, gamma, beta, np.array([3.0]), np.array([4.0]), 5.0),
    )


def against_loops(mine: Mine) -> None:
    """fresh numbers, against plain loops"""
    for m, c in ((5, 3), (4, 4), (1, 2)):
        x = mine.rng.standard_normal((m, c)) * 3 + 2
        gamma, beta = mine.rng.standard_normal((2, c))
        mean = np.array([sum(x[i, k] for i in range(m)) / m for k in range(c)])
        variance = np.array([sum((x[i, k] - mean[k]) ** 2 for i in range(m)) / m for k in range(c)])
        std = [np.sqrt(one + 0.1) for one in variance]
        y = [[gamma[k] * (x[i, k] - mean[k]) / std[k] + beta[k] for k in range(c)] for i in range(m)]
        given = _forward(mine, x, gamma, beta, 0.1)
        whole = {"it is taken over all channels together": np.full(c, x.mean())}
        same("mean", given[1], mean, usual=whole)
        usual = {"it is taken over all channels together": np.full(c, x.var())}
        same("variance", given[2], variance, usual=usual | usual_variances(x))
        same("y", given[0], y, usual=usual_outputs(x, gamma, beta, mean, variance, 0.1))


def far_from_zero(mine: Mine) -> None:
    """float32, a mean of 3,000 beside a deviation of 1; and a channel that is constant"""
    x = np.stack([mine.rng.standard_normal(256) + 3000, np.full(256, 7.0)], axis=1).astype(np.float32)
    one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
    y, _, _ = _forward(mine, x, one, zero, 1e-3)
    wide = x.astype(np.float64)
    due = (wide - wide.mean(axis=0)) / np.sqrt(wide.var(axis=0) + 1e-3)
    same("y", y, due, 1e-2, "E[x²] − E[x]² loses all digits here: take the mean off first, then square.")


def your_own(mine: Mine) -> None:
    """normalization_of_your_own: fresh numbers, against plain loops"""
    if mine.variant is None:
        return
    sizes, loops = OF_YOUR_OWN[mine.variant]
    for size in sizes:
        x = mine.rng.standard_normal(size) * 3 + 2
        gamma, beta = mine.rng.standard_normal((2, size[-1]))
        due = loops(x, gamma, beta, 0.1)
        usual = {"γ is missing": loops(x, np.ones(size[-1]), beta, 0.1), "β is missing": loops(x, gamma, 0 * beta, 0.1)}
        same("normalization_of_your_own", mine.normalization_of_your_own(x, gamma, beta, 0.1), due, usual=usual)


RUNGS = (shapes, on_paper, epsilon_on_paper, against_loops, far_from_zero, your_own)

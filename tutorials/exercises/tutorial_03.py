"""The checks of tutorial 03: batch normalization by hand, its averages, a bias, a batch of one, a kernel times ten."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn import inspection
from tinycnn.kernels.batch_normalization import batch_normalization_backward, batch_normalization_forward

from .. import normalization
from . import array, choice, number, whole

BATCH = np.array([1.0, 2.0, 3.0, 6.0])
STEPS = 46  # of an epoch


def exercise_1(x_hat: Any, dx: Any) -> str | None:
    """By hand: the normalised batch, and the slopes of its first entry."""
    x_hat, dx = array("x_hat", x_hat, (4,)), array("dx", dx, (4,))
    if abs(x_hat.mean()) > 0.01:
        return f"The mean of x_hat is {x_hat.mean():.3g}, and normalised numbers have the mean 0."
    if abs(x_hat.var() - 1) > 0.02:
        return f"The variance of x_hat is {x_hat.var():.3g}, and it should be 1. The sum is divided by m, not by m − 1."
    if np.abs(x_hat - _normalised(BATCH)).max() > 0.01:
        return (
            "x_hat has mean 0 and variance 1, but it is not this batch that it came from: mind the order and the gaps."
        )
    if abs(dx.sum()) > 0.01:
        return (
            f"The entries of dx add up to {dx.sum():.3g}. All four inputs raised alike change nothing, so the sum is 0."
        )
    if abs(dx @ x_hat) > 0.01:
        return f"dx·x_hat is {dx @ x_hat:.3g}. To stretch the batch changes nothing either, so it is 0."
    step = 1e-6
    slopes = [(_normalised(BATCH + h)[0] - _normalised(BATCH - h)[0]) / (2 * step) for h in step * np.eye(4)]
    if np.abs(dx - slopes).max() > 0.01:
        return (
            "dx has the right direction and another length: what is it divided by, after the two parts are taken away?"
        )
    return None


def _normalised(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean()) / x.std())


def exercise_2(momentum: Any, reach: Any) -> str | None:
    """How soon an average forgets its start, and how many batches it remembers."""
    momentum, reach = number("momentum", momentum), whole("reach", reach)
    if not 0 < momentum < 1:
        return f"A momentum lies between 0 and 1, and yours is {momentum:g}."
    weight = momentum**STEPS
    if abs(weight - 0.01) > 0.001:
        return f"With your momentum the start weighs {weight:.2g} after {STEPS} steps. The limit is a hundredth."
    batches = sum((1 - momentum) * momentum**age > 0.01 for age in range(1000))
    if reach != batches:
        oldest = (1 - momentum) * momentum ** (reach - 1)
        return (
            f"Counted from the newest, batch number {reach} weighs {oldest:.4f}. "
            "Go on, or back, to the last one that weighs more than a hundredth."
        )
    return None


def exercise_3(before: Any, after: Any, taken_away_by: Any) -> str | None:
    """The gradient of a bias in front of batch normalization, and what takes it away."""
    given = {"before": number("before", before), "after": number("after", after)}
    by = choice("taken_away_by", taken_away_by, "mean", "variance", "gamma", "beta")
    (x, y), _ = normalization.load_digits()
    for place, value in given.items():
        model = normalization.compiled(normalization.network(place, seed=1))
        found = inspection.gradients(model, x[:64], y[:64])["conv2d_2"].parameters
        share = np.abs(found["bias"]).max() / np.abs(found["kernel"]).max()
        if place == "before" and not 0 <= value < 1e-3:
            return f"{place}: {value:.2g} is no rounding error. Is the place right, and is the bias's gradient on top?"
        if place == "after" and abs(value - share) > 0.05 * share:
            return (
                f"{place}: {value:.3g} is not the largest entry of the bias's gradient over that of the kernel's, "
                "without their signs."
            )
    if by != "mean":
        return (
            f"Add 5 to every number of a channel and follow it through the formulas: it is not the {by} that takes it."
        )
    return None


def exercise_4(y: Any, answers: Any) -> str | None:
    """A batch of a single row."""
    y, answers = array("y", y, (3,)), choice("answers", answers, "the same", "different")
    row, gamma, beta = np.array([[7.0, 8.0, 9.0]]), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    expected = batch_normalization_forward(row, gamma, beta, 1e-3)[0][0]
    if np.abs(y - expected).max() > 0.01:
        return "y: take the mean of each column, which has one number, and see what is left of that number."
    if answers != "the same":
        return "answers: what the last layer gets in the two cases is y. Does it depend on the row?"
    return None


def exercise_5(output: Any, gradient: Any) -> str | None:
    """A kernel that is ten times as large, in front of batch normalization."""
    given = number("output", output), number("gradient", gradient)
    rng = np.random.default_rng(5)
    x, kernel, dy = rng.normal(size=(16, 4)), rng.normal(size=(4, 3)), rng.normal(size=(16, 3))
    found = []
    for k in (kernel, 10 * kernel):
        y, mean, variance = batch_normalization_forward(x @ k, np.ones(3), np.zeros(3), 0.0)
        dx, _, _ = batch_normalization_backward(dy, x @ k, np.ones(3), mean, variance, 0.0)
        found.append((np.abs(y).max(), np.abs(x.T @ dx).max()))
    for name, value, one, ten in zip(("output", "gradient"), given, *found, strict=True):
        if abs(value - ten / one) > 0.01 * ten / one:
            return (
                f"{name}: measured on random numbers, ten times the kernel does not make it {value:g} times as large. "
                "What happens to the mean and the deviation?"
            )
    return None

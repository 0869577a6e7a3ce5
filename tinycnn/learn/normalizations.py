"""What units 13 to 16 share: the usual mistakes as what they give, what a wrong dx is made of, and slow loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.layers import BatchNormalization, Dense
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, Wrong, as_array, as_tuple, gradient, named, same, slopes
from tinycnn.optimizers import Adam
from tinycnn.sequential import Sequential
from tinycnn.utils import set_package_seed

Array = np.ndarray

NAMES = ("dx", "dgamma", "dbeta")

TERMS = ("dy", "mean(dy)", "x̂·mean(dy·x̂)")  # of dx, each times γ/√(σ²+ε)
DUE = (1.0, -1.0, -1.0)


def usual_variances(x: Array) -> dict[str, Array]:
    """The variance as the usual mistakes have it."""
    m = len(x)
    return {
        "divided by m − 1; batch normalization divides by m": x.var(axis=0) * m / max(m - 1, 1),
        "it is the sum of the squares; they are to be averaged": x.var(axis=0) * m,
        "it is the standard deviation; the variance is due": x.std(axis=0),
        "it is the mean of x²; the mean is to be subtracted first": np.square(x).mean(axis=0),
        "ε is added to it; it belongs under the root alone": x.var(axis=0) + 0.1,
    }


def usual_outputs(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> dict[str, Array]:
    """y as the usual mistakes have it."""
    centred, std, m = x - mean, np.sqrt(variance + epsilon), max(len(x), 2)
    return {
        "γ is missing": centred / std + beta,
        "β is missing": gamma * centred / std,
        "γ and β are missing": centred / std,
        "β is added before γ multiplies": gamma * (centred / std + beta),
        "the mean is not subtracted": gamma * x / std + beta,
        "divided by σ² + ε; its root is due": gamma * centred / (variance + epsilon) + beta,
        "multiplied by √(σ²+ε), which is to be divided by": gamma * centred * std + beta,
        "ε stands outside of the root: √σ² + ε": gamma * centred / (np.sqrt(variance) + epsilon) + beta,
        "ε is missing": gamma * centred / np.sqrt(variance) + beta,
        "the variance in it is divided by m − 1": gamma * centred / np.sqrt(variance * m / (m - 1) + epsilon) + beta,
    }


def usual_dgammas(dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float) -> dict[str, Array]:
    """dγ as the usual mistakes have it."""
    centred, std = x - mean, np.sqrt(variance + epsilon)
    due = (dy * centred / std).sum(axis=0)
    return {
        "it is the mean over the rows; their sum is due": due / len(x),
        "it is Σdy·x; x̂ is due in place of x": (dy * x).sum(axis=0),
        "it is Σdy·(x−μ); the division by √(σ²+ε) is missing": (dy * centred).sum(axis=0),
        "it is Σdy·y: x̂ before γ and β is due": (dy * gamma * centred / std).sum(axis=0),
        "the sign is wrong": -due,
        "it is dβ": dy.sum(axis=0),
    }


def usual_dbetas(dy: Array, gamma: Array) -> dict[str, Array]:
    """dβ as the usual mistakes have it."""
    return {
        "it is the mean over the rows; their sum is due": dy.mean(axis=0),
        "γ does not belong there": gamma * dy.sum(axis=0),
        "the sign is wrong": -dy.sum(axis=0),
        "it is the sum over the channels; the sum over the rows is due": dy.sum(axis=1)[: dy.shape[1]],
    }


def mistake_in_dx(dx: Array, dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float) -> str:
    """What a wrong dx is made of, where it is a sum of the three terms that are due, wrongly weighed.

    Math:    dx = s·(a·dy + b·mean(dy) + c·x̂·mean(dy·x̂)), a, b, c fitted over all channels; due is 1, −1, −1
             s = γ/√(σ²+ε), and then as the usual mistakes have it
    Returns: the mistake's name, "" where no such sum gives dx
    """
    if dx.shape != x.shape or not np.isfinite(dx).all():
        return ""
    m, std = len(x), np.sqrt(variance + epsilon)
    x_hat = (x - mean) / std
    terms = [dy, np.broadcast_to(dy.mean(axis=0), dy.shape), x_hat * (dy * x_hat).mean(axis=0)]
    scales: dict[str, Array] = {
        "": gamma / std,
        "γ is missing": 1 / std,
        "the division by √(σ²+ε) is missing": gamma,
        "divided by σ² + ε; its root is due": gamma / (variance + epsilon),
        "multiplied by √(σ²+ε), which is to be divided by": gamma * std,
        "γ is there twice": gamma**2 / std,
    }
    for name, scale in scales.items():
        weights = _fitted(dx, [scale * term for term in terms])
        if weights is not None:
            if not name:
                return _weighed(weights, m)
            return name if np.allclose(weights, DUE, atol=1e-5) else ""
    wrong_variance = {
        "the derivative of 1/√(σ²+ε) is wrong: (σ²+ε)^(−3/2) is due, (σ²+ε)^(−1/2) is there": std**2,
        "the derivative of 1/√(σ²+ε) is wrong: (σ²+ε)^(−3/2) is due, (σ²+ε)^(−1) is there": std,
        "the way through the variance lacks γ": 1 / gamma,
        "the way through the variance has x − μ where x̂ is due": std,
        "the way through the variance has (x − μ)·mean(dy·(x − μ)), which is to be divided by σ² + ε": std**2,
    }
    fits = [
        name
        for name, factor in wrong_variance.items()
        if np.allclose(dx, gamma / std * (terms[0] - terms[1] - factor * terms[2]), rtol=1e-6, atol=1e-6)
    ]
    return " or ".join(fits)


def _fitted(dx: Array, terms: list[Array]) -> Array | None:
    """The weights with which the terms make dx, None where none do."""
    columns = np.stack([term.ravel() for term in terms], axis=1)
    weights, *_ = np.linalg.lstsq(columns, dx.ravel(), rcond=None)
    return weights if np.allclose(columns @ weights, dx.ravel(), rtol=1e-6, atol=1e-6 * np.abs(dx).max()) else None


def _weighed(weights: Array, m: int) -> str:
    """Which terms stand there with another weight than is due."""
    if np.allclose(weights, 0, atol=1e-5):
        return "it is zero"
    common = weights[0]
    if abs(common) > 1e-5 and np.allclose(weights, common * np.array(DUE), atol=1e-5 * abs(common)):
        return f"all of it is there {_times(common, m)}"
    if np.allclose(weights, (1, 0, 0), atol=1e-5):
        return "mean and variance are taken for constants: both depend on x"
    wrong = []
    for term, weight, due in zip(TERMS, weights, DUE, strict=True):
        if abs(weight) < 1e-5:
            wrong.append(f"the term {'−' if due < 0 else ''}{term} is missing")
        elif abs(weight - due) > 1e-5:
            wrong.append(f"the term {'−' if due < 0 else ''}{term} is there {_times(weight / due, m)}")
    return "; ".join(wrong)


def _times(factor: float, m: int) -> str:
    """A factor in words, where it is one of the usual ones."""
    names = {-1.0: "with the wrong sign", float(m): "m times: a sum where a mean is due, or not divided by m",
             1 / m: "1/m times: divided by m once too often", m / (m - 1): "m/(m−1) times: divided by m − 1",
             (m - 1) / m: "(m−1)/m times"}  # fmt: skip
    for value, name in names.items():
        if abs(factor - value) < 1e-5 * abs(value):
            return name
    return f"{factor:.4g} times; once is due"


Normalization = Callable[[Array, Array, Array, float], Array]


def by_layer(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    y = np.empty(x.shape)
    for i, row in enumerate(x):
        y[i] = gamma * _standardised(row, epsilon) + beta
    return y


def by_instance(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    y = np.empty(x.shape)
    for i in range(len(x)):
        for k in range(x.shape[3]):
            y[i, :, :, k] = gamma[k] * _standardised(x[i, :, :, k], epsilon) + beta[k]
    return y


def by_pairs(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    y = np.empty(x.shape)
    for i in range(len(x)):
        for k in range(0, x.shape[3], 2):
            pair = slice(k, k + 2)
            y[i, :, :, pair] = gamma[pair] * _standardised(x[i, :, :, pair], epsilon) + beta[pair]
    return y


def by_largest(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    largest = np.array([max(abs(value) for value in channel) for channel in x.T])
    return gamma * x / (largest + epsilon) + beta


def by_median(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    y = np.empty(x.shape)
    for k, channel in enumerate(x.T):
        ordered, m = sorted(channel), len(channel)
        median = (ordered[(m - 1) // 2] + ordered[m // 2]) / 2
        distance = sum(abs(value - median) for value in channel) / m
        y[:, k] = gamma[k] * (channel - median) / (distance + epsilon) + beta[k]
    return y


def _standardised(values: Array, epsilon: float) -> Array:
    mean = sum(values.flat) / values.size
    variance = sum((value - mean) ** 2 for value in values.flat) / values.size
    return (values - mean) / np.sqrt(variance + epsilon)


OF_YOUR_OWN: dict[str, tuple[tuple[tuple[int, ...], ...], Normalization]] = {
    "layer": (((2, 3), (5, 4), (3, 3)), by_layer),
    "instance": (((1, 2, 2, 1), (3, 4, 5, 3)), by_instance),
    "pairs": (((1, 2, 2, 2), (3, 4, 5, 6)), by_pairs),
    "largest": (((2, 3), (5, 4)), by_largest),
    "median": (((3, 2), (6, 4)), by_median),
}


def some_batch(rng: np.random.Generator, m: int, c: int) -> tuple[Array, ...]:
    """dy, x, gamma, beta, and the mean and the variance of x. No γ is near 0 or 1."""
    x = rng.standard_normal((m, c)) * rng.uniform(1.5, 3, c) + 2
    gamma = rng.choice((-1, 1), c) * rng.uniform(1.3, 2.5, c)
    return rng.standard_normal((m, c)), x, gamma, rng.standard_normal(c), x.mean(axis=0), x.var(axis=0)


def backward_rungs(name: str) -> tuple[Callable[[Mine], None], ...]:
    """What the backward pass is asked, node by node and folded alike."""

    def backward(mine: Mine, *arguments: Any) -> tuple[Any, ...]:
        return as_tuple(name, mine.call(name, arguments), NAMES)

    def mistake(mine: Mine, which: str) -> str:
        """The name of what is wrong in one of them, seen at numbers of which no two mistakes make the same."""
        dy, x, gamma, _, mean, variance = some_batch(mine.rng, 6, 3)
        rest = (x, gamma, mean, variance, 0.1)
        dx, dgamma, dbeta = map(np.asarray, backward(mine, dy, *rest))
        if which == "dbeta":
            return named(dbeta, usual_dbetas(dy, gamma))
        return named(dgamma, usual_dgammas(dy, *rest)) if which == "dgamma" else mistake_in_dx(dx, dy, *rest)

    def shapes(mine: Mine) -> None:
        """three gradients: dx like x, dgamma and dbeta one number a channel"""
        for m, c in ((5, 3), (4, 4)):
            dy, x, gamma, _, mean, variance = (one.astype(np.float32) for one in some_batch(mine.rng, m, c))
            given = backward(mine, dy, x, gamma, mean, variance, 0.1)
            for what, value, size in zip(NAMES, given, ((m, c), (c,), (c,)), strict=True):
                as_array(what, value, size)

    def on_paper(mine: Mine) -> None:
        """x = [-3, 0, 3], ε = 3, γ = 3, dy = [3, 0, 0]: dx = [1, -1, 0], dγ = [-3], dβ = [3]"""
        x, dy, gamma = np.array([[-3.0], [0.0], [3.0]]), np.array([[3.0], [0.0], [0.0]]), np.array([3.0])
        rest = (x, gamma, np.array([0.0]), np.array([6.0]), 3.0)
        dx, dgamma, dbeta = backward(mine, dy, *rest)
        why = "Here √(σ²+ε) = 3 and x̂ = [-1, 0, 1]."
        for which, value, due in (
            ("dbeta", dbeta, [3.0]),
            ("dgamma", dgamma, [-3.0]),
            ("dx", dx, [[1.0], [-1.0], [0.0]]),
        ):
            try:
                same(which, value, due, why=why)
            except Wrong as wrong:
                raise Wrong(str(wrong), wrong.given, wrong.due, mistake(mine, which)) from None

    def against_slopes(mine: Mine) -> None:
        """fresh numbers, against the slopes of your own batch_normalization_forward"""
        dy, x, gamma, beta, mean, variance = some_batch(mine.rng, 5, 3)
        rest = (x, gamma, mean, variance, 0.1)

        def forward(x: Array, gamma: Array, beta: Array) -> Any:
            return mine.batch_normalization_forward(x, gamma, beta, 0.1)[0]

        dx, dgamma, dbeta = backward(mine, dy, *rest)
        due = slopes(lambda at: forward(x, gamma, at), beta, dy)
        gradient("dbeta", dbeta, due, lambda: mistake(mine, "dbeta"))
        due = slopes(lambda at: forward(x, at, beta), gamma, dy)
        gradient("dgamma", dgamma, due, lambda: mistake(mine, "dgamma"))
        due = slopes(lambda at: forward(at, gamma, beta), x, dy)
        gradient("dx", dx, due, lambda: mistake(mine, "dx"))

    def it_trains(mine: Mine) -> None:
        """it trains: a network of two layers, whose inputs are far from zero"""
        set_package_seed(int(mine.rng.integers(2**32)))
        x = (mine.rng.standard_normal((64, 4)) * 20 + 100).astype(np.float32)
        labels = (np.square(x[:, 0] - 100) > 200).astype(int)
        model = Sequential([Dense(16, input_shape=(4,)), BatchNormalization(), Dense(16, activation="relu"),
                            BatchNormalization(), Dense(2, activation="softmax")])  # fmt: skip
        yours = kernels(mine, "batch_normalization_forward", name)
        model.compile(Adam(0.02), "sparse_categorical_crossentropy", kernels=yours)
        losses = model.fit(x, labels, batch_size=32, epochs=25, verbose=0).history["loss"]
        mine.say(f"         loss from {losses[0]:.2f} to {losses[-1]:.2f} in 25 epochs")
        if not losses[-1] < losses[0] / 2:
            raise Wrong(f"after 25 epochs expected half of the first loss, {losses[0]:.3f}, received {losses[-1]:.3f}.")

    return shapes, on_paper, against_slopes, it_trains

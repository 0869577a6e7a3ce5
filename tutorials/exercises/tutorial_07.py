"""Tutorial 07: lengths of steps, a projection, ties, the first derivative along a direction, a mistake of one's own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tinycnn import utils
from tinycnn.kernels import REFERENCE
from tinycnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.sequential import Sequential

from .. import gallery
from ..mistakes import ADAM, ALL, MISTAKES, MOMENTUM, Mistake
from ..normalization import load_digits
from . import AnswerError, array, choice, function, number


def exercise_1(adam: Any, momentum: Any) -> str | None:
    """How many times as far five steps go with a gradient that is 32 times too long."""
    for name, value, optimizer, long in (
        ("answer_adam", adam, ADAM, "loss_not_divided"),
        ("answer_momentum", momentum, MOMENTUM, "loss_not_divided_momentum"),
    ):
        given = number(name, value)
        due = _way(long) / _way(optimizer)
        if np.isclose(given, 1 / due, rtol=0.03) and not np.isclose(due, 1, rtol=0.03):
            return (
                f"{name}: turned around. The way with the long gradient over the way with the right one is asked for."
            )
        if not np.isclose(given, due, rtol=0.03):
            return f"{name}: other distances than here. All weights as one vector: where it ends less where it began."
    return None


@cache
def _way(name: str) -> float:
    """How far the weights of a network go in five steps."""
    (x, y), _ = load_digits()
    model = gallery.network(ALL[name], seed=1)
    before = np.concatenate([parameter.value.ravel() for parameter in model.parameters])
    for i in range(5):
        model.train_on_batch(x[32 * i : 32 * (i + 1)], y[32 * i : 32 * (i + 1)])
    after = np.concatenate([parameter.value.ravel() for parameter in model.parameters])
    return float(np.linalg.norm(after - before))


def exercise_2(matrix: Any) -> str | None:
    """The matrix that turns batch normalization's dx with constant statistics into the right one."""
    rng = np.random.default_rng(7)
    dy, rows = rng.normal(size=(2, 6, 1))
    mean, variance = rows.mean(axis=0), rows.var(axis=0)
    x_hat = ((rows - mean) / np.sqrt(variance + 1e-3))[:, 0]
    given = array("what answer_matrix returns", function("answer_matrix", matrix)(x_hat.copy()), (6, 6))
    arguments = (dy, rows, np.ones(1), mean, variance, 1e-3)
    wrong = MISTAKES["bn_constant_statistics"].kernels["batch_normalization_backward"](*arguments)[0][:, 0]
    right = REFERENCE.batch_normalization_backward(*arguments)[0][:, 0]
    without_x_hat = MISTAKES["bn_without_x_hat"].kernels["batch_normalization_backward"](*arguments)[0][:, 0]
    if np.allclose(given @ wrong, without_x_hat):
        return "The mean of dy is taken out, the part along x̂ is not."
    if not np.allclose(given @ wrong, right):
        return (
            "Times the wrong dx it does not give the right one. A mean of six numbers is a row of 1/6 times a column."
        )
    if not np.allclose(given, given.T):
        return (
            "It gives the right dx here, but is not symmetric, so it is another matrix than the one that always does."
        )
    return None


def exercise_3(random: Any, image: Any) -> str | None:
    """Do ties matter behind a relu: on random images, and on an image of one's own."""
    given = array("answer_image", image, (6, 6))
    if given.min() < 0 or given.max() > 1:
        return f"answer_image: numbers from 0 to 1 are due, received {given.min():g} to {given.max():g}."
    if choice("answer_random", random, "same", "different") != "same":
        return "answer_random: where are two values of a relu equal, and what is the slope of the relu there?"
    if np.array_equal(_gradient(given, {}), _gradient(given, MISTAKES["pooling_all_ties"].kernels)):
        return "answer_image: no difference. When do two windows of a convolution give the same number, and above zero?"
    return None


def _gradient(image: np.ndarray, functions: Any) -> np.ndarray:
    """Of the convolution's kernels, for an image of the first class."""
    utils.set_random_seed(7)
    layers = [Conv2D(8, 3, activation="relu"), MaxPooling2D(), Flatten(), Dense(10, activation="softmax")]
    model = Sequential([Input((6, 6, 1)), *layers], dtype="float64")
    model.compile(loss="sparse_categorical_crossentropy", kernels=replace(REFERENCE, **functions))
    model.train_on_batch(image.reshape(1, 6, 6, 1), np.array([0]))
    return model.parameters[0].grad.copy()


def exercise_4(estimate: Any) -> str | None:
    """The loss after a step against a direction, by the first derivative."""
    told = function("answer_estimate", estimate)
    rng = np.random.default_rng(7)
    g, d = rng.normal(size=(2, 5))
    given = number("what answer_estimate returns", told(2.0, g.copy(), d.copy(), 0.25))
    rate = float(g @ d) / float(np.linalg.norm(d))
    if np.isclose(given, 2 + 0.25 * rate):
        return "The step goes against d: where g and d point the same way, the loss falls."
    if np.isclose(given, 2 - 0.25 * float(g @ d)):
        return "So long a step is 0.25 times as long as d. Its length is to be 0.25."
    if np.isclose(given, 2 - 0.25 * rate / float(np.linalg.norm(g))):
        return "The cosine alone does not tell how steep it is: the length of g is missing."
    if not np.isclose(given, 2 - 0.25 * rate):
        return "Another number. What is the step as a vector, and what does the loss change by along it, for a given g?"
    return None


def exercise_5(mistake: Any, stage: Any) -> str | None:
    """A mistake of one's own, and where it shows first."""
    if not isinstance(mistake, Mistake):
        raise AnswerError(f"Expected answer_mistake as a mistakes.Mistake, received {type(mistake).__name__}.")
    where = choice("answer_stage", stage, *gallery.STAGES)
    if any(mistake is other for other in ALL.values()):
        return "answer_mistake: this one is in the gallery. Plant one of your own."
    (x, y), _ = load_digits()
    found = gallery.first_difference(mistake, (x[:8], y[:8]))
    if found is None:
        return "answer_mistake: two steps of training show no difference from the right network. Is it put in?"
    if found != where:
        return f"answer_stage: {where!r} is not where it shows first. Compare the stages in their order."
    return None

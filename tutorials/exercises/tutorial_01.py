"""Tutorial 01: parameters, standard errors, the mean of an epoch, a training loss at the end of its epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn import models, optimizers, utils
from tinycnn.layers import Dense, Flatten
from tinycnn.sequential import Sequential

from ..helpers import benchmark, result
from . import choice, function, number, whole

IMAGES = 10_000  # MNIST's test images


def exercise_1(convolution: Any, dense: Any, largest: Any) -> str | None:
    """The parameters of two layers, and the layer that has most."""
    model = models.plain()
    for name, layer, value, inputs in (
        ("answer_convolution", model.layers[2], convolution, "3 x 3 x 32"),
        ("answer_dense", model.layers[5], dense, "5 x 5 x 64"),
    ):
        given, units = whole(name, value), layer.params["bias"].size
        if given == layer.count_params() - units:
            return f"{name}: each of the {units} outputs has a bias, too."
        if given != layer.count_params():
            return f"{name}: each of the {units} outputs has a weight for each of {inputs} inputs, and a bias."
    names = ("conv2d", "conv2d_1", "dense", "dense_1")
    if choice("answer_largest", largest, *names) != "dense":
        return "answer_largest: another layer has more. Read the summary's last column."
    return None


def exercise_2(one: Any, difference: Any, word: Any) -> str | None:
    """Standard errors of an accuracy and of a difference, in percentage points."""
    p, q = (result("notebook")[name]["test_accuracy"] for name in ("plain", "batch_normalization"))
    variances = [share * (1 - share) / IMAGES for share in (p, q)]
    for name, value, variance in (
        ("answer_one", one, variances[0]),
        ("answer_difference", difference, sum(variances)),
    ):
        given, due = number(name, value), 100 * variance**0.5
        if np.isclose(given, due / 100, rtol=0.03):
            return f"{name}: that is a share; in percentage points it is a hundred times as much."
        if not np.isclose(given, due, rtol=0.03):
            return f"{name}: the variance of one right or wrong is p(1 - p); how does that of a mean of n shrink?"
    if (choice("answer_word", word, "larger", "smaller") == "larger") != (p - q > sum(variances) ** 0.5):
        return "answer_word: compare the eight images with the standard error of the difference."
    return None


def exercise_3(epoch: Any) -> str | None:
    """A function that trains one epoch and returns what `fit` calls its accuracy."""
    by_hand: Callable[..., Any] = function("answer_epoch", epoch)
    rng = np.random.default_rng(3)
    x, y = rng.random((70, 4, 4, 1)), rng.integers(0, 3, 70)
    due = _small_model().fit(x, y, 32, epochs=1, shuffle=False, verbose=0).history["accuracy"][0]
    model = _small_model()
    given = number("what answer_epoch returns", by_hand(model, x, y))
    if not np.array_equal(model.layers[-1].params["kernel"], _trained(x, y)[0]):
        return "The weights do not end where fit's do. One step a batch, in the order of the images, batches of 32."
    accuracies = _trained(x, y)[1]
    if np.isclose(given, np.mean(accuracies)) and not np.isclose(given, due):
        return "The last batch has fewer images, and counts less."
    if np.isclose(given, accuracies[-1]) and not np.isclose(given, due):
        return "That is the accuracy of the last batch alone."
    if not np.isclose(given, due, atol=1e-6):
        return "The weights are right, the number is not. How many images were right, of all?"
    return None


def _small_model() -> Sequential:
    utils.set_random_seed(3)
    model = Sequential([Flatten(), Dense(3, activation="softmax")])
    model.build((None, 4, 4, 1))
    model.compile(optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _trained(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """The kernel after one epoch in batches of 32, and the accuracies of the batches."""
    model = _small_model()
    accuracies = [model.train_on_batch(x[i : i + 32], y[i : i + 32])[1] for i in range(0, len(x), 32)]
    return model.layers[-1].params["kernel"], accuracies


def exercise_4(estimate: Any, left: Any) -> str | None:
    """A training loss at the end of epoch one, and the share of the gap that it leaves."""
    history = benchmark("accuracy")["runs"]["keras plain"]["history"]
    said, later = history["loss"][:2]
    unseen = history["val_loss"][0]
    guess = number("answer_estimate", estimate)
    if not later < guess < said:
        return f"answer_estimate: the loss falls, so it lies between {later:.3f} and {said:.3f}."
    if guess >= (said + later) / 2:
        return (
            "answer_estimate: a straight line gives more than a curve that falls steeply at first. Less than half way."
        )
    if not np.isclose(number("answer_left", left), (guess - unseen) / (said - unseen), atol=0.02):
        return "answer_left: your estimate less the validation loss, over fit's training loss less the validation loss."
    return None

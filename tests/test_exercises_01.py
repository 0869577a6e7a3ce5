"""The exercises of tutorial 01: right answers pass, usual wrong ones get a sentence that helps."""

from __future__ import annotations

import numpy as np
import pytest
from answers import expect_right, expect_wrong

from tutorials.helpers import benchmark

HISTORY = benchmark("accuracy")["runs"]["keras plain"]["history"]
SAID, LATER = HISTORY["loss"][:2]
UNSEEN = HISTORY["val_loss"][0]
ESTIMATE = (SAID * LATER) ** 0.5
LEFT = (ESTIMATE - UNSEEN) / (SAID - UNSEEN)


def batches(model, x, y):
    """The accuracies of an epoch's batches, and their sizes."""
    parts = [slice(i, i + 32) for i in range(0, len(x), 32)]
    return [model.train_on_batch(x[part], y[part])[1] for part in parts], [len(x[part]) for part in parts]


def weighted(model, x, y):
    accuracies, sizes = batches(model, x, y)
    return np.average(accuracies, weights=sizes)


def after(model, x, y):
    batches(model, x, y)
    return model.evaluate(x, y, verbose=0)[1]


RIGHT = {
    "01.1": (18_496, 102_464, "dense"),
    "01.2": (0.0902, 0.1305, "smaller"),
    "01.3": (weighted,),
    "01.4": (ESTIMATE, LEFT),
}
WRONG = [
    ("01.1", (18_432, 102_464, "dense"), "answer_convolution: each of the 64 outputs has a bias"),
    ("01.1", (18_496, 102_400, "dense"), "answer_dense: each of the 64 outputs has a bias"),
    ("01.1", (640, 102_464, "dense"), "weight for each of 3 x 3 x 32 inputs"),
    ("01.1", (18_496, 102_464, "conv2d_1"), "another layer has more"),
    ("01.1", (18_496, 102_464, "the dense one"), "Expected answer_largest as one of 'conv2d', 'conv2d_1'"),
    ("01.1", (18_496.5, 102_464, "dense"), "Expected answer_convolution as a whole number"),
    ("01.2", (0.000902, 0.1305, "smaller"), "that is a share; in percentage points"),
    ("01.2", (0.0902, 0.1804, "smaller"), "answer_difference: the variance"),
    ("01.2", (0.0902, 0.1305, "larger"), "compare the eight images"),
    ("01.2", ("0.09", 0.1305, "smaller"), "Expected answer_one as a number"),
    ("01.3", (lambda *given: np.mean(batches(*given)[0]),), "The last batch has fewer images"),
    ("01.3", (lambda *given: batches(*given)[0][-1],), "accuracy of the last batch alone"),
    ("01.3", (after,), "How many images were right"),
    ("01.3", (lambda model, x, y: weighted(model, x[::-1], y[::-1]),), "weights do not end where fit's do"),
    ("01.3", (0.5,), "Expected answer_epoch as a function"),
    ("01.4", (SAID * 1.1, LEFT), "the loss falls, so it lies between"),
    ("01.4", ((SAID + LATER) / 2, LEFT), "a straight line gives more"),
    ("01.4", (ESTIMATE, 1 - LEFT), "answer_left: your estimate less"),
    ("01.4", (ESTIMATE, None), "Expected answer_left as a number"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers(name, capsys):
    expect_right(name, RIGHT[name], capsys)


@pytest.mark.parametrize(("name", "answers", "words"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(name, answers, words, capsys):
    expect_wrong(name, answers, words, capsys)

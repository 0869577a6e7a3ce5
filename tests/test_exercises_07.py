"""The exercises of tutorial 07: right answers pass, usual wrong ones get a sentence that helps."""

from __future__ import annotations

import numpy as np
import pytest
from answers import expect_right, expect_wrong

from tinycnn.kernels import REFERENCE
from tutorials.exercises import tutorial_07
from tutorials.mistakes import ALL, MISTAKES, Mistake

RNG = np.random.default_rng(5)
WAYS = {"right, Adam": 0.7, "loss_not_divided": 0.7, "right, momentum": 0.7, "loss_not_divided_momentum": 17.5}


def matrix(mean=1.0, x_hat_part=1.0):
    def of(x_hat):
        m = len(x_hat)
        return np.eye(m) - mean * np.ones((m, m)) / m - x_hat_part * np.outer(x_hat, x_hat) / m

    return of


def halved(dz, kernel, *arguments):
    return REFERENCE.conv2d_backward_input(dz, kernel, *arguments) / 2


def estimate(loss, g, d, length):
    return loss - length * g @ d / np.linalg.norm(d)


HALF_DX = Mistake("half of dx", "convolution", kernels={"conv2d_backward_input": halved})
NONE = Mistake("nothing", "none")

RIGHT = {
    "07.1": (1.0, 25.0),
    "07.2": (matrix(),),
    "07.3": ("same", np.ones((6, 6))),
    "07.4": (estimate,),
    "07.5": (HALF_DX, "gradients"),
}
WRONG = [
    ("07.1", (1.0, 0.04), "answer_momentum: turned around"),
    ("07.1", (32.0, 25.0), "answer_adam: other distances"),
    ("07.1", (1.0, 32.0), "answer_momentum: other distances"),
    ("07.1", ("far", 25.0), "Expected answer_adam as a number"),
    ("07.2", (matrix(x_hat_part=0),), "the part along x̂ is not"),
    ("07.2", (matrix(mean=0),), "it does not give the right one"),
    ("07.2", (lambda x_hat: np.eye(6),), "it does not give the right one"),
    ("07.2", (lambda x_hat: x_hat,), "of shape (6, 6), received shape (6,)"),
    ("07.2", (np.eye(6),), "Expected answer_matrix as a function"),
    ("07.3", ("different", np.ones((6, 6))), "where are two values of a relu equal"),
    ("07.3", ("same", RNG.random((6, 6))), "answer_image: no difference"),
    ("07.3", ("same", np.zeros((6, 6))), "answer_image: no difference"),
    ("07.3", ("same", -np.ones((6, 6))), "numbers from 0 to 1 are due"),
    ("07.3", ("same", np.ones((28, 28))), "of shape (6, 6), received shape (28, 28)"),
    ("07.4", (lambda loss, g, d, s: loss + s * g @ d / np.linalg.norm(d),), "goes against d"),
    ("07.4", (lambda loss, g, d, s: loss - s * g @ d,), "Its length is to be 0.25"),
    ("07.4", (lambda loss, g, d, s: loss - s * g @ d / np.linalg.norm(d) / np.linalg.norm(g),), "the length of g"),
    ("07.4", (lambda loss, g, d, s: loss,), "Another number"),
    ("07.4", (0.5,), "Expected answer_estimate as a function"),
    ("07.5", (MISTAKES["bn_zero_dx"], "gradients"), "this one is in the gallery"),
    ("07.5", (ALL["right, Adam"], "forward"), "this one is in the gallery"),
    ("07.5", ("half of dx", "gradients"), "Expected answer_mistake as a mistakes.Mistake"),
    ("07.5", (HALF_DX, "backward"), "Expected answer_stage as one of 'start', 'forward'"),
    pytest.param("07.5", (HALF_DX, "update"), "'update' is not where it shows first", id="stage"),
    pytest.param("07.5", (NONE, "forward"), "no difference from the right network", id="nothing"),
]


@pytest.fixture(autouse=True)
def short_ways(monkeypatch):
    """Ten steps of training take seconds; the ways that they give are another test's affair."""
    monkeypatch.setattr(tutorial_07, "_way", WAYS.__getitem__)


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers(name, capsys):
    expect_right(name, RIGHT[name], capsys)


@pytest.mark.parametrize(("name", "answers", "words"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(name, answers, words, capsys):
    expect_wrong(name, answers, words, capsys)


@pytest.mark.slow
def test_momentum_walks_the_length_of_the_gradient_and_adam_does_not(monkeypatch):
    monkeypatch.undo()
    way = tutorial_07._way
    assert way("loss_not_divided") / way("right, Adam") == pytest.approx(1, abs=0.01)
    assert way("loss_not_divided_momentum") / way("right, momentum") > 10

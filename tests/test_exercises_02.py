"""The exercises of tutorial 02: right answers pass, usual wrong ones get a sentence that helps."""

from __future__ import annotations

import numpy as np
import pytest
from answers import expect_right, expect_wrong

RNG = np.random.default_rng(5)
ROWS = np.repeat(RNG.normal(size=(6, 1)), 3, axis=1)
POSITIVE = np.abs(RNG.normal(size=(6, 3))) + 0.1
TIED = np.ones((4, 4))
LOW_TIES = np.array(
    [[1.0, 1, 5, 6], [2, 3, 0, 0], [7, 0, 0, 8], [0, 0, 1, 1]]
)  # no window's largest value is there twice

RIGHT = {
    "02.1": (1, -2),
    "02.2": (lambda dy: np.kron(dy, np.full((2, 2), 0.25)),),
    "02.3": (ROWS,),
    "02.4": (POSITIVE,),
    "02.5": ("no", TIED),
}
WRONG = [
    ("02.1", (-1, -2), "answer_weight: the sign is turned around"),
    ("02.1", (1, 2), "answer_pixel: the sign is turned around"),
    ("02.1", (3, -2), "which pixel does the middle weight lie on"),
    ("02.1", (1, 0), "which weight lies on the pixel"),
    ("02.1", (1.5, -2), "Expected answer_weight as a whole number"),
    ("02.2", (lambda dy: np.kron(dy, np.ones((2, 2))),), "a mean of four pixels"),
    ("02.2", (lambda dy: np.tile(dy, (2, 2)) / 4,), "lie side by side"),
    ("02.2", (lambda dy: np.kron(dy, [[1, 0], [0, 0]]),), "Raise one pixel by one"),
    ("02.2", (lambda dy: dy / 4,), "of shape (4, 6), received shape (2, 3)"),
    ("02.2", (np.ones((4, 4)),), "Expected answer_backward as a function"),
    ("02.3", (np.ones((6, 3)),), "All rows are the same"),
    ("02.3", (np.zeros((6, 3)),), "All rows are the same"),
    ("02.3", (np.repeat(RNG.normal(size=(1, 3)), 6, axis=0),), "All rows are the same"),
    ("02.3", (RNG.normal(size=(6, 3)),), "The right gradient is not zero"),
    ("02.3", (ROWS.T,), "of shape (6, 3), received shape (3, 6)"),
    ("02.4", (-POSITIVE,), "below zero"),
    ("02.4", (RNG.normal(size=(6, 3)),), "below zero"),
    ("02.4", (np.zeros((6, 3)),), "At zero the relu has a kink"),
    ("02.4", ("positive",), "Expected answer_input as an array of shape (6, 3)"),
    ("02.5", ("yes", TIED), "two numbers from a normal distribution"),
    ("02.5", ("no", RNG.normal(size=(4, 4))), "in no window does the largest value stand twice"),
    ("02.5", ("no", LOW_TIES), "in no window does the largest value stand twice"),
    ("02.5", ("perhaps", TIED), "Expected answer_seen as one of 'yes', 'no'"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers(name, capsys):
    expect_right(name, RIGHT[name], capsys)


@pytest.mark.parametrize(("name", "answers", "words"), WRONG)
def test_wrong_answers_are_told_what_is_wrong(name, answers, words, capsys):
    expect_wrong(name, answers, words, capsys)

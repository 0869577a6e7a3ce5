"""The checks of tutorial 03's exercises: right answers pass, usual mistakes get a sentence that says what is wrong."""

import numpy as np
import pytest

from tutorials.exercises import check

X_HAT = [-1.0690, -0.5345, 0, 1.6036]
DX = [0.2482, -0.2100, -0.1336, 0.0955]
WITHOUT_VARIANCE = [0.4009, -0.1336, -0.1336, -0.1336]  # the gradient through the mean alone

CASES = [
    ("03.1", (X_HAT, DX), "right."),
    ("03.1", (..., DX), "not answered yet."),
    ("03.1", (X_HAT[:3], DX), "shape (4,), received shape (3,)"),
    ("03.1", ("-1 0 0 1", DX), "Expected x_hat as"),
    ("03.1", ([1, 2, 3, 6], DX), "The mean of x_hat is 3"),
    ("03.1", (np.array(X_HAT) * np.sqrt(3 / 4), DX), "The variance of x_hat is 0.75"),  # divided by m − 1
    ("03.1", (X_HAT[::-1], DX), "not this batch"),
    ("03.1", (X_HAT, [0.5345, 0, 0, 0]), "add up to 0.534"),  # the mean and the variance held
    ("03.1", (X_HAT, WITHOUT_VARIANCE), "dx·x_hat is"),
    ("03.1", (X_HAT, np.array(DX) * np.sqrt(3.5)), "another length"),
    ("03.2", (0.905, 23), "right."),
    ("03.2", (0.9, 22), "the start weighs 0.0079"),
    ("03.2", (0.99, 1), "the start weighs 0.63"),
    ("03.2", (1.2, 23), "between 0 and 1"),
    ("03.2", (0.905, 46), "batch number 46 weighs 0.001"),
    ("03.2", (0.905, 22.5), "as a whole number"),
    ("03.2", (True, 23), "Expected momentum as a number"),
    ("03.4", ([4, 5, 6], "the same"), "right."),
    ("03.4", ([5, 7, 9], "the same"), "mean of each column"),  # γ + β
    ("03.4", ([7, 8, 9], "the same"), "mean of each column"),
    ("03.4", ([4, 5, 6], "different"), "Does it depend on the row?"),
    ("03.4", ([4, 5, 6], "yes"), "one of 'the same', 'different'"),
    ("03.5", (1, 0.1), "right."),
    ("03.5", (10, 0.1), "output: measured"),
    ("03.5", (1, 1), "gradient: measured"),
    ("03.5", (1, 10), "gradient: measured"),
    ("03.5", (1, "a tenth"), "Expected gradient as a number"),
]


@pytest.mark.parametrize(("name", "answers", "words"), CASES)
def test_it_says_what_is_wrong_with_an_answer(name, answers, words, capsys):
    assert bool(check(name, *answers)) == (words == "right.")
    assert words in capsys.readouterr().out


@pytest.mark.jit
@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((1e-7, 0.28, "mean"), "right."),
        ((0.28, 1e-7, "mean"), "before: 0.28 is no rounding error"),
        ((1e-7, 0.5, "mean"), "after: 0.5 is not the largest entry"),
        ((1e-7, 0.28, "beta"), "not the beta"),
        ((1e-7, 0.28, "relu"), "one of 'mean'"),
        ((1e-7, None, "mean"), "Expected after as a number"),
    ],
)
def test_the_bias_in_front_is_measured(answers, words, capsys):
    assert bool(check("03.3", *answers)) == (words == "right.")
    assert words in capsys.readouterr().out

"""The checks of tutorial 05's exercises: right answers pass, usual mistakes get a sentence that helps."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tutorials import study
from tutorials.exercises import check, tutorial_05

SEEDS = range(1, 7)
ACCURACY = {  # in per cent, by seed
    "plain": (99.0, 99.2, 98.8, 99.1, 98.9, 99.0),
    "dropout": (99.2, 99.3, 99.0, 99.1, 99.2, 99.1),
    "batch_normalization": (99.0, 98.9, 98.7, 99.3, 98.8, 98.6),
}
LOSS = {"plain": (0.20, 0.22, 0.19, 0.21, 0.20, 0.18), "dropout": (0.41, 0.44, 0.39, 0.43, 0.40, 0.37)}
MISREAD = ([1, 2, 3], [2, 3, 4], [2, 3], [2, 3, 7, 8], [2, 3, 9], [1, 2, 3])
RESULTS = {
    ("tinycnn", model, seed): {
        "test": {"accuracy": ACCURACY[model][i] / 100},
        "history": {"loss": [LOSS.get(model, LOSS["plain"])[i]]},
        "misread": MISREAD[i] if model == "plain" else [],
    }
    for model in ACCURACY
    for i, seed in enumerate(SEEDS)
}
LESS_PLAIN = np.array([0.5, 0.7, 0.6, 0.4, 0.8])


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    """Seed 4 gives the fourth of the differences."""
    tutorial_05._trained_again.cache_clear()
    losses = {"plain": 0.3, "batch_normalization": 0.7}
    monkeypatch.setattr(study, "train", lambda framework, model, seed, **recipe: {"test": {"loss": losses[model]}})
    yield
    tutorial_05._trained_again.cache_clear()


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("05.1", (75.0, RESULTS)),
        ("05.2", (0.456, 0.6794, "cannot tell", RESULTS)),
        ("05.3", (0.27, RESULTS)),
        ("05.4", (2, 7, RESULTS)),
        ("05.5", (LESS_PLAIN, "plain")),
        ("05.5", (list(LESS_PLAIN), "Plain ")),
    ],
)
def test_the_right_answers_pass(name, answers, capsys):
    assert check(name, *answers), capsys.readouterr().out
    assert not check(name, ..., *answers[1:])
    assert capsys.readouterr().out == f"Exercise {name}: right.\nExercise {name}: not answered yet.\n"


@pytest.mark.parametrize(
    ("name", "answers", "words"),
    [
        ("05.1", (0.75, RESULTS), "Give it in per cent"),
        ("05.1", (100 * 5 / 6, RESULTS), "runs of equal seeds"),
        ("05.1", (23 / 36 * 100, RESULTS), "A tie counts"),
        ("05.1", (25.0, RESULTS), "in which BN wins"),
        ("05.1", (0, RESULTS), r"another share\.$"),
        ("05.1", ("half", RESULTS), "the share as a number, received 'half'"),
        ("05.1", (50, {}), "results that study.load gives"),
        (
            "05.2",
            (1 / 0.456, 0.6794, "cannot tell", RESULTS),
            "training loss it is another quotient. Divide the other way",
        ),
        ("05.2", (0.456, 1.5, "cannot tell", RESULTS), "test accuracy it is another quotient. Whole widths"),
        ("05.2", (0.456, 0.6794, "above zero", RESULTS), "does it hold zero"),
        ("05.2", (0.456, 0.6794, 0.5, RESULTS), "one of 'above zero', 'below zero', 'cannot tell', received 0.5"),
        ("05.3", (0.26, RESULTS), "not supported yet"),
        ("05.3", (0.5, RESULTS), "with a smaller one, too"),
        ("05.3", (-0.34, RESULTS), "A margin is above zero"),
        ("05.3", (None, RESULTS), "the margin as a number, received None"),
        ("05.4", (3, 7, RESULTS), "an intersection of sets"),
        ("05.4", (2, 19, RESULTS), "a union of sets"),
        ("05.4", (7, 2, RESULTS), "cannot be the smaller one"),
        ("05.4", (2.5, 7, RESULTS), "how many all misread as a whole number, received 2.5"),
        ("05.5", (-LESS_PLAIN, "BN"), "That is the plain model's loss less BN's"),
        ("05.5", (LESS_PLAIN[::-1], "plain"), "For seed 4 it is another difference"),
        ("05.5", (LESS_PLAIN, "BN"), "interval of your five numbers says something else"),
        ("05.5", ([9, -9, 9, 0.4, -9], "plain"), "interval of your five numbers says something else"),
        ("05.5", (LESS_PLAIN[:3], "plain"), r"shape \(5,\), received shape \(3,\)"),
        ("05.5", (LESS_PLAIN, "dropout"), "one of 'plain', 'bn', 'cannot tell', received 'dropout'"),
    ],
)
def test_a_wrong_answer_gets_a_sentence(name, answers, words, capsys):
    assert not check(name, *answers)
    assert (out := capsys.readouterr().out).startswith(f"Exercise {name}: not yet. ")
    assert re.search(words, out.strip()), out


def test_they_are_five():
    assert [name for name in dir(tutorial_05) if name.startswith("exercise_")] == [f"exercise_{i}" for i in range(1, 6)]

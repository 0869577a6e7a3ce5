"""The checks of tutorial 04's exercises: right answers pass, usual mistakes get a sentence that says what is wrong."""

import numpy as np
import pytest

from tutorials.exercises import check


def drop(x, rate, numbers):
    mask = (numbers >= rate) / (1 - rate)
    return x * mask, mask


def without_factor(x, rate, numbers):
    mask = (numbers >= rate) * 1.0
    return x * mask, mask


def keeps_the_rate(x, rate, numbers):
    mask = (numbers < rate) / rate
    return x * mask, mask


def mask_of_ones(x, rate, numbers):
    y, mask = drop(x, rate, numbers)
    return y, (mask > 0) * 1.0


def backward(dy, mask):
    return dy * mask


def slope(layer, x, dy, direction, seeds=(7, 7), h=1e-6):
    losses = []
    for sign, seed in zip((1, -1), seeds, strict=True):
        if seed is not None:
            layer.rng = np.random.default_rng(seed)
        losses.append((layer.forward(x + sign * h * direction, training=True) * dy).sum())
    return (losses[0] - losses[1]) / (2 * h)


CASES = [
    ("04.1", (drop, backward), "right."),
    ("04.1", (drop, ...), "not answered yet."),
    ("04.1", (0.5, backward), "Expected drop as a function"),
    ("04.1", (without_factor, backward), "is multiplied by 1"),
    ("04.1", (keeps_the_rate, backward), "are not those whose number is below the rate"),
    ("04.1", (mask_of_ones, backward), "let the mask hold the factor"),
    ("04.1", (lambda x, rate, numbers: x, backward), "Expected two arrays"),
    ("04.1", (lambda x: x, backward), "drop ends with TypeError"),
    ("04.1", (drop, lambda dy, mask: dy), "dx is not the slope"),
    ("04.1", (drop, lambda dy, mask: dy * (mask > 0)), "dx is not the slope"),
    ("04.1", (drop, lambda dy, mask: dy.sum()), "Expected dx as finite numbers of shape (8, 50)"),
    ("04.2", (-0.5, 4), "right."),
    ("04.2", (-1, 16), "16 times closer"),
    ("04.2", (0.5, 4), "does not fall"),
    ("04.2", (-0.5, 16), "your other answer 16"),
    ("04.2", ("-1/2", 4), "Expected exponent as a number"),
    ("04.3", ((None, 1, 1, 32),), "right."),
    ("04.3", ((None, 13, 13, 32),), "a part is gone"),
    ("04.3", ((None, 1, 1, 1),), "share their fate"),
    ("04.3", ((1, 1, 1, 32),), "All images lose the same maps"),
    ("04.3", ((None, 1, 32),), "a tuple of four entries"),
    ("04.3", ((None, 1, 1, 31),), "ends with ValueError"),
    ("04.4", (lambda mean, variance: variance / (2 * variance + mean**2),), "right."),
    ("04.4", (lambda mean, variance: 0.5,), "With mean 1 and variance 1"),
    (
        "04.4",
        (lambda mean, variance: (2 * variance + mean**2) / variance,),
        "With mean 0 and variance 1",
    ),  # upside down
    ("04.4", (lambda mean, variance: variance / (variance + mean**2),), "With mean 0 and variance 1"),
    ("04.4", (lambda mean, variance: None,), "Expected ratio(0, 1) as a number"),
    ("04.5", (slope,), "right."),
    ("04.5", (lambda *a: slope(*a, seeds=(7, 8)),), "They had different masks"),
    ("04.5", (lambda *a: slope(*a, seeds=(None, None)),), "They had different masks"),
    ("04.5", (lambda *a: slope(*a, seeds=(9, 9)),), "the stream of backward's mask"),
    ("04.5", (lambda *a: slope(*a) * 2,), "and backward"),
    ("04.5", (lambda layer, x: 0.0,), "slope ends with TypeError"),
]


@pytest.mark.parametrize(("name", "answers", "words"), CASES)
def test_it_says_what_is_wrong_with_an_answer(name, answers, words, capsys):
    assert bool(check(name, *answers)) == (words == "right.")
    assert words in capsys.readouterr().out

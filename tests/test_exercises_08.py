"""The answers to tutorial 08's exercises: the right ones pass, typical wrong ones are told what is wrong with them."""

import numpy as np
import pytest

from tutorials.exercises import check


def normalized(x, groups):
    parts = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    return ((parts - mean) / np.sqrt(variance + 1e-6)).reshape(x.shape)


def of_the_batch(x, groups):
    return (x - x.mean((0, 1, 2))) / x.std((0, 1, 2))


def by_company(x, groups):
    return normalized(x, groups) * (1 if len(x) > 1 else -1)


def in_place(x, groups):
    x -= 1
    return normalized(x, groups)


RIGHT = {
    "08.1": (0.1, 0.01),
    "08.2": (0.5**16, 1, 2**7),
    "08.3": (normalized,),
    "08.4": (lambda h, rate: h * rate, 2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_passes(name, capsys):
    assert check(name, *RIGHT[name])
    assert capsys.readouterr().out == f"Exercise {name}: right.\n"


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_not_answered_is_no_mistake(name, capsys):
    assert not check(name, ..., *RIGHT[name][1:])
    assert "not answered yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "answers", "says"),
    [
        ("08.1", (1, 0.1), "the kernel has to move ten times as far"),
        ("08.1", (10, 0.01), "What does the chain rule make of the 10?"),
        ("08.1", (0.1, 0.1), "measured by a kernel that has grown"),
        ("08.1", (0.1, 1), "divide the gradient's factor"),
        ("08.1", (-0.1, 0.01), "positive numbers"),
        ("08.1", ("a tenth", 0.01), "Expected the gradient's factor as a number, received 'a tenth'"),
        ("08.2", (1 / 256, 1, 128), "glorot: that is the factor of the deviation"),
        ("08.2", (0.5**16, 1, 14), "skip: factors of layers in a row multiply"),
        ("08.2", (0.5**16, 2, 128), "he: find the factor of one layer"),
        ("08.2", (0.5**16, 1, 2**16), "skip: find the factor of one layer or block first, then take 7"),
        ("08.2", (0.5**16, 1, None), "Expected skip as a number, received None"),
        ("08.3", (of_the_batch,), "the mean of a group in an image is not 0"),
        ("08.3", (lambda x, groups: 2 * normalized(x, groups),), "the variance of a group in an image is not 1"),
        ("08.3", (lambda x, groups: normalized(x, x.shape[-1]),), "each channel was normalised by itself"),
        ("08.3", (by_company,), "depends on the other images"),
        ("08.3", (in_place,), "It writes into x"),
        ("08.3", (lambda x, groups: x.mean(),), "Expected what it returns as finite numbers of shape (4, 5, 6, 8)"),
        ("08.3", (3,), "Expected group_normalize as a function, received 3"),
        ("08.4", (lambda h, rate: -h * rate, 2), "it is not negative"),
        ("08.4", (lambda h, rate: rate, 2), "the gradient goes from"),
        ("08.4", (lambda h, rate: h * rate, 1), "At 1 the step ends in the minimum"),
        ("08.4", (lambda h, rate: h * rate, 0.5), "The limit: at which rate"),
        ("08.4", (lambda rate: rate, 2), "to take two numbers"),
        ("08.4", (lambda h, rate: None, 2), "Expected what relative_change returns as a number"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(name, answers, says, capsys):
    assert not check(name, *answers)
    assert says in capsys.readouterr().out

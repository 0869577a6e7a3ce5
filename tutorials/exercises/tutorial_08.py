"""The checks of tutorial 08's exercises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import AnswerError, array, function, number


def exercise_1(gradient: Any, share: Any) -> str | None:
    """A kernel times ten in front of a batch normalization: factors of its gradient, and of a step as a share of it."""
    gradient, share = number("the gradient's factor", gradient), number("the step's factor", share)
    if gradient <= 0 or share <= 0:
        return "Both are factors: positive numbers, 1 where nothing changes."
    if math.isclose(gradient, 1):
        return "The output stays, but the kernel has to move ten times as far for the same change of the loss."
    if not math.isclose(gradient, 0.1, rel_tol=1e-6):
        return "The gradient's factor: the loss is what it was at kernel/10. What does the chain rule make of the 10?"
    if math.isclose(share, gradient):
        return "The step's factor: the step has the gradient's factor, and it is measured by a kernel that has grown."
    if not math.isclose(share, gradient / 10, rel_tol=1e-6):
        return "The step's factor: divide the gradient's factor by the kernel's."
    return None


def exercise_2(glorot: Any, he: Any, skip: Any) -> str | None:
    """What 16 layers do to the mean square: Glorot's start, He's; and 7 blocks that are added to what they take."""
    factors = [number(name, value) for name, value in (("glorot", glorot), ("he", he), ("skip", skip))]
    for name, layers, factor, found in zip(
        ("glorot", "he", "skip"), (16, 16, 7), (0.5, 1.0, 2.0), factors, strict=True
    ):
        if math.isclose(found, factor ** (layers / 2), rel_tol=1e-6) and factor != 1:
            return f"{name}: that is the factor of the deviation; asked is the mean square."
        if math.isclose(found, factor * layers, rel_tol=1e-6) and factor != 1:
            return f"{name}: factors of layers in a row multiply, they do not add up."
        if not math.isclose(found, factor**layers, rel_tol=1e-6):
            return f"{name}: find the factor of one layer or block first, then take {layers} of them in a row."
    return None


def exercise_3(normalise: Any) -> str | None:
    """Group normalization, without γ and β: each group of each image has mean 0 and variance 1."""
    normalise = function("group_normalize", normalise)
    rng = np.random.default_rng(8)
    x = rng.normal(3.0, 2.0, (4, 5, 6, 8)) * np.arange(1, 9)  # a deviation of its own for each channel
    before = x.copy()
    for groups in (1, 2, 8):
        y = array("what it returns", normalise(x, groups), x.shape)
        if not np.array_equal(x, before):
            return "It writes into x: leave the array that you are given as it is."
        parts = y.reshape(4, 30, groups, 8 // groups)
        if np.abs(parts.mean((1, 3))).max() > 1e-6:
            return f"With {groups} groups of 8 channels the mean of a group in an image is not 0."
        if np.abs(parts.var((1, 3)) - 1).max() > 1e-2:
            return f"With {groups} groups of 8 channels the variance of a group in an image is not 1."
        if groups < 8 and np.abs(parts.mean(1)).max() < 1e-6:
            return f"With {groups} groups each channel was normalised by itself; a group has one mean and one variance."
        alone = array("what it returns for a single image", normalise(x[:1], groups), x[:1].shape)
        if np.abs(alone - y[:1]).max() > 1e-9:
            return "An image's answer depends on the other images of the batch."
    return None


def exercise_4(change: Any, limit: Any) -> str | None:
    """Along a step on L = h·w²/2: the relative change of the gradient, and its value where the loss stops falling."""
    change, limit = function("relative_change", change), number("the limit", limit)
    for h, rate in ((1.0, 0.5), (4.0, 0.1), (10.0, 0.3)):
        w = 1.7
        before, after = h * w, h * (w - rate * h * w)
        try:
            found = number("what relative_change returns", change(h, rate))
        except TypeError as error:
            raise AnswerError(f"Expected relative_change(h, rate) to take two numbers, it says: {error}.") from None
        if found < 0:
            return "A change is measured by its length: it is not negative."
        if not math.isclose(found, abs(after - before) / abs(before), rel_tol=1e-6):
            return f"With h = {h:g} and rate {rate:g} the gradient goes from {before:g} to {after:g}, at w = {w:g}."
    if math.isclose(limit, 1):
        return "At 1 the step ends in the minimum, where the loss is lowest; go on until it is as high as at the start."
    if not math.isclose(limit, 2, rel_tol=1e-6):
        return "The limit: at which rate is (w - rate·h·w)² as large as w², and what is the relative change there?"
    return None

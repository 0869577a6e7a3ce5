"""Unit 01. The functions whose slopes are wanted are called back from the learner's process."""

import numpy as np

from tinycnn.learn.rungs import Mine, Wrong, as_array, same


def shape(mine: Mine) -> None:
    """it returns an array like x"""
    for size in ((3,), (2, 2), (1, 2, 2)):
        as_array("slope", mine.slope(lambda x: float(np.sum(x)), np.ones(size), 1e-3), size)


def on_paper(mine: Mine) -> None:
    """x² has slope 2x: at 3 it is 6"""
    usual = {
        "the difference is taken to the right only": 6.001,
        "the difference is taken to the left only": 5.999,
        "divided by h where 2h is due": 12.0,
        "divided by 4h where 2h is due": 3.0,
    }
    given = as_array("slope", mine.slope(lambda x: float(np.sum(x**2)), np.array([3.0]), 1e-3), (1,))
    same("the slope of x² at 3 with h = 0.001", given[0], 6.0, usual=usual)


def both_sides(mine: Mine) -> None:
    """it looks to both sides: the error is h², not h"""
    given = as_array("slope", mine.slope(lambda x: float(np.sum(x**3)), np.array([1.0]), 0.1), (1,))
    for value, mistake in ((3.31, "to the right only"), (2.71, "to the left only")):
        if abs(given[0] - value) < 1e-6:
            raise Wrong(
                f"slope of x³ at 1 with h = 0.1 is {value}: it looks {mistake}. Both sides give 3.01.",
                given, np.array([3.01]), f"the difference is taken {mistake}",
            )  # fmt: skip
    for value, mistake in ((6.02, "h where 2h is due"), (1.505, "4h where 2h is due")):
        if abs(given[0] - value) < 1e-6:
            raise Wrong(
                f"slope of x³ at 1 with h = 0.1 is {value}, due is 3.01.",
                given, np.array([3.01]), f"divided by {mistake}",
            )  # fmt: skip
    same("the slope of x³ at 1 with h = 0.1", given[0], 3.01)


def one_at_a_time(mine: Mine) -> None:
    """each number is wiggled alone, all others stand still"""
    weights, x = mine.rng.standard_normal((3, 2)), mine.rng.standard_normal((3, 2))

    def f(at: np.ndarray) -> float:
        if at.shape != x.shape:
            raise ValueError(f"f: expected an x of shape {x.shape}, received {at.shape}")
        if np.sum(np.abs(at - x) > 1e-9) > 1:
            raise ValueError("f: more than one number of x has moved. Start from the same x for each")
        return float(np.sum(weights * np.sin(at)))

    same("slope", mine.slope(f, x, 1e-4), weights * np.cos(x))


RUNGS = (shape, on_paper, both_sides, one_at_a_time)

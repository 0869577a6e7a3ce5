"""Unit 16: what unit 15 is asked, and how many lines it takes."""

import numpy as np

from tinycnn.learn.course import file_with
from tinycnn.learn.normalizations import NAMES, backward_rungs, some_batch
from tinycnn.learn.rungs import Mine, Wrong, as_tuple, same

FOLDED = "batch_normalization_backward_folded"
NODE_BY_NODE = "batch_normalization_backward"
MOST_LINES = 12


def as_unit_15(mine: Mine) -> None:
    """it returns what your unit 15 returns"""
    dy, x, gamma, _, mean, variance = some_batch(mine.rng, 7, 4)
    arguments = (dy, x, gamma, mean, variance, 0.1)
    due = as_tuple(NODE_BY_NODE, mine.call(NODE_BY_NODE, arguments), NAMES)
    for name, given, number in zip(NAMES, as_tuple(FOLDED, mine.call(FOLDED, arguments), NAMES), due, strict=True):
        same(name, given, np.asarray(number), why="Due is what your unit 15 returns.")


def lines(mine: Mine) -> None:
    """it stands on its own, and runs no more than 12 lines"""
    dy, x, gamma, _, mean, variance = some_batch(mine.rng, 5, 3)
    arguments = (dy, x, gamma, mean, variance, 0.1)
    mine.call(FOLDED, arguments)
    if file_with(NODE_BY_NODE).removesuffix(".py") in mine.child.imported:
        raise Wrong(f"{FOLDED} calls unit 15, which it is to replace. Write the formula.")
    folded, before = (mine.call(name, arguments, lines=True) for name in (FOLDED, NODE_BY_NODE))
    if folded > MOST_LINES:
        raise Wrong(f"{FOLDED} runs {folded} lines, your unit 15 {before}; at most {MOST_LINES} are due. Fold more.")
    mine.say(f"         {folded} lines run here, {before} in your unit 15")


RUNGS = (*backward_rungs(FOLDED), as_unit_15, lines)

"""Unit 02."""

import numpy as np

from tinycnn.learn.rungs import Mine, as_array, same


def shape(mine: Mine) -> None:
    """three samples of four inputs make three rows of two units"""
    x, kernel, bias = (mine.rng.standard_normal(size).astype(np.float32) for size in ((3, 4), (4, 2), (2,)))
    as_array("dense_forward", mine.dense_forward(x, kernel, bias), (3, 2), np.float32)


def on_paper(mine: Mine) -> None:
    """[1, 2] with kernel [[1, 0], [10, 1]] and bias [100, 1000] is [121, 1002]"""
    kernel = np.array([[1.0, 0.0], [10.0, 1.0]])
    given = mine.dense_forward(np.array([[1.0, 2.0]]), kernel, np.array([100.0, 1000.0]))
    same("dense_forward", given, [[121.0, 1002.0]])


def against_loops(mine: Mine) -> None:
    """fresh numbers, against a sum in plain loops"""
    for n, inputs, units in ((1, 1, 1), (5, 3, 4), (2, 6, 6)):
        x, kernel, bias = (mine.rng.standard_normal(size) for size in ((n, inputs), (inputs, units), (units,)))
        z = np.array(
            [[bias[u] + sum(x[i, k] * kernel[k, u] for k in range(inputs)) for u in range(units)] for i in range(n)]
        )
        same("dense_forward", mine.dense_forward(x, kernel, bias), z)


RUNGS = (shape, on_paper, against_loops)

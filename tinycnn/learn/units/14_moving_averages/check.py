"""Unit 14."""

import numpy as np

from tinycnn.learn.normalizations import usual_outputs
from tinycnn.learn.rungs import Mine, as_array, same

INFERENCE = "batch_normalization_inference"


def _usual_averages(moving: np.ndarray, batch: np.ndarray, momentum: float) -> dict[str, np.ndarray]:
    return {
        "momentum and 1 − momentum are exchanged: Keras's momentum weighs the past": (
            (1 - momentum) * moving + momentum * batch
        ),
        "1 − momentum is missing": momentum * moving + batch,
        "the new batch alone is returned": batch,
        "nothing has moved": moving,
        "the sign is wrong: it moves away from the batch": moving - (1 - momentum) * (batch - moving),
    }


def shapes(mine: Mine) -> None:
    """moving_average: one number a channel"""
    for c in (1, 4):
        moving, batch = mine.rng.standard_normal((2, c)).astype(np.float32)
        as_array("moving_average", mine.moving_average(moving, batch, 0.9), (c,))


def on_paper(mine: Mine) -> None:
    """moving_average: 10 before, 20 in this batch, momentum 0.9: 11 now"""
    moving, batch = np.array([10.0]), np.array([20.0])
    given = mine.moving_average(moving, batch, 0.9)
    same("moving_average", given, [11.0], usual=_usual_averages(moving, batch, 0.9))


def memory(mine: Mine) -> None:
    """moving_average: after 5 steps the start still weighs momentum⁵"""
    for momentum in (0.0, 0.5, 0.99, 1.0):
        start, batch = mine.rng.standard_normal((2, 3))
        moving = start
        for _ in range(5):
            moving = as_array("moving_average", mine.moving_average(moving, batch, momentum), (3,))
        due = [momentum**5 * a + (1 - momentum**5) * b for a, b in zip(start, batch, strict=True)]
        same(f"moving_average, 5 times with momentum {momentum}", moving, due)


def inference_shape(mine: Mine) -> None:
    """batch_normalization_inference: y like x, also for a single row"""
    for m, c in ((5, 3), (1, 3), (4, 4)):
        x, mean, gamma, beta = (mine.rng.standard_normal(s).astype(np.float32) for s in ((m, c), (c,), (c,), (c,)))
        y = mine.batch_normalization_inference(x, gamma, beta, mean, np.square(mean), 1e-3)
        as_array(INFERENCE, y, (m, c))


def inference_on_paper(mine: Mine) -> None:
    """batch_normalization_inference: x = 7, 1, mean 3, variance 4, γ = 10, β = 100, ε = 0: y = 120, 90"""
    arguments = (np.array([[7.0], [1.0]]), *(np.array([value]) for value in (10.0, 100.0, 3.0, 4.0)), 0.0)
    same(
        INFERENCE, mine.batch_normalization_inference(*arguments), [[120.0], [90.0]], usual=_usual_inference(*arguments)
    )


def _usual_inference(x, gamma, beta, mean, variance, epsilon) -> dict[str, np.ndarray]:
    own = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + epsilon) + beta
    return {
        "it uses this batch's own statistics; the moving ones are due": own,
        "it uses this batch's own mean": gamma * (x - x.mean(axis=0)) / np.sqrt(variance + epsilon) + beta,
        **usual_outputs(x, gamma, beta, mean, variance, epsilon),
    }


def against_loops(mine: Mine) -> None:
    """batch_normalization_inference: fresh numbers, against plain loops"""
    for m, c in ((5, 3), (1, 2), (3, 3)):
        x, (gamma, beta, mean) = mine.rng.standard_normal((m, c)), mine.rng.standard_normal((3, c))
        variance = mine.rng.uniform(0.5, 2, c)
        due = [
            [gamma[k] * (x[i, k] - mean[k]) / np.sqrt(variance[k] + 0.1) + beta[k] for k in range(c)] for i in range(m)
        ]
        arguments = (x, gamma, beta, mean, variance, 0.1)
        same(INFERENCE, mine.batch_normalization_inference(*arguments), due, usual=_usual_inference(*arguments))


RUNGS = (shapes, on_paper, memory, inference_shape, inference_on_paper, against_loops)

"""Unit 12. The random numbers are drawn here, so that there is one right mask."""

import numpy as np

from tinycnn.learn.rungs import Mine, Wrong, as_array, gradient, named, same, slopes


def _wrong_masks(uniform: np.ndarray, rate: float) -> dict[str, np.ndarray]:
    kept = uniform >= rate
    return {
        "the factor 1/(1 − rate) is missing": 1.0 * kept,
        "multiplied by 1 − rate, which is to be divided by": kept * (1 - rate),
        "divided by rate where 1 − rate is due": kept / max(rate, 1e-12),
        "it keeps what is to be dropped: uniform < rate": ~kept / (1 - rate),
        "it drops what is to be kept: the share that stays is rate": (uniform >= 1 - rate) / (1 - rate),
        "a number that equals rate is dropped; ≥ keeps it": (uniform > rate) / (1 - rate),
    }


def mask_shape(mine: Mine) -> None:
    """dropout_mask: as large as the random numbers"""
    for size in ((5,), (2, 3), (2, 3, 3, 1)):
        mask = as_array("dropout_mask", mine.dropout_mask(mine.rng.random(size), 0.5), size)
        if mask.dtype.kind != "f":
            raise Wrong(f"dropout_mask: expected floating-point numbers, received {mask.dtype}.")


def mask_on_paper(mine: Mine) -> None:
    """dropout_mask: [0, 0.1, 0.2, 0.9] and a rate of 0.2 make [0, 0, 1.25, 1.25]"""
    uniform = np.array([0.0, 0.1, 0.2, 0.9])
    usual = _wrong_masks(uniform, 0.2)
    same("dropout_mask", mine.dropout_mask(uniform, 0.2), [0.0, 0.0, 1.25, 1.25], usual=usual)


def mask_of_any_rate(mine: Mine) -> None:
    """dropout_mask: other rates; at rate 0 all pass as they are"""
    for rate in (0.0, 0.25, 0.5, 0.9):
        uniform = mine.rng.random((4, 5))
        due = [[0.0 if u < rate else 1 / (1 - rate) for u in row] for row in uniform]
        given = mine.dropout_mask(uniform, rate)
        same(f"dropout_mask, rate {rate}", given, due, usual=_wrong_masks(uniform, rate))


def forward(mine: Mine) -> None:
    """dropout_forward: fresh numbers"""
    for size in ((3, 4), (2, 3, 3, 2)):
        x, uniform = mine.rng.standard_normal(size), mine.rng.random(size)
        mask = (uniform >= 0.4) / 0.6
        due = np.reshape([a * b for a, b in zip(x.flat, mask.flat, strict=True)], size)
        usual = {
            "it drops without enlarging what stays": x * (mask > 0),
            "the mask is not used": x,
            "the mask is divided by": np.where(mask > 0, x / np.maximum(mask, 1), 0),
            "the mask is used twice": x * mask * mask,
        }
        same("dropout_forward", mine.dropout_forward(x, mask), due, usual=usual)


def average(mine: Mine) -> None:
    """over many masks, the average of y is x"""
    x, rate, count = np.array([1.0, -2.0, 5.0]), 0.75, 4000
    mask = as_array("dropout_mask", mine.dropout_mask(mine.rng.random((count, 3)), rate), (count, 3))
    y = as_array("dropout_forward", mine.dropout_forward(np.tile(x, (count, 1)), mask), (count, 3))
    off = np.abs(y.mean(axis=0) / x - 1).max()
    if off > 0.25:  # nine standard deviations: √(rate/(1 − rate)/count) is 0.027
        raise Wrong(f"the average of y over {count} masks is {y.mean(axis=0).round(3)}, x is {x}.")


def against_slopes(mine: Mine) -> None:
    """dropout_backward: fresh numbers, against the slopes of your own dropout_forward"""
    x, dy = mine.rng.standard_normal((2, 3, 4))
    mask = (mine.rng.permutation(12).reshape(3, 4) >= 4) / 0.7  # four of them are dropped
    due = slopes(lambda at: mine.dropout_forward(at, mask), x, dy)
    usual = {
        "the mask is missing: dy passes through as it is": dy,
        "the factor 1/(1 − rate) is missing: only what is dropped is dropped": dy * (mask > 0),
        "the mask is used twice": dy * mask * mask,
        "the gradient goes where the mask is zero": dy * (mask == 0) / 0.7,
    }
    given = mine.dropout_backward(dy, mask)
    gradient("dropout_backward", given, due, lambda: named(np.asarray(given), usual))


RUNGS = (mask_shape, mask_on_paper, mask_of_any_rate, forward, average, against_slopes)

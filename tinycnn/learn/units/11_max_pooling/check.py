"""Unit 11. The forward pass whose slopes are measured is the learner's own."""

import numpy as np

from tinycnn.layers import MaxPooling2D
from tinycnn.learn.kernel_table import kernels
from tinycnn.learn.rungs import Mine, as_array, as_tuple, gradient, mistake_in, same, slopes

NAMES = ("y", "argmax")
FEWER = ((2, 2), (2, 2)), ((3, 2), (2, 1))  # windows side by side, and windows that overlap


def _forward(mine: Mine, x: np.ndarray, pool_size: tuple, strides: tuple) -> tuple:
    return as_tuple("max_pooling2d_forward", mine.max_pooling2d_forward(x, pool_size, strides), NAMES)


def _windows(x: np.ndarray, pool_size: tuple, strides: tuple) -> np.ndarray:
    """The pixels of each window in plain loops, (n, out_h, out_w, c, pool_h·pool_w)."""
    (ph, pw), (sh, sw) = pool_size, strides
    n, h, w, channels = x.shape
    out = np.empty((n, (h - ph) // sh + 1, (w - pw) // sw + 1, channels, ph * pw))
    for k, i, j, c in np.ndindex(out.shape[:4]):
        out[k, i, j, c] = [x[k, i * sh + a, j * sw + b, c] for a in range(ph) for b in range(pw)]
    return out


def _different(mine: Mine, shape: tuple) -> np.ndarray:
    """Numbers of either sign, no two of which are near each other: no ties, and no kinks where slopes are measured."""
    size = int(np.prod(shape))
    return ((mine.rng.permutation(size) - size * 0.7) / 10 + 0.03).reshape(shape)


def shapes(mine: Mine) -> None:
    """forward: images of 7x5 and windows of 3x2 make maps of 3x4"""
    x = mine.rng.standard_normal((2, 7, 5, 3)).astype(np.float32)
    y, argmax = _forward(mine, x, (3, 2), (2, 1))
    as_array("y", y, (2, 3, 4, 3), np.float32)
    as_array("argmax", argmax, (2, 3, 4, 3))


def on_paper(mine: Mine) -> None:
    """forward: of [[-4, -3], [-1, -2]] and [[1, 5], [2, 3]] it is -1 and 5"""
    x = np.array([[-4.0, -3.0, 1.0, 5.0], [-1.0, -2.0, 2.0, 3.0]]).reshape(1, 2, 4, 1)
    y, argmax = _forward(mine, x, (2, 2), (2, 2))
    zero = {"it begins with 0, which is larger than every pixel of the first window": _row(0.0, 5.0)}
    same("y", y, _row(-1.0, 5.0), usual=zero)
    same("argmax", argmax, _row(2, 1))


def _row(*pixels: float) -> np.ndarray:
    return np.reshape(pixels, (1, 1, -1, 1))


def against_loops(mine: Mine) -> None:
    """forward: fresh numbers, windows side by side and windows that overlap"""
    for pool_size, strides in FEWER:
        x = _different(mine, (2, 7, 6, 2))
        pixels = _windows(x, pool_size, strides)
        y, argmax = _forward(mine, x, pool_size, strides)
        usual = {
            "that is the smallest": pixels.min(axis=-1),
            "that is the mean": pixels.mean(axis=-1),
            "below 0 it gives 0": np.maximum(pixels.max(axis=-1), 0),
        }
        same("y", y, pixels.max(axis=-1), usual=usual)
        place = pixels.argmax(axis=-1)
        a, b = np.divmod(place, pool_size[1])
        usual = {
            "places are counted from 1": place + 1,
            "places are counted down the columns: a + b·pool_h; due is a·pool_w + b": a + b * pool_size[0],
        }
        same("argmax", argmax, place, usual=usual)


def ties(mine: Mine) -> None:
    """forward: of equal pixels the first is remembered"""
    x = mine.rng.integers(0, 2, (3, 6, 6, 1)).astype(np.float64)
    x[0] = 0
    pixels = _windows(x, (2, 2), (2, 2))
    last = pixels.shape[-1] - 1 - pixels[..., ::-1].argmax(axis=-1)
    usual = {"it remembers the last of equals; the first is due (>= where > is due, perhaps)": last}
    same("argmax", _forward(mine, x, (2, 2), (2, 2))[1], pixels.argmax(axis=-1), usual=usual)


def backward_on_paper(mine: Mine) -> None:
    """backward: one window of 2x2, dy = 10, argmax = 2: dx = [[0, 0], [10, 0]]"""
    given = mine.max_pooling2d_backward(np.full((1, 1, 1, 1), 10.0), np.full((1, 1, 1, 1), 2), (2, 2), (2, 2), (2, 2))
    usual = {
        "every pixel of the window gets the gradient": [10.0, 10.0, 10.0, 10.0],
        "the gradient is shared among the pixels of the window": [2.5, 2.5, 2.5, 2.5],
        "places are counted down the columns; a, b = divmod(argmax, pool_w)": [0.0, 10.0, 0.0, 0.0],
        "it hands back 1, not dy": [0.0, 0.0, 1.0, 0.0],
    }
    usual = {name: np.reshape(numbers, (1, 2, 2, 1)) for name, numbers in usual.items()}
    same("dx", given, np.array([0.0, 0.0, 10.0, 0.0]).reshape(1, 2, 2, 1), usual=usual)


def overlap(mine: Mine) -> None:
    """backward: windows of 1x2 that overlap; a pixel that won twice gets both"""
    dy, argmax = _row(10.0, 20.0, 300.0, 40.0, 50.0), _row(0, 1, 0, 1, 1)
    usual = {
        "= in place of +=: where a pixel won twice, the last window counts alone": _row(10.0, 0, 300.0, 0, 40.0, 50.0),
        "= in place of +=: a window that a pixel lost takes away what it won": _row(10.0, 0, 20.0, 0, 40.0, 50.0),
    }
    why = "With dy = [[10, 20, 300, 40, 50]] and argmax = [[0, 1, 0, 1, 1]], dx = [[10, 0, 320, 0, 40, 50]]."
    given = mine.max_pooling2d_backward(dy, argmax, (1, 6), (1, 2), (1, 1))
    same("dx", given, _row(10.0, 0, 320.0, 0, 40.0, 50.0), why=why, usual=usual)


def against_slopes(mine: Mine) -> None:
    """backward: fresh numbers, against the slopes of your own forward"""
    for pool_size, strides in FEWER:
        x = _different(mine, (2, 6, 5, 2))
        y, argmax = _forward(mine, x, pool_size, strides)
        dy = mine.rng.standard_normal(np.shape(y))
        due = slopes(lambda at: _forward(mine, at, pool_size, strides)[0], x, dy)
        layer = MaxPooling2D(pool_size, strides, dtype="float64")
        layer.kernels = kernels(mine, "max_pooling2d")
        given = mine.max_pooling2d_backward(dy, argmax, (6, 5), pool_size, strides)
        gradient("dx", given, due, lambda: mistake_in(layer, x, "input"))


VARIANTS = {
    "two_largest": lambda pixels: np.sort(pixels)[..., -2:].mean(axis=-1),
    "second_largest": lambda pixels: np.sort(pixels)[..., -2],
    "contrast": lambda pixels: pixels.max(axis=-1) - pixels.min(axis=-1),
    "farthest": lambda pixels: np.take_along_axis(pixels, np.abs(pixels).argmax(axis=-1)[..., None], -1)[..., 0],
}


def of_your_own(mine: Mine) -> None:
    """your own pooling, against plain loops"""
    if mine.variant is None:
        return
    for pool_size, strides in FEWER:
        x = _different(mine, (2, 7, 6, 2))
        if mine.variant == "second_largest":
            x = np.round(x / 3)  # ties
        pixels = _windows(x, pool_size, strides)
        usual = {
            "that is the largest": pixels.max(axis=-1),
            "that is the mean of all": pixels.mean(axis=-1),
            "the sign is lost": np.abs(pixels).max(axis=-1),
        }
        same(
            "pooling_of_your_own",
            mine.pooling_of_your_own(x, pool_size, strides),
            VARIANTS[mine.variant](pixels),
            usual=usual,
        )


RUNGS = (
    shapes, on_paper, against_loops, ties, backward_on_paper, overlap, against_slopes, of_your_own,
)  # fmt: skip

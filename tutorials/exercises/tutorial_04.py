"""The checks of tutorial 04: dropout by hand, the error of an average, whole maps, the shift, a slope with one mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.layers import Dropout

from . import AnswerError, array, function, number

MAPS = (13, 13, 32)


def _call(name: str, do: Any, *arguments: Any) -> Any:
    """What a learner's function returns; what it raises becomes a sentence."""
    try:
        return do(*arguments)
    except Exception as error:
        raise AnswerError(f"{name} ends with {type(error).__name__}: {error}") from error


def exercise_1(drop: Any, drop_backward: Any) -> str | None:
    """Dropout by hand, with the numbers given."""
    drop, drop_backward = function("drop", drop), function("drop_backward", drop_backward)
    rng = np.random.default_rng(1)
    x, numbers, dy = rng.normal(1, 1, (8, 50)), rng.random((8, 50)), rng.normal(size=(8, 50))
    for rate in (0.25, 0.8):
        returned = _call("drop", drop, x, rate, numbers)
        if not isinstance(returned, tuple) or len(returned) != 2:
            return f"Expected two arrays from drop, the output and the mask, received {type(returned).__name__}."
        y, mask = array("the output", returned[0], x.shape), array("the mask", returned[1], x.shape)
        if ((y == 0) != (numbers < rate)).any():
            return f"At rate {rate} the values that are gone are not those whose number is below the rate."
        kept = np.mean((y / x)[y != 0])
        if abs(kept * (1 - rate) - 1) > 1e-6:
            return f"At rate {rate} a value that stays is multiplied by {kept:.3g}. Is the mean of all what it was?"
        if np.abs(y - x * mask).max() > 1e-6:
            return "The output is not x times the mask: let the mask hold the factor, too, since backward needs it."
        dx = array("dx", _call("drop_backward", drop_backward, dy, mask), x.shape)
        if np.abs(dx - dy * (y / x)).max() > 1e-6:  # y is linear in x
            return f"At rate {rate} dx is not the slope of Σ dy·y: how much does y grow where x grows by 1?"
    return None


def exercise_2(exponent: Any, closer: Any) -> str | None:
    """The error of a mean of k masked logits."""
    exponent, closer = number("exponent", exponent), number("closer", closer)
    kept = np.random.default_rng(2).random((300, 400, 16)) >= 0.5
    logits = 2.0 * kept @ np.linspace(-1, 1, 16)
    errors = [logits[:, :k].mean(axis=1).std() for k in (25, 400)]
    times = errors[0] / errors[1]
    if exponent >= 0:
        return "With an exponent of 0 or more the error does not fall as masks are added."
    if not times / 1.25 < 16**-exponent < times * 1.25:
        return (
            f"By your exponent 16 times the masks come {16**-exponent:.3g} times closer. "
            "Measure it: repeat the means of 25 and of 400."
        )
    if not times / 1.25 < closer < times * 1.25:
        return f"Your exponent says {16**-exponent:.3g} times closer, and your other answer {closer:.3g}."
    return None


def exercise_3(noise_shape: Any) -> str | None:
    """Whole maps, dropped or kept."""
    if not isinstance(noise_shape, tuple) or len(noise_shape) != 4:
        return f"Expected noise_shape as a tuple of four entries, received {noise_shape!r}."
    y = _call("The layer", _dropped, noise_shape)
    gone = (y == 0).mean(axis=(1, 2))  # of each image and map
    if not np.isin(gone, (0, 1)).all():
        return "There are maps of which a part is gone. Over which axes must all values share one die?"
    if (gone == gone[:, :1]).all():
        return "In each image all maps share their fate. Each map is to have a die of its own."
    if (gone == gone[:1]).all():
        return "All images lose the same maps. Each image is to have dice of its own."
    return None


def _dropped(noise_shape: tuple[int | None, ...]) -> np.ndarray:
    layer = Dropout(0.5, seed=3, noise_shape=noise_shape)
    layer.build((None, *MAPS))
    return layer.forward(np.ones((16, *MAPS), "float32"), training=True)


def exercise_4(ratio: Any) -> str | None:
    """The variance in inference over that in training, behind rate one half."""
    ratio = function("ratio", ratio)
    masks = 2.0 * (np.random.default_rng(4).random(400_000) < 0.5)
    for mean, deviation in ((0.0, 1.0), (1.0, 1.0), (2.0, 0.5)):
        x = mean + deviation * np.random.default_rng(5).standard_normal(masks.size)
        measured = x.var() / (masks * x).var()
        answer = number(f"ratio({mean:g}, {deviation**2:g})", _call("ratio", ratio, mean, deviation**2))
        if abs(answer - measured) > 0.01 + 0.02 * measured:
            return (
                f"With mean {mean:g} and variance {deviation**2:g} yours gives {answer:.3f}, and masks {measured:.3f}."
            )
    return None


def exercise_5(slope: Any) -> str | None:
    """A numerical slope through one and the same mask."""
    slope = function("slope", slope)
    rng = np.random.default_rng(6)
    layer = Dropout(0.5, dtype="float64")
    layer.build((None, 20))
    x, dy, direction = rng.normal(size=(3, 4, 20))
    layer.rng = np.random.default_rng(7)
    layer.forward(x, training=True)
    analytic = float((layer.backward(dy) * direction).sum())
    layer.rng = np.random.default_rng(8)  # as another call may have left it
    answer = number("what slope returns", _call("slope", slope, layer, x, dy, direction))
    if abs(answer - analytic) > 1000 * max(1, abs(analytic)):
        return f"It gives {answer:.3g}: two losses that differ by far more than x has moved. They had different masks."
    if abs(answer - analytic) > 1e-4:
        return (
            f"It gives {answer:.6g}, and backward {analytic:.6g}. "
            "Do both passes begin with the stream of backward's mask?"
        )
    return None

"""What the checks are made of: call the learner's functions, compare, and say in a sentence what is wrong.

A rung is a function ``rung(mine)`` whose docstring says what it looks at. It returns, or raises `Wrong`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.insight.gradient_check import Row, check_layer, check_loss
from tinycnn.insight.gradient_check.mistakes import UNKNOWN
from tinycnn.learn import runner
from tinycnn.learn.child import Child, Failed, plain
from tinycnn.learn.course import file_with

Array = np.ndarray

CLOSE = 1e-5  # relative to the largest number that is due; float64 inside is as welcome as float32
SLOPES = 1e-4  # beside measured slopes, in float64


class Wrong(Exception):  # noqa: N818  a verdict
    """A rung failed.

    ``given`` and ``due`` are the arrays to draw, ``mistake`` is its name, where the checker is sure of one.
    """

    def __init__(self, sentence: str, given: Array | None = None, due: Array | None = None, mistake: str = ""):
        super().__init__(sentence)
        self.given, self.due, self.mistake = given, due, mistake


@dataclass
class Mine:
    """The learner's functions by name: ``mine.dense_forward(x, kernel, bias)``.

    ``rng`` is what the check draws its numbers from, ``variant`` the learner's own version of the exercise (None where
    that is not to be tried: another unit asks, which does not need it), ``say`` and ``pictures`` where a training may
    show how it goes.
    """

    child: Child
    rng: np.random.Generator
    variant: str | None = None
    say: Callable[[str], None] = lambda line: None
    pictures: Path | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: self.call(name, arguments)

    def call(self, name: str, arguments: Sequence[Any], lines: bool = False) -> Any:
        """What the function returns, or with ``lines`` the number of lines of the learner's file that ran.

        Raises:
            Wrong: it did not return, or wrote into an array that was handed in.
        """
        try:
            returned = self.child.call(file_with(name), name, arguments, lines)
        except Failed as failure:
            given = ", ".join(_handed_in(a) for a in arguments)
            called = f" It was called with: {given}." if failure.kind == "error" else ""
            raise Wrong(f"{str(failure).rstrip('.')}.{called}") from None
        if returned.changed:
            which = " and ".join(("first", "second", "third", "fourth", "fifth", "sixth")[i] for i in returned.changed)
            raise Wrong(
                f"{name} writes into the {which} array that it was given. Whoever called it still needs the old "
                "numbers: copy before you write."
            )
        return returned.lines if lines else returned.value


def _handed_in(argument: Any) -> str:
    if isinstance(argument, np.ndarray):
        return str(argument.shape)
    return "a function" if callable(argument) else str(argument)[:40]


# Comparing


def as_array(name: str, value: Any, shape: Sequence[int], dtype: Any = None) -> Array:
    """The value, if it is an array of finite numbers of this shape, and of this dtype where one is asked for.

    Raises:
        Wrong: a sentence that says what it is instead.
    """
    what = f"{name}: expected an array of shape {tuple(shape)}, received"
    if value is None:
        raise Wrong(f"{what} None. Is a return missing?")
    if isinstance(value, runner.Other):
        raise Wrong(f"{what} an object of type {plain(value.name, 40)}.")
    if isinstance(value, (tuple, list)):
        raise Wrong(f"{what} a {type(value).__name__} of {len(value)}.")
    if isinstance(value, str):
        raise Wrong(f"{what} a text.")
    array = np.asarray(value)
    if array.shape != tuple(shape):
        raise Wrong(f"{what} one of shape {array.shape}.{_turned(array.shape, tuple(shape))}")
    if array.dtype.kind not in "fiu" or (dtype is not None and array.dtype != dtype):
        due = (
            "floating-point numbers" if dtype is None else f"numbers of type {np.dtype(dtype)}, as those handed in are"
        )
        raise Wrong(f"{name}: expected {due}, received {array.dtype}.")
    if not np.isfinite(array).all():
        raise Wrong(f"{name}: expected finite numbers, received NaN or infinity.", array, np.zeros(array.shape))
    return array


def _turned(shape: tuple[int, ...], due: tuple[int, ...]) -> str:
    return " Is it transposed?" if len(shape) > 1 and shape == due[::-1] and shape != due else ""


def as_tuple(name: str, value: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """The value, if it is a tuple of as many as there are names."""
    if isinstance(value, (tuple, list)) and len(value) == len(names):
        return tuple(value)
    received = f"{len(value)} values" if isinstance(value, (tuple, list)) else kind(value)
    raise Wrong(f"{name}: expected {', '.join(names)}: a tuple of {len(names)}, received {received}.")


def kind(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, runner.Other):
        return f"an object of type {plain(value.name, 40)}"
    return "None" if value is None else "one array" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def same(
    name: str,
    given: Any,
    due: Any,
    tolerance: float = CLOSE,
    why: str = "",
    dtype: Any = None,
    usual: Mapping[str, Any] | None = None,
) -> Array:
    """Compare with what is due.

    Args:
        usual: what the usual mistakes would give, by their names.

    Raises:
        Wrong: of another shape, dtype or size; with the first number that is wrong.
    """
    due = np.asarray(due)
    array = as_array(name, given, due.shape, dtype)
    scale = max(float(np.max(np.abs(due), initial=0.0)), 1e-12)
    off = np.abs(array - due) > tolerance * scale
    if off.any():
        place = tuple(int(i) for i in np.argwhere(off)[0])
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise Wrong(
            f"{name}{at} is {array[place]:.6g}, due is {due[place]:.6g}; {int(off.sum())} of {due.size} "
            f"{'numbers are' if due.size > 1 else 'number is'} wrong.{' ' + why if why else ''}",
            array.astype(np.float64),
            due.astype(np.float64),
            named(array, usual or {}, tolerance),
        )
    return array


def named(given: Array, usual: Mapping[str, Any], tolerance: float = CLOSE) -> str:
    """The one usual mistake that gives just these numbers; "" where none does, or more than one."""
    fits = []
    for mistake, numbers in usual.items():
        numbers = np.asarray(numbers)
        scale = max(float(np.max(np.abs(numbers), initial=0.0)), 1e-12)
        if numbers.shape == given.shape and np.all(np.abs(given - numbers) <= tolerance * scale):
            fits.append(mistake)
    return fits[0] if len(fits) == 1 else ""


def slopes(function: Callable[[Array], Array], x: Array, dy: Array) -> Array:
    """What the gradient at ``x`` should be: L = Σ dy·function(x), each number of x wiggled alone.

    Math:    (L(x+h) − L(x−h)) / 2h, h = 6e-6
    Shapes:  x and the result alike; dy as function(x)
    """
    step = 6e-6
    result = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        values = []
        for sign in (1, -1):
            at = x.astype(np.float64)
            at[place] += sign * step
            values.append(np.asarray(function(at), np.float64))
        result[place] = np.sum(dy * (values[0] - values[1])) / (2 * step)
    return result


def gradient(
    name: str,
    given: Any,
    due: Array,
    name_mistake: Callable[[], str] | None = None,
    tolerance: float = SLOPES,
    usual: Mapping[str, Any] | None = None,
) -> None:
    """Compare a gradient with measured slopes. The checker names what is wrong, where no ``usual`` mistake fits."""
    try:
        same(name, given, due, tolerance, "Due is what your own forward's slope is.", usual=usual)
    except Wrong as wrong:
        mistake = wrong.mistake
        if not mistake and name_mistake is not None and wrong.given is not None:
            mistake = name_mistake()
        raise Wrong(str(wrong), wrong.given, wrong.due, mistake) from None


def mistake_in(layer: Any, x: Any, row: str) -> str:
    """What the gradient checker calls the mistake in one of a layer's gradients; "" where it has no name for it."""
    rows = {one.name: one for one in check_layer(layer, x, entries=60).rows}
    return _name(rows[row]) if row in rows else ""


def mistake_in_loss(loss: Any, y_true: Any, y_pred: Any) -> str:
    """The same for a loss."""
    return _name(check_loss(loss, y_true, y_pred)["y_pred"])


def _name(row: Row) -> str:
    return "" if row.passed or row.mistake.startswith(UNKNOWN) else row.mistake

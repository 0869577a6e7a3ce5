"""The checks of the tutorials' exercises: what an answer must look like, and what must be true of it.

In a notebook an answer cell ends with ``check("03.1", x_hat, dx)``. An answer that is still ``...`` is no mistake; one
of another type or shape gets a sentence that says which is due; of a wrong one it says what is wrong with it, not what
is right. The check of 03.1 is `exercise_1` in tutorial_03.py; where it can, it asks for a property and does not compute
the solution.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np


class AnswerError(Exception):
    """An answer of another kind than was asked for; the message says which."""


class Verdict:
    """What `check` has said: true if the answers are right. A notebook does not show it once more."""

    def __init__(self, right: bool):
        self.right = right

    def __bool__(self) -> bool:
        return self.right

    def _ipython_display_(self) -> None:
        pass


def check(name: str, *answers: Any) -> Verdict:
    """Say whether the answers to an exercise are right.

    Args:
        name: tutorial and exercise, as "03.1".
        answers: what the exercise asks for, in its order; ``...`` is not answered yet.

    Raises:
        KeyError: no exercise of that name.
    """
    tutorial, _, number_of = name.partition(".")
    try:
        find_fault: Callable[..., str | None] = getattr(
            importlib.import_module(f"{__package__}.tutorial_{tutorial}"), f"exercise_{number_of}"
        )
    except (ImportError, AttributeError):
        raise KeyError(f"check: expected the name of an exercise such as '03.1', received {name!r}.") from None
    if any(answer is ... for answer in answers):
        print(f"Exercise {name}: not answered yet.")
        return Verdict(False)
    try:
        fault = find_fault(*answers)
    except AnswerError as error:
        fault = str(error)
    print(f"Exercise {name}: {'right.' if fault is None else f'not yet. {fault}'}")
    return Verdict(fault is None)


def number(name: str, value: Any) -> float:
    """The answer as a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise AnswerError(f"Expected {name} as a number, received {value!r}.")
    return float(value)


def whole(name: str, value: Any) -> int:
    """The answer as a whole number."""
    if number(name, value) != round(float(value)):
        raise AnswerError(f"Expected {name} as a whole number, received {value!r}.")
    return round(float(value))


def choice(name: str, value: Any, *words: str) -> str:
    """The answer as one of these words."""
    if not isinstance(value, str) or value.strip().lower() not in words:
        raise AnswerError(f"Expected {name} as one of {', '.join(map(repr, words))}, received {value!r}.")
    return value.strip().lower()


def array(name: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The answer as finite numbers of this shape."""
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise AnswerError(f"Expected {name} as an array of shape {shape}, received {type(value).__name__}.") from None
    if numbers.shape != shape or not np.isfinite(numbers).all():
        what = f"shape {numbers.shape}" if numbers.shape != shape else "entries that are not finite"
        raise AnswerError(f"Expected {name} as finite numbers of shape {shape}, received {what}.")
    return numbers


def function(name: str, value: Any) -> Callable[..., Any]:
    """The answer as something that can be called."""
    if not callable(value):
        raise AnswerError(f"Expected {name} as a function, received {value!r}.")
    return value

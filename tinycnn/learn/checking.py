"""One check of one unit: its rungs in their order, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinycnn.learn.child import CALL_LIMIT, Child
from tinycnn.learn.course import Unit, find
from tinycnn.learn.rungs import Mine, Wrong

BEFORE = "the units before, whose functions it calls"


@dataclass(frozen=True)
class Outcome:
    """What came of it: the rungs that hold, and the one that does not."""

    unit: Unit
    passed: tuple[str, ...]
    failing: str = ""
    wrong: Wrong | None = None
    printed: str = ""  # by the learner's code, its beginning
    imports_tinycnn: bool = False

    @property
    def solved(self) -> bool:
        return self.wrong is None


def examine(
    unit: Unit,
    folder: Path,
    variant: str | None,
    seed: int | None = None,
    command: Sequence[str] | None = None,
    limit: float = CALL_LIMIT,
    total: float = float("inf"),
    say: Callable[[str], None] = lambda line: None,
    pictures: Path | None = None,
) -> Outcome:
    """Try a learner's functions, after those of the units before that this one calls.

    Args:
        unit: which.
        folder: the learner's.
        variant: their version of the exercise, see `Learner.variant`.
        seed: of the numbers drawn; by default others each time.
        command, limit, total: as for `Child`.
        say: is told how a training goes.
        pictures: a folder for curves.
    """
    passed: list[str] = []
    with Child(folder, command, limit, total) as child:
        mine = Mine(child, np.random.default_rng(seed), variant, say, pictures)
        title, wrong = BEFORE, _missing(unit, folder, mine)
        for rung in unit.rungs if wrong is None else ():
            title, wrong = title_of(rung), _tried(rung, mine)
            if wrong is not None:
                break
            passed.append(title)
    failing = "" if wrong is None else title
    # What was printed is all there once the process has ended.
    return Outcome(unit, tuple(passed), failing, wrong, child.printed, "tinycnn" in child.imported)


def title_of(rung: Callable[[Mine], None]) -> str:
    return (rung.__doc__ or "").strip().splitlines()[0]


def _tried(rung: Callable[[Mine], None], mine: Mine) -> Wrong | None:
    try:
        with np.errstate(all="ignore"):  # the learner's numbers may overflow; the rung says it in a sentence
            rung(mine)
    except Wrong as wrong:
        return wrong
    return None


def _missing(unit: Unit, folder: Path, mine: Mine) -> Wrong | None:
    """Which of the units that this one needs does not hold, in a sentence. Exercises of one's own are left out."""
    others = replace(mine, variant=None, say=lambda line: None)
    for needed in map(find, unit.needs):
        if not (folder / needed.file).exists():
            what, command = f"{needed.file} is not there", "start"
        elif any(_tried(rung, others) for rung in needed.rungs):
            what, command = "that does not pass its own check", "check"
        else:
            continue
        return Wrong(
            f"{unit} calls what you write in {needed}, and {what}. "
            f"First: python -m tinycnn.learn {command} {needed.number}"
        )
    return None

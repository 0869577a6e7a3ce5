"""What ties a sentence of a tutorial to the runs it rests on: assertions on the worst run, counts of runs, limits.

A sentence that names a cause or compares two things ends with ``<!-- shown: NAME -->``, which no reader sees, and a
cell of its section calls `shown`, `counted` or `within` with that name. `tutorials.gate` finds those without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FEWEST = 3  # runs; one is an anecdote, and of two nobody can say which is the odd one


def shown(name: str, runs: Any, above: float | None = None, below: float | None = None, unit: str = "") -> None:
    """Assert of the worst of all runs what a sentence says, and print how near it came.

    Args:
        name: what the sentence calls this evidence.
        runs: what was measured, first axis the runs (seeds, or rounds of a measurement): (n,) or (n, ...), n >= 3.
        above: what every number is larger than.
        below: what every number is smaller than.
        unit: printed behind the numbers.

    Raises:
        ValueError: fewer than three runs, numbers that are not finite, or nothing to hold against them.
        AssertionError: the sentence is not true of the worst run.
    """
    values = np.asarray(runs, dtype=float)
    if values.ndim == 0 or len(values) < FEWEST:
        found = len(values) if values.ndim else "a single number"
        raise ValueError(f"shown: expected at least {FEWEST} runs for {name!r}, received {found}. Make more runs.")
    if not np.isfinite(values).all():
        raise ValueError(f"shown: expected finite numbers for {name!r}, received {values}. Leave out no run: mend it.")
    if above is None and below is None:
        raise ValueError(f"shown: expected a bound for {name!r}, received none. Pass above= or below=.")
    low, high = float(values.min()), float(values.max())
    given = (("above", above), ("below", below))
    bounds = [f"{word} {bound:g}{unit}" for word, bound in given if bound is not None]
    wanted = " and ".join(bounds)
    span = f"{low:.3g}{unit} to {high:.3g}{unit} in {len(values)} runs"
    assert above is None or low > above, f"{name}: expected {wanted} in each run, received {span}"
    assert below is None or high < below, f"{name}: expected {wanted} in each run, received {span}"
    print(f"{name}: {span}; the text needs {wanted} in each.")


def counted(name: str, groups: Mapping[Any, Sequence[Any]], runs: int) -> None:
    """Assert that each group holds as many runs as the text says, and at least three.

    Args:
        groups: the runs by what they have in common.

    Raises:
        ValueError: the text speaks of fewer than three runs, or there are no groups.
        AssertionError: a group with another number of runs.
    """
    if runs < FEWEST or not groups:
        raise ValueError(
            f"counted: expected groups of {FEWEST} runs or more for {name!r}, received {len(groups)} of {runs}. "
            "Make more runs, or do not call them several."
        )
    found = {group: len(members) for group, members in groups.items()}
    assert set(found.values()) == {runs}, f"{name}: expected {runs} runs of each, received {found}"


def within(name: str, values: Any, limit: float) -> None:
    """Assert that nothing lies above a limit: what does was measured wrong, or is no limit.

    Raises:
        ValueError: no values, or values or a limit that are not finite.
        AssertionError: a value above the limit.
    """
    numbers = np.asarray(values, dtype=float)
    if not numbers.size or not np.isfinite(numbers).all() or not np.isfinite(limit):
        raise ValueError(f"within: expected finite numbers for {name!r}, received {values!r} and the limit {limit!r}.")
    assert numbers.max() <= limit, f"{name}: expected nothing above {limit:g}, received {numbers.max():g}"

"""What is remembered of a learner: one JSON file in their folder."""

from __future__ import annotations

import json
import re
import secrets
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinycnn.files import replacing
from tinycnn.learn.course import COURSE, Unit

STATE = "course.json"
VERSION = 1
DEFAULT = "tinycnn_course"


@dataclass
class Progress:
    """One unit: how often it was checked, whether it was solved, which help was taken."""

    checks: int = 0
    solved: bool = False
    hints: int = 0  # the largest number of hints that was taken for one mistake
    gave_up: bool = False  # the solution was shown before it was solved
    failing: str = ""  # the rung that failed last, and how many of its hints were given
    given: int = 0


@dataclass
class Learner:
    """A learner's folder and progress. ``id`` decides which variants of the exercises are theirs."""

    folder: Path
    id: str
    units: dict[str, Progress] = field(default_factory=dict)

    def of(self, unit: Unit) -> Progress:
        return self.units.setdefault(unit.number, Progress())

    def variant(self, unit: Unit) -> str | None:
        """The learner's version of a unit's exercise; None where all have the same."""
        variants = unit.variants
        return variants[zlib.crc32(f"{self.id} {unit.number}".encode()) % len(variants)] if variants else None

    @property
    def next(self) -> Unit | None:
        """The first unit that is not solved."""
        return next((unit for unit in COURSE if not self.of(unit).solved), None)

    def save(self) -> None:
        """Write the file, whole or not at all."""
        units = {number: asdict(progress) for number, progress in self.units.items() if progress != Progress()}
        text = json.dumps({"version": VERSION, "id": self.id, "units": units}, indent=1)
        with replacing(self.folder / STATE) as path:
            path.write_text(text + "\n", encoding="utf-8")


def new(folder: Path) -> Learner:
    """A learner who begins; nothing is written yet."""
    return Learner(folder, secrets.token_hex(4))


def renewed(folder: Path) -> Learner:
    """The same learner, whose file was damaged: it is put aside, and the id kept, where it can still be read."""
    damaged = folder / STATE
    text = damaged.read_text(encoding="utf-8", errors="replace")
    known = re.search(r'"id":\s*"([0-9a-f]{8})"', text)
    damaged.replace(folder / f"{STATE}.damaged")
    return Learner(folder, known[1]) if known else new(folder)


_DAMAGE = (KeyError, TypeError, AttributeError, ValueError, RecursionError)  # what reading a damaged file raises


class Damaged(ValueError):  # noqa: N818  a verdict
    """The learner's file cannot be read."""


def load(folder: Path) -> Learner:
    """Read a learner's file.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it is not what the course wrote.
        ValueError: it is of a later version.
    """
    path = folder / STATE
    if not path.exists():
        raise FileNotFoundError(f"learn: expected {path}, found none. Begin with: python -m tinycnn.learn start")
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        version = state["version"]
    except _DAMAGE as error:
        raise _damaged(path, error) from None
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION} or earlier, received {version}: a later tinycnn wrote it. "
            "Upgrade tinycnn, or take the course in another --folder."
        )
    try:
        known = {unit.number for unit in COURSE}
        units = {number: _progress(values) for number, values in state["units"].items() if number in known}
        int(state["id"], 16)
        return Learner(folder, state["id"], units)
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _progress(values: dict[str, Any]) -> Progress:
    """What is not there, or of another kind than it should be, is as at the start."""
    default = asdict(Progress())
    return Progress(**{k: values[k] if type(values.get(k)) is type(v) else v for k, v in default.items()})


def _damaged(path: Path, error: Exception) -> Damaged:
    return Damaged(
        f"{path}: expected the file that the course wrote, found other text ({type(error).__name__}). "
        "python -m tinycnn.learn start puts it aside; your own files stay, and check counts them again."
    )

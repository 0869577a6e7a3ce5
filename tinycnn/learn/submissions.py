"""What learners handed in: folders and zip files of unknown content; taken are the Python files and course.json.

All of it is read at once, into memory and within limits, before anything runs; what was left out is said in remarks.
Links are not followed, and of a zip file no name decides where something is written.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tinycnn.learn.child import plain
from tinycnn.learn.course import COURSE
from tinycnn.learn.learner import STATE, Learner, load

MOST_BYTES = 2**20  # of a file
MOST_TOTAL = 5 * 2**20  # of a submission
MOST_FILES = 200
MOST_ENTRIES = 5000  # files and folders that are looked at
MOST_DEPTH = 4
MOST_ZIP = 20 * 2**20  # bytes
MOST_REMARKS = 20
UNITS = {unit.file for unit in COURSE}


@dataclass
class Submission:
    """One learner's work: the files by their path below the folder with the units, and what is to be said of them."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    learner: Learner | None = None  # None where course.json does not say who

    def remark(self, sentence: str) -> None:
        if len(self.remarks) < MOST_REMARKS and sentence not in self.remarks:
            self.remarks.append(sentence)

    def write(self, folder: Path) -> None:
        """Write the files into an empty folder, and read who the learner is."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if not self.files:
            return
        try:
            self.learner = load(folder)
        except FileNotFoundError:
            self.remark(f"{STATE} is missing: where learners have exercises of their own, anybody's counts")
        except ValueError:
            self.remark(f"{STATE} is damaged: where learners have exercises of their own, anybody's counts")
        if self.learner is not None and not re.fullmatch("[0-9a-f]{8}", self.learner.id):
            self.learner = None
            self.remark(f"{STATE} has an id that the course does not give: anybody's exercises count")


def read_all(folder: Path) -> list[Submission]:
    """The submissions in a folder, by name.

    Raises:
        ValueError: it is no folder, is a learner's own, or nothing is in it.
    """
    if not folder.is_dir():
        raise ValueError(f"learn: expected a folder with a folder or zip file for each learner, found no {folder}.")
    entries = sorted((entry for entry in os.scandir(folder) if not entry.name.startswith((".", "__"))), key=_by_name)
    if any(entry.name == STATE or entry.name in UNITS for entry in entries):
        raise ValueError(
            f"learn: expected a folder with a folder or zip file for each learner, received {folder}, which is one "
            "learner's. Name the folder above it, or: python -m tinycnn.learn check"
        )
    if not entries:
        raise ValueError(f"learn: expected a folder or zip file for each learner in {folder}, found nothing.")
    return [_read(entry) for entry in entries]


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _read(entry: os.DirEntry[str]) -> Submission:
    """One of them; whatever is wrong with it becomes a remark."""
    submission, total = Submission(plain(entry.name, 80)), 0
    try:
        if entry.is_dir(follow_symlinks=False):
            found = _in_folder(Path(entry.path), submission)
        elif entry.is_file(follow_symlinks=False) and entry.name.lower().endswith(".zip"):
            found = _in_zip(Path(entry.path), submission)
        else:
            what = "a link" if entry.is_symlink() else "a file" if entry.is_file() else "something else"
            submission.remark(f"expected a folder or a zip file, found {what}")
            return submission
        for name, content in found:
            if len(submission.files) == MOST_FILES:
                submission.remark(f"more than {MOST_FILES} files: the others are left out")
                break
            total += len(content)
            if total > MOST_TOTAL:
                submission.remark(f"more than {MOST_TOTAL // 2**20} MB in all: the others are left out")
                break
            submission.files[name] = content
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        submission.remark(f"cannot be read: {plain(error, 120)}")
    _raise_to_top(submission)
    return submission


def _in_folder(top: Path, submission: Submission) -> Iterator[tuple[str, bytes]]:
    """Paths below a folder and what they hold, nearest first."""
    folders, seen = [(top, 0)], 0
    for folder, depth in folders:  # it grows on the way
        for entry in sorted(os.scandir(folder), key=_by_name):
            seen += 1
            if seen > MOST_ENTRIES:
                submission.remark(f"more than {MOST_ENTRIES} files and folders: the others are left out")
                return
            name = Path(entry.path).relative_to(top).as_posix()
            if entry.is_symlink():
                submission.remark(f"{plain(name, 80)} is a link, which is not followed")
            elif entry.is_dir():
                if depth < MOST_DEPTH and not entry.name.startswith((".", "__")):
                    folders.append((Path(entry.path), depth + 1))
            elif _wanted(name, submission):
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(descriptor, "rb") as stream:
                    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                        submission.remark(f"{plain(name, 80)} is not a file")
                        continue
                    content = stream.read(MOST_BYTES + 1)
                if _small(name, content, submission):
                    yield name, content


def _in_zip(path: Path, submission: Submission) -> Iterator[tuple[str, bytes]]:
    """The same of a zip file."""
    if path.stat().st_size > MOST_ZIP:
        submission.remark(f"larger than {MOST_ZIP // 2**20} MB")
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist()[:MOST_ENTRIES]:
            mode = info.external_attr >> 16
            if stat.S_ISLNK(mode):
                submission.remark(f"{plain(info.filename, 80)} is a link, which is not followed")
            elif not info.is_dir() and _wanted(name := info.filename.replace("\\", "/"), submission):
                with archive.open(info) as stream:
                    content = stream.read(MOST_BYTES + 1)
                if _small(name, content, submission):
                    yield name, content


def _wanted(name: str, submission: Submission) -> bool:
    """Whether a path is a Python file that can be imported, or the learner's state."""
    *folders, file = name.split("/")
    if not file.endswith((".py", STATE)) or file.startswith(".") or any(one.startswith("__") for one in folders):
        return False
    fits = file == STATE or file.removesuffix(".py").isidentifier()
    if not fits or len(os.fsencode(file)) > 200 or len(folders) > MOST_DEPTH or {"", ".", ".."} & {*folders}:
        submission.remark(f"{plain(name, 80)} is left out: no Python file that could be imported is called so")
        return False
    return True


def _small(name: str, content: bytes, submission: Submission) -> bool:
    if len(content) > MOST_BYTES:
        submission.remark(f"{plain(name, 80)} is larger than {MOST_BYTES // 2**20} MB: left out")
    return len(content) <= MOST_BYTES


def _raise_to_top(submission: Submission) -> None:
    """Where the units lie in a folder below, take that: whoever packs a folder packs it with its name."""
    homes: dict[str, int] = {}
    for name in submission.files:
        home, file = PurePosixPath(name).parent.as_posix(), PurePosixPath(name).name
        if file == STATE or file in UNITS:
            homes[home] = homes.get(home, 0) + 1
    if not homes:
        submission.remark("no file of the course is in it")
        return
    home = "." if "." in homes else max(homes, key=lambda one: homes[one])
    if len(homes) > 1:
        submission.remark(f"{len(homes)} folders hold units: taken is {plain(home, 80)}")
    inside = "" if home == "." else f"{home}/"
    submission.files = {
        below: content
        for name, content in submission.files.items()
        if name.startswith(inside) and _is_package(below := name.removeprefix(inside))
    }


def _is_package(name: str) -> bool:
    """Whether the folders of a path could be imported; no other name is written to the disk."""
    return all(len(part.encode()) <= 200 for part in name.split("/") if part.isidentifier()) and all(
        part.isidentifier() for part in name.split("/")[:-1]
    )


def flag_shared_ids(submissions: Sequence[Submission]) -> None:
    """Say where several learners hand in one id: one of them has the other's folder."""
    owners: dict[str, list[Submission]] = {}
    for submission in submissions:
        if submission.learner is not None:
            owners.setdefault(submission.learner.id, []).append(submission)
    for same in owners.values():
        for submission in same:
            others = [other.name for other in same if other is not submission]
            if others:
                submission.remark(
                    f"has the same id as {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}"
                )

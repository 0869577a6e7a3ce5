"""Paths, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path for a temporary file beside ``path``, which takes its place when the block ends without an error.

    So nobody ever sees half a file, and after a failure, be it a full disk or the end of the process, the former file
    is still there, whole.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: expected a folder to write into, found no {path.parent}. Make it first.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote ``path``."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Ask the disk to keep the new name too; where a system has no such request, it keeps names by itself."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_path(who: str, path: Any, *endings: str) -> Path:
    """``path`` as a `Path` that ends as Keras wants it, in one of the ``endings``, the usual one first."""
    ending = endings[0]
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{who}: expected a path, received {path!r}. Pass a name such as 'model{ending}'.")
    if not os.fspath(path).endswith(endings):
        raise ValueError(
            f"{who}: expected a path that ends in {' or '.join(endings)}, received "
            f"{os.fspath(path)!r}. Name it model{ending}, for example."
        )
    return Path(path)


def check_free(who: str, path: Path, overwrite: bool) -> None:
    """Whether a file may be written: always, or only where there is none yet."""
    if not overwrite and path.exists():
        raise FileExistsError(f"{who}: expected no file, found {path}. Pass overwrite=True or choose another name.")


def shorten(reason: BaseException | str, length: int = 500) -> str:
    """A message in one line, its middle left out where somebody wrote megabytes into a file."""
    line = " ".join(str(reason).split())
    return line if len(line) <= length else f"{line[: length // 2]} … {line[-length // 2 :]}"

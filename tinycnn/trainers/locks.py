"""Locks: two processes that write the same files would remove each other's work."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import IO

from tinycnn.files import shorten

_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_UNSUPPORTED = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}  # as on some network shares


class Lock:
    """A lock file that one process at a time can hold; in it stands which one.

    The lock is the operating system's and belongs to the open file: it ends with its process, however that ends. What a
    process that was killed leaves behind is a file that nobody holds, which stops nobody.

    Args:
        path: the lock file, in a folder that is there.
        folder: what the lock protects, for messages.
    """

    def __init__(self, path: Path, folder: Path):
        self.path, self.folder = path, folder
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock; on a file system without locks go on without, after a warning.

        Raises:
            BlockingIOError: another one holds it; the message says who.
            OSError: the lock file cannot be made.
        """
        while not self.held:
            file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            try:
                _lock(file)
            except OSError as error:
                with file:
                    self._explain(error, file)
                return
            if _is_at(self.path, file):
                self._file = file
                _sign(file)
            else:  # its last holder has just removed it, and the next process will make another one
                file.close()

    def release(self) -> None:
        """Give the lock back and remove its file; without effect where it is not held."""
        file, self._file = self._file, None
        if file is not None:
            if sys.platform == "win32":  # where an open file cannot be removed
                file.close()
            with file, contextlib.suppress(OSError):  # the folder may be gone; a file that is left stops nobody
                self.path.unlink()

    def _explain(self, error: OSError, file: IO[bytes]) -> None:
        """What to do where the lock was not to be had."""
        if error.errno in _TAKEN:
            raise BlockingIOError(
                f"expected no other process to use the folder {self.folder}, found {_holder(file)}. "
                "Wait for its end, or choose another folder."
            ) from error
        if error.errno not in _UNSUPPORTED:
            raise error
        warnings.warn(
            f"{self.folder}: expected a file system with locks, received one without ({error.strerror}). "
            "Take care that no other process uses this folder.",
            RuntimeWarning,
            stacklevel=3,
        )
        with contextlib.suppress(OSError):
            self.path.unlink()


def _sign(file: IO[bytes]) -> None:
    """Write down who holds the lock; it holds without that too, on a full disk."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError):
        file.truncate(0)
        os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}, since {now}\n".encode())


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    return shorten(file.read(300).decode("utf-8", "replace"), 200) or "one that has not said its name"


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(2**30)  # beyond the text, which others may then read
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

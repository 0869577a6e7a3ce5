"""Compiled code that is kept in files from one process to the next, and when such a file counts.

Compiling the fast kernels takes half a minute, so Numba's code for each kernel and signature is kept in a file, and so
are the functions of ``llvm_functions.py``. The processor runs what the file holds: one wrong byte is a crash, or
a wrong number. So a file names all that its code depends on (the kernels' texts, versions, processor) and has a
checksum over everything. Whatever is not exactly right counts as absent and is compiled anew: a file cut short or
damaged, of another processor or version, or put there by a stranger. Where no file can be written, everything works
all the same, and one line says why the next process has to compile again.

Files lie in the folder that NUMBA_CACHE_DIR names. Without it, they are looked for in ``tinycnn/kernels/__pycache__``
and in Numba's folder in the user's home, and written to the first of the two that can be written.

Who may put one there? A file counts if it belongs to this user, to root, or to the owner of this text, who could
change the kernels as well. In a folder that belongs to one of them and is not open to everybody, all files count: its
owner chose who may write there. So a group can share a folder, and nothing is taken from strangers in ``/tmp``.

Numba has a cache of its own, but it takes what it finds: it has no checksum, fails where a file is cut short, and two
processes that compile one function for two types at a time can exchange its files.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import struct
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba import config
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from tinycnn.kernels.engine.compiling import follow_the_plan, say

MAGIC = b"tinycnn kept code 1\n"
HEAD = struct.Struct(f"<{len(MAGIC)}s32sQQ")  # magic, sha256 of all that follows it, lengths of the key and of the code

LARGEST = 1 << 28  # bytes of code; a kernel has some 100,000

# What Numba compiles for: this processor, or what NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say.
TRIPLE, CPU, FEATURES = cpu_target.target_context.codegen().magic_tuple()

_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "USING_SVML")
MACHINE = "\n".join(
    [
        f"Python {sys.version}",
        f"Numba {numba.__version__}, llvmlite {llvmlite.__version__}, LLVM {binding.llvm_version_info}",
        f"NumPy {np.__version__}",
        f"processor {TRIPLE} {CPU} {FEATURES}",
        *(f"{name} {getattr(config, name, None)}" for name in _SETTINGS),
    ]
)

_KERNELS = Path(__file__).parents[1]
# Read while the kernels are being imported: what is compiled later comes from these texts.
_TEXTS = [file.read_bytes() for file in sorted(_KERNELS.rglob("*.py"))]
TEXT = hashlib.sha256(b"".join(hashlib.sha256(text).digest() for text in _TEXTS)).hexdigest()

_said = False


def folders() -> list[Path]:
    """Where kept files may lie, in the order in which they are looked for."""
    given = getattr(config, "CACHE_DIR", "")  # NUMBA_CACHE_DIR
    if given:
        return [Path(given)]
    home = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    # Where the system knows no home, its name stays "~", which would be a folder wherever the program runs.
    return [_KERNELS / "__pycache__", *([home] if home.is_absolute() else [])]


def file_name(title: str, key: str) -> str:
    """One name for each processor, version and key, so that two processes never mean different code by one name."""
    mark = hashlib.sha256(f"{MACHINE}\n{key}".encode()).hexdigest()[:20]
    return f"{title}-{mark}.kept"


def whole_key(title: str, key: str) -> bytes:
    """All that kept code depends on."""
    return f"{title}\n{key}\n{MACHINE}\nkernels {TEXT}".encode()


def packed(key: bytes, code: bytes) -> bytes:
    """What a file holds."""
    lengths = struct.pack("<QQ", len(key), len(code))
    return HEAD.pack(MAGIC, hashlib.sha256(lengths + key + code).digest(), len(key), len(code)) + key + code


def read(title: str, key: str) -> bytes | None:
    """The code that is kept under this title and key, or None where there is none, or none that may be run."""
    wanted = whole_key(title, key)
    for folder in folders():
        code = _read_file(folder, _place(folder) / file_name(title, key), wanted)
        if code is not None:
            return code
    return None


def write(title: str, key: str, code: bytes) -> None:
    """Keep the code for other processes, in the first folder that can be written; else say once why not."""
    global _said
    content, failed = packed(whole_key(title, key), code), []
    for folder in folders() if _TEXTS else []:
        try:
            _write_file(_place(folder) / file_name(title, key), content)
            return
        except OSError as error:
            failed.append(f"{folder} ({error.strerror or error})")
    if not _said:
        _said = True
        say(
            f"tinycnn: expected a folder in which compiled kernels can be kept, received {', '.join(failed)}. "
            "All works, but each process compiles anew: set NUMBA_CACHE_DIR to a folder that can be written."
        )


def can_be_kept() -> bool:
    """Whether one of the folders can be written: seen by writing into it."""
    for folder in folders() if _TEXTS else []:
        probe = _place(folder) / f"probe.{uuid.uuid4().hex[:16]}"
        with suppress(OSError):
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
            return True
    return False


def _place(folder: Path) -> Path:
    """Where several programs share a folder, each copy of tinycnn has one of its own in it."""
    if folder.parent == _KERNELS:
        return folder
    return folder / f"tinycnn_{hashlib.sha256(str(_KERNELS).encode()).hexdigest()[:16]}"


def _read_file(folder: Path, file: Path, wanted: bytes) -> bytes | None:
    try:
        # A pipe of that name would never end.
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode) or not _is_trusted(status, folder, file):
                return None
            head = stream.read(HEAD.size)
            if len(head) < HEAD.size:
                return None
            magic, checksum, key_length, code_length = HEAD.unpack(head)
            lengths_fit = HEAD.size + key_length + code_length == status.st_size and code_length < LARGEST
            if magic != MAGIC or key_length != len(wanted) or not lengths_fit or stream.read(key_length) != wanted:
                return None
            code = stream.read(code_length)
    except (OSError, ValueError):  # a name that no file can have is a ValueError
        return None
    lengths = head[-16:]
    return code if hashlib.sha256(lengths + wanted + code).digest() == checksum else None


def _is_trusted(status: os.stat_result, folder: Path, file: Path) -> bool:
    """Whether nobody can have written the file but those who may: see the top of this text."""
    if not hasattr(os, "geteuid"):
        return True  # Windows: by default nobody else may write in a user's folders
    trusted = {os.geteuid(), 0, os.stat(__file__).st_uid}
    if status.st_uid in trusted:
        return True
    around = [os.stat(folder), os.stat(file.parent), status]
    return around[0].st_uid in trusted and not any(it.st_mode & stat.S_IWOTH for it in around)


def _write_file(file: Path, content: bytes) -> None:
    """All of the file or nothing, also where several processes write it at a time, or the power fails."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{uuid.uuid4().hex[:16]}")
    try:
        # Readable for all and writable for the group as far as the user's umask lets it be.
        with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o664)) as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


class KeptKernel:
    """What Numba asks of the cache of one function: code for the types of its arguments.

    ``before_loading(code)`` makes known what the code calls.
    """

    def __init__(self, function: Any, before_loading: Callable[[bytes], None]):
        title = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self.title = title.replace("<", "").replace(">", "")  # of "<locals>"; Windows allows no such file
        self.before_loading = before_loading

    @property
    def cache_path(self) -> str:
        return str(_place(folders()[0]))

    def is_kept(self, signature: Any) -> bool:
        return read(self.title, str(signature)) is not None

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        code = read(self.title, str(signature))
        if code is None:
            follow_the_plan()
            code = read(self.title, str(signature))
        if code is None:
            return None
        self.before_loading(code)
        target_context.refresh()
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(code))
        except Exception:  # whatever it is that is wrong with it, compiling helps
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        if not result.library.has_dynamic_globals:  # addresses of this process
            write(self.title, str(signature), dumps(result._reduce()))

    def flush(self) -> None:
        """Forget all that is kept of this function."""
        for folder in folders():
            for file in _place(folder).glob(f"{self.title}-*.kept"):
                with suppress(OSError):
                    file.unlink()

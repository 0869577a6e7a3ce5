"""Compiled code in files: what counts, what is absent, and what happens where nothing can be kept."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

import fuzz_kept_code as fuzz

from tinycnn.kernels.engine import kept_code as kept

is_root = hasattr(os, "geteuid") and os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="needs root, to act as several users")
needs_users = pytest.mark.skipif(
    not is_root
    or not shutil.which("setpriv")
    or subprocess.run([*fuzz.STRANGER_RUNS, sys.executable, "-c", "import numba"], capture_output=True).returncode != 0,
    reason="needs root, setpriv and a Python that other users can run",
)
KEY = "(array(float32, 1d, C), int64)"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where kept files lie when NUMBA_CACHE_DIR is the test's folder."""
    monkeypatch.setattr(kept.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kept, "_said", False)
    return kept._place(tmp_path)


@pytest.fixture
def open_folder():
    """One that other users may look into, which they may not into pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_what_is_written_is_read_and_nothing_else(place, capsys):
    assert kept.read("conv2d.forward", KEY) is None
    kept.write("conv2d.forward", KEY, b"code")
    assert kept.read("conv2d.forward", KEY) == b"code"
    assert kept.read("conv2d.forward", KEY.replace("32", "64")) is None
    assert kept.read("conv2d.backward", KEY) is None
    kept.write("conv2d.forward", KEY, b"other code")
    assert kept.read("conv2d.forward", KEY) == b"other code"
    assert [file.name for file in place.iterdir()] == [kept.file_name("conv2d.forward", KEY)]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["MACHINE", "TEXT"])
def test_another_processor_version_or_text_is_absent(place, monkeypatch, name):
    """Even under the same name: the file itself says what it is of."""
    kept.write("conv2d.forward", KEY, b"code")
    (file,) = place.iterdir()
    monkeypatch.setattr(kept, name, "another")
    monkeypatch.setattr(kept, "file_name", lambda title, key: file.name)
    assert kept.read("conv2d.forward", KEY) is None
    monkeypatch.undo()


def test_the_key_names_all_that_code_depends_on():
    import llvmlite
    import numba
    import numpy as np

    key = kept.whole_key("conv2d.forward", KEY).decode()
    for part in ("conv2d.forward", KEY, sys.version, f"Numba {numba.__version__}", f"llvmlite {llvmlite.__version__}",
                 f"LLVM {kept.binding.llvm_version_info}", np.__version__, kept.TRIPLE, kept.CPU, kept.FEATURES,
                 kept.TEXT):  # fmt: skip
        assert part in key


@pytest.mark.slow
def test_any_change_of_a_text_of_the_kernels_changes_the_mark(tmp_path):
    """Also of those that are not compiled: constants are taken from some of them."""
    marks = set()
    for changed in (None, "dropout.py", "engine/winograd.py"):
        copy = tmp_path / str(changed)
        shutil.copytree(fuzz.ROOT / "tinycnn", copy / "tinycnn", ignore=shutil.ignore_patterns("__pycache__"))
        if changed:
            with (copy / "tinycnn" / "kernels" / changed).open("a") as stream:
                stream.write("# another text\n")
        code = "from tinycnn.kernels.engine import kept_code; print(kept_code.TEXT)"
        done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=True)
        marks.add(done.stdout)
    assert len(marks) == 3


def test_damaged_files_are_absent_and_replaced(place, tmp_path):
    contents = [
        kept.packed(kept.whole_key(title, key), os.urandom(3000) + key.encode())
        for title in ("conv2d.forward", "llvm_functions") for key in ("float32", "float64")
    ]  # fmt: skip
    done = fuzz.loader_cases(contents, 40 * len(fuzz.WAYS), seed=3, folder=tmp_path)
    assert {name.partition(",")[0] for name in done} == {how.__name__ for how in fuzz.WAYS}
    place.mkdir(exist_ok=True)
    (place / kept.file_name("conv2d.forward", KEY)).write_bytes(b"no code")
    assert kept.read("conv2d.forward", KEY) is None
    kept.write("conv2d.forward", KEY, b"code")
    assert kept.read("conv2d.forward", KEY) == b"code"


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0])
def test_files_follow_the_umask_but_are_never_open_to_all(place, umask):
    before = os.umask(umask)
    try:
        kept.write("conv2d.forward", KEY, b"code")
    finally:
        os.umask(before)
    (file,) = place.iterdir()
    assert file.stat().st_mode & 0o777 == 0o664 & ~umask


@needs_root
def test_whose_files_count(place, tmp_path):
    kept.write("conv2d.forward", KEY, b"code")
    (file,) = place.iterdir()

    def taken(owner: int, mode: int = 0o644, of_place: int = 0o755, of_folder: int = 0o755, folder_owner: int = 0):
        os.chown(file, owner, owner)
        os.chown(tmp_path, folder_owner, folder_owner)
        for path, its_mode in ((file, mode), (place, of_place), (tmp_path, of_folder)):
            os.chmod(path, its_mode)
        return kept.read("conv2d.forward", KEY) is not None

    assert taken(0)
    assert taken(0, mode=0o666, of_place=0o777)  # some file systems know no other mode
    assert taken(fuzz.STRANGER)  # who was let into a folder of ours
    assert taken(fuzz.STRANGER, mode=0o664, of_place=0o2775, of_folder=0o2775)
    assert not taken(fuzz.STRANGER, mode=0o666)
    assert not taken(fuzz.STRANGER, of_place=0o777)
    assert not taken(fuzz.STRANGER, of_folder=0o1777)
    assert not taken(fuzz.STRANGER, folder_owner=fuzz.STRANGER)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_is_said_once_and_leaves_nothing(place, tmp_path, monkeypatch, capsys, step):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept.write("conv2d.forward", KEY, b"old code")
    monkeypatch.setattr(kept.os, step, full)
    kept.write("conv2d.forward", KEY, b"code")
    kept.write("conv2d.backward", KEY, b"code")
    assert capsys.readouterr().err == (
        f"tinycnn: expected a folder in which compiled kernels can be kept, received {tmp_path} (No space left on "
        "device). All works, but each process compiles anew: set NUMBA_CACHE_DIR to a folder that can be written.\n"
    )
    assert len(list(place.iterdir())) == 1
    assert kept.read("conv2d.forward", KEY) == b"old code"


def test_a_line_that_cannot_be_written_either_ends_nothing(place, monkeypatch):
    """As with ``2> log`` on the disk that is full."""

    class Full:
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = write

    place.parent.rmdir()
    place.parent.touch()
    monkeypatch.setattr(sys, "stderr", Full())
    kept.write("conv2d.forward", KEY, b"code")
    assert kept._said


def test_an_interrupted_write_leaves_nothing(place, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kept.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kept.write("conv2d.forward", KEY, b"code")
    assert list(place.iterdir()) == []


def test_without_a_setting_both_folders_are_looked_in(tmp_path, monkeypatch):
    monkeypatch.setattr(kept.config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    beside, home = kept.folders()
    assert beside == Path(kept.__file__).parents[1] / "__pycache__"
    assert home == tmp_path / "numba"
    full = tmp_path / "a file, not a folder"
    full.touch()
    monkeypatch.setattr(kept, "folders", lambda: [full, home])
    kept.write("conv2d.forward", KEY, b"code")
    assert kept.read("conv2d.forward", KEY) == b"code"
    assert [file.parent for file in home.rglob("*.kept")] == [kept._place(home)]


def test_a_home_that_is_not_known_is_no_folder(monkeypatch):
    monkeypatch.setattr(kept.config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(kept.AppDirs, "user_cache_dir", "~/.cache/numba")
    assert kept.folders() == [Path(kept.__file__).parents[1] / "__pycache__"]


@pytest.mark.jit
def test_numba_takes_this_cache(place):
    """What Numba asks of a cache is not among what it promises to keep as it is."""
    from tinycnn.kernels.engine import threads

    def function(part, x):
        x[part] += 1

    x, known, title = np.zeros(1), [], "test_kept_code.test_numba_takes_this_cache.locals.function"
    first, second = (threads.parallel_njit(function) for _ in range(2))
    first(1, x)
    assert x == 1
    (file,) = place.iterdir()
    signature = "(int64, bool, Array(float64, 1, 'C', False, aligned=True))"
    assert kept.read(title, signature) is not None
    second.entry._cache.before_loading = known.append
    second(1, x)
    assert x == 2
    assert second.entry.stats.cache_hits.total() == 1
    assert second.entry.stats.cache_path == str(place)
    assert len(known) == 1

    # A whole file that Numba cannot read counts as absent too.
    kept.write(title, signature, b"no pickle")
    third = threads.parallel_njit(function)
    third(1, x)
    assert x == 3
    assert third.entry.stats.cache_misses.total() == 1
    third.entry.recompile()
    third(1, x)
    assert x == 4
    third.entry._cache.flush()
    assert not file.exists()


@pytest.mark.jit
def test_two_types_compiled_at_a_time_are_kept_apart(place):
    """Numba's own index says float64 where the file holds float32, if two processes do this at the same moment."""
    from tinycnn.kernels.engine import threads

    def function(part, x):
        x[part] *= 2

    floats, integers = np.array([1.5]), np.array([3])
    processes = [threads.parallel_njit(function) for _ in range(2)]
    processes[0](1, floats)
    processes[1](1, integers)
    again = threads.parallel_njit(function)
    again(1, floats)
    again(1, integers)
    assert (floats, integers) == (6.0, 12)
    assert again.entry.stats.cache_hits.total() == 2


@needs_users
@pytest.mark.jit
def test_import_and_help_where_nothing_can_be_written(open_folder):
    """As in a container that runs under any user id: neither the package nor a home can be written."""
    package = open_folder / "package"
    shutil.copytree(fuzz.ROOT / "tinycnn", package / "tinycnn", ignore=shutil.ignore_patterns("__pycache__"))
    variables = {k: v for k, v in os.environ.items() if k not in ("HOME", "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT")}
    variables |= {"PYTHONPATH": str(package), "MPLCONFIGDIR": "/nonexistent"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        command = (*fuzz.STRANGER_RUNS, sys.executable, *command)
        return subprocess.run(command, env=variables, cwd="/", capture_output=True, text=True, timeout=300)

    imported = run("-c", "import tinycnn")
    assert (imported.returncode, imported.stderr) == (0, "")
    assert run("-m", "tinycnn.train", "--help").returncode == 0
    used = run("-c", "import numpy as np; from tinycnn.kernels import FAST\n"
               "print(FAST.activations['relu'].forward(np.ones((2, 3), np.float32)).sum(),\n"
               "FAST.softmax_crossentropy(np.ones((2, 3), np.float32), np.array([0, 1]))[0].shape)")  # fmt: skip
    assert used.returncode == 0, used.stderr
    assert used.stdout == "6.0 (2, 3)\n"
    compiling, cannot = used.stderr.splitlines()
    assert "compiling the fast kernels" in compiling
    assert re.search(r"received .*__pycache__ \(Permission denied\)\. .*set NUMBA_CACHE_DIR to a folder", cannot)


@pytest.mark.jit
@pytest.mark.slow
def test_training_on_damaged_folders(open_folder):
    full = open_folder / "full"
    expected = fuzz.filled_folder(full)
    for seed in range(2):
        fuzz.training_case(full, expected, seed, open_folder)

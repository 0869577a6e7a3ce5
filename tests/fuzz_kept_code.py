"""Kept code that is damaged, exchanged, foreign or cannot be written: never a crash, and always the right bits.

``python tests/fuzz_kept_code.py --cases 10000 --trainings 40 --seed 0`` runs many cases; test_kept_code.py a few.

Most cases damage one file in one of the ways of `WAYS` and ask the loader for it: it must say that there is none,
unless not one byte has changed. A training case damages several files of a folder at once, trains on one batch in a
process of its own, and compares the weights with those of an undamaged folder, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tinycnn.kernels.engine import kept_code as kept

ROOT = Path(__file__).parents[1]
STRANGER = 4444  # a user and group that no system has
STRANGER_RUNS = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
ONE_BATCH = """
import hashlib, numpy as np, tinycnn
from tinycnn import models
tinycnn.set_random_seed(3)
rng = np.random.default_rng(0)
model = models.batch_normalization()
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(rng.random((32, 28, 28, 1), dtype=np.float32), rng.integers(0, 10, 32), verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""

Mutate = Callable[[random.Random, Path, list[Path]], None]


def title_and_key(content: bytes) -> tuple[str, str]:
    """What a whole file is read with."""
    *_, key_length, _ = kept.HEAD.unpack(content[: kept.HEAD.size])
    title, key = content[kept.HEAD.size :][:key_length].decode().split("\n")[:2]
    return title, key


def code_of(content: bytes) -> bytes:
    *_, key_length, _ = kept.HEAD.unpack(content[: kept.HEAD.size])
    return content[kept.HEAD.size + key_length :]


# --- ways to spoil a file -----------------------------------------------------------------------------------------


def truncated(r: random.Random, file: Path, others: list[Path]) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: r.choice([0, 1, 100, len(content) // 2, len(content) - 1, r.randrange(len(content))])])


def flipped(r: random.Random, file: Path, others: list[Path]) -> None:
    content = bytearray(file.read_bytes())
    inside = len(content) if r.random() < 0.7 else kept.HEAD.size
    for place in r.sample(range(inside), r.choice([1, 1, 2, 8])):
        content[place] ^= 1 << r.randrange(8)
    file.write_bytes(content)


def overwritten(r: random.Random, file: Path, others: list[Path]) -> None:
    content = bytearray(file.read_bytes())
    start = r.randrange(len(content))
    count = min(r.choice([1, 4096, len(content)]), len(content) - start)
    filling = r.choice([b"\0" * count, r.randbytes(count), (b"some text " * count)[:count]])
    content[start : start + count] = filling
    file.write_bytes(content)


def replaced(r: random.Random, file: Path, others: list[Path]) -> None:
    size = file.stat().st_size
    file.write_bytes(r.choice([b"", b"\0" * size, r.randbytes(size), b"text\n" * 99, code_of(file.read_bytes())]))


def lengthened(r: random.Random, file: Path, others: list[Path]) -> None:
    if r.random() < 0.5:
        file.write_bytes(file.read_bytes() + r.randbytes(r.choice([1, 4096])))
    else:
        os.truncate(file, r.choice([1 << 20, 1 << 40]))  # a file with a hole, which takes no room


def other_head(r: random.Random, file: Path, others: list[Path]) -> None:
    """Numbers in the head that promise what is not there; the checksum as it was, or right."""
    content = file.read_bytes()
    magic, checksum, *lengths = kept.HEAD.unpack(content[: kept.HEAD.size])
    lengths[r.randrange(2)] = r.choice([0, 1, 1 << 31, (1 << 64) - 1, len(content)])
    rest = kept.HEAD.pack(magic, checksum, *lengths)[-16:] + content[kept.HEAD.size :]
    if r.random() < 0.5:
        checksum = hashlib.sha256(rest).digest()
    file.write_bytes(magic + checksum + rest)


def exchanged(r: random.Random, file: Path, others: list[Path]) -> None:
    """A whole file of another kernel, or of the same one for another type."""
    file.write_bytes(r.choice(others).read_bytes())


def of_another_setting(r: random.Random, file: Path, others: list[Path]) -> None:
    """A whole and right file of another processor, version, text or type, under this name."""
    content = file.read_bytes()
    key = kept.whole_key(*title_and_key(content)).decode()
    there = [
        (pattern, by)
        for pattern, by in (
            (r"processor \S+", "processor aarch64-unknown-linux-gnu"),
            (re.escape(kept.CPU), "haswell"),
            (r"\+(?=sse2|neon)", "-"),
            (r"LLVM \(\d+", "LLVM (1"),
            (r"llvmlite \S+", "llvmlite 0.0.1,"),
            (r"Numba \S+", "Numba 0.1,"),
            (r"NumPy \S+", "NumPy 0.1"),
            (r"Python 3\.\d+", "Python 3.0"),
            (r"kernels \w+", "kernels " + hashlib.sha256(r.randbytes(8)).hexdigest()),
            (r"float(32|64)", "float16"),
            (r"OPT \S+", "OPT 0"),
        )
        if re.search(pattern, key)
    ]
    pattern, by = r.choice(there)
    file.write_bytes(kept.packed(re.sub(pattern, by, key, count=1).encode(), code_of(content)))


def not_a_file(r: random.Random, file: Path, others: list[Path]) -> None:
    file.unlink()
    r.choice([
        lambda: None, file.mkdir, lambda: os.mkfifo(file), lambda: file.symlink_to(file.parent / "nothing"),
        lambda: file.symlink_to(file), lambda: file.symlink_to("/dev/zero"), lambda: file.symlink_to(file.parent),
    ])()  # fmt: skip


def foreign(r: random.Random, file: Path, others: list[Path]) -> None:
    """Another user's file in a folder that everybody may write."""
    os.chown(file, STRANGER, STRANGER)
    os.chmod(file.parent, 0o1777)


def open_to_all(r: random.Random, file: Path, others: list[Path]) -> None:
    os.chown(file, STRANGER, STRANGER)
    os.chmod(file, 0o666)


WAYS: list[Mutate] = [
    truncated, flipped, overwritten, replaced, lengthened, other_head, exchanged, of_another_setting, not_a_file,
]  # fmt: skip
if hasattr(os, "geteuid") and os.geteuid() == 0:
    WAYS += [foreign, open_to_all]


# --- cases --------------------------------------------------------------------------------------------------------


@contextmanager
def cache_folder(folder: Path) -> Iterator[Path]:
    """The place of kept files in this process; the folder it lies in is NUMBA_CACHE_DIR."""
    before = kept.config.CACHE_DIR
    kept.config.CACHE_DIR = str(folder)
    try:
        yield kept._place(folder)
    finally:
        kept.config.CACHE_DIR = before


def loader_cases(files: Sequence[bytes], cases: int, seed: int, folder: Path) -> Counter[str]:
    """Damaged files that the loader must refuse, counted by what was done. Raises AssertionError for one it takes."""
    r, done = random.Random(seed), Counter()
    for case in range(cases):
        around = folder / f"case-{case}"
        with cache_folder(around) as place:
            place.mkdir(parents=True)
            chosen = r.sample(files, min(3, len(files)))
            names = [place / kept.file_name(*title_and_key(content)) for content in chosen]
            for name, content in zip(names, chosen, strict=True):
                name.write_bytes(content)
            how = WAYS[case % len(WAYS)]
            how(r, names[0], names[1:])
            found = kept.read(*title_and_key(chosen[0]))
            is_whole = how not in (foreign, open_to_all) and names[0].is_file() and same(names[0], chosen[0])
            assert found == (code_of(chosen[0]) if is_whole else None), (case, how.__name__, around)
            for content in chosen[1:]:
                neighbour = kept.read(*title_and_key(content))
                assert neighbour == code_of(content), (case, how.__name__, "neighbour", around)
            done[how.__name__ + (", no byte changed" if is_whole else "")] += 1
        shutil.rmtree(around)
    return done


def same(file: Path, content: bytes) -> bool:
    return file.stat().st_size == len(content) and file.read_bytes() == content


def train(folder: Path, *before: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """One batch in a new process, whose files are at most ``limit`` bytes long."""
    code = ONE_BATCH
    if limit is not None:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n{ONE_BATCH}"
    variables = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"}
    variables |= {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*before, sys.executable, "-c", code]
    return subprocess.run(command, env=variables, capture_output=True, text=True, cwd="/", timeout=600)


def filled_folder(folder: Path) -> str:
    """Let a process compile into this folder, or take what is kept already; returns the weights' checksum."""
    place = kept._place(folder)
    place.mkdir(parents=True, exist_ok=True)
    for source in kept.folders():
        for file in kept._place(source).glob("*.kept"):
            title, key = title_and_key(file.read_bytes())
            if kept.read(title, key) is not None:  # of these texts
                shutil.copy(file, place)
    done = train(folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def training_case(full: Path, expected: str, seed: int, folder: Path, ways: Sequence[str] = ()) -> str:
    """Damage some files of a copy of the full folder, train on it, twice; returns what was done."""
    r = random.Random(seed)
    around = folder / f"training-{seed}"
    shutil.copytree(full, around)
    place = kept._place(around)
    files = sorted(place.iterdir())
    # Those that are kept apart from the kernels which call them; the others that a first batch loads.
    own = [file for file in files if file.name.startswith("llvm_functions")]
    loaded = re.compile(r"\.(forward|backward|_adam|_forward|softmax_crossentropy)-")
    kernels = [file for file in files if loaded.search(file.name)]
    chosen = [*own] * (r.random() < 0.7) + r.sample(kernels, r.choice([0, 1, 1, 2]))
    done = []
    for file in chosen or own:
        how = r.choice(WAYS)
        how(r, file, [other for other in files if other != file and other.is_file()])
        done.append(f"{how.__name__} {file.name.split('-')[0]}")
    mode = r.choice(ways or MODES)
    done.append(mode)
    before: list[str] = []
    if mode == "read-only, another user":
        os.chmod(around, 0o755)
        before = STRANGER_RUNS
    for again in range(2):
        result = train(around, *before, limit=20_000 if mode == "files cannot grow" else None)
        said = result.stderr.splitlines()
        assert result.returncode == 0, (done, around, result.returncode, result.stderr)
        assert result.stdout == expected, (done, around, result.stdout)
        lines = [line for line in said if "compiling the fast kernels" not in line]
        assert len(said) - len(lines) <= 1, (done, around, said)
        assert len(lines) <= 1, (done, around, said)
        assert all(str(around) in line for line in lines), (done, around, said)
        if again and mode == "writable" and not any(path.is_dir() for path in place.iterdir()):
            assert said == [], (done, around, said)  # what was damaged has been compiled and kept again
    shutil.rmtree(around)
    return ", ".join(done)


MODES = ["writable", "files cannot grow"]
if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("setpriv"):
    MODES.append("read-only, another user")


def main(arguments: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", type=int, default=10_000)
    p.add_argument("--trainings", type=int, default=40)
    p.add_argument("--seed", type=int, default=0)
    given = p.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)
        folder, full = Path(temporary), Path(temporary) / "full"
        expected = filled_folder(full)
        files = [file.read_bytes() for file in sorted(kept._place(full).glob("*.kept"))]
        for name, count in sorted(loader_cases(files, given.cases, given.seed, folder).items()):
            print(f"{count:6} {name}", flush=True)
        for number in range(given.trainings):
            print(training_case(full, expected, given.seed + number, folder), flush=True)
    print(f"{given.cases} cases and {given.trainings} trainings: no crash, right bits")


if __name__ == "__main__":
    main()

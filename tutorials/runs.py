"""Many independent runs: over the cores of this machine or over a Dask cluster, each kept in a file, none made twice.

The process that asks is the only one that writes. A run comes back to it as a value and goes into FOLDER/NAME.json,
whole or not at all: what is lost with a worker, or with everything, leaves nothing behind, and is made again.

Every run has a fresh process of its own. So its number of threads is settled before a library starts them, tinycnn and
TensorFlow never share one, and a run that crashes takes nothing with it. The process ends when the one that asked does.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import tinycnn
from tinycnn.files import replacing, shorten
from tinycnn.trainers.interrupt import sigterm_like_ctrl_c

from .machine import machine

Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
BENCHMARKS = (Path(__file__).with_name("benchmarks"), ROOT / "benchmarks" / "results")  # installed, in the repository
THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Batch:
    """Runs that belong together.

    Attributes:
        function: what makes a run, as "package.module:name"; its arguments are ``settings`` and the run's own.
        settings: arguments that all runs have in common, and all files in the folder.
        runs: the arguments of each run, by the name of its file.
        folder: where the files are.
    """

    function: str
    settings: Json
    runs: Mapping[str, Json]
    folder: Path


class RunError(Exception):
    """A run could not be made, or its result does not belong to the others."""


# Files


def benchmark(name: str) -> Any:
    """What ``python -m benchmarks.NAME`` has measured."""
    path = next(folder / f"{name}.json" for folder in BENCHMARKS if folder.is_dir())
    return json.loads(path.read_text(encoding="utf-8"))


def read(folder: Path, settings: Json | None = None) -> dict[str, Json]:
    """All results in a folder, by name; they must share their settings, the versions of all packages and their `code`.

    Args:
        settings: what theirs must be, and with it the versions must be those that are installed here; None for whatever
            they have in common.

    Raises:
        RunError: a file that is no result, or one that was made with other settings, versions or code; names the file.
    """
    results: dict[str, Json] = {}
    expected: Json = {} if settings is None else {"settings": settings}
    versions: dict[str, str] = {}
    texts: Json = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found, packages = dict(record["settings"]), dict(record["versions"])
            text = {"code": record.get("code")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}: expected the result of a run, received {shorten(repr(error))}. "
                "Delete the file, or pass --fresh."
            ) from error
        expected.setdefault("settings", found)
        _check_same(path, "settings", found, expected["settings"])
        if settings is not None:
            versions |= installed(packages)
        versions = packages | versions
        _check_same(path, "versions", packages, {name: versions[name] for name in packages})
        texts = texts or text
        _check_same(path, "texts", text, texts)
        results[path.stem] = record
    return results


def _check_same(path: Path, what: str, found: Json, expected: Json) -> None:
    for name in sorted(found.keys() | expected.keys()):
        one, other = found.get(name), expected.get(name)
        if one != other:
            raise RunError(
                f"{path}: expected a result with the {what} of the others, {name} {other}, received {name} {one}. "
                "Results of two kinds are never mixed: choose another folder with --results, or make all of them anew "
                "with --fresh."
            )


@functools.cache
def code() -> str:
    """A mark of the text of all that a run's numbers depend on here: kernels, layers, losses, optimizers, initializers.

    The name of a version is not enough: between two releases a stream of random numbers may change.
    """
    package = Path(tinycnn.__file__).parent
    files = [package / "initializers.py"]
    for room in ("kernels", "layers", "losses", "optimizers"):
        files += sorted((package / room).rglob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()[:16]


def installed(packages: Sequence[str] | Mapping[str, Any]) -> dict[str, str]:
    """The versions of those packages that are installed here."""
    versions = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = tinycnn.__version__ if name == "tinycnn" else metadata.version(name)
    return versions


def write(path: Path, record: Json) -> None:
    """One line for each part, so that a difference between two files can be read."""
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    with replacing(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# Runs


def exit_status(program: str, work: Callable[[], None]) -> int:
    """Do the work of a command that makes runs; 1 after an error and 130 after a stop, each said in a line."""
    try:
        with sigterm_like_ctrl_c():
            work()
    except (RunError, OSError, ValueError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: stopped. Finished runs are kept; the same command goes on.", file=sys.stderr)
        return 130
    return 0


def complete(
    batch: Batch,
    describe: Callable[[Json], str],
    jobs: int = 1,
    scheduler: str | None = None,
    threads: int | None = None,
    fresh: bool = False,
) -> None:
    """Make the runs that are not in the folder yet.

    Args:
        describe: a few words on a result, for the line that reports it.
        jobs: how many at a time, without a scheduler.
        scheduler: the address of a Dask scheduler, whose workers take over; they need this repository to import from,
            and the data.
        threads: of each run; by default this machine's cores divided by ``jobs``, or 1 on a cluster.
        fresh: make them all, and delete the results that are in the folder.

    Raises:
        RunError: results of other settings or versions in the folder; a run that failed; no scheduler.
    """
    batch.folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        for path in batch.folder.glob("*.json"):
            path.unlink()
    kept = read(batch.folder, batch.settings)
    missing = {name: own for name, own in batch.runs.items() if name not in kept}
    done = len(batch.runs) - len(missing)
    say(f"{done} of {len(batch.runs)} runs are in {batch.folder}")
    if not missing:
        return
    for name, record in kept.items():
        _check_same(batch.folder / f"{name}.json", "texts", {"code": record.get("code")}, {"code": code()})
    if threads is None:
        threads = 1 if scheduler else max(1, (os.cpu_count() or 1) // jobs)
    with _executor(jobs, scheduler) as executor:
        futures = {
            executor.submit(run_in_a_process, batch.function, batch.settings | own, threads): name
            for name, own in missing.items()
        }
        for future in as_completed(futures):
            name = futures.pop(future)
            try:
                result = future.result()
            except Exception as error:
                raise RunError(f"{name}: {error}") from error
            del future  # a cluster makes again what a lost worker still held for someone
            record = {"run": missing[name], "settings": batch.settings} | result
            _check_same(batch.folder / f"{name}.json", "versions", record["versions"], installed(record["versions"]))
            _check_same(batch.folder / f"{name}.json", "texts", {"code": record.get("code")}, {"code": code()})
            write(batch.folder / f"{name}.json", record)
            done += 1
            say(f"{name}: {describe(record)} ({done} of {len(batch.runs)})")


@contextlib.contextmanager
def _executor(jobs: int, scheduler: str | None) -> Iterator[Executor]:
    """Threads that wait for processes: here, or at the workers of a cluster. An error ends what is under way here."""
    if scheduler is None:
        pool = ThreadPoolExecutor(jobs)
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop.set()
            for process in list(_processes):
                process.kill()
            pool.shutdown()
            _stop.clear()
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise RunError(
            "--scheduler: expected the package distributed, found none. Run pip install 'tinycnn[cluster]'."
        ) from error
    try:
        client = Client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise RunError(
            f"--scheduler: expected the address of a Dask scheduler, received {scheduler!r} ({shorten(error)}). "
            "Start one with dask scheduler, which prints its address."
        ) from error
    with client:
        yield client.get_executor(pure=False)


_processes: set[subprocess.Popen[str]] = set()
_stop = threading.Event()


def run_in_a_process(function: str, arguments: Json, threads: int) -> Json:
    """What ``function`` returns for the arguments, from a new process with this many threads."""
    command = [sys.executable, "-m", f"{__package__}.runs", function, json.dumps(arguments)]
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # stays open: its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT if __package__ == "tutorials" else None,  # where that package is found
            env=environment,
        ) as process,
    ):
        _processes.add(process)
        try:
            if _stop.is_set():
                process.kill()
            assert process.stdout is not None
            answer = process.stdout.read()
            code = process.wait()
        finally:
            _processes.discard(process)
        if code != 0:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["it said nothing"])[-1]
            raise RuntimeError(
                f"expected a result, received exit code {code} ({shorten(last)}). What is finished is kept: mend that, "
                "and start again."
            )
    result: Json = json.loads(answer.splitlines()[-1])
    return result


def say(line: str) -> None:
    print(line, flush=True)


# The process of one run


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """``python -m tutorials.runs FUNCTION ARGUMENTS``: one run; its result is the last line that is printed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches all; the parent decides
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    module, _, name = sys.argv[1].partition(":")
    with contextlib.redirect_stdout(sys.stderr):
        result = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    print(json.dumps(result | {"machine": machine(), "code": code()}), flush=True)


if __name__ == "__main__":
    main()

"""Seconds from the start of a process: to the first batch, cold and warm, and of a small whole training run."""

from __future__ import annotations

import json
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import _common
from benchmarks._common import Json
from benchmarks._worker import ROOT, environment, find_mnist


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("startup", sys.argv[1:] if argv is None else argv)
    result |= measure(arguments.rounds or (1 if arguments.quick else 5))
    _common.write_json(target / "startup.json", result)
    plot(result, target / "startup.png")
    for name, seconds in result["seconds"].items():
        print(f"{name}: {_common.spread(seconds)} s")
    return 0


def measure(rounds: int) -> Json:
    with tempfile.TemporaryDirectory() as temporary:
        data = str(Path(temporary) / "data.npz")
        find_mnist(data)
        train = ["-m", "tinycnn.train", "--bn", "--subset", "2000", "--epochs", "1", "--data", "mnist"]
        tasks: dict[str, Callable[[], Json]] = {
            "tinycnn, first batch, cold": cold_start,
            "tinycnn, first batch, warm": partial(run, ["-m", "benchmarks._first_batch", "tinycnn"]),
            "keras, first batch": partial(run, ["-m", "benchmarks._first_batch", "keras"]),
            "tinycnn, train": lambda: run([*train, "--out", tempfile.mkdtemp(dir=temporary)]),
            "keras, train": partial(run, ["-m", "benchmarks._keras_train", data, "--subset", "2000"]),
            "keras, import": partial(run, ["-c", "import keras"]),
            "tinycnn, import beyond NumPy and Numba": import_alone,
        }
        for name in ("tinycnn, first batch, warm", "tinycnn, train", "keras, train", "keras, first batch"):
            tasks[name]()  # fills Numba's cache and the system's cache of files
        timings = _common.interleaved(tasks, rounds)
        compiling = json.loads(cold_start("benchmarks._compile_passes")["output"].splitlines()[-1])
        profile = Path(temporary) / "profile"
        run(["-m", "cProfile", "-o", str(profile), *train, "--out", tempfile.mkdtemp(dir=temporary)])
        of_functions = cumulative_seconds(profile)
    for timing in [timing for several in timings.values() for timing in several]:
        del timing["output"]
    return {
        "seconds": {name: [t["seconds"] for t in several] for name, several in timings.items()},
        "says_it_is_compiling": all(t["says_compiling"] for t in timings["tinycnn, first batch, cold"]),
        "compiling": compiling,
        "train_functions": of_functions,
        "settings": {"rounds": rounds},
        "rounds": timings,
    }


def import_alone() -> Json:
    """`import tinycnn` in a fresh process that has NumPy and Numba; Python's own count, without the process's start."""
    done = run(["-X", "importtime", "-c", "import numpy, numba; import tinycnn"])
    return done | {"seconds": seconds_of_import(done["output"], "tinycnn")}


def seconds_of_import(report: str, module: str) -> float:
    """From the lines that ``-X importtime`` writes: self | cumulative | module, in microseconds."""
    for line in report.splitlines():
        cells = [cell.strip() for cell in line.removeprefix("import time:").split("|")]
        if cells[-1] == module and len(cells) == 3:
            return int(cells[1]) / 1e6
    raise ValueError(f"startup: expected a line of {module} in Python's report of its imports, received none.")


def cumulative_seconds(profile: Path) -> dict[str, float]:
    """Of some functions of a training run, with all that they call, under Python's profiler."""
    wanted = {"load_data": "data.py", "fit": "trainer.py", "evaluate": "trainer.py", "write_figure": "run.py",
              "predict": "trainer.py"}  # fmt: skip
    functions: Any = pstats.Stats(str(profile))
    found = {"all": functions.total_tt}
    for (file, _, name), (*_, cumulative, _) in functions.stats.items():
        if wanted.get(name) == Path(file).name:
            found[name] = cumulative
    return found


def cold_start(module: str = "benchmarks._first_batch") -> Json:
    """In a copy of the package without compiled files, with an empty folder as Numba's cache."""
    with tempfile.TemporaryDirectory() as temporary:
        for package in ("tinycnn", "benchmarks"):
            ignored = shutil.ignore_patterns("__pycache__", "results")
            shutil.copytree(ROOT / package, Path(temporary) / package, ignore=ignored)
        cache = Path(temporary) / "cache"
        cache.mkdir()
        fresh = {"PYTHONPATH": temporary, "NUMBA_CACHE_DIR": str(cache)}
        return run(["-m", module, "tinycnn"], temporary, fresh)


def run(arguments: Sequence[str], folder: str | Path = ROOT, variables: Mapping[str, str] | None = None) -> Json:
    """The wall time of a Python process. Raises RuntimeError with what it wrote where it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment() | dict(variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[:2])}: exit code {done.returncode}\n{done.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    says = "compiling" in done.stdout.lower()
    return {"seconds": seconds, "cpu_seconds": cpu, "says_compiling": says, "output": done.stdout}


def plot(result: Json, path: Path) -> None:
    figure, axes = _common.new_figure(9, 3.8)
    for y, (name, seconds) in enumerate(result["seconds"].items()):
        median = _common.summary(seconds)["median"]
        colour = _common.COLOURS["tinycnn" if name.startswith("tinycnn") else "Keras"]
        axes.barh(y, median, 0.7, color=colour)
        axes.plot(seconds, [y] * len(seconds), "o", color="black", markersize=3)
        axes.text(max(seconds), y, f"  {median:.1f} s", va="center")
    names = [name.replace("keras", "Keras") for name in result["seconds"]]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("seconds from the start of the process to its end (bar: median; dots: rounds)")
    axes.set_title("Starting up: the model with batch normalization", loc="left")
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())

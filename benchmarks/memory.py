"""Peak memory of ``python -m tinycnn.train --bn`` on MNIST, and of Keras doing the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import _common
from benchmarks._common import Json, say
from benchmarks._worker import ROOT, environment, find_mnist, peak_memory_mb, ru_maxrss_mb


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    p.add_argument(
        "--epochs", type=_common.above_zero(int), default=1, help="later epochs use the memory of the first again"
    )
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("memory", sys.argv[1:] if argv is None else argv)
    subset = ["--subset", "2000"] if arguments.quick else []
    result |= measure(arguments.rounds or (1 if arguments.quick else 3), arguments.epochs, subset)
    _common.write_json(target / "memory.json", result)
    plot(result, target / "memory.png")
    for name, peaks in result["peak_mb"].items():
        print(f"{name}: {_common.spread(peaks, 0)} MB")
    return 0


def measure(rounds: int, epochs: int, subset: Sequence[str]) -> Json:
    runs: dict[str, list[Json]] = {"tinycnn": [], "keras": []}
    with tempfile.TemporaryDirectory() as temporary:
        data = str(Path(temporary) / "data.npz")
        find_mnist(data)
        options = ["--epochs", str(epochs), *subset]
        commands = {
            "tinycnn": ["-m", "tinycnn.train", "--bn", "--data", "mnist", *options],
            "keras": ["-m", "benchmarks._keras_train", data, *options],
        }
        for number in range(rounds):
            for name, arguments in commands.items():
                out = ["--out", tempfile.mkdtemp(dir=temporary)] if name == "tinycnn" else []
                runs[name].append(watch([*arguments, *out]))
            say(f"round {number + 1} of {rounds}")
    libraries = watch(["-c", "import tinycnn, matplotlib.figure"])["peak_mb"]
    peaks = {name: [r["peak_mb"] for r in several] for name, several in runs.items()}
    settings = {"rounds": rounds, "epochs": epochs, "subset": subset[1] if subset else None}
    return {"peak_mb": peaks, "libraries_mb": libraries, "settings": settings, "runs": runs}


def watch(arguments: Sequence[str], interval: float = 0.1) -> Json:
    """Run Python; its peak resident memory as the system counted it, and samples over time where /proc tells them.

    The system hands a parent's peak on to the process that it starts: so this one must stay small, without NumPy.
    """
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            try:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                samples.append(
                    (round(time.perf_counter() - start, 2), round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))
                )
            except (OSError, IndexError):
                pass
            time.sleep(interval)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(arguments[:2])}: exit code {process.returncode}\n{output.read()[-3000:]}")
    peak = ru_maxrss_mb(usage)
    if peak <= peak_memory_mb():
        raise RuntimeError(
            f"memory: expected a peak above this process's own, received {peak:.0f} MB: it may be inherited. "
            "Measure from a small process."
        )
    return {"peak_mb": peak, "seconds": time.perf_counter() - start, "samples": samples}


def plot(result: Json, path: Path) -> None:
    """Memory over time in the first run; dotted: the peak, which may lie between two samples."""
    figure, axes = _common.new_figure(9, 4.5)
    for name, label, line in (("tinycnn", "tinycnn", "-"), ("keras", "Keras", "--")):
        run, colour = result["runs"][name][0], _common.COLOURS[label]
        alive = [(seconds, mb) for seconds, mb in run["samples"] if mb > 0]
        if alive:
            axes.plot(*zip(*alive, strict=True), line, color=colour)
        axes.axhline(run["peak_mb"], color=colour, linestyle=":", linewidth=1)
        text = f"{label}: peak {run['peak_mb']:.0f} MB, {run['seconds']:.0f} s"
        axes.annotate(text, (1, run["peak_mb"]), (0, 3), axes.get_yaxis_transform(),
                      textcoords="offset points", color=colour, ha="right")  # fmt: skip
    axes.set_ylim(0, 1.12 * max(run[0]["peak_mb"] for run in result["runs"].values()))
    axes.set_xlim(0, None)
    axes.set_xlabel("seconds from the start of the process")
    axes.set_ylabel("resident memory, MB")
    axes.set_title(f"Training with batch normalization ({what(result)}), and testing", loc="left")
    _common.save_figure(figure, result, path)


def what(result: Json) -> str:
    epochs, subset = result["settings"]["epochs"], result["settings"]["subset"]
    images = f"{subset} images of MNIST" if subset else "MNIST"
    return f"{images}, {epochs} epoch{'' if epochs == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())

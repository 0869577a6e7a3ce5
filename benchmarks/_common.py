"""What the benchmarks share: statistics, rounds, the machine's description, files. Standard library only.

The process that asks stays small on purpose: it does nothing while a worker is measured, and a child's peak memory as
the system counts it is never below that of the process that started it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tutorials.machine import machine

RESULTS = Path(__file__).with_name("results")
COLOURS = {"tinycnn": "#0072B2", "Keras": "#D55E00", "PyTorch": "#009E73", "other": "#999999"}  # Okabe & Ito
PAUSE = 0.3  # seconds before each round, in which the pools of the last worker's threads fall asleep

Json = dict[str, Any]


# Statistics


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest: few rounds do not carry more."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(slow: Sequence[float], fast: Sequence[float]) -> list[float]:
    """How many times faster, round by round: a disturbance that lasts longer than a round hits both."""
    return [s / f for s, f in zip(slow, fast, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """``median (min to max)`` as text."""
    s = summary(values)
    return f"{s['median']:.{digits}f} ({s['min']:.{digits}f} to {s['max']:.{digits}f})"


def times(ratio: float) -> str:
    """``12x``, ``1.2x``, ``0.12x``"""
    return f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x" if ratio >= 1 else f"{ratio:.2g}x"


# Rounds


def busy_seconds() -> float | None:
    """Processor time of all processes since the machine started, and time that a host took; None where unknown."""
    try:
        fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def measured(ask: Callable[[], Json]) -> Json:
    """One round of one worker after a pause; adds the share of the machine that other programs used meanwhile."""
    time.sleep(PAUSE)
    before, start = busy_seconds(), time.perf_counter()
    timing = ask()
    wall, after = time.perf_counter() - start, busy_seconds()
    if before is not None and after is not None and "cpu_seconds" in timing:
        others = after - before - timing["cpu_seconds"]
        timing["others_share"] = max(0.0, others / (wall * (os.cpu_count() or 1)))
    return timing


def interleaved(
    tasks: Mapping[str, Callable[[], Json]], rounds: int, deadline: float | None = None
) -> dict[str, list[Json]]:
    """A B A B ...: every task once a round, one at a time; after ``deadline`` (time.monotonic) no new round begins."""
    timings: dict[str, list[Json]] = {name: [] for name in tasks}
    for number in range(rounds):
        if number and deadline is not None and time.monotonic() > deadline:
            break
        for name, task in tasks.items():
            timings[name].append(measured(task))
        say(f"round {number + 1} of {rounds}")
    return timings


def ms_per_step(rounds: Sequence[Json], steps: int) -> list[float]:
    return [1000 * timing["seconds"] / steps for timing in rounds]


# The machine, the files


def command(name: str, argv: Sequence[str]) -> str:
    """The command as a reader can repeat it: whole paths, which are of this machine, are left out."""
    parts = (part.partition("=") if part.startswith("--") else ("", "", part) for part in argv)
    return " ".join(
        ["python -m", name, *(option + sign + ("PATH" if os.path.isabs(it) else it) for option, sign, it in parts)]
    )


def header(name: str, argv: Sequence[str]) -> Json:
    """What every result begins with."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return {"name": name, "command": command(f"benchmarks.{name}", argv), "date": now, "machine": machine()}


def parser(description: str | None) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    p.add_argument("--quick", action="store_true", help="few rounds, to try it out; written to results/quick")
    p.add_argument("--results", type=Path, help="folder of the JSON file and the picture")
    return p


def above_zero(kind: type) -> Callable[[str], Any]:
    """For arguments: a number of this type, greater than 0."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not value > 0:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"expected a {what} greater than 0, received {text!r}")
        return value

    return parse


def folder(arguments: argparse.Namespace) -> Path:
    """Quick figures go to a folder of their own, so that they never pass for the real ones."""
    chosen: Path = arguments.results or (RESULTS / "quick" if arguments.quick else RESULTS)
    chosen.mkdir(parents=True, exist_ok=True)
    return chosen


def write_json(path: Path, result: Json) -> None:
    """Write to a temporary file first: an interruption leaves the old file whole."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=1, sort_keys=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def say(line: str) -> None:
    """Progress goes to standard error, results to standard output."""
    print(line, file=sys.stderr, flush=True)


# Pictures


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A white figure and its axes, without a display."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 120})
    return pyplot.subplots(rows, columns, figsize=(width, height), layout="constrained", **options)


def machine_line(result: Json) -> str:
    return f"{result['machine']['cores']} cores, {result['machine']['cpu']}"


def save_figure(figure: Any, result: Json, path: Path) -> None:
    """Every picture says on what machine, when and by what command it was measured."""
    source = f"{machine_line(result)}; {result['date'][:10]}; {result['command']}"
    figure.text(0.01, -0.01, source, fontsize=8, color="#444444", va="top")
    figure.savefig(path, facecolor="white", bbox_inches="tight")

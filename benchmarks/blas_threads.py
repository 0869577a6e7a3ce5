"""A step with the reference kernels: NumPy's products with one thread and with all, alone and beside a busy program.

BLAS gives each thread an equal part and waits for all, at every product: where another program takes a core for a
while, the thread that should have run there keeps the others waiting. One thread has nobody to wait for.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import _common
from benchmarks._common import Json
from benchmarks._worker import Worker

THREADS = {"one thread": 1, "all threads": 0}


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    p.add_argument("--steps", type=_common.above_zero(int), default=5, help="training steps in a round")
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("blas_threads", sys.argv[1:] if argv is None else argv)
    result |= measure(arguments.rounds or (2 if arguments.quick else 7), arguments.steps)
    _common.write_json(target / "blas_threads.json", result)
    plot(result, target / "blas_threads.png")
    for name, ms in result["ms"].items():
        print(f"{name:32} {_common.spread(ms, 1)} ms a step")
    return 0


def measure(rounds: int, steps: int) -> Json:
    tasks: dict[str, Callable[[], Json]] = {}
    with ExitStack() as stack:
        for name, threads in THREADS.items():
            worker = stack.enter_context(Worker("benchmarks._reference_worker", str(threads)))
            worker.ask("train", steps=1)
            alone = partial(worker.ask, "train", steps=steps)
            tasks |= {f"{name}, alone": alone, f"{name}, beside a program": partial(beside_a_program, alone)}
        timings = _common.interleaved(tasks, rounds)
        blas = worker.ask("blas")
    return {
        "settings": {"rounds": rounds, "steps": steps, "batch": 32},
        "blas": blas,
        "ms": {name: _common.ms_per_step(several, steps) for name, several in timings.items()},
        "rounds": {name: several for name, several in timings.items() if name.endswith("alone")},
    }


def beside_a_program(ask: Callable[[], Json]) -> Json:
    with busy_program():
        return ask()


@contextmanager
def busy_program() -> Iterator[subprocess.Popen[bytes]]:
    """A program that keeps one core busy, from its first line to the end of the block."""
    loop = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()  # type: ignore[union-attr]  # it has begun
            yield process
        finally:
            process.kill()


def plot(result: Json, path: Path) -> None:
    figure, axes = _common.new_figure(9, 2.8)
    for y, (name, ms) in enumerate(result["ms"].items()):
        axes.barh(
            y,
            _common.summary(ms)["median"],
            0.7,
            color=_common.COLOURS["tinycnn" if name.startswith("one") else "other"],
        )
        axes.plot(ms, [y] * len(ms), "o", color="black", markersize=3)
    axes.set_yticks(range(len(result["ms"])), list(result["ms"]))
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a training step (bar: median; dots: rounds)")
    axes.set_title("The reference kernels and NumPy's threads", loc="left")
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())

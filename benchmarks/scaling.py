"""How time and memory of a training step grow with batch, channels, image and depth, tinycnn beside Keras.

Takes long: it saves after every cell, goes on where it was interrupted, and gives each cell a limit of time.
"""

from __future__ import annotations

import itertools
import json
import sys
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import _common
from benchmarks._common import Json, say
from benchmarks._worker import Worker, WorkerError

BATCHES, CHANNELS, IMAGES, DEPTHS = (1, 8, 32, 128, 512), (8, 32, 64, 128), (14, 28, 64), (1, 2, 4, 8, 16)
FRAMEWORKS = ("tinycnn", "keras")
RATIO_TICKS, MEMORY_TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32), (100, 200, 500, 1000, 2000, 5000, 10_000)


def cell(batch: int, channels: int, image: int, depth: int) -> Json:
    return {"batch": batch, "channels": channels, "image": image, "depth": depth}


GRID = [cell(b, c, i, 2) for i, c, b in itertools.product(IMAGES, CHANNELS, BATCHES)]
DEPTH = [cell(32, 32, 28, depth) for depth in DEPTHS if depth != 2]  # depth 2 is in the grid
QUICK = [cell(1, 8, 14, 2), cell(32, 32, 28, 2), cell(128, 64, 28, 2), cell(32, 32, 28, 4)]


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int), default=5, help="rounds of each cell")
    seconds = _common.above_zero(float)
    p.add_argument("--seconds", type=seconds, default=1.0, help="length of a round, about")
    p.add_argument("--limit", type=seconds, default=120.0, help="for a cell; one that takes longer is left out")
    p.add_argument("--fresh", action="store_true", help="forget the cells that are already measured")
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    path = target / "scaling.json"
    result = _common.header("scaling", sys.argv[1:] if argv is None else argv)
    result |= {"settings": {"rounds": arguments.rounds, "seconds": arguments.seconds}, "versions": {}, "code": code()}
    result |= {"all_cells": len(GRID + DEPTH), "cells": []}
    if path.exists() and not arguments.fresh:
        result["cells"] = resumed(json.loads(path.read_text(encoding="utf-8")), result)
    done = [coordinates(c) for c in result["cells"]]
    waiting = [c for c in (QUICK if arguments.quick else GRID + DEPTH) if c not in done]
    if done:
        say(f"{len(done)} cells are measured already, {len(waiting)} are left (--fresh starts anew)")
    for number, where in enumerate(waiting, 1):
        result["cells"].append(
            measure_cell(where, arguments.rounds, arguments.seconds, arguments.limit, result["versions"])
        )
        _common.write_json(path, result)
        say(f"{number} of {len(waiting)}: {line(result['cells'][-1])}")
    plot(result, target / "scaling.png")
    for measured in result["cells"]:
        print(line(measured))
    return 0


def coordinates(measured: Json) -> Json:
    return {name: measured[name] for name in ("batch", "channels", "image", "depth")}


def resumed(old: Json, new: Json) -> list[Json]:
    """The cells of an interrupted run; ValueError where it was another machine, another tinycnn or other settings."""
    for key in ("machine", "settings", "code"):
        if old.get(key) != new[key]:
            raise ValueError(
                f"scaling.json: expected {key} {new[key]}, received {old.get(key)} of an earlier run. "
                "Figures of both must not be mixed: use --fresh, or --results with another folder."
            )
    new["versions"].update(old["versions"])
    cells: list[Json] = old["cells"]
    return cells


def code() -> str:
    """A mark of tinycnn's own files."""
    files = sorted((Path(__file__).parents[1] / "tinycnn").rglob("*.py"))
    return f"{zlib.crc32(b''.join(file.read_bytes() for file in files)):08x}"


def measure_cell(where: Json, rounds: int, seconds: float, limit: float, versions: Json) -> Json:
    """Time and peak memory of both frameworks, each in a new process, in turn; or the reason why not."""
    batch = where["batch"]
    result: Json = {**where}
    workers: dict[str, Worker] = {}
    try:
        steps = {}
        for name in FRAMEWORKS:
            worker = workers[name] = Worker("benchmarks._sequential_worker", name)
            worker.ask("build_grid", timeout=limit, **{k: where[k] for k in ("image", "channels", "depth")})
            count = 3
            for _ in range(4):  # the first call compiles; the others, ever longer, tell how long a step is
                steps[name] = count
                worker.ask("random_data", timeout=limit, samples=count * batch, image=where["image"])
                timing = worker.ask("train", timeout=limit, model="grid", steps=count, batch=batch)
                count = min(1000, max(3, round(count * seconds / timing["seconds"])))
            if rounds * timing["seconds"] > limit:
                raise TimeoutError(f"{name}: {rounds} rounds of {steps[name]} steps take more than {limit:g} s.")
        tasks = {
            name: partial(worker.ask, "train", timeout=limit, model="grid", steps=steps[name], batch=batch)
            for name, worker in workers.items()
        }
        timings = _common.interleaved(tasks, rounds)
        for name, worker in workers.items():
            result[f"{name}_ms"] = _common.ms_per_step(timings[name], steps[name])
            result[f"{name}_mb"] = worker.ask("peak_memory_mb")
            versions[name] = worker.ask("versions")
        result["ratio"] = _common.ratios(result["keras_ms"], result["tinycnn_ms"])
        result["steps"], result["rounds"] = steps, timings
    except (TimeoutError, WorkerError) as error:
        result["left_out"] = str(error).strip().splitlines()[-1]
    finally:
        for worker in workers.values():
            worker.close(kill=True)
    return result


def line(measured: Json) -> str:
    where = ", ".join(f"{name} {value}" for name, value in coordinates(measured).items())
    if "left_out" in measured:
        return f"{where}: left out, {measured['left_out']}"
    return (
        f"{where}: tinycnn {_common.spread(measured['tinycnn_ms'])} ms, {measured['tinycnn_mb']:.0f} MB; "
        f"Keras {_common.spread(measured['keras_ms'])} ms, {measured['keras_mb']:.0f} MB; "
        f"ratio {_common.spread(measured['ratio'])}"
    )


def plot(result: Json, path: Path) -> None:
    """Above: how many times faster than Keras; below: peak memory. A column for each size of image, and depth."""
    cells = [c for c in result["cells"] if "left_out" not in c]
    figure, axes = _common.new_figure(15, 7.5, 2, len(IMAGES) + 1, sharey="row")
    colours = dict(zip(CHANNELS, ("#56B4E9", "#009E73", "#E69F00", "#CC79A7"), strict=True))
    markers = dict(zip(CHANNELS, "os^D", strict=True))
    columns = [(f"images {i}x{i}", "batch", [c for c in cells if c["image"] == i and c["depth"] == 2]) for i in IMAGES]
    deep = [c for c in cells if (c["batch"], c["channels"], c["image"]) == (32, 32, 28)]
    columns.append(("batch 32, 32 channels, images 28x28", "depth", deep))
    for (top, bottom), (title, along, shown) in zip(axes.T, columns, strict=True):
        for channels in CHANNELS:
            one = sorted((c for c in shown if c["channels"] == channels), key=lambda c: c[along])
            style = {"color": colours[channels], "marker": markers[channels]}
            x = [c[along] for c in one]
            top.plot(x, [_common.summary(c["ratio"])["median"] for c in one], label=f"{channels} channels", **style)
            bottom.plot(x, [c["tinycnn_mb"] for c in one], **style)
            bottom.plot(x, [c["keras_mb"] for c in one], linestyle="--", markerfacecolor="white", **style)
        ticks = BATCHES if along == "batch" else DEPTHS
        for panel in (top, bottom):
            panel.set_xscale("log", base=2)
            panel.set_xticks(ticks, [str(t) for t in ticks])
            panel.set_yscale("log", base=2 if panel is top else 10)
            panel.set_yticks(RATIO_TICKS if panel is top else MEMORY_TICKS)
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter("")
            panel.margins(x=0.06)
            panel.grid(alpha=0.3)
        top.axhline(1, color="black", linewidth=1)
        top.axhline(1.5, color="black", linewidth=1, linestyle=":")
        top.set_title(title, fontsize=11)
        bottom.set_xlabel("images in a batch" if along == "batch" else "convolutions")
    values = [_common.summary(c["ratio"])["median"] for c in cells]
    axes[0, 0].set_ylim(min(values, default=1) / 1.3, max(values, default=1) * 1.3)
    memory = [c[f"{name}_mb"] for c in cells for name in FRAMEWORKS]
    axes[1, 0].set_ylim(min(memory, default=100) / 1.2, max(memory, default=100) * 1.2)
    axes[0, 0].set_ylabel("Keras's time / tinycnn's\n(above 1: tinycnn is faster; dotted: 1.5)")
    axes[1, 0].set_ylabel("peak memory of the process, MB\n(filled: tinycnn; dashed: Keras)")
    axes[0, 0].legend(fontsize=9)
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())

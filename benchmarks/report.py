"""Write RESULTS.md from the JSON files in results/; nothing in it is typed by hand."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import _common, _operations
from benchmarks import walk as walk_benchmark
from benchmarks._common import Json, spread, summary
from benchmarks._models import grid_flops, training_flops
from benchmarks.lab import percentile
from benchmarks.memory import what
from benchmarks.training_step import label

AGAIN = ("second", "third")  # folders of further runs, which show whether the verdicts hold
REPEATED = ("training_step", "startup", "memory")  # what is judged by the worst of its runs
BENCHMARKS = (
    "accuracy",
    "training_step",
    "profile",
    "walk",
    "kernels",
    "scaling",
    "startup",
    "memory",
    "blas_threads",
    "lab",
)
Results = dict[str, Json]
MODELS = (("plain", "plain", ""), ("dropout", "dropout", " --dropout"), ("batch_normalization", "BN", " --bn"))
NOTEBOOK_FIGURES = {"plain": "99.18 %", "dropout": "99.17 %", "batch_normalization": "99.10 %"}  # as it printed them
WORDS = {2: "two", 3: "three"}
QUIET = 0.05  # the share of the processor time that others may use


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--results", type=Path, default=_common.RESULTS, help="folder of the JSON files")
    p.add_argument("--output", type=Path, help="by default RESULTS.md beside that folder")
    arguments = p.parse_args(argv)
    try:
        results = read(arguments.results)
    except ValueError as error:
        p.error(str(error))
    if not results:
        p.error(f"--results: expected a folder with the JSON files of benchmarks, found none in {arguments.results}")
    output = arguments.output or arguments.results.resolve().parent / "RESULTS.md"
    output.write_text(report(results, arguments.results.name), encoding="utf-8")
    print(output.name)
    return 0


def read(folder: Path) -> Results:
    """The results that are there, by name."""
    files = {name: folder / f"{name}.json" for name in BENCHMARKS}
    files |= {f"{again} {name}": folder / again / f"{name}.json" for again in AGAIN for name in REPEATED}
    results = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()}
    for name in REPEATED:
        for repeated in repetitions(results, name):
            for part in ("machine", "settings"):
                expected, received = results[name][part], repeated[part]
                if received != expected:
                    raise ValueError(
                        f"results of {name}: expected the {part} of the first run in all, {expected}, received "
                        f"{received}. Repeat all runs on one machine."
                    )
    return results


def report(results: Results, pictures: str = "results") -> str:
    sections = {
        "accuracy": accuracy,
        "training_step": training_step,
        "profile": profile,
        "walk": walk,
        "kernels": kernels,
        "scaling": scaling,
        "startup": startup,
        "memory": memory,
        "blas_threads": blas_threads,
        "lab": lab,
    }
    parts = [
        "# How fast tinycnn is\n\n"
        "Written by `python -m benchmarks.report` from the files in `results/`. README.md says what is measured and "
        "how.\nFigures are medians, with the smallest and largest round in brackets. A ratio is the other's time "
        "divided by tinycnn's,\nround by round: above 1 tinycnn is faster.\n",
        targets(results),
        distances(results),
    ]
    for name, section in sections.items():
        if name not in results:
            parts.append(f"## {name}\n\nNot measured yet: `python -m benchmarks.{name}`.\n")
            continue
        result = results[name]
        try:
            text = section(result)
        except KeyError as error:  # the file is older than the report
            parts.append(f"## {name}\n\nMeasured without {error}: repeat `python -m benchmarks.{name}`.\n")
            continue
        parts.append(f"{text}\n![{name}]({pictures}/{name}.png)\n\n{provenance(result)}")
        parts += [f"Again: {provenance(repeated)}" for repeated in repetitions(results, name)]
    return "\n".join(parts)


def provenance(result: Json) -> str:
    """Where a table's figures come from."""
    versions: dict[str, str] = {}
    for of_worker in result.get("versions", {}).values():
        versions |= of_worker
    installed = "".join(f"; {name} {version}" for name, version in versions.items())
    lines = [f"`{result['command']}`, {result['date'][:10]}; {_common.machine_line(result)}{installed}."]
    others = [r["others_share"] for r in all_rounds(result) if r.get("others_share") is not None]
    if others:
        lines.append(
            f"Other programs used {100 * summary(others)['median']:.0f} % of the processor time during a round "
            f"(median; at most {100 * max(others):.0f} %)."
        )
        if disturbed(result):
            lines.append("**That is too much for trust in these figures: repeat the run on an idle machine.**")
    idle = [r["idle_cpu_seconds"] for r in all_rounds(result) if "idle_cpu_seconds" in r]
    if idle:
        lines.append(f"A waiting worker used at most {max(idle):.2f} s of processor time between two of its rounds.")
    return "\n".join(lines) + "\n"


def repetitions(results: Results, name: str) -> list[Json]:
    """The further runs of a benchmark."""
    return [results[f"{again} {name}"] for again in AGAIN if name in results and f"{again} {name}" in results]


def disturbed(result: Json) -> bool:
    others = [r["others_share"] for r in all_rounds(result) if r.get("others_share") is not None]
    return bool(others) and summary(others)["median"] > QUIET


def all_rounds(result: Json) -> Iterable[Json]:
    groups = [result["rounds"]] if isinstance(result.get("rounds"), dict) else []
    groups += [cell["rounds"] for cell in result.get("cells", []) if "rounds" in cell]
    return [timing for group in groups for timings in group.values() for timing in timings]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


# Targets


@dataclass(frozen=True)
class Target:
    what: str
    must: float
    aim: float | None  # None: there is nothing beyond the must
    unit: str  # written behind the figure
    source: str  # the benchmark
    value: Callable[[Json], float]  # of its result; raises KeyError where it is not measured
    less: bool = False  # the smaller the better

    def values(self, results: Results) -> list[float]:
        """In each run of the benchmark."""
        return [self.value(run) for run in [results[self.source], *repetitions(results, self.source)]]

    def verdict(self, values: Sequence[float], limit: float | None) -> bool:
        """Of the worst run."""
        return limit is not None and (max(values) <= limit if self.less else min(values) >= limit)


def _median(*keys: str) -> Callable[[Json], float]:
    def value(result: Json) -> float:
        found = result
        for key in keys:
            found = found[key]
        return summary(found)["median"]  # type: ignore[arg-type]  # the last key leads to a list

    return value


def _slowest_cell(scaling: Json) -> float:
    """A share of the grid says nothing about "any shape": only a whole one counts."""
    cells = scaling["cells"]
    if any("left_out" in cell for cell in cells) or len(cells) < scaling["all_cells"]:
        raise KeyError("cells are missing")
    return min(summary(cell["ratio"])["median"] for cell in cells)


def _peak_memory(memory: Json) -> float:
    if memory["settings"]["subset"]:
        raise KeyError("not all of MNIST")
    return _median("peak_mb", "tinycnn")(memory)


def _cold_start(startup: Json) -> float:
    """Against Keras's import and first batch, round by round."""
    seconds = startup["seconds"]
    return summary(_common.ratios(seconds["tinycnn, first batch, cold"], seconds["keras, first batch"]))["median"]


COLD, IMPORT = "tinycnn, first batch, cold", "tinycnn, import beyond NumPy and Numba"
LIMITS = {"plain": (3, 6), "dropout": (3, 7), "batch_normalization": (4, 7)}  # must and aim of a step against Keras
TORCH_LIMITS = (3, 4)
STEP = "training_step"
TARGETS = (
    *(
        Target(f"training step, {name}, against Keras `fit`", *LIMITS[model], "x", STEP, _median("ratio", model))
        for model, name, _ in MODELS
    ),
    *(
        Target(
            f"training step, {name}, against PyTorch's fastest mode",
            *TORCH_LIMITS,
            "x",
            STEP,
            _median("ratio_torch", model, "ratio"),
        )
        for model, name, _ in MODELS
    ),
    Target(
        "share of the roof over the whole step, plain, operations done",
        45,
        65,
        " %",
        STEP,
        lambda step: 100 * _median("roof_share", "plain")(step),
    ),
    *(
        Target(f"evaluate, 10,000 images, {name}, against Keras", 6, 10, "x", STEP, _median("ratio_evaluate", model))
        for model, name, _ in MODELS
    ),
    Target("slowest shape of the scaling grid, against Keras", 1, 1.5, "x", "scaling", _slowest_cell),
    Target("peak memory of `tinycnn.train --bn`", 600, 420, " MB", "memory", _peak_memory, less=True),
    Target(
        "cold start to the first batch done, of Keras's import and first batch",
        2.5,
        1.2,
        "x",
        "startup",
        _cold_start,
        less=True,
    ),
    Target("the same in seconds", 9, 5, " s", "startup", _median("seconds", COLD), less=True),
    Target(
        "`import tinycnn` beyond NumPy and Numba", 0.3, None, " s", "startup", _median("seconds", IMPORT), less=True
    ),
    Target(
        "warm `tinycnn.train --bn --subset 2000 --epochs 1`",
        4,
        2,
        " s",
        "startup",
        _median("seconds", "tinycnn, train"),
        less=True,
    ),
)


def targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        bound = "at most" if target.less else "at least"
        must, aim = ("" if it is None else f"{bound} {it:g}{target.unit}" for it in (target.must, target.aim))
        try:
            values = target.values(results)
        except KeyError:
            rows.append([target.what, "not measured", must, "", aim, ""])
            continue
        measured = ", ".join(f"{value:.3g}{target.unit}" for value in values)
        reached = ["met" if target.verdict(values, target.must) else "NOT MET", ""]
        if target.aim is not None:
            reached[1] = "met" if target.verdict(values, target.aim) else "not met"
        rows.append([target.what, measured, must, reached[0], aim, reached[1]])
    text = "## Targets\n\n"
    for name in REPEATED:
        runs = 1 + len(repetitions(results, name))
        if runs > 1:
            text += f"`{name}`: over {WORDS[runs]} runs, one figure for each; what counts is the worst.\n"
    text += "\n" if text[-2:] != "\n\n" else ""
    text += table(["what", "measured", "must", "reached?", "aim", "reached?"], rows)
    busy = [name for name in results if disturbed(results[name])]
    if busy:
        text += f"\n**Other programs disturbed {', '.join(busy)}: these verdicts do not count.**\n"
    return text


# What stands between the figures and the aims: each sentence from a profile or another measurement


def distances(results: Results) -> str:
    reasons = [step_reasons, evaluate_reasons, scaling_reason, memory_reason, cold_reason, warm_reason]
    lines: list[str] = []
    for reason in reasons:
        try:
            lines += reason(results)
        except KeyError:  # a benchmark that was not run, or by an earlier version
            continue
    if not lines:
        return ""
    head = "## Distance to the aims\n\nThe figures are those of the first run.\n\n"
    return head + "\n".join(f"- {line}" for line in lines) + "\n"


def step_reasons(results: Results) -> list[str]:
    step, lines = results["training_step"], []
    batch, roof = step["settings"]["batch"], max(step["roof_gflops"])
    for model, name, _ in MODELS:
        parts = results["profile"]["parts"][model]
        convolutions = 1e3 * sum(s for part, s in parts.items() if "Conv2D" in part)
        rest = 1e3 * sum(parts.values()) - convolutions
        ms = {who: summary(values)["median"] for who, values in step["ms"][model].items()}
        aim = LIMITS[model][1]
        aims = [f"{aim}x Keras is {ms['keras'] / aim:.2f} ms"]
        torch = [value for who, value in ms.items() if who not in ("tinycnn", "keras")]
        if torch:
            aims.append(f"{TORCH_LIMITS[1]}x PyTorch's fastest mode is {min(torch) / TORCH_LIMITS[1]:.2f} ms")
        at_the_roof = _operations.done_in_training(batch, model) / roof / 1e6
        lines.append(
            f"Training step, {name}: {', '.join(aims)}; measured {ms['tinycnn']:.2f} ms. In the profile the steps with "
            f"convolutions take {convolutions:.2f} ms (all multiplications of a step that are done, at the roof: "
            f"{at_the_roof:.2f} ms), everything else {rest:.2f} ms."
        )
    lines.append(
        "What limits the convolutions: forward in training goes Winograd's way with small tiles, 16 multiplications "
        "for four outputs in place of 36. Large tiles need 36 for sixteen, but their rounding errors tip relu and "
        "pooling over where values are nearly tied (README.md, What did not pay). With batch normalization all 11x11 "
        "outputs count, not only the 10x10 that pooling reads."
    )
    return lines


def evaluate_reasons(results: Results) -> list[str]:
    step = results["training_step"]
    figures = [
        f"{name} {summary(step['evaluate_s'][model]['tinycnn'])['median']:.3f} s where the aim is "
        f"{summary(step['evaluate_s'][model]['keras'])['median'] / 10:.3f} s"
        for model, name, _ in MODELS
    ]
    at_the_roof = _operations.done_in_inference(10_000) / max(step["roof_gflops"]) / 1e9
    return [
        f"Evaluate: {', '.join(figures)}. All multiplications that are done would take {at_the_roof:.3f} s at the roof."
    ]


def scaling_reason(results: Results) -> list[str]:
    roof = max(results["training_step"]["roof_gflops"])
    cells = [cell for cell in results["scaling"]["cells"] if "left_out" not in cell]
    slowest = sorted(cells, key=lambda cell: summary(cell["ratio"])["median"])[:3]
    lines = []
    for cell in slowest:
        where = [cell[name] for name in ("image", "channels", "depth", "batch")]
        ms = {who: summary(cell[f"{who}_ms"])["median"] for who in ("tinycnn", "keras")}
        direct = grid_flops(*where) / roof / 1e6
        lines.append(
            f"batch {cell['batch']}, {cell['channels']} channels, image {cell['image']}, depth {cell['depth']}: "
            f"{ms['tinycnn']:.1f} ms against Keras's {ms['keras']:.1f} ms; a direct computation would take "
            f"{direct:.1f} ms at the roof"
        )
    return ["The slowest shapes of the grid: " + "; ".join(lines) + "."]


def memory_reason(results: Results) -> list[str]:
    peak, libraries = summary(results["memory"]["peak_mb"]["tinycnn"])["median"], results["memory"]["libraries_mb"]
    images = 60_000 * 784 * 4 / 1e6
    return [
        f"Memory: of the {peak:.0f} MB at the peak, {images:.0f} MB are MNIST's training images as float32 and "
        f"{libraries:.0f} MB Python and its libraries, right after they were imported; the rest is the test images, "
        "compiled kernels, and the arrays of a step."
    ]


def cold_reason(results: Results) -> list[str]:
    compiling = results["startup"]["compiling"]
    passes = compiling["passes"]
    lowering = sum(s for name, s in passes.items() if "lowering" in name)
    types = sum(s for name, s in passes.items() if "type_inference" in name)
    others = sum(passes.values()) - lowering - types
    return [
        f"Cold start, in a run of its own of {compiling['seconds']:.1f} s: {lowering:.1f} s to write LLVM code and "
        f"compile it to machine code (LLVM's time; one thread), {types:.1f} s to infer types, {others:.1f} s in "
        f"Numba's other passes, {compiling['seconds'] - sum(passes.values()):.1f} s outside of them. README.md, "
        "Compiling, says what made this shorter."
    ]


def warm_reason(results: Results) -> list[str]:
    functions = results["startup"]["train_functions"]
    whole = functions["all"]
    shares = ", ".join(f"`{name}` {s:.2f} s" for name, s in functions.items() if name != "all")
    first = summary(results["startup"]["seconds"]["tinycnn, first batch, warm"])["median"]
    return [
        f"Warm start: {first:.2f} s pass until a first batch is done, without any data or files. Under Python's "
        f"profiler, which makes {whole:.2f} s of the whole run, with all that they call and import: {shares}."
    ]


# The benchmarks


def training_step(result: Json) -> str:
    batch = result["settings"]["batch"]
    rows = []
    for model, ms in result["ms"].items():
        for name, values in ms.items():
            ratio = spread([other / own for other, own in zip(values, ms["tinycnn"], strict=True)])
            rows.append([model, label(name), spread(values), "" if name == "tinycnn" else ratio])
    text = f"## A training step of the notebook's models\n\nBatch {batch}, float32, {result['data']}"
    text += ", `fit` for tinycnn and Keras, a plain loop for PyTorch.\n"
    text += "Before timing, all computed the same losses on the same weights and batch.\n"
    for name, reason in result["left_out"].items():
        text += f"Left out: {name} ({reason}).\n"
    text += "\n" + table(["model", "framework", "ms a step", "ratio to tinycnn"], rows) + "\n"
    if result.get("roof_gflops"):
        roof = max(result["roof_gflops"])
        text += (
            f"In registers the processor did at most {roof:.0f} GFLOP/s, the roof; NumPy's float32 matrix product "
            f"(2048x2048x2048)\nreached {spread(result['sgemm_gflops'], 0)}. Counted directly the products of a step "
            f"are {training_flops(batch) / 1e9:.3f} GFLOP; Winograd's way does fewer.\n\n"
        )
        shares = []
        for model, share in result["roof_share"].items():
            done = _operations.done_in_training(batch, model)
            direct = training_flops(batch) / (summary(result["ms"][model]["tinycnn"])["median"] / 1e3) / 1e9
            shares.append([model, f"{done / 1e9:.3f}", f"{100 * summary(share)['median']:.0f} %", f"{direct:.0f}"])
        head = ["model", "GFLOP done", "share of the roof, whole step", "GFLOP/s, counted directly"]
        text += table(head, shares) + "\n"
    if result["evaluate_s"]:
        head = ["model", "tinycnn, s", "Keras, s", "ratio"]
        evaluated = [
            [model, spread(s["tinycnn"]), spread(s["keras"]), spread(result["ratio_evaluate"][model])]
            for model, s in result["evaluate_s"].items()
        ]
        text += "`evaluate` on 10,000 images:\n\n" + table(head, evaluated)
    return text


def profile(result: Json) -> str:
    text = "## Where a step's time goes\n\nThe parts of a step within training, medians of "
    text += f"{result['settings']['steps']} steps.\n\n"
    for model, parts in result["parts"].items():
        total = sum(parts.values())
        rows = [[part, f"{1e3 * s:.3f}", f"{100 * s / total:.0f} %"] for part, s in parts.items()]
        rows.append(["together", f"{1e3 * total:.3f}", ""])
        short = next(name for known, name, _ in MODELS if known == model)
        text += table([short, "ms", "share"], rows) + "\n"
    return text


def walk(result: Json) -> str:
    rows = []
    for number, step in enumerate(result["steps"], 1):
        seconds = [1e3 * s for s in step["seconds"]]
        done, direct = (walk_benchmark.rate(step, operations) for operations in ("done", "flops"))
        share = done / walk_benchmark.roof(result, step["threads"])
        rows.append(
            [str(number), step["name"], spread(seconds, 3), f"{done:.0f}", f"{100 * share:.0f} %", f"{direct:.0f}"]
        )
    blas = result["sgemm"]
    one, every = (walk_benchmark.roof(result, threads) for threads in (1, walk_benchmark.ALL))
    return (
        "## From loops to the fast kernel\n\nThe notebook's second convolution, batch 32, float32; README.md explains "
        f"the steps. The roof, multiply-adds in registers:\n{one:.0f} GFLOP/s with one thread, {every:.0f} with all "
        f"{result['threads']}. NumPy's product (BLAS with {blas['threads']} threads, kernel {blas['kernel']}): "
        f"{spread(result['sgemm_gflops'], 0)} GFLOP/s.\nA copy of 256 MB moved {spread(result['bandwidth_gb_s'], 1)} "
        "GB/s. What is done stays below the roof; counted directly, as if Winograd's way\nsaved no multiplications, a "
        "step may pass it.\n\n"
        + table(["", "step", "ms", "GFLOP/s, done", "of its roof", "GFLOP/s, counted directly"], rows)
    )


def kernels(result: Json) -> str:
    rows = []
    for case in result["cases"]:
        slow, fast = summary(case["reference_s"])["median"], summary(case["fast_s"])["median"]
        product = ["", "", ""]
        if case["flops"]:
            share = summary(case["roof_share"])["median"]
            product = [f"{case[it] / fast / 1e9:.0f}" for it in ("flops", "done")] + [f"{100 * share:.0f} %"]
        speed_up = _common.times(slow / fast) if case["accelerated"] else "same kernel"
        rows.append([f"`{case['entry']}`", case["where"], f"{1e3 * slow:.3f}", f"{1e3 * fast:.3f}", speed_up, *product])
    head = ["kernel", "shape of", "reference, ms", "fast, ms", "speed-up", "GFLOP/s, directly", "done", "of the roof"]
    roofs = " and ".join(f"{max(rates):.0f} in {dtype}" for dtype, rates in result["roof_gflops"].items())
    return (
        "## The kernels one by one\n\nOn the shapes of the notebook's models, batch 32, float32 where nothing else is "
        "said, each set in a process of its own. Both\ngave the same results before timing. The roof of all threads: "
        f"{roofs}, GFLOP/s; sgemm: {spread(result['sgemm_gflops'], 0)}.\nGFLOP/s are counted directly, and as done: "
        "Winograd's way needs fewer operations.\n\n" + table(head, rows)
    )


def scaling(result: Json) -> str:
    rows = []
    for cell in result["cells"]:
        where = [str(cell[name]) for name in ("image", "channels", "batch", "depth")]
        if "left_out" in cell:
            rows.append([*where, "left out", cell["left_out"], "", "", ""])
            continue
        times = [spread(cell["tinycnn_ms"]), spread(cell["keras_ms"]), spread(cell["ratio"])]
        rows.append([*where, *times, f"{cell['tinycnn_mb']:.0f}", f"{cell['keras_mb']:.0f}"])
    head = ["image", "channels", "batch", "depth", "tinycnn, ms a step", "Keras, ms a step", "ratio"]
    text = "## Other shapes\n\nConvolutions 3x3 with same padding, pooling behind the first two, a dense head; "
    text += f"{len(result['cells'])} of {result['all_cells']} cells are measured.\n"
    return text + "Memory is the peak of the whole process.\n\n" + table([*head, "tinycnn, MB", "Keras, MB"], rows)


def startup(result: Json) -> str:
    rows = [[name.replace("keras", "Keras"), spread(seconds)] for name, seconds in result["seconds"].items()]
    says = "says" if result["says_it_is_compiling"] else "does NOT say"
    return (
        "## Starting up\n\nWhole processes, the model with batch normalization. First batch: import, build, compile, "
        "train on 32 images; cold:\nin a copy of the package with an empty Numba cache. Import: after NumPy and Numba. "
        "Train: `python -m "
        "tinycnn.train --bn --subset 2000 --epochs 1`,\nand a Keras program that does the same. "
        f"On a cold start tinycnn {says} that it is compiling.\n\n" + table(["what", "seconds"], rows)
    )


def accuracy(result: Json) -> str:
    """Test accuracy of the three models after ten epochs, beside Keras's and the notebook's."""
    rows = []
    for name, label_, option in MODELS:
        runs = [result["runs"].get(f"{who} {name}") for who in ("tinycnn", "keras")]
        cells = [percent(run["test_accuracy"]) if run else "" for run in runs]
        rows.append([label_, *cells, NOTEBOOK_FIGURES[name], f"`python -m tinycnn.train{option}`"])
    return (
        f"## Accuracy\n\nTest accuracy on MNIST after {result['settings']['epochs']} epochs by the notebook's recipe, "
        f"one run\neach, seed {result['settings']['seed']}. The notebook's own figures are from one run each, too.\n\n"
        "Keras's training loss with batch normalization is the lower one because a seed makes Keras repeat the first "
        "epoch's\nbatches in every epoch (`tests/test_keras_parity.py` shows it): each image always meets the same "
        "neighbours, and so the same\nbatch statistics. tinycnn shuffles anew in every epoch, seed or not.\n\n"
        + table(["model", "tinycnn", "Keras", "the notebook", "command for tinycnn"], rows)
    )


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def memory(result: Json) -> str:
    rows = [[name.replace("keras", "Keras"), spread(mb, 0)] for name, mb in result["peak_mb"].items()]
    return (
        f"## Memory\n\nPeak resident memory of `python -m tinycnn.train --bn` ({what(result)}), and of a Keras program "
        "that does\nthe same.\n\n" + table(["", "MB"], rows)
    )


def blas_threads(result: Json) -> str:
    rows = [[name, spread(ms, 1)] for name, ms in result["ms"].items()]
    return (
        "## The reference kernels and NumPy's threads\n\nA training step of the plain model with "
        f'`kernels="reference"`; all threads: {result["blas"]["threads"]}. README.md, Traps, says what follows.\n\n'
        + table(["NumPy's products", "ms a step"], rows)
    )


def lab(result: Json) -> str:
    def p95(values: Sequence[float]) -> str:
        return f"{summary(values)['median']:.0f} ms, {percentile(values, 0.95):.0f} ms"

    rows = [
        ["command to first picture, warm, in an open browser", f"{spread(result['start_s'])} s", "under 2 s"],
        ["page of an exported file, gzipped, without its model", f"{result['page_kb']:.1f} kB", "under 30 kB"],
        ["the program's page, its files gzipped one by one", f"{result['page_files_kb']:.1f} kB", ""],
        ["a drawing to its maps: median, p95", p95(result["follow_ms"]), "p95 under 50 ms"],
        ["the same while it trains", p95(result["follow_training_ms"]), "p95 under 100 ms"],
        ["training with the lab open, of that without", f"{spread(result['slowed'])}", "under 1.05"],
        ["requests that leave the machine", str(result["requests_elsewhere"]), "0"],
        ["exported file", f"{result['exported_kb']:.0f} kB", "under 800 kB"],
        ["exported file, ready", f"{spread(result['ready_ms'], 0)} ms", "under 1000 ms"],
        ["drawings that are read", f"{result['read']} of {result['drawings']}", "at least 95 of 100"],
    ]
    return (
        "## The lab\n\nThe notebook's model with batch normalization, after a short training on "
        f"{result['settings']['data']}, in headless Chromium.\nThe drawings are strokes of digits, bent and moved by a "
        "program "
        "(`benchmarks/_drawings.py`).\n\n" + table(["what", "measured", "aim"], rows) + "\n"
        "The page is sent as it is written: small files with their explanations, to be read; each packed by itself\n"
        "shares no words with the others. It comes from the same machine: the first row has what that costs.\n\n"
        "What an open lab costs a training is the callback that counts its steps, an update of the page now and then,\n"
        "and the browser on the same cores. Single rounds lie as far apart as the aim is from no cost, and further.\n"
    )


if __name__ == "__main__":
    sys.exit(main())

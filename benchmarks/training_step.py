"""A training step of the notebook's three models: tinycnn, Keras, and PyTorch if it is installed.

Each framework in a process of its own, asked in turn; all are checked to compute the same losses first.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import _common, _operations
from benchmarks._common import Json, say
from benchmarks._models import NOTEBOOK, training_flops
from benchmarks._worker import Worker, WorkerError

BATCH = 32
SAME_LOSS = 1e-4  # relative; float32 sums in another order differ by about 1e-6, two steps later by 1e-5
TORCH_MODES = ("eager", "channels_last", "compiled")


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--rounds", type=_common.above_zero(int))
    p.add_argument("--steps", type=_common.above_zero(int), help="training steps in a round")
    p.add_argument("--models", nargs="+", choices=NOTEBOOK, default=list(NOTEBOOK))
    p.add_argument("--torch-python", default=sys.executable, help="a Python in which torch is installed")
    arguments = p.parse_args(argv)
    rounds, steps = (
        arguments.rounds or (2 if arguments.quick else 9),
        arguments.steps or (20 if arguments.quick else 400),
    )
    target = _common.folder(arguments)
    result = _common.header("training_step", sys.argv[1:] if argv is None else argv)
    result |= measure(rounds, steps, arguments.models, arguments.torch_python)
    _common.write_json(target / "training_step.json", result)
    plot(result, target / "training_step.png")
    for model in arguments.models:
        ms = {name: _common.spread(values) for name, values in result["ms"][model].items()}
        ratio = _common.spread(result["ratio"][model])
        print(f"{model}: tinycnn {ms['tinycnn']} ms a step, Keras {ms['keras']}, ratio {ratio}")
    return 0


def measure(
    rounds: int, steps: int, models: Sequence[str], torch_python: str = "", deadline: float | None = None
) -> Json:
    """Losses, then rounds of training. Without ``torch_python`` only tinycnn and Keras, and only training steps."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as temporary:
        data = str(Path(temporary) / "data.npz")
        workers = {n: stack.enter_context(Worker("benchmarks._sequential_worker", n)) for n in ("tinycnn", "keras")}
        source = workers["tinycnn"].ask("find_data", path=data)
        if source["name"] != "mnist":
            say(f"MNIST was not found ({source['reason']}): timing on the bundled digits, repeated. Set TINYCNN_DATA.")
        for worker in workers.values():
            worker.ask("read_data", path=data)
        torch: Any = None
        left_out: dict[str, str] = {}
        if torch_python:
            torch, why_not = _start_torch(stack, torch_python, data)
            left_out |= {"PyTorch": why_not} if why_not else {}
        modes = list(TORCH_MODES) if torch else []

        say("checking that all compute the same losses")
        losses: dict[str, dict[str, list[float]]] = {}
        for model in models:
            weights = str(Path(temporary) / f"{model}.npz")
            workers["keras"].ask("build", model=model)
            workers["keras"].ask("save_weights", model=model, path=weights)
            same: Json = {"model": model, "batch": BATCH, "path": weights}
            losses[model] = {name: worker.ask("losses", **same) for name, worker in workers.items()}
            for mode in list(modes):
                try:
                    losses[model][f"torch {mode}"] = torch.ask("losses", mode=mode, **same)
                except WorkerError as error:  # torch.compile needs a C++ compiler
                    left_out[f"PyTorch, {mode}"] = str(error).strip().splitlines()[-1]
                    say(f"PyTorch is left out, {mode}: {left_out[f'PyTorch, {mode}']}")
                    modes.remove(mode)
            check_same_losses(model, losses[model])

        tasks: dict[str, Callable[[], Json]] = {}
        for model in models:
            job: Json = {"model": model, "steps": steps, "batch": BATCH}
            for name, worker in workers.items():
                tasks[f"{model}/{name}"] = partial(worker.ask, "train", **job)
            for mode in modes:
                tasks[f"{model}/torch {mode}"] = partial(torch.ask, "train", mode=mode, **job)
        if torch_python:
            for model in models:
                for name, worker in workers.items():
                    tasks[f"{model}/{name} evaluate"] = partial(worker.ask, "evaluate", model=model)
            sgemm = stack.enter_context(Worker("benchmarks._sgemm_worker"))
            tasks["sgemm"] = partial(sgemm.ask, "gflops", repeats=5)
            roof = stack.enter_context(Worker("benchmarks._roof_worker"))
            tasks["roof"] = partial(roof.ask, "gflops", repeats=25)
        say("warming up")
        for task in tasks.values():
            task()
        timings = _common.interleaved(tasks, rounds, deadline)
        versions = {name: worker.ask("versions") for name, worker in workers.items()}
        if torch:
            versions["torch"] = torch.ask("versions")
    return summarise(models, steps, timings) | {
        "data": source["name"],
        "settings": {"batch": BATCH, "steps": steps, "rounds": len(next(iter(timings.values()))), "dtype": "float32"},
        "versions": versions,
        "left_out": left_out,
        "losses": losses,
        "rounds": timings,
    }


def _start_torch(stack: ExitStack, python: str, data: str) -> tuple[Any, str]:
    """The worker for PyTorch; or None and the reason."""
    try:
        worker = stack.enter_context(Worker("benchmarks._torch_worker", python=python))
        worker.ask("read_data", path=data)
    except (WorkerError, OSError) as error:  # no torch there, or no such Python
        reason = str(error).strip().splitlines()[-1]
        say(f"PyTorch is left out: {reason}")
        return None, reason
    return worker, ""


def check_same_losses(model: str, losses: dict[str, list[float]]) -> None:
    """Raises ValueError where a framework's losses differ from tinycnn's: timings of other work mean nothing."""
    for name, values in losses.items():
        for own, other in zip(losses["tinycnn"], values, strict=True):
            if not abs(own - other) <= SAME_LOSS * abs(own):
                raise ValueError(
                    f"{model}: expected equal losses on the same weights and batch, received {losses['tinycnn']} "
                    f"(tinycnn) and {values} ({name}). Find out why before timing."
                )


def summarise(models: Sequence[str], steps: int, timings: dict[str, list[Json]]) -> Json:
    """Milliseconds a step, ratios and shares of every round, by model."""
    result: Json = {"ms": {}, "ratio": {}, "ratio_torch": {}, "evaluate_s": {}, "ratio_evaluate": {}, "sgemm_share": {}}
    result["sgemm_gflops"] = [timing["gflops"] for timing in timings.get("sgemm", [])]
    result["roof_gflops"] = [timing["all_threads"] for timing in timings.get("roof", [])]
    result["roof_share"] = {}
    for model in models:
        names = [key.split("/")[1] for key in timings if key.startswith(model + "/")]
        ms = {n: _common.ms_per_step(timings[f"{model}/{n}"], steps) for n in names if "evaluate" not in n}
        result["ms"][model] = ms
        result["ratio"][model] = _common.ratios(ms["keras"], ms["tinycnn"])
        torch = [n for n in names if n.startswith("torch")]
        if torch:
            best = min(torch, key=lambda n: _common.summary(ms[n])["median"])
            result["ratio_torch"][model] = {"mode": best, "ratio": _common.ratios(ms[best], ms["tinycnn"])}
        if f"{model}/keras evaluate" in timings:
            seconds = {n: [t["seconds"] for t in timings[f"{model}/{n} evaluate"]] for n in ("tinycnn", "keras")}
            result["evaluate_s"][model] = seconds
            result["ratio_evaluate"][model] = _common.ratios(seconds["keras"], seconds["tinycnn"])
        if result["sgemm_gflops"]:
            result["sgemm_share"][model] = [
                training_flops(BATCH) / (step / 1000) / (gflops * 1e9)
                for step, gflops in zip(ms["tinycnn"], result["sgemm_gflops"], strict=True)
            ]
        if result["roof_gflops"]:
            roof, done = max(result["roof_gflops"]), _operations.done_in_training(BATCH, model)
            rates = [done / (step / 1000) / 1e9 for step in ms["tinycnn"]]
            _operations.check_below_roof({model: _common.summary(rates)["median"]}, roof)
            result["roof_share"][model] = [rate / roof for rate in rates]
    return result


def plot(result: Json, path: Path) -> None:
    """A bar for each framework and model: the median; dots: the rounds."""
    models = list(result["ms"])
    figure, axes = _common.new_figure(9, 1 + 0.42 * sum(len(ms) for ms in result["ms"].values()))
    labels, y = [], 0.0
    for model in models:
        for name, values in result["ms"][model].items():
            family = {"tinycnn": "tinycnn", "keras": "Keras"}.get(name, "PyTorch")
            median = _common.summary(values)["median"]
            axes.barh(y, median, 0.75, color=_common.COLOURS[family])
            axes.plot(values, [y] * len(values), "o", color="black", markersize=3)
            axes.text(max(values), y, f"  {median:.1f}", va="center")
            labels.append((y, f"{model.replace('_', ' ')}: {label(name)}"))
            y += 1
        y += 0.6
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels])
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a training step, batch 32, float32 (bar: median; dots: rounds)")
    axes.set_title("A training step of the notebook's three models", loc="left")
    _common.save_figure(figure, result, path)


def label(name: str) -> str:
    return {"tinycnn": "tinycnn", "keras": "Keras"}.get(name) or name.replace("torch", "PyTorch,").replace("_", " ")


if __name__ == "__main__":
    sys.exit(main())

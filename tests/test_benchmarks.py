"""The measuring itself: statistics, the protocol between processes, the report, and one real comparison with Keras."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as quick
from benchmarks import (
    _common,
    _drawings,
    _kernels_worker,
    _models,
    _operations,
    blas_threads,
    memory,
    profile,
    report,
    scaling,
    startup,
    training_step,
    walk,
)
from benchmarks._worker import ROOT, Stopwatch, Worker, WorkerError
from tinycnn.kernels import FAST, REFERENCE

# Statistics


def test_summary_is_median_and_range() -> None:
    assert _common.summary([5.0, 1.0, 2.0, 10.0]) == {"median": 3.5, "min": 1.0, "max": 10.0}
    assert _common.spread([5.0, 1.0, 2.0]) == "2.00 (1.00 to 5.00)"


def test_ratios_are_taken_round_by_round() -> None:
    assert _common.ratios([6.0, 20.0], [2.0, 10.0]) == [3.0, 2.0]
    with pytest.raises(ValueError, match="shorter"):
        _common.ratios([1.0, 2.0], [1.0])


def test_milliseconds_a_step() -> None:
    assert _common.ms_per_step([{"seconds": 0.5}, {"seconds": 2.0}], 100) == [5.0, 20.0]


@pytest.mark.parametrize(("ratio", "text"), [(123.4, "123x"), (3.14, "3.1x"), (0.314, "0.31x")])
def test_times(ratio: float, text: str) -> None:
    assert _common.times(ratio) == text


def test_interleaved_asks_in_turn_and_stops_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_common, "PAUSE", 0)
    asked: list[str] = []

    def task(name: str) -> Any:
        return lambda: asked.append(name) or {"number": len(asked)}

    timings = _common.interleaved({"a": task("a"), "b": task("b")}, rounds=3)
    assert asked == ["a", "b"] * 3
    assert [t["number"] for t in timings["b"]] == [2, 4, 6]
    timings = _common.interleaved({"a": task("a")}, rounds=3, deadline=0)
    assert len(timings["a"]) == 1  # never none at all


def test_a_round_knows_what_others_used(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = iter([100.0, 103.0])
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(_common, "PAUSE", 0)
    monkeypatch.setattr(_common, "busy_seconds", lambda: next(busy))
    monkeypatch.setattr(_common.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(_common.os, "cpu_count", lambda: 2)
    timing = _common.measured(lambda: {"cpu_seconds": 1.0})
    assert timing["others_share"] == 0.5  # 3 s busy, 1 s of them its own, of 2 s on 2 cores


def test_stopwatch_tells_work_from_waiting() -> None:
    def work() -> float:
        return sum(i**0.5 for i in range(300_000))

    stopwatch = Stopwatch()
    first = stopwatch.time(work)
    work()  # a pool that spins between two rounds
    second = stopwatch.time(lambda: None)
    assert first["cpu_seconds"] > 0.005
    assert second["idle_cpu_seconds"] > 0.3 * first["cpu_seconds"]
    assert second["cpu_seconds"] < 0.3 * first["cpu_seconds"]


def test_flops_are_those_of_the_products() -> None:
    """Counted another way: from the shapes of tinycnn's own model."""
    from tinycnn import models

    macs = [
        np.prod(layer.output_shape[1:-1], dtype=int) * layer.kernel.value.size
        for layer in models.plain().layers
        if hasattr(layer, "kernel")
    ]
    assert _models.training_flops(32) == 2 * 32 * (3 * sum(macs) - macs[0])
    assert 0.46e9 < _models.training_flops(32) < 0.48e9


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_flops_of_the_grid_are_those_of_its_model(depth: int) -> None:
    import tinycnn.keras

    layers = _models.grid(tinycnn.keras, 28, 8, depth).layers
    macs = [
        np.prod(layer.output_shape[1:-1], dtype=int) * layer.kernel.value.size
        for layer in layers
        if hasattr(layer, "kernel")
    ]
    assert _models.grid_flops(28, 8, depth, 5) == 2 * 5 * (3 * sum(macs) - macs[0])


@pytest.mark.parametrize("name", _models.NOTEBOOK)
def test_measured_models_are_the_notebooks(name: str) -> None:
    from tinycnn import keras, models

    own = [(type(layer), layer.output_shape) for layer in _models.notebook(keras, name).layers]
    assert own == [(type(layer), layer.output_shape) for layer in getattr(models, name)().layers]


def test_every_kernel_of_the_table_is_measured() -> None:
    entries = {name for name in vars(REFERENCE) if name not in ("name", "activations", "fused")}
    fast = {name for name in REFERENCE.activations if FAST.activations[name] is not REFERENCE.activations[name]}
    entries |= {f"{name}.{direction}" for name in fast for direction in ("forward", "backward")}
    assert entries <= {case.entry for case in _kernels_worker.CASES}
    fused = [case for case in _kernels_worker.CASES if case.fused]
    steps = {type(_kernels_worker.step_of(FAST, case)[0]).kernels_name for case in fused}
    assert steps == set(FAST.fused)


def test_convolutions_of_other_shapes_are_measured() -> None:
    """Forward and both backwards of 1x1, 5x5 and 7x7 kernels, strides of two, and float64."""
    cases = [case for case in _kernels_worker.CASES if case.where.startswith("the same")]
    rng, seen = np.random.default_rng(0), set()
    for case in cases:
        x, kernel, *_ = next(c for c in cases if (c.where, c.entry) == (case.where, "conv2d_forward")).arguments(rng)
        *_, strides, dilation_rate = case.arguments(rng)
        outputs = (13 - kernel.shape[0]) // strides[0] + 1
        assert case.flops == 2 * 32 * outputs**2 * kernel.size
        assert x.dtype == case.dtype
        assert dilation_rate == (1, 1)
        seen.add((case.entry, kernel.shape[0], strides[0], case.dtype))
        by_winograd = kernel.shape[0] == 3 and strides == (1, 1)
        assert case.done < case.flops if by_winograd else case.done == case.flops
    entries = [f"conv2d_{name}" for name in ("forward", "backward_parameters", "backward_input")]
    settings = [(1, 1, "float32"), (5, 1, "float32"), (7, 1, "float32"), (3, 2, "float32"), (3, 1, "float64")]
    assert seen == {(entry, *its) for entry in entries for its in settings}


# The roof, and what is done below it


@pytest.mark.parametrize("tile", ["GRADIENTS", "TRAINING", "INFERENCE"])
def test_operations_of_winograds_way_are_those_of_its_arrays(tile: str) -> None:
    """The kernel at all points, and the tiles, as the engine makes them."""
    from tinycnn.kernels.engine import winograd

    out = getattr(_operations, tile)
    assert out == {"GRADIENTS": winograd.OUT, "TRAINING": winograd.SMALL_OUT, "INFERENCE": winograd.LARGE_OUT}[tile]
    kernel = np.zeros((3, 3, 4, 16), "float32")
    points = np.prod(winograd.transformed_kernel(kernel, np.int64(out)).shape[:2], dtype=int)
    assert _operations.winograd(7, 11, 4, 16, out) == 2 * 7 * winograd.tiles((11, 11), out) * points * 4 * 16


def test_operations_done_are_fewer_than_counted_directly() -> None:
    """By hand: 25 tiles of 16 and twice 9 tiles of 36 in place of three times 121 windows of 9; all else directly."""
    conv1, conv2, dense = 26 * 26 * 9 * 32, 11 * 11 * 9 * 32 * 64, 1600 * 64 + 64 * 10
    assert _operations.direct(32, 11, 3, 32, 64) == 2 * 32 * conv2
    expected = 2 * 32 * (2 * conv1 + (25 * 16 + 2 * 9 * 36) * 32 * 64 + 3 * dense)
    assert _operations.done_in_training(32, "plain") == _operations.done_in_training(32, "dropout") == expected
    normalized = 2 * 32 * (2 * conv1 + (36 * 16 + 2 * 9 * 36) * 32 * 64 + 3 * dense)
    assert _operations.done_in_training(32, "batch_normalization") == normalized < _models.training_flops(32)
    assert _operations.done_in_inference(32) == 2 * 32 * (conv1 + 4 * 49 * 32 * 64 + dense)


def test_nothing_lies_above_the_roof() -> None:
    _operations.check_below_roof({"a": 10.0, "b": 99.9}, 100.0)
    for wrong in (100.1, float("nan")):
        with pytest.raises(
            ValueError, match=r"b: expected at most the roof, 100 GFLOP/s, received .*Nothing is written"
        ):
            _operations.check_below_roof({"a": 10.0, "b": wrong}, 100.0)


def walked(seconds: float, threads: int = 1) -> dict[str, Any]:
    """A step of Winograd's: 1 GFLOP done, counted directly 4."""
    step = {"name": "Winograd", "flops": 4e9, "done": 1e9, "bytes": 1e7, "threads": threads, "seconds": [seconds]}
    return {
        "roof_gflops": {"one_thread": [100.0, 120.0], "all_threads": [230.0, 210.0]}, "threads": 2, "steps": [step],
        "sgemm_gflops": [200.0], "sgemm": {"threads": 2, "kernel": "Haswell"}, "bandwidth_gb_s": [60.0],
        "command": "python -m benchmarks.walk", "date": "2025-01-02T03:04:05+00:00", "machine": MACHINE,
    }  # fmt: skip


def test_a_walk_above_the_roof_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    for seconds, threads, passes in ((1 / 119, 1, True), (1 / 121, 1, False), (1 / 229, 0, True), (1 / 231, 0, False)):
        monkeypatch.setattr(walk, "measure", lambda rounds, s=seconds, t=threads: walked(s, t))
        folder = tmp_path / f"{threads} {passes}"
        if passes:
            walk.main(["--results", str(folder)])
        else:
            with pytest.raises(ValueError, match="Winograd: expected at most the roof"):
                walk.main(["--results", str(folder)])
        assert (folder / "walk.json").exists() == passes


@pytest.mark.jit
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_roof_is_a_loop_of_multiply_adds(dtype: str) -> None:
    from benchmarks import _roof_worker

    call, operations = _roof_worker.compiled(dtype)  # reads the machine code
    lanes = _roof_worker.TARGET.vector_bytes // np.dtype(dtype).itemsize
    assert operations == 2 * _roof_worker.TURNS * _roof_worker.CHAINS * lanes
    assert _roof_worker.rate(call, operations, threads=2) > 0
    data = np.empty(_roof_worker.CHAINS * lanes + lanes, dtype)
    aligned = data[-(data.ctypes.data // data.itemsize) % lanes :][: _roof_worker.CHAINS * lanes]
    aligned[:] = np.linspace(-0.9, -0.1, len(aligned))
    expected = aligned.astype("float64")
    for _ in range(3):
        expected = expected * expected + expected
    call.function(aligned.ctypes.data, 3)
    np.testing.assert_allclose(aligned, expected, rtol=1e-5)  # a chain that took another one's vector is far off


def test_a_loop_that_is_not_the_roof_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    from benchmarks import _roof_worker

    monkeypatch.setattr(_roof_worker, "CHAINS", 2)
    register = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[_roof_worker.TARGET.vector_bytes]
    good = [f"vfmadd213ps {register}{i}, {register}{i}, {register}{i}" for i in range(2)]
    _roof_worker.check_loop([*good, "incq %rax"])
    narrow = [line.replace(register, "%bmm") for line in good]
    for wrong in (good[:1], narrow, [*good, "vmovaps (%rdi), %zmm1"], ["vmulps %zmm0, %zmm0, %zmm0"] * 2):
        with pytest.raises(RuntimeError, match="expected 2 fused multiply-adds"):
            _roof_worker.check_loop(wrong)
    assert _roof_worker.loop_of("a:\n\tmov\n.L1:\n\tadd\t%a, %b\n\tjb\t.L1\n\tret") == ["add %a, %b"]
    with pytest.raises(RuntimeError, match="expected a loop"):
        _roof_worker.loop_of("a:\n\tadd\n\tret")


def test_blas_says_its_threads() -> None:
    pytest.importorskip("threadpoolctl")
    with Worker("benchmarks._sgemm_worker") as worker:
        assert worker.ask("blas")["threads"] >= 1


def test_a_busy_program_ends_with_its_block() -> None:
    with blas_threads.busy_program() as process:
        assert process.poll() is None
    assert process.returncode


@pytest.mark.slow
def test_blas_threads_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("threadpoolctl")
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(_common, "PAUSE", 0)
    blas_threads.main(["--rounds", "1", "--steps", "1", "--results", str(tmp_path)])
    result = json.loads((tmp_path / "blas_threads.json").read_text())
    assert list(result["ms"]) == [f"{n} thread{s}, {w}" for n, s in (("one", ""), ("all", "s"))
                                  for w in ("alone", "beside a program")]  # fmt: skip
    assert all(value > 0 for (value,) in result["ms"].values())
    assert "beside a program | " in report.blas_threads(result)


def test_seconds_of_an_import() -> None:
    lines = "import time: self [us] | cumulative | imported package\nimport time:       12 |         12 |   tinycnn.a\n"
    lines += "import time:        5 |     250017 | tinycnn\n"
    assert startup.seconds_of_import(lines, "tinycnn") == 0.250017
    with pytest.raises(ValueError, match="expected a line of numba"):
        startup.seconds_of_import(lines, "numba")


# Workers

FAKE = """
import os, sys, time
from benchmarks._worker import serve

def fail():
    raise KeyError("no such thing")

def leave():
    print("last words", file=sys.stderr)
    os._exit(3)

def add(a, b):
    print("a library talks")
    os.system("echo so does its child")
    return a + b

serve({"add": add, "fail": fail, "leave": leave, "sleep": lambda seconds: time.sleep(seconds)})
"""


@pytest.fixture
def fake_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "fake_worker.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Worker("fake_worker") as worker:
        yield worker


def test_worker_answers_whatever_is_printed(fake_worker: Worker) -> None:
    assert fake_worker.ask("add", a=1, b=2) == 3
    assert fake_worker.ask("add", a=[1], b=["x"]) == [1, "x"]


def test_worker_hands_on_errors_and_lives(fake_worker: Worker) -> None:
    with pytest.raises(WorkerError, match="no such thing"):
        fake_worker.ask("fail")
    assert fake_worker.ask("add", a=1, b=1) == 2


def test_worker_that_ends_leaves_its_last_words(fake_worker: Worker) -> None:
    with pytest.raises(WorkerError, match=r"(?s)fake_worker: ended during leave.*last words"):
        fake_worker.ask("leave")


def test_worker_that_takes_too_long_is_stopped(fake_worker: Worker) -> None:
    with pytest.raises(TimeoutError, match=r"expected an answer to sleep in 0\.3 s, received none"):
        fake_worker.ask("sleep", timeout=0.3, seconds=60)


# Figures and files


def losses(**values: list[float]) -> dict[str, list[float]]:
    return {"tinycnn": [2.3, 2.0], "keras": [2.3, 2.00001], **values}


def test_equal_losses_pass_and_others_end_the_run() -> None:
    training_step.check_same_losses("plain", losses())
    for wrong in ([2.3, 2.001], [2.3, float("nan")]):
        with pytest.raises(ValueError, match=r"plain: expected equal losses .*\(torch eager\)\. Find out why"):
            training_step.check_same_losses("plain", losses(**{"torch eager": wrong}))


def timings(**seconds: list[float]) -> dict[str, list[dict[str, float]]]:
    return {key.replace("__", "/").replace("_", " "): [{"seconds": s} for s in v] for key, v in seconds.items()}


def test_training_steps_are_summarised() -> None:
    rounds = timings(
        plain__tinycnn=[0.2, 0.4],
        plain__keras=[1.0, 1.2],
        plain__torch_eager=[2.0, 2.0],
        plain__torch_compiled=[0.8, 1.6],
        plain__tinycnn_evaluate=[0.1, 0.1],
        plain__keras_evaluate=[0.7, 0.9],
    )
    rounds["sgemm"] = [{"gflops": 100.0}, {"gflops": 200.0}]
    rounds["roof"] = [{"all_threads": 400.0}, {"all_threads": 300.0}]
    result = training_step.summarise(["plain"], 100, rounds)
    assert result["ms"]["plain"]["tinycnn"] == [2.0, 4.0]
    assert result["ratio"]["plain"] == pytest.approx([5.0, 3.0])
    assert result["ratio_torch"]["plain"]["mode"] == "torch compiled"
    assert result["ratio_torch"]["plain"]["ratio"] == pytest.approx([4.0, 4.0])
    assert result["ratio_evaluate"]["plain"] == pytest.approx([7.0, 9.0])
    flops = _models.training_flops(32)
    assert result["sgemm_share"]["plain"] == pytest.approx([flops / 0.002 / 100e9, flops / 0.004 / 200e9])
    done = _operations.done_in_training(32, "plain")
    assert result["roof_share"]["plain"] == pytest.approx([done / 0.002 / 400e9, done / 0.004 / 400e9])
    rounds["roof"] = [{"all_threads": 0.9 * done / 0.003 / 1e9}] * 2
    with pytest.raises(ValueError, match="plain: expected at most the roof"):
        training_step.summarise(["plain"], 100, rounds)


def test_no_path_of_this_machine_in_the_command() -> None:
    argv = ["--torch-python", "/somewhere/bin/python", "--rounds", "3", "--results", "benchmarks/results/second"]
    assert _common.command("benchmarks.training_step", argv) == (
        "python -m benchmarks.training_step --torch-python PATH --rounds 3 --results benchmarks/results/second"
    )
    assert _common.command("x", ["--results=/somewhere", "--quick"]) == "python -m x --results=PATH --quick"


@pytest.mark.parametrize("text", ["0", "-3", "two", "1.5"])
def test_rounds_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        training_step.main(["--rounds", text])
    assert f"argument --rounds: expected a whole number greater than 0, received '{text}'" in capsys.readouterr().err


def test_a_python_that_is_not_there_leaves_pytorch_out() -> None:
    with ExitStack() as stack:
        torch, why_not = training_step._start_torch(stack, "no/such/python", "no data")
    assert torch is None
    assert "no/such/python" in why_not


def test_a_folder_without_results_writes_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main(["--results", str(tmp_path)])
    assert "expected a folder with the JSON files of benchmarks, found none in" in capsys.readouterr().err
    assert not list(tmp_path.parent.glob("RESULTS.md"))


def test_json_is_whole_or_old(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    _common.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        _common.write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


def test_scaling_resumes_only_what_fits() -> None:
    new: dict[str, Any] = {"machine": {"cores": 2}, "settings": {"rounds": 5}, "code": scaling.code(), "versions": {}}
    old = new | {"versions": {"keras": {}}, "cells": [{"batch": 1}]}
    assert scaling.resumed(old, new) == [{"batch": 1}]
    assert new["versions"] == {"keras": {}}
    for key, other in (("machine", {"cores": 4}), ("settings", {"rounds": 1}), ("code", "of before")):
        with pytest.raises(ValueError, match=f"expected {key} .* use --fresh"):
            scaling.resumed(old, {**new, key: other})


def test_scaling_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[dict[str, int]] = []

    def fake(where: dict[str, int], *_: Any) -> dict[str, Any]:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(where)
        return {**where, "left_out": "a test"}

    monkeypatch.setattr(scaling, "measure_cell", fake)
    arguments = ["--quick", "--results", str(tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        scaling.main(arguments)
    assert len(json.loads((tmp_path / "scaling.json").read_text())["cells"]) == 2
    monkeypatch.setattr(scaling, "measure_cell", lambda where, *_: measured.append(where) or {**where, "left_out": "x"})
    scaling.main(arguments)
    assert measured == scaling.QUICK  # each once


def watched(program: str) -> float:
    """From a small process, as the benchmark is: a child never has a lower peak than its parent."""
    ask = f"from benchmarks import memory; print(memory.watch(['-c', {program!r}])['peak_mb'])"
    return float(subprocess.run([sys.executable, "-c", ask], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def test_peak_memory_is_that_of_the_child() -> None:
    numbers = 60_000_000
    small = watched(f"x = b'1' * {numbers}")
    large = watched(f"x = b'1' * {numbers}; y = bytearray(x)")
    assert 0.9 * numbers / 1e6 < large - small < 1.1 * numbers / 1e6


def test_a_peak_that_may_be_inherited_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"it may be inherited\. Measure from a small process"):
        memory.watch(["-c", "pass"])
    with pytest.raises(RuntimeError, match=r"(?s)exit code 1.*ZeroDivisionError"):
        memory.watch(["-c", "1 / 0"])


# The report

MACHINE = {"cpu": "Example CPU", "cores": 2, "os": "Linux x86_64"}


def fixture() -> dict[str, Any]:
    """A small result of training_step and memory, as their JSON files hold them."""
    head = {"date": "2025-01-02T03:04:05+00:00", "machine": MACHINE}
    rounds = timings(plain__tinycnn=[0.4, 0.4], plain__keras=[1.2, 1.6])
    rounds["sgemm"] = [{"gflops": 473.0}, {"gflops": 473.0}]
    rounds["roof"] = [{"all_threads": _operations.done_in_training(32, "plain") / 1e6}] * 2  # a step in 1 ms
    rounds["plain/keras"][0] |= {"others_share": 0.25, "idle_cpu_seconds": 0.07}
    step = head | training_step.summarise(["plain"], 100, rounds) | {
        "name": "training_step", "command": "python -m benchmarks.training_step", "data": "mnist",
        "settings": {"batch": 32, "steps": 100, "rounds": 2, "dtype": "float32"},
        "versions": {"keras": {"keras": "3.15.1"}}, "left_out": {"PyTorch": "No module named 'torch'"},
        "rounds": rounds,
    }  # fmt: skip
    peaks = {"tinycnn": [500.0], "keras": [1000.0]}
    used = head | {
        "command": "python -m benchmarks.memory",
        "peak_mb": peaks,
        "settings": {"epochs": 1, "subset": None},
    }
    return {"training_step": step, "memory": used}


def row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_report_holds_the_figures_and_their_source() -> None:
    text = report.report(fixture())
    assert row(text, "plain | Keras")[2:] == ["14.00 (12.00 to 16.00)", "3.50 (3.00 to 4.00)"]
    assert row(text, "training step, plain, against Keras `fit`")[1:] == [
        "3.5x", "at least 3x", "met", "at least 6x", "not met",
    ]  # fmt: skip
    assert row(text, "peak memory of `tinycnn.train --bn`")[1:] == [
        "500 MB", "at most 600 MB", "met", "at most 420 MB", "not met",
    ]  # fmt: skip
    assert row(text, "share of the roof over the whole step, plain, operations done")[1:4:2] == ["25 %", "NOT MET"]
    assert row(text, "training step, BN, against Keras `fit`")[1] == "not measured"
    assert "`python -m benchmarks.training_step`, 2025-01-02; 2 cores, Example CPU; keras 3.15.1." in text
    assert "Left out: PyTorch (No module named 'torch')." in text
    assert "Not measured yet: `python -m benchmarks.scaling`." in text


def test_report_warns_of_a_busy_machine() -> None:
    results = fixture()
    assert "Other programs used 25 %" in report.report(results)
    assert "at most 0.07 s of processor time" in report.report(results)
    assert "too much for trust" in report.report(results)
    assert "disturbed training_step: these verdicts do not count" in report.report(results)
    results["training_step"]["rounds"]["plain/keras"][0]["others_share"] = 0.01
    assert "too much for trust" not in report.report(results)
    assert "do not count" not in report.report(results)


def test_the_worst_of_several_runs_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, slower = fixture(), fixture()["training_step"]
    slower["ratio"] = {"plain": [2.5, 3.0]}
    _common.write_json(tmp_path / "training_step.json", first["training_step"])
    for again, run in (("second", first["training_step"]), ("third", slower)):
        (tmp_path / again).mkdir()
        _common.write_json(tmp_path / again / "training_step.json", run)
    _common.write_json(tmp_path / "memory.json", first["memory"])
    text = report.report(report.read(tmp_path))
    assert row(text, "training step, plain, against Keras `fit`")[1:] == [
        "3.5x, 3.5x, 2.75x", "at least 3x", "NOT MET", "at least 6x", "not met",
    ]  # fmt: skip
    assert row(text, "peak memory of `tinycnn.train --bn`")[1] == "500 MB"  # measured once
    assert "`training_step`: over three runs, one figure for each; what counts is the worst.\n" in text
    assert text.count("Again: `python -m benchmarks.training_step`") == 2
    assert "disturbed training_step, second training_step, third training_step" in text

    _common.write_json(tmp_path / "third" / "training_step.json", slower | {"machine": MACHINE | {"cpu": "Another"}})
    with pytest.raises(ValueError, match=r"expected the machine of the first run in all, .*'Example CPU'.*'Another'"):
        report.read(tmp_path)
    with pytest.raises(SystemExit):
        report.main(["--results", str(tmp_path)])
    assert "error: results of training_step: expected the machine" in capsys.readouterr().err


def test_targets_are_not_met_by_a_part_of_the_work() -> None:
    results = fixture()
    results["memory"]["settings"]["subset"] = "2000"
    assert row(report.report(results), "peak memory of `tinycnn.train --bn`")[1] == "not measured"
    cells = [{"ratio": [2.0]}, {"ratio": [1.0, 1.2, 3.0]}]
    (slowest,) = [t for t in report.TARGETS if t.what.startswith("slowest shape")]
    assert slowest.value({"cells": cells, "all_cells": 2}) == 1.2
    with pytest.raises(KeyError):
        slowest.value({"cells": cells, "all_cells": 3})
    with pytest.raises(KeyError):
        slowest.value({"cells": [*cells, {"left_out": "too slow"}], "all_cells": 3})


def started(cold: list[float], keras: list[float]) -> dict[str, Any]:
    seconds = {"tinycnn, first batch, cold": cold, "keras, first batch": keras, "tinycnn, train": [3.0] * len(cold)}
    return {
        "seconds": seconds | {report.IMPORT: [0.2, 0.4, 0.25]}, "says_it_is_compiling": True, "settings": {"rounds": 3},
        "command": "python -m benchmarks.startup", "date": "2025-01-02T03:04:05+00:00", "machine": MACHINE,
    }  # fmt: skip


def test_the_cold_start_is_judged_beside_keras_by_the_worst_run() -> None:
    results = {"startup": started([4.0, 5.0, 6.0], [4.0, 4.0, 6.0]), "third startup": started([6.0], [2.0])}
    text = report.report(results)
    assert "`startup`: over two runs, one figure for each" in text
    assert row(text, "cold start to the first batch done, of Keras's import and first batch")[1:] == [
        "1x, 3x", "at most 2.5x", "NOT MET", "at most 1.2x", "not met",
    ]  # fmt: skip
    assert row(text, "the same in seconds")[1:] == ["5 s, 6 s", "at most 9 s", "met", "at most 5 s", "not met"]
    assert row(text, "`import tinycnn` beyond NumPy and Numba")[1:] == [
        "0.25 s, 0.25 s",
        "at most 0.3 s",
        "met",
        "",
        "",
    ]


def test_limits_are_met_from_the_figures_alone() -> None:
    """Each target's verdicts turn where its figure passes the limits."""
    for target in report.TARGETS:
        for limit in (target.must, target.aim):
            if limit is not None:
                better, worse = (0.99, 1.01) if target.less else (1.01, 0.99)
                assert target.verdict([limit * better, limit], limit), target.what
                assert not target.verdict([limit * better, limit * worse], limit), target.what


def test_the_walk_shows_what_is_done_and_what_that_replaces() -> None:
    text = report.report({"walk": walked(1 / 60)})
    assert row(text, "1 | Winograd")[2:] == ["16.667 (16.667 to 16.667)", "60", "50 %", "240"]
    assert "120 GFLOP/s with one thread, 230 with all 2" in text
    assert "BLAS with 2 threads, kernel Haswell): 200 (200 to 200) GFLOP/s" in text


def test_kernels_are_held_against_the_roof() -> None:
    case = {"entry": "conv2d_forward", "where": "second convolution", "flops": 4e8, "done": 1e8, "accelerated": True,
            "reference_s": [0.01], "fast_s": [0.001], "roof_share": [0.5]}  # fmt: skip
    text = report.kernels(
        {"cases": [case], "sgemm_gflops": [150.0], "roof_gflops": {"float32": [190.0, 200.0], "float64": [100.0]}}
    )
    assert row(text, "`conv2d_forward`")[2:] == ["10.000", "1.000", "10x", "400", "100", "50 %"]
    assert "The roof of all threads: 200 in float32 and 100 in float64, GFLOP/s" in text


def test_profile_times_every_part_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (256, 28, 28), np.uint8), rng.integers(0, 10, 256).astype(np.uint8)
    monkeypatch.setattr("tinycnn.datasets.mnist.load_data", lambda: (data, data))
    for model, steps in (("plain", 5), ("dropout", 8), ("batch_normalization", 6)):
        parts = profile.parts_of(model, steps=2)
        ways = [part.split()[0] for part in parts]
        assert ways == ["gathering", *["forward"] * steps, "loss", *["backward"] * steps, "optimizer", "metrics"]
        assert min(parts.values()) > 0


def test_the_lab_is_held_against_its_aims() -> None:
    result = {
        "start_s": [1.5],
        "page_kb": 28.04,
        "page_files_kb": 40.1,
        "follow_ms": [*range(1, 101)],
        "follow_training_ms": [40.0],
        "slowed": [1.04],
        "requests_elsewhere": 0,
        "exported_kb": 760.0,
        "ready_ms": [600.0],
        "read": 97,
        "drawings": 100,
        "settings": {"data": "mnist"},
    }
    text = report.lab(result)
    assert row(text, "a drawing to its maps: median, p95")[1:] == ["50 ms, 96 ms", "p95 under 50 ms"]
    assert row(text, "page of an exported file, gzipped, without its model")[1:] == ["28.0 kB", "under 30 kB"]
    assert row(text, "drawings that are read")[1:] == ["97 of 100", "at least 95 of 100"]
    assert "training on mnist" in text


def test_the_drawings_are_always_the_same_and_inside_the_square() -> None:
    several = _drawings.drawings()
    assert several == _drawings.drawings()
    assert [digit for digit, _ in several] == [digit for digit in range(10) for _ in range(10)]
    assert len({str(strokes) for _, strokes in several}) == 100
    assert all(-0.1 < number < 1.1 for _, strokes in several for s in strokes for point in s for number in point)


def test_a_result_of_an_earlier_version_is_to_be_measured_anew() -> None:
    old = walked(1 / 60)
    del old["roof_gflops"]
    assert "Measured without 'roof_gflops': repeat `python -m benchmarks.walk`." in report.report({"walk": old})


def test_distances_name_what_was_measured() -> None:
    results = fixture()
    assert "Distance to the aims" not in report.report(results)  # no profile, no reason
    results["memory"]["libraries_mb"] = 120.0
    passes = {"native_lowering": 4.0, "native_parfor_lowering": 5.0, "nopython_type_inference": 2.0, "other": 1.0}
    first = {"tinycnn, first batch, warm": [1.5], "tinycnn, first batch, cold": [13.0], "tinycnn, train": [3.0]}
    results["startup"] = {
        "seconds": first,
        "says_it_is_compiling": True,
        "compiling": {"passes": passes, "seconds": 13.5},
        "train_functions": {"all": 4.0, "fit": 2.5},
        "command": "python -m benchmarks.startup",
        "date": "2025-01-02T03:04:05+00:00",
        "machine": MACHINE,
    }
    cell = {"image": 28, "channels": 8, "batch": 5, "depth": 2, "ratio": [1.5], "tinycnn_ms": [2.0], "keras_ms": [3.0]}
    results["scaling"] = {"cells": [cell | {"ratio": [4.0], "batch": 6}, cell]}
    lines = report.memory_reason(results) + report.cold_reason(results) + report.warm_reason(results)
    lines += report.scaling_reason(results)
    text = "\n".join(lines)
    for part in ("500 MB at the peak, 188 MB are", "120 MB Python", "run of its own of 13.5 s: 9.0 s", "2.0 s to infer",
                 "1.0 s in Numba's", "1.5 s outside", "makes 4.00 s", "`fit` 2.50 s", "1.50 s pass"):  # fmt: skip
        assert part in text, part
    assert text.index("batch 5, 8 channels, image 28") < text.index("batch 6")  # the slowest first


def test_a_pass_is_not_charged_with_the_passes_within_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba", reason="the passes are those of its compiler")
    from benchmarks import _compile_passes

    clock = iter([0.0, 1.0, 4.0, 6.0])
    monkeypatch.setattr(_compile_passes.time, "perf_counter", lambda: next(clock))
    listener = _compile_passes.OwnSeconds()
    outer, inner = (types.SimpleNamespace(data={"name": name}) for name in ("types [f]", "lowering [g]"))
    listener.on_start(outer)
    listener.on_start(inner)
    listener.on_end(inner)
    listener.on_end(outer)
    assert listener.seconds == {"types": 3.0, "lowering": 3.0}


def test_results_are_generated_not_typed() -> None:
    written = _common.RESULTS.with_name("RESULTS.md")
    if written.exists():
        assert written.read_text(encoding="utf-8") == report.report(report.read(_common.RESULTS))
    else:
        assert not report.read(_common.RESULTS)


def test_report_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = fixture()
    _common.write_json(tmp_path / "memory.json", results["memory"])
    report.main(["--results", str(tmp_path), "--output", str(tmp_path / "R.md")])
    assert (tmp_path / "R.md").read_text() == report.report({"memory": results["memory"]}, tmp_path.name)
    assert capsys.readouterr().out == "R.md\n"


# The quick line

LINE = r"Keras's time / tinycnn's, training step: plain \d+\.\d\d, dropout \d+\.\d\d, batch_normalization \d+\.\d\d"


def test_quick_line() -> None:
    line = quick.quick_line({"plain": [1.0, 3.0, 2.5], "dropout": [4.0], "batch_normalization": [0.5, 0.25]})
    assert line == "Keras's time / tinycnn's, training step: plain 2.50, dropout 4.00, batch_normalization 0.38"
    assert re.fullmatch(LINE, line)


@pytest.mark.keras
@pytest.mark.slow
def test_quick_line_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both frameworks really train; without MNIST, so that the bundled digits' way is walked too."""
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "nothing"))
    monkeypatch.setattr(_common, "PAUSE", 0)
    assert quick.main([], rounds=1, steps=2) == 0
    captured = capsys.readouterr()
    assert re.fullmatch(LINE, captured.out.strip())
    assert "MNIST was not found" in captured.err

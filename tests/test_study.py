"""The study: its runs, the files that keep them, interruptions of every kind, and a cluster that loses a worker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinycnn.layers import Dropout
from tutorials import runs, study
from tutorials.runs import Batch, RunError

SMALL = {"data": "digits", "images": 60, "epochs": 2, "batch_size": 32, "learning_rate": 0.001}
ARGUMENTS = ["--data", "digits", "--images", "60", "--epochs", "2", "--frameworks", "tinycnn", "--models", "plain"]

# Runs that cost nothing. Each notes its seed and the process that asked for it when it starts.
FAKE = """
import json, os, pathlib, time
from tutorials import study

def note(seed):
    with open(pathlib.Path(__file__).with_name("started"), "a") as file:
        file.write(f"{seed} {os.getppid()} {os.getpid()}\\n")

def train(seed, **settings):
    note(seed)
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    if seed == 13:
        raise ArithmeticError("thirteen")
    return {"versions": {"numpy": "0.0" if seed == 14 else study.installed(["numpy"])["numpy"]},
            "history": {"loss": [1.0 / seed], "seconds": [0.0]}, "test": {"loss": 1.0, "accuracy": 0.5},
            "threads": os.environ["NUMBA_NUM_THREADS"]}

def really_train(seed, **settings):
    note(seed)
    return study.train(seed=seed, **settings)
"""
DRIVER = "import sys; from tutorials import study; study.TRAIN = sys.argv[1]; sys.exit(study.main(sys.argv[2:]))"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module of fake runs, and where they note what they start."""
    (tmp_path / "fake_runs.py").write_text(FAKE)
    path = os.pathsep.join([str(tmp_path), str(runs.ROOT)])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setattr(study, "TRAIN", "fake_runs:train")
    return tmp_path


def started(folder: Path) -> list[list[int]]:
    """[seed, asking process, own process] of every run that was begun."""
    try:
        lines = (folder / "started").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [[int(word) for word in line.split()] for line in lines]


def begin(folder: Path, *arguments: str, function: str = "fake_runs:train") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, function, *ARGUMENTS, "--results", str(folder / "results"), *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=runs.ROOT,
        # Tests that run in the background have Ctrl-C switched off, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def eventually(what: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json"))


# A run


def test_models_of_one_seed_start_from_the_same_kernels() -> None:
    starts = {name: study.start_from(name, 3) for name in study.MODELS}
    kernels = {
        name: [layer.kernel.value for layer in model.layers if "kernel" in layer.params]
        for name, model in starts.items()
    }
    for name in study.MODELS[1:]:
        for one, other in zip(kernels["plain"], kernels[name], strict=True):
            np.testing.assert_array_equal(one, other)
    other = study.start_from("plain", 4)
    assert not np.array_equal(other.layers[0].kernel.value, kernels["plain"][0])
    masks = [layer.forward(np.ones((2, 64)), training=True) for layer in starts["dropout"].layers[-2:-1]]
    assert isinstance(starts["dropout"].layers[-2], Dropout)
    assert (masks[0] == 0).any()


@pytest.mark.jit
def test_a_run_repeats_to_the_bit_and_says_what_it_did() -> None:
    one, two = (study.train("tinycnn", "dropout_and_batch_normalization", 2, **SMALL) for _ in range(2))
    for record in (one, two):
        assert len(record["history"].pop("seconds")) == 2
    assert one == two
    assert sorted(one["history"]) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert {len(values) for values in one["history"].values()} == {2}
    n = sum(one["calibration"]["count"])
    assert n == 355
    assert sum(one["calibration"]["correct"]) == n - len(one["misread"])
    assert one["test"]["accuracy"] == pytest.approx(1 - len(one["misread"]) / n)
    assert one["versions"].keys() == {"tinycnn", "numpy", "numba"}
    assert json.loads(json.dumps(one)) == one
    other = study.train("tinycnn", "dropout_and_batch_normalization", 3, **SMALL)
    assert other["history"]["loss"] != one["history"]["loss"]


@pytest.mark.jit
def test_every_epoch_has_an_order_of_its_own_and_both_frameworks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    fit = study.Sequential.fit

    def spy(self: Any, x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        assert kwargs["shuffle"] is False
        seen.append(y)
        return fit(self, x, y, *args, **kwargs)

    monkeypatch.setattr(study.Sequential, "fit", spy)
    study.train("tinycnn", "plain", 1, **SMALL)
    study.train("tinycnn", "dropout", 1, **SMALL)
    first, second, *others = seen
    assert not np.array_equal(first, second)
    assert sorted(first) == sorted(second)
    np.testing.assert_array_equal(others, [first, second])


@pytest.mark.keras
def test_keras_starts_from_the_same_weights_and_meets_the_same_batches(keras: Any) -> None:
    own, theirs = (study.train(who, "batch_normalization", 1, **SMALL) for who in ("tinycnn", "keras"))
    for key in ("loss", "val_loss"):
        np.testing.assert_allclose(own["history"][key], theirs["history"][key], rtol=2e-3)
    model = study.start_from("dropout", 5)
    twin = study.in_keras(model, 5)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "keras" in theirs["versions"]


def test_calibration_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4, 0], [0.1, 0.7, 0.2], [0.0, 0.0, 1.0], [0.34, 0.33, 0.33]])
    bins = study.calibration(probabilities, np.array([0, 0, 2, 0]))
    # bins of 1/15: 0.6 = 9/15 belongs to the ninth, whose upper edge it is (but for rounding), 0.7 to the eleventh
    assert sum(bins["count"]) == 4
    assert (bins["count"][10], bins["correct"][10], bins["confidence"][10]) == (1, 0, 0.7)
    assert (bins["count"][14], bins["correct"][14], bins["confidence"][14]) == (1, 1, 1.0)
    assert (bins["count"][5], bins["correct"][5], bins["confidence"][5]) == (1, 1, 0.34)
    assert study.expected_calibration_error(bins) == pytest.approx((0.4 + 0.7 + 0 + 0.66) / 4)
    assert sum(study.calibration(np.eye(3), np.arange(3))["count"][:14]) == 0


def test_runs_are_planned_seed_by_seed_with_the_control_last() -> None:
    plan = list(study.planned(study.make_parser().parse_args([])))
    assert len(plan) == 4 * 50 + 4 * 5
    assert plan[:5] == [*(f"tinycnn-{model}-101" for model in study.MODELS), "tinycnn-plain-102"]
    assert plan[200:] == [f"keras-{model}-{seed}" for seed in range(101, 106) for model in study.MODELS]


# Files


def record(**changes: Any) -> dict[str, Any]:
    versions = runs.installed(["numpy", "tinycnn"])
    return {"run": {}, "settings": {"epochs": 10}, "versions": versions, "code": runs.code()} | changes


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    runs.write(path, record(history={"loss": [1.0]}))
    assert runs.read(tmp_path)["a"] == record(history={"loss": [1.0]})

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    for name in ("a.json", "b.json"):
        with pytest.raises(OSError, match="No space left"):
            runs.write(tmp_path / name, record())
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert runs.read(tmp_path)["a"]["history"] == {"loss": [1.0]}


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (
            record(settings={"epochs": 3}),
            "the settings of the others, epochs 10, received epochs 3. Results of two kinds are "
            "never mixed: choose another folder with --results, or make all of them anew with --fresh.",
        ),
        (record(settings={}), "the settings of the others, epochs 10, received epochs None."),
        (
            record(versions={"numpy": "1.0"}),
            f"the versions of the others, numpy {np.__version__}, received numpy 1.0.",
        ),
        (record(code="0123"), f"the texts of the others, code {runs.code()}, received code 0123."),
        (record(code=None), f"the texts of the others, code {runs.code()}, received code None."),
    ],
)
def test_results_of_two_kinds_are_never_mixed(tmp_path: Path, other: dict[str, Any], text: str) -> None:
    runs.write(tmp_path / "a.json", record())
    runs.write(tmp_path / "b.json", other)
    for settings in (None, {"epochs": 10}):
        with pytest.raises(RunError, match=re.escape(f"{tmp_path / 'b.json'}: expected a result with {text}")):
            runs.read(tmp_path, settings)


def test_results_of_other_versions_than_those_installed_are_read_but_not_added_to(tmp_path: Path) -> None:
    old = record(versions={"numpy": "1.0"})
    runs.write(tmp_path / "a.json", old)
    assert runs.read(tmp_path)["a"] == old
    with pytest.raises(RunError, match=r"a\.json: .*numpy [\d.]+, received numpy 1\.0\. Results of two kinds"):
        runs.read(tmp_path, {"epochs": 10})
    runs.write(tmp_path / "a.json", record(code="0123"))
    assert runs.read(tmp_path)["a"]["code"] == "0123"
    done = Batch("nowhere:run", {"epochs": 10}, {"a": {}}, tmp_path)
    runs.complete(done, str)  # nothing is missing, nothing is added
    with pytest.raises(RunError, match=r"a\.json: .*code [0-9a-f]{16}, received code 0123\. Results of two kinds"):
        runs.complete(replace(done, runs={"a": {}, "b": {}}), str)
    # a package that is not installed here is not about to make results of another version
    runs.write(tmp_path / "a.json", record(versions={"no-such-package": "1.0"}))
    assert list(runs.read(tmp_path, {"epochs": 10})) == ["a"]


def test_the_code_of_a_run_is_that_of_kernels_layers_and_optimizers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tinycnn"
    for name in ("__init__", "initializers", "kernels/engine/a", "layers/b", "losses/c", "optimizers/d", "plots/e"):
        (package / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(name)
    monkeypatch.setattr("tinycnn.__file__", str(package / "__init__.py"))
    marks = [runs.code.__wrapped__()]
    for name in ("plots/e", "kernels/engine/a", "layers/b", "losses/c", "optimizers/d", "initializers"):
        (package / f"{name}.py").write_text("another text")
        marks.append(runs.code.__wrapped__())
    assert marks[0] == marks[1]
    assert len(set(marks)) == 6


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"settings": 1, "versions": {}}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RunError, match=r"a\.json: expected the result of a run, received .* Delete the file, or pass"):
        runs.read(tmp_path)


def test_load_gives_results_by_framework_model_and_seed(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"study: expected results in .*, found none\. Make them with python -m"
    ):
        study.load(tmp_path)
    runs.write(tmp_path / "x.json", record(run={"framework": "keras", "model": "plain", "seed": 1}))
    assert list(study.load(tmp_path)) == [("keras", "plain", 1)]


# The command


def call(folder: Path, *arguments: str) -> int:
    return study.main([*ARGUMENTS, "--results", str(folder / "results"), *arguments])


def test_finished_runs_are_kept_and_not_repeated(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(fake, "--seeds", "1", "2", "--threads", "1") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"0 of 2 runs are in {fake / 'results'}"
    assert said[-1].endswith(": test accuracy 50.00 %, loss 1.0000, 0 s (2 of 2)")
    before = {path: path.read_bytes() for path in (fake / "results").iterdir()}
    assert [seed for seed, *_ in started(fake)] == [1, 2]
    assert runs.read(fake / "results")["tinycnn-plain-1"]["threads"] == "1"

    assert call(fake, "--seeds", "1", "2", "3", "--jobs", "2") == 0
    assert [seed for seed, *_ in started(fake)] == [1, 2, 3]
    assert "2 of 3 runs are in" in capsys.readouterr().out
    assert before.items() <= {path: path.read_bytes() for path in (fake / "results").iterdir()}.items()


def test_other_settings_are_refused_and_fresh_starts_anew(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(fake, "--seeds", "1", "2") == 0
    assert call(fake, "--seeds", "3", "--epochs", "7") == 1
    assert "plain-1.json: expected a result with the settings of the others, epochs 7, received epochs 2." in (
        capsys.readouterr().err
    )
    assert [seed for seed, *_ in started(fake)] == [1, 2]
    assert call(fake, "--seeds", "3", "--epochs", "7", "--fresh") == 0
    assert names(fake / "results") == ["tinycnn-plain-3"]


def test_a_run_that_fails_ends_the_command_and_loses_nothing(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(fake, "--seeds", "1", "13", "2") == 1
    assert capsys.readouterr().err == (
        "python -m tutorials.study: tinycnn-plain-13: expected a result, received exit code 1 "
        "(ArithmeticError: thirteen). What is finished is kept: mend that, and start again.\n"
    )
    assert "tinycnn-plain-1" in names(fake / "results")
    assert "tinycnn-plain-13" not in names(fake / "results")


def test_a_worker_with_other_versions_is_refused(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(fake, "--seeds", "14") == 1
    assert "tinycnn-plain-14.json: expected a result with the versions of the others, numpy" in capsys.readouterr().err
    assert names(fake / "results") == []


def test_without_mnist_the_loader_says_so_before_any_work(
    fake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TINYCNN_DATA", str(fake / "nowhere"))
    assert call(fake, "--data", "mnist") == 1
    assert capsys.readouterr().err.startswith(
        "python -m tutorials.study: mnist.load_data: expected TINYCNN_DATA to name an npz file or a folder with MNIST"
    )
    assert started(fake) == []
    assert not (fake / "results").exists()


@pytest.mark.parametrize("option", ["--jobs", "--threads", "--epochs", "--images"])
def test_numbers_that_make_no_sense(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        study.main([option, "0"])
    assert f"argument {option}: expected a whole number of at least" in capsys.readouterr().err


def test_a_scheduler_that_is_not_there(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(fake, "--scheduler", "nonsense://here") == 1
    assert (
        "--scheduler: expected the address of a Dask scheduler, received 'nonsense://here'" in capsys.readouterr().err
    )


def test_without_distributed(fake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert call(fake, "--scheduler", "tcp://127.0.0.1:1") == 1
    assert "expected the package distributed, found none. Run pip install 'tinycnn[cluster]'." in (
        capsys.readouterr().err
    )


# Interruptions


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(it, marks=pytest.mark.slow) for it in (signal.SIGINT, signal.SIGKILL))]
)
def test_what_is_interrupted_goes_on(number: signal.Signals, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(fake, "--seeds", "1") == 0
    monkeypatch.setenv("FAKE_SECONDS", "600")
    process = begin(fake, "--seeds", "1", "2", "3", "--jobs", "2")
    eventually(lambda: len(started(fake)) == 3)
    process.send_signal(number)
    said, _ = process.communicate(timeout=300)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert said.splitlines()[1:] == [
            "python -m tutorials.study: stopped. Finished runs are kept; the same command goes on."
        ]
    eventually(
        lambda: not any(is_alive(own) for *_, own in started(fake))
    )  # nothing works on without the one that asked
    assert [path.name for path in (fake / "results").iterdir()] == ["tinycnn-plain-1.json"]

    monkeypatch.setenv("FAKE_SECONDS", "0")
    assert call(fake, "--seeds", "1", "2", "3", "--jobs", "2") == 0
    assert names(fake / "results") == [f"tinycnn-plain-{seed}" for seed in (1, 2, 3)]
    assert sorted(seed for seed, *_ in started(fake)) == [1, 2, 2, 3, 3]


@pytest.fixture
def cluster(fake: Path) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A Dask scheduler and two workers, each a process of its own that nobody restarts."""
    pytest.importorskip("distributed")
    address_file = fake / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
    file = ["--scheduler-file", str(address_file)]
    processes = [
        subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *file], **quiet)
    ]
    try:
        eventually(lambda: address_file.exists() and address_file.read_text().strip().endswith("}"))
        worker = ["worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(fake / "dask")]
        processes += [subprocess.Popen([*dask, *worker, *file], cwd=runs.ROOT, **quiet) for _ in range(2)]
        yield json.loads(address_file.read_text())["address"], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.jit
def test_a_cluster_that_loses_a_worker_loses_no_run_and_counts_none_twice(
    cluster: tuple[str, list[subprocess.Popen[str]]], fake: Path
) -> None:
    address, workers = cluster
    seeds = [1, 2, 3, 4, 5, 6]
    process = begin(fake, "--seeds", *map(str, seeds), "--scheduler", address, function="fake_runs:really_train")

    polls: list[tuple[int, int] | None] = []

    def victim() -> tuple[int, int] | None:
        """A worker in the middle of a run, all of whose earlier results are in, for long enough to have left it."""
        done = names(fake / "results")
        begun = [(seed, asking) for seed, asking, _ in started(fake)]
        under_way = [one for one in begun if f"tinycnn-plain-{one[0]}" not in done]
        of_one = [[one for one in begun if one[1] == worker.pid] for worker in workers]
        found = (
            ones[-1] for ones in of_one if len(ones) > 1 and [one for one in ones if one in under_way] == ones[-1:]
        )
        polls.append(next(found, None))
        return polls[-1] if polls[-5:] == 5 * polls[-1:] else None

    seed, pid = eventually(victim)
    os.kill(pid, signal.SIGKILL)
    assert pid in [worker.pid for worker in workers]
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert names(fake / "results") == [f"tinycnn-plain-{seed}" for seed in seeds]
    reported = [line.split(":")[0] for line in said.splitlines() if "test accuracy" in line]
    assert sorted(reported) == names(fake / "results")  # each once
    begun = [seed for seed, *_ in started(fake)]
    assert begun.count(seed) == 2  # the one that was lost was made again
    assert len(begun) == len(seeds) + 1  # and none that was in
    record = runs.read(fake / "results")[f"tinycnn-plain-{seed}"]
    again = study.train("tinycnn", "plain", seed, **SMALL)
    for part in (record, again):
        part["history"].pop("seconds")
    assert record["history"] == again["history"]


def test_a_batch_names_its_function(tmp_path: Path) -> None:
    batch = Batch("no_such_module:train", {}, {"a": {}}, tmp_path)
    with pytest.raises(
        RunError, match=r"a: expected a result, received exit code 1 .*No module named 'no_such_module'"
    ):
        runs.complete(batch, str)

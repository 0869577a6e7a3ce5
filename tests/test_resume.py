"""python -m tinycnn.train --resume: whatever ended the run, it goes on and ends with the same bits."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn import kernels, plots, train
from tinycnn.datasets import DownloadError, digits, mnist
from tinycnn.layers import Layer
from tinycnn.sequential import Sequential
from tinycnn.train import run as run_module
from tinycnn.trainers import checkpoints

ROOT = Path(tinycnn.__file__).parents[1]
SETTINGS = ["--data", "digits", "--subset", "60", "--epochs", "4", "--seed", "7", "--kernels", "reference"]
RESULTS = ("history.json", "history.csv", "curves.png", "model.weights.h5", "kernels.png", "misclassified.png")
KEPT = ("checkpoint.npz", "config.json")
TIMES = {"status", "command", "arguments", "started", "resumed", "seconds"}  # what may differ in config.json


class Digest:
    """In place of a figure, which takes half a second: its file is a digest of what it would show."""

    def __init__(self, *shown, **options):
        self.digest = hashlib.sha256()
        self._add(shown)

    def _add(self, value):
        if isinstance(value, dict):
            value = list(value.items())
        if isinstance(value, (list, tuple)):
            for member in value:
                self._add(member)
        elif isinstance(value, Layer):
            self._add(value.get_weights())
        else:
            self.digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())

    def savefig(self, path, format):
        path.write_text(self.digest.hexdigest())


# Twenty test images instead of 355, for which half of such a short run's time would go.
FEW_TESTS = """
from tinycnn.datasets import digits
all_digits = digits.load_data
def load_data():
    training, (images, labels) = all_digits()
    return training, (images[:20], labels[:20])
digits.load_data = load_data
"""


@pytest.fixture(scope="module", autouse=True)
def _no_figures_and_few_tests():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "load_data", digits.load_data)  # to be as before in the end
        exec(FEW_TESTS, {})
        for name in ("training_curves", "kernels", "misclassified"):
            patch.setattr(plots, name, Digest)
        yield


def go(*arguments):
    """Train in this process; as in one of its own, the names of layers begin anew (they are in the weights' file)."""
    tinycnn.utils.clear_session()
    return train.main([*map(str, arguments), "--verbose", "0"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing interrupted, by the model's flag."""
    folders = {flag: tmp_path_factory.mktemp("whole") / "run" for flag in ("--dropout", "--bn")}
    for flag, folder in folders.items():
        assert go(flag, *SETTINGS, "--out", folder) == 0
    return folders


def read_json(path):
    return json.loads(path.read_text("utf-8"))


def assert_same_results(folder, expected):
    assert sorted(os.listdir(folder)) == sorted(os.listdir(expected)) == sorted([*RESULTS, *KEPT])
    for name in RESULTS:
        assert (folder / name).read_bytes() == (expected / name).read_bytes(), name
    ours, theirs = read_json(folder / "config.json"), read_json(expected / "config.json")
    assert ours["status"] == "complete"
    assert {k: v for k, v in ours.items() if k not in TIMES} == {k: v for k, v in theirs.items() if k not in TIMES}


class PowerFailureError(BaseException):
    """Ends a run at once, as nothing that the program catches does."""


def fail_at(monkeypatch, owner, name, number):
    """The ``number``-th call (from 0) of a method ends the run, before it does anything."""
    real, calls = getattr(owner, name), iter(range(10**6))

    def method(*args, **kwargs):
        if next(calls) == number:
            raise PowerFailureError
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, method)


# Interruptions, in this process


@pytest.mark.parametrize(
    ("flag", "owner", "name", "number", "epochs"),
    [
        ("--dropout", Sequential, "_train_step", 1, 0),  # two steps an epoch
        ("--dropout", Sequential, "_train_step", 6, 3),
        ("--bn", Sequential, "_train_step", 7, 3),
        ("--bn", Sequential, "_evaluate", 3, 3),
        ("--dropout", checkpoints, "write", 0, 0),
        ("--bn", checkpoints, "write", 3, 3),
        ("--dropout", run_module.Run, "write_history", 0, 4),
        ("--bn", run_module.Run, "write_weights", 0, 4),
        ("--dropout", Sequential, "predict", 0, 4),
        ("--bn", run_module.Run, "write_config", 1, 4),
        ("--bn", run_module.Run, "write_config", 2, 4),
    ],
)
def test_a_power_failure_anywhere(flag, owner, name, number, epochs, whole, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        fail_at(patch, owner, name, number)
        with pytest.raises(PowerFailureError):
            go(flag, *SETTINGS, "--out", folder)
    assert read_json(folder / "config.json")["status"] != "complete"
    capsys.readouterr()
    assert go("--resume", folder) == 0
    assert f"Folder: {folder}, going on after epoch {epochs}\n" in capsys.readouterr().out
    assert_same_results(folder, whole[flag])


def test_ctrl_c_and_ctrl_c_and_on(whole, tmp_path, monkeypatch, capsys):
    flag, expected = "--dropout", whole["--dropout"]
    folder = tmp_path / "run"
    step = Sequential._train_step
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:

            def step_and_press(self, *args, **kwargs):
                result = step(self, *args, **kwargs)
                signal.raise_signal(signal.SIGINT)
                return result

            patch.setattr(Sequential, "_train_step", step_and_press)
            assert go(flag, *SETTINGS, "--out", folder) == 130
            assert go("--resume", folder) == 130
        with monkeypatch.context() as patch:

            def epoch_and_press(self, *args, **kwargs):
                signal.raise_signal(signal.SIGINT)
                return evaluate(self, *args, **kwargs)

            evaluate = Sequential._evaluate
            patch.setattr(Sequential, "_evaluate", epoch_and_press)
            assert go("--resume", folder) == 130
            assert go("--resume", folder) == 130
    finally:
        signal.signal(signal.SIGINT, former)
    err = capsys.readouterr().err.splitlines()
    answer = "tinycnn: Ctrl-C: training ends after this step; a second Ctrl-C ends it at once."
    assert err[::2] == [answer] * 4
    advice = f"Go on with: python -m tinycnn.train --resume {folder}"
    assert err[1::2] == [f"python -m tinycnn.train: interrupted after {n} of 4 epochs. {advice}" for n in (0, 0, 1, 2)]
    assert read_json(folder / "config.json")["status"] == "interrupted"
    assert len((folder / "history.csv").read_text().splitlines()) == 3
    assert go("--resume", folder) == 0
    assert_same_results(folder, expected)
    assert len(read_json(folder / "config.json")["resumed"]) == 4


# Whole processes


def environment():
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    return {**inherited, "PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def start(*arguments, **options):
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "env": environment()} | options
    program = f"{FEW_TESTS}\nimport sys\nfrom tinycnn import train\nsys.exit(train.main())"
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments), "--verbose", "2"], **options)


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


# Trains, and kills itself at a moment that is named by a number of calls: those that the package and the writing of
# archives have made or answered so far. A stop-watch would name another moment on a busy machine.
KILLED = f"""{FEW_TESTS}
import os, signal, sys
from tinycnn import train

moment, calls = int(sys.argv[1]), 0

def count(frame, event, argument):
    global calls
    if frame.f_globals.get("__name__", "").split(".")[0] in ("tinycnn", "zipfile"):
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(count)
code = train.main(sys.argv[2:])
sys.setprofile(None)
print(calls)
sys.exit(code)
"""


def train_until(moment, *arguments):
    """The exit code and, where nothing killed it, the number of calls."""
    command = [sys.executable, "-c", KILLED, str(moment), *map(str, arguments), "--verbose", "0"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode, done.stdout.splitlines()[-1:]


@pytest.mark.slow
@pytest.mark.jit
@pytest.mark.parametrize("flag", ["--dropout", "--bn"])
def test_twenty_kills(flag, tmp_path):
    """Ten SIGKILLs for each of two models, at moments spread over the whole life of a process."""
    settings = [flag, "--data", "digits", "--subset", "120", "--epochs", "10", "--seed", "3"]
    assert go(*settings, "--out", tmp_path / "first") == 0  # compiles what is not kept yet
    code, (life,) = train_until(0, *settings, "--out", tmp_path / "whole")
    rng = random.Random(sum(map(ord, flag)))
    kills, runs, epochs = 0, 0, set()
    folder = tmp_path / "run-0"
    while kills < 10:
        known = ["--resume", folder] if (folder / "config.json").exists() else [*settings, "--out", folder]
        code, _ = train_until(rng.randint(1, int(life)), *known)
        if (folder / "checkpoint.npz").exists():
            epochs.add((runs, checkpoints.read(folder / "checkpoint.npz")["epoch"]))
        if code == 0:
            assert_same_results(folder, tmp_path / "whole")
            runs += 1
            folder = tmp_path / f"run-{runs}"
        else:
            kills += 1
    if (folder / "config.json").exists():
        assert train_until(0, "--resume", folder)[0] == 0
        assert_same_results(folder, tmp_path / "whole")
    assert len(epochs) > 1  # some kills came in the middle of the training


@pytest.mark.jit
def test_sigterm_ends_a_process_cleanly(whole, tmp_path):
    flag, expected = "--dropout", whole["--dropout"]
    folder = tmp_path / "run"
    settings = [*SETTINGS[:5], "10000", *SETTINGS[6:]]
    process = start(flag, *settings, "--out", folder, stdout=subprocess.PIPE)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Epoch 3/"):
            process.send_signal(signal.SIGTERM)
            break
    code, out, err = finish(process)
    assert code == 130, err
    answer, line = err.splitlines()
    assert answer == "tinycnn: SIGTERM: training ends after this step; a second SIGTERM ends it at once."
    assert line.startswith("python -m tinycnn.train: interrupted after ")
    assert line.endswith(f" of 10000 epochs. Go on with: python -m tinycnn.train --resume {folder}")
    assert "Training stopped by SIGTERM in epoch " in out
    assert read_json(folder / "config.json")["status"] == "interrupted"
    config = read_json(folder / "config.json") | {"epochs": 4}  # what nobody should do: to let the test end soon
    state = checkpoints.read(folder / "checkpoint.npz")
    assert state["epoch"] >= 2
    if state["epoch"] <= 4:
        (folder / "config.json").write_text(json.dumps(config))
        assert go("--resume", folder) == 0
        assert (folder / "history.json").read_bytes() == (expected / "history.json").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_disk_that_fills_up(whole, tmp_path):
    """The kernel itself refuses to write more than 100 kB into one file: config.json fits, a checkpoint does not."""
    import resource

    flag, expected = "--dropout", whole["--dropout"]
    folder = tmp_path / "run"

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    code, _, err = finish(start(flag, *SETTINGS, "--out", folder, preexec_fn=limit))
    assert code == 1
    assert err == (
        f"python -m tinycnn.train: error: BackupAndRestore: expected to write {folder}/checkpoint.npz, received: File "
        "too large. Make room and start again: training goes on from the former checkpoint. "
        f"Go on with: python -m tinycnn.train --resume {folder}\n"
    )
    assert os.listdir(folder) == ["config.json"]
    assert go("--resume", folder) == 0
    assert_same_results(folder, expected)


def test_a_full_disk_in_the_third_epoch(whole, tmp_path, monkeypatch, capsys):
    flag, expected = "--dropout", whole["--dropout"]
    folder = tmp_path / "run"
    savez, calls = np.savez, []

    def full(stream, **arrays):
        calls.append(1)
        if len(calls) == 3:
            stream.write(b"half of it")
            raise OSError(28, "No space left on device")
        savez(stream, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.np, "savez", full)
        assert go(flag, *SETTINGS, "--out", folder) == 1
    err = capsys.readouterr().err
    assert err.startswith(
        f"python -m tinycnn.train: error: BackupAndRestore: expected to write {folder}/checkpoint.npz"
    )
    assert "received: No space left on device. Make room" in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(folder)) == ["checkpoint.npz", "config.json"]
    assert checkpoints.read(folder / "checkpoint.npz")["epoch"] == 2
    assert go("--resume", folder) == 0
    assert_same_results(folder, expected)


# What --resume finds in its folder


@pytest.fixture(scope="module")
def ended_in_its_third_epoch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken off") / "run"
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, Sequential, "_train_step", 5)
        with pytest.raises(PowerFailureError):
            go(*SETTINGS, "--out", folder)
    return folder


@pytest.fixture
def broken_off(ended_in_its_third_epoch, tmp_path):
    """The folder of a run that ended in its third epoch: a copy for each test."""
    return shutil.copytree(ended_in_its_third_epoch, tmp_path / "run")


def contents(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_finished_run(whole, capsys):
    folder = whole["--bn"]
    before = contents(folder)
    assert go("--resume", folder) == 0
    assert capsys.readouterr().out == f"{folder}: this run is complete. To train it longer: --epochs 8\n"
    assert contents(folder) == before


def test_a_finished_run_is_trained_longer(whole, tmp_path, monkeypatch, capsys):
    """With the same bits as one that was to have so many epochs; and where that is interrupted, it goes on."""
    folder = tmp_path / "run"
    assert go("--dropout", *SETTINGS[:5], "2", *SETTINGS[6:], "--out", folder) == 0
    config = read_json(folder / "config.json")
    capsys.readouterr()
    with monkeypatch.context() as patch:
        fail_at(patch, Sequential, "_train_step", 3)
        with pytest.raises(PowerFailureError):
            go("--resume", folder, "--epochs", 4)
    assert f"Folder: {folder}, going on after epoch 2\n" in capsys.readouterr().out
    meanwhile = read_json(folder / "config.json")
    assert (config["status"], meanwhile["status"]) == ("complete", "training")
    assert {"test_loss", "test_accuracy"} <= config.keys() - meanwhile.keys()
    assert go("--resume", folder) == 0
    assert_same_results(folder, whole["--dropout"])
    with pytest.raises(SystemExit):
        go("--resume", folder, "--epochs", 3)
    assert capsys.readouterr().err.endswith(
        f"error: argument --epochs: expected at least 4, which {folder} is to have already, received 3. Leave it out\n"
    )
    assert_same_results(folder, whole["--dropout"])


def test_an_interrupted_run_may_have_more_epochs(whole, broken_off, capsys):
    assert go("--resume", broken_off, "--epochs", 5) == 0
    assert len(read_json(broken_off / "history.json")["loss"]) == read_json(broken_off / "config.json")["epochs"] == 5


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["--bn"], "expected model=plain, with which {} was started, received model=batch_normalization. Leave it out"),
        (["--epochs", "3"], "expected at least 4, which {} is to have already, received 3. Leave it out"),
        (["--data", "mnist"], "expected data=digits, with which {} was started, received data=mnist"),
        (["--batch-size", "16"], "expected batch_size=32,"),
        (["--learning-rate", "0.1"], "expected learning_rate=0.001,"),
        (["--seed", "8"], "expected seed=7,"),
        (["--subset", "61"], "expected subset=60,"),
        (["--kernels", "fast"], "expected kernels=reference,"),
        (["--out", "elsewhere"], "argument --out: not allowed with argument --resume"),
    ],
)
def test_other_settings_are_refused(given, text, broken_off, monkeypatch, capsys):
    before = contents(broken_off)
    monkeypatch.setattr(Sequential, "fit", lambda *args, **kwargs: pytest.fail("training started"))
    with pytest.raises(SystemExit) as stop:
        train.main(["--resume", str(broken_off), *given])
    assert stop.value.code == 2
    assert text.format(broken_off) in capsys.readouterr().err
    assert contents(broken_off) == before


def test_the_same_settings_may_be_repeated(broken_off):
    assert go("--resume", broken_off, *SETTINGS) == 0
    assert read_json(broken_off / "config.json")["status"] == "complete"


def test_what_auto_had_chosen_stays_chosen(tmp_path, monkeypatch, capsys):
    def missing():
        raise DownloadError("no cable")

    monkeypatch.setattr(mnist, "load_data", missing)
    settings = ["--subset", "12", "--epochs", "1", "--kernels", "reference"]
    with monkeypatch.context() as patch:
        fail_at(patch, Sequential, "_train_step", 0)
        with pytest.raises(PowerFailureError):
            go(*settings, "--out", tmp_path)
    monkeypatch.setattr(mnist, "load_data", lambda: pytest.fail("MNIST was asked for"))
    for data in ("auto", "digits"):
        assert go(*settings, "--data", data, "--resume", tmp_path) == 0
    assert read_json(tmp_path / "config.json")["data"] == "digits"
    # And the other way round: a run on MNIST does not go on with digits.
    config = read_json(tmp_path / "config.json") | {"status": "training", "data": "mnist"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(mnist, "load_data", missing)
    capsys.readouterr()
    assert go("--resume", tmp_path) == 1
    assert capsys.readouterr().err == "python -m tinycnn.train: error: no cable\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "expected --resume to name the folder of a run, found no config.json in {folder}. Start one: --out."),
        ("", "expected the settings of a run in {path}, received: Expecting value: line 1 column 1 (char 0). Begin an"),
        ("[" * 100_000, "expected the settings of a run in {path}, received: maximum recursion depth exceeded"),
        ("\x00\xff", "expected the settings of a run in {path}, received: "),
        ("[]", "expected the settings of a run in {path}, received something else. Begin anew."),
        ({"epochs": "4"}, "expected the settings of a run in {path}, received epochs='4'. Begin anew."),
        ({"epochs": True}, "received epochs=True."),
        ({"model": "utils"}, "received model='utils'."),
        ({"data": ["mnist"]}, "received data=['mnist']."),
        ({"learning_rate": -1.0}, "received learning_rate=-1.0."),
        ({"seed": 2**32}, "received seed=4294967296."),
        ({"subset": 0}, "received subset=0."),
        ({"kernels": "slow"}, "received kernels='slow'."),
        ({"status": None}, "received status=None."),
    ],
)
def test_a_folder_without_the_settings_of_a_run(content, text, broken_off, capsys):
    path = broken_off / "config.json"
    if content is None:
        path.unlink()
    elif isinstance(content, dict):
        path.write_text(json.dumps(read_json(path) | content))
    else:
        path.write_bytes(content.encode("latin-1"))
    before = contents(broken_off)
    assert go("--resume", broken_off) == 1
    err = capsys.readouterr().err
    assert err.startswith("python -m tinycnn.train: error: ")
    assert text.format(folder=broken_off, path=path) in err
    assert err.count("\n") == 1
    assert contents(broken_off) == before


def test_no_folder_at_all(tmp_path, capsys):
    assert go("--resume", tmp_path / "nowhere") == 1
    assert f"found no config.json in {tmp_path}/nowhere. Start one: --out.\n" in capsys.readouterr().err


def test_a_damaged_checkpoint(broken_off, capsys):
    path = broken_off / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    before = contents(broken_off)
    assert go("--resume", broken_off) == 1
    err = capsys.readouterr().err
    assert err.startswith("python -m tinycnn.train: error: checkpoint: expected a whole file of the format 'tinycnn ch")
    assert err.endswith(f"received {path} (File is not a zip file). Remove it to train from the beginning.\n")
    assert contents(broken_off) == before


def test_the_checkpoint_of_another_run(broken_off, monkeypatch, capsys):
    other = broken_off.parent / "other"
    with monkeypatch.context() as patch:
        fail_at(patch, Sequential, "_train_step", 5)
        with pytest.raises(PowerFailureError):
            go("--bn", *SETTINGS, "--out", other)
    (broken_off / "checkpoint.npz").write_bytes((other / "checkpoint.npz").read_bytes())
    assert go("--resume", broken_off) == 1
    err = capsys.readouterr().err
    assert "error: checkpoint: expected MaxPooling2D (no weights) as layer 1, as in the model, received Batch" in err
    assert err.count("\n") == 1


def test_without_its_checkpoint_a_run_begins_anew(broken_off, capsys):
    (broken_off / "checkpoint.npz").unlink()
    assert go("--resume", broken_off) == 0
    assert f"Folder: {broken_off}, going on after epoch 0\n" in capsys.readouterr().out
    assert len(read_json(broken_off / "history.json")["loss"]) == 4


def test_what_a_killed_process_left_half_written_is_removed(broken_off):
    for name in (".history.json.0123456789abcdef.tmp", ".checkpoint.npz.0123456789abcdef.tmp"):
        (broken_off / name).write_text("half")
    (broken_off / ".mine.tmp").write_text("not ours")
    assert go("--resume", broken_off) == 0
    assert sorted(os.listdir(broken_off)) == sorted([*RESULTS, *KEPT, ".mine.tmp"])


def test_a_folder_that_cannot_be_written_to_any_more(broken_off, monkeypatch, capsys):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", dir)

    before = contents(broken_off)
    monkeypatch.setattr(run_module.tempfile, "TemporaryFile", refuse)
    assert go("--resume", broken_off) == 1
    assert capsys.readouterr().err == (
        "python -m tinycnn.train: error: expected a folder that can be written to, received "
        f"{broken_off} (Permission denied). Mend its rights.\n"
    )
    assert contents(broken_off) == before


def test_other_versions_are_a_warning(broken_off, capsys):
    config = read_json(broken_off / "config.json")
    config["versions"]["numpy"] = "1.0"
    (broken_off / "config.json").write_text(json.dumps(config))
    assert go("--resume", broken_off) == 0
    err = capsys.readouterr().err
    assert err.startswith(
        "python -m tinycnn.train: warning: the last digits may differ, because the run was started with other versions"
    )
    assert "'numpy': '1.0'" in err
    assert read_json(broken_off / "config.json")["versions"]["numpy"] == np.__version__


def test_a_run_with_numba_does_not_go_on_without(broken_off, monkeypatch, capsys):
    config = read_json(broken_off / "config.json") | {"kernels": "fast"}
    (broken_off / "config.json").write_text(json.dumps(config))
    monkeypatch.setitem(kernels.SETS, "fast", kernels.REFERENCE)
    assert go("--resume", broken_off) == 1
    assert capsys.readouterr().err == (
        f"python -m tinycnn.train: error: expected the fast kernels that {broken_off} was started with, found no "
        "Numba. Install it: pip install numba.\n"
    )


def test_a_second_out_names_the_way_on(broken_off, capsys):
    assert go(*SETTINGS, "--out", broken_off) == 1
    advice = f"Choose another folder, or go on with that run: python -m tinycnn.train --resume {broken_off}\n"
    assert capsys.readouterr().err.endswith(f"which holds config.json, checkpoint.npz. {advice}")


def test_other_images_than_at_the_start(broken_off, capsys):
    config = read_json(broken_off / "config.json")
    config["images"]["test"] = 10_000
    (broken_off / "config.json").write_text(json.dumps(config))
    before = contents(broken_off)
    assert go("--resume", broken_off) == 1
    err = capsys.readouterr().err
    text = f"expected the images that {broken_off} was started with, {config['images']}, received "
    assert err.startswith(f"python -m tinycnn.train: error: {text}")
    assert err.endswith("'test': 20}. Look at TINYCNN_DATA, or begin anew.\n")
    assert contents(broken_off) == before


def test_the_checkpoint_of_a_longer_run(broken_off, capsys):
    config = read_json(broken_off / "config.json") | {"epochs": 1}
    (broken_off / "config.json").write_text(json.dumps(config))
    before = contents(broken_off)
    assert go("--resume", broken_off) == 1
    assert capsys.readouterr().err == (
        f"python -m tinycnn.train: error: expected the state of a run of 1 epochs in {broken_off}/checkpoint.npz, "
        "received another. Remove it to train from the beginning.\n"
    )
    assert contents(broken_off) == before


def test_an_array_where_a_checkpoint_has_a_list(broken_off, capsys):
    state = checkpoints.read(broken_off / "checkpoint.npz")
    state["callbacks"]["History 0"]["epoch"] = np.arange(2)
    checkpoints.write(broken_off / "checkpoint.npz", state)
    assert go("--resume", broken_off) == 1
    assert "expected the state of a run of 4 epochs in " in capsys.readouterr().err


def test_a_checkpoint_that_cannot_be_read(broken_off, capsys):
    (broken_off / "checkpoint.npz").unlink()
    (broken_off / "checkpoint.npz").mkdir()
    assert go("--resume", broken_off) == 1
    assert capsys.readouterr().err == (
        f"python -m tinycnn.train: error: expected to read {broken_off}/checkpoint.npz, received: Is a directory. "
        "Mend its rights.\n"
    )


def test_a_run_that_failed_has_no_error_any_more_when_it_is_complete(broken_off):
    config = read_json(broken_off / "config.json") | {"status": "failed", "error": "expected a finite loss"}
    (broken_off / "config.json").write_text(json.dumps(config))
    assert go("--resume", broken_off) == 0
    assert "error" not in read_json(broken_off / "config.json")

"""python -m tinycnn.train, as its user sees it: output, files, exit codes, Ctrl-C, bad input."""

import csv
import gc
import json
import os
import platform
import re
import signal
import subprocess
import sys
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tinycnn
from tinycnn import models, saving, train
from tinycnn.datasets import DownloadError, digits, mnist
from tinycnn.sequential import Sequential
from tinycnn.train import common, data
from tinycnn.train import run as run_module

ROOT = Path(tinycnn.__file__).parents[1]
TINY = ["--data", "digits", "--subset", "60", "--epochs", "2", "--seed", "7"]
KEYS = ["accuracy", "loss", "val_accuracy", "val_loss"]


def command(*arguments):
    return [sys.executable, "-m", "tinycnn.train", *map(str, arguments)]


def environment(**settings):
    # The program as a user runs it: with the compiler, also where these tests run without it.
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    return {**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **settings}


def start(*arguments, cwd, **settings):
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # A runner in the background may ignore SIGINT, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def run(*arguments, cwd, **settings):
    process = start(*arguments, cwd=cwd, **settings)
    out, err = process.communicate(timeout=300)
    # The first run of all, in a new environment, says that it compiles.
    err = "".join(line for line in err.splitlines(keepends=True) if "compiling the fast kernels" not in line)
    return process.returncode, out, err


def read_json(path):
    return json.loads(path.read_text("utf-8"))


def names(folder):
    return sorted(os.listdir(folder))


def expect_one_line(err, text):
    assert err.count("\n") == 1, err
    assert err.endswith("\n")
    assert err.startswith("python -m tinycnn.train: ")
    assert text in err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One whole run in a process of its own: exit code, output, errors, folder."""
    cwd = tmp_path_factory.mktemp("finished")
    return *run("--bn", *TINY, "--out", "result", cwd=cwd), cwd / "result"


@pytest.fixture
def no_training(monkeypatch):
    """Whoever trains all the same fails the test."""

    def fit(self, *args, **kwargs):
        pytest.fail("training started")

    monkeypatch.setattr(Sequential, "fit", fit)


@pytest.fixture
def recorded(monkeypatch):
    """The arguments of `fit`, which then ends the run at once."""
    calls = []

    def fit(self, *args, **kwargs):
        calls.append((self, args, kwargs))
        raise FloatingPointError("seen enough")

    monkeypatch.setattr(Sequential, "fit", fit)
    return calls


def fake_fit(history, interrupted=False, error=None):
    """A `fit` that trains nothing and ends as it is told."""

    def fit(self, *args, **kwargs):
        self.history = type("History", (), {"history": history})()
        self.interrupted = interrupted
        if error is not None:
            raise error
        return self.history

    return fit


# A whole run


def test_output_of_a_whole_run(finished):
    code, out, err, folder = finished
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Model with batch normalization on the bundled digits: 2 epochs, fast kernels, seed 7"
    assert lines[1] == "Images: 50 for training, 10 for validation, 355 for test"
    assert lines[2] == "Folder: result"
    assert " Total params: 122,570 (478.79 KB)" in lines
    assert lines.index("Epoch 1/2") < lines.index("Epoch 2/2")
    accuracy = read_json(folder / "config.json")["test_accuracy"]
    assert f"Test accuracy: {100 * accuracy:.2f} %" in lines
    listed = lines[lines.index("Files written:") + 1 :]
    assert sorted(listed) == [f"  result/{name}" for name in sorted(common.FILES)]
    assert names(folder) == sorted([*common.FILES, common.CHECKPOINT])


def test_history_files(finished):
    folder = finished[-1]
    history = read_json(folder / "history.json")
    assert list(history) == KEYS
    assert all(len(values) == 2 for values in history.values())
    assert history["loss"][1] < history["loss"][0]
    with open(folder / "history.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row.pop("epoch") for row in rows] == ["1", "2"]
    assert list(rows[0]) == KEYS
    assert {key: [float(row[key]) for row in rows] for key in KEYS} == history


def test_config_file(finished):
    config = read_json(finished[-1] / "config.json")
    import numba

    assert config["versions"] == {
        "tinycnn": tinycnn.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }
    expected = {
        "status": "complete",
        "command": "python -m tinycnn.train --bn " + " ".join(TINY) + " --out result",
        "model": "batch_normalization",
        "data": "digits",
        "images": {"training": 50, "validation": 10, "test": 355},
        "epochs": 2,
        "batch_size": 32,
        "learning_rate": 0.001,
        "seed": 7,
        "kernels": "fast",
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }
    assert {key: config[key] for key in expected} == expected
    assert config["arguments"]["subset"] == 60
    assert 0 < config["test_loss"] < 10
    assert 0 <= config["test_accuracy"] <= 1
    assert all(0 < config["seconds"][part] < 300 for part in ("training", "test"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", config["started"])


@pytest.mark.parametrize("name", ["curves.png", "kernels.png", "misclassified.png"])
def test_pictures_are_whole_and_not_blank(finished, name):
    with Image.open(finished[-1] / name) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    assert (pixels[0] == 255).all()
    assert 0.01 < (pixels < 200).any(axis=2).mean() < 0.9


def test_weights_file_is_that_of_the_tested_model(finished):
    folder = finished[-1]
    model = models.batch_normalization()
    saving.load_weights(model, folder / "model.weights.h5")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    _, (images, labels) = digits.load_data()
    results = model.evaluate(images.reshape(-1, 28, 28, 1) / 255, labels, verbose=0)
    config = read_json(folder / "config.json")
    np.testing.assert_allclose(results, [config["test_loss"], config["test_accuracy"]], rtol=1e-5)


@pytest.mark.jit  # compares a process with the compiler to this one
def test_the_same_seed_gives_the_same_bits_and_another_one_does_not(finished, tmp_path, capsys):
    first = finished[-1]
    assert train.main(["--bn", *TINY, "--out", str(tmp_path / "again"), "--verbose", "0"]) == 0
    assert "Epoch" not in capsys.readouterr().out
    assert train.main(["--bn", *TINY, "--out", str(tmp_path / "other"), "--seed", "8"]) == 0
    for name in ("history.json", "history.csv", "model.weights.h5"):
        written = (first / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != written
        if name != "model.weights.h5":  # that file also holds the layers' names, which count through a process
            assert (tmp_path / "again" / name).read_bytes() == written
    weights = []
    for folder in (first, tmp_path / "again"):
        weights.append(models.batch_normalization())
        saving.load_weights(weights[-1], folder / "model.weights.h5")
    for a, b in zip(weights[0].get_weights(), weights[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_default_folder_is_new_for_every_run(tmp_path, monkeypatch, recorded, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_module.time, "strftime", lambda *args: "20300102-030405")
    for _ in range(3):
        assert train.main(["--dropout", *TINY]) == 1
    stem = "dropout-20300102-030405"
    assert names("runs") == [stem, f"{stem}-2", f"{stem}-3"]
    assert f"runs/{stem}-3/history.json" in capsys.readouterr().out


# The recipe


def test_recipe_on_digits(recorded, tmp_path):
    assert train.main(["--data", "digits", "--out", str(tmp_path)]) == 1
    ((model, (x, y), options),) = recorded
    (images, labels), _ = digits.load_data()
    assert (len(x), len(options["validation_data"][0])) == (1202, 240)
    x_val, y_val = options["validation_data"]
    for i in range(6):  # every sixth image validates, the five before it train
        part, classes = (x_val, y_val) if i == 5 else (x[i::5], y[i::5])
        np.testing.assert_array_equal(part[..., 0], images[i::6].astype("float32") / 255)
        np.testing.assert_array_equal(classes, labels[i::6])
    assert (options["epochs"], options["batch_size"], options["verbose"]) == (common.EPOCHS["digits"], 32, 1)
    assert (type(model.optimizer).__name__, float(model.optimizer.learning_rate)) == ("Adam", 0.001)
    assert model.loss.name == "sparse_categorical_crossentropy"
    assert [type(layer).__name__ for layer in model.layers] == [type(layer).__name__ for layer in models.plain().layers]


def test_recipe_on_mnist(recorded, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (600, 28, 28), "uint8"), rng.integers(0, 10, 600, "uint8")
    monkeypatch.setattr(mnist, "load_data", lambda: ((images, labels), (images[:9], labels[:9])))
    assert train.main(["--out", str(tmp_path)]) == 1
    ((_, (x, _), options),) = recorded
    assert (len(x), len(options["validation_data"][0]), options["epochs"]) == (500, 100, 10)
    np.testing.assert_array_equal(options["validation_data"][1], labels[500:])
    config = read_json(tmp_path / "config.json")
    assert (config["data"], config["images"]["test"]) == ("mnist", 9)


@pytest.mark.parametrize(("n", "training", "validation"), [(6, 5, 1), (11, 10, 1), (13, 11, 2), (1442, 1202, 240)])
def test_a_subset_of_digits_is_split_in_the_same_proportion(n, training, validation, recorded, tmp_path):
    arguments = ["--data", "digits", "--subset", str(n), "--out", str(tmp_path)]
    assert train.main([*arguments, "--epochs", "3", "--batch-size", "8", "--learning-rate", "0.5"]) == 1
    ((model, (x, y), options),) = recorded
    (_, labels), _ = digits.load_data()
    y_val = options["validation_data"][1]
    assert (len(x), len(y), len(y_val)) == (training, training, validation)
    np.testing.assert_array_equal(y_val, labels[5:n:6])
    np.testing.assert_array_equal(np.bincount(np.concatenate([y, y_val])), np.bincount(labels[:n]))
    assert (options["epochs"], options["batch_size"], float(model.optimizer.learning_rate)) == (3, 8, 0.5)


def test_a_subset_of_mnist_is_split_in_the_same_proportion(recorded, tmp_path, monkeypatch):
    images, labels = np.zeros((600, 28, 28), "uint8"), np.arange(600) % 10
    monkeypatch.setattr(mnist, "load_data", lambda: ((images, labels), (images, labels)))
    assert train.main(["--subset", "100", "--out", str(tmp_path)]) == 1
    ((_, (_, y), options),) = recorded
    np.testing.assert_array_equal(y, labels[:84])
    np.testing.assert_array_equal(options["validation_data"][1], labels[84:100])


def test_the_images_are_let_go_before_the_pictures_are_drawn(tmp_path, monkeypatch, capsys):
    """MNIST's are 188 MB; the test images become floats when they are needed."""
    floats, alive = [], []

    def watched(images):
        made = data.scaled(images)
        floats.append(weakref.ref(made))
        return made

    def split(name, images, labels):
        parts = real_split(name, images, labels)
        floats.extend(weakref.ref(part) for part, _ in parts)
        return parts

    def write_history(self, history):
        gc.collect()
        alive.extend(reference for reference in floats if reference() is not None)

    real_split = data._split
    monkeypatch.setattr(data, "_split", split)
    monkeypatch.setattr(train, "scaled", watched)
    monkeypatch.setattr(run_module.Run, "write_history", write_history)
    assert train.main([*TINY, "--epochs", "1", "--kernels", "reference", "--out", str(tmp_path / "run")]) == 0
    assert len(floats) == 3
    assert alive == []


def test_kernels_can_be_chosen(recorded, tmp_path):
    for name in ("reference", "fast"):
        assert train.main([*TINY, "--kernels", name, "--out", str(tmp_path / name)]) == 1
        chosen = getattr(tinycnn, name.upper())
        assert all(layer.kernels is chosen for layer in recorded[-1][0].layers)
        assert read_json(tmp_path / name / "config.json")["kernels"] == chosen.name


# Which data


def test_auto_falls_back_to_digits_with_a_warning_that_says_why(monkeypatch, recorded, tmp_path, capsys):
    def load_data():
        raise DownloadError("mnist.load_data: no cable")

    monkeypatch.setattr(mnist, "load_data", load_data)
    assert train.main(["--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[:3] == [
        "python -m tinycnn.train: warning: training on the bundled digits, because MNIST is not there. "
        "The results cannot be compared with MNIST's.",
        "  Why: mnist.load_data: no cable",
        "  How to get MNIST: run this again with access to the network (it is downloaded once, 11 MB), or put "
        "mnist.npz into a folder and set TINYCNN_DATA to that folder.",
    ]
    assert len(recorded[0][1][0]) == 1202
    assert read_json(tmp_path / "config.json")["data"] == "digits"


def test_auto_takes_digits_where_the_setting_names_an_empty_folder(monkeypatch, recorded, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "empty"))
    assert train.main(["--out", str(tmp_path / "run")]) == 1
    assert "Why: mnist.load_data: expected TINYCNN_DATA to name" in capsys.readouterr().err
    assert len(recorded[0][1][0]) == 1202


def test_mnist_is_an_error_where_it_is_missing(monkeypatch, no_training, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "empty"))
    assert train.main(["--data", "mnist", "--out", str(tmp_path / "run")]) == 1
    expect_one_line(capsys.readouterr().err, "error: mnist.load_data: expected TINYCNN_DATA to name an npz file")
    assert names(tmp_path) == ["empty"]


@pytest.mark.parametrize("choice", ["auto", "mnist"])
def test_damaged_mnist_is_never_replaced(choice, monkeypatch, no_training, tmp_path, capsys):
    (tmp_path / "mnist.npz").write_bytes(b"PK damaged")
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path))
    assert train.main(["--data", choice, "--out", str(tmp_path / "run")]) == 1
    expect_one_line(capsys.readouterr().err, f"received bytes that are not (File is not a zip file) in {tmp_path}")
    assert names(tmp_path) == ["mnist.npz"]


def test_damaged_mnist_in_a_process_of_its_own(tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"")
    code, _, err = run("--out", "run", cwd=tmp_path, TINYCNN_DATA=str(tmp_path))
    assert code == 1
    expect_one_line(err, "error: mnist.load_data: expected an npz file with x_train, y_train, x_test, y_test")
    assert names(tmp_path) == ["mnist.npz"]


def test_warnings_of_the_loader_are_one_line_each(monkeypatch, no_training, tmp_path, capsys):
    def load_data():
        warnings.warn("mnist.load_data: Keras's copy\nis damaged.", RuntimeWarning, stacklevel=2)
        raise OSError(5, "Input/output error", "mnist.npz")

    monkeypatch.setattr(mnist, "load_data", load_data)
    assert train.main(["--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "python -m tinycnn.train: warning: mnist.load_data: Keras's copy is damaged.",
        "python -m tinycnn.train: error: [Errno 5] Input/output error: 'mnist.npz'",
    ]


# Usage


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--bn", "--dropout"], "argument --dropout: not allowed with argument --bn"),
        (["--epochs", "0"], "argument --epochs: expected a whole number of at least 1, received '0'"),
        (["--epochs", "ten"], "argument --epochs: expected a whole number of at least 1, received 'ten'"),
        (["--batch-size", "-1"], "argument --batch-size: expected a whole number of at least 1, received '-1'"),
        (["--learning-rate", "0"], "argument --learning-rate: expected a positive number such as 0.001, received '0'"),
        (
            ["--learning-rate", "nan"],
            "argument --learning-rate: expected a positive number such as 0.001, received 'nan'",
        ),
        (["--learning-rate", "fast"], "expected a positive number such as 0.001, received 'fast'"),
        (["--seed", "-1"], "argument --seed: expected a whole number from 0 to 4294967295, received '-1'"),
        (["--seed", "4294967296"], "argument --seed: expected a whole number from 0 to 4294967295"),
        (["--subset", "5"], "argument --subset: expected a whole number of at least 6, received '5'"),
        (["--subset", "1443"], "argument --subset: expected at most the 1442 training images of digits, received 1443"),
        (["--verbose", "3"], "argument --verbose: invalid choice: 3"),
        (["--kernels", "slow"], "argument --kernels: invalid choice: 'slow'"),
        (["--data", "cifar"], "argument --data: invalid choice: 'cifar'"),
        (["plain"], "unrecognized arguments: plain"),
    ],
)
def test_usage_errors(arguments, text, no_training, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        train.main(["--data", "digits", *arguments])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.startswith("usage: python -m tinycnn.train [-h]")
    assert names(tmp_path) == []


def test_help_names_the_defaults(capsys):
    with pytest.raises(SystemExit) as stop:
        train.main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"(default: 10 for mnist, {common.EPOCHS['digits']} for digits" in text
    for default in ("(default: 32)", "(default: 0.001)", "(default: 42)", "130 after Ctrl-C", "as behind '| head'"):
        assert default in text


def test_help_and_import_load_nothing_that_only_training_needs(tmp_path):
    code = (
        "import sys, tinycnn.train\n"
        "with __import__('contextlib').suppress(SystemExit): tinycnn.train.main(['--help'])\n"
        "print(sorted({'matplotlib', 'h5py', 'rich', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr


# Folders


def test_an_earlier_run_is_never_overwritten(finished, no_training, capsys):
    folder = finished[-1]
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    assert train.main(["--data", "digits", "--out", str(folder)]) == 1
    text = (
        f"error: expected --out without an earlier run in it, received {folder}, which holds history.json, history.csv"
    )
    expect_one_line(capsys.readouterr().err, text)
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_other_files_in_the_folder_are_left_alone(recorded, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "history.json" in names(tmp_path)


@pytest.mark.parametrize(("out", "reason"), [("file", "File exists"), ("file/run", "Not a directory")])
def test_a_folder_that_cannot_be_made(out, reason, no_training, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / out
    assert train.main(["--data", "digits", "--out", str(out)]) == 1
    text = f"error: expected a folder that can be written to, received {out} ({reason}). Choose another --out."
    expect_one_line(capsys.readouterr().err, text)


def test_a_folder_that_cannot_be_written_to(no_training, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # root may write everywhere: let the attempt fail as it would for others

        def refuse(dir):
            raise PermissionError(13, "Permission denied", dir)

        monkeypatch.setattr(run_module.tempfile, "TemporaryFile", refuse)
    assert train.main(["--data", "digits", "--out", str(folder)]) == 1
    text = (
        f"error: expected a folder that can be written to, received {folder} (Permission denied). Choose another --out."
    )
    expect_one_line(capsys.readouterr().err, text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("a file where the default folder should be")
    assert train.main(["--data", "digits"]) == 1
    expect_one_line(capsys.readouterr().err, "error: expected a folder that can be written to, received runs/plain-")


def test_a_full_disk_is_one_line_and_leaves_no_half_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    text = (
        f"error: expected to write {tmp_path}/config.json, received: No space left on device. Make room for it. "
        "Start again.\n"
    )
    expect_one_line(capsys.readouterr().err, text)
    assert names(tmp_path) == []


def test_weights_that_cannot_be_written_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))

    def full(model, path):
        raise OSError("disk is\nfull")

    monkeypatch.setattr(saving, "save_weights", full)
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    expect_one_line(captured.err, f"error: expected to write {tmp_path}/model.weights.h5, received: disk is full.")
    assert names(tmp_path) == ["config.json", "curves.png", "history.csv", "history.json"]
    assert captured.out.endswith(f"  {tmp_path}/curves.png\n")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device while {} {}."),
        (OSError(30, "Read-only file system", "a.nbi"), "[Errno 30] Read-only file system: 'a.nbi' while {} {}."),
    ],
)
@pytest.mark.parametrize(("method", "doing"), [("fit", "training in"), ("evaluate", "working on")])
def test_an_error_of_a_disk_says_where(method, doing, error, text, tmp_path, monkeypatch, capsys):
    """Wherever it comes from: the folder of compiled kernels, Matplotlib's of fonts."""

    def fail(self, *args, **kwargs):
        raise error

    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))
    monkeypatch.setattr(Sequential, method, fail)
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    expect_one_line(err, f"error: {text.format(doing, tmp_path)} Go on with: python -m tinycnn.train --resume ")
    assert ".lock" not in names(tmp_path)


# NaN


def test_a_loss_that_becomes_nan_ends_with_one_line_and_the_history_so_far(tmp_path, monkeypatch, capsys):
    step = Sequential._train_step

    def fail_in_epoch_2(self, x, y, sample_weight, place):
        if place == "epoch 2, step 1":
            self.layers[2].kernel.value[...] = np.nan
        return step(self, x, y, sample_weight, place)

    monkeypatch.setattr(Sequential, "_train_step", fail_in_epoch_2)
    assert train.main([*TINY, "--kernels", "reference", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    expect_one_line(captured.err, "received nan in epoch 2, step 1. The first layer")
    assert names(tmp_path) == ["checkpoint.npz", "config.json", "curves.png", "history.csv", "history.json"]
    assert {key: len(values) for key, values in read_json(tmp_path / "history.json").items()} == dict.fromkeys(KEYS, 1)
    config = read_json(tmp_path / "config.json")
    assert config["status"] == "failed"
    assert captured.err == f"python -m tinycnn.train: error: {config['error']}\n"
    assert "test_loss" not in config
    assert f"Files written:\n  {tmp_path}/config.json\n  {tmp_path}/history.json\n" in captured.out


def test_a_learning_rate_far_too_high_fails_in_the_first_epoch(tmp_path, capsys):
    arguments = [*TINY, "--learning-rate", "1e30", "--batch-size", "8", "--kernels", "reference"]
    with np.errstate(all="ignore"):
        assert train.main([*arguments, "--out", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert re.search(r"error: .*expected a finite .*received (nan|inf) in epoch 1, step \d\.", err)
    assert read_json(tmp_path / "history.json") == {}
    assert (tmp_path / "history.csv").read_text() == "epoch\n"
    assert names(tmp_path) == ["config.json", "history.csv", "history.json"]


def test_a_validation_loss_that_is_nan_is_a_failure_too(tmp_path, monkeypatch, capsys):
    history = {"loss": [0.5, 0.4], "val_loss": [0.5, float("nan")]}
    monkeypatch.setattr(Sequential, "fit", fake_fit(history))
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    expect_one_line(
        capsys.readouterr().err, "error: expected a finite val_loss, received nan in epoch 2. Lower --learning-"
    )
    assert read_json(tmp_path / "history.json") == {"loss": [0.5, 0.4], "val_loss": [0.5, None]}
    assert read_json(tmp_path / "config.json")["status"] == "failed"


def test_a_test_loss_that_is_nan_is_a_failure_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))
    monkeypatch.setattr(Sequential, "evaluate", lambda self, *args, **kwargs: [float("nan"), 0.1])
    assert train.main([*TINY, "--out", str(tmp_path)]) == 1
    expect_one_line(
        capsys.readouterr().err, "error: expected a finite loss on the test set, received nan. Lower --learning"
    )
    assert read_json(tmp_path / "config.json")["status"] == "failed"


# Ctrl-C


def test_ctrl_c_keeps_history_and_weights(tmp_path):
    process = start(
        *["--data", "digits", "--subset", "60", "--epochs", "10000", "--kernels", "reference", "--out", "run"],
        cwd=tmp_path,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Epoch 4/"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    advice = r"Go on with: python -m tinycnn\.train --resume run"
    answer = r"tinycnn: Ctrl-C: training ends after this step; a second Ctrl-C ends it at once\.\n"
    line = rf"python -m tinycnn.train: interrupted after (\d+) of 10000 epochs\. {advice}\n"
    match = re.fullmatch(answer + line, err)
    assert match, err
    done = int(match[1])
    assert done >= 3

    folder = tmp_path / "run"
    expected = ["config.json", "curves.png", "history.csv", "history.json", "model.weights.h5"]
    assert names(folder) == ["checkpoint.npz", *expected]
    assert sorted(out[out.index("Files written:") :].split()[2:]) == [f"run/{name}" for name in expected]
    history = read_json(folder / "history.json")
    assert {key: len(values) for key, values in history.items()} == dict.fromkeys(KEYS, done)
    assert len((folder / "history.csv").read_text().splitlines()) == done + 1
    config = read_json(folder / "config.json")
    assert config["status"] == "interrupted"
    assert "test_accuracy" not in config

    model = models.plain()
    before = model.get_weights()
    saving.load_weights(model, folder / "model.weights.h5")
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with Image.open(folder / "curves.png") as image:
        assert np.asarray(image.convert("L")).min() < 128


def test_a_second_ctrl_c_in_the_middle_of_a_step(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}, error=KeyboardInterrupt()))
    assert train.main([*TINY, "--out", str(tmp_path)]) == 130
    expect_one_line(capsys.readouterr().err, "interrupted after 1 of 2 epochs")
    assert names(tmp_path) == ["config.json", "curves.png", "history.csv", "history.json", "model.weights.h5"]


def test_ctrl_c_while_files_are_written_waits_for_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))
    save = saving.save_weights

    def save_and_press(model, path):
        signal.raise_signal(signal.SIGINT)
        save(model, path)

    monkeypatch.setattr(saving, "save_weights", save_and_press)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert train.main([*TINY, "--out", str(tmp_path)]) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, former)
    answer, line = capsys.readouterr().err.splitlines(keepends=True)
    assert answer == "tinycnn: Ctrl-C: the files are written first; a second Ctrl-C ends it at once.\n"
    expect_one_line(line, "interrupted after 1 of 2 epochs")
    assert names(tmp_path) == ["config.json", "curves.png", "history.csv", "history.json", "model.weights.h5"]
    assert read_json(tmp_path / "config.json")["status"] == "interrupted"


def test_ctrl_c_during_the_test_keeps_what_was_trained(tmp_path, monkeypatch, capsys):
    def evaluate(self, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sequential, "fit", fake_fit({key: [0.5] for key in KEYS}))
    monkeypatch.setattr(Sequential, "evaluate", evaluate)
    assert train.main([*TINY, "--out", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    expect_one_line(captured.err, "python -m tinycnn.train: interrupted")
    assert names(tmp_path) == ["config.json", "curves.png", "history.csv", "history.json", "model.weights.h5"]
    assert "Files written:" in captured.out
    assert read_json(tmp_path / "config.json")["status"] == "trained"


def test_ctrl_c_before_training_leaves_nothing(tmp_path, monkeypatch, capsys):
    def load_data():
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist, "load_data", load_data)
    assert train.main(["--out", str(tmp_path / "run")]) == 130
    captured = capsys.readouterr()
    expect_one_line(captured.err, "python -m tinycnn.train: interrupted")
    assert "Files written" not in captured.out
    assert names(tmp_path) == []

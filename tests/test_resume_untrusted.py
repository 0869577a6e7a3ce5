"""--resume on folders whose files are not as they were left: it goes on rightly, or ends with one line."""

from __future__ import annotations

import copy
import json
import random
import shutil

import numpy as np
import pytest
from test_resume import Digest, PowerFailureError, contents, fail_at, go
from test_untrusted_files import HOSTILE_VALUES, places
from work import less_than

from tinycnn import plots
from tinycnn.datasets import digits
from tinycnn.sequential import Sequential
from tinycnn.trainers import checkpoints

SETTINGS = ["--dropout", "--data", "digits", "--subset", "12", "--epochs", "3", "--seed", "7", "--kernels", "reference"]
OURS = [
    *HOSTILE_VALUES,
    float("inf"),
    2**31,
    2**63,
    2**64,
    -(2**63),
    1e-45,
    [[1], [2]],
    {"array": "0"},
    "digits",
    "plain",
]


@pytest.fixture(scope="module")
def few_images():
    """Twelve images to train with and six to test with, no figures, and no run of more than five epochs."""
    (x, y), (x_test, y_test) = digits.load_data()
    fit = Sequential.fit

    def short_fit(self, *args, epochs, **options):
        return fit(self, *args, epochs=min(epochs, 5), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "load_data", lambda: ((x[:12], y[:12]), (x_test[:6], y_test[:6])))
        patch.setattr(Sequential, "fit", short_fit)
        for name in ("training_curves", "kernels", "misclassified"):
            patch.setattr(plots, name, Digest)
        yield


@pytest.fixture(scope="module")
def broken_off(few_images, tmp_path_factory):
    """The folder of a run that ended in its third epoch."""
    folder = tmp_path_factory.mktemp("broken off") / "run"
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, Sequential, "_train_step", 2)
        with pytest.raises(PowerFailureError):
            go(*SETTINGS, "--out", folder)
    assert checkpoints.read(folder / "checkpoint.npz")["epoch"] == 2
    return folder


def mutated_tree(tree, rng):
    """A copy of a tree in which a few places are gone, exchanged, or hold something else."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 2, 4])):
        everywhere = list(places(tree))
        container, key = rng.choice(everywhere)
        kind = rng.randrange(5)
        if kind == 0:
            del container[key]
        elif kind == 1:
            other, place = rng.choice(everywhere)
            container[key] = copy.deepcopy(other[place])
        elif kind == 2 and isinstance(container[key], np.ndarray):
            array = container[key]
            container[key] = rng.choice([array[:-1], array.astype("int8"), array.astype("f8"), array * np.nan, array.T])
        else:
            container[key] = copy.deepcopy(rng.choice(OURS))
        if not tree:
            break
    return tree


def mutated_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.2 else data)


def mutate(folder, rng):
    """Change one of the two files that a run goes on from."""
    config, checkpoint = folder / "config.json", folder / "checkpoint.npz"
    kind = rng.randrange(10)
    if kind < 5:
        config.write_text(json.dumps(mutated_tree(json.loads(config.read_text()), rng)))
    elif kind < 6:
        config.write_bytes(mutated_bytes(config.read_bytes(), rng))
    elif kind < 7:
        checkpoint.write_bytes(mutated_bytes(checkpoint.read_bytes(), rng))
    else:
        checkpoints.write(checkpoint, mutated_tree(checkpoints.read(checkpoint), rng))


def resume_mutated(broken_off, folder, seed, capsys):
    """The exit code of --resume on a folder that was changed; everything but 0, or 1 and one line, is a failure."""
    shutil.copytree(broken_off, folder)
    mutate(folder, random.Random(seed))
    before = contents(folder)
    with less_than(20), np.errstate(all="ignore"):
        code = go("--resume", folder)
    lines = [line for line in capsys.readouterr().err.splitlines() if " warning: " not in line]
    assert all(len(line) < 2000 for line in lines)
    if code == 0:
        assert lines == []
        assert json.loads((folder / "config.json").read_text())["status"] == "complete"
    else:
        assert code == 1
        assert len(lines) == 1
        assert lines[0].startswith("python -m tinycnn.train: error: "), lines
        if "Begin anew" in lines[0] or "Remove it" in lines[0]:
            assert contents(folder) == before
    shutil.rmtree(folder)
    return code


def test_changed_files(broken_off, tmp_path, capsys):
    codes = [resume_mutated(broken_off, tmp_path / "run", seed, capsys) for seed in range(60)]
    assert min(codes.count(0), codes.count(1)) > 5

"""Checkpoints that somebody has made to do harm, or that belong elsewhere: an error, and nothing has changed."""

from __future__ import annotations

import copy
import io
import json
import os
import struct
import subprocess
import sys
import textwrap
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from test_backup_and_restore import CrashError, assert_same_bits, crash, everything, fit, new_model
from work import less_than

import tinycnn
from tinycnn.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)
from tinycnn.inspection import Monitor
from tinycnn.trainers import checkpoints

ROOT = Path(tinycnn.__file__).parents[1]
MEGABYTE = 2**20


def npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), version=(1, 0))
    return stream.getvalue()


def npy_that_claims(descr, shape, data=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def state_of_text(text):
    return npy(np.frombuffer(text.encode() if isinstance(text, str) else text, "uint8"))


def state(tree):
    return state_of_text(json.dumps({"format": checkpoints.FORMAT, "state": tree}))


def write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(f"{name}.npy", data)


def overlapping(path):
    """One array of a megabyte, and 500 members that are all the very same bytes of the file."""
    write(path, [("0", npy(np.zeros(MEGABYTE, "u1"))), ("state", state([{"array": str(i)} for i in range(500)]))])
    content = path.read_bytes()
    start = content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    first, *others = [b"PK\1\2" + entry for entry in content[start:end].split(b"PK\1\2")[1:]]
    names = [f"{i}.npy".encode() for i in range(500)]
    entries = [first[:28] + struct.pack("<H", len(name)) + first[30:46] + name for name in names]
    entries += others
    directory = b"".join(entries)
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), start, 0)
    path.write_bytes(content[:start] + directory + tail)


DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "an array that is named 2,000 times": (
        lambda: [("0", npy(np.zeros(MEGABYTE, "u1"))), ("state", state([{"array": "0"}] * 2000))],
        "it has no array '0', or names it twice",
    ),
    "an array that is not there": (lambda: [("state", state({"x": {"array": "7"}}))], "it has no array '7'"),
    "an array as the name of one": (lambda: [("state", state({"x": {"array": []}}))], ""),
    "the tree as an array of its own": (lambda: [("state", state({"x": {"array": "state"}}))], "no array 'state'"),
    "no tree": (lambda: [("0", npy([1]))], "'state'"),
    "two arrays of one name": (lambda: [("state", state({})), ("state", state({}))], "two arrays of one name"),
    "a tree of 100,000 lists": (lambda: [("state", state_of_text(DEEP))], "recursion depth"),
    "a number of a million digits": (lambda: [("state", state_of_text("9" * 10**6))], "Exceeds the limit"),
    "a list": (lambda: [("state", state([]))], "it holds no dict"),
    "a number": (lambda: [("state", state_of_text("1"))], "not subscriptable"),
    "bytes that are no text": (lambda: [("state", state_of_text(b"\xff\xfe\xfa"))], "codec can't decode"),
    "a shape of 10**12": (
        lambda: [("0", npy_that_claims("<f8", (10**6, 10**6))), ("state", state([{"array": "0"}]))],
        "an array of 0 bytes claims the shape (1000000, 1000000) of float64",
    ),
    "a shape of 10**40": (
        lambda: [("0", npy_that_claims("|u1", (10**40,))), ("state", state([{"array": "0"}]))],
        "claims the shape (1000",
    ),
    "a shape below nothing": (
        lambda: [("0", npy_that_claims("|u1", (-2, -3), b"123456")), ("state", state([{"array": "0"}]))],
        "",
    ),
    "10**12 texts of no length": (
        lambda: [("0", npy_that_claims("|S0", (10**12,))), ("state", state([{"array": "0"}]))],
        "",
    ),
    "another version of the format": (
        lambda: [("0", b"\x93NUMPY\3\0" + bytes(10)), ("state", state([{"array": "0"}]))],
        "version (3, 0) of the npy format",
    ),
    "a header that is a program": (
        lambda: [
            ("0", b"\x93NUMPY\1\0\x20\0" + b"__import__('os').mkdir('attack')"),
            ("state", state([{"array": "0"}])),
        ],
        "",
    ),
    "a header of 9,000 brackets": (
        lambda: [("0", b"\x93NUMPY\1\0" + struct.pack("<H", 9000) + b"(" * 9000), ("state", state([{"array": "0"}]))],
        "",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_somebody_has_made(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    members, text = HOSTILE[kind]
    path = tmp_path / "checkpoint.npz"
    with pytest.warns(UserWarning, match="Duplicate name") if "one name" in kind else monkeypatch.context():
        write(path, members())
    check_refused(path, text)
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


def test_members_that_lie_over_each_other(tmp_path):
    overlapping(tmp_path / "checkpoint.npz")
    check_refused(tmp_path / "checkpoint.npz", "its arrays are larger than the file")


def check_refused(path, text):
    tracemalloc.start()
    try:
        with (
            less_than(5),  # with tracemalloc; a second without
            pytest.raises(ValueError, match=r"^checkpoint: expected a whole file of the format ") as error,
        ):
            checkpoints.read(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert text in str(error.value)
    assert str(error.value).endswith("). Remove it to train from the beginning.")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_megabyte_takes_no_gigabytes(tmp_path):
    """In a process of its own, which tells the most memory that it has had."""
    write(tmp_path / "checkpoint.npz", HOSTILE["an array that is named 2,000 times"][0]())
    program = textwrap.dedent(
        """
        import resource, sys
        from tinycnn.trainers import checkpoints
        resource.setrlimit(resource.RLIMIT_DATA, (2 * 2**30, 2 * 2**30))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            checkpoints.read(sys.argv[1])
        except ValueError as error:
            print(error)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "checkpoint.npz")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    message, growth = done.stdout.splitlines()
    assert "names it twice" in message
    assert int(growth) * 1024 < 50 * MEGABYTE


# States that do not fit


def others(folder):
    """Callbacks that have a state, one of each kind."""
    return [
        CSVLogger(folder / "log.csv"),
        ReduceLROnPlateau("loss", factor=0.5, patience=1),
        EarlyStopping("loss", patience=9, restore_best_weights=True),
        ModelCheckpoint(folder / "{epoch}.weights.h5", save_best_only=True, save_weights_only=True),
        Monitor(np.zeros((2, 6, 6, 1)), [0, 1], every=4),
        TensorBoard(folder / "logs"),
    ]


@pytest.fixture(scope="module")
def broken_off(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken off")
    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(folder), *others(folder), crash("on_epoch_begin", 2))
    return checkpoints.read(folder / "checkpoint.npz")


def set_to(value, *keys):
    def change(tree):
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = value

    shown = f"array{value.shape}" if isinstance(value, np.ndarray) else str(value)[:30]
    change.__name__ = f"{'.'.join(map(str, keys))}={shown}"
    return change


def without(*keys):
    def change(tree):
        for key in keys[:-1]:
            tree = tree[key]
        del tree[keys[-1]]

    change.__name__ = f"no {'.'.join(map(str, keys))}"
    return change


ADAM, STREAMS = ("model", "optimizer"), ("model", "random_streams")
PCG = (*STREAMS, "layer 3", "state")
MISFITS = [
    (without("model"), "(KeyError: 'model')"),
    (without("callbacks"), "(KeyError: 'callbacks')"),
    (set_to(None, "callbacks"), "callbacks=None)"),
    (set_to([], "callbacks"), "callbacks=[])"),
    (set_to(np.zeros(3), "callbacks"), "callbacks=array([0., 0., 0.]))"),
    (set_to(2.0, "epoch"), "(TypeError: epoch=2.0, stop_training=False, "),
    (set_to(-1, "epoch"), "epoch=-1"),
    (set_to(0, "stop_training"), "stop_training=0"),
    (set_to(None, "model"), "expected the state of a training, as in the model, received another (TypeError: "),
    (without("model", "weights"), "received another (KeyError: 'weights')"),
    (set_to(None, "model", "layers"), "received another (TypeError: "),
    (set_to([["Dense", 1]], "model", "layers"), "received another (AttributeError: "),
    (set_to(np.zeros(2), "model", "layers", 0, 1), "expected Conv2D (kernel (3, 3, 1, 2), bias (2,)) as layer 0,"),
    (set_to(np.zeros(2), *ADAM, "class"), "expected the optimizer Adam, as in the model, received [0. 0.]"),
    (set_to(np.zeros((3, 3, 1, 1), np.float32), "model", "weights", 0), "expected weights of shape (3, 3, 1, 2) and"),
    (set_to(np.zeros((3, 3, 1, 2)), "model", "weights", 0), "received (3, 3, 1, 2) and float64"),
    (set_to([[1.0]], "model", "weights", 0), "expected arrays as weights, as in the model, received [[1.0]]"),
    (without("model", "weights", 0), "expected 8 arrays of weights, as in the model, received 7"),
    (set_to("Sgd", *ADAM, "class"), "expected the optimizer Adam, as in the model, received Sgd"),
    (set_to(-1, *ADAM, "iterations"), "expected a number of steps, as in the model, received -1"),
    (set_to(10**30, *ADAM, "iterations"), "expected a number of steps, as in the model, received 1000"),
    (set_to(True, *ADAM, "iterations"), "expected a number of steps, as in the model, received True"),
    (set_to(float("nan"), *ADAM, "learning_rate"), "expected learning_rate >= 0, received nan"),
    (set_to(10**400, *ADAM, "learning_rate"), "received another (OverflowError: "),
    (set_to("fast", *ADAM, "learning_rate"), "expected learning_rate to be a number, received 'fast'"),
    (without(*ADAM, "slots", "velocity"), "expected the slots momentum, velocity, received momentum"),
    (set_to(np.zeros(3, np.float32), *ADAM, "slots", "velocity"), "expected the slot velocity of shape (5"),
    (set_to(None, *ADAM, "slots", "velocity"), "expected arrays as the slot velocity"),
    (set_to([], *ADAM, "slots"), "received another (AttributeError: "),
    (set_to([0, 1, 2, 3, 4, 6], *ADAM, "parameters"), "expected the optimizer's parameters as numbers below 6, each"),
    (set_to([0, 1, 2, 3, 4, 4], *ADAM, "parameters"), "received [0, 1, 2, 3, 4, 4]"),
    (set_to(["0"], *ADAM, "parameters"), "received ['0']"),
    (set_to([0], *ADAM, "parameters"), "expected the slot momentum of shape (18,)"),
    (set_to(3, *ADAM, "parameters"), "received another (TypeError: "),
    (without(*STREAMS, "layer 5"), "expected random streams for shuffling, layer 3, layer 5, as in"),
    (set_to(1, *STREAMS), "received another (AttributeError: "),
    (set_to(None, *PCG), "expected a state of PCG64 for the random stream of layer 3, as in the model, received {'bit"),
    (set_to(-1, *PCG, "state"), "expected a state of PCG64"),
    (set_to(2**128, *PCG, "inc"), "expected a state of PCG64"),
    (set_to(1.5, *PCG, "state"), "expected a state of PCG64"),
    (set_to("MT19937", *STREAMS, "shuffling", "bit_generator"), "expected a state of PCG64 for the random stream of"),
    (set_to(2**40, *STREAMS, "shuffling", "uinteger"), "expected a state of PCG64"),
    (set_to({}, "callbacks", "History 0"), "(KeyError: 'history')"),
    (set_to(7, "callbacks", "History 0"), "(TypeError: "),
    (set_to({"loss": "abc"}, "callbacks", "History 0", "history"), "History: expected a state that it had before"),
    (set_to([0.5], "callbacks", "History 0", "epoch"), "received epoch=[0.5]. Remove the checkpoint"),
    (set_to("low", "callbacks", "EarlyStopping 0", "best"), "EarlyStopping: expected a state that it had before"),
    (set_to([], "callbacks", "EarlyStopping 0", "best_weights"), "received best_weights=[]"),
    (set_to([1], "callbacks", "EarlyStopping 0", "best_weights"), "received best_weights=[1]"),
    (set_to(-3, "callbacks", "ReduceLROnPlateau 0", "wait"), "received wait=-3"),
    (set_to(None, "callbacks", "CSVLogger 0", "_size"), "received _size=None"),
    (set_to([3], "callbacks", "CSVLogger 0", "_keys"), "received _keys=[3]"),
    (set_to([], "callbacks", "ModelCheckpoint 0", "best"), "received best=[]"),
    (set_to("x", "callbacks", "TensorBoard 0", "_batches"), "received _batches='x'"),
    (set_to([], "callbacks", "Monitor 0", "_looks"), "received _looks=[]"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "text"), MISFITS, ids=[change.__name__ for change, _ in MISFITS])
def test_a_state_that_does_not_fit_changes_nothing(change, text, broken_off, tmp_path):
    tree = copy.deepcopy(broken_off)
    change(tree)
    checkpoints.write(tmp_path / "checkpoint.npz", tree)
    model, callbacks = new_model(seed=3), others(tmp_path)
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    fresh = [copy.deepcopy(callback.get_state()) for callback in callbacks]
    with pytest.raises(ValueError, match=r"^(BackupAndRestore|checkpoint|adam|Adam|History|[A-Z]\w+): ") as error:
        fit(model, BackupAndRestore(tmp_path), *callbacks)
    assert text in str(error.value)
    assert len(str(error.value)) < 1000
    assert repr([callback.get_state() for callback in callbacks]) == repr(fresh)
    assert_same_bits(everything(model, History()), everything(new_model(seed=3), History()))
    assert not (tmp_path / ".checkpoint.npz.lock").exists()


def test_a_callback_that_refuses_its_state_changes_nothing(tmp_path):
    class Picky(Callback):
        state_attributes = ("seen",)
        seen = 0

        def set_state(self, state):
            super().set_state(state)
            if self.seen == 7:
                raise ZeroDivisionError("seven is not to my taste")

    def begin(seen):
        picky = [Picky(), Picky()]
        picky[1].seen = seen
        return picky

    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path), *begin(7), crash("on_epoch_begin", 2))
    model, picky, history = new_model(seed=3), begin(5), History()
    with pytest.raises(ZeroDivisionError, match="not to my taste"):
        fit(model, BackupAndRestore(tmp_path), *picky, history)
    assert ([callback.seen for callback in picky], history.history, history.epoch) == ([0, 5], {}, [])
    assert_same_bits(everything(model, History()), everything(new_model(seed=3), History()))


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_random_streams_of_every_kind(kind, tmp_path):
    def stream(seed):
        return np.random.Generator(getattr(np.random, kind)(seed))

    model, other = new_model(), new_model()
    model.layers[3].rng, other.layers[3].rng = stream(1), stream(2)
    model.layers[3].rng.random(5, np.float32)
    checkpoints.write(tmp_path / "a.npz", checkpoints.state_of(model))
    checkpoints.restore(other, checkpoints.read(tmp_path / "a.npz"))
    expected = model.layers[3].rng.random(1000)
    np.testing.assert_array_equal(other.layers[3].rng.random(1000), expected)


@pytest.mark.parametrize(("kind", "place"), [("MT19937", "pos"), ("Philox", "buffer_pos")])
@pytest.mark.parametrize("value", [-1, 10**6])
def test_a_place_outside_of_a_generators_buffer(kind, place, value):
    """NumPy would read there: the memory of others."""
    model = new_model()
    model.layers[3].rng = np.random.Generator(getattr(np.random, kind)(1))
    state = checkpoints.state_of(model)
    found = state["random_streams"]["layer 3"]
    (found["state"] if place == "pos" else found)[place] = value
    with pytest.raises(ValueError, match=f"^checkpoint: expected a state of {kind} for the random stream of layer 3, "):
        checkpoints.restore(model, state)

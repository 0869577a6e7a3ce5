"""BackupAndRestore: a training that was broken off anywhere and goes on ends with the bits of one that was not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn import Sequential, utils
from tinycnn.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.optimizers import SGD, Adam, RMSprop
from tinycnn.trainers import checkpoints

EPOCHS = 6
RNG = np.random.default_rng(5)
X = RNG.random((40, 6, 6, 1), np.float32)
Y = RNG.integers(0, 3, 40)


def new_model(optimizer=None, units=3, seed=11):
    utils.set_random_seed(seed)
    utils.clear_session()  # the names of layers are in the files of weights
    layers = [
        Input((6, 6, 1)),
        Conv2D(2, 3, activation="relu"),
        BatchNormalization(),
        MaxPooling2D(),
        Dropout(0.3),
        Flatten(),
        Dropout(0.2, seed=4),
        Dense(units, activation="softmax"),
    ]
    model = Sequential(layers)
    model.compile(optimizer or Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], kernels="reference")
    return model


class CrashError(Exception):
    pass


def crash(hook, number):
    """A callback that raises at the hook of this epoch (or step of the training, from 0)."""
    seen = iter(range(10_000))

    def raise_there(*args, **kwargs):
        if next(seen) == number:
            raise CrashError

    return LambdaCallback(**{hook: raise_there})


def fit(model, *callbacks, epochs=EPOCHS, **options):
    options = {"validation_data": (X[32:], Y[32:]), **options}
    return model.fit(X[:32], Y[:32], batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)


def everything(model, history):
    """All that must be the same to the bit."""
    optimizer = model.optimizer
    return {
        "weights": model.get_weights(),
        "slots": list(optimizer.slots.values()),
        "optimizer": [optimizer.iterations, optimizer.learning_rate],
        "history": history.history,
        "epoch": history.epoch,
        "next random numbers": [stream.random(3).tolist() for stream in model.random_streams.values()],
    }


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if key in ("weights", "slots"):
            assert len(a[key]) == len(b[key])
            assert all(x.tobytes() == y.tobytes() and x.dtype == y.dtype for x, y in zip(a[key], b[key], strict=True))
        else:
            assert repr(a[key]) == repr(b[key]), key  # repr: NaN differs from itself


# The same bits


@pytest.mark.parametrize(
    ("hook", "number"),
    [
        ("on_train_begin", 0),
        ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 6),
        ("on_test_begin", 2),
        ("on_epoch_end", 1),
        ("on_epoch_begin", 3),
        ("on_epoch_begin", 5),
        ("on_epoch_end", 5),
        ("on_train_end", 0),
    ],
)
def test_a_crash_anywhere(hook, number, tmp_path):
    whole = new_model()
    expected = everything(whole, fit(whole))
    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path / "deep" / "backup"), crash(hook, number))
    model = new_model(seed=99)  # not even the weights to begin with are the same
    if not list(tmp_path.rglob("checkpoint.npz")):
        model = new_model()
        assert number == 0
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path / "deep" / "backup"))), expected)
    assert list((tmp_path / "deep" / "backup").iterdir()) == []


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: SGD(0.05),
        lambda: SGD(0.05, momentum=0.9, nesterov=True),
        lambda: RMSprop(0.01, centered=True, momentum=0.5),
        lambda: Adam(0.01, amsgrad=True, clipnorm=1.0, weight_decay=0.01),
    ],
)
def test_every_optimizer(optimizer, tmp_path):
    whole = new_model(optimizer())
    expected = everything(whole, fit(whole, shuffle=False))
    with pytest.raises(CrashError):
        fit(new_model(optimizer()), BackupAndRestore(tmp_path), crash("on_epoch_begin", 4), shuffle=False)
    model = new_model(optimizer(), seed=99)
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path), shuffle=False)), expected)


def others(folder):
    """Callbacks that remember something from epoch to epoch."""
    return [
        CSVLogger(folder / "log.csv"),
        ReduceLROnPlateau("loss", factor=0.5, patience=1, cooldown=1, min_delta=0.05),
        ReduceLROnPlateau("val_loss", factor=0.9, patience=2),
        EarlyStopping("val_accuracy", patience=6, restore_best_weights=True),
        ModelCheckpoint(folder / "{epoch}.weights.h5", save_best_only=True, save_weights_only=True),
    ]


@pytest.mark.parametrize("crashes", [(3,), (1, 2, 3), (1, 1, 1, 1, 1, 1)])
def test_states_of_other_callbacks(crashes, tmp_path):
    def run(folder, model, *more):
        folder.mkdir(exist_ok=True)
        return fit(model, *others(folder), *more, epochs=15)

    whole = new_model()
    history = run(tmp_path / "whole", whole)
    expected = everything(whole, history)
    assert 6 < len(history.epoch) < 15  # stopped early
    assert len(set(history.history["learning_rate"])) > 2
    broken = tmp_path / "broken"
    for number in crashes:
        with pytest.raises(CrashError):
            # Behind the CSV file's line, and before the checkpoint of that epoch
            run(broken, new_model(), BackupAndRestore(tmp_path / "backup"), crash("on_epoch_end", number))
    model = new_model()
    assert_same_bits(everything(model, run(broken, model, BackupAndRestore(tmp_path / "backup"))), expected)
    assert (broken / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    assert len((broken / "log.csv").read_text().splitlines()) == 1 + len(history.epoch)
    assert sorted(os.listdir(broken)) == sorted(os.listdir(tmp_path / "whole"))
    for file in broken.glob("*.weights.h5"):
        assert file.read_bytes() == (tmp_path / "whole" / file.name).read_bytes()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ReduceLROnPlateau(patience=2, factor=0.5, cooldown=2),
        lambda: ReduceLROnPlateau(patience=3, factor=0.5, mode="max"),
        lambda: EarlyStopping(patience=3),
        lambda: EarlyStopping(patience=2, restore_best_weights=True, start_from_epoch=3),
    ],
)
@pytest.mark.parametrize("epoch", range(1, 10))
def test_a_callback_goes_on_at_any_epoch(make, epoch, tmp_path):
    values = [5.0, 4.0, 4.5, 3.0, 3.0, 3.5, 3.0, 4.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5]

    def run(callback, model, epochs):
        acted = []
        callback.set_model(model)
        for number in epochs:
            if not model.stop_training:
                callback.on_epoch_end(number, {"val_loss": values[number]})
            acted.append((model.optimizer.learning_rate, model.stop_training, callback.wait, callback.best))
        return acted

    whole, model = make(), new_model()
    whole.on_train_begin()
    expected = run(whole, model, range(len(values)))
    assert len(set(expected)) > 3
    model, former = new_model(), make()
    former.on_train_begin()
    acted = run(former, model, range(epoch))
    checkpoints.write(tmp_path / "state.npz", former.get_state())
    resumed = make()
    resumed.on_train_begin()
    resumed.set_state(checkpoints.read(tmp_path / "state.npz"))
    assert acted + run(resumed, model, range(epoch, len(values))) == expected


def test_a_training_that_was_stopped_early_does_not_go_on(tmp_path):
    stop = {"monitor": "loss", "mode": "max", "patience": 2, "restore_best_weights": True}
    whole = new_model()
    history = fit(whole, EarlyStopping(**stop))
    expected = everything(whole, history)
    assert len(history.epoch) < EPOCHS
    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path), EarlyStopping(**stop), crash("on_train_end", 0))
    model = new_model()
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path), EarlyStopping(**stop))), expected)


def test_a_callback_of_ones_own(tmp_path):
    class Counting(Callback):
        state_attributes = ("seen",)
        seen = 0

        def on_train_batch_end(self, batch, logs=None):
            self.seen += 1

    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(tmp_path), Counting(), Counting(), crash("on_epoch_begin", 4))
    first, second, new = Counting(), Counting(), Counting()
    fit(new_model(), first, second, new, BackupAndRestore(tmp_path))
    assert (first.seen, second.seen, new.seen) == (24, 24, 8)  # the third was not there: it begins anew


def test_a_schedule_and_a_longer_training(tmp_path):
    """After its end a training can go on to a later epoch, where the checkpoint is kept."""

    def schedule(epoch, lr):
        return 0.02 * 0.9**epoch

    whole = new_model()
    expected = everything(whole, fit(whole, LearningRateScheduler(schedule)))
    fit(new_model(), LearningRateScheduler(schedule), BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    model = new_model(seed=8)
    history = fit(model, LearningRateScheduler(schedule), BackupAndRestore(tmp_path, delete_checkpoint=False))
    assert_same_bits(everything(model, history), expected)


def test_ctrl_c_keeps_the_checkpoint(tmp_path):
    import signal

    class CtrlC(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations == 10:
                signal.raise_signal(signal.SIGINT)

    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        whole, model = new_model(), new_model()
        expected = everything(whole, fit(whole))
        fit(model, BackupAndRestore(tmp_path), CtrlC())
        assert model.interrupted
        assert os.listdir(tmp_path) == ["checkpoint.npz"]
        assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path))), expected)
    finally:
        signal.signal(signal.SIGINT, former)


def test_a_number_of_batches(tmp_path):
    """As in Keras, the epoch begins anew with the weights of the last checkpoint."""
    backup = BackupAndRestore(tmp_path, save_freq=3)
    seen = []
    with pytest.raises(CrashError):
        fit(new_model(), backup, crash("on_train_batch_end", 10))  # 4 steps an epoch: checkpoints after 3, 6 and 9
    model = new_model(seed=9)
    look = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append((epoch, model.optimizer.iterations)),
    )
    history = fit(model, BackupAndRestore(tmp_path, save_freq=3), look)
    assert seen[0] == (2, 9)
    assert history.epoch == list(range(EPOCHS))
    assert model.optimizer.iterations == 9 + 4 * 4


def test_backup_is_called_last(tmp_path):
    from tinycnn.callbacks import CallbackList

    backup = BackupAndRestore(tmp_path)
    both = CallbackList([backup, EarlyStopping()], add_history=True, add_progbar=True, verbose=0)
    assert both.callbacks[-1] is backup
    assert [type(other).__name__ for other in backup.others] == ["EarlyStopping", "History", "ProgbarLogger"]
    assert not both.wants_batches
    assert BackupAndRestore(tmp_path, save_freq=2).wants_batches


def test_history_alone_keeps_keras_rule():
    """Without a checkpoint, a History that is used twice goes on, as before."""
    history = History()
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 1.0})
    assert history.get_state() == {"history": {"loss": [1.0]}, "epoch": [0]}


# Files


def broken_off(folder, epoch=3):
    with pytest.raises(CrashError):
        fit(new_model(), BackupAndRestore(folder), crash("on_epoch_begin", epoch))
    return folder / "checkpoint.npz"


def test_nothing_in_a_checkpoint_is_pickled(tmp_path):
    path = broken_off(tmp_path)
    with np.load(path, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)
        state = json.loads(arrays["state"].tobytes())
    assert state["format"] == checkpoints.FORMAT
    assert state["state"]["epoch"] == 3
    assert state["state"]["model"]["random_streams"].keys() == {"shuffling", "layer 3", "layer 5"}


def test_rubbish_is_one_clear_error_and_changes_nothing(tmp_path):
    path = broken_off(tmp_path)
    whole = path.read_bytes()
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, state=np.array([{"a": 1}], dtype=object))
    compressed = tmp_path / "compressed.npz"
    with np.load(path) as arrays:
        np.savez_compressed(compressed, **arrays)
    other = tmp_path / "other.npz"
    np.savez(other, state=np.frombuffer(b'{"format": "another"}', "uint8"))
    deep = tmp_path / "deep.npz"
    np.savez(deep, state=np.frombuffer(b"[" * 100_000, "uint8"))
    rng = np.random.default_rng(0)
    flipped = []
    for _ in range(60):
        content = bytearray(whole)
        content[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        flipped.append(bytes(content))
    bad = [b"", b"PK", b"not a checkpoint", whole[: len(whole) // 2], whole[:-1], whole[1:], b"\0" * 5000]
    bad += [file.read_bytes() for file in (pickled, compressed, other, deep)]
    good, errors = checkpoints.read(path)["model"], []
    for number, content in enumerate(bad + flipped):
        path.write_bytes(content)
        model = new_model(seed=3)
        before = everything(model, History())
        model = new_model(seed=3)
        try:
            fit(model, BackupAndRestore(tmp_path), crash("on_epoch_begin", 0))
        except CrashError:  # a bit that does not matter, such as that of a date
            assert number >= len(bad)
            assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), good["weights"], strict=True))
            continue
        except ValueError as error:
            errors.append(str(error))
        assert_same_bits(everything(model, History()), before)
    assert len(errors) > len(bad) + 40
    text = "checkpoint: expected a whole file of the format 'tinycnn checkpoint 1', received "
    for error in errors:
        assert re.fullmatch(rf"{re.escape(text + str(path))} \(.+\)\. Remove it to train from the beginning\.", error)


def test_loading_runs_no_code(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    np.savez(tmp_path / "checkpoint.npz", state=np.array([Attack()], dtype=object))
    with pytest.raises(ValueError, match=r"^checkpoint: expected a whole file .*allow_pickle=False"):
        fit(new_model(), BackupAndRestore(tmp_path))
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


class Thaw(LambdaCallback):
    """Trains with the convolution frozen in the middle epochs."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = not 1 <= epoch < EPOCHS - 1


@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_slots_of_layers_that_are_frozen_for_a_while_are_kept(epoch, tmp_path):
    whole = new_model()
    fit(whole, Thaw())
    with pytest.raises(CrashError):
        fit(new_model(), Thaw(), BackupAndRestore(tmp_path), crash("on_epoch_begin", epoch))
    resumed = new_model()
    fit(resumed, Thaw(), BackupAndRestore(tmp_path))
    for mine, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    np.testing.assert_equal(resumed.optimizer.slots, whole.optimizer.slots)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            lambda: new_model(units=4),
            "expected Dense (kernel (8, 4), bias (4,)) as layer 6, as in the model, received",
        ),
        (lambda: new_model(SGD(0.1)), "expected the optimizer SGD, as in the model, received Adam"),
        (
            lambda: new_model(Adam(0.1, amsgrad=True)),
            "expected the slots momentum, velocity, velocity_hat, received",
        ),
        (lambda: shorter(), "expected 6 layers, as in the model, received 7"),
        (
            lambda: without_seed(),
            "expected random streams for shuffling, layer 3, as in the model, received",
        ),
    ],
)
def test_a_checkpoint_of_another_model(model, text, tmp_path):
    broken_off(tmp_path)
    model = model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"^(checkpoint|adam): ") as error:
        fit(model, BackupAndRestore(tmp_path))
    assert text in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.optimizer.iterations == 0


def shorter():
    model = new_model()
    model.pop()
    return model


def without_seed():
    model = new_model()
    del model.layers[5].rng
    return model


def test_a_checkpoint_with_another_content(tmp_path):
    path = broken_off(tmp_path)
    state = checkpoints.read(path)
    del state["callbacks"]["History 0"]["epoch"]
    checkpoints.write(path, state)
    with pytest.raises(ValueError, match=r"^BackupAndRestore: expected the state of this training in .*'epoch'\)"):
        fit(new_model(), BackupAndRestore(tmp_path))


def test_a_full_disk_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    whole = new_model()
    expected = everything(whole, fit(whole))
    path = broken_off(tmp_path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space leftice")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.np, "savez", full)
        with pytest.raises(OSError, match=r"^BackupAndRestore: expected to write .*npz, received: No space left"):
            fit(new_model(), BackupAndRestore(tmp_path))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    model = new_model()
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path))), expected)


def test_a_kill_while_a_checkpoint_is_written(tmp_path):
    """A process that dies in the middle of a write leaves the former checkpoint, and a rest that is cleared away."""
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, "tests")
        import test_backup_and_restore as t
        from tinycnn.trainers import checkpoints

        savez = checkpoints.np.savez
        calls = []

        def half(stream, **arrays):
            savez(stream, **arrays)
            calls.append(1)
            if len(calls) == 3:
                stream.truncate(stream.tell() // 2)
                stream.flush()
                os.kill(os.getpid(), signal.SIGKILL)

        checkpoints.np.savez = half
        t.fit(t.new_model(), t.BackupAndRestore(Path(sys.argv[1])))
        """
    )
    root = Path(tinycnn.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr
    names = sorted(os.listdir(tmp_path))
    assert len(names) == 3
    assert names[0].startswith(".checkpoint.npz.")
    assert names[1:] == [".checkpoint.npz.lock", "checkpoint.npz"]  # a lock that nobody holds any more
    assert checkpoints.read(tmp_path / "checkpoint.npz")["epoch"] == 2
    whole, model = new_model(), new_model(seed=1)
    expected = everything(whole, fit(whole))
    assert_same_bits(everything(model, fit(model, BackupAndRestore(tmp_path))), expected)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"^BackupAndRestore: expected to write .*, received: (Not a dir|File exi)"):
        fit(new_model(), BackupAndRestore(tmp_path / "file"))


def test_checkpoints_are_flushed_to_the_disk_before_they_take_their_place(tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (order.append(name), real(*args))[1])
    checkpoints.write(tmp_path / "a.npz", {"x": np.arange(3)})
    assert order == ["fsync", "replace", "fsync"]  # the last one is the folder's


def test_a_tree_comes_back(tmp_path):
    tree = {
        "numbers": [1, 2.5, float("inf"), -0.1, 2**127, True, None],
        "text": "ö\n",
        "arrays": [np.arange(6.0).reshape(2, 3), {"deep": np.float32([1, 2])}, np.zeros((0, 3)), np.array(7)],
        "scalar": np.float32(0.1),
        "empty": {},
    }
    checkpoints.write(tmp_path / "a.npz", tree)
    back = checkpoints.read(tmp_path / "a.npz")
    assert back["numbers"] == tree["numbers"]
    assert back["text"] == tree["text"]
    assert back["scalar"] == float(np.float32(0.1))
    assert back["empty"] == {}
    for a, b in ((0, tree["arrays"][0]), (2, tree["arrays"][2]), (3, tree["arrays"][3])):
        assert back["arrays"][a].dtype == b.dtype
        np.testing.assert_array_equal(back["arrays"][a], b)
    assert back["arrays"][1]["deep"].dtype == np.float32
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.testzip() is None
    with pytest.raises(TypeError):
        checkpoints.write(tmp_path / "a.npz", {"x": object()})
    np.testing.assert_array_equal(checkpoints.read(tmp_path / "a.npz")["arrays"][0], tree["arrays"][0])


# Arguments


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"^BackupAndRestore: expected backup_dir to name a folder, received ''\."):
        BackupAndRestore("")
    with pytest.raises(ValueError, match=r"^BackupAndRestore: expected double_checkpoint=False, received True\."):
        BackupAndRestore(tmp_path, double_checkpoint=True)
    for wrong in ("day", 0, True, 2.5):
        with pytest.raises(ValueError, match=r"^BackupAndRestore: expected save_freq to be 'epoch' or a positive numb"):
            BackupAndRestore(tmp_path, save_freq=wrong)


def test_a_model_that_is_not_built(tmp_path):
    model = Sequential([Flatten(), Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    batches = ((X[:4], Y[:4]) for _ in range(8))
    with pytest.raises(RuntimeError, match=r"^BackupAndRestore: expected a model that is built, received one"):
        model.fit(batches, steps_per_epoch=2, callbacks=[BackupAndRestore(tmp_path)], verbose=0)

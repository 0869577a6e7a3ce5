"""Callbacks that act on a training, beside Keras's: same weights, data and order of batches, so the same decisions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from tinycnn import Sequential, callbacks
from tinycnn.layers import Dense, Input
from tinycnn.optimizers import SGD

pytestmark = pytest.mark.keras

N, SIZES, CLASSES = 40, 6, 3


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N, SIZES)).astype("float32")
    y = (x @ rng.normal(size=(SIZES, CLASSES))).argmax(axis=1)
    return x, np.where(rng.random(N) < 0.2, rng.integers(0, CLASSES, N), y)


class Both:
    """The same small training in tinycnn and in Keras."""

    def __init__(self, keras, data, learning_rate=0.5):
        self.keras, self.data = keras, data
        ours = Sequential([Input((SIZES,)), Dense(8, activation="relu"), Dense(CLASSES, activation="softmax")])
        theirs = keras.Sequential(
            [
                keras.Input((SIZES,)),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
        theirs.set_weights(ours.get_weights())
        for model, optimizer in ((ours, SGD(learning_rate)), (theirs, keras.optimizers.SGD(learning_rate))):
            model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        self.models = ours, theirs

    def fit(self, make, epochs=8, validated=True, **options):
        """Both Histories; ``make(callbacks module)`` returns the callbacks. Warnings are noted in ``warned``."""
        x, y = self.data
        self.warned = []
        histories = []
        for model, module in zip(self.models, (callbacks, self.keras.callbacks), strict=True):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                history = model.fit(
                    x[:30],
                    y[:30],
                    batch_size=8,
                    epochs=epochs,
                    shuffle=False,
                    verbose=0,
                    validation_data=(x[30:], y[30:]) if validated else None,
                    callbacks=make(module),
                    **options,
                )
            self.warned.append([str(w.message) for w in caught if issubclass(w.category, UserWarning)])
            histories.append(history.history)
        return histories


@pytest.fixture
def both(keras, data):
    return Both(keras, data)


def assert_equal(ours, theirs, rtol=2e-5):
    assert list(ours) == list(theirs)
    for key in theirs:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=rtol, atol=1e-6, err_msg=key)


# The learning rate


@pytest.mark.parametrize(
    ("schedule", "verbose"),
    [(lambda epoch, lr: lr * 0.7, 1), (lambda epoch: 0.3 / (epoch + 1), 0), (lambda epoch, lr: np.float32(0.25), 0)],
)
def test_learning_rate_scheduler(both, schedule, verbose, capsys):
    ours, theirs = both.fit(lambda module: [module.LearningRateScheduler(schedule, verbose=verbose)])
    assert len(set(ours["learning_rate"])) > 1 or schedule(0, 0.1) == 0.25
    assert list(ours)[-1] == "learning_rate"
    assert_equal(ours, theirs)
    assert float(both.models[1].optimizer.learning_rate) == np.float32(both.models[0].optimizer.learning_rate)
    words = [line for line in capsys.readouterr().out.splitlines() if line]
    assert len(words) == 16 * verbose
    if verbose:
        assert words[0] == "Epoch 1: LearningRateScheduler setting learning rate to 0.35."
        assert [line.rsplit(" ", 1)[0] for line in words[:8]] == [line.rsplit(" ", 1)[0] for line in words[8:]]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.1, "min_lr": 0.05, "cooldown": 1},  # 0.5·0.1 in float64 is a little more than 0.05
        {"monitor": "val_accuracy", "patience": 1},
        {"monitor": "accuracy", "patience": 1, "mode": "min", "min_delta": 0.05},
        *(
            pytest.param(settings, marks=pytest.mark.slow)
            for settings in (
                {"patience": 1},
                {"patience": 0, "factor": 0.5, "min_lr": 0.1},
                {"monitor": "loss", "patience": 1, "mode": "max"},
                {"monitor": "val_loss", "patience": 1, "min_delta": 0.2},
            )
        ),
    ],
    ids=str,
)
def test_reduce_lr_on_plateau(both, settings, capsys):
    made = []
    ours, theirs = both.fit(lambda m: made.append(m.ReduceLROnPlateau(verbose=1, **settings)) or made[-1:], epochs=12)
    assert len(set(ours["learning_rate"])) > 1
    assert_equal(ours, theirs)
    mine, keras = made
    assert (mine.wait, mine.cooldown_counter) == (keras.wait, keras.cooldown_counter)
    words = [line.split(" to ") for line in capsys.readouterr().out.splitlines() if line]
    half = len(words) // 2
    assert half > 0
    assert [line[0] for line in words[:half]] == [line[0] for line in words[half:]]
    for mine, keras in zip(words[:half], words[half:], strict=True):
        assert float(mine[1].rstrip(".")) == pytest.approx(float(keras[1].rstrip(".")), rel=1e-6)


def test_both_that_change_the_rate_and_early_stopping(both):
    def make(module):
        return [
            module.LearningRateScheduler(lambda epoch, lr: 0.5 if epoch == 0 else lr),
            module.ReduceLROnPlateau(patience=1, factor=0.3),
            module.EarlyStopping(patience=3, restore_best_weights=True),
        ]

    ours, theirs = both.fit(make, epochs=30)
    assert 3 < len(ours["loss"]) < 30
    assert_equal(ours, theirs)
    for a, b in zip(both.models[0].get_weights(), both.models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_reduce_lr_on_plateau_without_its_figure(both):
    ours, theirs = both.fit(lambda module: [module.ReduceLROnPlateau()], epochs=2, validated=False)
    assert_equal(ours, theirs)
    assert "learning_rate" in ours
    assert [len(warned) for warned in both.warned] == [2, 2]
    assert both.warned[0][0].startswith("ReduceLROnPlateau: expected 'val_loss' among the figures")


# NaN


def test_terminate_on_nan(both, data, capsys):
    x, _ = data
    before = x[20].copy()
    calls = []

    def make(module):
        class Recorder(module.Callback):
            def on_epoch_end(self, epoch, logs=None):
                calls.append(("epoch", epoch, f"{logs['loss']:.4f}"))

            def on_train_batch_end(self, batch, logs=None):
                calls.append(("batch", batch, math.isfinite(logs["loss"])))

            def on_train_end(self, logs=None):
                calls.append(("end", f"{logs['loss']:.4f}"))

        class Spoil(module.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    weights = self.model.get_weights()
                    self.model.set_weights([np.full_like(w, 1e38) for w in weights])

        return [Spoil(), module.TerminateOnNaN(), Recorder()]

    with np.errstate(all="ignore"):
        ours, theirs = both.fit(make, epochs=4)
    half = len(calls) // 2
    assert calls[:half] == calls[half:]
    assert calls[half - 1] == ("end", "nan")
    assert ours.keys() == theirs.keys()
    assert [len(values) for values in ours.values()] == [2] * 4
    assert math.isnan(ours["loss"][1])
    assert math.isnan(theirs["loss"][1])
    words = [line for line in capsys.readouterr().out.splitlines() if line]
    assert words == ["Batch 0: Invalid loss, terminating training"] * 2
    np.testing.assert_array_equal(x[20], before)


def test_terminate_on_nan_with_an_error(both):
    ended = []

    def make(module):
        class Recorder(module.Callback):
            def on_train_end(self, logs=None):
                ended.append(module)

        return [module.TerminateOnNaN(raise_error=True), Recorder()]

    for model in both.models:
        model.set_weights([np.full_like(w, 1e38) for w in model.get_weights()])
    x, y = both.data
    for model, module in zip(both.models, (callbacks, both.keras.callbacks), strict=True):
        with np.errstate(all="ignore"), pytest.raises(RuntimeError):
            model.fit(x, y, verbose=0, callbacks=make(module))
    assert ended == []


# ModelCheckpoint


NAMES = "{epoch:02d}-{val_loss:.2f}.weights.h5"
CHECKPOINTS = {
    "all": {"filepath": NAMES},
    "best": {"filepath": NAMES, "save_best_only": True},
    "best accuracy": {"filepath": NAMES, "save_best_only": True, "monitor": "val_accuracy"},
    "worst": {"filepath": NAMES, "save_best_only": True, "mode": "max"},
    "below": {"filepath": NAMES, "save_best_only": True, "initial_value_threshold": 0.75},
    "never": {"filepath": NAMES, "save_best_only": True, "initial_value_threshold": 0.0},
    "deep": {"filepath": "a/{epoch}/{accuracy:.3f}.weights.h5", "save_best_only": True, "mode": "min"},
    "batches": {"filepath": "{epoch}-{batch:03d}-{loss:.2f}.weights.h5", "save_freq": 3},
    "across epochs": {"filepath": "{epoch}-{batch:03d}.weights.h5", "save_freq": 7, "monitor": "loss"},
    "last": {"filepath": "last.weights.h5", "save_freq": "epoch"},
}


def test_model_checkpoint_writes_keras_files(both, tmp_path, monkeypatch, capsys):
    def make(module):
        folder = tmp_path / ("ours" if module is callbacks else "keras")
        folder.mkdir()
        monkeypatch.chdir(folder)
        return [
            module.ModelCheckpoint(
                **{**settings, "filepath": f"{name}/{settings['filepath']}"}, save_weights_only=True, verbose=1
            )
            for name, settings in CHECKPOINTS.items()
        ]

    ours, theirs = both.fit(make)
    assert_equal(ours, theirs)
    words = capsys.readouterr().out.splitlines()
    half = len(words) // 2
    assert words[:half] == words[half:]
    written = [
        sorted(str(f.relative_to(tmp_path / who)) for f in (tmp_path / who).rglob("*.h5")) for who in ("ours", "keras")
    ]
    assert written[0] == written[1]
    counts = {name: sum(file.startswith(f"{name}/") for file in written[0]) for name in CHECKPOINTS}
    assert (counts["all"], counts["never"], counts["batches"], counts["across epochs"], counts["last"]) == (
        8,
        0,
        10,
        4,
        1,
    )
    assert 0 < counts["below"] < counts["best"] <= 8
    for name in ("best", "below", "last", "batches"):
        file = max(f for f in written[0] if f.startswith(f"{name}/"))
        for model, who in zip(both.models, ("ours", "keras"), strict=True):
            model.load_weights(str(tmp_path / who / file))
        for a, b in zip(both.models[0].get_weights(), both.models[1].get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_model_checkpoint_without_its_figure(both, tmp_path):
    def make(module):
        name = "ours" if module is callbacks else "keras"
        return [module.ModelCheckpoint(tmp_path / f"{name}.weights.h5", save_weights_only=True, save_best_only=True)]

    both.fit(make, epochs=2, validated=False)
    assert [len(warned) for warned in both.warned] == [2, 2]
    assert both.warned[0][0].startswith("ModelCheckpoint: expected 'val_loss' among the figures")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["keras.weights.h5", "ours.weights.h5"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.hdf5",),
        ("a.txt",),
        ("a.weights.h5", "val_loss", 0, False, True, "auto", "day"),
        ("a.keras", "x", 0, False, True),
    ],
)
def test_what_model_checkpoint_refuses(keras, arguments):
    with pytest.raises(ValueError, match="ModelCheckpoint"):
        callbacks.ModelCheckpoint(*arguments)
    with pytest.raises(ValueError, match=r"save_freq|save_weights_only|must end"):
        keras.callbacks.ModelCheckpoint(*arguments)


# BackupAndRestore


def test_an_interrupted_training_ends_like_keras_interrupted_training(both, tmp_path):
    class CrashError(Exception):
        pass

    def make(crash_in):
        def callbacks_of(module):
            class Breaker(module.Callback):
                def on_epoch_begin(self, epoch, logs=None):
                    if epoch == crash_in:
                        raise CrashError

            name = "ours" if module is callbacks else "keras"
            return [module.BackupAndRestore(tmp_path / name), Breaker()]

        return callbacks_of

    x, y = both.data
    for model, module in zip(both.models, (callbacks, both.keras.callbacks), strict=True):
        with pytest.raises(CrashError):
            model.fit(x[:30], y[:30], batch_size=8, epochs=6, shuffle=False, verbose=0, callbacks=make(4)(module))
    fresh = Both(both.keras, both.data)
    ours, theirs = fresh.fit(make(None), epochs=6, validated=False)
    assert (len(ours["loss"]), len(theirs["loss"])) == (6, 2)  # Keras's History begins anew
    assert_equal({key: values[4:] for key, values in ours.items()}, theirs)
    for a, b in zip(fresh.models[0].get_weights(), fresh.models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert list((tmp_path / "ours").iterdir()) == []  # Keras removes the folder too
    assert not (tmp_path / "keras").exists()

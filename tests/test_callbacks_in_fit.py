"""Callbacks that act on a training, without Keras beside them; see test_callbacks_keras.py for that."""

from __future__ import annotations

import math
import os
import re
import signal
import threading

import numpy as np
import pytest

import tinycnn
from tinycnn import Sequential, callbacks
from tinycnn.callbacks import (
    Callback,
    CallbackList,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from tinycnn.layers import Dense, Input
from tinycnn.optimizers import SGD, Adam
from tinycnn.trainers.interrupt import Interrupt, sigterm_like_ctrl_c

RNG = np.random.default_rng(2)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = RNG.integers(0, 3, 24)


def new_model(optimizer=None):
    model = Sequential([Input((4,)), Dense(3, activation="softmax")])
    model.compile(optimizer or SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"], kernels="reference")
    return model


def fit(model, *given, epochs=4, **options):
    options = {"validation_data": (X[16:], Y[16:]), "shuffle": False} | options
    return model.fit(X[:16], Y[:16], batch_size=8, epochs=epochs, verbose=0, callbacks=list(given), **options).history


# The learning rate


def test_a_learning_rate_that_is_set_counts_from_the_next_step_on():
    model = new_model()
    before = model.get_weights()
    seen = []

    def set_rate(batch, logs):
        model.optimizer.learning_rate = 0.0
        seen.append([w.copy() for w in model.get_weights()])

    fit(model, LambdaCallback(on_train_batch_end=set_rate), epochs=1)
    assert not np.array_equal(seen[0][0], before[0])
    np.testing.assert_array_equal(seen[1][0], seen[0][0])  # the second step of the epoch has a rate of 0


def test_scheduler():
    model = new_model()
    history = fit(model, LearningRateScheduler(lambda epoch, lr: 0.1 if epoch == 0 else lr / 2))
    assert history["learning_rate"] == [0.1, 0.05, 0.025, 0.0125]
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss", "learning_rate"]
    assert model.optimizer.learning_rate == 0.0125
    assert fit(new_model(), LearningRateScheduler(lambda epoch: 1.0 / (1 + epoch)))["learning_rate"][:2] == [1.0, 0.5]


def test_scheduler_tells(capsys):
    fit(new_model(), LearningRateScheduler(lambda epoch: 0.25, verbose=1), epochs=1)
    assert capsys.readouterr().out == "\nEpoch 1: LearningRateScheduler setting learning rate to 0.25.\n"
    # A function that does not tell its arguments is called with both.
    assert fit(new_model(), LearningRateScheduler(max), epochs=1)["learning_rate"] == [0.5]


def test_scheduler_errors():
    with pytest.raises(TypeError, match=r"^LearningRateScheduler: expected a function, received 0\.1\."):
        LearningRateScheduler(0.1)
    text = "LearningRateScheduler: expected a schedule that returns a float, received None for epoch 0. Return"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        fit(new_model(), LearningRateScheduler(lambda epoch, lr: None))

    def broken(epoch, lr):
        raise TypeError("a mistake inside")

    with pytest.raises(TypeError, match="a mistake inside"):
        fit(new_model(), LearningRateScheduler(broken))
    with pytest.raises(ValueError, match="expected learning_rate >= 0"):
        fit(new_model(), LearningRateScheduler(lambda epoch: -1.0))


def plateau(values, **settings):
    """The learning rate after each epoch."""
    model = new_model(SGD(1.0))
    callback = ReduceLROnPlateau(**settings)
    both = CallbackList([callback], model=model)
    both.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        both.on_epoch_end(epoch, {"val_loss": float(value)})
        rates.append(model.optimizer.learning_rate)
    return rates


def test_plateau(capsys):
    assert plateau([3, 2, 2, 2, 2, 1], patience=2, factor=0.5) == [1, 1, 1, 0.5, 0.5, 0.5]
    assert plateau([3, 3, 3, 3, 3], patience=1, factor=0.5, cooldown=2) == [1, 0.5, 0.5, 0.25, 0.25]
    assert plateau([1, 1, 1, 1], patience=1, factor=0.1, min_lr=0.05) == [1, 0.1, 0.05, 0.05]
    assert plateau([1, 2, 3], patience=1, factor=0.1, mode="max") == [1, 1, 1]
    assert plateau([1, 0.95, 0.9], patience=1, min_delta=0.2) == pytest.approx([1, 0.1, 0.01])
    assert capsys.readouterr().out == ""
    plateau([1, 1], patience=1, factor=0.5, verbose=1)
    assert capsys.readouterr().out == "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.5.\n"


def test_plateau_ends_at_min_lr_in_float32():
    model = new_model(SGD(0.1))
    callback = ReduceLROnPlateau(patience=1, factor=0.1, min_lr=0.01)
    both = CallbackList([callback], model=model)
    both.on_train_begin()
    for epoch in range(4):
        both.on_epoch_end(epoch, {"val_loss": 1.0})
    assert callback.wait == 2  # reduced once, not a second time from 0.010000000000000002
    with pytest.raises(ValueError, match=r"^ReduceLROnPlateau: expected a factor below 1, received 1\.0\."):
        ReduceLROnPlateau(factor=1.0)


# NaN


def spoil(epoch, logs):
    if epoch == 1:
        X[0, 0] = 3e38  # the callers put it back


@pytest.fixture
def spoiled():
    before = X[0, 0]
    yield LambdaCallback(on_epoch_begin=spoil)
    X[0, 0] = before


def test_terminate_on_nan_ends_training_like_its_end(spoiled, capsys):
    ended = []
    model = new_model()
    with np.errstate(all="ignore"):
        history = fit(model, spoiled, TerminateOnNaN(), LambdaCallback(on_train_end=ended.append), epochs=9)
    assert 1 < len(history["loss"]) == len(history["val_loss"]) < 9
    assert math.isnan(history["loss"][-1])
    assert math.isfinite(history["val_loss"][-1])  # the step that failed has not touched the weights
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert len(ended) == 1
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"


def test_without_terminate_on_nan_it_is_an_error(spoiled):
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="expected a finite number"):
        fit(new_model(), spoiled)


def test_terminate_on_nan_with_an_error(spoiled):
    text = "TerminateOnNaN: expected a finite loss, received nan in batch 0. Lower the learning rate, or look at"
    with np.errstate(all="ignore"), pytest.raises(RuntimeError, match=f"^{re.escape(text)}"):
        fit(new_model(), spoiled, TerminateOnNaN(raise_error=True))


# ModelCheckpoint


def test_files_of_weights(tmp_path, capsys):
    model = new_model()
    path = tmp_path / "deep" / "{epoch:02d}-{val_loss:.2f}.weights.h5"
    history = fit(model, ModelCheckpoint(path, save_weights_only=True))
    names = [f"{epoch:02d}-{loss:.2f}.weights.h5" for epoch, loss in enumerate(history["val_loss"], 1)]
    assert sorted(os.listdir(tmp_path / "deep")) == names
    other = new_model()
    other.load_weights(tmp_path / "deep" / names[-1])
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert capsys.readouterr().out == ""


def test_whole_models(tmp_path):
    model = new_model()
    fit(model, ModelCheckpoint(f"{tmp_path}/new/{{epoch}}-{{batch}}.keras", save_freq=3))
    assert sorted(os.listdir(tmp_path / "new")) == ["2-1.keras", "3-2.keras"]
    for name, iterations in (("2-1", 3), ("3-2", 6)):
        assert tinycnn.load_model(tmp_path / "new" / f"{name}.keras").optimizer.iterations == iterations
    fit(model, ModelCheckpoint(tmp_path / "last.keras"))
    for a, b in zip(model.get_weights(), tinycnn.load_model(tmp_path / "last.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def checkpoint(values, **settings):
    """The epochs after which the model is saved."""
    saved = []
    model = new_model()
    model.save = saved.append
    both = CallbackList([ModelCheckpoint("{epoch}.keras", save_best_only=True, **settings)], model=model)
    both.on_train_begin()
    for epoch, value in enumerate(values):
        both.on_epoch_begin(epoch)
        both.on_epoch_end(epoch, {"val_loss": float(value)})
    return [int(path.removesuffix(".keras")) for path in saved]


def test_only_the_best(capsys):
    values = [3, 2, 2, 2.5, 1, math.nan]
    assert checkpoint(values) == [1, 2, 5]
    assert checkpoint(values, mode="max") == [1]
    assert checkpoint(values, initial_value_threshold=2.0) == [5]
    assert capsys.readouterr().out == ""
    assert checkpoint([3, 4], verbose=1) == [1]
    assert [line for line in capsys.readouterr().out.splitlines() if line] == [
        "Epoch 1: val_loss improved from None to 3.00000, saving model to 1.keras",
        "Epoch 1: finished saving model to 1.keras",
        "Epoch 2: val_loss did not improve from 3.00000",
    ]


def test_a_missing_figure_is_a_warning(tmp_path):
    text = "expected 'val_loss' among the figures of the epoch, found accuracy, loss"
    path = tmp_path / "all.weights.h5"
    with pytest.warns(UserWarning, match=f"^ModelCheckpoint: {text}. Pass validation_data"):
        fit(new_model(), ModelCheckpoint(path, save_best_only=True, save_weights_only=True), validation_data=None)
    assert path.exists()  # saved all the same, as in Keras
    with pytest.warns(UserWarning, match=f"^ReduceLROnPlateau: {text}, learning_rate. Pass validation_data"):
        history = fit(new_model(), ReduceLROnPlateau(patience=0), validation_data=None)
    assert history["learning_rate"] == [0.5] * 4


def test_best_of_batches_before_the_first_epoch_has_ended(tmp_path):
    model = new_model()
    saved = []
    model.save = saved.append
    fit(model, ModelCheckpoint("{epoch}-{batch}.keras", "loss", save_best_only=True, save_freq=1), epochs=2)
    assert saved[0] == "1-1.keras"
    assert set(saved) <= {"1-1.keras", "1-2.keras", "2-1.keras", "2-2.keras"}


def test_a_failure_while_saving_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    callback = ModelCheckpoint(path, save_weights_only=True)
    fit(new_model(), callback, epochs=1)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        fit(new_model(Adam()), callback, epochs=1)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["best.weights.h5"]


def test_checkpoint_errors(tmp_path):
    ends = {"a.hdf5": r"\.keras or \.h5 with save_weights_only=False", "a.npz": r"\.keras or \.h5 with"}
    weights_only = {"a.keras": r"\.weights\.h5 with save_weights_only=True", "a.h5": r"\.weights\.h5 with save_weights"}
    for name, expected in [*ends.items(), *weights_only.items()]:
        with pytest.raises(ValueError, match=rf"^ModelCheckpoint: expected a filepath that ends in {expected}"):
            ModelCheckpoint(name, save_weights_only=name in weights_only)
    for wrong in ("day", 0, -1, 1.5, True):
        with pytest.raises(
            ValueError, match=r"^ModelCheckpoint: expected save_freq to be 'epoch' or a positive number"
        ):
            ModelCheckpoint("a.keras", save_freq=wrong)
    with pytest.raises(ValueError, match=r"^ModelCheckpoint mode: expected one of auto, max, min, received 'maxi'\."):
        ModelCheckpoint("a.keras", mode="maxi")
    for name in ("{val_loss}.keras", "{}.keras"):
        with pytest.raises(ValueError, match=r"^ModelCheckpoint: expected a filepath with the names of figures, epoch"):
            fit(new_model(), ModelCheckpoint(str(tmp_path / name)), validation_data=None)


@pytest.mark.parametrize("make", [lambda path: ModelCheckpoint(f"{path}.keras"), callbacks.BackupAndRestore])
def test_what_acts_after_epochs_costs_batches_nothing(make, tmp_path):
    class Own(type(make(tmp_path))):
        def on_train_batch_begin(self, batch, logs=None):
            pass

    assert not make(tmp_path).wants_batches
    assert type(make(tmp_path))(f"{tmp_path}.keras", save_freq=2).wants_batches
    assert Own(f"{tmp_path}.keras").wants_batches


def test_a_subclass_with_hooks_of_batches_is_called(tmp_path):
    seen = []

    class Own(ModelCheckpoint):
        def on_batch_end(self, batch, logs=None):
            seen.append(batch)

    model = new_model()
    model.save = lambda path: None
    fit(model, Own("a.keras"), epochs=1)
    assert seen == [0, 1]


# Signals


def test_sigterm_is_like_ctrl_c_where_the_program_asks_for_it():
    model = new_model()

    class Sigterm(Callback):
        def on_train_batch_end(self, batch, logs=None):
            signal.raise_signal(signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with sigterm_like_ctrl_c():
        history = fit(model, Sigterm())
        assert (model.interrupted, model.optimizer.iterations, history) == (True, 1, {})
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_second_signal_of_any_kind_ends_at_once():
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with sigterm_like_ctrl_c(), Interrupt() as interrupt:
            signal.raise_signal(signal.SIGTERM)
            assert (interrupt.requested, interrupt.cause) == (True, "SIGTERM")
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, former)


def test_handlers_of_the_program_stay():
    def own(signum, frame):
        pass

    signal.signal(signal.SIGTERM, own)
    try:
        with sigterm_like_ctrl_c():
            assert signal.getsignal(signal.SIGTERM) is own
            with Interrupt():
                assert signal.getsignal(signal.SIGTERM) is own
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Interrupt():  # without sigterm_like_ctrl_c, SIGTERM is left as it is
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_leave_signals_alone():
    seen = []

    def run():
        with sigterm_like_ctrl_c(), Interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]

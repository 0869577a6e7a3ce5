"""Callbacks: who is called with what, what is printed and written, and Keras's decisions."""

import csv
import gc
import io
import itertools
import math
import os
import re
import select
import struct
import sys

import numpy as np
import pytest

from tinycnn import metrics
from tinycnn.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ProgbarLogger,
)
from tinycnn.metrics import Mean
from tinycnn.trainers.callbacks import callback as base
from tinycnn.trainers.callbacks import progbar_logger

HOOKS = [name for name in vars(Callback) if name.startswith("on_")]
BATCH_HOOKS = [name for name in HOOKS if "batch" in name]


class Model:
    """What callbacks see of a model. Its first metric is the mean of the loss; its one weight is the number of the
    epoch that made it.
    """

    def __init__(self, *metrics):
        self.metrics = (Mean("loss"), *metrics)
        self.stop_training = False
        self.weight = 0

    def get_weights(self):
        return [np.array([self.weight])]

    def set_weights(self, weights):
        self.weight = int(weights[0][0])


def train(callback_list, model, epoch_logs):
    """A training loop that only talks to the callbacks. Returns the number of epochs."""
    callback_list.on_train_begin()
    for epoch, logs in enumerate(epoch_logs):
        callback_list.on_epoch_begin(epoch)
        model.weight = epoch
        callback_list.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callback_list.on_train_end(logs)
    return epoch + 1


class Recorder(Callback):
    """Defines every hook and notes each call."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _recording(hook):
    def method(self, *args, **kwargs):
        self.calls.append((hook, args, kwargs))
        if hook.startswith("on_train_batch"):
            getattr(Callback, hook)(self, *args, **kwargs)

    return method


for _hook in HOOKS:
    setattr(Recorder, _hook, _recording(_hook))


# The list


def test_every_hook_reaches_every_callback_in_order_with_dict_logs():
    first, second = Recorder(), Recorder()
    both = CallbackList([first, [second]], model="model", epochs=3, verbose=0, steps=5)
    assert both.callbacks == [first, second]
    assert first.model == second.model == both.model == "model"
    assert first.params == second.params == {"epochs": 3, "verbose": 0, "steps": 5}
    expected = []
    for hook in HOOKS:
        if hook in ("on_batch_begin", "on_batch_end"):
            continue  # called by on_train_batch_begin and on_train_batch_end
        for logs in (None, {"loss": 1.0}):
            if hook in BATCH_HOOKS:
                getattr(both, hook)(7, logs)
                expected.append((hook, (7,), {"logs": logs or {}}))
                if hook.startswith("on_train"):
                    expected.append((hook.replace("train_", ""), (7,), {"logs": logs or {}}))
            elif hook.startswith("on_epoch"):
                getattr(both, hook)(7, logs)
                expected.append((hook, (7, logs or {}), {}))
            else:
                getattr(both, hook)(logs)
                expected.append((hook, (logs or {},), {}))
    assert first.calls == expected
    assert second.calls == expected


def test_what_one_callback_adds_to_the_logs_the_next_ones_see():
    adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(learning_rate=0.1))
    both = CallbackList([adds], add_history=True, model=Model())
    logs = {"loss": 1.0}
    both.on_epoch_end(0, logs)
    assert both.history.history == {"loss": [1.0], "learning_rate": [0.1]}
    assert logs == {"loss": 1.0}


def test_figures_are_in_alphabetical_order():
    logs = {"loss": 1.0, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.25}
    recorder = Recorder()
    both = CallbackList([recorder], add_history=True, model=Model())
    both.on_epoch_end(0, logs)
    both.on_train_batch_end(0, logs)
    assert list(both.history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert list(recorder.calls[1][2]["logs"]) == ["accuracy", "loss", "val_accuracy", "val_loss"]


def test_default_callbacks_are_added_once_and_last():
    history, progbar = History(), ProgbarLogger()
    added = CallbackList(None, add_history=True, add_progbar=True, verbose=0)
    assert [type(c) for c in added.callbacks] == [History, ProgbarLogger]
    assert added.history is added.callbacks[0]
    given = CallbackList((progbar, history), add_history=True, add_progbar=True, verbose=0)
    assert given.callbacks == [progbar, history]
    assert given.history is history
    assert CallbackList(EarlyStopping()).history is None


@pytest.mark.parametrize("wrong", ["EarlyStopping", [3], [[None, 5]], EarlyStopping])
def test_members_that_are_no_callbacks(wrong):
    with pytest.raises(TypeError, match=r"^callbacks: expected Callback objects, received .*\[EarlyStopping\(patie"):
        CallbackList(wrong)


@pytest.mark.parametrize("hook", BATCH_HOOKS)
def test_batches_are_wanted_where_a_hook_of_theirs_is_defined(hook):
    by_class = type("ByClass", (Callback,), {hook: lambda self, batch, logs=None: None})()
    by_function = LambdaCallback(**{hook: lambda batch, logs: None})
    for callback in (by_class, by_function):
        assert callback.wants_batches
        assert CallbackList([EarlyStopping(), callback]).wants_batches


def test_batches_are_not_wanted_otherwise(tmp_path):
    quiet = [EarlyStopping(), CSVLogger(tmp_path / "log.csv"), LambdaCallback(on_epoch_end=print), History()]
    assert not any(callback.wants_batches for callback in quiet)
    assert not CallbackList(quiet, add_progbar=True, verbose=2, epochs=1, steps=3).wants_batches


# History and LambdaCallback


def test_history():
    history = History()
    model = Model()
    logs = [{"accuracy": 0.5, "loss": 2.0}, {"accuracy": 0.75, "loss": 1.0, "val_loss": 3.0}]
    train(CallbackList([history], model=model, epochs=2, verbose=0, steps=4), model, logs)
    assert history.history == {"accuracy": [0.5, 0.75], "loss": [2.0, 1.0], "val_loss": [3.0]}
    assert history.epoch == [0, 1]
    assert history.params == {"epochs": 2, "verbose": 0, "steps": 4}
    train(CallbackList([history], model=model), model, logs[:1])
    assert history.epoch == [0]
    assert history.history["loss"] == [2.0, 1.0, 2.0]


def test_lambda_callback():
    calls = []
    callback = LambdaCallback(
        on_train_begin=lambda logs: calls.append(("begin", logs)),
        on_epoch_end=lambda epoch, logs: calls.append((epoch, logs)),
        on_train_batch_end=lambda batch, logs: calls.append((batch, logs)),
        on_test_end=None,
    )
    both = CallbackList([callback])
    both.on_train_begin()
    both.on_train_batch_end(3, {"loss": 2.0})
    both.on_epoch_end(1, {"loss": 1.0})
    both.on_test_end({"loss": 0.5})
    assert calls == [("begin", {}), (3, {"loss": 2.0}), (1, {"loss": 1.0})]


def test_lambda_callback_bad_arguments():
    with pytest.raises(ValueError, match=r"^LambdaCallback: .*'on_epoch_ends'\. Did you mean 'on_epoch_end'\?$"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match=r"^LambdaCallback: expected on_epoch_end to be a function, received 3\. Pass"):
        LambdaCallback(on_epoch_end=3)


# EarlyStopping

NAN = math.nan
HISTORIES = {
    "falls": [5, 4, 3, 2, 1, 0],
    "rises": [0, 1, 2, 3, 4, 5],
    "dips": [5, 3, 4, 3, 2.9, 2.5, 3, 4, 5, 6],
    "flat": [1, 1, 1, 1, 1],
    "hardly falls": [1, 0.95, 0.91, 0.86, 0.8, 0.79, 0.78],
    "not a number": [NAN, NAN, 3, 2, NAN, NAN, 1],
    "never a number": [NAN, NAN, NAN, NAN],
    "one": [1],
}
SETTINGS = [
    {"patience": patience, "min_delta": min_delta, "baseline": baseline, "start_from_epoch": start} | more
    for patience, min_delta, baseline, start in itertools.product((0, 1, 3), (0, 0.06, -0.06), (None, 2.7), (0, 2))
    for more in (
        {"mode": "min"},
        {"mode": "max", "restore_best_weights": True},
        {"restore_best_weights": True},
    )
]


def stop(callback, callback_list, values):
    model = Model()
    epochs = train(callback_list([callback], model=model), model, [{"val_loss": float(v)} for v in values])
    return epochs, callback.stopped_epoch, callback.best_epoch, callback.wait, model.weight, callback.best


@pytest.mark.keras
@pytest.mark.parametrize("name", HISTORIES)
def test_decisions_are_keras(name, capsys):
    import keras

    outcomes = set()
    for settings in SETTINGS:
        ours, theirs = (
            EarlyStopping(verbose=1, **settings),
            keras.callbacks.EarlyStopping(verbose=1, **settings),
        )
        expected = stop(theirs, keras.callbacks.CallbackList, HISTORIES[name])
        their_words = capsys.readouterr().out
        outcome = stop(ours, CallbackList, HISTORIES[name])
        assert str(outcome) == str(expected), settings  # as text: NaN differs from itself
        assert capsys.readouterr().out == their_words
        outcomes.add(outcome[:2])
    assert len(outcomes) > 1 or len(HISTORIES[name]) == 1


def weights_and_epochs(values, **settings):
    epochs, _, _, _, weight, _ = stop(EarlyStopping(**settings), CallbackList, values)
    return epochs, weight


def test_patience():
    values = [3, 2, 2.5, 2.4, 1, 1, 1, 1]
    assert weights_and_epochs(values) == (3, 2)
    assert weights_and_epochs(values, patience=2) == (4, 3)
    assert weights_and_epochs(values, patience=3) == (8, 7)
    assert weights_and_epochs([1, 2, 3], patience=0) == (2, 1)


def test_best_weights_return_at_the_end_also_without_a_stop():
    values = [3, 1, 2, 2]
    assert weights_and_epochs(values, patience=2, restore_best_weights=True) == (4, 1)
    assert weights_and_epochs(values, patience=9, restore_best_weights=True) == (4, 1)
    assert weights_and_epochs(values, patience=9) == (4, 3)


def test_what_is_done_is_told(capsys):
    stop(EarlyStopping(verbose=1, restore_best_weights=True), CallbackList, [3, 1, 2, 2])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: early stopping",
        "Restoring model weights from the end of the best epoch: 2.",
    ]
    stop(EarlyStopping(restore_best_weights=True), CallbackList, [3, 1, 2, 2])
    assert capsys.readouterr().out == ""


def test_smallest_change_and_direction():
    values = [1.0, 0.95, 0.92, 0.5]
    assert weights_and_epochs(values, min_delta=0.1, patience=1) == (2, 1)
    assert weights_and_epochs(values, min_delta=-0.1, patience=3) == (4, 3)
    assert weights_and_epochs(values, mode="max", patience=1, restore_best_weights=True) == (2, 0)


def test_baseline_and_start():
    values = [9, 8, 7, 6, 5]
    assert weights_and_epochs(values, baseline=1, patience=2) == (5, 4)
    assert weights_and_epochs([*values, 5, 5], baseline=1, patience=2) == (6, 5)
    assert weights_and_epochs([1, 2, 3, 4, 5], start_from_epoch=3) == (5, 4)
    assert weights_and_epochs([1, 9, 8, 7], start_from_epoch=1, restore_best_weights=True) == (4, 3)


@pytest.mark.parametrize(
    ("metric", "stops_at"), [(metrics.CategoricalAccuracy("acc"), 4), (metrics.get("mse", (1, 1), (1, 1)), 2)]
)
def test_auto_asks_the_models_metrics(metric, stops_at):
    model = Model(metric)
    callback = EarlyStopping(f"val_{metric.name}")
    logs = [{f"val_{metric.name}": value} for value in (0.5, 0.6, 0.7, 0.6)]
    assert train(CallbackList([callback], model=model), model, logs) == stops_at
    assert callback.mode == "auto"


def test_auto_cannot_tell():
    model = Model(Mean("gain"))
    text = "EarlyStopping: expected a figure whose better direction is known, received monitor='val_gain'."
    with pytest.raises(ValueError, match=f"^{re.escape(text)}"):
        train(CallbackList([EarlyStopping("val_gain")], model=model), model, [{"val_gain": 1.0}])
    with pytest.raises(ValueError, match=r"^EarlyStopping mode: expected one of auto, max, min, received 'maxi'\. Did"):
        EarlyStopping(mode="maxi")


def test_a_missing_figure_is_a_warning_and_no_stop():
    model = Model()
    text = "EarlyStopping: expected 'val_loss' among the figures of the epoch, found accuracy, loss. Pass"
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}"):
        epochs = train(CallbackList([EarlyStopping()], model=model), model, [{"accuracy": 1.0, "loss": 2.0}] * 3)
    assert epochs == 3


def test_a_second_training_starts_anew():
    callback = EarlyStopping(restore_best_weights=True)
    first = stop(callback, CallbackList, [1, 2, 3])
    assert stop(callback, CallbackList, [5, 4, 6, 6])[:3] == (3, 2, 1)
    assert first[:3] == (2, 1, 0)


# CSVLogger

EPOCHS = [{"loss": 2.5, "accuracy": 0.5}, {"loss": 1.25, "accuracy": 0.75}]
VALIDATED = [{"loss": 2.5, "accuracy": 0.5, "val_loss": 3.0, "val_accuracy": 0.25}]


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    logger.on_epoch_end(0, VALIDATED[0])
    expected = [["epoch", "accuracy", "loss", "val_accuracy", "val_loss"], ["0", "0.5", "2.5", "0.25", "3.0"]]
    with open(path, newline="") as file:  # written out before the end of training
        assert list(csv.reader(file)) == expected
    logger.on_train_end()
    train(CallbackList([CSVLogger(path, append=True)]), Model(), VALIDATED)
    with open(path, newline="") as file:
        assert list(csv.reader(file)) == [*expected, expected[1]]
    train(CallbackList([CSVLogger(str(path), separator=";")]), Model(), EPOCHS)
    assert path.read_text().splitlines() == [
        "epoch;accuracy;loss;val_accuracy;val_loss",
        "0;0.5;2.5;NA;NA",
        "1;0.75;1.25;NA;NA",
    ]


def test_csv_out_of_order(tmp_path):
    text = "CSVLogger: expected on_train_begin before on_epoch_end, received none. Pass it to fit."
    with pytest.raises(RuntimeError, match=f"^{re.escape(text)}$"):
        CSVLogger(tmp_path / "log.csv").on_epoch_end(0, EPOCHS[0])


def test_csv_leaves_nothing_open(tmp_path, recwarn):
    path = tmp_path / "log.csv"
    path.write_text("of an earlier training\n")
    logger = CSVLogger(path)
    logger.on_train_begin()
    logger.on_epoch_end(0, EPOCHS[0])  # and then an exception: nobody calls on_train_end
    del logger
    gc.collect()
    assert [warning for warning in recwarn if str(path) in str(warning.message)] == []  # others may leave garbage too
    assert path.read_text().splitlines() == ["epoch,accuracy,loss,val_accuracy,val_loss", "0,0.5,2.5,NA,NA"]


def test_csv_that_cannot_be_written_is_an_error_at_the_beginning(tmp_path):
    with pytest.raises(FileNotFoundError):
        CSVLogger(tmp_path / "nowhere" / "log.csv").on_train_begin()


def test_csv_goes_on_where_a_checkpoint_was_made(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    logger.on_train_begin()
    logger.on_epoch_end(0, EPOCHS[0])
    state = logger.get_state()
    logger.on_epoch_end(1, EPOCHS[1])  # the checkpoint of this epoch was never made
    resumed = CSVLogger(path)
    resumed.on_train_begin()
    resumed.set_state(state)
    resumed.on_epoch_end(1, EPOCHS[0])
    lines = ["epoch,accuracy,loss,val_accuracy,val_loss", "0,0.5,2.5,NA,NA", "1,0.5,2.5,NA,NA"]
    assert path.read_text().splitlines() == lines


@pytest.mark.keras
def test_csv_is_keras(tmp_path):
    import keras

    for number, (separator, logs) in enumerate([(",", EPOCHS), (";", VALIDATED), (",", [*EPOCHS, *VALIDATED])]):
        ours, theirs = tmp_path / f"ours{number}", tmp_path / f"theirs{number}"
        for append in (False, True, True):
            train(CallbackList([CSVLogger(ours, separator, append)]), Model(), logs)
            train(
                keras.callbacks.CallbackList([keras.callbacks.CSVLogger(theirs, separator, append)]),
                Model(),
                logs,
            )
        assert ours.read_bytes() == theirs.read_bytes()


# History


def test_a_history_shows_itself_as_a_table():
    history = History()
    assert repr(history) == "History of 0 epochs"
    for epoch in range(3):
        logs = {"accuracy": 0.9 + epoch / 100, "learning_rate": 4e-4, "note": "a"}
        history.on_epoch_end(epoch, logs | ({"val_loss": 0.25} if epoch == 1 else {}))
    assert repr(history).splitlines() == [
        "History of 3 epochs",
        "epoch  accuracy  learning_rate  note",
        "    1    0.9000     4.0000e-04     a",
        "    2    0.9100     4.0000e-04     a",
        "    3    0.9200     4.0000e-04     a",
        "val_loss, not of every epoch: 0.2500",
    ]


def test_a_long_history_shows_its_ends():
    history = History()
    for epoch in range(41):
        history.on_epoch_end(epoch, {"loss": 1.0 + epoch})
    lines = repr(history).splitlines()
    assert [line.split() for line in lines[1:4]] == [["epoch", "loss"], ["1", "1.0000"], ["2", "2.0000"]]
    assert [line.split() for line in lines[21:24]] == [["20", "20.0000"], ["…", "…"], ["22", "22.0000"]]
    assert lines[-1].split() == ["41", "41.0000"]


# ProgbarLogger

LOGS = {"accuracy": 0.98571, "loss": 0.0004512, "val_accuracy": 0.98682, "val_loss": 0.0423}
LINE = (
    r"4/4 - 0s - \d+(us|ms)/step"
    r" - accuracy: 0\.9857 - loss: 4\.5120e-04 - val_accuracy: 0\.9868 - val_loss: 0\.0423"
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(verbose, epochs=2, steps=4, seconds=0.0, monkeypatch=None):
    """What one training prints, in which each step takes so many (fake) seconds."""
    now = itertools.count(0, seconds) if seconds else None
    if now is not None:
        monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: next(now))
    progbar = CallbackList(None, add_progbar=True, model=Model(), verbose=verbose, epochs=epochs, steps=steps)
    progbar.on_train_begin()
    for epoch in range(epochs):
        progbar.on_epoch_begin(epoch)
        for batch in range(4):
            if progbar.wants_batches:
                progbar.on_train_batch_begin(batch)
                progbar.on_train_batch_end(batch, {"accuracy": 0.5, "loss": 2.0})
        progbar.on_test_begin()
        if progbar.wants_batches:
            progbar.on_test_batch_end(0, {"loss": 7.0})
        progbar.on_test_end({"loss": 7.0})
        progbar.on_epoch_end(epoch, LOGS)
    progbar.on_train_end(LOGS)
    return progbar


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_lines_where_output_is_no_terminal(verbose, capsys):
    progbar = show(verbose)
    assert not progbar.wants_batches
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert len(lines) == 4
    for line in lines[1::2]:
        assert re.fullmatch(LINE, line)


def test_silence(capsys):
    progbar = show(0)
    assert not progbar.wants_batches
    assert capsys.readouterr() == ("", "")


def test_one_epoch_needs_no_heading(capsys):
    show(2, epochs=1)
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)


def test_unknown_number_of_steps_is_counted(capsys):
    assert show(2, epochs=1, steps=None).wants_batches
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)


def last_states(text):
    """What a terminal shows in the end, line by line: after a carriage return, text is written over the old."""
    shown = []
    for line in text.split("\n"):
        state = ""
        for part in line.split("\r"):
            state = part + state[len(part) :]
        shown.append(state.strip())
    return shown


def test_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    progbar = show(1, seconds=0.25, monkeypatch=monkeypatch)
    assert progbar.wants_batches
    text = sys.stdout.getvalue()
    # Clock ticks: begin, then one a step. The last step takes the bar away.
    assert "1/4 00:00 250ms/step - loss: 2.0000 - accuracy: 0.5000 |" in text
    assert "3/4" in text
    assert "0/4" not in text  # nothing before the first step, for which kernels may have to be compiled
    assert "loss: 7.0" not in text  # validation is silent
    shown = last_states(text)
    assert [line for line in shown if line][::2] == ["Epoch 1/2", "Epoch 2/2"]
    final = [line for line in shown if line][1::2]
    assert len(final) == 2
    assert all(line.startswith("4/4 - 1s - 312ms/step - accuracy: 0.9857") for line in final)


def test_bar_is_redrawn_ten_times_a_second_at_most(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    now = [0.0]
    monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: now[0])
    progbar = ProgbarLogger()
    progbar.set_params({"verbose": 1, "epochs": 1, "steps": 10_000})
    progbar.on_epoch_begin(0)
    drawn = 0
    for batch in range(9000):  # nine seconds
        now[0] += 1e-3
        before = len(sys.stdout.getvalue())
        progbar.on_train_batch_end(batch, {"loss": 1.0})
        drawn += len(sys.stdout.getvalue()) > before
    assert 80 <= drawn <= 90
    progbar.on_train_end()


def test_bar_is_taken_away_when_training_breaks_off(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    now = itertools.count()
    monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: next(now))
    progbar = CallbackList(None, add_progbar=True, verbose=1, epochs=1, steps=4)
    progbar.on_train_begin()
    progbar.on_epoch_begin(0)
    progbar.on_train_batch_end(0, {"loss": 1.0})
    assert "1/4" in last_states(sys.stdout.getvalue())[-1]
    progbar.on_train_end()
    assert last_states(sys.stdout.getvalue())[-1] == ""


@pytest.mark.parametrize("kind", ["test", "predict"])
@pytest.mark.parametrize("terminal", [False, True])
def test_evaluate_and_predict(kind, terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
    now = itertools.count(0, 2)
    monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: next(now))
    progbar = CallbackList(None, add_progbar=True, verbose=1, steps=2)
    getattr(progbar, f"on_{kind}_begin")()
    for batch in range(2):
        if progbar.wants_batches:
            getattr(progbar, f"on_{kind}_batch_end")(batch, {"loss": 0.5})
    getattr(progbar, f"on_{kind}_end")({"loss": 0.25} if kind == "test" else {})
    text = sys.stdout.getvalue()
    seconds, step = ("6", "3") if terminal else ("2", "1")  # the clock ticks at each step it sees
    line = f"2/2 - {seconds}s - {step}s/step" + (" - loss: 0.2500" if kind == "test" else "")
    assert [line_ for line_ in last_states(text) if line_] == [line]
    assert ("1/2" in text) == terminal
    assert ("loss: 0.5" in text) == (terminal and kind == "test")


def drawn(stream, steps, monkeypatch):
    """What is drawn on a stream after half of the steps, of 10 ms each."""
    now = [0.0]
    monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(sys, "stdout", stream)
    progbar = ProgbarLogger()
    progbar.set_params({"verbose": 1, "epochs": 1, "steps": steps})
    progbar.on_epoch_begin(0)
    now[0] = 7.815
    progbar.on_train_batch_end(781, {"accuracy": 0.98571, "binary_accuracy": 0.98, "loss": 0.0451})
    stream.flush()
    return progbar, str(progbar._bar)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_bar_gives_way_to_the_figures(columns, monkeypatch):
    pty, termios, fcntl = (pytest.importorskip(it) for it in ("pty", "termios", "fcntl"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(theirs, "w", encoding="utf-8") as terminal:
        progbar, text = drawn(terminal, 1563, monkeypatch)
        progbar.on_train_end()
        seen = b""
        while text.encode() not in seen:  # a terminal hands on what is written in its own time
            assert select.select([ours], [], [], 60)[0], seen
            seen += os.read(ours, 10_000)
    os.close(ours)
    figures = " 782/1563 00:07 10ms/step - loss: 0.0451 - accuracy: 0.9857 - binary_accuracy: 0.9800 |"
    assert len(text) == columns - 1
    assert text.startswith(figures[: columns - 1])
    assert text.count("█") == (15 if columns == 120 else 0)


def test_the_bar_in_a_notebook_is_a_line_of_text(monkeypatch):
    stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    assert len(drawn(stream, 1563, monkeypatch)[1]) == 74
    assert not progbar_logger._is_interactive(io.StringIO())
    assert not progbar_logger._is_interactive(None)


def test_no_bar_where_nobody_knows_how_many_steps(monkeypatch):
    _, text = drawn(Terminal(), None, monkeypatch)
    assert text == "782/? 10ms/step - loss: 0.0451 - accuracy: 0.9857 - binary_accuracy: 0.9800"


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12s/step"), (0.0041, "4ms/step"), (5.2e-5, "52us/step")])
def test_time_a_step(seconds, text):
    assert progbar_logger._per_step(seconds) == text


def test_unknown_verbosity():
    with pytest.raises(
        ValueError, match=r"^verbose: expected 'auto', 0, 1 or 2, received 3\. Use 0 to show nothing\.$"
    ):
        CallbackList(None, add_progbar=True, verbose=3)


@pytest.mark.keras
def test_figures_of_the_line_are_keras(capsys):
    import keras

    logs = {"accuracy": 0.98571, "loss": 1.5e-4, "val_accuracy": 0.5, "val_loss": 12.345678}
    outputs = []
    for cls in (CallbackList, keras.callbacks.CallbackList):
        both = cls(None, add_progbar=True, model=Model(), verbose=2, epochs=3, steps=10)
        both.on_train_begin()
        both.on_epoch_begin(0)
        both.on_epoch_end(0, logs)
        outputs.append(capsys.readouterr().out.splitlines())
    ours, theirs = outputs
    assert ours[0] == theirs[0] == "Epoch 1/3"
    ours, theirs = ours[1].split(" - "), theirs[1].split(" - ")
    assert all(re.fullmatch(r"\d+[mu]s/step", line.pop(2)) for line in (ours, theirs))
    assert ours == theirs


@pytest.mark.keras
def test_hooks_are_keras():
    import keras

    theirs = {name for name in dir(keras.callbacks.Callback) if name.startswith("on_")}
    assert set(HOOKS) == theirs == set(base.HOOKS)
    assert set(BATCH_HOOKS) == set(base.BATCH_HOOKS)


def test_the_time_of_a_step_leaves_out_the_compiling(capsys, monkeypatch):
    """It happens once, and says nothing of a step."""
    from tinycnn.trainers.callbacks import progbar_logger

    now, compiled = [0.0], [0.0]
    monkeypatch.setattr(progbar_logger.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(progbar_logger, "seconds_compiling", lambda: compiled[0])
    logger = progbar_logger.ProgbarLogger()
    logger.set_params({"verbose": 2, "epochs": 1, "steps": 2})
    logger.on_epoch_begin(0)
    now[0], compiled[0] = 16.0, 10.0
    logger.on_epoch_end(0, {"loss": 0.25})
    assert capsys.readouterr().out == "2/2 - 6s - 3s/step - loss: 0.2500\n"

"""Output that nobody reads any more: the work goes on."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_backup_and_restore import new_model

import tinycnn
from tinycnn import train
from tinycnn.callbacks import (
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from tinycnn.output import LastingOutput, lasting_output, show
from tinycnn.sequential import Sequential

ROOT = Path(tinycnn.__file__).parents[1]
SETTINGS = ["--data", "digits", "--subset", "12", "--kernels", "reference", "--verbose", "2"]
ARGUMENTS = [*SETTINGS, "--epochs", "2"]
WARNING = (
    "python -m tinycnn.train: warning: nobody reads the output any more ([Errno 32] Broken pipe); the work goes on "
    "without it.\n"
)
RNG = np.random.default_rng(3)
X, Y = RNG.random((16, 6, 6, 1), np.float32), RNG.integers(0, 3, 16)


class Pipe(io.TextIOBase):
    """A stream whose reader goes away after so many calls; a terminal, if wanted."""

    encoding = "utf-8"

    def __init__(self, calls, terminal=False, error=BrokenPipeError):
        self.calls, self.terminal, self.error = calls, terminal, error
        self.text = ""

    def _use(self):
        self.calls -= 1
        if self.calls < 0:
            raise self.error(32, "Broken pipe")

    def write(self, text):
        self._use()
        self.text += text
        return len(text)

    def flush(self):
        self._use()

    def isatty(self):
        return self.terminal


def test_a_stream_that_lasts():
    pipe, errors = Pipe(3), []
    stream = LastingOutput(pipe, errors.append)
    assert (stream.write("one"), stream.write("two")) == (3, 3)
    stream.flush()
    assert (stream.lost, errors) == (False, [])
    assert stream.write("three") == 5
    stream.flush()
    assert (stream.lost, pipe.text, [str(error) for error in errors]) == (True, "onetwo", ["[Errno 32] Broken pipe"])
    assert stream.encoding == "utf-8"


def test_streams_that_were_never_there(capsys):
    for stream in (LastingOutput(None), LastingOutput(io.StringIO())):
        if stream.stream is not None:
            stream.stream.close()
        assert not stream.isatty()
        assert stream.write("text") == 4
        stream.flush()
        assert stream.lost


def test_a_character_that_the_stream_has_not_is_an_error_as_ever():
    stream = LastingOutput(io.TextIOWrapper(io.BytesIO(), "ascii"))
    with pytest.raises(UnicodeEncodeError):
        stream.write("█")
    assert not stream.lost


def test_show_prints(capsys):
    show("one", 2)
    assert capsys.readouterr().out == "one 2\n"


# In a program of one's own


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("calls", [0, 1, 2, 7, 20])
@pytest.mark.parametrize("error", [BrokenPipeError, OSError])
def test_fit_evaluate_predict_and_summary_go_on(calls, terminal, verbose, error, tmp_path, monkeypatch):
    def run(verbose):
        model = new_model()
        callbacks = [
            EarlyStopping("loss", verbose=1, mode="max", patience=2, restore_best_weights=True),
            LearningRateScheduler(lambda epoch, rate: rate, verbose=1),
            ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True, verbose=1),
            ReduceLROnPlateau("loss", mode="max", patience=1, verbose=1),
        ]
        model.summary()
        history = model.fit(X, Y, batch_size=4, epochs=4, verbose=verbose, callbacks=callbacks)
        return history.history, model.evaluate(X, Y, verbose=verbose), model.predict(X, verbose=verbose).tolist()

    monkeypatch.setattr(tinycnn.callbacks.ProgbarLogger, "REDRAW_SECONDS", 0)
    expected = run(0)
    monkeypatch.setattr(sys, "stdout", Pipe(calls, terminal, error))
    assert run(verbose) == expected


def test_the_line_of_terminate_on_nan_and_of_ctrl_c(monkeypatch):
    model = new_model()
    model.layers[0].kernel.value[...] = np.nan
    monkeypatch.setattr(sys, "stdout", Pipe(0))
    with np.errstate(all="ignore"):
        model.fit(X, Y, verbose=2, callbacks=[TerminateOnNaN()])
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    step = Sequential._train_step

    def step_and_press(self, *args, **kwargs):
        outcome = step(self, *args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        return outcome

    try:
        monkeypatch.setattr(Sequential, "_train_step", step_and_press)
        model = new_model()
        model.fit(X, Y, verbose=2)
        assert model.interrupted
    finally:
        signal.signal(signal.SIGINT, former)


# The training command


def start(folder, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, ignored=(), shell="exec"):
    """A process of its own; ``shell`` may redirect or close what it inherits."""
    command = [sys.executable, "-m", "tinycnn.train", *arguments, "--out", str(folder)]

    def prepare():
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    return subprocess.Popen(
        ["sh", "-c", f'exec "$@" {shell}', "sh", *command] if shell != "exec" else command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stdout=stdout,
        stderr=stderr,
        text=True,
        preexec_fn=prepare,
    )


def check_complete(folder):
    assert json.loads((folder / "config.json").read_text())["status"] == "complete"
    assert sorted(os.listdir(folder)) == sorted([*train.common.FILES, train.common.CHECKPOINT])


def test_head(tmp_path):
    """python -m tinycnn.train | head -1"""
    process = start(tmp_path, *ARGUMENTS)
    assert process.stdout.readline().startswith("Plain model on the bundled digits")
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=300), error) == (0, WARNING)
    check_complete(tmp_path)


@pytest.mark.slow
def test_head_of_both_streams(tmp_path):
    """python -m tinycnn.train 2>&1 | head -1"""
    process = start(tmp_path, *ARGUMENTS, stderr=subprocess.STDOUT)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=300) == 0
    check_complete(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("redirection", [">&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(redirection, tmp_path):
    process = start(tmp_path, *ARGUMENTS, shell=redirection)
    out, error = process.communicate(timeout=300)
    assert (process.returncode, out, error) == (0, "", "")
    check_complete(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_the_log(tmp_path):
    process = start(tmp_path, *ARGUMENTS, shell=">/dev/full")
    _, error = process.communicate(timeout=300)
    reason = "[Errno 28] No space left on device"
    assert (process.returncode, error) == (0, WARNING.replace("[Errno 32] Broken pipe", reason))
    check_complete(tmp_path)


def test_help_that_nobody_reads():
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m tinycnn.train --help | true"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_streams_of_the_program_come_back(capsys, monkeypatch):
    before = sys.stdout, sys.stderr
    with lasting_output(str):
        print("seen")
        assert (sys.stdout, sys.stderr) != before
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "seen\n"


def wait_for(process, text):
    for line in process.stdout:
        if line.startswith(text):
            return
    pytest.fail(process.stderr.read())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_the_end_of_the_terminal_is_like_ctrl_c(tmp_path):
    """And it is heard twice, from the shell and from the system."""
    process = start(tmp_path, *SETTINGS, "--epochs", "100000")
    wait_for(process, "Epoch 3/")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=300) == 130
    assert "tinycnn: SIGHUP: training ends after this step.\n" in error
    assert f" of 100000 epochs. Go on with: python -m tinycnn.train --resume {tmp_path}\n" in error
    assert json.loads((tmp_path / "config.json").read_text())["status"] == "interrupted"
    assert (tmp_path / "model.weights.h5").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_under_nohup_training_goes_on(tmp_path):
    process = start(tmp_path, *SETTINGS, "--epochs", "30", ignored=[signal.SIGHUP])
    wait_for(process, "Epoch 2/")
    process.send_signal(signal.SIGHUP)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (0, "")
    check_complete(tmp_path)

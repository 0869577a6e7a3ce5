"""The answer to Ctrl-C: at once, whatever the step is doing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from test_backup_and_restore import fit, new_model

import tinycnn
from tinycnn.sequential import Sequential
from tinycnn.trainers import interrupt as interrupt_module
from tinycnn.trainers.interrupt import Interrupt, hangup_like_ctrl_c

ROOT = Path(tinycnn.__file__).parents[1]
ANSWER = "tinycnn: Ctrl-C: training ends after this step; a second Ctrl-C ends it at once.\n"


@pytest.fixture(autouse=True)
def _default_ctrl_c():
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def test_the_answer_comes_before_the_step_has_ended(monkeypatch, capfd):
    step, seen = Sequential._train_step, []

    def long_step(self, *args, **kwargs):
        signal.raise_signal(signal.SIGINT)
        seen.append(capfd.readouterr().err)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Sequential, "_train_step", long_step)
    model = new_model()
    fit(model)
    assert seen == [ANSWER]
    assert (model.interrupted, model.optimizer.iterations) == (True, 1)


def test_a_second_one_ends_the_step(capfd):
    with Interrupt("the files are written first"):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    text = "tinycnn: Ctrl-C: the files are written first; a second Ctrl-C ends it at once.\n"
    assert capfd.readouterr().err == text


def test_a_second_one_where_python_drops_exceptions(capfd):
    """It comes a moment later: dropped, it would leave the compiler without what it was told there."""

    class Pressing:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        Pressing()
        for _ in range(1000):
            time.sleep(0.01)

    with Interrupt():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            work()
    assert capfd.readouterr().err == ANSWER


def test_a_second_one_that_comes_too_late(monkeypatch, capfd):
    """The step has ended before it could be repeated: then it is not."""

    class Pressing:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    started = []
    monkeypatch.setattr(interrupt_module._thread, "start_new_thread", lambda *call: started.append(call))
    with Interrupt():
        signal.raise_signal(signal.SIGINT)
        Pressing()
    ((function, arguments),) = started
    function(*arguments)
    assert capfd.readouterr().err == ANSWER


def test_an_answer_in_the_middle_of_another_line(capfd, monkeypatch):
    """A signal comes while Python writes to stderr, which is then not to be written to by Python."""

    class Stream(io.StringIO):
        def fileno(self):
            return 2

        def write(self, text):
            raise RuntimeError("reentrant call")

    monkeypatch.setattr(sys, "stderr", Stream())
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
    assert interrupt.requested
    assert capfd.readouterr().err == ANSWER


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), RuntimeError("reentrant call"), ValueError])
def test_a_stderr_that_cannot_be_written_to(error, monkeypatch):
    class Stream(io.StringIO):  # as a notebook's, without a number
        def write(self, text):
            raise error

    for stream in (Stream(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        with Interrupt() as interrupt:
            signal.raise_signal(signal.SIGINT)
        assert interrupt.requested


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP, nor pseudo-terminals")
class TestTerminals:
    @pytest.fixture(autouse=True)
    def _sighup_as_in_a_terminal(self):
        """Also where the tests run under nohup, which has it ignored."""
        former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGHUP, former)

    def test_the_answer_has_a_line_of_its_own_in_a_terminal(self, monkeypatch):
        """Behind the "^C" that the terminal shows, and a progress bar."""
        ours, theirs = os.openpty()
        os.set_blocking(ours, False)
        with open(theirs, "w") as terminal:
            monkeypatch.setattr(sys, "stderr", terminal)
            with Interrupt():
                signal.raise_signal(signal.SIGINT)
            assert os.read(ours, 1000).decode().replace("\r", "") == f"\n{ANSWER}"
        os.close(ours)

    def test_sighup_may_come_twice(self, capfd):
        with hangup_like_ctrl_c(), Interrupt() as interrupt:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
            assert interrupt.cause == "SIGHUP"
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        assert capfd.readouterr().err.startswith("tinycnn: SIGHUP: training ends after this step.\n")

    def test_an_ignored_sighup_stays_ignored(self):
        former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with hangup_like_ctrl_c(), Interrupt() as interrupt:
                signal.raise_signal(signal.SIGHUP)
            assert not interrupt.requested
        finally:
            signal.signal(signal.SIGHUP, former)

    def test_a_system_without_sighup(self, monkeypatch):
        monkeypatch.setattr(interrupt_module, "_HANGUP", None)
        with hangup_like_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.slow
@pytest.mark.jit
def test_ctrl_c_while_kernels_are_compiled(tmp_path):
    """Nothing is lost then, so nothing is waited for."""
    program = textwrap.dedent(
        """
        import signal, sys
        from tinycnn import train
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(train.main(sys.argv[1:]))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--data", "digits", "--subset", "12", "--out", str(tmp_path / "run")],
        env={
            **{name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"},
            "PYTHONPATH": str(ROOT),
            "NUMBA_CACHE_DIR": str(tmp_path / "empty"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr.readline().startswith("tinycnn: compiling the fast kernels for this processor.")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "tinycnn: Ctrl-C: training ends.\n"
    line = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=300) == 130
    assert line.startswith("python -m tinycnn.train: interrupted after 0 of 40 epochs. Go on with: ")

"""What is shown, counted and held back while kernels are compiled; and what is left of it when that breaks off."""

from __future__ import annotations

import gc
import os
import struct
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import tinycnn
from tinycnn.kernels import FAST
from tinycnn.kernels.engine import compiling as compiling_module
from tinycnn.kernels.engine import threads
from tinycnn.kernels.engine.compiling import NOTICE, Compiling
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Flatten
from tinycnn.trainers.callbacks import progbar_logger


@pytest.fixture
def compiling(monkeypatch):
    compiling = Compiling()
    monkeypatch.setattr(compiling_module, "compiling", compiling)
    return compiling


def compilation(module="tinycnn.kernels.fast.dense"):
    def function():
        pass

    function.__module__ = module
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})


def in_another_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def test_no_garbage_is_collected_meanwhile(compiling):
    assert gc.isenabled()
    with compiling.at_work():
        compilation_within = compilation("numba.np.arrayobj")
        compiling.on_start(compilation_within)
        assert not gc.isenabled()
        compiling.on_end(compilation_within)
        assert not gc.isenabled()
        assert compiling.is_at_work
    assert gc.isenabled()
    assert not compiling.is_at_work


def test_broken_off_at_its_begin_it_is_over(compiling, monkeypatch):
    """As by Ctrl-C while the line is being written."""

    def interrupted():
        raise KeyboardInterrupt

    started = compilation()
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "show", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compiling.on_start(started)
        compiling.on_end(started)  # Numba calls it nevertheless
        with pytest.raises(KeyboardInterrupt), compiling.counted(3):
            pytest.fail("it goes on")
    assert gc.isenabled()
    assert not compiling.is_at_work
    with compiling.at_work():
        assert compiling.is_at_work
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_never_began_ends_nothing(compiling):
    """A compilation that was broken off before it was noted, within one that was."""
    with compiling.at_work():
        compiling.on_end(compilation())
        assert compiling.is_at_work
    assert gc.isenabled()


def test_another_threads_work_is_its_own(compiling):
    foreign = compilation("somebody.elses")
    compiling.on_start(foreign)
    assert not compiling.is_at_work
    with compiling.at_work():
        in_another_thread(lambda: compiling.on_end(foreign))
        seen = []
        in_another_thread(lambda: seen.append(compiling.is_at_work))
        assert seen == [False]
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_clock_of_an_epoch_never_runs_backwards(compiling, monkeypatch):
    """Nor does it run while another thread compiles: what began before the epoch may end within it."""
    begun, may_end = threading.Event(), threading.Event()
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def compile_for_a_while():
        with compiling.at_work():
            begun.set()
            may_end.wait(300)

    thread = threading.Thread(target=compile_for_a_while)
    thread.start()
    begun.wait(300)
    now[0] += 3
    start = progbar_logger._clock()
    now[0] += 5
    found = progbar_logger._clock()
    may_end.set()
    assert found == start
    thread.join()
    assert progbar_logger._clock() >= start


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_has_not(compiling):
    begun, may_end = threading.Event(), threading.Event()

    def compile_for_a_while():
        with compiling.at_work(), compiling._changing:
            begun.set()
            may_end.wait(10)

    thread = threading.Thread(target=compile_for_a_while)
    thread.start()
    begun.wait(10)
    child = os.fork()
    if not child:
        compiling.after_fork()
        with compiling.at_work():
            held = not gc.isenabled()
        os._exit(0 if held and gc.isenabled() and compiling.seconds > 0 else 1)
    try:
        deadline = time.monotonic() + 10
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ended[0], "the child waits"
        assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        may_end.set()
        thread.join()


@pytest.mark.parametrize("columns", [0, 20, 40, 60, 80, 120])
def test_the_line_fits_into_the_terminal(compiling, monkeypatch, columns):
    """Else it could not be written over."""
    pty, termios, fcntl = (pytest.importorskip(it) for it in ("pty", "termios", "fcntl"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with compiling.counted(21):
            for _ in range(21):
                compiling.one_more()
        monkeypatch.undo()
        written = ""
        while "\n" not in written:
            written += os.read(ours, 10_000).decode()
    os.close(ours)
    lines = written.rstrip().split("\r\x1b[K")[1:]
    assert len(lines) == 22
    assert lines[-1].endswith("21 of 21 done")
    assert max(map(len, lines)) < (columns or 1000)
    assert (NOTICE in lines[-1]) == (columns == 0 or columns >= 80)


def counted_calls(monkeypatch, what):
    """A model of which something is not tinycnn's own, and a list of the calls of that."""
    calls = []

    def counting(function):
        return lambda *given, **named: (calls.append(what), function(*given, **named))[1]

    model = tinycnn.Sequential([Conv2D(2, 3, input_shape=(6, 6, 1)), BatchNormalization(), Flatten(), Dense(3)])
    kernels = replace(FAST, dense_forward=counting(FAST.dense_forward)) if what == "kernels" else "fast"
    model.compile("adam", "mse", kernels=kernels)
    if what == "layer":
        monkeypatch.setattr(model.layers[1], "forward", counting(model.layers[1].forward))
    if what == "optimizer":
        monkeypatch.setattr(model.optimizer, "apply", counting(model.optimizer.apply))
    return model, calls


@pytest.mark.parametrize("what", ["layer", "optimizer", "kernels"])
def test_a_rehearsal_calls_only_what_is_tinycnns_own(monkeypatch, what):
    """A method that was exchanged on a layer is still that layer's: a copy would write into the original."""
    model, calls = counted_calls(monkeypatch, what)
    x, y = np.ones((4, 6, 6, 1), np.float32), np.ones((4, 3), np.float32)
    weights = [w.copy() for w in model.get_weights()]
    with threads.rehearsing():
        model._rehearse(x, y)
    assert not calls
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.jit
def test_a_rehearsal_copies_nothing_but_the_layers_and_the_optimizer():
    """What a user has put on a model may be large, or unable to be copied."""

    class Uncopied:
        def __deepcopy__(self, memo):
            pytest.fail("copied")

    model, _ = counted_calls(None, "nothing")
    model.notes = Uncopied()
    with threads.rehearsing() as called, np.errstate(all="ignore"):
        model._rehearse(np.ones((4, 6, 6, 1), np.float32), np.ones((4, 3), np.float32))
    assert len(called) > 5


@pytest.mark.jit
def test_rehearsals_within_each_other():
    x = np.ones((4, 6), np.float32)
    with threads.rehearsing() as outer:
        with threads.rehearsing() as inner:
            FAST.activations["relu"].forward(x)
        FAST.softmax_crossentropy(x, np.zeros(4, int))
    assert (len(outer), len(inner)) == (1, 1)
    assert FAST.activations["relu"].forward(-x).sum() == 0

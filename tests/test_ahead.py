"""Who compiles what before a step: with kernels and a second process that only note what they were asked for."""

from __future__ import annotations

import io
import os
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import types

from tinycnn.kernels.engine import ahead, compiling, kept_code, threads

FLOATS, DOUBLES = types.float32[::1], types.float64[::1]


class Kernel:
    """Stands for a `parallel_njit`; as a function of a module, so that another process would find it."""

    __module__ = __name__

    def __init__(self, name, is_there=False):
        self.__qualname__, self.found, self.asked = name, is_there, []

    def is_there(self, types):
        return self.found

    def compile(self, types):
        self.asked.append(types)
        compiled.append(self.__qualname__)


compiled: list[str] = []
first, second, third, fourth, fifth = KERNELS = [
    Kernel(name) for name in ("first", "second", "third", "fourth", "fifth")
]


class Process:
    """Stands for the second process, and answers so many times."""

    def __init__(self, answers):
        self.answers, self.given, self.ended = answers, io.BytesIO(), False
        self.stdin, self.stdout = self.given, self
        self.started: tuple = ()

    def __call__(self, *arguments, **options):
        self.started = arguments, options
        return self

    def readline(self):
        self.answers -= 1
        return b"done\n" if self.answers >= 0 else b""

    def kill(self):
        self.ended = True

    def communicate(self):
        return b"", b""


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    compiled.clear()
    for kernel in KERNELS:
        kernel.asked, kernel.found = [], False
    monkeypatch.setattr(compiling, "_write", lambda text: None)
    monkeypatch.setattr(ahead.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr(ahead.kept_code, "can_be_kept", lambda: True)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setattr(ahead.llvm_functions, "make_there", lambda number: compiled.append(number))


def rehearsal(*kernels, arguments=(FLOATS,)):
    return lambda: threads._rehearsal.called.extend((kernel, arguments) for kernel in kernels)


def test_what_is_there_or_called_twice_is_not_compiled_again():
    second.found = True
    ahead.compile_ahead(rehearsal(first, second, first, third))
    assert compiled == ["first", "third"]
    assert not compiling.compiling.is_at_work


def test_where_nothing_is_missing_nothing_is_said(monkeypatch):
    monkeypatch.setattr(compiling.compiling, "counted", lambda count: pytest.fail("counted"))
    first.found = True
    ahead.compile_ahead(rehearsal(first))
    assert compiled == []


def test_a_rehearsal_that_fails_has_told_what_it_called_before():
    def fails():
        rehearsal(first)()
        np.float32(1) / np.float32(0)  # as with arrays that nobody has filled
        raise RuntimeError("as a layer of a stranger might")

    ahead.compile_ahead(fails)
    assert compiled == ["first"]


def test_the_largest_come_first():
    ahead.compile_ahead(lambda: (rehearsal(first)(), rehearsal(second, arguments=(FLOATS, FLOATS))()))
    assert compiled == ["second", "first"]


@pytest.mark.parametrize("answers", [0, 1, 2, 9])
def test_two_processes_share_the_work(monkeypatch, answers):
    """Where the second one ends, what it had begun is done here after all; what it has done is only loaded."""
    process = Process(answers)
    monkeypatch.setattr(ahead.subprocess, "Popen", process)
    ahead.compile_ahead(rehearsal(*KERNELS, arguments=(FLOATS, FLOATS, DOUBLES)))
    assert compiled[0] == "float32"  # what the kernels call, for the type that most arrays have
    assert sorted(compiled[1:]) == sorted(kernel.__qualname__ for kernel in KERNELS)
    assert process.ended
    process.given.seek(0)
    told = []
    while process.given.tell() < len(process.given.getvalue()):
        told.append(pickle.load(process.given))
    assert len(told) <= answers + 1
    assert all(task == (__name__, task[1], (FLOATS, FLOATS, DOUBLES)) for task in told)


def test_the_second_process_finds_the_same_package_and_folder(monkeypatch, tmp_path):
    process = Process(9)
    monkeypatch.setattr(ahead.subprocess, "Popen", process)
    monkeypatch.setattr(ahead.config, "CACHE_DIR", os.path.relpath(tmp_path), raising=False)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    ahead.compile_ahead(rehearsal(*KERNELS))
    ((command,), options) = process.started
    assert command == ["/usr/bin/python3", "-c", f"from {ahead.__name__} import serve; serve()"]
    assert options["env"]["NUMBA_CACHE_DIR"] == str(tmp_path)
    assert options["env"]["PYTHONPATH"] == os.pathsep.join([str(options["cwd"]), "elsewhere"])
    assert (options["cwd"] / "tinycnn").is_dir()
    assert options["start_new_session"]  # Ctrl-C in a terminal is not for it


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(ahead.os, "sched_getaffinity", lambda process: {0}, raising=False),
        lambda patch: patch.setattr(ahead.kept_code, "can_be_kept", lambda: False),
        lambda patch: patch.setattr(sys, "executable", "/opt/blender"),
        lambda patch: patch.setattr(sys, "executable", ""),
        lambda patch: patch.setattr(ahead, "FEWEST", 6),
    ],
    ids=["one core", "nothing kept", "another program", "no program", "few kernels"],
)
def test_no_second_process_where_it_would_not_help(monkeypatch, change):
    monkeypatch.setattr(ahead.subprocess, "Popen", lambda *a, **o: pytest.fail("started"))
    change(monkeypatch)
    ahead.compile_ahead(rehearsal(*KERNELS))
    assert compiled == [kernel.__qualname__ for kernel in KERNELS]


def test_a_process_that_cannot_be_started(monkeypatch):
    def fails(*arguments, **options):
        raise FileNotFoundError("no such program")

    monkeypatch.setattr(ahead.subprocess, "Popen", fails)
    ahead.compile_ahead(rehearsal(*KERNELS))
    assert compiled == [kernel.__qualname__ for kernel in KERNELS]


def test_interrupted_the_second_process_is_ended(monkeypatch):
    def interrupted(types):
        raise KeyboardInterrupt

    process = Process(0)
    monkeypatch.setattr(ahead.subprocess, "Popen", process)
    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "compile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ahead.compile_ahead(rehearsal(*KERNELS))
    assert process.ended
    assert not compiling.compiling.is_at_work


def test_what_the_second_process_does(monkeypatch):
    answers, redirected = [], []
    told = b"".join(pickle.dumps((__name__, kernel.__qualname__, (FLOATS,))) for kernel in (second, first))
    system = SimpleNamespace(
        dup=lambda stream: 10 + stream,
        dup2=lambda to, stream: redirected.append((to, stream)),
        write=lambda stream, text: answers.append((stream, text)),
    )
    monkeypatch.setattr(ahead, "os", system)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(told)))
    ahead.serve()
    assert compiled == ["second", "first"]
    assert second.asked == [(FLOATS,)]
    assert answers == [(11, b"done\n")] * 2
    assert redirected == [(2, 1)]  # whatever else is printed is no answer


def test_nothing_can_be_kept_where_no_folder_can_be_written(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(kept_code.config, "CACHE_DIR", str(tmp_path), raising=False)
    assert kept_code.can_be_kept()
    assert list(tmp_path.rglob("probe*")) == []
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kept_code.config, "CACHE_DIR", str(tmp_path / "file"), raising=False)
    assert not kept_code.can_be_kept()

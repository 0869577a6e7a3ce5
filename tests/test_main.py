"""python -m tinycnn, and the command tinycnn: what there is to run."""

from __future__ import annotations

import sys

import pytest

import tinycnn
from tinycnn import __main__ as program
from tinycnn import train


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_it_says_what_there_is(arguments, capsys):
    assert program.main(arguments) == 0
    first, _, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"tinycnn {tinycnn.__version__}, ")
    assert [line.split()[:2] for line in lines[: len(program.PROGRAMS)]] == [["tinycnn", it] for it in program.PROGRAMS]
    assert {"train", "lab", "learn", "gradient_check", "parity"} == set(program.PROGRAMS)
    assert max(map(len, lines)) < 100


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")  # where another test has imported it
@pytest.mark.parametrize("name", program.PROGRAMS)
def test_it_runs_them(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tinycnn", name, "--unknown"])
    with pytest.raises(SystemExit) as stop:
        program.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f"python -m tinycnn.{name}: error: unrecognized arguments: --unknown\n")


def test_it_knows_its_version(capsys):
    assert program.main(["--version"]) == 0
    with pytest.raises(SystemExit) as stop:
        train.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tinycnn {tinycnn.__version__}\n" * 2


def test_a_program_that_is_not_there(capsys):
    assert program.main(["trian"]) == 2
    assert capsys.readouterr().err == (
        "tinycnn: error: expected one of train, lab, gradient_check, learn, parity, --help and --version, received "
        "'trian'. See tinycnn --help.\n"
    )

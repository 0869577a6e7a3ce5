"""Beginners' programs, on Keras and, with their import lines changed, on tinycnn: the same figures, shapes, weights.

Each is a file of ``programs/``; ``program_runner.py`` runs them, all in one process for each framework. Where a
program's first line ends in "(random)", it draws other numbers there, and only names and shapes are compared.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program_runner import PROGRAMS, with_tinycnn
from tolerances import PROGRAM


@pytest.fixture(scope="module")
def outcomes(keras, tmp_path_factory) -> dict[str, Any]:
    """What came out of all programs, by framework and program."""
    folder = tmp_path_factory.mktemp("programs")
    runner = Path(__file__).with_name("program_runner.py")
    for framework in ("keras", "tinycnn"):
        done = subprocess.run([sys.executable, runner, framework, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return {name: pickle.loads((folder / f"{name}.pkl").read_bytes()) for name in ("keras", "tinycnn")}


def differences(wanted: Any, got: Any, where: str, values: bool) -> list[str]:
    """Where two outcomes are not the same: keys, lengths, shapes, and, if asked for, values."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        if list(wanted) != list(got):
            return [f"{where}: {list(wanted)}, received {list(got)}"]
        return [line for key in wanted for line in differences(wanted[key], got[key], f"{where}[{key!r}]", values)]
    if isinstance(wanted, list) and isinstance(got, list):
        if len(wanted) != len(got):
            return [f"{where}: {len(wanted)} entries, received {len(got)}"]
        pairs = enumerate(zip(wanted, got, strict=True))
        return [line for k, (a, b) in pairs for line in differences(a, b, f"{where}[{k}]", values)]
    if isinstance(wanted, np.ndarray) and isinstance(got, np.ndarray):
        if wanted.shape != got.shape:
            return [f"{where}: shape {wanted.shape}, received {got.shape}"]
        return [f"{where}: {wanted!r}, received {got!r}"] if values and not _near(wanted, got) else []
    return [] if wanted == got else [f"{where}: {wanted!r}, received {got!r}"]


def _near(wanted: np.ndarray, got: np.ndarray) -> bool:
    if wanted.dtype.kind == got.dtype.kind == "f":
        return np.allclose(got, wanted, rtol=PROGRAM, atol=PROGRAM)
    return np.array_equal(wanted, got)


def test_there_are_many_programs_and_no_two_are_the_same():
    texts = {path.read_text(encoding="utf-8") for path in PROGRAMS}
    assert len(texts) == len(PROGRAMS) >= 40
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    assert f"\n{len(PROGRAMS)} programs in the manner of beginners' notebooks" in readme


@pytest.mark.keras
@pytest.mark.slow
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_does_the_same_on_both(path, outcomes):
    wanted, got = outcomes["keras"][path.stem], outcomes["tinycnn"][path.stem]
    assert wanted["error"] is None, wanted["error"]
    assert got["error"] is None, got["error"]
    assert wanted["histories"] or wanted["weights"]
    values = not path.read_text(encoding="utf-8").partition("\n")[0].endswith('(random)"""')
    parts = ("weights", "histories", "results")
    assert [line for part in parts for line in differences(wanted[part], got[part], part, values)] == []


def test_import_lines_are_all_that_changes():
    program = (
        "import keras\nimport tensorflow as tf\nfrom tensorflow.keras import layers\nfrom keras.layers import Dense\n"
    )
    changed = (
        "from tinycnn import keras\nimport tinycnn.tensorflow as tf\nfrom tinycnn.tensorflow.keras import layers\n"
        "from tinycnn.keras.layers import Dense\n"
    )
    body = "print('import tensorflow as tf', tf.keras, keras)\n"
    assert with_tinycnn(program + body) == changed + body
    for path in PROGRAMS:
        changed = with_tinycnn(path.read_text(encoding="utf-8"))
        assert not [line for line in changed.splitlines() if line.startswith(("import tensorflow", "from tensorflow"))]

"""The notebook's cells (notebook/mnist.py) with nothing changed but import lines, run from the first to the last.

To save time, ``fit`` is given fewer epochs than the cells ask for. Without MNIST, ``load_data`` returns the bundled
digits, and the 10000 images for validation become 200.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import tinycnn
from tinycnn.datasets import digits

NOTEBOOK = Path(__file__).parent / "notebook" / "mnist.py"

# What the notebook prints for the plain model, name, class, shape, parameters
PLAIN = [
    ("conv2d", "Conv2D", "(None, 26, 26, 32)", "320"),
    ("max_pooling2d", "MaxPooling2D", "(None, 13, 13, 32)", "0"),
    ("conv2d_1", "Conv2D", "(None, 11, 11, 64)", "18,496"),
    ("max_pooling2d_1", "MaxPooling2D", "(None, 5, 5, 64)", "0"),
    ("flatten", "Flatten", "(None, 1600)", "0"),
    ("dense", "Dense", "(None, 64)", "102,464"),
    ("dense_1", "Dense", "(None, 10)", "650"),
]


def with_tinycnn(cells: str) -> str:
    """The word tensorflow replaced by tinycnn, in import lines only."""
    cells = re.sub(r"^import tensorflow$", "import tinycnn as tensorflow", cells, flags=re.MULTILINE)
    return re.sub(r"^from tensorflow(?=[. ])", "from tinycnn", cells, flags=re.MULTILINE)


def run_notebook(monkeypatch, epochs: int, validation: int = 10_000) -> dict:
    """Run all cells in one namespace; ``fit`` trains for ``epochs`` epochs where they say 10."""
    fit = tinycnn.Sequential.fit

    def shorter_fit(self, *args, **arguments):
        assert arguments.pop("epochs") == 10
        return fit(self, *args, epochs=epochs, **arguments)

    monkeypatch.setattr(tinycnn.Sequential, "fit", shorter_fit)
    figures = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf().number) or plt.figure())
    plt.close("all")
    namespace: dict = {"__name__": "__main__"}
    cells = with_tinycnn(NOTEBOOK.read_text(encoding="utf-8"))
    assert cells.count("-10000") == 4
    for cell in cells.replace("-10000", f"-{validation}").split("# %%"):
        exec(compile("# %%" + cell, str(NOTEBOOK), "exec"), namespace)
    namespace["figures"] = [plt.figure(number) for number in figures]
    return namespace


def check(namespace: dict, out: str, epochs: int, sizes: tuple[int, int, int], accuracy: float) -> None:
    training, validation, test = sizes
    assert f"{(training + validation, 28, 28)} {(test, 28, 28)} {(training + validation,)} {(test,)} uint8" in out
    assert namespace["X_train"].shape == (training, 28, 28, 1)
    assert namespace["X_val"].shape == (validation, 28, 28, 1)
    assert namespace["X_train"].max() == 1.0

    # The summaries
    tables = re.findall(
        r"Model: \"(\w+)\"\n(.*?)Total params: (.*?)\n.*?Trainable params: (.*?)\n.*?: (.*?)\n", out, re.S
    )
    assert [name for name, *_ in tables] == ["sequential", "sequential_1", "sequential_2"]
    rows = re.findall(r"│ (\S+) \((\w+)\) +│ (\(.*?\)) +│ +([\d,]+) │", tables[0][1])
    assert rows == PLAIN
    assert tables[0][2:] == tables[1][2:] == ("121,930 (476.29 KB)", "121,930 (476.29 KB)", "0 (0.00 B)")
    assert tables[2][2:] == ("122,570 (478.79 KB)", "122,250 (477.54 KB)", "320 (1.25 KB)")
    assert len(re.findall(r"\(Dropout\)", tables[1][1])) == 3
    assert re.findall(r"(batch_normalization\S*)", tables[2][1]) == [
        "batch_normalization",
        "batch_normalization_1",
        "batch_normalization_2",
    ]

    # Training
    for ending in ("", "_dropout", "_bn"):
        history = namespace[f"history{ending}"].history
        assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert all(len(values) == epochs for values in history.values())
        assert history["loss"][-1] < 1.0
        assert history["val_accuracy"][-1] > accuracy
        assert namespace[f"test_accuracy{ending}"] > accuracy
        assert 0 < namespace[f"test_loss{ending}"] < 0.5
        # evaluate tells what one gets by counting
        predicted = namespace[f"model{ending}"].predict(namespace["X_test"], verbose=0).argmax(axis=1)
        assert np.mean(predicted == namespace["y_test"]) == pytest.approx(namespace[f"test_accuracy{ending}"], abs=1e-9)
    steps = -(-training // 32)
    assert (
        len(re.findall(rf"{steps}/{steps}.*?ms/step.*?accuracy: .*?loss: .*?val_accuracy: .*?val_loss: ", out))
        == 3 * epochs
    )
    assert f"{-(-test // 32)}/{-(-test // 32)}" in out
    shown = re.findall(r"^Test accuracy.*?: (\d+\.\d\d)%$", out, re.MULTILINE)
    assert [float(percent) for percent in shown] == [
        round(100 * namespace[f"test_accuracy{ending}"], 2) for ending in ("", "_dropout", "_bn")
    ]

    # The pictures: the digit, and the losses of the three models
    digit, *losses = namespace["figures"]
    assert digit.axes[0].images[0].get_array().shape == (28, 28)
    assert len(losses) == 3
    for figure, ending in zip(losses, ("", "_dropout", "_bn"), strict=True):
        (axes,) = figure.axes
        assert axes.get_title().startswith("Loss")
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
        assert len(axes.get_legend().get_texts()) == 2
        history = namespace[f"history{ending}"].history
        for line, key in zip(axes.lines, ("loss", "val_loss"), strict=True):
            assert line.get_ydata().tolist() == history[key]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_only_import_lines_change():
    before = NOTEBOOK.read_text(encoding="utf-8").splitlines()
    after = with_tinycnn("\n".join(before)).splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [
        ("import tensorflow", "import tinycnn as tensorflow"),
        ("from tensorflow import keras", "from tinycnn import keras"),
        ("from tensorflow.keras import Sequential", "from tinycnn.keras import Sequential"),
        (
            "from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D",
            "from tinycnn.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D",
        ),
    ]
    assert not any("tinycnn" in line for line in before[1:])


@pytest.mark.mnist
@pytest.mark.slow
def test_notebook_on_mnist(monkeypatch, capsys):
    """One epoch of each model on all 50,000 images."""
    if not os.environ.get("TINYCNN_DATA"):
        pytest.skip("TINYCNN_DATA is not set: it names the folder with the real MNIST")
    namespace = run_notebook(monkeypatch, epochs=1)
    check(namespace, capsys.readouterr().out, epochs=1, sizes=(50_000, 10_000, 10_000), accuracy=0.97)


@pytest.mark.slow
def test_notebook_on_the_bundled_digits(monkeypatch, capsys):
    """Each image three times over, two of them shifted: batch normalization's averages need a few hundred steps."""

    def load_data():
        (x, y), test = digits.load_data()
        x, y = np.concatenate([np.roll(x, dx, axis=2) for dx in (-1, 0, 1)]), np.tile(y, 3)  # 4,326 images
        order = np.random.default_rng(1).permutation(len(x))
        return (x[order], y[order]), test

    monkeypatch.setattr(tinycnn.keras.datasets.mnist, "load_data", load_data)
    namespace = run_notebook(monkeypatch, epochs=8, validation=200)
    check(namespace, capsys.readouterr().out, epochs=8, sizes=(4126, 200, 355), accuracy=0.9)

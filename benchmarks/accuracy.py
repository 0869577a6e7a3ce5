"""Test accuracy of the notebook's three models after ten epochs on MNIST, of tinycnn and of Keras."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from benchmarks import _common
from benchmarks._common import Json, say
from benchmarks._models import NOTEBOOK
from benchmarks._worker import find_mnist
from benchmarks.memory import watch

OPTIONS = {"plain": [], "dropout": ["--dropout"], "batch_normalization": ["--bn"]}
TITLES = {"plain": "plain", "dropout": "with dropout", "batch_normalization": "with batch normalization"}


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--epochs", type=_common.above_zero(int), default=10)
    p.add_argument("--seed", type=int, default=42)
    arguments = p.parse_args(argv)
    target = _common.folder(arguments)
    result = _common.header("accuracy", sys.argv[1:] if argv is None else argv)
    subset = ["--subset", "2000"] if arguments.quick else []
    result |= measure(arguments.epochs, arguments.seed, subset)
    _common.write_json(target / "accuracy.json", result)
    plot(result, target / "accuracy.png")
    for name, run in result["runs"].items():
        print(f"{name}: {100 * run['test_accuracy']:.2f} %")
    return 0


def measure(epochs: int, seed: int, subset: Sequence[str]) -> Json:
    """Every run in a process of its own; its history, test figures and seconds of training."""
    runs: Json = {}
    with tempfile.TemporaryDirectory() as temporary:
        data = str(Path(temporary) / "data.npz")
        find_mnist(data)
        options = ["--epochs", str(epochs), "--seed", str(seed), *subset]
        for name in NOTEBOOK:
            out = Path(temporary) / name
            watch(["-m", "tinycnn.train", *OPTIONS[name], "--data", "mnist", *options, "--out", str(out)])
            config = json.loads((out / "config.json").read_text(encoding="utf-8"))
            history = json.loads((out / "history.json").read_text(encoding="utf-8"))
            kept = {key: config[key] for key in ("test_loss", "test_accuracy", "seconds")}
            runs[f"tinycnn {name}"] = {"history": history, **kept}
            versions = config["versions"]
            say(f"tinycnn {name}: {100 * config['test_accuracy']:.2f} %")

            record = Path(temporary) / f"{name}.json"
            watch(["-m", "benchmarks._keras_train", data, "--model", name, *options, "--record", str(record)])
            runs[f"keras {name}"] = json.loads(record.read_text(encoding="utf-8"))
            say(f"keras {name}: {100 * runs[f'keras {name}']['test_accuracy']:.2f} %")
    settings = {"epochs": epochs, "seed": seed, "subset": subset[1] if subset else None}
    versions |= {package: metadata.version(package) for package in ("keras", "tensorflow")}
    return {"settings": settings, "versions": {"all": versions}, "runs": runs}


def plot(result: Json, path: Path) -> None:
    """Training and validation loss of the three models, tinycnn beside Keras."""
    figure, axes = _common.new_figure(11, 3.8, 1, 3, sharey=True)
    for axis, name in zip(axes, NOTEBOOK, strict=True):
        for who, label in (("tinycnn", "tinycnn"), ("keras", "Keras")):
            history = result["runs"][f"{who} {name}"]["history"]
            epochs = range(1, len(history["loss"]) + 1)
            colour = _common.COLOURS[label]
            axis.plot(epochs, history["loss"], "-", color=colour, label=f"{label}, training")
            axis.plot(epochs, history["val_loss"], "--", color=colour, label=f"{label}, validation")
        axis.set_title(TITLES[name], loc="left")
        axis.set_xlabel("epoch")
        axis.set_yscale("log")
        axis.set_xticks(range(2, len(history["loss"]) + 1, 2))
    axes[0].set_ylabel("loss")
    axes[0].legend(frameon=False, fontsize=9)
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())

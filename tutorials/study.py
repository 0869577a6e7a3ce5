"""Train the notebook's models, and one with both additions, with several seeds; Keras, as a control, the notebook's.

``python -m tutorials.study`` writes a file for each run to tutorials/results/study/; interrupt it when you like, the
same command goes on. The recipe is the notebook's: Adam(0.001), batches of 32, 10 epochs, the last 10,000 training
images for validation.

Pairs: runs of one seed start from the same kernels, whatever the model, and meet the same batches in the same order,
whatever the framework. Keras gets tinycnn's initial weights. Only dropout's masks differ between the two.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn import models, optimizers, utils
from tinycnn.datasets import digits, mnist
from tinycnn.sequential import Sequential
from tinycnn.train.data import prepared

from . import runs
from .runs import Batch, Json, installed

if TYPE_CHECKING:
    from tinycnn.train.data import Splits

RESULTS = Path(__file__).with_name("results") / "study"
NOTEBOOK = ("plain", "dropout", "batch_normalization")
MODELS = (*NOTEBOOK, "dropout_and_batch_normalization")
FRAMEWORKS = ("tinycnn", "keras")
PILOT = RESULTS.with_name("pilot")  # seeds 1 to 5, looked at before PLAN.md was written
SEEDS = tuple(range(101, 151))  # as PLAN.md fixes them
CONTROL = 5  # seeds of Keras
TRAIN = f"{__package__}.study:train"  # what makes a run, in a process of its own
BINS = 15
PACKAGES = {"tinycnn": ("tinycnn", "numpy", "numba"), "keras": ("tinycnn", "numpy", "keras", "tensorflow")}


def load(folder: str | os.PathLike[str] = RESULTS) -> dict[tuple[str, str, int], Json]:
    """The study's results by (framework, model, seed).

    Each has: ``history`` (loss, accuracy, val_loss, val_accuracy and seconds by epoch), ``training`` and ``test`` (loss
    and accuracy after the last epoch, in inference mode), ``calibration`` (see `calibration`), ``misread`` (the numbers
    of the test images that were read wrong), ``run``, ``settings``, ``versions``, ``machine``,
    ``code`` (see `runs.code`).

    Raises:
        RunError: files of different settings, versions or code.
        FileNotFoundError: no results.
    """
    results = runs.read(Path(folder))
    if not results:
        raise FileNotFoundError(
            f"study: expected results in {folder}, found none. Make them with python -m tutorials.study."
        )
    return {(r["run"]["framework"], r["run"]["model"], r["run"]["seed"]): r for r in results.values()}


# One run


def load_images(data: str, images: int | None) -> Splits:
    """Training, validation and test images with their labels; of ``images`` training images one sixth validates."""
    training, test = mnist.load_data() if data == "mnist" else digits.load_data()
    return prepared(data, training, test, images)


def start_from(name: str, seed: int) -> Sequential:
    """A new model whose convolutions and dense layers begin with what `plain` begins with for this seed."""
    utils.set_random_seed(seed)
    plain = [layer for layer in models.plain().layers if layer.params]
    utils.set_random_seed(seed)
    model: Sequential = getattr(models, name)()
    same = [layer for layer in model.layers if "kernel" in layer.params]
    for layer, source in zip(same, plain, strict=True):
        layer.set_weights(source.get_weights())
    return model


def in_keras(model: Sequential, seed: int) -> Any:
    """The same model with the same weights in Keras."""
    import keras

    keras.utils.set_random_seed(seed)
    twin = keras.Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    return twin


def train(
    framework: str,
    model: str,
    seed: int,
    data: str,
    images: int | None,
    epochs: int,
    batch_size: int,
    learning_rate: float,
) -> Json:
    """One run: the history by epoch, then what the model makes of the training and the test set."""
    (x, y), validation, (x_test, y_test) = load_images(data, images)
    network: Any = start_from(model, seed)
    adam: Any = optimizers.Adam(learning_rate)
    if framework == "keras":
        import keras

        network, adam = in_keras(network, seed), keras.optimizers.Adam(learning_rate)
    network.compile(optimizer=adam, loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    # A seed makes Keras shuffle alike in every epoch, so the order is made here, for both.
    shuffling = np.random.default_rng(seed)
    history: dict[str, list[float]] = {}
    for _ in range(epochs):
        order = shuffling.permutation(len(x))
        start = time.perf_counter()
        epoch = network.fit(
            x[order], y[order], batch_size, epochs=1, shuffle=False, validation_data=validation, verbose=0
        )
        logs = {key: values[0] for key, values in epoch.history.items()}
        for key, value in (logs | {"seconds": time.perf_counter() - start}).items():
            history.setdefault(key, []).append(float(value))

    results = {
        name: dict(zip(("loss", "accuracy"), map(float, network.evaluate(*part, verbose=0)), strict=True))
        for name, part in (("training", (x, y)), ("test", (x_test, y_test)))
    }
    probabilities = network.predict(x_test, batch_size=256, verbose=0)
    return {
        "versions": installed(PACKAGES[framework]),
        "history": history,
        **results,
        "calibration": calibration(probabilities, y_test),
        "misread": np.flatnonzero(probabilities.argmax(axis=1) != y_test).tolist(),
    }


def calibration(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, list[float]]:
    """For each of 15 equal bins of confidence: how many images, the sum of their confidence, how many correct.

    Confidence is the probability of the class that is predicted. Bin i holds i/15 < confidence <= (i + 1)/15.
    """
    confidence = probabilities.max(axis=1).astype("float64")
    correct = probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return {
        "count": np.bincount(bins, minlength=BINS).tolist(),
        "confidence": np.bincount(bins, confidence, BINS).tolist(),
        "correct": np.bincount(bins[correct], minlength=BINS).tolist(),
    }


def expected_calibration_error(bins: Json) -> float:
    """How far confidence and accuracy lie apart, on average over images.

    Math:    ECE = Σ_bins |correct − Σ confidence| / n
    Source:  C. Guo, G. Pleiss, Y. Sun, K. Weinberger 2017, On calibration of modern neural networks, arXiv:1706.04599
    """
    gaps = np.abs(np.subtract(bins["correct"], bins["confidence"]))
    return float(gaps.sum() / np.sum(bins["count"]))


# The command


def make_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m tutorials.study",
        description=(__doc__ or "").split("\n")[0],
        epilog="Interrupt it when you like: finished runs are kept, and the same command goes on.",
    )
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time on this machine (default: 1)")
    p.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="spread the runs over the workers of this Dask scheduler (pip install 'tinycnn[cluster]'); start the "
        "workers in the repository's folder, and with TINYCNN_DATA where they cannot download MNIST",
    )
    p.add_argument(
        "--threads", type=int, metavar="N", help="of each run (default: cores divided by --jobs; 1 with --scheduler)"
    )
    p.add_argument(
        "--frameworks", nargs="+", choices=FRAMEWORKS, default=FRAMEWORKS, metavar="NAME", help=", ".join(FRAMEWORKS)
    )
    p.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, metavar="NAME", help=", ".join(MODELS))
    p.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=SEEDS,
        metavar="N",
        help=f"(default: {SEEDS[0]} to {SEEDS[-1]}; Keras, the control, takes the first {CONTROL})",
    )
    p.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    p.add_argument("--images", type=int, metavar="N", help="only the first N training images, one sixth validates")
    p.add_argument("--epochs", type=int, default=10, metavar="N")
    p.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="folder (default: %(default)s)")
    p.add_argument("--fresh", action="store_true", help="delete the results in the folder, and make all of them anew")
    return p


def planned(arguments: argparse.Namespace) -> dict[str, Json]:
    """The runs by name: all of one seed, then the next; Keras last, with fewer seeds."""
    return {
        f"{framework}-{model}-{seed}": {"framework": framework, "model": model, "seed": seed}
        for framework in arguments.frameworks
        for seed in (arguments.seeds[:CONTROL] if framework == "keras" else arguments.seeds)
        for model in arguments.models
    }


def describe(record: Json) -> str:
    seconds = sum(record["history"]["seconds"])
    return f"test accuracy {100 * record['test']['accuracy']:.2f} %, loss {record['test']['loss']:.4f}, {seconds:.0f} s"


def main(argv: Sequence[str] | None = None) -> int:
    p = make_parser()
    arguments = p.parse_args(argv)
    for name, least in (("jobs", 1), ("threads", 1), ("images", 6), ("epochs", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            p.error(f"argument --{name}: expected a whole number of at least {least}, received {value}")
    settings = {"data": arguments.data, "images": arguments.images, "epochs": arguments.epochs}
    settings |= {"batch_size": 32, "learning_rate": 0.001}
    batch = Batch(TRAIN, settings, planned(arguments), arguments.results)

    def work() -> None:
        load_images(arguments.data, arguments.images)  # where there is no MNIST, say so before any work starts
        runs.complete(batch, describe, arguments.jobs, arguments.scheduler, arguments.threads, fresh=arguments.fresh)

    return runs.exit_status(p.prog, work)


if __name__ == "__main__":
    sys.exit(main())

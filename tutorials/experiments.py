"""Experiments whose results the tutorials show: too many runs for a notebook.

    python -m tutorials.experiments overfitting [--jobs N]

Each run is kept in a file of its own, tutorials/results/EXPERIMENT/RUN.json; interrupt it when you like, the same
command goes on. Results of other settings or versions are never mixed with those that are there.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinycnn.datasets import mnist

from . import runs, study
from .runs import Batch, Json, installed

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("tinycnn", "numpy", "numba")


@dataclass(frozen=True)
class Experiment:
    """Runs that answer one question.

    Attributes:
        question: what it asks, for ``--help``.
        function: what makes a run, as "package.module:name".
        settings: what all runs have in common.
        runs: the arguments of each, by its name.
        describe: a few words on a result.
    """

    question: str
    function: str
    settings: Json
    runs: dict[str, Json]
    describe: Callable[[Json], str]


def load(name: str, folder: str | os.PathLike[str] | None = None) -> list[Json]:
    """The results of an experiment, one for each run, with ``run``, ``settings``, ``versions`` and ``machine``.

    Raises:
        RunError: files of different settings or versions.
        FileNotFoundError: no results.
    """
    folder = RESULTS / name if folder is None else Path(folder)
    results = list(runs.read(folder).values())
    if not results:
        raise FileNotFoundError(
            f"experiments: expected results in {folder}, found none. "
            f"Make them with python -m tutorials.experiments {name}."
        )
    return results


# Overfitting: fewer and fewer training images, with and without dropout

MODELS = ("plain", "dropout")
IMAGES = (200, 1_000, 5_000)
SEEDS = (1, 2, 3)
# Three epochs of 50,000 images; measured at every doubling.
STEPS = 3 * 1_563
CHECKS = tuple(STEPS // 2**k for k in range(7, -1, -1))


def overfit(model: str, images: int, seed: int, data: str, checks: Sequence[int], batch_size: int) -> Json:
    """Train on a random few of the training images, and measure on the way.

    Equal numbers of steps, not of epochs: ten epochs of 200 images are 70 steps, which would show a network that has
    not learned yet, not one that has learned by heart. So each run makes as many updates as the others, and sees the
    fewer images the more often. Runs of one seed share their images, their batches and, whatever the model, the weights
    they begin with.

    Returns:
        ``history`` with, at each of ``checks`` (numbers of steps): loss and accuracy in training mode, the mean since
        the check before, as `fit` shows them; those of the training images in inference mode; and of the validation
        images.
    """
    (x, y), validation, _ = study.load_images(data, None)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(x))[:images]
    x, y = x[chosen], y[chosen]
    network = study.start_from(model, seed)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = shuffled_batches(x, y, batch_size, rng)
    history: dict[str, list[float]] = {"step": []}
    done = 0
    for step in checks:
        fit = network.fit(batches, steps_per_epoch=step - done, verbose=0).history
        done = step
        history["step"].append(step)
        parts = {"": {key: values[0] for key, values in fit.items()}}
        parts["inference_"] = network.evaluate(x, y, batch_size=500, verbose=0, return_dict=True)
        parts["val_"] = network.evaluate(*validation, batch_size=500, verbose=0, return_dict=True)
        for prefix, results in parts.items():
            for key, value in results.items():
                history.setdefault(prefix + key, []).append(round(value, 6))
    return {"history": history, "versions": installed(PACKAGES)}


def shuffled_batches(
    x: np.ndarray, y: np.ndarray, size: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches without end, in an order that each round through the images draws anew."""
    while True:
        order = rng.permutation(len(x))
        for start in range(0, len(x), size):
            part = order[start : start + size]
            yield x[part], y[part]


def _describe_overfit(record: Json) -> str:
    last = {key: values[-1] for key, values in record["history"].items()}
    return (
        f"loss {last['inference_loss']:.5f}, validation loss {last['val_loss']:.4f}, "
        f"validation accuracy {100 * last['val_accuracy']:.2f} %"
    )


# The progress line: the mean of an epoch, and the mean of its running means


def progress_line(model: str, seed: int, data: str, epochs: int, batch_size: int) -> Json:
    """Train, and average the losses of each epoch's batches in two ways.

    Returns:
        ``history``, by epoch: ``loss``, their mean, as `fit` returns it; ``averaged_twice``, the mean of the means
        since the epoch began, one after each batch, which Keras's progress line once showed.
    """
    (x, y), _, _ = study.load_images(data, None)
    network = study.start_from(model, seed)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    batches = shuffled_batches(x, y, batch_size, np.random.default_rng(seed))
    history: dict[str, list[float]] = {"loss": [], "averaged_twice": []}
    for _ in range(epochs):
        steps = [next(batches) for _ in range(-(-len(x) // batch_size))]
        losses = np.array([network.train_on_batch(*batch) for batch in steps])
        sizes = np.array([len(batch[0]) for batch in steps])
        running = np.cumsum(losses * sizes) / np.cumsum(sizes)
        history["loss"].append(round(float(running[-1]), 6))
        history["averaged_twice"].append(round(float(running.mean()), 6))
    return {"history": history, "versions": installed(PACKAGES)}


EXPERIMENTS = {
    "overfitting": Experiment(
        "What does dropout do where there are few images? (tutorial 4)",
        f"{__package__}.experiments:overfit",
        {"data": "mnist", "checks": list(CHECKS), "batch_size": 32},
        {
            f"{model}-{images}-{seed}": {"model": model, "images": images, "seed": seed}
            for seed in SEEDS
            for images in IMAGES
            for model in MODELS
        },
        _describe_overfit,
    ),
    "progress_line": Experiment(
        "Did the notebook's first losses come from averaging twice? (tutorial 1)",
        f"{__package__}.experiments:progress_line",
        {"data": "mnist", "epochs": 2, "batch_size": 32},
        {
            f"{model}-{seed}": {"model": model, "seed": seed}
            for seed in SEEDS
            for model in (*MODELS, "batch_normalization")
        },
        lambda record: f"losses {record['history']['loss']}, averaged twice {record['history']['averaged_twice']}",
    ),
    "same_data": Experiment(
        "Why does batch normalization fail on the very images it has learned? (tutorial 3)",
        f"{__package__}.normalization:same_data",
        {"epochs": 10, "batch_size": 32},
        {
            **{f"keras-{seed}": {"framework": "keras", "seed": seed, "momentum": 0.99} for seed in SEEDS},
            **{
                f"tinycnn-{momentum}-{seed}": {"framework": "tinycnn", "seed": seed, "momentum": momentum}
                for momentum, seeds in ((0.99, range(1, 6)), (0.9, SEEDS))
                for seed in seeds
            },
        },
        lambda record: (
            f"accuracy in fit {record['fit']['accuracy'][-1]}, in evaluate {record['evaluate']['accuracy'][-1]}"
        ),
    ),
    "learning_rates": Experiment(
        "At which learning rates does the plain network die, and with batch normalization live? (tutorial 3)",
        f"{__package__}.normalization:learning_rates",
        {"rates": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3], "epochs": 2, "batch_size": 32},
        {f"{place}-{seed}": {"place": place, "seed": seed} for seed in SEEDS for place in ("none", "after")},
        lambda record: f"accuracies {record['accuracy']}",
    ),
    "batch_sizes": Experiment(
        "What does batch normalization make of batches of 2 to 512 images? (tutorial 3)",
        f"{__package__}.normalization:batch_sizes",
        {"sizes": [2, 8, 32, 128, 512], "epochs": 3, "learning_rate": 0.001},
        {f"{place}-{seed}": {"place": place, "seed": seed} for seed in SEEDS for place in ("none", "after")},
        lambda record: f"accuracies {record['test_accuracy']}",
    ),
    "placement": Experiment(
        "Batch normalization before or after the relu? (tutorial 3)",
        f"{__package__}.normalization:placement",
        {"data": "mnist", "images": 5_000, "epochs": 4, "batch_size": 32, "learning_rate": 0.001},
        {str(seed): {"seed": seed} for seed in range(1, 5)},
        lambda record: f"before {record['before']['accuracy']}, after {record['after']['accuracy']}",
    ),
    "why_steps": Experiment(
        "How far do a layer's inputs, the loss and its gradient move in a step? (tutorial 8)",
        f"{__package__}.why:steps",
        {"rate": 0.03, "epochs": 4, "batch_size": 32, "every": 8, "probe": 256},
        {
            f"{kind}-{seed}": {"kind": kind, "seed": seed}
            for seed in range(1, 6)
            for kind in ("none", "batch", "noisy", "noisier")
        },
        lambda record: f"losses {record['history']}",
    ),
    "why_rates": Experiment(
        "Which learning rates work without, with batch, layer and group normalization? (tutorial 8)",
        f"{__package__}.why:rates",
        {
            "kinds": ["none", "batch", "layer", "group"],
            "rates": [0.03, 0.1, 0.3, 1.0],
            "epochs": 2,
            "batch_size": 32,
        },
        {str(seed): {"seed": seed} for seed in range(1, 6)},
        lambda record: f"losses of the plain networks {[one['history'] for one in record['trainings']['none']]}",
    ),
    "why_noise": Experiment(
        "Is it the noise of a batch's statistics that helps? (tutorial 8)",
        f"{__package__}.why:noise",
        {"sizes": [60, 12, 3], "images": 360, "rate": 0.03, "epochs": 16, "batch_size": 60},
        {str(seed): {"seed": seed} for seed in range(1, 6)},
        lambda record: f"test losses {[training.get('test_loss') for training in record['trainings']]}",
    ),
    "why_depth": Experiment(
        "What does batch normalization do for 4, 8 and 16 convolutions, two starts, and skips? (tutorial 8)",
        f"{__package__}.why:depths",
        {"kinds": ["none", "batch"], "depths": [4, 8, 16], "rate": 0.03, "epochs": 2, "batch_size": 32},
        {str(seed): {"seed": seed} for seed in range(1, 6)},
        lambda record: f"losses of the plain networks {[one['history'] for one in record['trainings']['none']]}",
    ),
}


# The command line


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="python -m tutorials.experiments",
        description="Make the runs whose results the tutorials show; those that are there are kept.",
        epilog="experiments: " + "; ".join(f"{name}: {e.question}" for name, e in EXPERIMENTS.items()),
    )
    p.add_argument("name", choices=sorted(EXPERIMENTS), help="which experiment")
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time on this machine (default: 1)")
    p.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler whose workers make the runs")
    p.add_argument("--results", type=Path, metavar="FOLDER", help="by default tutorials/results/NAME")
    p.add_argument("--fresh", action="store_true", help="delete the results that are there, and make them anew")
    arguments = p.parse_args(argv)
    if arguments.jobs < 1:
        p.error(f"argument --jobs: expected a whole number of at least 1, received {arguments.jobs}")
    chosen = EXPERIMENTS[arguments.name]
    batch = Batch(chosen.function, chosen.settings, chosen.runs, arguments.results or RESULTS / arguments.name)

    def work() -> None:
        if chosen.settings.get("data") == "mnist":
            mnist.load_data()  # where there is none, say so before any work starts
        runs.complete(batch, chosen.describe, arguments.jobs, arguments.scheduler, fresh=arguments.fresh)

    return runs.exit_status(p.prog, work)


if __name__ == "__main__":
    sys.exit(main())

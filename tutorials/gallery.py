"""Train with every mistake of `tutorials.mistakes`, beside the right network: does it learn all the same, and how far?

    python -m tutorials.gallery             # what is missing in tutorials/results/gallery, a file for each mistake
    python -m tutorials.gallery --quick     # a try-out, into runs/gallery
    python -m tutorials.gallery --recheck   # train nothing; ask the gradient checker of today again

Interrupt it when you like, the same command goes on. The network is the notebook's with dropout and batch
normalization, made small and with half the dropout; the data are the bundled digits; the kernels are the
reference ones, but for the mistake. Trainings of a seed start from the same weights and meet the same batches.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn import kernels, utils
from tinycnn.gradient_check import check_model
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.sequential import Sequential
from tinycnn.trainers.trainer import LossNotFiniteError

from . import runs
from .claims import t_interval
from .mistakes import ALL, Mistake
from .normalization import load_digits
from .runs import Batch, Json, RunError, installed

RESULTS = Path(__file__).with_name("results") / "gallery"
QUICK = runs.ROOT / "runs" / "gallery"
TRAIN = f"{__package__}.gallery:train"  # what makes a file, in a process of its own
PACKAGES = ("tinycnn", "numpy")
# 45 whole batches: the statistics of a last batch of two images would shake every training.
SETTINGS: Json = {"seeds": [1, 2, 3, 4, 5], "images": 1440, "epochs": 10, "batch_size": 32}
QUICK_SETTINGS: Json = {"seeds": [1, 2], "images": 320, "epochs": 2, "batch_size": 32}
CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
STAGES = ("start", "forward", "gradients", "update", "inference")
GUESSING = math.log(10)  # the loss of one who gives each of ten digits the same probability


# The network


def network(mistake: Mistake, seed: int) -> Sequential:
    """The gallery's network with a mistake in it, compiled; networks of a seed begin with the same weights."""
    utils.set_random_seed(seed)
    model = Sequential([Input((28, 28, 1))])

    def add(layer: type, *arguments: Any, **options: Any) -> None:
        if layer in (Conv2D, Dense):
            options["kernel_initializer"] = mistake.kernel_initializer
        model.add(mistake.layers.get(layer, layer)(*arguments, **options))

    for number, filters in enumerate((8, 16), start=1):
        add(Conv2D, filters, 3, activation="relu", name=f"conv2d_{number}")
        add(BatchNormalization, momentum=0.9, name=f"normalization_{number}")
        add(MaxPooling2D, name=f"pooling_{number}")
        add(Dropout, 0.125, name=f"dropout_{number}")
    add(Flatten, name="flatten")
    add(Dense, 32, activation="relu", name="dense_3")
    add(BatchNormalization, momentum=0.9, name="normalization_3")
    add(Dropout, 0.25, name="dropout_3")
    add(Dense, 10, activation="softmax", name="dense_4")
    model.compile(
        mistake.optimizer(),
        mistake.loss(),
        metrics=["accuracy"],
        kernels=replace(kernels.REFERENCE, **mistake.kernels),
    )
    return model


# One file


def train(mistake: str, seeds: Sequence[int], images: int | None, epochs: int, batch_size: int) -> Json:
    """Train with a mistake, once for each seed.

    Returns:
        ``history``, for each of `CURVES` a list of epochs for each seed, None where there was no finite number any
        more; ``accuracy`` and ``alone``, for each seed: of the test images after the last epoch, all together and
        one by one; ``direction``, for each seed, at the ``start`` and the ``end``, see `cosine`; ``checker``, see
        `checked`; ``differs``, see `first_difference`.
    """
    chosen = ALL[mistake]
    (x, y), (x_test, y_test) = load_digits()
    x, y = x[:images], y[:images]
    history: dict[str, list[list[float | None]]] = {curve: [] for curve in CURVES}
    accuracy, alone = [], []
    direction: dict[str, list[float | None]] = {"start": [], "end": []}
    for seed in seeds:
        model = network(chosen, seed)
        with np.errstate(all="ignore"):  # some mistakes do end so; the history has it
            curves = _fit(model, (x, y), (x_test, y_test), seed, epochs, batch_size)
            accuracy.append(_accuracy(model.forward(x_test), y_test))
            alone.append(_accuracy(np.concatenate([model.forward(image[None]) for image in x_test]), y_test))
            direction["start"].append(cosine(chosen, seed, network(chosen, seed).get_weights(), (x[:320], y[:320])))
            direction["end"].append(cosine(chosen, seed, model.get_weights(), (x[:320], y[:320])))
        for name in CURVES:
            history[name].append(curves[name])
    return {
        "versions": installed(PACKAGES),
        "history": history,
        "accuracy": accuracy,
        "alone": alone,
        "direction": direction,
        "checker": checked(chosen),
        "differs": first_difference(chosen, (x[:batch_size], y[:batch_size])),
    }


def _fit(model: Sequential, training: Any, test: Any, seed: int, epochs: int, batch_size: int) -> dict[str, Any]:
    """The curves by epoch; a network whose loss is no number any more stays as it is."""
    x, y = training
    shuffling = np.random.default_rng(seed)
    curves: dict[str, list[float | None]] = {name: [] for name in CURVES}
    for _ in range(epochs):
        order = shuffling.permutation(len(x))
        try:
            epoch = model.fit(x[order], y[order], batch_size, shuffle=False, validation_data=test, verbose=0).history
        except LossNotFiniteError:
            break
        for name in CURVES:
            value = float(epoch[name][0])
            curves[name].append(float(f"{value:.4g}") if math.isfinite(value) else None)
    return {name: values + [None] * (epochs - len(values)) for name, values in curves.items()}


def _accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return round(float(np.mean(probabilities.argmax(axis=1) == labels)), 5)


def cosine(
    mistake: Mistake, seed: int, weights: list[np.ndarray], batch: tuple[np.ndarray, np.ndarray]
) -> float | None:
    """Of the angle between the gradient that the mistake makes of a batch and the right one, at the same weights.

    1: the same direction. Above 0: downhill all the same, for a step that is short enough. None: one of them is zero,
    or not finite.
    """
    vectors = []
    for chosen in (mistake, ALL[mistake.beside]):
        model = network(chosen, seed)
        model.set_weights(weights)
        with np.errstate(all="ignore"):
            gradients = _gradients(model, *batch)
        vectors.append(np.concatenate([gradient.ravel() for gradient in gradients]).astype(float))
    with np.errstate(all="ignore"):
        value = float(vectors[0] @ vectors[1] / (np.linalg.norm(vectors[0]) * np.linalg.norm(vectors[1])))
    return round(value, 4) if math.isfinite(value) else None


def _gradients(model: Sequential, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Those of a step of training, which moves the weights."""
    try:
        model.train_on_batch(x, y)
    except LossNotFiniteError:
        return [np.full(parameter.shape, np.nan) for parameter in model.parameters]
    return [parameter.grad.copy() for parameter in model.parameters]


def checked(mistake: Mistake) -> Json:
    """What `check_model` says of the network before it has learned anything: ``passed``, and of each wrong array.

    Returns:
        ``passed``; ``wrong``, a list of an array's name, its relative error (None where it is not finite), and the
        mistake that is named.
    """
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):  # a channel that is dead has no deviation
        result = check_model(network(mistake, seed=0), rng.random((3, 28, 28, 1)), rng.integers(0, 10, 3))
    wrong = [row for row in result.rows if not row.passed]
    return {
        "passed": result.passed,
        "wrong": [
            [row.name, float(f"{row.error:.2g}") if math.isfinite(row.error) else None, row.mistake] for row in wrong
        ],
    }


def first_difference(mistake: Mistake, batch: tuple[np.ndarray, np.ndarray]) -> str | None:
    """The first of `STAGES` in which two steps of training differ from those of the right network; None for none.

    That is the other way to find a mistake: lay a program beside one that is right, with the same weights, batch and
    masks, and compare, stage by stage.
    """
    own, right = (_stages(network(chosen, seed=1), *batch) for chosen in (mistake, ALL[mistake.beside]))
    for stage in STAGES:
        for one, other in zip(own[stage], right[stage], strict=True):
            if not np.allclose(one, other, rtol=1e-4, atol=1e-6):
                return stage
    return None


def _stages(model: Sequential, x: np.ndarray, y: np.ndarray) -> dict[str, list[np.ndarray]]:
    """What a network is and does at each of `STAGES`, as lists of arrays."""
    start = [weights.copy() for weights in model.get_weights()]
    forward = [model.forward(x, training=True)]
    for layer in model.layers:
        layer.forget()
    with np.errstate(all="ignore"):
        gradients = _gradients(model, x, y)
        model.train_on_batch(x, y)
        update = [parameter.value.copy() for parameter in model.parameters]
    return {
        "start": start,
        "forward": forward,
        "gradients": gradients,
        "update": update,
        "inference": [model.forward(x)],
    }


# All files


def load(folder: str | os.PathLike[str] = RESULTS, names: Sequence[str] = tuple(ALL)) -> dict[str, Json]:
    """The results by the names of the mistakes, those of the right networks first; see `train` for what they hold.

    Raises:
        RunError: files of different settings or versions, a file that is damaged, one that is missing.
    """
    results = runs.read(Path(folder))
    missing = [name for name in names if file_name(name) not in results]
    if missing:
        raise RunError(
            f"gallery: expected {len(names)} results in {folder}, found {len(names) - len(missing)}, without "
            f"{missing[0]!r}. Make them with python -m tutorials.gallery."
        )
    for name in names:
        _check_whole(Path(folder) / f"{file_name(name)}.json", results[file_name(name)])
    return {name: results[file_name(name)] for name in names}


def file_name(name: str) -> str:
    return name.replace(", ", "_").lower()


def _check_whole(path: Path, record: Json) -> None:
    """Curves and accuracies of all seeds and epochs, and what the checker said."""
    try:
        seeds, epochs = len(record["settings"]["seeds"]), record["settings"]["epochs"]
        tables = [np.array(record["history"][curve], float) for curve in CURVES]
        rows = [np.array(record[name], float) for name in ("accuracy", "alone")]
        whole = (
            all(table.shape == (seeds, epochs) for table in tables)
            and all(row.shape == (seeds,) and ((row >= 0) & (row <= 1)).all() for row in rows)
            and all(np.shape(record["direction"][when]) == (seeds,) for when in ("start", "end"))
            and record["differs"] in (*STAGES, None)
            and record["checker"]["passed"] is not bool(record["checker"]["wrong"])
            and all(len(entry) == 3 for entry in record["checker"]["wrong"])
        )
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise RunError(
            f"{path}: expected curves and accuracies of each seed, and what the checker says, received a file that "
            "lacks some. Delete it, and make it anew with python -m tutorials.gallery."
        )


def recheck(folder: Path) -> None:
    """Put into every file what `checked` says now."""
    for name, record in load(folder).items():
        record["checker"] = checked(ALL[name])
        runs.write(folder / f"{file_name(name)}.json", record)
        runs.say(f"{name}: {says(record)}")


# What the files say


def difference(record: Json, right: Json) -> np.ndarray:
    """Test accuracy less that of the right network, seed by seed, in percentage points."""
    return 100 * np.subtract(record["accuracy"], right["accuracy"])


def interval(values: np.ndarray) -> tuple[float, float]:
    """Of 95 % for the mean; of values that are all the same, that one."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    return t_interval(list(values))


def curve(record: Json, name: str) -> np.ndarray:
    """One of `CURVES`, (seeds, epochs), NaN where there was no finite number."""
    return np.array(record["history"][name], float)


def shown_by_loss(record: Json, right: Json) -> str:
    """Would the two losses that `fit` prints have shown the mistake?

    Returns:
        "alone": to one who sees nothing else: in each run one of them ends above half of what guessing gives, ln 10,
        or as no number. "beside": to one who has the right runs, too: in each run one of them ends outside of what
        those of all seeds end at. "no".
    """
    ends = {name: (curve(record, name)[:, -1], curve(right, name)[:, -1]) for name in ("loss", "val_loss")}
    if np.any([~(own <= GUESSING / 2) for own, _ in ends.values()], axis=0).all():
        return "alone"
    outside = [(own < other.min()) | (own > other.max()) for own, other in ends.values()]
    return "beside" if np.any(outside, axis=0).all() else "no"


def says(record: Json) -> str:
    """The checker's own words on the array that is to blame; "passed" where all is right."""
    for name, _, mistake in record["checker"]["wrong"]:
        if not mistake.startswith("follows from "):
            return f"{name}: {mistake}"
    for _, _, mistake in record["checker"]["wrong"]:
        return str(mistake.removeprefix("follows from "))
    return "passed"


def describe(record: Json) -> str:
    return f"accuracy {100 * np.mean(record['accuracy']):.1f} %, {says(record)}"


# The command


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="python -m tutorials.gallery",
        description=(__doc__ or "").split("\n")[0],
        epilog="Interrupt it when you like: finished files are kept, and the same command goes on.",
    )
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="mistakes at a time, a core for each (default: 1)")
    p.add_argument("--results", type=Path, metavar="DIR", help="by default tutorials/results/gallery")
    p.add_argument("--quick", action="store_true", help="two seeds, few images, into runs/gallery: a try-out")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--fresh", action="store_true", help="delete the results that are there, and make them anew")
    what.add_argument("--recheck", action="store_true", help="renew what the checker says, and nothing else")
    arguments = p.parse_args(argv)
    if arguments.jobs < 1:
        p.error(f"argument --jobs: expected a whole number of at least 1, received {arguments.jobs}")
    folder = arguments.results or (QUICK if arguments.quick else RESULTS)
    plan = {file_name(name): {"mistake": name} for name in ALL}
    batch = Batch(TRAIN, QUICK_SETTINGS if arguments.quick else SETTINGS, plan, folder)

    def work() -> None:
        if arguments.recheck:
            recheck(folder)
            return
        runs.complete(batch, describe, arguments.jobs, threads=1, fresh=arguments.fresh)
        load(folder)  # complains where a file is damaged

    return runs.exit_status(p.prog, work)


if __name__ == "__main__":
    sys.exit(main())

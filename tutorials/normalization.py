"""Networks of the tutorial on batch normalization, and the runs behind its figures (see `tutorials.experiments`)."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn import models, optimizers, utils
from tinycnn.callbacks import TerminateOnNaN
from tinycnn.datasets import digits, mnist
from tinycnn.inspection import dead_relu_share
from tinycnn.layers import Activation, BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D
from tinycnn.normalization import recalibrate_batch_normalization
from tinycnn.sequential import Sequential

from . import study
from .runs import Json, installed

Split = tuple[np.ndarray, np.ndarray]

PACKAGES = ("tinycnn", "numpy", "numba")
PLACES = ("none", "before", "after")


def network(place: str = "after", momentum: float = 0.99, seed: int | None = None) -> Sequential:
    """The notebook's network with batch normalization before its relus, after them (as the notebook has it), or none.

    Networks of one seed begin with the same kernels, wherever the normalization stands.

    Raises:
        ValueError: a place that is none of the three.
    """
    if place not in PLACES:
        raise ValueError(f"network: expected a place of {', '.join(PLACES)}, received {place!r}. Choose one of them.")
    if seed is not None:
        utils.set_random_seed(seed)  # the order of the images, too, is the seed's
    model = Sequential([Input((28, 28, 1))])

    def add(number: int, layer: Any, units: Any) -> None:
        activation = "linear" if place == "before" else "relu"
        model.add(layer(*units, activation=activation, name=f"{layer.__name__.lower()}_{number}"))
        if place != "none":
            model.add(BatchNormalization(momentum=momentum, name=f"normalization_{number}"))
        if place == "before":
            model.add(Activation("relu", name=f"relu_{number}"))
        if layer is Conv2D:
            model.add(MaxPooling2D(name=f"pooling_{number}"))

    add(1, Conv2D, (32, 3))
    add(2, Conv2D, (64, 3))
    model.add(Flatten(name="flatten"))
    add(3, Dense, (64,))
    model.add(Dense(10, activation="softmax", name="dense_4"))
    if seed is not None:
        utils.set_random_seed(seed)
        sources = [layer for layer in models.plain().layers if layer.params]
        kernels = [layer for layer in model.layers if "kernel" in layer.params]
        for layer, source in zip(kernels, sources, strict=True):
            layer.set_weights(source.get_weights())
    return model


def load_digits() -> tuple[Split, Split]:
    """All bundled digits as the networks take them: ((x, y) to train with, (x, y) to test with)."""
    (x, y), (x_test, y_test) = digits.load_data()
    return (_scaled(x), y), (_scaled(x_test), y_test)


def _scaled(images: np.ndarray) -> np.ndarray:
    return images.reshape(-1, 28, 28, 1).astype("float32") / 255


def compiled(model: Sequential, learning_rate: float = 0.001) -> Sequential:
    """The same model, to be trained as the notebook does: Adam, cross-entropy, accuracy."""
    model.compile(
        optimizer=optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


# Runs


def without_start(model: Any, steps: int) -> None:
    """Take the starting values out of a model's moving statistics, exactly, after so many steps of training.

    Math:  moving = momentum^steps · start + (1 − momentum^steps) · a weighted mean of the batches' statistics, which is
           what stays; the means start at 0, the variances at 1.
    """
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            rest = layer.momentum**steps
            layer.moving_mean[...] = layer.moving_mean / (1 - rest)
            layer.moving_variance[...] = (layer.moving_variance - rest) / (1 - rest)


def same_data(framework: str, seed: int, momentum: float, epochs: int, batch_size: int) -> Json:
    """Train the notebook's network, and after each epoch measure it on the very images it was trained with.

    Returns:
        ``fit``: loss and accuracy that training shows, by epoch; ``evaluate``: those of the same images in inference;
        in tinycnn also ``without_start`` and ``exact``, the same with the start taken out of the moving statistics, and
        with statistics of all the images (``first_variance``: the first layer's, the median of its channels); ``test``:
        those of the test images after the last epoch.
    """
    (x, y), test = load_digits()
    model: Any = network("after", momentum, seed)
    if framework == "keras":
        import keras

        model = study.in_keras(model, seed)
        model.compile(
            optimizer=keras.optimizers.Adam(0.001), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
        )
    else:
        compiled(model)
    shuffling = np.random.default_rng(seed)  # one order for both frameworks
    found: Json = {}

    def keep(name: str, figures: dict[str, float]) -> None:
        for key, value in figures.items():
            found.setdefault(name, {}).setdefault(key, []).append(value)

    for epoch in range(1, epochs + 1):
        order = shuffling.permutation(len(x))
        history = model.fit(x[order], y[order], batch_size, epochs=1, shuffle=False, verbose=0).history
        keep("fit", {name: round(float(history[name][0]), 5) for name in ("loss", "accuracy")})
        keep("evaluate", _figures(model, x, y))
        if framework == "tinycnn":
            weights = model.get_weights()
            without_start(model, epoch * -(-len(x) // batch_size))
            keep("without_start", _figures(model, x, y))
            recalibrate_batch_normalization(model, x)
            keep("exact", _figures(model, x, y))
            first = model.get_layer("normalization_1").moving_variance
            keep("exact", {"first_variance": round(float(np.median(first)), 7)})
            model.set_weights(weights)
    found["test"] = _figures(model, *test)
    return {"versions": installed(study.PACKAGES[framework]), **found}


def learning_rates(place: str, seed: int, rates: Sequence[float], epochs: int, batch_size: int) -> Json:
    """Train once with each learning rate; see `_trained` for what is kept, in lists in the order of ``rates``."""
    results = [_trained(place, seed, rate, epochs, batch_size) for rate in rates]
    return {"versions": installed(PACKAGES), **_lists(results)}


def batch_sizes(place: str, seed: int, sizes: Sequence[int], epochs: int, learning_rate: float) -> Json:
    """Train once with each batch size; see `_trained` for what is kept, in lists in the order of ``sizes``."""
    results = [_trained(place, seed, learning_rate, epochs, size) for size in sizes]
    return {"versions": installed(PACKAGES), **_lists(results)}


def placement(seed: int, data: str, images: int, epochs: int, batch_size: int, learning_rate: float) -> Json:
    """Train with batch normalization before and after the relu, from the same kernels, on the same images.

    Returns:
        For "before" and "after": loss and accuracy of the test images, in inference with exact statistics.
    """
    (x, y), (x_test, y_test) = mnist.load_data() if data == "mnist" else digits.load_data()
    chosen = np.random.default_rng(seed).permutation(len(x))[:images]
    x, y, x_test = _scaled(x[chosen]), y[chosen], _scaled(x_test)
    found: Json = {"versions": installed(PACKAGES)}
    for place in ("before", "after"):
        model = compiled(network(place, seed=seed), learning_rate)
        model.fit(x, y, batch_size, epochs, verbose=0)
        recalibrate_batch_normalization(model, x)
        found[place] = _figures(model, x_test, y_test)
    return found


def _trained(place: str, seed: int, learning_rate: float, epochs: int, batch_size: int) -> dict[str, float | None]:
    """A training on the bundled digits, and what came of it. Numbers that are not finite become None.

    Returns:
        ``loss`` and ``accuracy`` of the training images and ``test_loss`` and ``test_accuracy``, in inference with
        exact statistics; ``moving_accuracy``, the training images' with the moving averages; and ``dead``, the largest
        share of dead units in a layer with relu.
    """
    (x, y), (x_test, y_test) = load_digits()
    model = compiled(network(place, seed=seed), learning_rate)
    with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        model.fit(x, y, batch_size, epochs, verbose=0, callbacks=[TerminateOnNaN()])
        if not all(np.isfinite(weights).all() for weights in model.get_weights()):
            names = ("loss", "accuracy", "test_loss", "test_accuracy", "moving_accuracy", "dead")
            return dict.fromkeys(names)
        moving = round(float(model.evaluate(x, y, verbose=0)[1]), 5)
        if place != "none":
            recalibrate_batch_normalization(model, x)
        figures = _figures(model, x, y) | {f"test_{k}": v for k, v in _figures(model, x_test, y_test).items()}
        dead = max(dead_relu_share(model, x).values())
    return {
        k: v if math.isfinite(v) else None for k, v in (figures | {"moving_accuracy": moving, "dead": dead}).items()
    }


def _figures(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    loss, accuracy = model.evaluate(x, y, verbose=0)
    return {"loss": round(float(loss), 5), "accuracy": round(float(accuracy), 5)}


def _lists(results: Sequence[dict[str, float | None]]) -> dict[str, list[float | None]]:
    return {name: [result[name] for result in results] for name in results[0]}

"""Right or wrong? Measured slopes beside those that backward returns, row by row."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn import losses
from tinycnn.insight.copies import copy_layer
from tinycnn.insight.gradient_check.measure import (
    ENOUGH,
    TOLERANCE,
    Function,
    Probe,
    WrongReturn,
    as_batch,
    choose,
    largest,
    layer_function,
    model_function,
    model_twin,
    random_upstream,
    same,
    shake,
)
from tinycnn.insight.gradient_check.mistakes import AT_KINKS, NONE, UNKNOWN, Evidence, likely_mistake
from tinycnn.layers import Activation, Layer, LeakyReLU, MaxPooling2D
from tinycnn.layers.merging import Merge
from tinycnn.model import Model
from tinycnn.trainers.batches import length

Array = np.ndarray


@dataclass(frozen=True)
class Row:
    """The verdict on one array.

    ``error`` is the largest relative error. ``checked`` is the number of entries, ``directions`` that of directions
    on no kink; ``kinks`` that of entries on one: compared with the branch, or left out where there is none.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    directions: int
    kinks: int
    error: float
    tolerance: float
    verdict: str  # "ok", "WRONG" or "KINKS"
    mistake: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict == "ok"


@dataclass(frozen=True)
class GradientCheck:
    """The result of a check: ``passed``, one `Row` an array in ``rows``, and a table by ``print``."""

    title: str
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    def __getitem__(self, name: str) -> Row:
        """The row of an array, by name."""
        return {row.name: row for row in self.rows}[name]

    def __str__(self) -> str:
        table = [("array", "shape", "checked", "kinks", "error", "tolerance", "verdict")]
        for row in self.rows:
            checked = f"{row.checked} + {row.directions}" if row.directions else f"{row.checked}"
            figures = (str(row.kinks), f"{row.error:.1e}", f"{row.tolerance:.0e}", row.verdict)
            table.append((row.name, str(row.shape), checked, *figures))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        header, *lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        text = [self.title, "  " + header]
        for row, line in zip(self.rows, lines, strict=True):
            text.append("  " + line)
            if row.mistake:
                said = row.mistake.replace("\n", "\n      ")
                text.append(f"    likely mistake: {said}" if row.verdict == "WRONG" else f"    {said}")
        failed = sum(not row.passed for row in self.rows)
        text.append(f"  FAILED: {failed} of {len(self.rows)} arrays" if failed else "  passed")
        return "\n".join(text)


def check_layer(
    layer: Layer,
    x: Any,
    *,
    seed: int = 0,
    entries: int = 100,
    directions: int = 2,
    tolerance: float = TOLERANCE,
    jitter: float = 0.1,
) -> GradientCheck:
    """Compare a layer's ``backward`` with differences of its ``forward(x, training=True)``: input and parameters.

    Regularizers do not count here: their gradients are added by the model, see `check_model`.

    Args:
        layer: built or not, of either dtype and with any kernels; stays as it is.
        x: a batch, or its shape, batch axis included, for random numbers: ``(3, 28, 28, 1)``; None there means 3. Of a
            layer that takes several inputs a list of them.
        seed: of the upstream gradient, the random input, the choice of entries and directions.
        entries, directions: how much to measure of each array, see the top of this file.
        tolerance: the largest relative error that passes.
        jitter: random numbers of this size, relative to each array's own, are added to the copy's weights;
            0 checks them as they are.

    Raises:
        TypeError: not a layer.
        ValueError: an x that is not finite, or that the layer cannot take.
    """
    if not isinstance(layer, Layer):
        raise TypeError(
            f"check_layer: expected a layer, received {layer!r}. Pass an object such as Dense(4), or use "
            "check_model for models and check_loss for losses."
        )
    rng = np.random.default_rng(seed)
    several = isinstance(layer, Merge)
    x = [as_batch("check_layer", one, rng) for one in x] if several else as_batch("check_layer", x, rng)
    twin = copy_layer(layer, "float64")
    if not twin.built:
        twin.build([one.shape for one in x] if several else x.shape, rng)
    shake(twin, rng, jitter)
    function = layer_function(twin, x, rng)
    rows = list(_compare(function, rng, entries, directions, tolerance))
    if not several and not any(np.isinf(row.error) for row in rows):
        rows += _compare_at_ties(twin, x.shape, rng, entries)
    return GradientCheck(f"{layer.name}: {type(layer).__name__}, {layer.kernels.name} kernels", tuple(rows))


def check_loss(
    loss: Any,
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    seed: int = 0,
    entries: int = 100,
    directions: int = 2,
    tolerance: float = TOLERANCE,
) -> GradientCheck:
    """Compare a loss's ``backward`` with differences of its ``forward``, with respect to the predictions.

    A loss is one number, so there is no upstream gradient. Arguments as in `check_layer`; ``loss`` may be a name.

    Raises:
        ValueError: labels that do not suit the predictions, or predictions that are not finite.
    """
    loss = losses.get(loss)
    rng = np.random.default_rng(seed)
    y_pred = as_batch("check_loss", np.asarray(y_pred), rng)
    loss.validate(y_true, y_pred.shape)
    function = Function(
        arrays={"y_pred": y_pred},
        output=lambda: np.asarray(loss.forward(y_true, y_pred, sample_weight)),
        gradients=lambda: {"y_pred": (loss.backward(y_true, y_pred, sample_weight), None)},
        x=y_pred,
    )
    logits = " from logits" if loss.from_logits else ""
    return GradientCheck(f"{loss.name}{logits}", tuple(_compare(function, rng, entries, directions, tolerance)))


def check_model(
    model: Model,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    seed: int = 0,
    entries: int = 20,
    directions: int = 2,
    tolerance: float = TOLERANCE,
    jitter: float = 0.1,
) -> GradientCheck:
    """Compare the gradients of a training step with differences of the loss: input and all trainable parameters.

    The parameters' gradients are those that ``fit`` hands to the optimizer, penalties of regularizers included; that
    of the input comes from ``model.backward``. Where an array is wrong, each layer and the loss are checked alone, to
    name the one to look at. Arguments as in `check_layer`; 2 or 3 images are enough, and quick.

    Raises:
        TypeError: not a model.
        RuntimeError: a model that is not built, or not compiled with a loss.
        ValueError: data that does not fit the model or the loss.
    """
    if not isinstance(model, Model):
        raise TypeError(
            f"check_model: expected a Sequential or a Model, received {model!r}. "
            "Use check_layer for layers and check_loss for losses."
        )
    model._require_built("check_model")
    model._require_compiled("check_model")
    x, y, sample_weight = model._check_data("check_model", x, y, sample_weight)
    rng = np.random.default_rng(seed)
    twin = model_twin(model)
    for layer in twin.layers:
        shake(layer, rng, jitter)
    copies = [np.array(one, np.float64, order="C") for one in (x if isinstance(x, tuple) else (x,))]
    function = model_function(twin, copies if len(copies) > 1 else copies[0], y, sample_weight, rng)
    rows = list(_compare(function, rng, entries, directions, tolerance))
    for layer in (layer for layer in twin.layers if not isinstance(layer, Merge)):
        for row in _compare_at_ties(layer, (2, *layer.input_shape[1:]), rng, entries):
            rows.append(dataclasses.replace(row, name=f"{layer.name}/{row.name}"))
    if not all(row.passed for row in rows):
        rows = _localise(rows, twin, function, y, sample_weight, seed)
    names = sorted({layer.kernels.name for layer in model.layers})
    return GradientCheck(f"{model.name}: {length(x)} samples, {', '.join(names)} kernels", tuple(rows))


def _compare(
    function: Function, rng: np.random.Generator, entries: int, directions: int, tolerance: float
) -> Iterator[Row]:
    """One row for each array."""
    try:
        gradients = function.gradients()
    except WrongReturn as wrong:
        for name, array in function.arrays.items():
            yield Row(name, array.shape, 0, 0, 0, np.inf, tolerance, "WRONG", str(wrong))
        return
    probe = Probe(function, tolerance)
    for name, (gradient, before) in gradients.items():
        array = function.arrays[name]
        if np.shape(gradient) != array.shape:
            mistake = NONE if gradient is None else f"it has shape {np.shape(gradient)}, not that of the array"
            yield Row(name, array.shape, 0, 0, 0, np.inf, tolerance, "WRONG", mistake)
            continue
        gradient = np.asarray(gradient, np.float64)
        flat = gradient.ravel()
        index = choose(array, entries, rng)
        found = [probe.judge(name, slice(i, i + 1), np.ones(1), flat, 0.0) for i in index]
        kinks = sum(f.kink for f in found)
        length = float(np.linalg.norm(flat))
        along = []
        for _ in range(directions if array.size > 1 else 0):
            v = rng.standard_normal(array.size)
            along.append(probe.judge(name, slice(None), v, flat, length))
        judged = [f for f in (*found, *along) if not f.left_out]
        error = float(np.max([f.error for f in judged], initial=0.0))  # NaN where one is NaN, unlike max()
        known = [i for i, f in enumerate(found) if not f.left_out]
        verdict, mistake = "ok", ""
        if not error <= tolerance:
            verdict = "WRONG"
            measured = np.array([found[i].slope for i in known])
            evidence = Evidence(function, name, gradient, before, index[known], measured)
            only_at_kinks = all(f.kink for f in judged if not f.error <= tolerance)
            mistake = AT_KINKS if only_at_kinks else _mistake(evidence)
        elif len(known) < ENOUGH * len(index):
            verdict, mistake = "KINKS", "not checked: nearly all entries lie on kinks; try another x"
        checked, checked_along = len(index) - kinks, sum(not f.kink for f in along)
        yield Row(name, array.shape, checked, checked_along, kinks, error, tolerance, verdict, mistake)


def _mistake(evidence: Evidence) -> str:
    """What went wrong; where that is not known, perhaps in the activation, which is then checked alone."""
    mistake, layer = likely_mistake(evidence), evidence.layer
    activation = getattr(layer, "activation", "linear")
    if mistake.startswith(UNKNOWN) and activation != "linear" and not isinstance(layer, Activation):
        alone = Activation(activation, name=activation)
        alone.kernels = layer.kernels
        row = check_layer(alone, np.shape(evidence.function.upstream))["input"]
        if not row.passed:
            return f"in the derivative of its activation {activation}: {row.mistake}"
    return mistake


# Conventions at kinks


def _compare_at_ties(layer: Any, shape: tuple[int, ...], rng: np.random.Generator, entries: int) -> list[Row]:
    """For relu and max pooling: is the slope at a kink that of the lower neighbour? See the top of this file."""
    pooling = isinstance(layer, MaxPooling2D)
    relu = isinstance(layer, LeakyReLU) or (
        isinstance(layer, Activation) and layer.activation in ("relu", "leaky_relu")
    )
    if not pooling and not relu:
        return []
    x = rng.integers(-1, 2, shape).astype(np.float64)
    sizes = shape[1:]
    ramp = np.arange(1, np.prod(sizes) + 1).reshape(sizes) / (2 * np.prod(sizes))  # up to 1/2, in row-major order
    dy = random_upstream(layer.forward(x).shape, rng)

    def gradient(at: Array) -> Array:
        layer.forward(at, training=True)
        return layer.backward(dy.copy())

    def raised(i: int) -> Array:
        at = x.copy()
        at.reshape(-1)[i] += 0.25  # alone the largest among its equals
        return gradient(at)

    given, expected = gradient(x).ravel(), gradient(x - ramp).ravel()
    # Both come from the same backward, without differences: they are equal but for the order of sums.
    scale = max(largest(given), largest(expected))
    error = largest(given - expected) / scale if scale else 0.0
    tolerance, mistake = 1e-12, ""
    if not error <= tolerance:
        index = np.flatnonzero(given != expected)[:entries]
        from_above = same(given, gradient(x + ramp).ravel())
        if relu:
            taken = "at 0 the slope of the right side is taken" if from_above else "the slope at 0 is another one"
            mistake = f"{taken}; in tinycnn and Keras it is that of the left side, relu'(0) = 0"
        else:
            if from_above:
                taken = "the last of equal maxima takes the gradient"
            elif same(given[index], np.array([raised(i).ravel()[i] for i in index])):
                taken = "each of several equal maxima takes the whole gradient"
            else:
                taken = "equal maxima are treated another way"
            mistake = f"{taken}; in tinycnn and Keras the first one takes all"
    verdict = "WRONG" if mistake else "ok"
    return [Row("input at ties", shape, x.size, 0, 0, error, tolerance, verdict, mistake)]


def _localise(rows: list[Row], model: Any, function: Function, y: Array, sample_weight: Any, seed: int) -> list[Row]:
    """Check each layer alone, at the inputs it sees in the model, and the loss: who is to blame for wrong rows?"""
    mistakes: dict[str, str] = {}
    outputs = {}
    for layer, inputs, output in model.walk(function.x, training=True, activate=False):
        outputs[layer] = output
        for row in check_layer(layer, inputs, seed=seed, jitter=0).rows:
            if row.verdict == "WRONG":
                mistakes[f"{layer.name}/{row.name}"] = row.mistake
    labels = model._by_output("check_model", y, as_tuple=True)
    for loss, layer, from_logits, y_true in zip(model._losses, model._ends[1], model._from_logits, labels, strict=True):
        loss = loss.with_logits() if from_logits else loss
        row = check_loss(loss, y_true, outputs[layer], None if len(labels) > 1 else sample_weight, seed=seed)["y_pred"]
        if row.verdict == "WRONG":
            mistakes[loss.name] = row.mistake

    def blame(row: Row) -> str:
        if row.verdict != "WRONG" or row.name.endswith("at ties"):
            return row.mistake
        if row.name in mistakes:
            return mistakes[row.name]
        if mistakes:  # the last one, that is, the first on the way back, spoils all before it
            culprit, mistake = list(mistakes.items())[-1]
            return f"follows from {culprit}: {mistake}"
        return row.mistake

    return [dataclasses.replace(row, mistake=blame(row)) for row in rows]

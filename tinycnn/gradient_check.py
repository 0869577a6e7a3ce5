"""Is a hand-written backward pass right? Ask the forward pass, which needs no calculus: wiggle a number and look.

    python -m tinycnn.gradient_check              # the notebook's three models, fast and reference kernels
    print(check_layer(Dense(4, activation="relu"), (3, 5)))
    print(check_loss(MeanSquaredError(), y_true, y_pred))
    print(check_model(model, x, y))               # after compile(...)

Math. A scalar L depends on a number θ. Taylor's series on both sides of θ, one taken from the other:

    (L(θ+h) − L(θ−h)) / 2h = L'(θ) + h²/6·L'''(θ) + …            the central difference

The error falls with h², that of the one-sided (L(θ+h) − L(θ))/h only with h. But h must not be too small: L carries
a rounding error of about ε·|L|, ε = 2.2e-16 in float64, which the division blows up to ε·|L|/h. The sum of both errors
is smallest near h = ε^(1/3)·(size of θ), about 6e-6, and is then about ε^(2/3), 4e-11. In float32 it would be 2e-5, not
better than many a mistake: hence float64.
Source: Press et al. 2007, "Numerical Recipes", 3rd edition, section 5.7, eq. 5.7.7 and 5.7.8.

A layer's output y is an array, so L = Σ dy·y with an upstream gradient dy that is *random*. With dy = 1 everywhere,
L would be the sum of the outputs, and that is a constant for a softmax (1 a row) and for batch normalization (m·β a
channel): the true gradient is zero, and a backward that always returns zero passes. Random weights see every output.

Arrays of more than ``entries`` numbers are sampled: that many entries, half of them from one channel, each wiggled
alone; and ``directions`` times all numbers at once, along a random v, where the slope must be Σ gradient·v. An error
in any entry shows there, if it is not small beside the whole gradient.

Relative error = |a − n| / max(|a|, |n|, floor), a from backward, n measured (for directions the length of the
gradient is a further floor: a·v may be small by chance). Below ``floor`` only rounding noise is measured, so that an
error of the noise's size counts as one tolerance. The tolerance is 1e-6: right gradients show 1e-7 or less, rarely
more (a small batch makes batch normalization strongly curved), a mistake in a formula 1e-3 or more.
Source for the measure: Li & Karpathy, "CS231n: gradient checks", Stanford,
https://cs231n.github.io/neural-networks-3/#gradcheck, which calls 1e-7 or less right and more than 1e-2 wrong.

Kinks. relu at 0 and equal maxima in a pooling window have no derivative: the slopes to the left and to the right
differ. Where they differ, the step is made 10, 100 and 1000 times smaller. A kink *near* the point is left behind so;
if the two slopes stay apart, it is a kink *at* the point. Real images are full of them: in a blank area all pixels of a
window are equal, and one number that moves meets dozens of kinks at once, each weighed by a dy of either sign. Then no
difference of L tells what backward must return, not even a bound. But one thing does: backward follows the choices that
forward made. A relu passed its number on or not, a max pooling took one pixel of each window. With these choices held
fast, L is another function, its *branch*: the same value here, and no kink. Its slope is the one that is due:

    y = max(z, 0) = z·[z > 0]            branch:  y = z·[z₀ > 0]                the brackets of the point itself, z₀
    y = max of a window = x[argmax x]    branch:  y = x[argmax x₀], of equal maxima the first

Entries on kinks are compared with the branch and counted in the column "kinks". Layers with kinks of their own and L1
penalties have no branch here; where their slopes stay apart the entry is left out. (An array of which fewer than a
tenth of the entries could be compared has not been checked, and does not pass.) Which choice is made at a kink is a
convention, and tinycnn keeps Keras's: relu'(0) = 0, and the first of equal maxima takes all. Both say: take the
gradient at a neighbour whose pixels are a little lower, later ones more than earlier ones. The row "input at ties"
compares with that, for relu and max pooling, at inputs of -1, 0 and 1: so ties are seen where the data has none.

What is checked is a copy in float64, at a random point close to the weights: initial values hide mistakes (with
γ = 1 nobody misses the factor γ). The original keeps its weights, statistics, random stream and whatever it has saved.
All runs of the copy draw the same dropout mask.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinycnn import kernels, losses, models
from tinycnn.copies import copy_layer, copy_model
from tinycnn.kernels.activations import Activation as ActivationPair
from tinycnn.kernels.conv2d import tap
from tinycnn.layers import Activation, BatchNormalization, Dropout, Layer, LeakyReLU, MaxPooling2D
from tinycnn.sequential import Sequential
from tinycnn.utils import clear_session, set_random_seed

Array = np.ndarray

TOLERANCE = 1e-6
EPSILON = float(np.finfo(np.float64).eps)
STEP = EPSILON ** (1 / 3)  # times the size of the array's numbers, at least 1
SHRINK = (1, 10, 100, 1000)  # the step is divided by these, in turn, where the slopes left and right differ
NOISE = 30  # rounding error of L in units of ε·|L|: a forward pass adds up many numbers
LEAST_LOSS = 0.2  # smaller losses have the rounding error of this one
NARROW = 1e-12  # lead by which a relu or max pooling chooses, below which rounding may have decided
VISIBLE_KINK = 1e-3  # relative difference of slopes left and right; of smooth functions about 1e-5 at the first step
ENOUGH = 0.1  # share of the entries that must be comparable


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
                text.append(f"    likely mistake: {row.mistake}" if row.verdict == "WRONG" else f"    {row.mistake}")
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
        x: a batch, or its shape, batch axis included, for random numbers: ``(3, 28, 28, 1)``; None there means 3.
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
    x = _batch("check_layer", x, rng)
    twin = copy_layer(layer, "float64")
    if not twin.built:
        twin.build(x.shape, rng)
    _shake(twin, rng, jitter)
    function = _layer_function(twin, x, rng)
    rows = [*_compare(function, rng, entries, directions, tolerance), *_compare_at_ties(twin, x.shape, rng, entries)]
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
    y_pred = _batch("check_loss", np.asarray(y_pred), rng)
    loss.validate(y_true, y_pred.shape)
    function = _Function(
        arrays={"y_pred": y_pred},
        output=lambda: np.asarray(loss.forward(y_true, y_pred, sample_weight)),
        gradients=lambda: {"y_pred": (loss.backward(y_true, y_pred, sample_weight), None)},
        x=y_pred,
    )
    logits = " from logits" if loss.from_logits else ""
    return GradientCheck(f"{loss.name}{logits}", tuple(_compare(function, rng, entries, directions, tolerance)))


def check_model(
    model: Sequential,
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
    if not isinstance(model, Sequential):
        raise TypeError(
            f"check_model: expected a Sequential, received {model!r}. "
            "Use check_layer for layers and check_loss for losses."
        )
    model._require_built("check_model")
    model._require_compiled("check_model")
    x, y, sample_weight = model._check_data("check_model", x, y, sample_weight)
    rng = np.random.default_rng(seed)
    twin = _model_twin(model)
    for layer in twin.layers:
        _shake(layer, rng, jitter)
    function = _model_function(twin, np.array(x, np.float64, order="C"), y, sample_weight, rng)
    rows = list(_compare(function, rng, entries, directions, tolerance))
    for layer in twin.layers:
        for row in _compare_at_ties(layer, (2, *layer.input_shape[1:]), rng, entries):
            rows.append(dataclasses.replace(row, name=f"{layer.name}/{row.name}"))
    if not all(row.passed for row in rows):
        rows = _localise(rows, twin, function, y, sample_weight, seed)
    names = sorted({layer.kernels.name for layer in model.layers})
    return GradientCheck(f"{model.name}: {len(x)} samples, {', '.join(names)} kernels", tuple(rows))


# Copies: in float64, near the original's weights, and the same from run to run


def _model_twin(model: Sequential) -> Any:
    """A copy of a model whose optimizer leaves weights and gradients as they are."""
    twin = copy_model(model, "float64")
    twin.optimizer = SimpleNamespace(build=lambda vector: None, apply=lambda vector: None)
    return twin


def _shake(layer: Any, rng: np.random.Generator, jitter: float) -> None:
    for parameter in layer._parameters.values():
        parameter.value += jitter * (_size(parameter.value) or 1) * rng.standard_normal(parameter.shape)
    for value in layer.state.values():  # a variance must stay positive
        value += jitter * np.abs(rng.standard_normal(value.shape))


def _rewinder(layers: Sequence[Any]) -> Callable[[], None]:
    """A function that sets random streams and moving statistics back to where they are now: one mask for all runs."""
    generators = [v for layer in layers for v in vars(layer).values() if isinstance(v, np.random.Generator)]
    streams = [(generator.bit_generator, generator.bit_generator.state) for generator in generators]
    state = [(array, array.copy()) for layer in layers for array in layer.state.values()]

    def rewind() -> None:
        for bit_generator, before in streams:
            bit_generator.state = before
        for array, values in state:
            array[...] = values

    return rewind


def _batch(who: str, x: Any, rng: np.random.Generator) -> Array:
    """A float64 copy of x; a tuple is a shape to be filled with random numbers."""
    if isinstance(x, tuple):
        return rng.standard_normal([3 if size is None else size for size in x])
    x = np.array(x, np.float64, order="C")
    if not np.isfinite(x).all():
        raise ValueError(f"{who}: expected finite numbers, received NaN or infinity. Remove or repair them.")
    return x


def _size(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0


# What is compared


@dataclass
class _Function:
    """L = Σ upstream·output() as a function of ``arrays``, which are changed in place, and its claimed gradients.

    ``gradients()`` gives, by name, what backward wrote and what had stood there before.
    """

    arrays: dict[str, Array]
    output: Callable[[], Array]
    gradients: Callable[[], dict[str, tuple[Array, Array | None]]]
    x: Array
    upstream: Any = 1.0
    layer: Any = None
    layers: Sequence[Any] = ()  # all that `_branch` may hold
    without_penalty: dict[str, Array] = field(default_factory=dict)  # of parameters with a regularizer


def _upstream(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape)


def _layer_function(layer: Any, x: Array, rng: np.random.Generator) -> _Function:
    rewind = _rewinder([layer])

    def output() -> Array:
        rewind()
        return layer.forward(x, training=True)

    upstream = _upstream(output().shape, rng)

    def gradients() -> dict[str, tuple[Array, Array | None]]:
        before = _fill_gradients(layer.parameters, rng)
        output()
        dx = layer.backward(upstream.copy())
        return {"input": (dx, None)} | {
            p.name: (p.grad.copy(), old) for p, old in zip(layer.parameters, before, strict=True)
        }

    arrays = {"input": x} | {p.name: p.value for p in layer.parameters}
    return _Function(arrays, output, gradients, x, upstream, layer, [layer])


def _model_function(model: Any, x: Array, y: Array, sample_weight: Any, rng: np.random.Generator) -> _Function:
    rewind = _rewinder(model.layers)
    parameters = model._parameter_vector().parameters
    names = [f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters]

    def output() -> Array:
        rewind()
        _, loss, *_ = model._forward_and_loss(x, y, sample_weight, training=True)
        return np.asarray(loss + model._penalty())

    def gradients() -> dict[str, tuple[Array, Array | None]]:
        before = _fill_gradients(parameters, rng)
        rewind()
        model._train_step(x, y, sample_weight, place="the gradient check")
        found: dict[str, tuple[Array, Array | None]]
        found = {name: (p.grad.copy(), old) for name, p, old in zip(names, parameters, before, strict=True)}
        rewind()
        _, _, dy, _ = model._forward_and_loss(x, y, sample_weight, training=True)
        dx = model._backward(dy, input_gradient=True)
        for name, p in zip(names, parameters, strict=True):
            if p.regularizer is not None:
                without_penalty[name] = p.grad.copy()
        return {"input": (dx, None)} | found

    without_penalty: dict[str, Array] = {}
    arrays = {"input": x} | {name: p.value for name, p in zip(names, parameters, strict=True)}
    return _Function(arrays, output, gradients, x, layers=model.layers, without_penalty=without_penalty)


def _fill_gradients(parameters: Sequence[Any], rng: np.random.Generator) -> list[Array]:
    """Random numbers into every ``grad``: who forgets to write it, or adds to it, gives himself away."""
    for parameter in parameters:
        parameter.grad[...] = rng.standard_normal(parameter.shape)
    return [parameter.grad.copy() for parameter in parameters]


@contextlib.contextmanager
def _exchanged(layers: Sequence[Any], exchange: Callable[[Any], Any]) -> Iterator[None]:
    """While this is open, every layer has other kernels: ``exchange(its own)``."""
    kept = [(layer, layer.kernels) for layer in layers]
    try:
        for layer, own in kept:
            layer.kernels = exchange(own)
        yield
    finally:
        for layer, own in kept:
            layer.kernels = own
            vars(layer).pop("forward", None)  # see `_branch`


@contextlib.contextmanager
def _branch(function: _Function) -> Iterator[bool]:
    """Hold each relu and each max pooling to what it chooses now. See "Kinks" at the top of this file.

    Yields whether a choice was that narrow that rounding decides: fused kernels may round, and choose, otherwise.
    """
    choices: list[Array] = []  # of all layers, in the order of the calls
    held: Iterator[Array] | None = None
    narrow = False

    def hold(choice: Array, lead: Array, size: float) -> Array:
        nonlocal narrow
        if held is not None:
            return next(held)
        choices.append(choice)
        narrow = narrow or bool(np.any((lead > 0) & (lead < NARROW * max(1.0, size))))
        return choice

    def relu(z: Array, slope: float = 0.0) -> Array:
        return np.where(hold(z > 0, np.abs(z), _largest(z)), z, slope * z)

    def max_pooling(x: Array, pool_size: tuple[int, int], strides: tuple[int, int]) -> tuple[Array, Array]:
        (ph, pw), (sh, sw) = pool_size, strides
        out = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
        windows = np.stack([tap(x, a, b, out, strides) for a in range(ph) for b in range(pw)])
        y = windows.max(axis=0)
        lead = np.min(y - windows, axis=0, where=windows < y, initial=np.inf)  # over the next smaller one
        argmax = hold(windows.argmax(axis=0), lead, _largest(y))
        return np.take_along_axis(windows, argmax[None], axis=0)[0], argmax

    def exchange(own: Any) -> Any:
        activations = dict(own.activations)
        for name, slope in (("relu", 0.0), ("leaky_relu", 0.2)):
            activations[name] = activations[name]._replace(forward=functools.partial(relu, slope=slope))
        return dataclasses.replace(own, activations=activations, max_pooling2d_forward=max_pooling, fused={})

    with _exchanged(function.layers, exchange):
        for layer in function.layers:
            if isinstance(layer, LeakyReLU):
                vars(layer)["forward"] = lambda x, training=False, slope=layer.negative_slope: relu(x, slope)
        function.output()
        held = itertools.cycle(choices)
        yield narrow


def _compare(
    function: _Function, rng: np.random.Generator, entries: int, directions: int, tolerance: float
) -> Iterator[Row]:
    """One row for each array."""
    probe = _Probe(function, tolerance)
    for name, (gradient, before) in function.gradients().items():
        array = function.arrays[name]
        if np.shape(gradient) != array.shape:
            mistake = f"it has shape {np.shape(gradient)}, not that of the array"
            yield Row(name, array.shape, 0, 0, 0, np.inf, tolerance, "WRONG", mistake)
            continue
        flat = gradient.ravel()
        index = _choose(array, entries, rng)
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
            evidence = _Evidence(function, name, gradient, before, index[known], measured)
            only_at_kinks = all(f.kink for f in judged if not f.error <= tolerance)
            mistake = _AT_KINKS if only_at_kinks else _likely_mistake(evidence)
        elif len(known) < ENOUGH * len(index):
            verdict, mistake = "KINKS", "not checked: nearly all entries lie on kinks; try another x"
        checked, checked_along = len(index) - kinks, sum(not f.kink for f in along)
        yield Row(name, array.shape, checked, checked_along, kinks, error, tolerance, verdict, mistake)


def _choose(array: Array, entries: int, rng: np.random.Generator) -> Array:
    """Flat indices: all of a small array; of a larger one a sample, half of it from one channel (the last axis)."""
    if array.size <= entries:
        return np.arange(array.size)
    channels = array.shape[-1]
    channel = np.arange(rng.integers(channels), array.size, channels)
    half = min(entries // 2, channel.size)
    chosen = rng.choice(channel, half, replace=False)
    others = np.setdiff1d(np.arange(array.size), chosen)
    return np.union1d(chosen, rng.choice(others, entries - half, replace=False))


@dataclass(frozen=True)
class _Finding:
    slope: float
    error: float
    kink: bool
    left_out: bool = False  # a kink without a branch: the error says nothing


class _Probe:
    """Measures slopes of L by differences."""

    def __init__(self, function: _Function, tolerance: float):
        self.function, self.tolerance = function, tolerance
        self.start = np.array(function.output(), np.float64)
        # Rounding errors of many outputs add up like steps of a random walk: hence the length, not the sum.
        size = float(np.linalg.norm(function.upstream * self.start))
        if function.layer is None:  # a loss: a confident softmax makes a small L of a sum near 1, L = log(1 + …)
            size = max(size, LEAST_LOSS)
        self.noise = NOISE * EPSILON * size

    def slopes(self, array: Array, where: slice, v: Array, step: float) -> tuple[float, float]:
        """The slopes of L to the left and to the right, where the numbers ``where`` move along ``v``."""
        flat = array.reshape(-1)
        kept = flat[where].copy()
        flat[where] = kept + step * v
        # Differences of outputs are taken before the sum over them: what does not change cancels exactly.
        right = float(np.sum(self.function.upstream * (self.function.output() - self.start))) / step
        flat[where] = kept - step * v
        left = float(np.sum(self.function.upstream * (self.start - self.function.output()))) / step
        flat[where] = kept
        return left, right

    def judge(self, name: str, where: slice, v: Array, gradient: Array, length: float) -> _Finding:
        """Compare the slope along ``v`` that a flat gradient claims with the measured one; on kinks, with the branch's.

        The other arguments are those of `measure`.
        """
        array = self.function.arrays[name]
        plain = self.measure(array, where, v, float(gradient[where] @ v), length)
        if plain.error <= self.tolerance and not plain.kink:
            return plain
        unfused = self.unfused_gradients
        with _branch(self.function) as narrow:
            branch = _Probe(self.function, self.tolerance)
            found = branch.measure(array, where, v, float(gradient[where] @ v), length)
            if narrow and not found.error <= self.tolerance:  # ask the kernels that round as the branch does
                found = branch.measure(array, where, v, float(unfused[name][where] @ v), length)
        if not _largest(branch.start - self.start) <= 1e-9 * _largest(self.start):  # relus and poolings of another kind
            found = plain
        right = found.error <= self.tolerance and not found.kink
        return dataclasses.replace(found, kink=plain.kink or right, left_out=found.kink)

    @functools.cached_property
    def unfused_gradients(self) -> dict[str, Array]:
        """What backward writes, layer by layer."""
        with _exchanged(self.function.layers, lambda own: dataclasses.replace(own, fused={})):
            return {name: np.ravel(gradient) for name, (gradient, _) in self.function.gradients().items()}

    def measure(self, array: Array, where: slice, v: Array, claimed: float, length: float) -> _Finding:
        """Compare a claimed slope with the measured one; ``length``: that of the gradient, for directions."""
        # Along a direction, and in a model, many kinks may add up, with both signs of dy: then there is no "between".
        many = v.size > 1 or self.function.layer is None
        lefts: list[float] = []
        rights: list[float] = []
        best = _Finding(0.0, np.inf, kink=False)
        persists, jump, distance, slack = True, np.inf, np.inf, 0.0
        errors_of_l: list[float] = []
        for factor in SHRINK:
            step = STEP * max(1.0, _size(array)) / factor
            left, right = self.slopes(array, where, v, step)
            lefts.append(left)
            rights.append(right)
            slope = (left + right) / 2
            last_distance, distance = distance, abs(claimed - slope)
            last_jump, jump = jump, abs(right - left)
            scale = max(abs(claimed), abs(slope), length, self.noise / step / self.tolerance)
            error, slack = (distance / scale if scale else 0.0), self.tolerance * scale
            # Curvature makes the two slopes differ too, but then ten times less at a tenth of the step.
            persists = persists and (factor == 1 or jump > 0.3 * last_jump)
            visible = persists and jump > VISIBLE_KINK * scale
            if not error >= best.error:
                best = _Finding(slope, error, kink=False)
            if error <= self.tolerance and not visible:
                return best
            # A mistake keeps its distance at smaller steps, rounding errors of L make it grow: so they can be measured.
            errors_of_l.append(distance * step)
            rounding = 3 * min(max(errors_of_l[1:], default=0.0), 10 * self.noise)
            if errors_of_l[0] <= rounding and not visible:
                return dataclasses.replace(best, error=self.tolerance * errors_of_l[0] / rounding)
            # A smaller step can help where a kink lies between, or where the third derivative is large.
            kinks_between = distance <= 10 * jump + slack or (many and visible)
            if factor > 1 and not (kinks_between or distance < 0.3 * last_distance):
                return best
        # The slopes at the very point, to either side: what is linear in the step is taken off.
        left, right = ((10 * slopes[-1] - slopes[-2]) / 9 for slopes in (lefts, rights))
        between = min(left, right) - slack <= claimed <= max(left, right) + slack
        return dataclasses.replace(best, kink=persists and (between or (many and visible)))


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
    dy = _upstream(layer.forward(x).shape, rng)

    def gradient(at: Array) -> Array:
        layer.forward(at, training=True)
        return layer.backward(dy.copy())

    def raised(i: int) -> Array:
        at = x.copy()
        at.reshape(-1)[i] += 0.25  # alone the largest among its equals
        return gradient(at)

    given, expected = gradient(x).ravel(), gradient(x - ramp).ravel()
    # Both come from the same backward, without differences: they are equal but for the order of sums.
    scale = max(_largest(given), _largest(expected))
    error = _largest(given - expected) / scale if scale else 0.0
    tolerance, mistake = 1e-12, ""
    if not error <= tolerance:
        index = np.flatnonzero(given != expected)[:entries]
        from_above = _same(given, gradient(x + ramp).ravel())
        if relu:
            taken = "at 0 the slope of the right side is taken" if from_above else "the slope at 0 is another one"
            mistake = f"{taken}; in tinycnn and Keras it is that of the left side, relu'(0) = 0"
        else:
            if from_above:
                taken = "the last of equal maxima takes the gradient"
            elif _same(given[index], np.array([raised(i).ravel()[i] for i in index])):
                taken = "each of several equal maxima takes the whole gradient"
            else:
                taken = "equal maxima are treated another way"
            mistake = f"{taken}; in tinycnn and Keras the first one takes all"
    verdict = "WRONG" if mistake else "ok"
    return [Row("input at ties", shape, x.size, 0, 0, error, tolerance, verdict, mistake)]


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


# Likely mistakes


@dataclass
class _Evidence:
    """A wrong gradient and what is known of the true one: its values ``measured`` at the flat positions ``index``."""

    function: _Function
    name: str
    gradient: Array
    before: Array | None
    index: Array
    measured: Array

    def at(self, array: Array) -> Array:
        return np.asarray(array).ravel()[self.index]

    @property
    def given(self) -> Array:
        return self.at(self.gradient)

    @property
    def layer(self) -> Any:
        return self.function.layer

    @property
    def is_input(self) -> bool:
        return self.name in ("input", "y_pred")


_AT_KINKS = "right where there is no kink; at kinks relu'(0) = 0, and the first of equal maxima takes all"
_UNKNOWN = "not one of the usual ones; compare backward with the formula, term by term"
Pair = tuple[Array, Array]  # two arrays that are equal if a hypothesis is true


def _same(left: Array, right: Array) -> bool:
    """Whether two arrays agree, as far as differences can tell. NaN: nothing can be said of that entry."""
    known = np.isfinite(left) & np.isfinite(right)
    scale = max(_largest(left[known]), _largest(right[known]))
    return known.sum() * 2 > known.size and _largest((left - right)[known]) <= 1e-4 * scale


def _likely_mistake(e: _Evidence) -> str:
    """The first hypothesis that explains the wrong gradient."""
    data = e.function.without_penalty.get(e.name)
    if data is not None:  # is the penalty's share wrong, or the rest?
        function = dataclasses.replace(e.function, without_penalty={})
        share = _Evidence(function, e.name, e.gradient - data, None, e.index, e.measured - e.at(data))
        mistake = _likely_mistake(share)
        if mistake != _UNKNOWN:
            return f"the gradient of its regularizer's penalty: {mistake}"
    if not np.isfinite(e.gradient).all():
        return "it holds NaN or infinity"
    if not np.any(e.gradient):
        return "it is zero"
    if _same(e.given, e.measured):
        return "right in all entries of the sample, wrong in others: raise entries to see more"
    for mistake, explain in _MISTAKES:
        if any(_same(left, right) for left, right in explain(e)):
            return mistake
    factor = float(e.given @ e.measured / (e.measured @ e.measured or 1))
    if _same(e.given, factor * e.measured):
        return _name_of_factor(factor, e)
    activation = getattr(e.layer, "activation", "linear")
    if activation != "linear" and not isinstance(e.layer, Activation):
        alone = Activation(activation, name=activation)
        alone.kernels = e.layer.kernels
        row = check_layer(alone, np.shape(e.function.upstream))["input"]
        if not row.passed:
            return f"in the derivative of its activation {activation}: {row.mistake}"
    return _UNKNOWN


def _name_of_factor(factor: float, e: _Evidence) -> str:
    n = len(e.function.x)
    names = {-1.0: "the sign is wrong", 2.0: "2 times too large", 1 / 2: "a factor 2 is missing"}
    for shape in (e.function.x.shape, np.shape(e.function.upstream)):
        pixels = int(np.prod(shape[:-1]))  # n·h·w of the input, of the output
        names[pixels] = f"{pixels} times too large, the number of pixels n·h·w: a sum where a mean is due"
        names[1 / pixels] = f"divided by {pixels}, the number of pixels n·h·w: once too often"
    names[n] = f"{n} times too large, the batch size: a sum over the batch where a mean is due"
    names[1 / n] = f"divided by {n}, the batch size: once too often"
    if isinstance(e.layer, Dropout):
        names[1 - e.layer.rate] = "the factor 1/(1 − rate) of dropout is missing"
    for value, name in names.items():
        if np.isclose(factor, value, rtol=1e-4):
            return name
    return f"wrong by the constant factor {factor:.4g}"


def _unassigned(e: _Evidence) -> Iterator[Pair]:
    if e.before is not None:
        yield e.given, e.at(e.before)


def _accumulated(e: _Evidence) -> Iterator[Pair]:
    if e.before is not None:
        yield e.at(e.gradient - e.before), e.measured


def _transposed(e: _Evidence) -> Iterator[Pair]:
    """The matrix product with the other side transposed, or the result so; only squares get that far."""
    a = e.gradient
    if a.ndim in (2, 4) and a.shape[-1] == a.shape[-2] and not e.is_input:
        yield e.at(a.swapaxes(-1, -2)), e.measured
    if a.ndim == 4 and a.shape[0] == a.shape[1] and not e.is_input:
        yield e.at(a.swapaxes(0, 1)), e.measured
    kernel = e.function.arrays.get("kernel")
    if e.is_input and kernel is not None and kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1]:
        yield e.at(a @ np.linalg.pinv(kernel) @ kernel.T), e.measured  # a = dz·kernel, and dz·kernelᵀ is due


def _flipped(e: _Evidence) -> Iterator[Pair]:
    if e.gradient.ndim == 4 and not e.is_input:
        yield e.at(e.gradient[::-1, ::-1]), e.measured


def _shifted(e: _Evidence) -> Iterator[Pair]:
    """Images move along axes 1 and 2, kernels along 0 and 1."""
    if e.gradient.ndim != 4:
        return
    axes = (1, 2) if e.is_input else (0, 1)
    for shift in itertools.product((-1, 0, 1), repeat=2):
        moved = np.roll(e.gradient, shift, axes)
        for axis, by in zip(axes, shift, strict=True):
            if by:  # what came in at the other end is not known
                np.moveaxis(moved, axis, 0)[0 if by > 0 else -1] = np.nan
        if any(shift):
            yield e.at(moved), e.measured


def _passed_through(e: _Evidence) -> Iterator[Pair]:
    if isinstance(e.layer, Dropout):
        yield e.given, e.at(e.function.upstream)


def _without_activation(e: _Evidence) -> Iterator[Pair]:
    """Backward does the same where the activation's derivative is replaced by 1."""
    if getattr(e.layer, "activation", "linear") == "linear":
        return
    kept = e.layer.kernels
    straight = {name: ActivationPair(pair.forward, lambda dy, y: dy) for name, pair in kept.activations.items()}
    e.layer.kernels = dataclasses.replace(kept, activations=straight)
    without = e.function.gradients()[e.name][0]
    e.layer.kernels = kept
    yield e.given, e.at(without)


def _statistics_terms(
    constant: bool, normalised: bool, trainable: bool = True
) -> Callable[[_Evidence], Iterator[Pair]]:
    """Batch normalization: what is too much is, channel by channel, a constant, a multiple of x̂, or their sum."""

    def explain(e: _Evidence) -> Iterator[Pair]:
        if not isinstance(e.layer, BatchNormalization) or e.layer.trainable != trainable or not e.is_input:
            return
        x = e.function.x
        rows = x.reshape(-1, x.shape[-1])
        x_hat = e.at((rows - rows.mean(axis=0)) / rows.std(axis=0))
        too_much = e.given - e.measured
        fitted = np.full_like(too_much, np.nan)
        channel = e.index % x.shape[-1]
        for c in np.unique(channel):
            here = channel == c
            terms = np.stack([np.ones(here.sum()) * constant, x_hat[here] * normalised], axis=1)
            if here.sum() >= 5:  # fewer points than that could be fitted by chance
                fitted[here] = terms @ np.linalg.lstsq(terms, too_much[here], rcond=None)[0]
        known = np.isfinite(fitted)
        yield fitted[known], too_much[known]

    return explain


def _softmax_sum(e: _Evidence) -> Iterator[Pair]:
    """What is too much is y times one number a row, Σ dy·y."""
    if isinstance(e.layer, Activation) and e.layer.activation == "softmax":
        y, dy = e.function.output(), e.function.upstream
        yield e.given - e.measured, e.at(y * np.sum(dy * y, axis=-1, keepdims=True))


# A hypothesis yields pairs of arrays; where a pair is equal, the hypothesis explains the wrong gradient.
_MISTAKES: tuple[tuple[str, Callable[[_Evidence], Iterator[Pair]]], ...] = (
    ("backward does not write it: it still holds what stood there before", _unassigned),
    ("backward adds to it; it must assign, for an earlier step's gradient still stands there", _accumulated),
    ("dropout's mask is missing in backward: dy passes through as it is", _passed_through),
    ("the term −x̂·mean(dy·x̂) is missing: the variance depends on x too", _statistics_terms(False, True)),
    ("the term −mean(dy) is missing: the mean depends on x too", _statistics_terms(True, False)),
    ("mean and variance are taken for constants: both depend on x", _statistics_terms(True, True)),
    ("frozen: mean and variance are constants, their terms do not belong here", _statistics_terms(True, True, False)),
    ("softmax: the term −y·Σ dy·y is missing", _softmax_sum),
    ("the derivative of the activation is missing: dz = dy·activation'(z)", _without_activation),
    ("transposed", _transposed),
    ("flipped: rows and columns of the kernel run backwards", _flipped),
    ("shifted by one pixel: an off-by-one in the windows, or 'same' padding cropped on the wrong side", _shifted),
)


def _localise(rows: list[Row], model: Any, function: _Function, y: Array, sample_weight: Any, seed: int) -> list[Row]:
    """Check each layer alone, at the inputs it sees in the model, and the loss: who is to blame for wrong rows?"""
    mistakes: dict[str, str] = {}
    inputs = function.x
    for layer in model.layers:
        for row in check_layer(layer, inputs, seed=seed, jitter=0).rows:
            if row.verdict == "WRONG":
                mistakes[f"{layer.name}/{row.name}"] = row.mistake
        inputs = layer.forward(inputs, training=True)
    loss, y_pred = model.loss, inputs
    if model.layers and getattr(model.layers[-1], "activation", None) == loss.logits_activation is not None:
        loss, y_pred = loss.with_logits(), model.forward(function.x, activate=False)
    row = check_loss(loss, y, y_pred, sample_weight, seed=seed)["y_pred"]
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


# The command line


def main(argv: Sequence[str] | None = None) -> int:
    """Check the notebook's models on random images; returns the exit code, 0 if all gradients are right, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tinycnn.gradient_check",
        description="Check the gradients of the notebook's models by finite differences, in float64. "
        "Exits with 0 if they are right, with 1 if not.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--plain", action="store_true", help="only the plain model")
    which.add_argument("--dropout", action="store_true", help="only the model with dropout")
    which.add_argument("--bn", action="store_true", help="only the model with batch normalization (default: all three)")
    parser.add_argument("--kernels", choices=sorted(kernels.SETS), help="only this set of kernels (default: both)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, images, labels and directions (default: 0)")
    options = parser.parse_args(argv)

    makers = {"plain": models.plain, "dropout": models.dropout, "bn": models.batch_normalization}
    chosen = [name for name in makers if getattr(options, name)] or list(makers)
    passed = True
    for name, kernel_set in itertools.product(chosen, [options.kernels] if options.kernels else ["fast", "reference"]):
        set_random_seed(options.seed)
        clear_session()
        rng = np.random.default_rng(options.seed)
        x, y = rng.random((3, 28, 28, 1)), rng.integers(0, 10, 3)
        model = makers[name]()
        model.name = name
        model.compile(loss="sparse_categorical_crossentropy", kernels=kernel_set)
        result = check_model(model, x, y, seed=options.seed)
        print(result, flush=True)
        passed = passed and result.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

"""Slopes that are measured: the loss as a function of one array, with kinks in mind. See this package's text."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tinycnn.insight.copies import copy_model
from tinycnn.kernels import FAST, REFERENCE, Kernels
from tinycnn.kernels.conv2d import tap
from tinycnn.layers import LeakyReLU
from tinycnn.model import Model

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


# Copies: in float64, near the original's weights, and the same from run to run


def model_twin(model: Model) -> Any:
    """A copy of a model whose optimizer leaves weights and gradients as they are."""
    twin = copy_model(model, "float64")
    twin.optimizer = SimpleNamespace(build=lambda vector: None, apply=lambda vector: None)
    return twin


def shake(layer: Any, rng: np.random.Generator, jitter: float) -> None:
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


def as_batch(who: str, x: Any, rng: np.random.Generator) -> Array:
    """A float64 copy of x; a tuple is a shape to be filled with random numbers."""
    if isinstance(x, tuple):
        return rng.standard_normal([3 if size is None else size for size in x])
    x = np.array(x, np.float64, order="C")
    if not np.isfinite(x).all():
        raise ValueError(f"{who}: expected finite numbers, received NaN or infinity. Remove or repair them.")
    return x


def _size(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0


def largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def same(left: Array, right: Array) -> bool:
    """Whether two arrays agree, as far as differences can tell. NaN: nothing can be said of that entry."""
    known = np.isfinite(left) & np.isfinite(right)
    scale = max(largest(left[known]), largest(right[known]))
    return known.sum() * 2 > known.size and largest((left - right)[known]) <= 1e-4 * scale


# What is compared


@dataclass
class Function:
    """L = Σ upstream·output() as a function of ``arrays``, which are changed in place, and its claimed gradients.

    ``gradients()`` gives, by name, what backward wrote and what had stood there before.
    """

    arrays: dict[str, Array]
    output: Callable[[], Array]
    gradients: Callable[[], dict[str, tuple[Array, Array | None]]]
    x: Any  # the input; several in a list
    upstream: Any = 1.0
    layer: Any = None
    layers: Sequence[Any] = ()  # all that `_branch` may hold
    without_penalty: dict[str, Array] = field(default_factory=dict)  # of parameters with a regularizer
    rewind: Callable[[], None] | None = None  # random streams and statistics back to where they were


class WrongReturn(Exception):  # noqa: N818  a verdict, which becomes a row
    """A function of the table of kernels does not return what it should."""


def _checked(kernels: Kernels) -> Kernels:
    """The same table, whose ways back are asked for the number and shapes of what they return."""

    def check(entry: str) -> Any:
        own, reference = getattr(kernels, entry), getattr(REFERENCE, entry)

        def checked(*arguments: Any) -> Any:
            found, due = own(*arguments), reference(*arguments)
            form, form_due = _form(found), _form(due)
            if form != form_due:
                raise WrongReturn(
                    f"{entry} returns {form}, due is {form_due}.{' Is a return missing?' if found is None else ''}"
                )
            return found

        return checked

    entries = {f.name: check(f.name) for f in dataclasses.fields(kernels) if "_backward" in f.name}
    return dataclasses.replace(kernels, **entries)


def _form(value: Any) -> str:
    """What a function returned, in words."""
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_form, value))})"
    return "None" if value is None else f"an array of shape {np.shape(value)}"


def random_upstream(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape)


def named_inputs(x: Any) -> dict[str, Any]:
    """``{"input": x}``, or of several ``{"input 1": …, "input 2": …}``."""
    several = isinstance(x, (list, tuple))
    return {f"input {number}": one for number, one in enumerate(x, start=1)} if several else {"input": x}


def layer_function(layer: Any, x: Any, rng: np.random.Generator) -> Function:
    rewind = _rewinder([layer])
    if layer.kernels is not FAST:
        layer.kernels = _checked(layer.kernels)

    def output() -> Array:
        rewind()
        return layer.forward(x, training=True)

    upstream = random_upstream(output().shape, rng)

    def gradients() -> dict[str, tuple[Array, Array | None]]:
        before = _fill_gradients(layer.parameters, rng)
        output()
        dx = layer.backward(upstream.copy())
        return {name: (gradient, None) for name, gradient in named_inputs(dx).items()} | {
            p.name: (p.grad.copy(), old) for p, old in zip(layer.parameters, before, strict=True)
        }

    arrays = named_inputs(x) | {p.name: p.value for p in layer.parameters}
    return Function(arrays, output, gradients, x, upstream, layer, [layer], rewind=rewind)


def model_function(model: Any, x: Any, y: Any, sample_weight: Any, rng: np.random.Generator) -> Function:
    rewind = _rewinder(model.layers)
    parameters = model._parameter_vector().parameters
    names = [f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters]

    def output() -> Array:
        rewind()
        outcome, _ = model._forward_and_loss(x, y, sample_weight, training=True)
        return np.asarray(outcome.loss + model._penalty())

    def gradients() -> dict[str, tuple[Array, Array | None]]:
        before = _fill_gradients(parameters, rng)
        rewind()
        model._train_step(x, y, sample_weight, place="the gradient check")
        found: dict[str, tuple[Array, Array | None]]
        found = {name: (p.grad.copy(), old) for name, p, old in zip(names, parameters, before, strict=True)}
        rewind()
        _, dy = model._forward_and_loss(x, y, sample_weight, training=True)
        dx = model._backward(dy, input_gradient=True)
        for name, p in zip(names, parameters, strict=True):
            if p.regularizer is not None:
                without_penalty[name] = p.grad.copy()
        return {name: (gradient, None) for name, gradient in named_inputs(dx).items()} | found

    without_penalty: dict[str, Array] = {}
    arrays = named_inputs(x) | {name: p.value for name, p in zip(names, parameters, strict=True)}
    return Function(arrays, output, gradients, x, layers=model.layers, without_penalty=without_penalty)


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
def _branch(function: Function) -> Iterator[bool]:
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
        return np.where(hold(z > 0, np.abs(z), largest(z)), z, slope * z)

    def max_pooling(x: Array, pool_size: tuple[int, int], strides: tuple[int, int]) -> tuple[Array, Array]:
        (ph, pw), (sh, sw) = pool_size, strides
        out = (x.shape[1] - ph) // sh + 1, (x.shape[2] - pw) // sw + 1
        windows = np.stack([tap(x, a, b, out, strides) for a in range(ph) for b in range(pw)])
        y = windows.max(axis=0)
        lead = np.min(y - windows, axis=0, where=windows < y, initial=np.inf)  # over the next smaller one
        argmax = hold(windows.argmax(axis=0), lead, largest(y))
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


def choose(array: Array, entries: int, rng: np.random.Generator) -> Array:
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


class Probe:
    """Measures slopes of L by differences."""

    def __init__(self, function: Function, tolerance: float):
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
            branch = Probe(self.function, self.tolerance)
            found = branch.measure(array, where, v, float(gradient[where] @ v), length)
            if narrow and not found.error <= self.tolerance:  # ask the kernels that round as the branch does
                found = branch.measure(array, where, v, float(unfused[name][where] @ v), length)
        if not largest(branch.start - self.start) <= 1e-9 * largest(self.start):  # relus and poolings of another kind
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

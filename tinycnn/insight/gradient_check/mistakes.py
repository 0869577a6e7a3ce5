"""What went wrong? Each usual mistake is a hypothesis of what the wrong gradient would then equal."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.insight.gradient_check.measure import Function, named_inputs, same
from tinycnn.kernels.activations import Activation as ActivationPair
from tinycnn.layers import Activation, BatchNormalization, Dropout

Array = np.ndarray

# Likely mistakes


@dataclass
class Evidence:
    """A wrong gradient and what is known of the true one: its values ``measured`` at the flat positions ``index``."""

    function: Function
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


AT_KINKS = "right where there is no kink; at kinks relu'(0) = 0, and the first of equal maxima takes all"
UNKNOWN = "not one of the usual ones; compare backward with the formula, term by term"
Pair = tuple[Array, Array]  # two arrays that are equal if a hypothesis is true


def likely_mistake(e: Evidence) -> str:
    """The first hypothesis that explains the wrong gradient."""
    data = e.function.without_penalty.get(e.name)
    if data is not None:  # is the penalty's share wrong, or the rest?
        function = dataclasses.replace(e.function, without_penalty={})
        share = Evidence(function, e.name, e.gradient - data, None, e.index, e.measured - e.at(data))
        mistake = likely_mistake(share)
        if mistake != UNKNOWN:
            return f"the gradient of its regularizer's penalty: {mistake}"
    if not np.isfinite(e.gradient).all():
        return "it holds NaN or infinity"
    if not np.any(e.gradient):
        return "it is zero"
    if same(e.given, e.measured):
        return "right in all entries of the sample, wrong in others: raise entries to see more"
    for mistake, explain in _MISTAKES:
        if any(same(left, right) for left, right in explain(e)):
            return mistake
    factor = float(e.given @ e.measured / (e.measured @ e.measured or 1))
    if same(e.given, factor * e.measured):
        return _name_of_factor(factor, e)
    return UNKNOWN


def _name_of_factor(factor: float, e: Evidence) -> str:
    x = next(iter(named_inputs(e.function.x).values()))
    n = len(x)
    names = {-1.0: "the sign is wrong", 2.0: "2 times too large", 1 / 2: "a factor 2 is missing"}
    for shape in (x.shape, np.shape(e.function.upstream)):
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


def _unassigned(e: Evidence) -> Iterator[Pair]:
    if e.before is not None:
        yield e.given, e.at(e.before)


def _accumulated(e: Evidence) -> Iterator[Pair]:
    if e.before is not None:
        yield e.at(e.gradient - e.before), e.measured


def _transposed(e: Evidence) -> Iterator[Pair]:
    """The matrix product with the other side transposed, or the result so; only squares get that far."""
    a = e.gradient
    if a.ndim in (2, 4) and a.shape[-1] == a.shape[-2] and not e.is_input:
        yield e.at(a.swapaxes(-1, -2)), e.measured
    if a.ndim == 4 and a.shape[0] == a.shape[1] and not e.is_input:
        yield e.at(a.swapaxes(0, 1)), e.measured
    kernel = e.function.arrays.get("kernel")
    if e.is_input and kernel is not None and kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1]:
        yield e.at(a @ np.linalg.pinv(kernel) @ kernel.T), e.measured  # a = dz·kernel, and dz·kernelᵀ is due


def _flipped(e: Evidence) -> Iterator[Pair]:
    if e.gradient.ndim == 4 and not e.is_input:
        yield e.at(e.gradient[::-1, ::-1]), e.measured


def _shifted(e: Evidence) -> Iterator[Pair]:
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


def _passed_through(e: Evidence) -> Iterator[Pair]:
    if isinstance(e.layer, Dropout):
        yield e.given, e.at(e.function.upstream)


def _without_activation(e: Evidence) -> Iterator[Pair]:
    """Backward does the same where the activation's derivative is replaced by 1."""
    if getattr(e.layer, "activation", "linear") == "linear":
        return
    kept = e.layer.kernels
    straight = {name: ActivationPair(pair.forward, lambda dy, kept: dy) for name, pair in kept.activations.items()}
    e.layer.kernels = dataclasses.replace(kept, activations=straight)
    without = e.function.gradients()[e.name][0]
    e.layer.kernels = kept
    yield e.given, e.at(without)


def _statistics_terms(constant: bool, normalised: bool, trainable: bool = True) -> Callable[[Evidence], Iterator[Pair]]:
    """Batch normalization: what is too much is, channel by channel, a constant, a multiple of x̂, or their sum."""

    def explain(e: Evidence) -> Iterator[Pair]:
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


def _softmax_sum(e: Evidence) -> Iterator[Pair]:
    """What is too much is y times one number a row, Σ dy·y."""
    if isinstance(e.layer, Activation) and e.layer.activation == "softmax":
        y, dy = e.function.output(), e.function.upstream
        yield e.given - e.measured, e.at(y * np.sum(dy * y, axis=-1, keepdims=True))


# A hypothesis yields pairs of arrays; where a pair is equal, the hypothesis explains the wrong gradient.
_MISTAKES: tuple[tuple[str, Callable[[Evidence], Iterator[Pair]]], ...] = (
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

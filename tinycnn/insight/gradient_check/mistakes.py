"""What went wrong? Each usual mistake is a hypothesis of what the wrong gradient would then equal.

Three rounds, from the special to the general, and the first in which a hypothesis explains the wrong gradient ends
the search: mistakes of this kind of layer, made on purpose (`wrong_ways`), or fitted term by term; then what is done to
a right gradient as a whole, such as transposing it; then a constant factor. Where two of a round explain it, or none
does, no name is given: a wrong name is worse than none. `where_it_is_wrong` then shows the wrong entries.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinycnn import layers
from tinycnn.insight.gradient_check import wrong_ways
from tinycnn.insight.gradient_check.measure import Function, named_inputs, same
from tinycnn.kernels import REFERENCE, Kernels
from tinycnn.layers import BatchNormalization, Conv2D, Dropout, MaxPooling2D

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

    @cached_property
    def due(self) -> Array | None:
        """The whole of the right gradient: tinycnn's own layer gives it, if it agrees with what was measured."""
        right = self.right.get(self.name)
        if right is not None and same(self.at(right), self.measured):
            return right
        if len(self.index) == self.gradient.size:
            return self.measured[np.argsort(self.index)].reshape(self.gradient.shape)
        return None

    @property
    def own_layer(self) -> Any:
        """The layer as one of tinycnn's own kind, None where there is none."""
        kind = next((c for c in type(self.layer).__mro__ if c.__module__.startswith("tinycnn.layers.")), None)
        if kind is None or kind is layers.Layer or self.function.rewind is None:
            return None
        own = copy.copy(self.layer)
        own.__class__ = kind
        return own

    @cached_property
    def right(self) -> dict[str, Array]:
        """The gradients of tinycnn's own layer of this kind."""
        return self.made_by(REFERENCE)

    def made_by(self, kernels: Kernels) -> dict[str, Array]:
        """The same with such kernels; {} where there is no such layer."""
        own = self.own_layer
        if own is None or self.function.rewind is None:
            return {}
        own.kernels = kernels
        self.function.rewind()
        with np.errstate(all="ignore"):
            own.forward(self.function.x, training=True)
            dx = own.backward(self.function.upstream.copy())
        return {"input": dx} | {p.name: p.grad.copy() for p in own.parameters}

    @cached_property
    def statistics(self) -> tuple[Array, ...]:
        """Batch normalization: dx, dy and x as rows of channels."""
        c = self.function.x.shape[-1]
        return tuple(a.reshape(-1, c) for a in (self.gradient, self.function.upstream, self.function.x))


AT_KINKS = "right where there is no kink; at kinks relu'(0) = 0, and the first of equal maxima takes all"
UNKNOWN = "not one of the usual ones; compare backward with the formula, term by term"
NONE = "backward returns None. Is a return missing?"
Pair = tuple[Array, Array]  # two arrays that are equal if a hypothesis is true


def likely_mistake(e: Evidence) -> str:
    """The name of the mistake, where exactly one explains the wrong gradient; else where the wrong entries lie."""
    data = e.function.without_penalty.get(e.name)
    if data is not None:  # is the penalty's share wrong, or the rest?
        function = dataclasses.replace(e.function, without_penalty={})
        share = Evidence(function, e.name, e.gradient - data, None, e.index, e.measured - e.at(data))
        mistake = likely_mistake(share)
        if not mistake.startswith(UNKNOWN):
            return f"the gradient of its regularizer's penalty: {mistake}"
    if not np.isfinite(e.gradient).all():
        return "it holds NaN or infinity"
    if not np.any(e.gradient):
        return "it is zero"
    rounded = _rounded(e)
    if rounded:
        return rounded
    if same(e.given, e.measured):
        return "right in all entries of the sample, wrong in others: raise entries to see more"
    for search in (_bookkeeping, _of_this_layer, _as_a_whole):
        names = list(dict.fromkeys(search(e)))
        if len(names) == 1:
            return names[0]
        if names:
            return f"{UNKNOWN}{where_it_is_wrong(e)}"
    factor = float(e.given @ e.measured / (e.measured @ e.measured or 1))
    name = _name_of_factor(factor, e) if same(e.given, factor * e.measured) else ""
    return name or f"{UNKNOWN}{where_it_is_wrong(e)}"


def _rounded(e: Evidence) -> str:
    """Numbers that are what is due, in a coarser type."""
    if np.array_equal(e.gradient, np.round(e.gradient)) and e.gradient.size > 3:
        whole = [np.trunc(e.measured), np.round(e.measured), np.floor(e.measured)]
        if any(np.array_equal(e.given, numbers) for numbers in whole):
            return "whole numbers: an array of integers is made on the way, and what is put into it is cut off"
    for dtype, off in ((np.float16, 2e-3), (np.float32, 1e-5)):
        if np.array_equal(e.gradient, e.gradient.astype(dtype)):
            scale = np.max(np.abs(e.measured), initial=0.0)
            if np.max(np.abs(e.given - e.measured), initial=0.0) <= off * scale:
                return f"rounded to {np.dtype(dtype)}: the gradient is to be of the type of what is handed in"
    return ""


def _bookkeeping(e: Evidence) -> Iterator[str]:
    if e.before is not None and same(e.given, e.at(e.before)):
        yield "backward does not write it: it still holds what stood there before"
    if e.before is not None and same(e.at(e.gradient - e.before), e.measured):
        yield "backward adds to it; it must assign, for an earlier step's gradient still stands there"


def _of_this_layer(e: Evidence) -> Iterator[str]:
    """Mistakes that are made in this kind of layer."""
    if e.layer is None:
        of_logits = e.name == "y_pred" and e.gradient.ndim == 2
        if of_logits and same(e.given, e.at(wrong_ways.crossentropy_without_labels(e.function.x))):
            yield "the label's 1 is not taken off: (p − [k = label])/n"
        return
    if e.due is not None and e.own_layer is not None:
        for name, table in wrong_ways.tables(e.own_layer):
            with contextlib.suppress(ValueError, IndexError):  # a mistake that cannot be made with these shapes
                if _is(e, e.made_by(table).get(e.name)):
                    yield name
    yield from _of_dropout(e)
    yield from _of_batch_normalization(e)


def _is(e: Evidence, wrong: Array | None) -> bool:
    """Whether a mistake gives just the gradient in question, and not the right one."""
    if wrong is None or e.due is None or np.shape(wrong) != e.gradient.shape or not np.isfinite(wrong).all():
        return False
    return same(e.gradient.ravel(), np.ravel(wrong)) and not same(np.ravel(wrong), e.due.ravel())


def _of_dropout(e: Evidence) -> Iterator[str]:
    if not isinstance(e.layer, Dropout) or e.due is None:
        return
    dy, kept = e.function.upstream, 1 - e.layer.rate
    passed = e.due != 0
    for name, wrong in (
        ("dropout's mask is missing in backward: dy passes through as it is", dy),
        ("the factor 1/(1 − rate) of dropout is missing", dy * passed),
        ("the factor 1/(1 − rate) of dropout stands there twice", dy * passed / kept**2),
        ("multiplied by 1 − rate where it is due to be divided", dy * passed * kept),
        ("dropout's mask is missing in backward; the factor 1/(1 − rate) is there", dy / kept),
        ("the mask the wrong way round: what forward dropped takes the gradient", dy * ~passed / kept),
        ("the mask the wrong way round: what forward dropped takes the gradient", dy * ~passed),
    ):
        if _is(e, wrong):
            yield name
    with np.errstate(all="ignore"):
        times = e.gradient / dy
    own = ~np.isclose(times, 0)
    if (
        times.size >= 20
        and not np.array_equal(own, passed)
        and not np.array_equal(own, ~passed)
        and 0 < own.sum() < own.size
    ):
        for factor in (1 / kept, 1.0):
            if np.allclose(times[own], factor):
                yield "another mask than forward's: backward draws it anew; it is to be kept"


def _of_batch_normalization(e: Evidence) -> Iterator[str]:
    """The terms of dx; and what is added to it where the statistics are frozen."""
    if not isinstance(e.layer, BatchNormalization) or not e.is_input:
        return
    dx, dy, x = e.statistics
    gamma = e.layer.gamma.value if e.layer.scale else np.ones(x.shape[1])
    if e.layer.trainable:
        name = wrong_ways.statistics_terms(dx, dy, x, gamma, e.layer.epsilon)
        if name:
            yield name
    elif e.due is not None:
        too_much = dx - e.due.reshape(dx.shape)
        x_hat = (x - x.mean(axis=0)) / x.std(axis=0)
        fitted = np.empty_like(too_much)
        for c in range(x.shape[1]):
            terms = np.stack([np.ones(len(x)), x_hat[:, c]], axis=1)
            fitted[:, c] = terms @ np.linalg.lstsq(terms, too_much[:, c], rcond=None)[0]
        if len(x) >= 6 and same(fitted.ravel(), too_much.ravel()):
            yield "frozen: mean and variance are constants, their terms do not belong here"


def _as_a_whole(e: Evidence) -> Iterator[str]:
    """What is done to a right gradient: transposed, flipped, shifted, that of another array."""
    for name, pairs in (("transposed", _transposed), (FLIPPED, _flipped), (SHIFTED, _shifted)):
        if any(same(left, right) for left, right in pairs(e)):
            yield name
    dy = e.function.upstream
    if e.is_input and np.shape(dy) == e.gradient.shape and not isinstance(e.layer, Dropout) and same(e.given, e.at(dy)):
        yield "dy passes through as it is: the layer's own derivative is missing"
    if e.due is None:
        return
    for other, right in e.right.items():
        if other != e.name and right.shape == e.gradient.shape and _is(e, right):
            yield f"it is the gradient of {other}"
    if e.is_input and len(e.gradient) > 1 and e.gradient.ndim > 1:
        if _is(e, e.due[::-1]):
            yield "the samples stand in reverse order"
        elif _is(e, np.broadcast_to(e.due.mean(axis=0), e.due.shape)):
            yield "averaged over the batch: each sample has a gradient of its own"
        elif _is(e, np.broadcast_to(e.due.sum(axis=0), e.due.shape)):
            yield "summed over the batch: each sample has a gradient of its own"


FLIPPED = "flipped: rows and columns of the kernel run backwards"
SHIFTED = "shifted by one pixel: an off-by-one in the windows, or 'same' padding cropped on the wrong side"


def _name_of_factor(factor: float, e: Evidence) -> str:
    x = next(iter(named_inputs(e.function.x).values()))
    n = len(x)
    names = [(-1.0, "the sign is wrong"), (2.0, "2 times too large"), (1 / 2, "a factor 2 is missing")]
    if n > 1:
        names += [
            (n, f"{n} times too large, the batch size: a sum over the batch where a mean is due"),
            (1 / n, f"divided by {n}, the batch size: once too often"),
        ]
    for pixels in dict.fromkeys(int(np.prod(shape[:-1])) for shape in (x.shape, np.shape(e.function.upstream))):
        if pixels not in (0, 1, n):  # n·h·w of the input, of the output
            names += [
                (pixels, f"{pixels} times too large, the number of pixels n·h·w: a sum where a mean is due"),
                (1 / pixels, f"divided by {pixels}, the number of pixels n·h·w: once too often"),
            ]
    found = [name for value, name in names if np.isclose(factor, value, rtol=1e-4)]
    if not found and np.count_nonzero(e.measured) > 3:  # of one number there is always a factor
        return f"wrong by the constant factor {factor:.4g}"
    return ", or ".join(found)


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


# Where it is wrong

MOST_ROWS, MOST_COLUMNS = 12, 24


def where_it_is_wrong(e: Evidence) -> str:
    """A small picture in text of the wrong entries, of images the one and the channel with most; "" if unknown."""
    if e.due is None:
        return ""
    scale = np.max(np.abs(e.due), initial=0.0) or 1.0
    wrong = ~(np.abs(e.gradient - e.due) <= 1e-5 * scale)
    lines = [f"wrong are {wrong.sum()} of {wrong.size} numbers{_of_overlaps(e, wrong)}"]
    plane, where = wrong, ""
    if wrong.ndim == 4:
        axes, at = ((1, 2), (0, 3)) if e.is_input else ((0, 1), (2, 3))
        i, j = np.unravel_index(np.argmax(wrong.sum(axis=axes)), [wrong.shape[a] for a in at])
        plane = wrong[i, :, :, j] if e.is_input else wrong[:, :, i, j]
        where = f"[{i}, :, :, {j}]" if e.is_input else f"[:, :, {i}, {j}]"
    plane = plane.reshape(1, -1) if plane.ndim < 2 else plane.reshape(len(plane), -1)
    if wrong.all() or plane.size < 2:
        return f"; {lines[0]}"
    lines.append(f"{where} (. right, X wrong)".strip())
    lines += ["".join(".X"[int(one)] for one in row[:MOST_COLUMNS]) for row in plane[:MOST_ROWS]]
    return "; " + "\n".join(lines)


def _of_overlaps(e: Evidence, wrong: Array) -> str:
    """Whether just those pixels are wrong that lie in several windows."""
    if not isinstance(e.layer, (Conv2D, MaxPooling2D)) or not e.is_input or getattr(e.layer, "padding", "") != "valid":
        return ""
    size = e.layer.kernel_size if isinstance(e.layer, Conv2D) else e.layer.pool_size
    windows = np.zeros(wrong.shape[1:3], int)
    for i, j in np.ndindex(*e.function.upstream.shape[1:3]):
        windows[i * e.layer.strides[0] :, j * e.layer.strides[1] :][: size[0], : size[1]] += 1
    alone, several = wrong[:, windows == 1], wrong[:, windows > 1]
    if alone.size and several.size and not alone.any() and several.mean() > 0.5:
        return ": right where windows do not overlap, wrong where they do"
    return ""

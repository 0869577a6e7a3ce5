"""The inner loops of max pooling: a vector full of channels (16 for float32 with AVX-512), and a row of windows.

A window's maximum and its place stay in registers while its pixels pass by. In the fused steps other things are done to
a pixel on the way: relu, batch normalization's line, and sums over a row of windows.

Written in LLVM's instructions, like ``block_product.py``: a compiler that must assume that y and argmax overlap x
checks that anew for each window, which takes longer than the work. What they compute is said by the functions in
Python, which also serve where Numba's compiler is off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinycnn.kernels.engine.llvm_functions import (
    ARGMAX,
    BYTES,
    COUNTED,
    FLAG,
    INDEX,
    NUMBERS,
    Emitter,
    llvm_function,
    whole,
)

Array = np.ndarray

USUAL = 4  # pixels of a window, 2x2: they have loops of their own, unrolled


def pool_windows_in_python(
    x: Array, x_start: int, x_step: int, taps: Array, y: Array, argmax: Array, start: int, windows: int, channels: int,
    factor: Any = None, sums: Any = None,
) -> None:  # fmt: skip
    """For window number i, of the pixels x[x_start + i·x_step + taps[t] + c] the largest: to y[start + i·channels + c],
    and the first such t to the same place in argmax; all one axis.

    With a ``factor`` (channels,) the pixels are relu(x), and the largest is the one whose factor·relu(x) is. With
    ``sums`` (channels,) these pixels take the place of x, and are added to ``sums``; windows must then have no pixel in
    common.
    """
    for i in range(windows):
        pixels = x_start + i * x_step + taps[:, None] + np.arange(channels)  # (taps, channels)
        window = sizes = x[pixels]
        if factor is not None:
            window = np.where(window <= 0, 0, window)
            sizes = window * factor
        if sums is not None:
            x[pixels] = window
            sums += window.sum(0)
        best, place = window[0].copy(), np.zeros(channels, int)
        best_size = sizes[0].copy()
        for t in range(1, len(taps)):
            larger = sizes[t] > best_size
            best[larger], best_size[larger], place[larger] = window[t, larger], sizes[t, larger], t
        here = slice(start + i * channels, start + (i + 1) * channels)
        y[here], argmax[here] = best, place


def unpool_windows_in_python(
    dy: Array, argmax: Array, start: int, taps: Array, dx: Array, dx_start: int, dx_step: int, windows: int,
    channels: int, y: Any = None, factor: Any = None, sums: Any = None, adds: bool = True,
    a: Any = None, mean: Any = None, slope: Any = None, constant: Any = None,
) -> None:  # fmt: skip
    """For window number i: dx[dx_start + i·dx_step + taps[t] + c] += dy[start + i·channels + c] for t = argmax[…].

    With y, factor and sums (one number per channel) the gradient is factor·dy where y > 0, else 0, and is added to
    ``sums``; without ``adds`` all pixels of the windows are written, most of them with 0. With a, whose pixels lie as
    those of dx do, they are always written: with (a − mean)·slope + constant, or 0 where a is not positive, before the
    gradient is added; all of it counts in ``sums``. To be written, windows must have no pixel in common.
    """
    c = np.arange(channels)
    for i in range(windows):
        here, pixels = start + i * channels + c, dx_start + i * dx_step + taps[:, None] + c  # (taps, channels)
        gradient = dy[here]
        if y is not None:
            gradient = np.where(y[here] > 0, factor[:channels] * gradient, 0)
            sums[:channels] += gradient
        if a is not None:
            dx[pixels] = np.where(a[pixels] > 0, (a[pixels] - mean) * slope + constant, 0)
            sums[:channels] += dx[pixels].sum(0)
        elif not adds:
            dx[pixels] = 0
        dx[pixels[argmax[here], c]] += gradient


def _for_each_tap(
    emitter: Emitter, taps: Any, count: int | None, tap_count: Any, body: Any, first: int = 0
) -> None:  # fmt: skip
    """``body(t, taps[t])`` for each pixel of a window from the ``first``, unrolled where their ``count`` is known."""
    builder = emitter.builder
    if count is None:
        with cgutils.for_range(builder, tap_count, start=whole(first)) as loop:
            body(loop.index, builder.load(builder.gep(taps, [loop.index])))
    else:
        for t in range(first, count):
            body(whole(t), builder.load(builder.gep(taps, [whole(t)])))


def _for_each_window(emitter: Emitter, windows: Any, tap_count: Any, body: Any) -> None:
    """``body(i, count)`` for each window, with the ``count`` of its pixels where it is the usual one."""
    builder = emitter.builder
    with builder.if_else(builder.icmp_signed("==", tap_count, whole(USUAL))) as (usual, other):
        for case, count in ((usual, USUAL), (other, None)):
            with case, cgutils.for_range(builder, windows) as loop:
                body(loop.index, count)


def _emit_pool(
    emitter: Emitter, x: Any, x_start: Any, x_step: Any, taps: Any, tap_count: Any, y: Any, argmax: Any, start: Any,
    windows: Any, channels: Any, factor: Any = None, sums: Any = None,
) -> None:  # fmt: skip
    builder, number = emitter.builder, argmax.type.pointee
    places = ir.VectorType(number, emitter.lanes)
    zero = ir.Constant(emitter.vector, None)
    best = cgutils.alloca_once(builder, emitter.vector)
    best_size = cgutils.alloca_once(builder, emitter.vector)
    place = cgutils.alloca_once(builder, places)
    total = cgutils.alloca_once(builder, emitter.vector)

    def one_vector(channel: Any, mask: Any) -> None:
        scale = None if factor is None else emitter.load(builder.gep(factor, [channel]), 0, mask)
        builder.store(zero, total)

        def one_window(i: Any, count: int | None) -> None:
            window = builder.gep(x, [builder.add(builder.add(x_start, builder.mul(i, x_step)), channel)])

            def pixel_and_size(tap: Any) -> tuple[Any, Any]:
                where = builder.gep(window, [tap])
                pixel = emitter.load(where, 0, mask)
                if scale is None:
                    return pixel, pixel
                pixel = builder.select(builder.fcmp_ordered("<=", pixel, zero), zero, pixel)
                if sums is not None:
                    emitter.store(pixel, where, 0, mask)
                    builder.store(builder.fadd(builder.load(total), pixel), total)
                return pixel, builder.fmul(pixel, scale)

            def one_pixel(t: Any, tap: Any) -> None:
                pixel, its_size = pixel_and_size(tap)
                larger = builder.fcmp_ordered(">", its_size, builder.load(best_size))
                number_of_tap = emitter.broadcast(builder.trunc(t, number))
                for variable, new in ((best, pixel), (best_size, its_size), (place, number_of_tap)):
                    builder.store(builder.select(larger, new, builder.load(variable)), variable)

            first, its_size = pixel_and_size(builder.load(taps))
            for variable, value in ((best, first), (best_size, its_size), (place, ir.Constant(places, None))):
                builder.store(value, variable)
            _for_each_tap(emitter, taps, count, tap_count, one_pixel, first=1)
            here = builder.add(builder.add(start, builder.mul(i, channels)), channel)
            emitter.store(builder.load(best), builder.gep(y, [here]), 0, mask)
            emitter.store(builder.load(place), builder.gep(argmax, [here]), 0, mask)

        _for_each_window(emitter, windows, tap_count, one_window)
        if sums is not None:
            to = builder.gep(sums, [channel])
            emitter.store(builder.fadd(emitter.load(to, 0, mask), builder.load(total)), to, 0, mask)

    emitter.for_each_vector(channels, one_vector)


def _emit_unpool(
    emitter: Emitter, dy: Any, argmax: Any, start: Any, taps: Any, tap_count: Any, dx: Any, dx_start: Any, dx_step: Any,
    windows: Any, channels: Any, y: Any = None, factor: Any = None, sums: Any = None, adds: Any = None,
    a: Any = None, mean: Any = None, slope: Any = None, constant: Any = None,
) -> None:  # fmt: skip
    builder = emitter.builder
    zero = ir.Constant(emitter.vector, None)
    total = cgutils.alloca_once(builder, emitter.vector)

    def one_vector(channel: Any, mask: Any) -> None:
        def load(array: Any, place: Any) -> Any:
            return emitter.load(builder.gep(array, [place]), 0, mask)

        def where_positive(condition: Any, value: Any) -> Any:
            """The value or 0, added to the sum."""
            value = builder.select(builder.fcmp_ordered(">", condition, zero), value, zero)
            builder.store(builder.fadd(builder.load(total), value), total)
            return value

        by_channel = [None if array is None else load(array, channel) for array in (factor, mean, slope, constant)]
        scale, centre, steepness, height = by_channel
        builder.store(zero, total)

        def gradient_of(here: Any) -> Any:
            return load(dy, here) if y is None else where_positive(load(y, here), builder.fmul(scale, load(dy, here)))

        def before(pixel: Any) -> Any:
            if a is not None:
                value = load(a, pixel)
                on_line = builder.fadd(builder.fmul(builder.fsub(value, centre), steepness), height)
                return where_positive(value, on_line)
            return load(dx, pixel) if adds is None else builder.select(adds, load(dx, pixel), zero)

        def one_window(i: Any, count: int | None) -> None:
            here = builder.add(builder.add(start, builder.mul(i, channels)), channel)
            gradient, place = gradient_of(here), load(argmax, here)
            window = builder.add(builder.add(dx_start, builder.mul(i, dx_step)), channel)

            def one_pixel(t: Any, tap: Any) -> None:
                pixel = builder.add(window, tap)
                number_of_tap = emitter.broadcast(builder.trunc(t, place.type.element))
                is_here = builder.icmp_signed("==", place, number_of_tap)
                value = builder.fadd(before(pixel), builder.select(is_here, gradient, zero))
                emitter.store(value, builder.gep(dx, [pixel]), 0, mask)

            _for_each_tap(emitter, taps, count, tap_count, one_pixel)

        _for_each_window(emitter, windows, tap_count, one_window)
        if sums is not None:
            emitter.store(builder.fadd(load(sums, channel), builder.load(total)), builder.gep(sums, [channel]), 0, mask)

    emitter.for_each_vector(channels, one_vector)


def _kinds(places: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the arguments of pooling and of the way back."""
    pool = NUMBERS, INDEX, INDEX, COUNTED, NUMBERS, places, INDEX, INDEX, INDEX
    return pool, (NUMBERS, places, INDEX, COUNTED, NUMBERS, INDEX, INDEX, INDEX, INDEX)


_POOL, _UNPOOL = _kinds(ARGMAX)
_SMALL_POOL, _SMALL_UNPOOL = _kinds(BYTES)  # in the fused steps, whose windows have at most 256 pixels
_POSITIVE = (*_SMALL_UNPOOL, NUMBERS, NUMBERS, NUMBERS, FLAG)

pool_windows = llvm_function("pool_windows", _POOL, _emit_pool, pool_windows_in_python)
pool_scaled_windows = llvm_function("pool_scaled_windows", (*_SMALL_POOL, NUMBERS), _emit_pool, pool_windows_in_python)
relu_and_pool_windows = llvm_function(
    "relu_and_pool_windows", (*_SMALL_POOL, NUMBERS, NUMBERS), _emit_pool, pool_windows_in_python
)
unpool_windows = llvm_function("unpool_windows", _UNPOOL, _emit_unpool, unpool_windows_in_python)
unpool_positive_windows = llvm_function("unpool_positive_windows", _POSITIVE, _emit_unpool, unpool_windows_in_python)
unpool_on_line_windows = llvm_function(
    "unpool_on_line_windows", (*_POSITIVE, *4 * (NUMBERS,)), _emit_unpool, unpool_windows_in_python
)

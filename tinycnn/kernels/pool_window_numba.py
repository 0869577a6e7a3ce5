"""The inner loops of max pooling: a row of windows, and for each of them 8 or 16 channels in one vector.

A window's maximum and its place stay in registers while its pixels pass by. Written in LLVM's instructions, like
``block_product_numba.py``: a compiler that must assume that y and argmax overlap x checks that anew for each window,
which takes longer than the work. What they compute is said by the functions in Python, which also serve where Numba's
compiler is off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinycnn.kernels.llvm_functions_numba import ARGMAX, COUNTED, FLAG, INDEX, NUMBERS, Emitter, llvm_function, whole

Array = np.ndarray

USUAL = 4  # pixels of a window, 2x2: they have loops of their own, unrolled


def pool_windows_in_python(
    x: Array, x_start: int, x_step: int, taps: Array, y: Array, argmax: Array, start: int, windows: int, channels: int,
    *factor: Array,
) -> None:  # fmt: skip
    """For window number i, of the pixels x[x_start + i·x_step + taps[t] + c] the largest: to y[start + i·channels + c],
    and the first such t to the same place in argmax; all one axis.

    With a ``factor`` (channels,) the pixels are relu(x), and the largest is the one whose factor·relu(x) is.
    """
    for i in range(windows):
        window = x[x_start + i * x_step + taps[:, None] + np.arange(channels)]  # (taps, channels)
        sizes = window
        if factor:
            window = np.where(window <= 0, 0, window)
            sizes = window * factor[0]
        best, place = window[0].copy(), np.zeros(channels, int)
        best_size = sizes[0].copy()
        for t in range(1, len(taps)):
            larger = sizes[t] > best_size
            best[larger], best_size[larger], place[larger] = window[t, larger], sizes[t, larger], t
        here = slice(start + i * channels, start + (i + 1) * channels)
        y[here], argmax[here] = best, place


def unpool_windows_in_python(
    dy: Array, argmax: Array, start: int, taps: Array, dx: Array, dx_start: int, dx_step: int, windows: int,
    channels: int, *positive: Any,
) -> None:  # fmt: skip
    """For window number i: dx[dx_start + i·dx_step + taps[t] + c] += dy[start + i·channels + c] for t = argmax[…].

    ``positive`` is y, factor (channels,), sums (channels,) and adds: then the gradient is factor·dy where y > 0, else
    0; its sums are added to ``sums``; and without ``adds`` all pixels of the windows are written, most of them with 0.
    """
    c = np.arange(channels)
    for i in range(windows):
        here, pixels = start + i * channels + c, dx_start + i * dx_step + taps[:, None] + c  # (taps, channels)
        gradient = dy[here]
        if positive:
            y, factor, sums, adds = positive
            gradient = np.where(y[here] > 0, factor[:channels] * gradient, 0)
            sums[:channels] += gradient
            if not adds:
                dx[pixels] = 0
        dx[pixels[argmax[here], c]] += gradient


def _for_each_tap(emitter: Emitter, taps: Any, count: int | None, tap_count: Any, body: Any) -> None:
    """``body(t, taps[t])`` for each pixel of a window, unrolled where their ``count`` is known."""
    builder = emitter.builder
    if count is None:
        with cgutils.for_range(builder, tap_count) as loop:
            body(loop.index, builder.load(builder.gep(taps, [loop.index])))
    else:
        for t in range(count):
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
    windows: Any, channels: Any, *factor: Any,
) -> None:  # fmt: skip
    builder, number = emitter.builder, argmax.type.pointee
    places = ir.VectorType(number, emitter.lanes)
    best = cgutils.alloca_once(builder, emitter.vector)
    best_size = cgutils.alloca_once(builder, emitter.vector)
    place = cgutils.alloca_once(builder, places)

    def one_window(i: Any, count: int | None) -> None:
        window = builder.gep(x, [builder.add(x_start, builder.mul(i, x_step))])
        to = builder.add(start, builder.mul(i, channels))

        def one_vector(channel: Any, mask: Any) -> None:
            from_here = builder.gep(window, [channel])
            factors = [emitter.load(builder.gep(array, [channel]), 0, mask) for array in factor]

            def pixel_and_size(tap: Any) -> tuple[Any, Any]:
                pixel = emitter.load(builder.gep(from_here, [tap]), 0, mask)
                if not factors:
                    return pixel, pixel
                zero = ir.Constant(emitter.vector, None)
                pixel = builder.select(builder.fcmp_ordered("<=", pixel, zero), zero, pixel)
                return pixel, builder.fmul(pixel, factors[0])

            def one_pixel(t: Any, tap: Any) -> None:
                pixel, its_size = pixel_and_size(tap)
                larger = builder.fcmp_ordered(">", its_size, builder.load(best_size))
                number_of_tap = emitter.broadcast(builder.trunc(t, number))
                for variable, new in ((best, pixel), (best_size, its_size), (place, number_of_tap)):
                    builder.store(builder.select(larger, new, builder.load(variable)), variable)

            first, its_size = pixel_and_size(builder.load(taps))
            builder.store(first, best)
            builder.store(its_size, best_size)
            builder.store(ir.Constant(places, None), place)
            _for_each_tap(emitter, taps, count, tap_count, one_pixel)
            here = builder.add(to, channel)
            emitter.store(builder.load(best), builder.gep(y, [here]), 0, mask)
            emitter.store(builder.load(place), builder.gep(argmax, [here]), 0, mask)

        emitter.for_each_vector(channels, one_vector)

    _for_each_window(emitter, windows, tap_count, one_window)


def _emit_unpool(
    emitter: Emitter, dy: Any, argmax: Any, start: Any, taps: Any, tap_count: Any, dx: Any, dx_start: Any, dx_step: Any,
    windows: Any, channels: Any, *positive: Any,
) -> None:  # fmt: skip
    builder = emitter.builder
    zero = ir.Constant(emitter.vector, None)
    total = cgutils.alloca_once(builder, emitter.vector)

    def one_vector(channel: Any, mask: Any) -> None:
        builder.store(zero, total)

        def gradient_of(here: Any) -> Any:
            gradient = emitter.load(builder.gep(dy, [here]), 0, mask)
            if positive:
                y, factor, _, _ = positive
                scaled = builder.fmul(emitter.load(builder.gep(factor, [channel]), 0, mask), gradient)
                passes = builder.fcmp_ordered(">", emitter.load(builder.gep(y, [here]), 0, mask), zero)
                gradient = builder.select(passes, scaled, zero)
                builder.store(builder.fadd(builder.load(total), gradient), total)
            return gradient

        def one_window(i: Any, count: int | None) -> None:
            here = builder.add(builder.add(start, builder.mul(i, channels)), channel)
            gradient, place = gradient_of(here), emitter.load(builder.gep(argmax, [here]), 0, mask)
            to = builder.gep(dx, [builder.add(builder.add(dx_start, builder.mul(i, dx_step)), channel)])

            def one_pixel(t: Any, tap: Any) -> None:
                pixel = builder.gep(to, [tap])
                number_of_tap = emitter.broadcast(builder.trunc(t, place.type.element))
                is_here = builder.icmp_signed("==", place, number_of_tap)
                mine = builder.select(is_here, gradient, zero)
                before = emitter.load(pixel, 0, mask)
                if positive:
                    before = builder.select(positive[3], before, zero)
                emitter.store(builder.fadd(before, mine), pixel, 0, mask)

            _for_each_tap(emitter, taps, count, tap_count, one_pixel)

        _for_each_window(emitter, windows, tap_count, one_window)
        if positive:
            to_sums = builder.gep(positive[2], [channel])
            emitter.store(builder.fadd(emitter.load(to_sums, 0, mask), builder.load(total)), to_sums, 0, mask)

    emitter.for_each_vector(channels, one_vector)


_POOL = (NUMBERS, INDEX, INDEX, COUNTED, NUMBERS, ARGMAX, INDEX, INDEX, INDEX)
_UNPOOL = (NUMBERS, ARGMAX, INDEX, COUNTED, NUMBERS, INDEX, INDEX, INDEX, INDEX)

pool_windows = llvm_function("pool_windows", _POOL, _emit_pool, pool_windows_in_python)
pool_scaled_windows = llvm_function("pool_scaled_windows", (*_POOL, NUMBERS), _emit_pool, pool_windows_in_python)
unpool_windows = llvm_function("unpool_windows", _UNPOOL, _emit_unpool, unpool_windows_in_python)
unpool_positive_windows = llvm_function(
    "unpool_positive_windows", (*_UNPOOL, NUMBERS, NUMBERS, NUMBERS, FLAG), _emit_unpool, unpool_windows_in_python
)

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
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinycnn.kernels.block_product_numba import JIT_IS_OFF, VECTOR_BYTES, Emitter, text_mark, whole

Array = np.ndarray

MARK = text_mark(__file__)


USUAL = 4  # pixels of a window, 2x2: they have loops of their own, unrolled


def pool_windows_in_python(
    x: Array, x_start: int, x_step: int, taps: Array, y: Array, argmax: Array, start: int, windows: int, channels: int,
    *normalization: Array,
) -> None:  # fmt: skip
    """For window number i, of the pixels x[x_start + i·x_step + taps[t] + c] the largest: to y[start + i·channels + c],
    and the first such t to the same place in argmax; all one axis.

    With ``mean``, ``scale`` and ``beta`` (channels,) the pixels are relu(x), and the largest is the one whose
    (relu(x) − mean)·scale + beta is.
    """
    for i in range(windows):
        window = x[x_start + i * x_step + taps[:, None] + np.arange(channels)]  # (taps, channels)
        sizes = window
        if normalization:
            mean, scale, beta = normalization
            window = np.where(window <= 0, 0, window)
            sizes = (window - mean) * scale + beta
        best, place = window[0].copy(), np.zeros(channels, int)
        best_size = sizes[0].copy()
        for t in range(1, len(taps)):
            larger = sizes[t] > best_size
            best[larger], best_size[larger], place[larger] = window[t, larger], sizes[t, larger], t
        here = slice(start + i * channels, start + (i + 1) * channels)
        y[here], argmax[here] = best, place


def unpool_windows_in_python(
    dy: Array, argmax: Array, start: int, taps: Array, dx: Array, dx_start: int, dx_step: int, windows: int,
    channels: int,
) -> None:  # fmt: skip
    """For window number i: dx[dx_start + i·dx_step + taps[t] + c] += dy[start + i·channels + c] for t = argmax[…]."""
    c = np.arange(channels)
    for i in range(windows):
        here = start + i * channels + c
        dx[dx_start + i * dx_step + taps[argmax[here]] + c] += dy[here]


def _in_llvm(name: str, emit: Any, signature: Any, taps_position: int) -> Any:
    """What Numba needs of an intrinsic: the types, and a function that generates the call."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays: list[Any] = [
            context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else None
            for kind, value in zip(signature.args, arguments, strict=True)
        ]
        values = [value if array is None else array.data for array, value in zip(arrays, arguments, strict=True)]
        values.append(arrays[taps_position].nitems)
        builder.call(_function(builder.module, name, emit, [value.type for value in values]), values)
        return context.get_dummy_value()

    return signature, generate


def _function(module: Any, name: str, emit: Any, argument_types: list[Any]) -> Any:
    """The module's function for these types of arrays."""
    full_name = f"tinycnn_{name}_{MARK}_" + "_".join(str(kind.pointee) for kind in argument_types if kind.is_pointer)
    if full_name in module.globals:
        return module.globals[full_name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), argument_types), full_name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    number = argument_types[0].pointee
    emit(Emitter(builder, number, VECTOR_BYTES // (4 if isinstance(number, ir.FloatType) else 8)), *function.args)
    builder.ret_void()
    return function


def _for_each_tap(emitter: Emitter, taps: Any, count: int | None, nitems: Any, body: Any) -> None:
    """``body(t, taps[t])`` for each pixel of a window, unrolled where their ``count`` is known."""
    builder = emitter.builder
    if count is None:
        with cgutils.for_range(builder, nitems) as loop:
            body(loop.index, builder.load(builder.gep(taps, [loop.index])))
    else:
        for t in range(count):
            body(whole(t), builder.load(builder.gep(taps, [whole(t)])))


def _for_each_window(emitter: Emitter, windows: Any, nitems: Any, body: Any) -> None:
    """``body(i, count)`` for each window, with the ``count`` of its pixels where it is the usual one."""
    builder = emitter.builder
    with builder.if_else(builder.icmp_signed("==", nitems, whole(USUAL))) as (usual, other):
        for case, count in ((usual, USUAL), (other, None)):
            with case, cgutils.for_range(builder, windows) as loop:
                body(loop.index, count)


def _emit_pool(
    emitter: Emitter, x: Any, x_start: Any, x_step: Any, taps: Any, y: Any, argmax: Any, start: Any,
    windows: Any, channels: Any, *normalization_and_nitems: Any,
) -> None:  # fmt: skip
    builder, number = emitter.builder, argmax.type.pointee
    *normalization, nitems = normalization_and_nitems
    places = ir.VectorType(number, emitter.lanes)
    best = cgutils.alloca_once(builder, emitter.vector)
    best_size = cgutils.alloca_once(builder, emitter.vector)
    place = cgutils.alloca_once(builder, places)

    def one_window(i: Any, count: int | None) -> None:
        window = builder.gep(x, [builder.add(x_start, builder.mul(i, x_step))])
        to = builder.add(start, builder.mul(i, channels))

        def one_vector(channel: Any, mask: Any) -> None:
            from_here = builder.gep(window, [channel])
            factors = [emitter.load(builder.gep(array, [channel]), 0, mask) for array in normalization]

            def pixel_and_size(tap: Any) -> tuple[Any, Any]:
                pixel = emitter.load(builder.gep(from_here, [tap]), 0, mask)
                if not factors:
                    return pixel, pixel
                mean, scale, beta = factors
                zero = ir.Constant(emitter.vector, None)
                pixel = builder.select(builder.fcmp_ordered("<=", pixel, zero), zero, pixel)
                return pixel, builder.fadd(builder.fmul(builder.fsub(pixel, mean), scale), beta)

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
            _for_each_tap(emitter, taps, count, nitems, one_pixel)
            here = builder.add(to, channel)
            emitter.store(builder.load(best), builder.gep(y, [here]), 0, mask)
            emitter.store(builder.load(place), builder.gep(argmax, [here]), 0, mask)

        emitter.for_each_vector(channels, one_vector)

    _for_each_window(emitter, windows, nitems, one_window)


def _emit_unpool(
    emitter: Emitter, dy: Any, argmax: Any, start: Any, taps: Any, dx: Any, dx_start: Any, dx_step: Any,
    windows: Any, channels: Any, nitems: Any,
) -> None:  # fmt: skip
    builder = emitter.builder

    def one_window(i: Any, count: int | None) -> None:
        window = builder.gep(dx, [builder.add(dx_start, builder.mul(i, dx_step))])
        from_here = builder.add(start, builder.mul(i, channels))

        def one_vector(channel: Any, mask: Any) -> None:
            here = builder.add(from_here, channel)
            gradient = emitter.load(builder.gep(dy, [here]), 0, mask)
            place = emitter.load(builder.gep(argmax, [here]), 0, mask)
            to = builder.gep(window, [channel])

            def one_pixel(t: Any, tap: Any) -> None:
                pixel = builder.gep(to, [tap])
                number_of_tap = emitter.broadcast(builder.trunc(t, place.type.element))
                is_here = builder.icmp_signed("==", place, number_of_tap)
                mine = builder.select(is_here, gradient, ir.Constant(emitter.vector, None))
                emitter.store(builder.fadd(emitter.load(pixel, 0, mask), mine), pixel, 0, mask)

            _for_each_tap(emitter, taps, count, nitems, one_pixel)

        emitter.for_each_vector(channels, one_vector)

    _for_each_window(emitter, windows, nitems, one_window)


def _pool_windows(
    typing_context: Any, x: Any, x_start: Any, x_step: Any, taps: Any, y: Any, argmax: Any, start: Any,
    windows: Any, channels: Any,
) -> Any:  # fmt: skip
    index = types.intp
    signature = types.void(x, index, index, taps, y, argmax, index, index, index)
    return _in_llvm("pool_windows", _emit_pool, signature, taps_position=3)


def _pool_normalized_windows(
    typing_context: Any, x: Any, x_start: Any, x_step: Any, taps: Any, y: Any, argmax: Any, start: Any,
    windows: Any, channels: Any, mean: Any, scale: Any, beta: Any,
) -> Any:  # fmt: skip
    index = types.intp
    signature = types.void(x, index, index, taps, y, argmax, index, index, index, mean, scale, beta)
    return _in_llvm("pool_normalized_windows", _emit_pool, signature, taps_position=3)


def _unpool_windows(
    typing_context: Any, dy: Any, argmax: Any, start: Any, taps: Any, dx: Any, dx_start: Any, dx_step: Any,
    windows: Any, channels: Any,
) -> Any:  # fmt: skip
    index = types.intp
    signature = types.void(dy, argmax, index, taps, dx, index, index, index, index)
    return _in_llvm("unpool_windows", _emit_unpool, signature, taps_position=3)


pool_windows: Any = pool_windows_in_python if JIT_IS_OFF else intrinsic(_pool_windows)
pool_normalized_windows: Any = pool_windows_in_python if JIT_IS_OFF else intrinsic(_pool_normalized_windows)
unpool_windows: Any = unpool_windows_in_python if JIT_IS_OFF else intrinsic(_unpool_windows)

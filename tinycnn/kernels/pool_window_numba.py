"""The inner loops of max pooling: one window, 16 channels in one vector.

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

from tinycnn.kernels.block_product_numba import JIT_IS_OFF, VECTOR_BYTES, Emitter

Array = np.ndarray


def pool_window_in_python(
    x: Array, x_start: int, taps: Array, y: Array, y_start: int, argmax: Array, channels: int
) -> None:
    """y[y_start + c] = max_t x[x_start + taps[t] + c], and the first such t in argmax[y_start + c]; all one axis."""
    window = x[x_start + taps[:, None] + np.arange(channels)]  # (taps, channels)
    best, place = window[0].copy(), np.zeros(channels, int)
    for t in range(1, len(taps)):
        larger = window[t] > best
        best[larger], place[larger] = window[t, larger], t
    y[y_start : y_start + channels], argmax[y_start : y_start + channels] = best, place


def unpool_window_in_python(
    dy: Array, dy_start: int, argmax: Array, taps: Array, dx: Array, dx_start: int, channels: int
) -> None:
    """dx[dx_start + taps[t] + c] += dy[dy_start + c] for t = argmax[dy_start + c]."""
    c = np.arange(channels)
    dx[dx_start + taps[argmax[dy_start + c]] + c] += dy[dy_start + c]


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
    full_name = f"tinycnn_{name}_" + "_".join(str(kind.pointee) for kind in argument_types if kind.is_pointer)
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


def _emit_pool(
    emitter: Emitter, x: Any, x_start: Any, taps: Any, y: Any, y_start: Any, argmax: Any, channels: Any, count: Any
) -> None:
    builder, number = emitter.builder, argmax.type.pointee
    places = ir.VectorType(number, emitter.lanes)

    def one_vector(channel: Any, mask: Any) -> None:
        best = cgutils.alloca_once(builder, emitter.vector)
        place = cgutils.alloca_once(builder, places)
        from_here = builder.gep(x, [builder.add(x_start, channel)])
        to = builder.add(y_start, channel)
        builder.store(emitter.load(builder.gep(from_here, [builder.load(taps)]), 0, mask), best)
        builder.store(ir.Constant(places, None), place)
        with cgutils.for_range(builder, count) as loop:
            pixel = emitter.load(builder.gep(from_here, [builder.load(builder.gep(taps, [loop.index]))]), 0, mask)
            larger = builder.fcmp_ordered(">", pixel, builder.load(best))
            t = emitter.broadcast(builder.trunc(loop.index, number))
            builder.store(builder.select(larger, pixel, builder.load(best)), best)
            builder.store(builder.select(larger, t, builder.load(place)), place)
        emitter.store(builder.load(best), builder.gep(y, [to]), 0, mask)
        emitter.store(builder.load(place), builder.gep(argmax, [to]), 0, mask)

    emitter.for_each_vector(channels, one_vector)


def _emit_unpool(
    emitter: Emitter, dy: Any, dy_start: Any, argmax: Any, taps: Any, dx: Any, dx_start: Any, channels: Any, count: Any
) -> None:
    builder = emitter.builder

    def one_vector(channel: Any, mask: Any) -> None:
        here = builder.add(dy_start, channel)
        gradient = emitter.load(builder.gep(dy, [here]), 0, mask)
        place = emitter.load(builder.gep(argmax, [here]), 0, mask)
        to = builder.gep(dx, [builder.add(dx_start, channel)])
        with cgutils.for_range(builder, count) as loop:
            pixel = builder.gep(to, [builder.load(builder.gep(taps, [loop.index]))])
            t = emitter.broadcast(builder.trunc(loop.index, place.type.element))
            mine = builder.select(builder.icmp_signed("==", place, t), gradient, ir.Constant(emitter.vector, None))
            emitter.store(builder.fadd(emitter.load(pixel, 0, mask), mine), pixel, 0, mask)

    emitter.for_each_vector(channels, one_vector)


def _pool_window(
    typing_context: Any, x: Any, x_start: Any, taps: Any, y: Any, y_start: Any, argmax: Any, channels: Any
) -> Any:
    index = types.intp
    signature = types.void(x, index, taps, y, index, argmax, index)
    return _in_llvm("pool_window", _emit_pool, signature, taps_position=2)


def _unpool_window(
    typing_context: Any, dy: Any, dy_start: Any, argmax: Any, taps: Any, dx: Any, dx_start: Any, channels: Any
) -> Any:
    index = types.intp
    signature = types.void(dy, index, argmax, taps, dx, index, index)
    return _in_llvm("unpool_window", _emit_unpool, signature, taps_position=3)


pool_window: Any = pool_window_in_python if JIT_IS_OFF else intrinsic(_pool_window)
unpool_window: Any = unpool_window_in_python if JIT_IS_OFF else intrinsic(_unpool_window)

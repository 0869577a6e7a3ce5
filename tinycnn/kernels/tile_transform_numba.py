"""Small linear maps of image tiles, Y = M·X·Mᵀ for every channel: what Winograd's convolution does before and after.

The matrices are known when the code is compiled, so all loops over the tile are unrolled: a column of the tile is
loaded, 16 channels in one vector, multiplied by M, then each row of the result. Like ``block_product_numba.py`` this is
written in LLVM's own instructions: compilers must assume that the 36 places that are written overlap the 36 that are
read, and give up on vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tinycnn.kernels.block_product_numba import JIT_IS_OFF, VECTOR_BYTES, Emitter, whole

Array = np.ndarray


def tile_transform(name: str, matrix: Array, adds: bool = False) -> Any:
    """A compiled function that maps one tile, for `matrix` M of shape (rows, size).

    Math:    y[i, j] = Σ_{a,b} M[i, a]·x[a, b]·M[j, b]   (+ base[i, j] with ``adds``)
             where y[i, j] are the ``channels`` numbers from y[y_start + i·y_row + j·y_column]; x and base likewise
    Shapes:  x (size, size, channels) and y, base (rows, rows, channels) lie inside one-axis arrays of one dtype
    """

    def in_python(
        x: Array, x_start: int, x_row: int, x_column: int, y: Array, y_start: int, y_row: int, y_column: int,
        base: Array, base_start: int, base_row: int, base_column: int, channels: int,
    ) -> None:  # fmt: skip
        def places(start: int, row: int, column: int, size: int) -> Array:
            i, j, c = np.ogrid[:size, :size, :channels]
            return start + i * row + j * column + c

        rows, size = matrix.shape
        m = matrix.astype(y.dtype)
        result = np.einsum("ia,abc,jb->ijc", m, x[places(x_start, x_row, x_column, size)], m, optimize=True)
        if adds:
            result += base[places(base_start, base_row, base_column, rows)]
        y[places(y_start, y_row, y_column, rows)] = result

    def in_llvm(
        typing_context: Any,
        x: Any, x_start: Any, x_row: Any, x_column: Any, y: Any, y_start: Any, y_row: Any, y_column: Any,
        base: Any, base_start: Any, base_row: Any, base_column: Any, channels: Any,
    ) -> Any:  # fmt: skip
        place = [types.intp] * 3
        signature = types.void(x, *place, y, *place, base, *place, types.intp)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = [
                context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            number = context.get_data_type(y.dtype)
            function = _function(builder.module, f"tinycnn_{name}_{number}", number, values, matrix, adds)
            builder.call(function, values)
            return context.get_dummy_value()

        return signature, generate

    return in_python if JIT_IS_OFF else intrinsic(in_llvm)


def _function(module: Any, name: str, number: Any, values: list[Any], matrix: Array, adds: bool) -> Any:
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [value.type for value in values]), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    emitter = Emitter(builder, number, VECTOR_BYTES // (4 if isinstance(number, ir.FloatType) else 8))
    (*x_place, x_row, x_column), (*y_place, y_row, y_column), (*base_place, base_row, base_column) = (
        function.args[i : i + 4] for i in (0, 4, 8)
    )
    channels = function.args[12]
    rows, size = matrix.shape

    def tile(place: list[Any], row: Any, column: Any, channel: Any, count: int) -> list[list[Any]]:
        start = builder.gep(place[0], [builder.add(place[1], channel)])
        return [
            [builder.gep(start, [builder.add(builder.mul(row, whole(i)), builder.mul(column, whole(j)))])
             for j in range(count)]
            for i in range(count)
        ]  # fmt: skip

    def one_vector(channel: Any, mask: Any) -> None:
        x = tile(x_place, x_row, x_column, channel, size)
        y = tile(y_place, y_row, y_column, channel, rows)
        base = tile(base_place, base_row, base_column, channel, rows)
        columns = [emitter.combine(matrix, [emitter.load(x[a][b], 0, mask) for a in range(size)]) for b in range(size)]
        for i in range(rows):
            for j, value in enumerate(emitter.combine(matrix, [column[i] for column in columns])):
                total = builder.fadd(value, emitter.load(base[i][j], 0, mask)) if adds else value
                emitter.store(total, y[i][j], 0, mask)

    emitter.for_each_vector(channels, one_vector)
    builder.ret_void()
    return function

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

from tinycnn.kernels.block_product_numba import JIT_IS_OFF, VECTOR_BYTES, Emitter, text_mark, whole

Array = np.ndarray

MARK = text_mark(__file__)


def tile_transform(name: str, matrix: Array, adds: bool = False, writes_image: bool = False) -> Any:
    """A compiled function that maps one tile, for the ``matrix`` M of shape (rows, size).

    Math:    y[i, j] = Σ_{a,b} M[i, a]·x[a, b]·M[j, b]   (+ base[i, j] with ``adds``)
             where y[i, j] are the ``channels`` numbers from y[y_start + i·y_row + j·y_column]; x and base likewise
    Shapes:  x (size, size, channels) and y, base (rows, rows, channels) lie inside one-axis arrays of one dtype

    One of x and y is part of an image and may reach beyond its lower and right edge: ``inside_rows`` and
    ``inside_columns`` say how much of it lies inside. What x lacks is read from the array ``outside`` (zeros, at least
    ``channels`` long); what y, with ``writes_image``, has too much is written there.
    """

    def in_python(
        x: Array, x_start: int, x_row: int, x_column: int, y: Array, y_start: int, y_row: int, y_column: int,
        base: Array, base_start: int, base_row: int, base_column: int,
        outside: Array, inside_rows: int, inside_columns: int, channels: int,
    ) -> None:  # fmt: skip
        def places(start: int, row: int, column: int, rows: int, columns: int) -> Array:
            i, j, c = np.ogrid[:rows, :columns, :channels]
            return start + i * row + j * column + c

        rows, size = matrix.shape
        inside = min(inside_rows, rows if writes_image else size), min(inside_columns, rows if writes_image else size)
        tile = np.zeros((size, size, channels), y.dtype)
        read = (size, size) if writes_image else inside
        tile[: read[0], : read[1]] = x[places(x_start, x_row, x_column, *read)]
        result = np.einsum("ia,abc,jb->ijc", matrix, tile, matrix, optimize=True).astype(y.dtype)
        written = inside if writes_image else (rows, rows)
        result = result[: written[0], : written[1]]
        if adds:
            result += base[places(base_start, base_row, base_column, *written)]
        y[places(y_start, y_row, y_column, *written)] = result

    def in_llvm(
        typing_context: Any,
        x: Any, x_start: Any, x_row: Any, x_column: Any, y: Any, y_start: Any, y_row: Any, y_column: Any,
        base: Any, base_start: Any, base_row: Any, base_column: Any,
        outside: Any, inside_rows: Any, inside_columns: Any, channels: Any,
    ) -> Any:  # fmt: skip
        place = [types.intp] * 3
        signature = types.void(x, *place, y, *place, base, *place, outside, *place)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = [
                context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            number = context.get_data_type(y.dtype)
            full_name = f"tinycnn_transform_{name}_{number}_{MARK}"
            builder.call(_function(builder.module, full_name, number, values, matrix, adds, writes_image), values)
            return context.get_dummy_value()

        return signature, generate

    return in_python if JIT_IS_OFF else intrinsic(in_llvm)


def _function(
    module: Any, name: str, number: Any, values: list[Any], matrix: Array, adds: bool, writes_image: bool
) -> Any:
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [value.type for value in values]), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    emitter = Emitter(builder, number, VECTOR_BYTES // (4 if isinstance(number, ir.FloatType) else 8))
    x_place, y_place, base_place = function.args[:4], function.args[4:8], function.args[8:12]
    outside, inside_rows, inside_columns, channels = function.args[12:]
    rows, size = matrix.shape

    def tile(place: Any, channel: Any, count: int, is_image: bool) -> list[list[Any]]:
        """Pointers to the tile's numbers at this channel."""
        array, start, row, column = place
        start = builder.add(start, channel)
        elsewhere = builder.gep(outside, [channel])
        pointers = []
        for i in range(count):
            row_is_inside = builder.icmp_signed("<", whole(i), inside_rows)
            in_row = []
            for j in range(count):
                step = builder.add(builder.mul(row, whole(i)), builder.mul(column, whole(j)))
                pointer = builder.gep(array, [builder.add(start, step)])
                if is_image:
                    is_inside = builder.and_(row_is_inside, builder.icmp_signed("<", whole(j), inside_columns))
                    pointer = builder.select(is_inside, pointer, elsewhere)
                in_row.append(pointer)
            pointers.append(in_row)
        return pointers

    def one_vector(channel: Any, mask: Any) -> None:
        x = tile(x_place, channel, size, not writes_image)
        y = tile(y_place, channel, rows, writes_image)
        base = tile(base_place, channel, rows, writes_image)
        columns = [emitter.combine(matrix, [emitter.load(x[a][b], 0, mask) for a in range(size)]) for b in range(size)]
        for i in range(rows):
            for j, value in enumerate(emitter.combine(matrix, [column[i] for column in columns])):
                total = builder.fadd(value, emitter.load(base[i][j], 0, mask)) if adds else value
                emitter.store(total, y[i][j], 0, mask)

    emitter.for_each_vector(channels, one_vector)
    builder.ret_void()
    return function

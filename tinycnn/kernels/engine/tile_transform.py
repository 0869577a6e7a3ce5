"""Small linear maps of image tiles, Y = M·X·Mᵀ for every channel: what Winograd's convolution does before and after.

The matrices are known when the code is compiled, so all loops over the tile are unrolled: a column of the tile is
loaded, a vector full of channels, multiplied by M, then each row of the result. Like ``block_product.py`` this is
written in LLVM's own instructions: compilers must assume that the 36 places that are written overlap the 36 that are
read, and give up on vectors.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinycnn.kernels.engine.llvm_functions import INDEX, NUMBERS, Emitter, llvm_function, whole

Array = np.ndarray


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

    kinds = (NUMBERS, INDEX, INDEX, INDEX) * 4
    return llvm_function(f"transform_{name}", kinds, partial(_emit, matrix, adds, writes_image), in_python)


def _emit(matrix: Array, adds: bool, writes_image: bool, emitter: Emitter, *arguments: Any) -> None:
    builder = emitter.builder
    x_place, y_place, base_place = arguments[:4], arguments[4:8], arguments[8:12]
    outside, inside_rows, inside_columns, channels = arguments[12:]
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

"""Transposing a matrix, in squares as wide as a vector (16x16 for float32 with AVX-512) that stay in registers.

Compilers make of the two loops either a number at a time or vectors whose numbers go to places far apart, which some
processors write one after the other all the same. Here whole vectors are read and written. In between, squares of
squares are transposed: of each two rows s apart, every second group of s numbers changes places, for s = ..., 4, 2, 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinycnn.kernels.engine.llvm_functions import INDEX, NUMBERS, Emitter, llvm_function, whole

Array = np.ndarray


def transpose_in_python(
    x: Array, x_start: int, x_step: int, y: Array, y_start: int, y_step: int, rows: int, columns: int
) -> None:
    """y[y_start + j·y_step + i] = x[x_start + i·x_step + j] for all i < rows, j < columns; x and y have one axis."""
    i, j = np.ogrid[:rows, :columns]
    y[y_start + j * y_step + i] = x[x_start + i * x_step + j]


def _emit_transpose(
    emitter: Emitter, x: Any, x_start: Any, x_step: Any, y: Any, y_start: Any, y_step: Any, rows: Any, columns: Any
) -> None:
    builder, lanes = emitter.builder, emitter.lanes
    x, y = builder.gep(x, [x_start]), builder.gep(y, [y_start])

    def number(i: Any, j: Any) -> None:
        value = builder.load(builder.gep(x, [builder.add(builder.mul(i, x_step), j)]))
        builder.store(value, builder.gep(y, [builder.add(builder.mul(j, y_step), i)]))

    def square(i: Any, j: Any) -> None:
        from_here = builder.gep(x, [builder.add(builder.mul(i, x_step), j)])
        to = builder.gep(y, [builder.add(builder.mul(j, y_step), i)])
        values = [emitter.load(builder.gep(from_here, [builder.mul(whole(r), x_step)]), 0, None) for r in range(lanes)]
        for r, value in enumerate(_transposed(builder, values)):
            emitter.store(value, builder.gep(to, [builder.mul(whole(r), y_step)]), 0, None)

    down, across = builder.sdiv(rows, whole(lanes)), builder.sdiv(columns, whole(lanes))
    with cgutils.for_range(builder, down) as i, cgutils.for_range(builder, across) as j:
        square(builder.mul(i.index, whole(lanes)), builder.mul(j.index, whole(lanes)))
    in_squares = builder.mul(down, whole(lanes)), builder.mul(across, whole(lanes))
    with cgutils.for_range(builder, rows) as i:
        is_in_squares = builder.icmp_signed("<", i.index, in_squares[0])
        first = builder.select(is_in_squares, in_squares[1], whole(0))
        with cgutils.for_range(builder, columns, start=first) as j:
            number(i.index, j.index)


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    lanes = step = len(rows)
    while step > 1:
        step //= 2
        keep = [k if not k & step else lanes + k - step for k in range(lanes)]
        swap = [k + step if not k & step else lanes + k for k in range(lanes)]
        for i in range(lanes):
            if not i & step:
                pair = rows[i], rows[i + step]
                for place, order in ((i, keep), (i + step, swap)):
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), order)
                    rows[place] = builder.shuffle_vector(*pair, mask)
    return rows


transpose = llvm_function(
    "transpose", (NUMBERS, INDEX, INDEX, NUMBERS, INDEX, INDEX, INDEX, INDEX), _emit_transpose, transpose_in_python
)

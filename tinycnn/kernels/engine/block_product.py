"""The one inner loop under all fast products: a small block of outputs that stays in the processor's registers.

A convolution, its two gradients and a dense layer are all matrix products C = A·B, where A may be spread over an image:
its element (r, k) is ``a[rows[r] + terms[k]]``. For a convolution, ``rows`` says where each window starts and ``terms``
where each of its pixels lies; the matrix of windows ("im2col") is never built.

What makes a product fast is reuse. A block of 6 rows by 4 vectors of 16 columns keeps its 24 running sums in registers;
each number of A that is loaded then takes part in 64 products, each vector of B in 6. NumPy cannot say this, and
compilers do not find it by themselves, so `block_product` is written in LLVM's own instructions. What it computes is
the one line at the end of `block_product_in_python`, which also serves where Numba's compiler is off
(NUMBA_DISABLE_JIT=1).

Source: Goto & van de Geijn 2008, doi:10.1145/1356052.1356053 (blocks in registers); Georganas et al. 2018,
arXiv:1808.05567 (convolution without im2col)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinycnn.kernels.engine.llvm_functions import (
    COUNTED,
    FLAG,
    INDEX,
    NUMBERS,
    TABLE,
    TARGET,
    VECTOR_BYTES,
    Emitter,
    Target,
    llvm_function,
    whole,
)
from tinycnn.kernels.engine.parts import inner_njit

Array = np.ndarray

ROWS = 6  # 6·4 sums, 4 vectors of b and one of a: 29 of 32 registers; with two vectors: 15 of 16
HALF = 3  # of the rows, where that many are left or fewer


def vectors_of(target: Target) -> int:
    return 4 if target.many_registers else 2


VECTORS = vectors_of(TARGET)


def block_product_in_python(
    a: Array, a_start: int, rows: Array, terms: Array,
    b: Array, b_start: int, b_step: int,
    c: Array, c_start: int, c_rows: Array,
    first: int, last: int, width: int,
    bias: Array, bias_start: int, accumulate: bool,
) -> None:  # fmt: skip
    """A strip of a product: the rows from ``first`` to below ``last``, in blocks of six; ``width`` columns.

    Math:    c[c_start + c_rows[r] + j] = base + Σ_k a[a_start + rows[r] + terms[k]] · b[b_start + k·b_step + j]
             where base is bias[bias_start + j] or, with ``accumulate``, what stood in c before
    Shapes:  a, b, c, bias: one axis, one dtype;  rows, terms, c_rows: int64;  width: at most `VECTORS` vectors
    """
    columns = np.arange(width)
    window_rows = a[a_start + rows[first:last, None] + terms]  # (rows, terms)
    b_rows = b[b_start + b_step * np.arange(len(terms))[:, None] + columns]  # (terms, width)
    places = c_start + c_rows[first:last, None] + columns  # (rows, width)
    c[places] = window_rows @ b_rows + (c[places] if accumulate else bias[bias_start + columns])


def _emit_block_product(
    emitter: Emitter,
    a: Any, a_start: Any, rows: Any, terms: Any, term_count: Any, b: Any, b_start: Any, b_step: Any,
    c: Any, c_start: Any, c_rows: Any, first: Any, last: Any, width: Any,
    bias: Any, bias_start: Any, accumulate: Any,
) -> None:  # fmt: skip
    """The same in LLVM's instructions."""
    builder, most = emitter.builder, vectors_of(emitter.target)
    arguments = (
        a, a_start, rows, terms, term_count, b, b_start, b_step, c, c_start, c_rows, first, last, width,
        bias, bias_start, accumulate,
    )  # fmt: skip
    # A loop of its own for each number of vectors, and one for the full width, which needs no mask.
    with builder.if_else(builder.icmp_signed("==", width, whole(most * emitter.lanes))) as (full, partial):
        with full:
            _strip(emitter, most, False, *arguments)
        with partial:
            for vectors in range(1, most + 1):
                with builder.if_then(builder.icmp_signed("==", whole(vectors), emitter.vectors_in(width))):
                    _strip(emitter, vectors, True, *arguments)


def _strip(
    emitter: Emitter, vectors: int, masked: bool,
    a: Any, a_start: Any, rows: Any, terms: Any, term_count: Any, b: Any, b_start: Any, b_step: Any,
    c: Any, c_start: Any, c_rows: Any, first: Any, last: Any, width: Any,
    bias: Any, bias_start: Any, accumulate: Any,
) -> None:  # fmt: skip
    builder = emitter.builder
    masks: list[Any] = [None] * vectors
    if masked:  # only the last vector may be partly filled
        masks[-1] = emitter.mask(builder.sub(width, whole((vectors - 1) * emitter.lanes)))
    bias_place = builder.gep(bias, [bias_start])
    b_place = builder.gep(b, [b_start])
    final = builder.sub(last, whole(1))
    count = builder.sub(last, first)

    def block(start: Any, rows_at_once: int) -> None:
        # Rows past the end repeat the last one: the same result, written twice.
        numbers = [builder.add(start, whole(r)) for r in range(rows_at_once)]
        numbers = [builder.select(builder.icmp_signed("<", r, final), r, final) for r in numbers]
        windows = [builder.gep(a, [builder.add(a_start, builder.load(builder.gep(rows, [r])))]) for r in numbers]
        outs = [builder.gep(c, [builder.add(c_start, builder.load(builder.gep(c_rows, [r])))]) for r in numbers]
        sums = _sums_of_block(emitter, windows, terms, b_place, b_step, term_count, masks)
        # First all additions, then all writing: a repeated row must not see what its twin has written.
        bases = [builder.select(accumulate, out, bias_place) for out in outs]
        results = [
            [builder.fadd(builder.load(total), emitter.load(base, j, masks[j])) for j, total in enumerate(row)]
            for base, row in zip(bases, sums, strict=True)
        ]
        for out, result in zip(outs, results, strict=True):
            for j, value in enumerate(result):
                emitter.store(value, out, j, masks[j])

    # Blocks of all rows, and one of half as many where no more are left.
    blocks = builder.sdiv(builder.add(count, whole(ROWS - HALF - 1)), whole(ROWS))
    with cgutils.for_range(builder, blocks) as loop:
        block(builder.add(first, builder.mul(loop.index, whole(ROWS))), ROWS)
    done = builder.mul(blocks, whole(ROWS))
    with builder.if_then(builder.icmp_signed("<", done, count)):
        block(builder.add(first, done), HALF)


def _sums_of_block(
    emitter: Emitter, windows: list[Any], terms: Any, b: Any, b_step: Any, term_count: Any, masks: list[Any]
) -> list[list[Any]]:
    """Places of the sums over all terms, a row of vectors for each window."""
    builder = emitter.builder
    sums = [[cgutils.alloca_once(builder, emitter.vector) for _ in masks] for _ in windows]
    for row in sums:
        for total in row:
            builder.store(ir.Constant(emitter.vector, None), total)
    with cgutils.for_range(builder, term_count) as loop:
        term = builder.load(builder.gep(terms, [loop.index]))
        b_row = builder.gep(b, [builder.mul(loop.index, b_step)])
        b_vectors = [emitter.load(b_row, j, mask) for j, mask in enumerate(masks)]
        for window, row in zip(windows, sums, strict=True):
            pixel = emitter.broadcast(builder.load(builder.gep(window, [term])))
            for total, b_vector in zip(row, b_vectors, strict=True):
                builder.store(emitter.multiply_add(pixel, b_vector, builder.load(total)), total)
    return sums


block_product = llvm_function(
    "block_product",
    (
        NUMBERS, INDEX, TABLE, COUNTED, NUMBERS, INDEX, INDEX, NUMBERS, INDEX, TABLE, INDEX, INDEX, INDEX,
        NUMBERS, INDEX, FLAG,
    ),
    _emit_block_product,
    block_product_in_python,
)  # fmt: skip


@inner_njit
def product(
    a: Array, a_start: int, rows: Array, terms: Array,
    b: Array, b_start: int, b_step: int,
    c: Array, c_start: int, c_rows: Array,
    first: int, last: int, columns: int,
    bias: Array, accumulate: bool,
) -> None:  # fmt: skip
    """All blocks of a product: rows ``first`` to ``last``, any number of columns; see `block_product_in_python`."""
    width = VECTORS * VECTOR_BYTES // c.itemsize
    for j in range(0, columns, width):
        block_product(
            a, a_start, rows, terms, b, b_start + j, b_step,
            c, c_start + j, c_rows, first, last, min(width, columns - j), bias, j, accumulate,
        )  # fmt: skip


@inner_njit
def offsets(count: int, step: int, inner_count: int, inner_step: int) -> Array:
    """The table i·step + j·inner_step for i < count, j < inner_count, j running fastest."""
    table = np.zeros(count * inner_count, np.int64)
    # From number to number, without vectors: LLVM would unroll the loop anew in every function that contains it.
    for k in range(1, len(table)):
        table[k] = table[k - inner_count] + step if k >= inner_count else table[k - 1] + inner_step
    return table


@inner_njit
def places(count: int, step: int) -> Array:
    """The table i·step for i < count."""
    return offsets(1, 0, count, step)

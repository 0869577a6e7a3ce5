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

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

Array = np.ndarray

JIT_IS_OFF = bool(getattr(config, "DISABLE_JIT", 0))
_features = binding.get_host_cpu_features() if binding.get_process_triple().startswith("x86_64") else {}
VECTOR_BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16
ROWS = 6  # 6·4 sums, 4 vectors of b and one of a: 29 of 32 registers; with two vectors: 15 of 16
HALF = 3  # of the rows, where that many are left or fewer
# Numba compiles a function anew for each Python number that another one hands to it, but not for NumPy's numbers.
ZERO: Any = np.int64(0)
NO: Any = np.bool_(False)
YES: Any = np.bool_(True)
# AVX-512 and ARM have 32 vector registers, other x86 processors 16.
VECTORS = 4 if VECTOR_BYTES == 64 or not _features else 2


def text_mark(file: str) -> str:
    """A short mark of a file's text, for the names of functions that it writes in LLVM.

    Numba keeps compiled code until the file of the calling function changes. Code from before and after a change of the
    called one may then run in one process, and two functions of one name would become one.
    """
    return f"{zlib.crc32(Path(file).read_bytes()):08x}"


MARK = text_mark(__file__)


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


def _block_product_in_llvm(
    typing_context: Any,
    a: Any, a_start: Any, rows: Any, terms: Any,
    b: Any, b_start: Any, b_step: Any,
    c: Any, c_start: Any, c_rows: Any,
    first: Any, last: Any, width: Any,
    bias: Any, bias_start: Any, accumulate: Any,
) -> Any:  # fmt: skip
    """The same in LLVM's instructions: what Numba calls where compiled code calls `block_product`."""
    index = types.intp
    signature = types.void(
        a, index, rows, terms, b, index, index, c, index, c_rows, index, index, index, bias, index, types.boolean
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = {
            i: context.make_array(kind)(context, builder, arguments[i])
            for i, kind in enumerate(signature.args)
            if isinstance(kind, types.Array)
        }
        values = [arrays[i].data if i in arrays else value for i, value in enumerate(arguments)]
        values.append(arrays[3].nitems)
        function = _function(builder.module, context.get_data_type(c.dtype), [value.type for value in values])
        builder.call(function, values)
        return context.get_dummy_value()

    return signature, generate


def _function(module: Any, number: Any, argument_types: list[Any]) -> Any:
    """The module's function for one type of numbers. Not inlined: it is large, and called from many places."""
    name = f"tinycnn_block_product_{number}_{MARK}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), argument_types), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block())
    emitter = Emitter(builder, number, VECTOR_BYTES // (4 if isinstance(number, ir.FloatType) else 8))
    width = function.args[12]
    # A loop of its own for each number of vectors, and one for the full width, which needs no mask.
    with builder.if_else(builder.icmp_signed("==", width, whole(VECTORS * emitter.lanes))) as (full, partial):
        with full:
            emitter.strip(VECTORS, False, *function.args)
        with partial:
            for vectors in range(1, VECTORS + 1):
                with builder.if_then(builder.icmp_signed("==", whole(vectors), emitter.vectors_in(width))):
                    emitter.strip(vectors, True, *function.args)
    builder.ret_void()
    return function


def whole(value: int) -> ir.Constant:
    return ir.Constant(ir.IntType(64), value)


class Emitter:
    """Writes instructions for one type of numbers and one number of lanes in a vector."""

    def __init__(self, builder: Any, number: Any, lanes: int):
        self.builder, self.lanes = builder, lanes
        self.vector = ir.VectorType(number, lanes)
        self.bytes = VECTOR_BYTES // lanes

    def vectors_in(self, width: Any) -> Any:
        """How many vectors a row of ``width`` columns fills, the last one perhaps in part."""
        return self.builder.sdiv(self.builder.add(width, whole(self.lanes - 1)), whole(self.lanes))

    def strip(
        self, vectors: int, masked: bool,
        a: Any, a_start: Any, rows: Any, terms: Any, b: Any, b_start: Any, b_step: Any,
        c: Any, c_start: Any, c_rows: Any, first: Any, last: Any, width: Any,
        bias: Any, bias_start: Any, accumulate: Any, term_count: Any,
    ) -> None:  # fmt: skip
        builder = self.builder
        masks: list[Any] = [None] * vectors
        if masked:  # only the last vector may be partly filled
            masks[-1] = self.mask(builder.sub(width, whole((vectors - 1) * self.lanes)))
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
            sums = self.sums_of_block(windows, terms, b_place, b_step, term_count, masks)
            # First all additions, then all writing: a repeated row must not see what its twin has written.
            bases = [builder.select(accumulate, out, bias_place) for out in outs]
            results = [
                [builder.fadd(builder.load(total), self.load(base, j, masks[j])) for j, total in enumerate(row)]
                for base, row in zip(bases, sums, strict=True)
            ]
            for out, result in zip(outs, results, strict=True):
                for j, value in enumerate(result):
                    self.store(value, out, j, masks[j])

        # Blocks of all rows, and one of half as many where no more are left.
        blocks = builder.sdiv(builder.add(count, whole(ROWS - HALF - 1)), whole(ROWS))
        with cgutils.for_range(builder, blocks) as loop:
            block(builder.add(first, builder.mul(loop.index, whole(ROWS))), ROWS)
        done = builder.mul(blocks, whole(ROWS))
        with builder.if_then(builder.icmp_signed("<", done, count)):
            block(builder.add(first, done), HALF)

    def sums_of_block(
        self, windows: list[Any], terms: Any, b: Any, b_step: Any, term_count: Any, masks: list[Any]
    ) -> list[list[Any]]:
        """Places of the sums over all terms, a row of vectors for each window."""
        builder = self.builder
        sums = [[cgutils.alloca_once(builder, self.vector) for _ in masks] for _ in windows]
        for row in sums:
            for total in row:
                builder.store(ir.Constant(self.vector, None), total)
        with cgutils.for_range(builder, term_count) as loop:
            term = builder.load(builder.gep(terms, [loop.index]))
            b_row = builder.gep(b, [builder.mul(loop.index, b_step)])
            b_vectors = [self.load(b_row, j, mask) for j, mask in enumerate(masks)]
            for window, row in zip(windows, sums, strict=True):
                pixel = self.broadcast(builder.load(builder.gep(window, [term])))
                for total, b_vector in zip(row, b_vectors, strict=True):
                    product = builder.call(self.function("fma"), [pixel, b_vector, builder.load(total)])
                    builder.store(product, total)
        return sums

    def combine(self, matrix: Array, vectors: list[Any]) -> list[Any]:
        """matrix · vectors, for a matrix of constants: terms with a zero are left out."""
        results = []
        for row in matrix:
            total = None
            for coefficient, vector in zip(row, vectors, strict=True):
                if coefficient == 0:
                    continue
                factor = ir.Constant(self.vector, [float(coefficient)] * self.lanes)
                if total is None:
                    total = vector if coefficient == 1 else self.builder.fmul(factor, vector)
                else:
                    total = self.builder.call(self.function("fma"), [factor, vector, total])
            results.append(total)
        return results

    def for_each_vector(self, count: Any, body: Any) -> None:
        """``body(first, mask)`` for the vectors of ``count`` numbers in a row; the last may be partly filled."""
        builder = self.builder
        full = builder.sdiv(count, whole(self.lanes))
        with cgutils.for_range(builder, full) as loop:
            body(builder.mul(loop.index, whole(self.lanes)), None)
        first = builder.mul(full, whole(self.lanes))
        with builder.if_then(builder.icmp_signed("<", first, count)):
            body(first, self.mask(builder.sub(count, first)))

    def function(self, name: str, vector: Any = None) -> Any:
        """One of LLVM's vector functions, declared on first use."""
        vector = vector or self.vector
        pointer, i32 = vector.as_pointer(), ir.IntType(32)
        bits = ir.VectorType(ir.IntType(1), self.lanes)
        returned, arguments, suffix = {
            "fma": (vector, [vector] * 3, ""),
            "masked.load": (vector, [pointer, i32, bits, vector], ".p0"),
            "masked.store": (ir.VoidType(), [vector, pointer, i32, bits], ".p0"),
        }[name]
        kind = {"float": "f32", "double": "f64"}.get(str(vector.element), str(vector.element))
        full_name = f"llvm.{name}.v{self.lanes}{kind}{suffix}"
        module = self.builder.module
        return module.globals.get(full_name) or ir.Function(module, ir.FunctionType(returned, arguments), full_name)

    def mask(self, filled: Any) -> Any:
        """Ones for the first ``filled`` lanes."""
        numbers = ir.VectorType(ir.IntType(64), self.lanes)
        return self.builder.icmp_signed("<", ir.Constant(numbers, list(range(self.lanes))), self.broadcast(filled))

    def broadcast(self, value: Any) -> Any:
        """A vector whose lanes all hold ``value``."""
        empty = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        lane_zero = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), None)
        single = self.builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(single, empty, lane_zero)

    def load(self, row: Any, j: int, mask: Any) -> Any:
        """The j-th vector of a row of memory; lanes that the mask leaves out read as 0."""
        place, vector, align = self.place(row, j)
        if mask is None:
            return self.builder.load(place, align=align)
        arguments = [place, ir.Constant(ir.IntType(32), align), mask, ir.Constant(vector, None)]
        return self.builder.call(self.function("masked.load", vector), arguments)

    def store(self, value: Any, row: Any, j: int, mask: Any) -> None:
        place, vector, align = self.place(row, j)
        if mask is None:
            self.builder.store(value, place, align=align)
        else:
            arguments = [value, place, ir.Constant(ir.IntType(32), align), mask]
            self.builder.call(self.function("masked.store", vector), arguments)

    def place(self, row: Any, j: int) -> tuple[Any, Any, int]:
        """Where the j-th vector of a row lies, its type, and the bytes of one of its numbers."""
        number = row.type.pointee
        vector = ir.VectorType(number, self.lanes)
        start = self.builder.gep(row, [whole(j * self.lanes)])
        size = number.width // 8 if isinstance(number, ir.IntType) else self.bytes
        return self.builder.bitcast(start, vector.as_pointer()), vector, size


block_product: Any = block_product_in_python if JIT_IS_OFF else intrinsic(_block_product_in_llvm)


@njit(cache=True)
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


@njit(cache=True)
def offsets(count: int, step: int, inner_count: int, inner_step: int) -> Array:
    """The table i·step + j·inner_step for i < count, j < inner_count, j running fastest."""
    table = np.empty(count * inner_count, np.int64)
    for i in range(count):
        for j in range(inner_count):
            table[i * inner_count + j] = i * step + j * inner_step
    return table


@njit(cache=True)
def places(count: int, step: int) -> Array:
    """The table i·step for i < count."""
    return np.arange(count) * step

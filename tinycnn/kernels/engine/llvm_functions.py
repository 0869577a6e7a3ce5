"""Functions in LLVM's own instructions: what they are written with, and how compiled code comes to call them.

Numba puts a copy of all that a function calls into it, then optimizes and emits the whole: anew at each level of calls,
and three times more where a loop runs on threads. For the long functions written here that took half of the time of a
first training step. So they are compiled apart, all together and once for float32 and once for float64, and kept in a
file as the kernels are (``kept_code.py``); compiled code calls them by their names.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from tinycnn.kernels.engine import kept_code
from tinycnn.kernels.engine.compiling import compiling

Array = np.ndarray

JIT_IS_OFF = bool(getattr(config, "DISABLE_JIT", 0))


@dataclass(frozen=True)
class Target:
    """A processor that code is made for, in LLVM's words."""

    triple: str
    cpu: str
    features: str

    def machine(self) -> Any:
        target = binding.Target.from_triple(self.triple)
        return target.create_target_machine(cpu=self.cpu, features=self.features, opt=3, jit=True)

    @cached_property
    def vector_bytes(self) -> int:
        """The widest vector that it adds at once: LLVM knows, so it is asked what it makes of 64 bytes."""
        vector = "<16 x i32>"
        addition = f"define {vector} @sum({vector} %a, {vector} %b) {{ %c = add {vector} %a, %b ret {vector} %c }}"
        code = self.machine().emit_assembly(binding.parse_assembly(addition))
        return 64 if "zmm" in code else 32 if "ymm" in code and "xmm" not in code else 16

    @property
    def many_registers(self) -> bool:
        """AVX-512 and ARM have 32 vector registers, other x86 processors 16."""
        return self.vector_bytes == 64 or not self.triple.startswith("x86_64")


binding.initialize_native_target()
binding.initialize_native_asmprinter()
TARGET = Target(kept_code.TRIPLE, kept_code.CPU, kept_code.FEATURES)
VECTOR_BYTES = TARGET.vector_bytes

# What an argument may be. Arrays have one axis and come as a pointer; a COUNTED one is followed by its length.
NUMBERS = "numbers"  # an array of the type of numbers that all of a call's arrays share, float32 or float64
TABLE = "table"  # an array of int64
COUNTED = "counted table"
ARGMAX = "argmax"  # an array of uint8 or int32: places in a window
BYTES = "bytes"  # an array of uint8: places in a window of at most 256 pixels
INDEX = "index"
FLAG = "flag"

Emit = Callable[..., None]
_PREFIX = "tinycnn_"  # of the functions' names in compiled code
WHOLE = ir.IntType(64)
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
PLACES = {"uint8": ir.IntType(8), "int32": ir.IntType(32)}

_functions: dict[str, tuple[tuple[str, ...], Emit]] = {}
_engines: dict[str, Any] = {}  # by the type of numbers; they own the memory that the code lies in
_lock = threading.Lock()


def llvm_function(name: str, kinds: tuple[str, ...], emit: Emit, in_python: Callable[..., None]) -> Any:
    """What compiled code calls: the function whose body ``emit(emitter, *arguments)`` writes, with arguments of these
    kinds; ``in_python``, which says what it computes, where Numba's compiler is off."""
    _functions[name] = kinds, emit
    if JIT_IS_OFF:
        return in_python

    def typed(typing_context: Any, *given: Any) -> Any:
        scalars = {INDEX: types.intp, FLAG: types.boolean}
        return types.void(*[scalars.get(kind, it) for kind, it in zip(kinds, given, strict=True)]), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, dtypes = [], {}
        for kind, its_type, value in zip(kinds, signature.args, arguments, strict=True):
            if kind in (INDEX, FLAG):
                values.append(value)
                continue
            dtypes[kind] = str(its_type.dtype)
            array = context.make_array(its_type)(context, builder, value)
            values += [array.data, array.nitems] if kind == COUNTED else [array.data]
        address(name, dtypes[NUMBERS], dtypes.get(ARGMAX))  # makes sure that it is there
        builder.call(_declared(builder.module, name, dtypes[NUMBERS], dtypes.get(ARGMAX)), values)
        return context.get_dummy_value()

    # Numba wants each argument to have a name.
    names = ["typing_context", *(f"argument_{i}" for i in range(len(kinds)))]
    typed.__signature__ = Signature([Parameter(it, Parameter.POSITIONAL_OR_KEYWORD) for it in names])  # type: ignore[attr-defined]
    return intrinsic(typed)


def address(name: str, number: str, place: str | None = None) -> int:
    """Where the compiled function lies in memory, for one of `FLOATS` and, where there is `ARGMAX`, of `PLACES`."""
    found = int(_engine(number).get_function_address(_symbol(name, number, place)))
    if not found:
        raise RuntimeError(
            f"llvm_function: expected that all functions are defined before the first one is called, received {name} "
            "after that. Define it in a module that tinycnn.kernels imports."
        )
    return found


def make_known(code: bytes) -> None:
    """What kept code calls must be there before the code is: a name without a function would end the process."""
    for number in FLOATS:
        if re.search(rf"{_PREFIX}\w+_{number}".encode(), code):
            _engine(number)


def make_there(number: str) -> None:
    """Have all functions for one type of numbers."""
    _engine(number)


def _engine(number: str) -> Any:
    """All functions for one type of numbers: those of this process, kept ones, or ones that are compiled now."""
    with _lock:
        if number not in _engines:
            code = kept_code.read("llvm_functions", number)
            if code is None:
                with compiling.at_work():
                    code = _object_code(number)
                kept_code.write("llvm_functions", number, code)
            _load(number, code)
        return _engines[number]


def _symbol(name: str, number: str, place: str | None) -> str:
    has_places = ARGMAX in _functions[name][0]
    return f"{_PREFIX}{name}_{number}" + (f"_{place}" if has_places else "")


def _declared(module: Any, name: str, number: str, place: str | None) -> Any:
    """The function, as a name that the module may call."""
    symbol = _symbol(name, number, place)
    if symbol in module.globals:
        return module.globals[symbol]
    pointers = {NUMBERS: FLOATS[number], TABLE: WHOLE, COUNTED: WHOLE, BYTES: PLACES["uint8"]}
    pointers[ARGMAX] = PLACES[place or "uint8"]
    arguments: list[Any] = []
    for kind in _functions[name][0]:
        scalar = {INDEX: WHOLE, FLAG: ir.IntType(1)}.get(kind)
        arguments.append(scalar or pointers[kind].as_pointer())
        if kind == COUNTED:
            arguments.append(WHOLE)
    return ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), symbol)


def optimized(number: str, target: Target) -> Any:
    """All functions for one type of numbers, in the form from which LLVM makes the processor's instructions."""
    module = ir.Module()
    module.triple = target.triple
    for name, (kinds, emit) in _functions.items():
        for place in PLACES if ARGMAX in kinds else (None,):
            function = _declared(module, name, number, place)
            builder = ir.IRBuilder(function.append_basic_block())
            emit(Emitter(builder, number, target), *function.args)
            builder.ret_void()
    parsed = binding.parse_assembly(str(module))
    # Loops are written as they shall run: what is left is simple, variables into registers, constants, dead code.
    settings = binding.create_pass_builder(target.machine(), binding.create_pipeline_tuning_options(speed_level=1))
    passes = settings.getFunctionPassManager()
    for function in parsed.functions:
        if not function.is_declaration:
            passes.run(function, settings)
    return parsed


def _object_code(number: str) -> bytes:
    return bytes(TARGET.machine().emit_object(optimized(number, TARGET)))


def _load(number: str, code: bytes) -> None:
    """Make the functions known by their names to all code that LLVM links in this process."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), TARGET.machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines[number] = engine
    for name, (kinds, _) in _functions.items():
        for place in PLACES if ARGMAX in kinds else (None,):
            symbol = _symbol(name, number, place)
            binding.add_symbol(symbol, engine.get_function_address(symbol))


def whole(value: int) -> ir.Constant:
    return ir.Constant(WHOLE, value)


class Emitter:
    """Writes instructions for one type of numbers, in vectors as wide as the processor's."""

    def __init__(self, builder: Any, number: str, target: Target):
        self.builder, self.target = builder, target
        self.bytes = np.dtype(number).itemsize
        self.lanes = target.vector_bytes // self.bytes
        self.vector = ir.VectorType(FLOATS[number], self.lanes)
        self.factors: dict[float, Any] = {}

    def vectors_in(self, width: Any) -> Any:
        """How many vectors a row of ``width`` columns fills, the last one perhaps in part."""
        return self.builder.sdiv(self.builder.add(width, whole(self.lanes - 1)), whole(self.lanes))

    def combine(self, matrix: Array, vectors: list[Any]) -> list[Any]:
        """matrix · vectors, for a matrix of constants: terms with a zero are left out."""
        results = []
        for row in matrix:
            total = None
            for coefficient, vector in zip(row, vectors, strict=True):
                if coefficient == 0:
                    continue
                factor = self.factor(float(coefficient))
                if total is None:
                    total = vector if coefficient == 1 else self.builder.fmul(factor, vector)
                else:
                    total = self.multiply_add(factor, vector, total)
            results.append(total)
        return results

    def factor(self, number: float) -> Any:
        """A vector whose lanes all hold this constant: made once, at the function's start."""
        if number not in self.factors:
            with self.builder.goto_entry_block():
                self.factors[number] = self.broadcast(self.vector.element(number))
        return self.factors[number]

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """a·b + c, rounded once where the processor can; ``fma`` would be a call for each lane where it cannot."""
        return self.builder.call(self.function("fmuladd"), [a, b, c])

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
            "fmuladd": (vector, [vector] * 3, ""),
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

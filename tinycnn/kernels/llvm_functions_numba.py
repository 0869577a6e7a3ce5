"""Functions in LLVM's own instructions: what they are written with, and how compiled code comes to call them.

Numba puts a copy of all that a function calls into it, then optimizes and emits the whole: anew at each level of calls,
and three times more where a loop runs on threads. For the long functions written here that took half of the time of a
first training step. So they are compiled apart, all together and once for float32 and once for float64, and kept in a
file beside Numba's own; compiled code calls them by their names.

Numba also keeps a function whose own file has not changed, although one that it calls has. `open_cache` ends that: it
discards what was compiled from any other text of the kernels.
"""

from __future__ import annotations

import os
import tempfile
import threading
import zlib
from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import llvmlite
import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils, event
from numba.extending import intrinsic

Array = np.ndarray

JIT_IS_OFF = bool(getattr(config, "DISABLE_JIT", 0))
_features = binding.get_host_cpu_features() if binding.get_process_triple().startswith("x86_64") else {}
VECTOR_BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx2") else 16
# AVX-512 and ARM have 32 vector registers, other x86 processors 16.
MANY_REGISTERS = VECTOR_BYTES == 64 or not _features

# What an argument may be. Arrays have one axis and come as a pointer; a COUNTED one is followed by its length.
NUMBERS = "numbers"  # an array of the type of numbers that all of a call's arrays share, float32 or float64
TABLE = "table"  # an array of int64
COUNTED = "counted table"
ARGMAX = "argmax"  # an array of uint8 or int32: places in a window
BYTES = "bytes"  # an array of uint8: places in a window of at most 256 pixels
INDEX = "index"
FLAG = "flag"

Emit = Callable[..., None]
WHOLE = ir.IntType(64)
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
PLACES = {"uint8": ir.IntType(8), "int32": ir.IntType(32)}

_functions: dict[str, tuple[tuple[str, ...], Emit]] = {}
_engines: dict[str, Any] = {}  # by the type of numbers; they own the memory that the code lies in
_folder: Path | None = None
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
    with _lock:
        if number not in _engines:
            file = _file(number)
            code = file.read_bytes() if file and file.exists() else _object_code(number)
            if file and not file.exists():
                _write(file, code)
            _load(number, code)
    found = int(_engines[number].get_function_address(_symbol(name, number, place)))
    if not found:
        raise RuntimeError(
            f"llvm_function: expected that all functions are defined before the first one is called, received {name} "
            "after that. Define it in a module that tinycnn.kernels imports."
        )
    return found


class _BeforeNumbaLoads(event.Listener):
    """Kernels that Numba has kept call these functions by name, so theirs must be loaded first."""

    def on_start(self, event: Any) -> None:
        for number in FLOATS:
            file = _file(number)
            if number not in _engines and file and file.exists():
                address("block_product", number)

    def on_end(self, event: Any) -> None:
        pass


def open_cache(kernel: Any) -> None:
    """Keep compiled functions in the folder where Numba keeps its kernels, this among them, and load those there.

    Where Numba's come from another text of any of the kernels' files, all are removed, and will be compiled anew. An
    empty file with the text's mark in its name says which text it was.
    """
    global _folder
    if JIT_IS_OFF:
        return
    folder = _folder = Path(kernel.stats.cache_path)
    mark = folder / f"{_text_mark()}.mark"
    if not mark.exists():
        for old in [*folder.glob("*.nbi"), *folder.glob("llvm_functions-*")]:
            old.unlink(missing_ok=True)
        mark.touch()
    # Numba takes its lock whenever it is about to compile a kernel or to load one, which another process may have kept.
    event.register("numba:compiler_lock", _BeforeNumbaLoads())


@cache
def _text_mark() -> str:
    texts = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*_numba.py")))
    return f"llvm_functions-{zlib.crc32(texts):08x}"


@cache
def _processor_mark() -> str:
    processor = f"{llvmlite.__version__} {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
    return f"{zlib.crc32(processor.encode()):08x}"


def _file(number: str) -> Path | None:
    return _folder / f"{_text_mark()}-{_processor_mark()}.{number}.o" if _folder else None


def _write(file: Path, code: bytes) -> None:
    """All of the file or nothing, also where several processes compile at a time."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(code)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def _symbol(name: str, number: str, place: str | None) -> str:
    has_places = ARGMAX in _functions[name][0]
    return f"tinycnn_{name}_{number}" + (f"_{place}" if has_places else "")


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


def _machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3, jit=True
    )


def _object_code(number: str) -> bytes:
    """Machine code of all functions, for one type of numbers."""
    module = ir.Module()
    module.triple = binding.get_process_triple()
    for name, (kinds, emit) in _functions.items():
        for place in PLACES if ARGMAX in kinds else (None,):
            function = _declared(module, name, number, place)
            builder = ir.IRBuilder(function.append_basic_block())
            emit(Emitter(builder, FLOATS[number], VECTOR_BYTES // np.dtype(number).itemsize), *function.args)
            builder.ret_void()
    machine, parsed = _machine(), binding.parse_assembly(str(module))
    builder = binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(parsed, builder)
    return bytes(machine.emit_object(parsed))


def _load(number: str, code: bytes) -> None:
    """Make the functions known by their names to all code that LLVM links in this process."""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
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
    """Writes instructions for one type of numbers and one number of lanes in a vector."""

    def __init__(self, builder: Any, number: Any, lanes: int):
        self.builder, self.lanes = builder, lanes
        self.vector = ir.VectorType(number, lanes)
        self.bytes = VECTOR_BYTES // lanes

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

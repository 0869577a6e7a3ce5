"""A kernel's code: what it calls is compiled with it, and its parts are shared out among Numba's threads.

Numba optimizes and emits each function by itself, copies it into all that call it, and does so again at each level of
calls; a function with ``prange`` it compiles three times, and wraps each loop in tables of its arrays. That was most of
a first training step. So here a kernel and all that it calls become one library, which LLVM optimizes and emits once
(`inner_njit`), and a loop over parts is a few instructions around a call of Numba's threads (`entry_of`).

These want a pointer to a function, and one to what it should know. So around a function that does one part of the work
is written, in LLVM's instructions,

    an entry     puts the arguments side by side in memory and hands this place to the threads, with the number of parts
    a task       takes them out again and calls the function for each of a thread's parts

What a part raises, such as MemoryError where an array does not fit, the entry raises when all threads are back.

``numba_parallel_for`` and ``get_num_threads`` are the names under which Numba makes its threads known to compiled code.
The first takes: the task; a table of pointers, which each thread gets moved on by (steps · number of its first part);
how many parts; steps; what the task should know; the number of further axes, of such pointers and of threads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Any
from weakref import WeakKeyDictionary

from llvmlite import ir
from numba import types
from numba.core import cgutils, compiler
from numba.core.callconv import RETCODE_OK, excinfo_ptr_t
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic, register_jitable

from tinycnn.kernels.engine.llvm_functions import JIT_IS_OFF, WHOLE

BYTES = ir.IntType(8).as_pointer()
TASK = ir.FunctionType(ir.VoidType(), [BYTES.as_pointer(), WHOLE.as_pointer(), WHOLE.as_pointer(), BYTES])
NUM_THREADS = ir.FunctionType(WHOLE, [])
PARALLEL_FOR = ir.FunctionType(ir.VoidType(), [BYTES] * 5 + [WHOLE] * 3)


def inner_njit(function: Callable[..., Any]) -> Any:
    """For a function that only compiled kernels call; small ones may have a result, those of some length return None.

    These become part of the kernel's own library. (What has a result is compiled in Numba's usual way: only that tells
    of which type the result is.)
    """
    if JIT_IS_OFF:
        return function
    if inspect.signature(function).return_annotation not in (None, "None"):
        return register_jitable(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)

    def typed(typing_context: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
            known = _of_libraries.setdefault(context.active_code_library, {})
            if signature.args not in known:
                known[signature.args] = _compiled_here(typing_context, context, function, signature.args)
            context.call_internal(builder, known[signature.args], types.none(*signature.args), values)
            return context.get_dummy_value()

        return types.void(*arguments), generate

    _of_libraries: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()
    return _with_names(typed, list(inspect.signature(function).parameters))


def entry_of(function: Callable[..., None]) -> Any:
    """A function ``entry(count, alone, ...)`` to be compiled, which calls ``function(part, ...)`` for each part below
    ``count``: on all threads or, if ``alone``, on the one that called."""
    _, *names = inspect.signature(function).parameters
    # With each name written out: Numba looks up the code for the types of a ``*arguments`` much more slowly.
    arguments = ", ".join(["count", "alone", *names])
    made: dict[str, Any] = {"run_parts": _run_parts(function, names)}
    exec(f"def entry({arguments}):\n    run_parts({arguments})\n", made)
    entry = made["entry"]
    entry.__name__, entry.__qualname__, entry.__module__ = function.__name__, function.__qualname__, function.__module__
    return entry


def _run_parts(function: Callable[..., None], names: Sequence[str]) -> Any:
    def typed(typing_context: Any, count: Any, alone: Any, *arguments: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Sequence[Any]) -> Any:
            # No two arrays of a kernel overlap, unless both are only read: loops need not check.
            part = _compiled_here(typing_context, context, function, (types.intp, *arguments), noalias=True)
            _emit(context, builder, part, arguments, *values)
            return context.get_dummy_value()

        return types.void(types.intp, types.boolean, *arguments), generate

    return _with_names(typed, ["count", "alone", *names])


def _with_names(typed: Any, names: Sequence[str]) -> Any:
    """Numba's intrinsic; it wants each argument to have a name."""
    parameters = [Parameter(it, Parameter.POSITIONAL_OR_KEYWORD) for it in ("typing_context", *names)]
    typed.__signature__ = Signature(parameters)
    return intrinsic(typed)


def _compiled_here(
    typing_context: Any, context: Any, function: Callable[..., None], arguments: Any, noalias: bool = False
) -> Any:
    """Compile the function into the library that is being made."""
    flags = ConfigStack.top_or_none().copy()
    flags.noalias = noalias
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    library = context.active_code_library
    compiled = compiler.compile_internal(
        typing_context, context, library, function, arguments, types.none, flags, locals={}
    )
    return compiled.fndesc


def _emit(context: Any, builder: Any, part: Any, arguments: Any, count: Any, alone: Any, *values: Any) -> None:
    """The entry's body, and the task."""
    module, code_number, failure_number = builder.module, len(values), len(values) + 1
    known = ir.LiteralStructType([*(value.type for value in values), ir.IntType(32), excinfo_ptr_t])
    place = cgutils.alloca_once(builder, known)
    for number, value in enumerate([*values, RETCODE_OK]):
        builder.store(value, cgutils.gep_inbounds(builder, place, 0, number))

    task = ir.Function(module, TASK, module.get_unique_name("task"))
    task.linkage = "internal"
    inside = ir.IRBuilder(task.append_basic_block())
    first, parts = inside.ptrtoint(inside.load(task.args[0]), WHOLE), inside.load(task.args[1])
    here = [cgutils.gep_inbounds(inside, inside.bitcast(task.args[3], place.type), 0, i) for i in range(len(known))]
    taken_out = [inside.load(it) for it in here[:code_number]]
    with cgutils.for_range(inside, parts) as loop:
        given = [inside.add(first, loop.index), *taken_out]
        status, _ = context.call_internal_no_propagate(inside, part, types.none(types.intp, *arguments), given)
        with cgutils.if_unlikely(inside, status.is_error):
            inside.store(status.code, here[code_number])
            inside.store(status.excinfoptr, here[failure_number])
    inside.ret_void()

    start, how_many, steps = (
        cgutils.alloca_once_value(builder, it) for it in (ir.Constant(BYTES, None), count, WHOLE(1))
    )
    its_bytes = builder.bitcast(place, BYTES)
    with builder.if_else(alone) as (on_one_thread, on_all):
        with on_one_thread:
            builder.call(task, [start, how_many, steps, its_bytes])
        with on_all:
            threads = builder.call(cgutils.get_or_insert_function(module, NUM_THREADS, "get_num_threads"), [])
            share_out = cgutils.get_or_insert_function(module, PARALLEL_FOR, "numba_parallel_for")
            places = [builder.bitcast(it, BYTES) for it in (task, start, how_many, steps)]
            builder.call(share_out, [*places, its_bytes, WHOLE(0), WHOLE(1), threads])

    code, failure = (builder.load(cgutils.gep_inbounds(builder, place, 0, it)) for it in (code_number, failure_number))
    with cgutils.if_unlikely(builder, builder.icmp_signed("!=", code, RETCODE_OK)):
        context.call_conv.return_status_propagate(builder, status._replace(code=code, excinfoptr=failure))

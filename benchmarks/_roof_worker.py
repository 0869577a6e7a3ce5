"""The worker that measures what the processor can do: independent fused multiply-adds in registers, nothing else.

No program can do more operations a second, so this is the roof. The loop is written in LLVM's instructions, and its
machine code is read before it runs: one multiply-add on full vectors for each chain, and no access to memory.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

import numpy as np
from llvmlite import binding
from numba import get_num_threads

from benchmarks._worker import Stopwatch, serve
from tinycnn.kernels.engine.llvm_functions import TARGET

NUMBERS = {"float32": ("float", 32), "float64": ("double", 64)}
CHAINS = 24 if TARGET.many_registers else 12  # two multipliers, four or five cycles for each result: 10 keep them busy
TURNS = 300_000  # about 2 ms: short enough to find the cores free now and then on a busy machine
THREADS = int(get_num_threads())  # as many as the kernels have


def source(dtype: str) -> str:
    """A function (data, turns): in each turn the vector v of every chain becomes v·v + v."""
    number, bits = NUMBERS[dtype]
    lanes, chains = 8 * TARGET.vector_bytes // bits, range(CHAINS)
    vector, multiply_add = f"<{lanes} x {number}>", f"@llvm.fmuladd.v{lanes}f{bits}"
    lines = [
        f"declare {vector} {multiply_add}({vector}, {vector}, {vector})",
        f"define void @turns({vector}* %data, i64 %turns) {{",
        "entry:",
        *(f"%place{i} = getelementptr {vector}, {vector}* %data, i64 {i}" for i in chains),
        *(f"%first{i} = load {vector}, {vector}* %place{i}" for i in chains),
        "br label %turn",
        "turn:",
        "%number = phi i64 [0, %entry], [%next, %turn]",
        *(f"%v{i} = phi {vector} [%first{i}, %entry], [%w{i}, %turn]" for i in chains),
        *(f"%w{i} = call {vector} {multiply_add}({vector} %v{i}, {vector} %v{i}, {vector} %v{i})" for i in chains),
        "%next = add i64 %number, 1",
        "%again = icmp ult i64 %next, %turns",
        "br i1 %again, label %turn, label %end",
        "end:",
        *(f"store {vector} %w{i}, {vector}* %place{i}" for i in chains),
        "ret void",
        "}",
    ]
    return "\n".join(lines)


def loop_of(assembly: str) -> list[str]:
    """The instructions from a label to the jump back to it. Raises RuntimeError where there is no such jump."""
    lines = [" ".join(line.split()) for line in assembly.splitlines()]
    for end, line in enumerate(lines):
        label = f"{line.split(' ')[-1]}:"
        if line[:1] in ("j", "b") and label in lines[:end]:
            return lines[lines.index(label) + 1 : end]
    raise RuntimeError("roof: expected a loop in the machine code, received none. Read `source` in _roof_worker.py.")


def check_loop(loop: list[str]) -> None:
    """Raises RuntimeError where the loop of an x86 processor is not what the roof is computed from."""
    width = {64: "%zmm", 32: "%ymm", 16: "%xmm"}[TARGET.vector_bytes]
    fused = [line for line in loop if line.startswith("vfmadd")]
    memory = [line for line in loop if "(" in line]
    if len(fused) != CHAINS or not all(line.count(width) == 3 for line in fused) or memory:
        raise RuntimeError(
            f"roof: expected {CHAINS} fused multiply-adds on {width[1:]} registers in the loop and no memory, "
            f"received {loop}. Read `source` in _roof_worker.py."
        )


def compiled(dtype: str) -> tuple[Callable[[], None], int]:
    """A call of the loop by one thread, without Python's lock; and how many operations it does."""
    module, machine = binding.parse_assembly(source(dtype)), TARGET.machine()
    if TARGET.triple.startswith("x86_64") and "+fma," in f"{TARGET.features},":
        check_loop(loop_of(machine.emit_assembly(module)))
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(engine.get_function_address("turns"))

    def call() -> None:
        room = np.full((CHAINS + 1) * TARGET.vector_bytes, 0, np.uint8)
        data = room[-room.ctypes.data % TARGET.vector_bytes :][: CHAINS * TARGET.vector_bytes]
        data.view(dtype)[:] = -0.5  # v·v + v then moves towards 0 and neither overflows nor becomes subnormal
        function(data.ctypes.data, TURNS)

    call.function, call.engine = function, engine  # type: ignore[attr-defined]  # it owns the memory of the code
    return call, 2 * CHAINS * TURNS * TARGET.vector_bytes // np.dtype(dtype).itemsize


def rate(call: Callable[[], None], operations: int, threads: int) -> float:
    """10⁹ operations a second of so many threads, from the first one's start to the last one's end."""
    spans: list[tuple[float, float]] = []
    barrier = threading.Barrier(threads)

    def work() -> None:
        barrier.wait()
        start = time.perf_counter()
        call()
        spans.append((start, time.perf_counter()))

    several = [threading.Thread(target=work) for _ in range(threads)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    seconds = max(end for _, end in spans) - min(start for start, _ in spans)
    return threads * operations / seconds / 1e9


class RoofWorker:
    def __init__(self) -> None:
        self.stopwatch = Stopwatch()
        self.loops = {dtype: compiled(dtype) for dtype in NUMBERS}

    def gflops(self, repeats: int, dtype: str = "float32") -> dict[str, float]:
        """The highest rates of some trials: a limit is what was ever reached."""
        rates: dict[str, float] = {}

        def trials() -> None:
            for name, threads in (("one_thread", 1), ("all_threads", THREADS)):
                rates[name] = max(rate(*self.loops[dtype], threads) for _ in range(repeats))

        return {**self.stopwatch.time(trials), **rates, "threads": THREADS}


if __name__ == "__main__":
    serve({"gflops": RoofWorker().gflops})

"""Worker processes: each framework in a process of its own, asked for one thing at a time.

A request is one line of JSON on the worker's standard input, ``{"call": name, "arguments": {...}}``; the answer is one
line on its standard output, ``{"result": ...}`` or ``{"error": ...}``. Only the standard library is used here, because
a worker may run under another Python than the one that asks.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class WorkerError(RuntimeError):
    """A worker answered with an error, or ended."""


def environment() -> dict[str, str]:
    """The caller's variables, and what lets a worker find this repository. No thread setting is touched."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}


class Worker:
    """A process that runs ``python -m module arguments`` and answers requests until it is closed."""

    def __init__(self, module: str, *arguments: str, python: str = sys.executable):
        self.name = " ".join((module, *arguments))
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")  # the worker has ended

    def ask(self, call: str, timeout: float | None = None, **arguments: Any) -> Any:
        """The worker's answer.

        Raises:
            WorkerError: the worker raised an error or ended; the message holds what it wrote.
            TimeoutError: no answer in ``timeout`` seconds; the worker is stopped.
        """
        try:
            print(json.dumps({"call": call, "arguments": arguments}), file=self._process.stdin, flush=True)
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            self.close(kill=True)
            raise TimeoutError(f"{self.name}: expected an answer to {call} in {timeout:g} s, received none.") from None
        except BrokenPipeError:
            line = ""
        if not line:
            self._errors.seek(0)
            raise WorkerError(f"{self.name}: ended during {call}.\n{self._errors.read()[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def close(self, kill: bool = False) -> None:
        """End the worker: it stops at the end of its input; with ``kill`` at once."""
        if kill:
            self._process.kill()
        try:
            if self._process.stdin:
                self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close(kill=error[0] is not None)


def serve(handlers: Mapping[str, Callable[..., Any]]) -> None:
    """The worker's side: answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": handlers[request["call"]](**request["arguments"])}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


class Stopwatch:
    """Wall and processor time of a piece of work, and the processor time that went by since the last one.

    A worker that waits must not burn the cores with spinning threads while another one is measured:
    ``idle_cpu_seconds`` shows whether it did.
    """

    def __init__(self) -> None:
        self._cpu_at_end = time.process_time()

    def time(self, work: Callable[[], object]) -> dict[str, float]:
        cpu, start = time.process_time(), time.perf_counter()
        work()
        seconds, cpu_after = time.perf_counter() - start, time.process_time()
        idle, self._cpu_at_end = cpu - self._cpu_at_end, cpu_after
        return {"seconds": seconds, "cpu_seconds": cpu_after - cpu, "idle_cpu_seconds": idle}


def peak_memory_mb() -> float:
    """The largest resident memory of this process so far, in MB (10⁶ bytes).

    From /proc where there is one: what getrusage tells holds the peak of the process that started this one.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return ru_maxrss_mb(resource.getrusage(resource.RUSAGE_SELF))


def ru_maxrss_mb(usage: resource.struct_rusage) -> float:
    """The system counts in KiB, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def find_mnist(path: str) -> None:
    """Write MNIST to ``path``. Raises FileNotFoundError where it is not on this machine and cannot be downloaded."""
    with Worker("benchmarks._sequential_worker", "tinycnn") as worker:
        source = worker.ask("find_data", path=path)
    if source["name"] != "mnist":
        raise FileNotFoundError(f"expected MNIST, received none: {source['reason']} Set TINYCNN_DATA.")

"""The learner's functions, called in a process of their own: an endless loop there stops nothing here.

    with Child(folder) as child:
        dx, dkernel, dbias = child.call("unit_03_dense_backward.py", "dense_backward", (dz, x, kernel))

Arguments and results go through two pipes, as .npy arrays without Python objects; `runner.py` is the other end. Nothing
else comes back but the text of errors: so the process may run in a sandbox, and what is compared is compared here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.learn import runner

Array = np.ndarray

RUNNER = Path(runner.__file__)
CALL_LIMIT = 10.0  # seconds that one call may take
START_LIMIT = 60.0  # seconds until the process is ready for the first call
MOST_CALLBACKS = 10000  # in one call
MOST_PRINTED = 4000  # characters of what the learner prints that are kept


class Failed(Exception):  # noqa: N818  a verdict, which becomes a sentence
    """The learner's function did not return: it is missing, raised an error, took too long or ended its process.

    ``kind`` is "file", "missing", "not yet", "error", "too long", "ended" or "garbled".
    """

    def __init__(self, kind: str, sentence: str):
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Returned:
    """What a call returned, and what was noticed on the way."""

    value: Any
    changed: tuple[int, ...]  # which of the arrays handed in were written into, counted from 0
    lines: int | None  # lines of the learner's file that ran, where asked for
    imported: tuple[str, ...]  # packages that the file imports


class Child:
    """A process that runs the files of one folder.

    Args:
        folder: the learner's.
        command: what starts the runner, `sandbox.command` for one; by default this Python.
        limit: seconds that a call may take.
        total: seconds from now until the process is ended.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] | None = None,
        limit: float = CALL_LIMIT,
        total: float = float("inf"),
    ):
        self.folder, self.limit, self.total = folder, limit, total
        self.command = [*(command or (sys.executable, "-I", "-B", str(RUNNER), str(folder)))]
        self.printed = ""
        self.imported: set[str] = set()
        self._end = self._deadline = time.monotonic() + total
        self._took_too_long = self._closed = self._ready = False
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | threads,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._keep_printed, daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and all that it has started."""
        self._closed = True
        self._kill()
        self._process.wait()
        self._reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]

    def call(self, file: str, function: str, arguments: Sequence[Any], lines: bool = False) -> Returned:
        """Call a function of one of the files.

        Args:
            file: its name within the folder.
            arguments: arrays, numbers, strings, tuples of them, and functions, which are called back here.
            lines: count the lines that run.

        Raises:
            Failed: it did not return.
        """
        callbacks: list[Callable[..., Any]] = []
        arrays: list[Array] = []
        form = runner.pack(tuple(arguments), arrays)
        for number, argument in enumerate(arguments):
            if callable(argument):
                form["tuple"][number] = {"callback": len(callbacks)}
                callbacks.append(argument)
        try:
            if not self._ready:
                self._deadline = min(time.monotonic() + START_LIMIT, self._end)
                runner.receive(self._process.stdout)  # type: ignore[arg-type]
                self._ready = True
            self._deadline = min(time.monotonic() + self.limit, self._end)
            runner.send(
                self._process.stdin,  # type: ignore[arg-type]
                {"kind": "call", "file": file, "function": function, "form": form, "lines": lines},
                arrays,
            )
            header, arrays = self._answer(callbacks, function)
            return self._returned(header, arrays, file, function, len(arguments))
        except Failed:
            raise
        except Exception as error:  # whatever was made of what came back: a verdict on it, not an error of ours
            raise self._failure(error, function) from None
        finally:
            self._deadline = self._end

    def _failure(self, error: Exception, function: str) -> Failed:
        """What it means that no answer could be read; after that there is nobody to be asked again."""
        if isinstance(error, (EOFError, BrokenPipeError)):
            with contextlib.suppress(subprocess.TimeoutExpired):  # it may have closed the pipe and live on
                self._process.wait(timeout=1)
        code = self._process.poll()
        self._kill()
        if self._took_too_long and self._deadline == self._end:
            return Failed(
                "too long", f"the check was stopped in {function}: all calls together took {self.total:.0f} s."
            )
        if self._took_too_long:
            return Failed(
                "too long",
                f"{function} was stopped after {self.limit:.0f} s. Look for a loop that does not end, or for loops "
                "over single numbers.",
            )
        if isinstance(error, (EOFError, BrokenPipeError)):
            how = "closed its way back" if code is None else f"ended its process with code {code}"
            return Failed("ended", f"{function} {how}. It must return a value.")
        return Failed("garbled", f"what came back from {function} cannot be read: {plain(error)}")

    def _answer(self, callbacks: list[Callable[..., Any]], function: str) -> tuple[dict[str, Any], list[Array]]:
        """The frame that ends the call; on the way there, functions are called back."""
        for _ in range(MOST_CALLBACKS):
            header, arrays = runner.receive(self._process.stdout)  # type: ignore[arg-type]
            if header["kind"] != "callback":
                return header, arrays
            arguments = runner.unpack(header["form"], arrays)
            out: list[Array] = []
            try:
                answer = {"kind": "answer", "form": runner.pack(callbacks[header["number"]](*arguments), out)}
            except Exception as error:  # whatever it was given: the learner is to read of it
                answer = {"kind": "raise", "text": plain(error)}
            runner.send(self._process.stdin, answer, out)  # type: ignore[arg-type]
        self._kill()
        raise Failed("too long", f"{function} called what it was given more than {MOST_CALLBACKS} times.")

    def _returned(
        self, header: dict[str, Any], arrays: list[Array], file: str, function: str, arguments: int
    ) -> Returned:
        if header["kind"] == "result":
            value, changed, lines = runner.unpack(header["form"], arrays), header["changed"], header["lines"]
            if not all(type(i) is int and 0 <= i < arguments for i in changed):
                raise ValueError("arguments that there are not were changed")
            if lines is not None and type(lines) is not int:
                raise ValueError("a number of lines that is none")
            self.imported |= {plain(name, 40) for name in header["imported"][:100]}
            return Returned(value, tuple(changed), lines, tuple(sorted(self.imported)))
        if header["kind"] == "missing":
            there = ", ".join(str(name) for name in header["names"]) or "nothing"
            raise Failed("missing", f"{file}: expected a function named {function}, found {plain(there)}.")
        if header["kind"] != "error":
            raise ValueError("neither a result nor an error")
        kind, text, line = plain(header["type"], 60), plain(header["text"]), header["line"]
        where = f"{file}, line {line}" if type(line) is int and 0 < line < 10**6 else file
        if kind == "NotYet":
            raise Failed("not yet", f"{where}: {text} is not written yet. Replace the line by your own.")
        if kind == "UnicodeDecodeError" or text.startswith("invalid or missing encoding declaration"):
            raise Failed("file", f"{file}: expected text in UTF-8, received other bytes. Save it as UTF-8.")
        if kind in ("SyntaxError", "IndentationError", "TabError"):
            raise Failed("file", f"{where}: Python cannot read it: {text}")
        if kind == "FileNotFoundError" and not line:
            raise Failed("file", f"{file}: no such file. Begin with: python -m tinycnn.learn start")
        if kind == "SystemExit":
            raise Failed("error", f"{where}: it ends the program. Return a value in place of it.")
        if kind == "EOFError" and "reading a line" in text:
            raise Failed("error", f"{where}: it asks for input, and nobody answers here. All it needs is handed in.")
        raise Failed("error", f"{where}: {kind}: {text}" if text else f"{where}: {kind}")

    def _keep_printed(self) -> None:
        """Take what the learner prints, lest a full pipe stops them, and keep the beginning."""
        while chunk := self._process.stderr.read1(65536):  # type: ignore[union-attr]
            if len(self.printed) < MOST_PRINTED:
                self.printed = (self.printed + chunk.decode("utf-8", "replace"))[:MOST_PRINTED]

    def _watch(self) -> None:
        while not self._closed:
            if time.monotonic() > self._deadline:
                self._took_too_long = True
                self._kill()
                return
            time.sleep(0.05)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)  # with all that it has started
            else:
                self._process.kill()


def plain(error: object, length: int = 300) -> str:
    """Somebody else's words in one line, without control characters, and not long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return line if len(line) <= length else f"{line[: length - 2]} …"

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
    """

    def __init__(self, folder: Path, command: Sequence[str] | None = None, limit: float = CALL_LIMIT):
        self.folder, self.limit = folder, limit
        self.command = [*(command or (sys.executable, "-I", "-B", str(RUNNER), str(folder)))]
        self.printed = ""
        self.imported: set[str] = set()
        self._deadline = float("inf")
        self._took_too_long = self._closed = False
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | threads,
            start_new_session=True,
        )
        threading.Thread(target=self._keep_printed, daemon=True).start()
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
        self._deadline = time.monotonic() + self.limit
        try:
            runner.send(
                self._process.stdin,  # type: ignore[arg-type]
                {"kind": "call", "file": file, "function": function, "form": form, "lines": lines},
                arrays,
            )
            header, arrays = self._answer(callbacks)
            return self._returned(header, arrays, file, function)
        except (EOFError, BrokenPipeError):
            if self._took_too_long:
                raise Failed(
                    "too long",
                    f"{function} was stopped after {self.limit:.0f} s. Look for a loop that does not end, or for loops "
                    "over single numbers.",
                ) from None
            code = self._process.wait()
            raise Failed("ended", f"{function} ended its process with code {code}. It must return a value.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Failed("garbled", f"what came back from {function} cannot be read: {plain(error)}") from None
        finally:
            self._deadline = float("inf")

    def _answer(self, callbacks: list[Callable[..., Any]]) -> tuple[dict[str, Any], list[Array]]:
        """The frame that ends the call; on the way there, functions are called back."""
        while True:
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

    def _returned(self, header: dict[str, Any], arrays: list[Array], file: str, function: str) -> Returned:
        if header["kind"] == "result":
            self.imported |= {str(name) for name in header["imported"]}
            value = runner.unpack(header["form"], arrays)
            changed = tuple(int(i) for i in header["changed"])
            return Returned(value, changed, header["lines"], tuple(sorted(self.imported)))
        if header["kind"] == "missing":
            there = ", ".join(str(name) for name in header["names"]) or "nothing"
            raise Failed("missing", f"{file}: expected a function named {function}, found {plain(there)}.")
        kind, text, line = str(header["type"]), plain(str(header["text"])), header["line"]
        where = f"{file}, line {int(line)}" if line else file
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

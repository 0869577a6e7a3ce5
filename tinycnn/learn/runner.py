"""What runs in the learner's process: loads their files, calls their functions, sends arrays back.

A script that imports nothing of tinycnn: so it starts quickly, and in a sandbox that has only Python and NumPy.
`child.py` starts it and says how the two speak.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import math
import os
import re
import struct
import sys
import tokenize
import traceback
from typing import Any, BinaryIO

import numpy as np

HEAD = struct.Struct("<I")
MOST_HEADER = 65536  # bytes of a frame's header
MOST_BYTES = 2**28  # of a frame's arrays together
ARRAY = re.compile(  # the header that NumPy writes for an array of numbers
    r"\{'descr': '(?P<dtype>[<>|][biufc][0-9]{1,2})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[0-9, ]*)\), \} *\n",
    re.ASCII,
)
NOT_YET = '''"""What a function of the course raises as long as nobody has written it."""


class NotYet(NotImplementedError):
    """The message names the unit."""
'''


def send(stream: BinaryIO, header: dict[str, Any], arrays: list[np.ndarray]) -> None:
    """A frame: the length of its header, the header in JSON, and as many .npy arrays as the header says."""
    text = json.dumps(header | {"arrays": len(arrays)}).encode()
    if len(text) > MOST_HEADER:
        text = json.dumps({"kind": "error", "text": "what it says is too long", "arrays": 0}).encode()
        arrays = []
    stream.write(HEAD.pack(len(text)) + text)
    for array in arrays:
        memory = io.BytesIO()  # NumPy writes into a file by its number, which a pipe does not bear
        np.lib.format.write_array(memory, np.asarray(array), allow_pickle=False)
        stream.write(memory.getbuffer())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The next frame.

    Raises:
        EOFError: the other side has ended.
        ValueError: what came is not a frame, or holds Python objects, or is larger than the limits.
    """
    (length,) = HEAD.unpack(_read(stream, HEAD.size))
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(_read(stream, length))
    if not isinstance(header, dict) or not isinstance(header.get("arrays"), int) or not 0 <= header["arrays"] <= 64:
        raise ValueError("a header without its fields")
    arrays: list[np.ndarray] = []
    left = MOST_BYTES
    for _ in range(header["arrays"]):
        arrays.append(_read_array(stream, left))
        left -= arrays[-1].nbytes
    return header, arrays


def _read(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _read_array(stream: BinaryIO, most: int) -> np.ndarray:
    """An .npy array of at most so many bytes, its size looked at before memory is taken for it.

    NumPy's own reader evaluates the header as Python, and takes the memory for it that a file asks for.
    """
    magic, length = struct.unpack("<8sH", _read(stream, 10))
    if magic != b"\x93NUMPY\x01\x00":
        raise ValueError("an array without its first bytes")
    found = ARRAY.fullmatch(_read(stream, length).decode("latin-1"))
    if found is None:
        raise ValueError("an array of something else than numbers")
    dtype = np.dtype(found["dtype"])
    shape = tuple(int(size) for size in found["shape"].replace(" ", "").split(",") if size)
    size = math.prod(shape) * dtype.itemsize
    if size > most:
        raise ValueError(f"arrays of more than {MOST_BYTES} bytes")
    flat = np.frombuffer(bytearray(_read(stream, size)), dtype)
    return flat.reshape(shape, order="F" if found["fortran"] == "True" else "C")


def pack(value: Any, arrays: list[np.ndarray]) -> Any:
    """Describe a value for a header; arrays are put aside into ``arrays``, in this order."""
    if isinstance(value, (np.ndarray, np.generic)):
        arrays.append(np.asarray(value))
        return "array"
    if isinstance(value, (tuple, list)):
        return {type(value).__name__: [pack(one, arrays) for one in value]}
    if _is_plain(value):
        return {"value": value}
    return {"other": type(value).__name__}


def unpack(form: Any, arrays: list[np.ndarray], callback: Any = None) -> Any:
    """The value that `pack` described.

    Raises:
        ValueError, TypeError, AttributeError, IndexError, RecursionError: it did not.
    """
    if form == "array":
        return arrays.pop(0)
    (kind, content), *_ = form.items()
    if kind in ("tuple", "list"):
        items = [unpack(one, arrays, callback) for one in content]
        return tuple(items) if kind == "tuple" else items
    if kind == "callback":
        return callback(content)
    if kind == "value" and _is_plain(content):
        return content
    if kind == "other":
        return Other(content)
    raise ValueError("a value of no known kind")


def _is_plain(value: Any) -> bool:
    """Whether JSON holds it as it is; an integer that no array could hold is nobody's result."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None or isinstance(value, (float, str))


class Other:
    """A value that cannot be sent: a function, a dict, an object. Its type's name is all that is known."""

    def __init__(self, name: str):
        self.name = str(name)


class Loader:
    """The learner's files, each run once, when the first function of it is wanted."""

    def __init__(self, folder: str):
        self.folder = folder
        self.modules: dict[str, dict[str, Any]] = {}

    def load(self, file: str) -> dict[str, Any]:
        """Run a file. Its names, and which of the imports that give the answer away it has.

        Raises:
            SyntaxError, UnicodeDecodeError, OSError: a file that cannot be read.
            BaseException: whatever the file raises.
        """
        if file not in self.modules:
            path = os.path.join(self.folder, file)
            with tokenize.open(path) as stream:  # in the encoding that its first lines name, else UTF-8
                text = stream.read()
            tree = ast.parse(text, file)
            imported = {
                name.split(".")[0]
                for node in ast.walk(tree)
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
            }
            names: dict[str, Any] = {"__name__": file.removesuffix(".py"), "__file__": path}
            exec(compile(tree, file, "exec"), names)
            self.modules[file] = names
            names["__imported__"] = sorted(imported)
        return self.modules[file]


def explain(error: BaseException, files: set[str]) -> dict[str, Any]:
    """What was raised, and the last line of the learner's own that it passed through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    line = frames[-1].lineno if frames else getattr(error, "lineno", None)
    file = frames[-1].filename if frames else getattr(error, "filename", None)
    text = error.msg if isinstance(error, SyntaxError) else str(error)  # its str has the line once more
    return {"kind": "error", "type": type(error).__name__, "text": text[:2000], "line": line, "file": file}


def count_lines(function: Any, arguments: list[Any], file: str) -> tuple[Any, int]:
    """The result, and how many lines of the learner's file ran for it."""
    lines = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        if frame.f_code.co_filename != file:
            return None
        lines += event == "line"
        return trace

    before = sys.gettrace()  # a debugger's
    sys.settrace(trace)
    try:
        return function(*arguments), lines
    finally:
        sys.settrace(before)


class Gone(BaseException):
    """The other side has ended. Apart from EOFError, which the learner's code may raise as well."""


def serve(folder: str, source: BinaryIO, target: BinaryIO) -> None:
    """Answer calls until the other side ends."""
    loader = Loader(folder)

    def callback(number: int) -> Any:
        def call(*arguments: Any) -> Any:
            arrays: list[np.ndarray] = []
            form = pack(arguments, arrays)
            try:
                send(target, {"kind": "callback", "number": number, "form": form}, arrays)
                header, arrays = receive(source)
            except (EOFError, BrokenPipeError):
                raise Gone from None
            if header["kind"] == "raise":
                raise ValueError(header["text"])
            return unpack(header["form"], arrays)

        return call

    while True:
        header, arrays = receive(source)
        try:
            names = loader.load(header["file"])
            function = names.get(header["function"])
            if not callable(function):
                send(target, {"kind": "missing", "names": sorted(n for n in names if not n.startswith("_"))[:50]}, [])
                continue
            arguments = list(unpack(header["form"], list(arrays), callback))
            before = [a.copy() for a in arguments if isinstance(a, np.ndarray)]
            if header.get("lines"):
                result, lines = count_lines(function, arguments, header["file"])
            else:
                result, lines = function(*arguments), None
            given = [a for a in arguments if isinstance(a, np.ndarray)]
            changed = [i for i, (a, b) in enumerate(zip(before, given, strict=True)) if not _equal(a, b)]
            out: list[np.ndarray] = []
            form = pack(result, out)
            answer = {"kind": "result", "form": form, "changed": changed, "lines": lines}
            send(target, answer | {"imported": names["__imported__"]}, out)
        except Gone:
            raise
        except BaseException as error:  # also SystemExit, KeyboardInterrupt: what the learner's code does is reported
            send(target, explain(error, {*loader.modules, header["file"]}), [])


def _equal(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def main() -> None:
    folder = sys.argv[1]
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the learner prints goes the way of stderr, apart from the frames
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0), "utf-8", "replace", write_through=True)
    sys.path.insert(0, folder)
    if not os.path.exists(os.path.join(folder, "notyet.py")):
        module = type(sys)("notyet")
        exec(NOT_YET, module.__dict__)
        sys.modules["notyet"] = module
    with contextlib.suppress(Gone, EOFError, BrokenPipeError, KeyboardInterrupt):
        send(target, {"kind": "ready"}, [])  # before anything of the learner's: a slow start is not theirs
        serve(folder, source, target)


if __name__ == "__main__":
    main()

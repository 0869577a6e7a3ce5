"""MNIST's two file formats: Keras's ``mnist.npz``, and the four IDX files of the original, plain or gzipped.

What counts is what the arrays hold: shape, dtype and the SHA-256 of their bytes, not the file around them.
Nothing is unpickled, no array is given memory before its header has the right shape and dtype, and nothing is unpacked
further than to an array's end: whatever a file holds, it is read or refused within a second and 200 MB.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from tinycnn.datasets.places import Arrays, content

# name: (shape, SHA-256 of the array's bytes in row-major order); all arrays are uint8
ARRAYS: dict[str, tuple[tuple[int, ...], str]] = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
FILE_LIMIT = 64 * 2**20  # bytes; the arrays have 55 million
MEMBER_LIMIT = 100  # files in an npz file, which zipfile lists all: a small file can name a million


def find(place: str) -> list[str]:
    """The files of MNIST at ``place``, a file or a folder: one npz file, or four IDX files as in ``ARRAYS``.

    Raises:  FileNotFoundError that says what is missing.
    """
    if os.path.isfile(place):
        return [place]
    if not os.path.isdir(place):
        raise FileNotFoundError(f"{place}: no such file or folder")
    npz = os.path.join(place, "mnist.npz")
    if os.path.isfile(npz):
        return [npz]
    found, missing = [], []
    for stem in IDX_FILES.values():
        spellings = (stem, stem + ".gz", stem.replace("-idx", ".idx"), stem.replace("-idx", ".idx") + ".gz")
        files = [os.path.join(place, name) for name in spellings if os.path.isfile(os.path.join(place, name))]
        if files:
            found.append(files[0])
        else:
            missing.append(stem)
    if missing:
        raise FileNotFoundError(f"{place}: no mnist.npz and no {', '.join(missing)} in it")
    return found


def read(files: list[str]) -> Arrays:
    """The verified arrays in ``files`` (see `find`); ValueError where one is damaged or something else."""
    if len(files) == 1:
        return read_npz(content(files[0], FILE_LIMIT), files[0])
    return {name: read_idx(content(file, FILE_LIMIT), name, file) for name, file in zip(IDX_FILES, files, strict=True)}


def read_npz(data: bytes, source: str) -> Arrays:
    """The verified arrays in the bytes of an npz file; errors name its ``source``, a path or an address."""
    kind = "an npz file with " + ", ".join(ARRAYS)
    if data.count(b"PK\1\2") > MEMBER_LIMIT:  # the four bytes in front of each member's name
        raise ValueError(f"expected {kind}, received a zip file of more than {MEMBER_LIMIT} members in {source}")
    with _readable(kind, source):
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = archive.namelist()
    arrays = {}
    for name, (shape, _) in ARRAYS.items():
        if f"{name}.npy" not in names:
            raise ValueError(f"expected {kind}, received one without {name} in {source}")
        if archive.getinfo(f"{name}.npy").compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile unpacks other methods as far as they go, into any amount of memory; NumPy writes these two.
            raise ValueError(f"expected {kind}, stored or deflated, received {name} packed otherwise in {source}")
        with _readable(kind, source), archive.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            if version != (1, 0):
                raise ValueError(f"version {version} of the npy format")
            found_shape, _, found_dtype = np.lib.format.read_array_header_1_0(member)
        if found_shape != shape or found_dtype != np.uint8:
            raise ValueError(
                f"expected {name} of shape {shape} and dtype uint8, "
                f"received shape {_short(found_shape)} and dtype {_short(found_dtype)} in {source}"
            )
        with _readable(kind, source), archive.open(f"{name}.npy") as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
        arrays[name] = _verified(array, name, source)
    return arrays


def read_idx(data: bytes, name: str, source: str) -> np.ndarray:
    """The verified array ``name`` in the bytes of an IDX file, gzipped or not (servers may unpack .gz)."""
    return _verified(parse_idx(data, name, ARRAYS[name][0], source), name, source)


def parse_idx(data: bytes, name: str, shape: tuple[int, ...], source: str) -> np.ndarray:
    """The array in the bytes of an IDX file, gzipped or not, if it is of ``shape``; errors call it ``name``.

    Format:  two zero bytes, 8 (unsigned bytes), the number of axes; each axis's length as a big-endian
             32-bit integer; then the values in row-major order.
    """
    start = 4 + 4 * len(shape)
    length = start + math.prod(shape)
    if data[:2] == b"\x1f\x8b":
        with _readable("a whole gzip file", source):
            data = _unpack(data, length + 1)  # one byte more shows a file that is too long
    magic = bytes([0, 0, 8, len(shape)])
    if data[:4] != magic:
        raise ValueError(
            f"expected an IDX file of {name} that starts with bytes {magic.hex(' ')}, "
            f"received {data[:4].hex(' ') or 'no bytes'} in {source}"
        )
    found_shape = tuple(np.frombuffer(data[4:start].ljust(start - 4, b"\0"), ">u4").tolist())
    if found_shape != shape:
        raise ValueError(f"expected {name} of shape {shape}, received shape {found_shape} in {source}")
    if len(data) != length:
        received = "more" if len(data) > length else str(len(data))
        raise ValueError(f"expected {length} bytes of {name}, received {received} in {source}")
    return np.frombuffer(data, "uint8", offset=start).reshape(shape).copy()


def _unpack(data: bytes, limit: int) -> bytes:
    """The first ``limit`` bytes that are packed in a gzip file.

    By zlib: Python's gzip module goes through the header byte by byte, and through any number of empty parts.
    """
    unpacker = zlib.decompressobj(wbits=31)  # 31: with gzip's header, and its check sum at the end
    unpacked = unpacker.decompress(data, limit)
    if len(unpacked) < limit and not unpacker.eof:
        raise EOFError("it ends too early")
    if unpacker.unused_data:
        raise ValueError("bytes follow its end")
    return unpacked


def _verified(array: np.ndarray, name: str, source: str) -> np.ndarray:
    array = np.ascontiguousarray(array)
    expected, received = ARRAYS[name][1], hashlib.sha256(array.data).hexdigest()
    if received != expected:
        raise ValueError(
            f"expected MNIST's {name} (SHA-256 {expected[:16]}…), received other contents "
            f"(SHA-256 {received[:16]}…) in {source}"
        )
    return array


@contextlib.contextmanager
def _readable(kind: str, source: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # zipfile, gzip, zlib and numpy have a dozen kinds of errors for damaged bytes
        reason = _short(error) or type(error).__name__
        raise ValueError(f"expected {kind}, received bytes that are not ({reason}) in {source}") from error


def _short(value: object) -> str:
    """What a file says of itself, on one line: it may be an essay."""
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else f"{text[:200]}…"


def npz(arrays: Arrays) -> bytes:
    """The bytes of ``mnist.npz``, as Keras has it."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        x_train=arrays["x_train"],
        y_train=arrays["y_train"],
        x_test=arrays["x_test"],
        y_test=arrays["y_test"],
    )
    return buffer.getvalue()

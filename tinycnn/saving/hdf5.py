"""A reader for HDF5 files of the kind that Keras writes: groups, and arrays that lie in the file in one piece.

HDF5's own library is written in C and has a history of buffers that overflow on malicious files. A file from a stranger
is read here instead, in Python, where the worst end of a wrong number is an exception. What Keras does not use is
refused: compression and chunks, links of every kind, arrays in other files, types other than plain numbers.

Layout:  superblock -> object header of the root group
         group:  object header -> symbol table message -> B-tree -> symbol table nodes: names and object headers
                 (the names themselves lie in the group's local heap)
         array:  object header -> dataspace (shape), datatype, layout (where the numbers lie) messages
Source:  The HDF Group, "HDF5 File Format Specification Version 3.0"; versions 0 and 1 of its structures, which h5py
         writes unless told otherwise
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

Array = np.ndarray

# The datatype messages of little-endian numbers as HDF5 writes them, and the same in NumPy's words.
_FLOAT, _INTEGER = "<BBBBI2H4BI", "<BBBBI2H"
_DTYPES: dict[bytes, np.dtype] = {
    struct.pack(_FLOAT, 0x11, 0x20, 15, 0, 2, 0, 16, 10, 5, 0, 10, 15): np.dtype("<f2"),
    struct.pack(_FLOAT, 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127): np.dtype("<f4"),
    struct.pack(_FLOAT, 0x11, 0x20, 63, 0, 8, 0, 64, 52, 11, 0, 52, 1023): np.dtype("<f8"),
    struct.pack(_INTEGER, 0x10, 0x08, 0, 0, 4, 0, 32): np.dtype("<i4"),
    struct.pack(_INTEGER, 0x10, 0x08, 0, 0, 8, 0, 64): np.dtype("<i8"),
}
_DATASPACE, _LINK_INFO, _DATATYPE, _EXTERNAL_FILES, _LAYOUT, _FILTERS, _CONTINUATION, _SYMBOL_TABLE = (
    0x01, 0x02, 0x03, 0x07, 0x08, 0x0B, 0x10, 0x11
)  # fmt: skip

# What may be read before the arrays, in bytes: a hundred times what a model of a hundred layers takes. Circles of
# addresses end here. A read costs time however short it is, so it counts as if it were longer.
_MOST_READ = 2**25
_COST_OF_A_READ = 128
_LONGEST_NAME = 255
_LARGEST_HEADER = 2**16


class Hdf5Error(ValueError):
    """The file is not HDF5, is damaged, or holds what Keras does not write."""


class Dataset(NamedTuple):
    """Where an array lies in the file, and what it is."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int


class Hdf5File:
    """The groups and arrays of an open file, by the addresses of their object headers.

    Raises:
        Hdf5Error: from every method, where the file is not as described above.
    """

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._size = stream.seek(0, 2)
        self._read_so_far = 0
        head = self._read(0, 64, "its head")
        if head[:8] != b"\x89HDF\r\n\x1a\n":
            raise Hdf5Error("it is not an HDF5 file")
        version, size_of_offsets, size_of_lengths = head[8], head[13], head[14]
        base, end = struct.unpack_from("<Q8xQ", head, 24)
        if (version, size_of_offsets, size_of_lengths, base) != (0, 8, 8, 0):
            raise Hdf5Error("it is not of the version of HDF5 that Keras writes")
        if end > self._size:
            raise Hdf5Error(f"it has {self._size} of {end} bytes: it was cut off")
        (self.root,) = struct.unpack("<Q", self._read(64, 8, "the root group"))

    def members(self, group: int) -> dict[str, int]:
        """The names in a group, each with the address of its object header."""
        messages = self._messages(group)
        if _SYMBOL_TABLE not in messages:
            kind = "links of HDF5 1.8" if _LINK_INFO in messages else "an array"
            raise Hdf5Error(f"it has {kind} where a group should be")
        tree, heap = self._unpack("<QQ", messages[_SYMBOL_TABLE])
        magic, names_size, names = self._unpack("<4s4xQ8xQ", self._read(heap, 32, "the names of a group"))
        if magic != b"HEAP":
            raise Hdf5Error("the names of a group are damaged")
        found = {}
        for name_offset, address in self._entries(tree, level=None):
            if name_offset >= names_size:
                raise Hdf5Error("the names of a group are damaged")
            found[self._name(names + name_offset)] = address
        return found

    def dataset(self, address: int) -> Dataset:
        """Shape, type and place of an array; its numbers are in the file, all of them."""
        messages = self._messages(address)
        if not {_DATASPACE, _DATATYPE, _LAYOUT} <= messages.keys():
            raise Hdf5Error("it has a group where an array should be")
        if messages.keys() & {_FILTERS, _EXTERNAL_FILES}:
            raise Hdf5Error("it has arrays that are compressed or lie in other files")
        dtype = _dtype(messages[_DATATYPE])
        shape = self._shape(messages[_DATASPACE])
        if messages[_LAYOUT][:2] != b"\3\1":
            raise Hdf5Error("it has arrays that do not lie in one piece")
        offset, size = self._unpack("<2xQQ", messages[_LAYOUT])
        needed = math.prod(shape) * dtype.itemsize
        if needed == 0:
            return Dataset(shape, dtype, 0)
        if size != needed or offset + size > self._size:
            raise Hdf5Error(f"it has an array of shape {shape}, but not its {needed} bytes")
        return Dataset(shape, dtype, offset)

    def read(self, dataset: Dataset) -> Array:
        """The numbers of an array."""
        size = math.prod(dataset.shape) * dataset.dtype.itemsize
        self._stream.seek(dataset.offset)
        return np.frombuffer(self._stream.read(size), dataset.dtype).reshape(dataset.shape)

    # The pieces of the format

    def _entries(self, tree: int, level: int | None) -> Iterator[tuple[int, int]]:
        """The entries of a group: offsets of names, addresses of object headers. Each level of the tree is one less."""
        magic, kind, own_level, count = self._unpack("<4sBBH", self._read(tree, 8, "a group"))
        if magic != b"TREE" or kind != 0 or own_level != (own_level if level is None else level):
            raise Hdf5Error("the tree of a group is damaged")
        keys_and_children = self._read(tree + 24, 16 * count, "a group")
        for (child,) in struct.iter_unpack("<8xQ", keys_and_children):
            if own_level:
                yield from self._entries(child, own_level - 1)
            else:
                yield from self._symbols(child)

    def _symbols(self, node: int) -> Iterator[tuple[int, int]]:
        magic, version, count = self._unpack("<4sBxH", self._read(node, 8, "a group"))
        if magic != b"SNOD" or version != 1:
            raise Hdf5Error("the names of a group are damaged")
        for name, address, kind in struct.iter_unpack("<QQI20x", self._read(node + 8, 40 * count, "a group")):
            if kind not in (0, 1):
                raise Hdf5Error("it has links where groups and arrays should be")
            yield name, address

    def _name(self, offset: int) -> str:
        longest = max(0, min(_LONGEST_NAME + 1, self._size - offset))
        name, end, _ = self._read(offset, longest, "a name").partition(b"\0")
        if not end:
            raise Hdf5Error("the names of a group are damaged")
        return name.decode("utf-8", "replace")

    def _messages(self, header: int) -> dict[int, bytes]:
        """The messages of an object header by their type; of those that occur twice, the first."""
        version, count, size = self._unpack("<BxH4xI", self._read(header, 12, "an object"))
        if version != 1:
            raise Hdf5Error("the header of an object is damaged, or of another version of HDF5 than Keras writes")
        messages: dict[int, bytes] = {}
        blocks = [(header + 16, size)]
        while blocks and count > 0:
            offset, size = blocks.pop(0)
            if size > _LARGEST_HEADER:
                raise Hdf5Error("the header of an object is damaged")
            block = self._read(offset, size, "an object")
            place = 0
            while place + 8 <= size and count > 0:
                kind, length, flags = struct.unpack_from("<HHB", block, place)
                body = block[place + 8 : place + 8 + length]
                if len(body) != length or (flags & 2 and kind in (_DATASPACE, _DATATYPE, _LAYOUT)):
                    raise Hdf5Error("the header of an object is damaged")
                if kind == _CONTINUATION:
                    blocks.append(self._unpack("<QQ", body))
                messages.setdefault(kind, body)
                place += 8 + length
                count -= 1
        return messages

    def _shape(self, message: bytes) -> tuple[int, ...]:
        version, rank, flags = self._unpack("<BBB", message)
        if version != 1 or rank > 32 or flags & ~1:
            raise Hdf5Error("the shape of an array is damaged")
        return self._unpack(f"<{rank}Q", message[8:])

    def _unpack(self, form: str, data: bytes) -> tuple:
        """The numbers at the beginning of ``data``."""
        if len(data) < struct.calcsize(form):
            raise Hdf5Error("the header of an object is damaged")
        return struct.unpack_from(form, data)

    def _read(self, offset: int, size: int, what: str) -> bytes:
        self._read_so_far += size + _COST_OF_A_READ
        if self._read_so_far > _MOST_READ:
            raise Hdf5Error("its groups have more members than a model has, or go round in circles")
        if offset + size > self._size:
            raise Hdf5Error(f"{what} is missing: it was cut off, or is damaged")
        self._stream.seek(offset)
        return self._stream.read(size)


def _dtype(message: bytes) -> np.dtype:
    for encoded, dtype in _DTYPES.items():
        if message[: len(encoded)] == encoded:
            return dtype
    raise Hdf5Error("it has an array of something else than plain numbers")

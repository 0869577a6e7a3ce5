"""An open HDF5 file: groups, arrays and texts, by the addresses of their object headers."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from tinycnn.files import shorten
from tinycnn.saving.hdf5 import chunks, groups, headers
from tinycnn.saving.hdf5.heaps import FractalHeap, GlobalHeap
from tinycnn.saving.hdf5.source import UNDEFINED, Hdf5Error, Source, check, unpack
from tinycnn.saving.hdf5.trees import records

Array = np.ndarray

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COMPACT, _IN_ONE_PIECE, _IN_CHUNKS = 0, 1, 2
_ATTRIBUTES_BY_NAME = 8  # the kind of their tree


class Dataset(NamedTuple):
    """Shape and type of an array, and its numbers, or where they lie: in one piece at an address, or in chunks."""

    shape: tuple[int, ...]
    dtype: np.dtype
    space: headers.Shape
    stored: bytes | int | chunks.Chunked


class Hdf5File:
    """An open file. Nothing of it is read but what is asked for.

    Raises:
        Hdf5Error: from every method, where the file is damaged, or holds what is not known here.
    """

    def __init__(self, stream: BinaryIO):
        self._source = Source(stream)
        self._heap = GlobalHeap(self._source)
        self._groups: dict[int, dict[str, int]] = {}  # those that were read
        self.root = self._open()

    def _open(self) -> int:
        """The address of the root group. A user block of 512 bytes, or twice, four times … as many may come first."""
        source, start = self._source, 0
        while source.read(start, 8, "its head") != _SIGNATURE:
            start = start * 2 or 512
            if start + 8 > source.size:
                raise Hdf5Error("it is not an HDF5 file")
        version, *sizes = struct.unpack("<B4xBB", source.read(start + 8, 7, "its head"))
        if version > 1:
            version, *sizes = struct.unpack("<BBB", source.read(start + 8, 3, "its head"))
        if version > 3 or sizes != [8, 8]:
            raise Hdf5Error("it is of a version of HDF5 that is not known here")
        place = (24, 28, 12, 12)[version]
        base, _, end, other = struct.unpack("<4Q", source.read(start + place, 32, "its head"))
        if version > 1:
            data = source.read(start, 48, "its head")
            check(data[:44], int.from_bytes(data[44:], "little"), "its head")
            root = other
        else:
            (root,) = struct.unpack("<Q", source.read(start + place + 40, 8, "the root group"))
        if base != start:
            raise Hdf5Error("its head is damaged")
        if end > source.size:
            raise Hdf5Error(f"it has {source.size} of {end} bytes: it was cut off")
        source.base = base
        return root

    def members(self, group: int) -> dict[str, int]:
        """The names in a group, each with the address of its object header."""
        if group not in self._groups:
            self._groups[group] = groups.members(self._source, headers.messages(self._source, group))
        return self._groups[group]

    def find(self, group: int, path: str) -> int:
        """The address of ``path``, names with slashes between them, from a group on."""
        for name in path.split("/"):
            members = self.members(group)
            if name not in members:
                raise Hdf5Error(f"it has no {shorten(path, 60)!r}")
            group = members[name]
        return group

    def texts(self, address: int, name: str) -> list[str] | None:
        """An attribute of a group or an array as texts; None where there is no such attribute."""
        messages = headers.messages(self._source, address)
        several = [*messages.get(headers.ATTRIBUTE, []), *self._attributes_elsewhere(messages)]
        for found in map(headers.attribute, several):
            if found.name == name:
                return headers.texts(self._heap, found)
        return None

    def _attributes_elsewhere(self, messages: headers.Messages) -> Iterator[bytes]:
        """From some number of attributes on, HDF5 1.8 keeps them in a heap of their own."""
        for message in messages.get(headers.ATTRIBUTE_INFO, []):
            _, flags = unpack("<BB", message)
            heap, tree = unpack("<QQ", message, 4 if flags & 1 else 2)
            if heap != UNDEFINED:
                attributes = FractalHeap(self._source, heap)
                for record in records(self._source, tree, _ATTRIBUTES_BY_NAME):
                    yield attributes.object(record[:8])

    def dataset(self, address: int) -> Dataset:
        """Shape and type of an array, and where its numbers are."""
        messages = headers.messages(self._source, address)
        if not {headers.DATASPACE, headers.DATATYPE, headers.LAYOUT} <= messages.keys():
            raise Hdf5Error("it has a group where an array should be")
        if headers.EXTERNAL_FILES in messages:
            raise Hdf5Error("it has arrays that lie in other files")
        dtype = headers.dtype(messages[headers.DATATYPE][0])
        space = headers.shape(messages[headers.DATASPACE][0])
        filters = messages[headers.FILTERS][0] if headers.FILTERS in messages else None
        stored = self._stored(messages[headers.LAYOUT][0], filters, space, dtype)
        return Dataset(space.sizes, dtype, space, stored)

    def _stored(
        self, layout: bytes, filters: bytes | None, space: headers.Shape, dtype: np.dtype
    ) -> bytes | int | chunks.Chunked:
        version, kind = unpack("<BB", layout)
        if version not in (3, 4, 5) or kind > _IN_CHUNKS:
            raise Hdf5Error("it has arrays that lie neither in the file as one piece nor in chunks")
        needed = math.prod(space.sizes) * dtype.itemsize
        if needed == 0:
            return b""
        if kind == _IN_CHUNKS:
            return chunks.layout(layout, filters)
        if kind == _COMPACT:
            (size,) = unpack("<H", layout, 2)
            address, there = 0, len(layout) - 4
        else:
            address, size = unpack("<QQ", layout, 2)
            there = self._source.size - self._source.base - address
        if size != needed or there < needed:
            raise Hdf5Error(f"it has an array of shape {space.sizes}, but not its {needed} bytes")
        return layout[4 : 4 + needed] if kind == _COMPACT else address

    def read(self, dataset: Dataset) -> Array:
        """The numbers of an array, in this machine's order of bytes."""
        shape, dtype, space, stored = dataset
        if isinstance(stored, chunks.Chunked):
            array = chunks.read(self._source, stored, space, dtype)
        else:
            size = math.prod(shape) * dtype.itemsize
            data = stored if isinstance(stored, bytes) else self._source.numbers(stored, size)
            array = np.frombuffer(data, dtype).reshape(shape)
        return array.astype(dtype.newbyteorder("="), copy=False)

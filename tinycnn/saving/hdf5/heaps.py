"""Heaps: what has no fixed size, such as texts, and the links of large groups."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tinycnn.saving.hdf5.source import UNDEFINED, Hdf5Error, Source, check, integer, unpack
from tinycnn.saving.hdf5.trees import records

_IDS_OF_LARGE_OBJECTS = 1  # the kind of their tree


class GlobalHeap:
    """The texts of a whole file, in collections.

    Layout:  "GCOL", size; then objects, each with its number, its size, and its bytes; number 0 is space that is left
    """

    def __init__(self, source: Source):
        self._source = source
        self._collections: dict[int, dict[int, bytes]] = {}

    def object(self, length: int, address: int, number: int) -> bytes:
        if length == 0:
            return b""
        self._source.count(length)  # an attribute may name the same long text many times
        if address not in self._collections:
            self._collections[address] = dict(self._objects(address))
        value = self._collections[address].get(number, b"")
        if length > len(value):
            raise Hdf5Error("it has texts that are damaged")
        return value[:length]

    def _objects(self, address: int) -> Iterator[tuple[int, bytes]]:
        signature, size = struct.unpack("<4s4xQ", self._source.read(address, 16, "a text"))
        if signature != b"GCOL":
            raise Hdf5Error("it has texts that are damaged")
        data, place = self._source.read(address, size, "a text"), 16
        while place + 16 <= size:
            number, length = struct.unpack_from("<H6xQ", data, place)
            if number == 0:
                return
            yield number, data[place + 16 : place + 16 + length]
            place += 16 + -(-length // 8) * 8


class FractalHeap:
    """The links of a group, or the attributes of an object, where they are many.

    Layout:  one long row of bytes, and a doubling table that says where they lie: row 0 and row 1 of the table have
             ``width`` blocks of the starting size each, every further row blocks of twice the size of the row before.
             Blocks up to a certain size hold bytes ("FHDB"), larger ones a table of the same kind ("FHIB").
             An object is found by an ID: its offset in the row of bytes, and its length.
    """

    def __init__(self, source: Source, address: int):
        header = source.checked(address, 146, "a heap", b"FRHP")
        self._source = source
        self._id_size, filters, flags, largest_object = unpack("<HHBI", header, 5)
        (self._large_objects,) = unpack("<Q", header, 22)
        self._width, self._start, self._largest, bits, _, self._root, self._rows = unpack("<HQQHHQH", header, 110)
        powers = all(size > 0 and size & (size - 1) == 0 for size in (self._width, self._start, self._largest))
        if filters or not powers or bits > 64 or self._start > self._largest or self._largest > 2**24:
            raise Hdf5Error("a heap is damaged, or compressed")
        self._has_checksums = bool(flags & 2)
        self._offset_size = (bits + 7) // 8
        self._length_size = min((self._largest.bit_length() + 6) // 8, (largest_object.bit_length() + 7) // 8)
        self._blocks: dict[int, bytes] = {}

    def object(self, identity: bytes) -> bytes:
        kind = integer(identity, 0, 1) >> 4 & 3
        if kind == 0:
            offset = integer(identity, 1, self._offset_size)
            length = integer(identity, 1 + self._offset_size, self._length_size)
            return self._managed(offset, length)
        if kind == 1:
            return self._large(integer(identity, 1, min(8, self._id_size - 1)))
        raise Hdf5Error("a heap is damaged")

    def _large(self, number: int) -> bytes:
        """An object that has a place of its own in the file."""
        for record in records(self._source, self._large_objects, _IDS_OF_LARGE_OBJECTS):
            address, length, own_number = unpack("<QQQ", record)
            if own_number == number:
                return self._source.read(address, length, "an object of a heap")
        raise Hdf5Error("a heap is damaged")

    def _managed(self, offset: int, length: int) -> bytes:
        address, rows, start, size = self._root, self._rows, 0, self._start
        while rows:  # the block is a table: go on to the entry that holds the offset
            row, column, start, size = self._place(offset, start)
            if row >= rows:
                raise Hdf5Error("a heap is damaged")
            table = self._table(address, rows)
            (address,) = unpack("<Q", table, 8 * (row * self._width + column))
            rows = 0 if size <= self._largest else (size // (self._start * self._width)).bit_length()
        block = self._block(address, size)
        if not 0 <= offset - start <= size - length:
            raise Hdf5Error("a heap is damaged")
        return block[offset - start : offset - start + length]

    def _place(self, offset: int, start: int) -> tuple[int, int, int, int]:
        """Row and column of the entry that holds the offset in a table that begins at ``start``; its start and size."""
        row, size = 0, self._start
        while offset - start >= size * self._width:
            start += size * self._width
            size *= 2 if row else 1
            row += 1
        column = (offset - start) // size
        return row, column, start + column * size, size

    def _table(self, address: int, rows: int) -> bytes:
        if address not in self._blocks:
            head = 13 + self._offset_size
            data = self._source.checked(address, head + 8 * self._width * rows + 4, "a heap", b"FHIB")
            self._blocks[address] = data[head:]
        return self._blocks[address]

    def _block(self, address: int, size: int) -> bytes:
        if address not in self._blocks:
            if address == UNDEFINED:
                raise Hdf5Error("a heap is damaged")
            data = self._source.read(address, size, "a heap")
            if self._has_checksums:  # in the middle; it was made with zeros in its place
                place = 13 + self._offset_size
                check(data[:place] + bytes(4) + data[place + 4 :], integer(data, place, 4), "a heap", b"FHDB")
            self._blocks[address] = data
        return self._blocks[address]

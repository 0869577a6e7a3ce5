"""Arrays in pieces of equal shape, "chunks", each of which may be compressed: where they lie, how they are unpacked.

Index:  in layouts of version 3 a tree of version 1; later one of five, whichever is smallest for the shape: one chunk
        alone; none ("implicit": all chunks in a row); "fixed array"; "extensible array" where one axis may grow; a tree
        of version 2 where several may
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tinycnn.saving.hdf5.checksums import fletcher32
from tinycnn.saving.hdf5.headers import Shape
from tinycnn.saving.hdf5.source import UNDEFINED, Hdf5Error, Source, integer, unpack
from tinycnn.saving.hdf5.trees import children, records

Array = np.ndarray

_GZIP, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_SINGLE, _IMPLICIT, _FIXED_ARRAY, _EXTENSIBLE_ARRAY, _TREE = 1, 2, 3, 4, 5
_EDGES_ARE_NOT_FILTERED, _SINGLE_IS_FILTERED = 1, 2  # flags
_LARGEST_CHUNK = 2**24  # bytes, or as many as the array has
_COST_OF_A_CHUNK = 2**10  # as if it were so many bytes; see `source`, where they end before they are
_MOST_CHUNKS = 2**16

Place = tuple[int, ...]


class Chunk(NamedTuple):
    """Where a chunk lies in the file, and which filters were left out of it (bit i: the i-th)."""

    address: int
    size: int
    left_out: int = 0


class Chunked(NamedTuple):
    """The layout of an array in chunks."""

    sizes: tuple[int, ...]  # of a chunk
    filters: tuple[int, ...]  # in the order in which they were applied
    kind_of_index: int  # which of the five, 0 for a tree of version 1
    parameters: bytes
    address: int  # of the index


def layout(message: bytes, filters: bytes | None) -> Chunked:
    """What a layout message of class 2 says, and the filters message beside it."""
    used = () if filters is None else _filters(filters)
    version, _, flags, rank = unpack("<BBBB", message)
    if version == 3:
        rank, address = unpack("<BQ", message, 2)
        return Chunked(unpack(f"<{rank}I", message, 11)[:-1], used, 0, b"", address)
    if flags & _EDGES_ARE_NOT_FILTERED and used:
        raise Hdf5Error("it has arrays of which some chunks are packed and others not")
    width, place = integer(message, 4, 1), 5
    sizes = tuple(integer(message, place + i * width, width) for i in range(rank - 1))
    place += rank * width
    index = integer(message, place, 1)
    length = {_SINGLE: 12 if flags & _SINGLE_IS_FILTERED else 0, _FIXED_ARRAY: 1, _EXTENSIBLE_ARRAY: 5, _TREE: 6}
    parameters = message[place + 1 : place + 1 + length.get(index, 0)]
    (address,) = unpack("<Q", message, place + 1 + len(parameters))
    return Chunked(sizes, used, index, parameters, address)


def read(source: Source, chunked: Chunked, shape: Shape, dtype: np.dtype) -> Array:
    """The whole array; all of its chunks must be there."""
    needed = math.prod(shape.sizes) * dtype.itemsize
    size = math.prod(chunked.sizes) * dtype.itemsize
    if len(chunked.sizes) != len(shape.sizes) or not 0 < size <= max(_LARGEST_CHUNK, needed):
        raise Hdf5Error("it has an array whose chunks are damaged, or far larger than the array")
    array = np.empty(shape.sizes, dtype)
    missing = math.prod(_counts(shape.sizes, chunked.sizes))
    seen = set()
    for place, chunk in _chunks(source, chunked, shape, size):
        source.count(_COST_OF_A_CHUNK)
        start = tuple(i * step for i, step in zip(place, chunked.sizes, strict=True))
        if place in seen or any(begin >= end for begin, end in zip(start, shape.sizes, strict=True)):
            continue  # beyond the edge, where the array was larger once
        seen.add(place)
        part = array[tuple(slice(begin, begin + step) for begin, step in zip(start, chunked.sizes, strict=True))]
        data = _unpacked(source, chunk, chunked.filters, size, dtype.itemsize)
        values = np.frombuffer(data, dtype).reshape(chunked.sizes)
        part[...] = values[tuple(slice(n) for n in part.shape)]
        missing -= 1
    if missing:
        raise Hdf5Error(f"it has an array of shape {shape.sizes}, but {missing} of its chunks are missing")
    return array


# Filters


def _filters(message: bytes) -> tuple[int, ...]:
    version, count = unpack("<BB", message)
    place, found = 8 if version == 1 else 2, []
    for _ in range(count):
        number = integer(message, place, 2)
        named = version == 1 or number >= 256
        name_size = integer(message, place + 2, 2) if named else 0
        values = integer(message, place + (6 if named else 4), 2)
        if version == 1:
            name_size, values = -(-name_size // 8) * 8, values + values % 2
        place += (8 if named else 6) + name_size + 4 * values
        found.append(number)
    if version not in (1, 2) or len(set(found)) != count or not set(found) <= {_GZIP, _SHUFFLE, _FLETCHER32}:
        raise Hdf5Error("it has arrays that are packed by other means than gzip, shuffle and fletcher32")
    return tuple(found)


def _unpacked(source: Source, chunk: Chunk, filters: Sequence[int], size: int, item_size: int) -> bytes:
    """The ``size`` bytes of a chunk, the filters undone from the last to the first. Nothing unfolds to more."""
    if chunk.size > size + size // 100 + 64:  # what gzip makes of noise
        raise Hdf5Error("it has an array whose chunks are damaged, or far larger than the array")
    data = source.numbers(chunk.address, chunk.size)
    for i, number in reversed(list(enumerate(filters))):
        if chunk.left_out >> i & 1:
            continue
        if number == _FLETCHER32:
            data, checksum = data[:-4], int.from_bytes(data[-4:], "little")
            if fletcher32(data) != checksum:
                raise Hdf5Error("a part of an array is damaged")
        elif number == _GZIP:
            try:
                data = zlib.decompressobj().decompress(data, size + 4)  # a checksum may have come before
            except zlib.error as error:
                raise Hdf5Error("a part of an array is damaged") from error
        elif number == _SHUFFLE:  # first bytes first: the i-th bytes of all numbers stand together
            n = len(data) // item_size * item_size
            data = np.frombuffer(data, "u1", n).reshape(item_size, -1).T.tobytes() + data[n:]
    if len(data) != size:
        raise Hdf5Error("a part of an array is damaged")
    return data


# Indexes


def _chunks(source: Source, chunked: Chunked, shape: Shape, size: int) -> Iterator[tuple[Place, Chunk]]:
    """All chunks that are in the file, by their places: (0, 0), (0, 1), ... ; ``size`` is that of an unpacked chunk."""
    rank, address = len(shape.sizes), chunked.address
    if address == UNDEFINED:
        return
    counts = _counts(shape.largest, chunked.sizes)
    if chunked.kind_of_index == 0:
        for entry in children(source, address, kind=1, key_size=8 + 8 * (rank + 1)):
            stored, left_out, *start = unpack(f"<II{rank}Q", entry)
            place = tuple(begin // step for begin, step in zip(start, chunked.sizes, strict=True))
            yield place, Chunk(integer(entry, len(entry) - 8, 8), stored, left_out)
    elif chunked.kind_of_index == _SINGLE:
        filtered = unpack("<QI", chunked.parameters) if chunked.parameters else (size,)
        yield (0,) * rank, Chunk(address, *filtered)
    elif chunked.kind_of_index == _IMPLICIT:
        for number in range(min(math.prod(counts), _MOST_CHUNKS)):
            yield _place(number, counts), Chunk(address + number * size, size)
    elif chunked.kind_of_index == _FIXED_ARRAY:
        for number, element in _fixed_array(source, address):
            yield _place(number, counts), _element(element, size)
    elif chunked.kind_of_index == _EXTENSIBLE_ARRAY:  # the axis without end is counted slowest
        growing = shape.largest.index(UNDEFINED) if UNDEFINED in shape.largest else 0
        order = [growing, *(axis for axis in range(rank) if axis != growing)]
        for number, element in _extensible_array(source, address):
            place = _place(number, [counts[axis] for axis in order])
            yield tuple(place[order.index(axis)] for axis in range(rank)), _element(element, size)
    elif chunked.kind_of_index == _TREE:
        for record in records(source, address, 11 if chunked.filters else 10):
            split = len(record) - 8 * rank
            if split < 8:
                raise Hdf5Error("a tree is damaged")
            yield unpack(f"<{rank}Q", record, split), _element(record[:split], size)
    else:
        raise Hdf5Error("it has arrays whose index is not known here")


def _counts(sizes: Sequence[int], steps: Sequence[int]) -> list[int]:
    """The number of chunks along each axis."""
    return [-(-size // step) for size, step in zip(sizes, steps, strict=True)]


def _place(number: int, counts: Sequence[int]) -> Place:
    """The place of a chunk by its number, the last axis counted fastest, the first without end."""
    place = []
    for count in reversed(counts[1:]):
        number, i = divmod(number, max(1, count))
        place.append(i)
    return (number, *reversed(place)) if counts else ()


def _element(element: bytes, size: int) -> Chunk:
    """An entry of an index: an address; where chunks are filtered, size and filters left out too."""
    (address,) = unpack("<Q", element)
    if len(element) == 8:
        return Chunk(address, size)
    return Chunk(address, integer(element, 8, len(element) - 12), integer(element, len(element) - 4, 4))


def _elements(data: bytes, size: int, first: int) -> Iterator[tuple[int, bytes]]:
    """The elements that have an address, numbered from ``first``."""
    for i in range(len(data) // size):
        element = data[i * size : (i + 1) * size]
        if element[:8] != b"\xff" * 8:
            yield first + i, element


def _fixed_array(source: Source, address: int) -> Iterator[tuple[int, bytes]]:
    """Layout: a header "FAHD"; a block "FADB" of all elements, or, where they are many, of pages of them, each with its
    checksum, and before them a bit for each page: whether it was ever written."""
    size, page_bits, count, block = unpack("<BBQQ", source.checked(address, 28, "an index", b"FAHD"), 6)
    page, head = 1 << min(page_bits, 63), 14
    if size < 8 or block == UNDEFINED:
        raise Hdf5Error("an index is damaged")
    if count <= page:
        yield from _elements(source.checked(block, head + count * size + 4, "an index", b"FADB")[head:], size, 0)
        return
    pages = -(-count // page)
    data = source.checked(block, head + -(-pages // 8) + 4, "an index", b"FADB")
    address = block + len(data) + 4
    for i in range(pages):
        length = min(page, count - i * page) * size
        if data[head + i // 8] << i % 8 & 0x80:
            yield from _elements(source.checked(address, length + 4, "an index"), size, i * page)
        address += length + 4


def _extensible_array(source: Source, address: int) -> Iterator[tuple[int, bytes]]:
    """Layout: a header "EAHD"; an index block "EAIB" with the first elements and the addresses of blocks "EADB" of
    elements, which double their size at every second step, later in groups, "super blocks" "EASB"."""
    header = source.checked(address, 72, "an index", b"EAHD")
    size, bits, in_index, smallest, pointers, page_bits = unpack("<6B", header, 6)
    (index,) = unpack("<Q", header, 60)
    if size < 8 or bits > 64 or index == UNDEFINED or any(n & (n - 1) or not n for n in (smallest, pointers)):
        raise Hdf5Error("an index is damaged")
    levels = 1 + bits - (smallest.bit_length() - 1)
    direct_levels = min(levels, 2 * (pointers.bit_length() - 1))
    direct = sum(1 << level // 2 for level in range(direct_levels))
    offset_size, head = (bits + 7) // 8, 14
    length = head + in_index * size + 8 * (direct + levels - direct_levels)
    data = source.checked(index, length + 4, "an index", b"EAIB")
    yield from _elements(data[head : head + in_index * size], size, 0)
    addresses = iter(unpack(f"<{direct + levels - direct_levels}Q", data, head + in_index * size))
    first = in_index
    for level in range(levels):
        blocks, count = 1 << level // 2, smallest << (level + 1) // 2
        if level < direct_levels:
            block_addresses: Sequence[int] = tuple(itertools.islice(addresses, blocks))
        else:
            super_block = next(addresses)
            if super_block == UNDEFINED:
                first += blocks * count
                continue
            if count > 1 << page_bits:  # of 130,000 chunks or more
                raise Hdf5Error("it has arrays of more chunks than a model has")
            length = head + offset_size + 8 * blocks
            data = source.checked(super_block, length + 4, "an index", b"EASB")
            block_addresses = unpack(f"<{blocks}Q", data, head + offset_size)
        for block in block_addresses:
            if block != UNDEFINED:
                length = head + offset_size + count * size
                data = source.checked(block, length + 4, "an index", b"EADB")
                yield from _elements(data[head + offset_size :], size, first)
            first += count

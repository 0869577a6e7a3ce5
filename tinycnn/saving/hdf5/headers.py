"""Object headers: what a group or an array is, message by message.

Layout:  version 1: the number of messages and the size of the first block, then the messages
         version 2: "OHDR", flags, size; the messages; a checksum. Further blocks begin with "OCHK"
         Either way a message of its own tells where the next block lies.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

import numpy as np

from tinycnn.saving.hdf5.heaps import GlobalHeap
from tinycnn.saving.hdf5.source import Hdf5Error, Source, integer, unpack

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT, FILTERS = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0B
ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0C, 0x10, 0x11, 0x15

_LARGEST_HEADER = 2**16 + 2**10  # an attribute has 64 kB at most

Messages = dict[int, list[bytes]]

# The datatype messages of little-endian numbers as HDF5 writes them, and the same in NumPy's words.
_FLOAT, _INTEGER = "<BBBBI2H4BI", "<BBBBI2H"
_DTYPES: dict[bytes, np.dtype] = {
    struct.pack(_FLOAT, 0x11, 0x20, 15, 0, 2, 0, 16, 10, 5, 0, 10, 15): np.dtype("<f2"),
    struct.pack(_FLOAT, 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127): np.dtype("<f4"),
    struct.pack(_FLOAT, 0x11, 0x20, 63, 0, 8, 0, 64, 52, 11, 0, 52, 1023): np.dtype("<f8"),
    struct.pack(_INTEGER, 0x10, 0x08, 0, 0, 4, 0, 32): np.dtype("<i4"),
    struct.pack(_INTEGER, 0x10, 0x08, 0, 0, 8, 0, 64): np.dtype("<i8"),
}


def messages(source: Source, address: int) -> Messages:
    """The messages of an object by their kind, each kind in the file's order."""
    blocks = _blocks_of_version_2 if source.read(address, 4, "an object") == b"OHDR" else _blocks_of_version_1
    return blocks(source, address)


def _blocks_of_version_1(source: Source, address: int) -> Messages:
    version, count, size = struct.unpack("<BxH4xI", source.read(address, 12, "an object"))
    if version != 1:
        raise Hdf5Error("the header of an object is damaged, or of a version of HDF5 that is not known here")
    found: Messages = {}
    blocks = [(address + 16, size)]
    while blocks and count > 0:
        block = source.read(*_plausible(*blocks.pop(0)), "an object")
        place = 0
        while place + 8 <= len(block) and count > 0:
            kind, length, flags = struct.unpack_from("<HHB", block, place)
            _take(found, blocks, kind, flags, block[place + 8 : place + 8 + length], length)
            place += 8 + length
            count -= 1
    return found


def _blocks_of_version_2(source: Source, address: int) -> Messages:
    version, flags = struct.unpack("<4xBB", source.read(address, 6, "an object"))
    if version != 2:
        raise Hdf5Error("the header of an object is damaged, or of a version of HDF5 that is not known here")
    start = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)  # after the times and limits, if any
    width = 1 << (flags & 3)
    size = integer(source.read(address + start, width, "an object"), 0, width)
    found: Messages = {}
    blocks = [(address, start + width + size + 4)]
    while blocks:
        first, signature = (start + width, b"OHDR") if not found else (4, b"OCHK")
        block = source.checked(*_plausible(*blocks.pop(0)), "the header of an object", signature)
        place, head = first, 6 if flags & 4 else 4  # with or without the order in which messages were made
        while place + head <= len(block):
            kind, length, message_flags = struct.unpack_from("<BHB", block, place)
            _take(found, blocks, kind, message_flags, block[place + head : place + head + length], length)
            place += head + length
    return found


def _plausible(address: int, size: int) -> tuple[int, int]:
    if size > _LARGEST_HEADER:
        raise Hdf5Error("the header of an object is damaged")
    return address, size


def _take(found: Messages, blocks: list[tuple[int, int]], kind: int, flags: int, body: bytes, length: int) -> None:
    if len(body) != length:
        raise Hdf5Error("the header of an object is damaged")
    if flags & 2 and kind in (DATASPACE, DATATYPE, LAYOUT, FILTERS, ATTRIBUTE):
        raise Hdf5Error("it has shapes or types that several arrays share")
    if kind == CONTINUATION:
        blocks.append(unpack("<QQ", body))
    found.setdefault(kind, []).append(body)


# What the messages say


class Shape(NamedTuple):
    """The sizes of an array, and how far it may grow (2**64 − 1: without end)."""

    sizes: tuple[int, ...]
    largest: tuple[int, ...]


def shape(message: bytes) -> Shape:
    version, rank, flags = unpack("<BBB", message)
    null = version == 2 and message[3:4] == b"\2"  # neither an array nor a single number
    if version not in (1, 2) or rank > 32 or flags & ~1 or null:
        raise Hdf5Error("the shape of an array is damaged")
    start = 8 if version == 1 else 4
    sizes = unpack(f"<{rank}Q", message, start)
    return Shape(sizes, unpack(f"<{rank}Q", message, start + 8 * rank) if flags else sizes)


def dtype(message: bytes) -> np.dtype:
    """Of plain numbers, in either order of bytes."""
    kind, order = unpack("<BB", message)
    little = bytes([0x10 | kind & 0x0F, order & ~1]) + message[2:]  # in version 1 of the message
    for encoded, found in _DTYPES.items():
        if little.startswith(encoded):
            return found.newbyteorder(">" if order & 1 else "<")
    raise Hdf5Error("it has an array of something else than plain numbers")


class Attribute(NamedTuple):
    """A named value beside a group or an array; its bytes are `texts`, if they are any."""

    name: str
    datatype: bytes
    dataspace: bytes
    value: bytes


def attribute(message: bytes) -> Attribute:
    version, *sizes = unpack("<Bx3H", message)
    place, parts = 9 if version == 3 else 8, []
    for size in sizes:
        parts.append(message[place : place + size])
        place += size if version > 1 else -(-size // 8) * 8
    name, datatype, dataspace = parts
    if version > 1 and message[1]:
        datatype = b""  # it lies elsewhere
    return Attribute(name.split(b"\0")[0].decode("utf-8", "replace"), datatype, dataspace, message[place:])


def texts(heap: GlobalHeap, found: Attribute) -> list[str]:
    """The texts of an attribute, all axes in one row. No text at all may have any type."""
    count = math.prod(shape(found.dataspace).sizes)
    if count == 0:
        return []
    kind, bits, size = unpack("<BB2xI", found.datatype) if found.datatype else (0, 0, 0)
    fixed, of_any_length = kind & 0x0F == 3, kind & 0x0F == 9 and bits & 0x0F == 1
    if not (fixed or of_any_length) or size == 0 or count * size > len(found.value):
        raise Hdf5Error(f"its attribute {found.name[:40]!r} is no text")
    values = [found.value[i * size : (i + 1) * size] for i in range(count)]
    if of_any_length:
        values = [heap.object(*unpack("<IQI", value)) for value in values]
    return [value.rstrip(b"\0").decode("utf-8", "replace") for value in values]

"""The members of a group: names, each with the address of an object header.

Layout:  of HDF5 1.0: a symbol table message -> a tree of version 1 -> symbol table nodes ("SNOD"): offsets of names in
         the group's local heap ("HEAP"), and addresses
         of HDF5 1.8: link messages in the group's own header; from some number on, in a fractal heap instead, whose
         IDs are in a tree of version 2
"""

from __future__ import annotations

import struct

from tinycnn.saving.hdf5.headers import LINK, LINK_INFO, SYMBOL_TABLE, Messages
from tinycnn.saving.hdf5.heaps import FractalHeap
from tinycnn.saving.hdf5.source import UNDEFINED, Hdf5Error, Source, integer, unpack
from tinycnn.saving.hdf5.trees import children, records

_LONGEST_NAME = 255
_LINKS_BY_NAME = 5  # the kind of their tree


def members(source: Source, messages: Messages) -> dict[str, int]:
    """The names in a group, each with the address of its object header."""
    if SYMBOL_TABLE in messages:
        return _symbols(source, *unpack("<QQ", messages[SYMBOL_TABLE][0]))
    if LINK_INFO in messages:
        links = messages.get(LINK, []) + _links_elsewhere(source, messages[LINK_INFO][0])
        return dict(_link(link) for link in links)
    raise Hdf5Error("it has an array where a group should be")


# Of HDF5 1.0


def _symbols(source: Source, tree: int, heap: int) -> dict[str, int]:
    magic, names_size, names = struct.unpack("<4s4xQ8xQ", source.read(heap, 32, "the names of a group"))
    if magic != b"HEAP":
        raise Hdf5Error("the names of a group are damaged")
    found = {}
    for child in children(source, tree, kind=0, key_size=8):
        (node,) = unpack("<Q", child, 8)
        magic, version, count = struct.unpack("<4sBxH", source.read(node, 8, "a group"))
        if magic != b"SNOD" or version != 1:
            raise Hdf5Error("the names of a group are damaged")
        for offset, address, kind in struct.iter_unpack("<QQI20x", source.read(node + 8, 40 * count, "a group")):
            if kind not in (0, 1):
                raise Hdf5Error("it has links where groups and arrays should be")
            if offset >= names_size:
                raise Hdf5Error("the names of a group are damaged")
            found[_name(source, names + offset)] = address
    return found


def _name(source: Source, address: int) -> str:
    longest = max(0, min(_LONGEST_NAME + 1, source.size - source.base - address))
    name, end, _ = source.read(address, longest, "a name").partition(b"\0")
    if not end:
        raise Hdf5Error("the names of a group are damaged")
    return name.decode("utf-8", "replace")


# Of HDF5 1.8


def _links_elsewhere(source: Source, message: bytes) -> list[bytes]:
    _, flags = unpack("<BB", message)
    heap, tree = unpack("<QQ", message, 10 if flags & 1 else 2)
    if heap == UNDEFINED:
        return []
    links = FractalHeap(source, heap)
    return [links.object(record[4:]) for record in records(source, tree, _LINKS_BY_NAME)]


def _link(message: bytes) -> tuple[str, int]:
    version, flags = unpack("<BB", message)
    place = 2
    kind = integer(message, place, 1) if flags & 8 else 0
    place += bool(flags & 8) + 8 * bool(flags & 4) + bool(flags & 16)  # kind, order, character set
    if version != 1:
        raise Hdf5Error("the names of a group are damaged")
    if kind != 0:
        raise Hdf5Error("it has links where groups and arrays should be")
    width = 1 << (flags & 3)
    length = integer(message, place, width)
    name = message[place + width : place + width + length]
    if length > _LONGEST_NAME:
        raise Hdf5Error("the names of a group are damaged")
    return name.decode("utf-8", "replace"), integer(message, place + width + length, 8)

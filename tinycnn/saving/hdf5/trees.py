"""B-trees: what many things are kept in, by the order of their keys.

Version 1:  "TREE", kind, level, number of children; then keys and addresses of children in turn
Version 2:  a header "BTHD" with the sizes of everything; inner nodes "BTIN", leaves "BTLF", both with a checksum. The
            records themselves are in the nodes, those of an inner node between those of its children.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tinycnn.saving.hdf5.source import UNDEFINED, Hdf5Error, Source, integer, unpack


def children(source: Source, address: int, kind: int, key_size: int, level: int | None = None) -> Iterator[bytes]:
    """Of all leaves of a tree of version 1: each key with the address that follows it. Levels go down by one."""
    what = "a group" if kind == 0 else "an array"
    magic, own_kind, own_level, count = struct.unpack("<4sBBH", source.read(address, 8, what))
    if magic != b"TREE" or own_kind != kind or own_level != (own_level if level is None else level):
        raise Hdf5Error(f"the tree of {what} is damaged")
    size = key_size + 8
    data = source.read(address + 24, size * count, what)
    for i in range(count):
        entry = data[i * size : (i + 1) * size]
        if own_level:
            (child,) = unpack("<Q", entry, key_size)
            yield from children(source, child, kind, key_size, own_level - 1)
        else:
            yield entry


def records(source: Source, address: int, kind: int) -> Iterator[bytes]:
    """All records of a tree of version 2, in order."""
    header = source.checked(address, 38, "a tree", b"BTHD")
    own_kind, node_size, record_size, depth, root, count = unpack("<xBIHH2xQH", header, 4)
    if own_kind != kind or not 0 < record_size <= node_size or depth > 16:
        raise Hdf5Error("a tree is damaged")
    if root == UNDEFINED:
        return
    # A node's pointers hold the numbers of records of its children, in as many bytes as the largest such number takes.
    most = total = (node_size - 10) // record_size
    count_size, total_sizes = _bytes_for(most), [0]
    for _ in range(depth):
        pointer_size = 8 + count_size + total_sizes[-1]
        most = max(0, node_size - 10 - pointer_size) // (record_size + pointer_size)
        total = (most + 1) * total + most
        total_sizes.append(_bytes_for(total))
    yield from _node(source, root, count, depth, kind, record_size, count_size, total_sizes)


def _node(
    source: Source,
    address: int,
    count: int,
    depth: int,
    kind: int,
    record_size: int,
    count_size: int,
    totals: list[int],
) -> Iterator[bytes]:
    pointer_size = 8 + count_size + totals[depth - 1] if depth else 0
    pointers = 6 + count * record_size
    size = pointers + (count + 1) * pointer_size
    node = source.checked(address, size + 4, "a tree", b"BTIN" if depth else b"BTLF")
    if node[5] != kind:
        raise Hdf5Error("a tree is damaged")
    for i in range(count + 1):
        if depth:
            place = pointers + i * pointer_size
            child, child_count = integer(node, place, 8), integer(node, place + 8, count_size)
            yield from _node(source, child, child_count, depth - 1, kind, record_size, count_size, totals)
        if i < count:
            yield node[6 + i * record_size : 6 + (i + 1) * record_size]


def _bytes_for(number: int) -> int:
    return max(1, (number.bit_length() + 7) // 8)

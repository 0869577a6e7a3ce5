"""The bytes of a file at addresses, counted: whatever the addresses say, reading them comes to an end soon."""

from __future__ import annotations

import struct
from typing import BinaryIO

from tinycnn.saving.hdf5.checksums import lookup3

UNDEFINED = 2**64 - 1  # the address of what is not there

# What may be read before the arrays, in bytes: a hundred times what a model of a hundred layers takes. Circles of
# addresses end here. A read costs time however short it is, so it counts as if it were longer, and so does a checksum.
_MOST_READ = 2**25
_COST_OF_A_READ = 128
_COST_OF_A_CHECKSUM = 8  # for each byte


class Hdf5Error(ValueError):
    """The file is not HDF5, is damaged, or holds what no model needs."""


class Source:
    """A stream whose addresses count from ``base``, the end of a user block."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self.size = stream.seek(0, 2)
        self.base = 0
        self.read_so_far = 0

    def read(self, address: int, size: int, what: str) -> bytes:
        """``size`` bytes; ``what`` is missing where the file does not have them."""
        self.count(size + _COST_OF_A_READ)
        return self._bytes(address, size, what)

    def checked(self, address: int, size: int, what: str, signature: bytes = b"") -> bytes:
        """A structure that begins with its signature and ends with its checksum; without the checksum."""
        self.count(size * _COST_OF_A_CHECKSUM + _COST_OF_A_READ)
        data = self._bytes(address, size, what)
        check(data[:-4], int.from_bytes(data[-4:], "little"), what, signature)
        return data[:-4]

    def numbers(self, address: int, size: int) -> bytes:
        """A part of an array, of a size that the caller knows to be right: it is not counted."""
        return self._bytes(address, size, "a part of an array")

    def count(self, cost: int) -> None:
        """So much work is done; HDF5 files of models come nowhere near the end of it."""
        self.read_so_far += cost
        if self.read_so_far > _MOST_READ:
            raise Hdf5Error("its groups and arrays have more parts than a model has, or go round in circles")

    def _bytes(self, address: int, size: int, what: str) -> bytes:
        if self.base + address + size > self.size:
            raise Hdf5Error(f"{what} is missing: it was cut off, or is damaged")
        self._stream.seek(self.base + address)
        return self._stream.read(size)


def check(data: bytes, checksum: int, what: str, signature: bytes = b"") -> None:
    """Damage is an error that says in what it is."""
    if not data.startswith(signature) or lookup3(data) != checksum:
        raise Hdf5Error(f"{what} is damaged")


def unpack(form: str, data: bytes, place: int = 0) -> tuple:
    """The numbers of ``data`` from ``place`` on."""
    if len(data) < place + struct.calcsize(form):
        raise Hdf5Error("the header of an object is damaged")
    return struct.unpack_from(form, data, place)


def integer(data: bytes, place: int, size: int) -> int:
    """An integer of any number of bytes."""
    if len(data) < place + size:
        raise Hdf5Error("the header of an object is damaged")
    return int.from_bytes(data[place : place + size], "little")

"""The two checksums of HDF5: one for its own structures, one for chunks of numbers."""

from __future__ import annotations

import struct

import numpy as np

_32_BITS = 2**32 - 1
_BLOCK = 2**18  # words at a time, to keep the products below few


def lookup3(data: bytes) -> int:
    """The checksum of everything but numbers.

    Math:    three words a, b, c take in twelve bytes at a time; after each twelve, and at the end, they are mixed by
             subtractions, rotations and exclusive ors until every bit depends on every other
    Source:  Jenkins 2006, "lookup3.c" (public domain), hashlittle with initial value 0
    """
    a = b = c = (0xDEADBEEF + len(data)) & _32_BITS
    if not data:
        return c
    words = struct.unpack(f"<{-(-len(data) // 12) * 3}I", data + bytes(-len(data) % 12))
    for i in range(0, len(words) - 3, 3):
        a, b, c = (a + words[i]) & _32_BITS, (b + words[i + 1]) & _32_BITS, (c + words[i + 2]) & _32_BITS
        for k in (4, 6, 8, 16, 19, 4):
            a, b, c = b, (b + c) & _32_BITS, ((a - c) & _32_BITS) ^ _rotated(c, k)
    a, b, c = (a + words[-3]) & _32_BITS, (b + words[-2]) & _32_BITS, (c + words[-1]) & _32_BITS
    for k in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, ((b ^ c) - _rotated(b, k)) & _32_BITS, a
    return b


def _rotated(word: int, k: int) -> int:
    return (word << k | word >> (32 - k)) & _32_BITS


def fletcher32(data: bytes) -> int:
    """The checksum of a chunk.

    Math:    s₁ = Σ wᵢ,  s₂ = Σ (n − i)·wᵢ over the n words of 16 bits, both modulo 2¹⁶ − 1;   s₂·2¹⁶ + s₁
             (where a sum is a multiple of the modulus, 2¹⁶ − 1 is written, and 0 only where all words are 0)
    Source:  Fletcher 1982, doi:10.1109/TCOM.1982.1095369
    """
    words = np.frombuffer(data + bytes(len(data) % 2), ">u2")
    first = second = 0
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK].astype(np.int64)
        second += first * len(block) + int(block @ np.arange(len(block), 0, -1))
        first += int(block.sum())
    first, second = (total and (total - 1) % 65535 + 1 for total in (first, second))
    return second << 16 | first

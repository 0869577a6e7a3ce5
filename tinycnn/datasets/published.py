"""Files whose hash their publisher, or who passes them on, has made known: a file counts if it has that hash."""

from __future__ import annotations

import hashlib
import os


def verified(data: bytes, expected: str, title: str, source: str) -> bytes:
    """``data``, if its SHA-256 (64 digits) or MD5 (32 digits) is the ``expected`` one; errors name its ``source``.

    MD5 is the only hash that is known of some files. Nobody can make another file with the MD5 of a given one.
    """
    kind = "SHA-256" if len(expected) == 64 else "MD5"
    algorithm = hashlib.sha256 if kind == "SHA-256" else hashlib.md5
    received = algorithm(data, usedforsecurity=False).hexdigest()
    if received != expected:
        raise ValueError(
            f"expected {title} ({kind} {expected[:16]}…), received other contents ({kind} {received[:16]}…) in {source}"
        )
    return data


def folder_of(place: str) -> str:
    """``place``, or where it is a file, the folder around it: ``TINYCNN_DATA`` may name a file of another data set.

    Raises:  FileNotFoundError
    """
    if os.path.isfile(place):
        return os.path.dirname(os.path.abspath(place))
    if not os.path.isdir(place):
        raise FileNotFoundError(f"{place}: no such file or folder")
    return place

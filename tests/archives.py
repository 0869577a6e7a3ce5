"""Models' files taken apart and put together again, for tests of files that are not as they should be."""

from __future__ import annotations

import json
import random
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def unpacked(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, members: Mapping[str, bytes | str], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip file with valid checksums of whatever is in it."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def edited_config(source: Path, target: Path, edit: Callable[[Any], Any]) -> Path:
    """A copy of a model's file whose config is what ``edit(config)`` returns, or made of it in place."""
    members: dict[str, Any] = unpacked(source)
    config = json.loads(members[CONFIG])
    result = edit(config)
    return packed(target, {**members, CONFIG: json.dumps(config if result is None else result)})


def copied(source: Path, target: Path, options: Mapping[str, Any], dataset_options: Mapping[str, Any]) -> None:
    """A copy of an HDF5 file by h5py under other settings."""

    def copy(name: str, item: Any) -> None:
        if isinstance(item, h5py.Group):
            copies = file.require_group(name)
        else:
            fits = dataset_options if item.shape and item.dtype.kind == "f" else {}
            copies = file.create_dataset(name, data=item[()].astype(fits.get("dtype", item.dtype)), **fits)
        for key, value in item.attrs.items():
            copies.attrs[key] = value

    with h5py.File(source) as original, h5py.File(target, "w", **options) as file:
        original.visititems(copy)
        for key, value in original.attrs.items():
            file.attrs[key] = value


HOSTILE_NUMBERS = [0, 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one of the accidents, or tricks, that happen to files."""
    data = bytearray(data)
    kind = rng.randrange(8)
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:  # a hole, or something twice
        start, end = sorted(rng.randrange(len(data)) for _ in range(2))
        end = min(end, start + 200)
        return bytes(data[:start] + data[end:]) if rng.random() < 0.5 else bytes(data[:end] + data[start:])
    if kind == 2:  # a part of it elsewhere
        start, to = (rng.randrange(len(data)) for _ in range(2))
        part = data[start : start + rng.randrange(1, 64)]
        data[to : to + len(part)] = part
        return bytes(data)
    filled = np.flatnonzero(np.frombuffer(data, "u1")).tolist()  # most of an HDF5 file is zeros that nobody reads
    for _ in range(rng.choice([1, 1, 2, 5])):
        i = rng.choice(filled) if rng.random() < 0.8 else rng.randrange(len(data))
        if kind < 5:
            data[i] ^= 1 << rng.randrange(8)
        elif kind < 7:
            data[i] = rng.randrange(256)
        else:
            value = rng.choice([*HOSTILE_NUMBERS, rng.randrange(len(data))])
            data[i : i + 8] = struct.pack("<Q", value)[: len(data) - i]
    return bytes(data)


STRUCTURES = (
    b"TREE SNOD HEAP OHDR OCHK BTHD BTLF BTIN FRHP FHDB FHIB FAHD FADB EAHD EAIB EADB EASB GCOL \x89HDF".split()
)


def mutated_near_structures(data: bytes, rng: random.Random) -> bytes:
    """The bytes of an HDF5 file with other numbers behind the signatures of its structures, each kind equally often."""
    data = bytearray(data)
    places = [found for found in ([m.start() for m in re.finditer(re.escape(s), data)] for s in STRUCTURES) if found]
    for _ in range(rng.choice([1, 1, 2, 4])):
        i = min(rng.choice(rng.choice(places)) + 4 + int(abs(rng.gauss(0, 40))), len(data) - 8)
        kind = rng.randrange(4)
        if kind == 0:
            data[i] = rng.randrange(256)
        elif kind == 1:
            data[i] = rng.choice([0, 1, 2, 4, 255])
        elif kind == 2:
            data[i] ^= 1 << rng.randrange(8)
        else:
            data[i : i + 8] = struct.pack("<Q", rng.choice([*HOSTILE_NUMBERS, rng.randrange(len(data))]))
    return bytes(data)


class Anything:
    """Equal to whatever it is compared with: in the place of a checksum, every file has the right one."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return True

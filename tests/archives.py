"""Models' files taken apart and put together again, for tests of files that are not as they should be."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py

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

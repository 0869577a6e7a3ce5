"""``.keras`` files taken apart and put together again, for tests of files that are not as they should be."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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

"""Whole models in ``.keras`` files, which Keras 3 reads and writes: architecture, weights, optimizer.

Keras's former format for them, ``.h5``, is in `tinycnn.saving.legacy_h5`.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import struct
import warnings
import zipfile
from typing import Any, BinaryIO

from tinycnn.files import check_free, check_path, replacing, shorten
from tinycnn.saving import legacy_h5
from tinycnn.saving.architecture import LARGEST_CONFIG, model_config, model_from_config, parse
from tinycnn.saving.weights import KERAS_VERSION, read, require_built, write
from tinycnn.sequential import Sequential

_LEGACY = (".h5", ".hdf5")
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

_LARGEST_DIRECTORY = 2**16  # of the zip file; three members take 200 bytes


def save_model(model: Sequential, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model with its weights, and what it was compiled with, the optimizer's state included, to a file.

    Layout:  a zip of ``config.json``, ``metadata.json`` and ``model.weights.h5`` (see `save_weights`); where the name
             ends in ``.h5`` or ``.hdf5``, Keras's former format, see `tinycnn.saving.legacy_h5`
    Keras:   ``keras.models.load_model`` reads the file, predicts the same, and goes on training where we stopped. As
             there, a warning says that ``.h5`` is of the past: Keras 3.15 loads its optimizer without its slots, and
             fails to train, its own files too, until it is compiled anew

    A file that was there is replaced in one step: whatever happens, ``filepath`` holds the old file or the new one.

    Raises:
        RuntimeError: the model is not built, so it has no weights.
        TypeError, ValueError: ``filepath`` is no path, or ends in none of the three; the model has layers, a loss or
            metrics that are not tinycnn's own, or, for ``.h5``, names with a slash.
        OSError: the file cannot be written (FileNotFoundError: its folder is not there; FileExistsError: there is one
            already, and ``overwrite`` is False).
    """
    path = check_path("save_model", filepath, ".keras", *_LEGACY)
    require_built("save_model", model)
    check_free("save_model", path, overwrite)
    if path.name.endswith(_LEGACY):
        warnings.warn(
            "save_model: Keras calls .h5 files of models legacy, and Keras 3 trains them on only after a new compile. "
            "Name the file model.keras, if Keras 3 is to read it.",
            stacklevel=3,
        )
        data = legacy_h5.write(model)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        return
    date = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": date}
    members = {_METADATA: json.dumps(metadata), _CONFIG: json.dumps(model_config(model))}
    weights = write(model)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr(_WEIGHTS, weights)


def load_model(
    filepath: str | os.PathLike[str], custom_objects: Any = None, compile: bool = True, safe_mode: bool = True
) -> Sequential:
    """Read a model from a ``.keras`` file that `save_model` or Keras 3 has written, or a ``.h5`` of Keras 2 or 3.

    A Sequential of Keras, and a functional model whose layers follow each other in a row, become a `Sequential`,
    with the layers' names, the weights, and, unless ``compile`` is False, optimizer, loss, metrics and the
    optimizer's state. ``custom_objects`` must be empty: a file names tinycnn's own classes only. ``safe_mode`` is
    without effect: nothing in a file is ever run.

    What an untrusted file can do: nothing but fail. Nothing in it is run: names of modules are ignored, classes are
    taken from tinycnn's own tables, and numbers are read by `tinycnn.saving.hdf5`. In a ``.keras`` file every member
    has a checksum; in a ``.h5`` file a bit that flipped inside a number goes unnoticed.
    Memory is at most some four times the file's size, whatever sizes it claims; a model of more than 1,000 layers, or
    of images of more than 8 million pixels, is refused.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: ``filepath`` is no path.
        ValueError: everything else: a name that ends in neither; a file that is damaged, or is no model;
            a layer or an option that tinycnn does not have, with the name of the layer.
    """
    if custom_objects:
        raise ValueError(
            f"load_model: expected no custom_objects, received {', '.join(map(str, custom_objects))}. tinycnn "
            "reads its own classes only: build the model in code and call model.load_weights(path)."
        )
    path = check_path("load_model", filepath, ".keras", *_LEGACY)
    if not path.is_file():
        raise FileNotFoundError(f"load_model: expected a model's file, found none at {path}. Mend the path.")
    with open(path, "rb") as stream:
        # A file may be wrong in more ways than one can list (a key that is missing, a number where a name should be, a
        # million brackets), and Python has an exception for each of them. To the caller they are one.
        try:
            return legacy_h5.load(stream, compile) if path.name.endswith(_LEGACY) else _load(stream, compile)
        except Exception as error:
            raise ValueError(
                f"load_model: expected a model of layers that tinycnn has, in a whole file, received {path}: "
                f"{_reason(error)}"
            ) from error


def load_weights_only(model: Sequential, stream: BinaryIO, path: Any, skip_mismatch: bool) -> None:
    """Read the weights of a ``.keras`` file alone, into a model that is built; see `saving.load_weights`."""
    try:
        size = _check_directory(stream)
        with zipfile.ZipFile(stream) as archive:
            most = 16 * (model.count_params() + 2**20)  # see `_load`
            weights = io.BytesIO(_member(archive, _WEIGHTS, min(size, most)))
    except Exception as error:
        raise ValueError(
            f"load_weights: expected a whole .keras file of a model as large as this one, received {path}: "
            f"{_reason(error)}"
        ) from error
    read(model, weights, "load_weights", path, skip_mismatch)


def _load(stream: BinaryIO, compile: bool) -> Sequential:
    size = _check_directory(stream)
    with zipfile.ZipFile(stream) as archive:
        config = parse(_member(archive, _CONFIG, min(size, LARGEST_CONFIG)), _CONFIG)
        weights_size = archive.getinfo(_WEIGHTS).file_size
        model = model_from_config(config, compile, most_weights=min(size, weights_size) // 4)
        if model.built:
            most = 16 * (model.count_params() + 2**20)  # weights in float64, at most three slots, and their headers
            read(model, io.BytesIO(_member(archive, _WEIGHTS, min(size, most))), _WEIGHTS, "this file")
    return model


def _check_directory(stream: BinaryIO) -> int:
    """Check the end of a zip file, where its members are counted, before anything is made of it; the file's size."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 42))
    tail = stream.read()
    signature, directory = struct.unpack("<4s8xI6x", tail[-22:]) if len(tail) >= 22 else (b"", 0)
    if signature != b"PK\5\6" or directory > _LARGEST_DIRECTORY or tail[:4] == b"PK\6\7":
        raise ValueError("it is not a zip file of three members. Save the model anew.")
    return size


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member's bytes, as they are in the file: Keras compresses nothing, so nothing can unfold."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"{name} is compressed, which Keras never does. Save the model anew.")
    if info.file_size > most:
        raise ValueError(f"{name} has {info.file_size} bytes where {most} would be many. Save the model anew.")
    return archive.read(info)


def _reason(error: BaseException) -> str:
    """The error's text; with its kind where the text alone says little, such as the key of a KeyError."""
    if type(error) in (ValueError, TypeError) and not isinstance(error, UnicodeError):
        return shorten(error)
    return f"{type(error).__name__} ({shorten(error)}). Save the model anew."

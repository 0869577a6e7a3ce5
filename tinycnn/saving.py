"""A model's weights in a file, in the layout of Keras 3's ``.weights.h5``: each reads the other's files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.utils import snake_case

if TYPE_CHECKING:
    from tinycnn.layers import Layer
    from tinycnn.sequential import Sequential

Array = np.ndarray


def save_weights(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Write all weights of a model, moving statistics included, to an HDF5 file.

    Layout:  ``layers/<class in snake case>[_k]/vars/<i>``: the second Dense layer's bias is
             ``layers/dense_1/vars/1``. Layers are told apart by class and order, not by name.
    Keras:   ``keras.Sequential.load_weights`` reads the file. The optimizer's slots are not in it.

    A file that was there is replaced in one step: whatever happens, ``path`` holds the old file or the new one.

    Raises:
        RuntimeError: the model is not built, so it has no weights.
        TypeError, ValueError: ``path`` is no path, or does not end in ``.weights.h5``.
        OSError: the file cannot be written (FileNotFoundError: its folder is not there).
    """
    # h5py is imported where it is used: it takes time that training alone should not pay.
    import h5py

    path = _check_path("save_weights", path)
    _require_built("save_weights", model)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_group("vars").attrs["name"] = model.name
        for group_name, layer in _groups(model).items():
            group = file.create_group(f"layers/{group_name}/vars")
            group.attrs["name"] = layer.name
            for i, value in enumerate(layer.get_weights()):
                group.create_dataset(str(i), data=value)


def load_weights(model: Sequential, path: str | os.PathLike[str]) -> None:
    """Read all weights of a model from a file that `save_weights` or Keras 3 has written.

    The file is read and checked whole before the first weight of the model changes. Layers without weights do
    not count: a model with dropout and the same model without it can exchange their files, as in Keras. What
    Keras stores besides (the optimizer) is left aside.

    Raises:
        RuntimeError: the model is not built: nobody knows what must be in the file.
        FileNotFoundError: there is no such file.
        TypeError: ``path`` is no path.
        ValueError: ``path`` does not end in ``.weights.h5``, the file is not HDF5 or damaged, or its layers, the
            number of their arrays, or a shape differ from the model's; names the first layer that differs.
    """
    import h5py

    path = _check_path("load_weights", path)
    _require_built("load_weights", model)
    if not path.is_file():
        raise FileNotFoundError(f"load_weights: expected a file of weights, found none at {path}. Mend the path.")
    try:
        with h5py.File(path, "r") as file:
            arrays = _read(model, file, path)
    except (OSError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        # What h5py raises for bytes that are not HDF5, and for groups where arrays should be and vice versa.
        reason = " ".join(str(error).split())
        raise ValueError(
            f"load_weights: expected a whole HDF5 file of weights, received {path} ({reason}). Save the weights anew."
        ) from error
    model.set_weights(arrays)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path for a temporary file beside ``path``, which takes its place when the block ends without an error.

    So nobody ever sees half a file, and after a failure the former file is still there, whole.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: expected a folder to write into, found no {path.parent}. Make it first.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _groups(model: Sequential) -> dict[str, Layer]:
    """The layers by the names of their groups: classes in snake case, numbered within the model."""
    counts: Counter[str] = Counter()
    groups = {}
    for layer in model.layers:
        name = snake_case(type(layer).__name__)
        number = counts[name]
        counts[name] += 1
        groups[f"{name}_{number}" if number else name] = layer
    return groups


def _read(model: Sequential, file: Any, path: Path) -> list[Array]:
    """The arrays that the model needs, in its order; ValueError where the file holds others."""
    stored = _stored_layers(file)
    arrays: list[Array] = []
    for group_name, layer in _groups(model).items():
        datasets = stored.pop(group_name, [])
        own = layer.weights
        if len(datasets) != len(own):
            raise ValueError(
                f"load_weights: expected {len(own)} arrays ({', '.join(own) or 'none'}) for layer {layer.name!r} in "
                f"layers/{group_name}, received {len(datasets)} in {path}. Load it into a model of the same layers."
            )
        for (name, value), dataset in zip(own.items(), datasets, strict=True):
            if dataset.shape != value.shape or dataset.dtype.kind != "f":
                raise ValueError(
                    f"load_weights: expected {name} of shape {value.shape} and a float dtype for layer "
                    f"{layer.name!r} in layers/{group_name}, received shape {dataset.shape} and dtype {dataset.dtype} "
                    f"in {path}. Load it into a model of the same layers."
                )
            arrays.append(dataset[()])
    for group_name, datasets in stored.items():
        if datasets:
            raise ValueError(
                f"load_weights: expected the layers of the model, received one more with weights, "
                f"layers/{group_name}, in {path}. Load it into a model of the same layers."
            )
    return arrays


def _stored_layers(file: Any) -> dict[str, list[Any]]:
    """For each layer's group its datasets in order: ``vars/0``, ``vars/1``, ..."""
    stored = {}
    for group_name, group in file.get("layers", {}).items():
        variables = group.get("vars", {})
        stored[group_name] = [variables[name] for name in sorted(variables, key=lambda name: (len(name), name))]
    return stored


def _check_path(who: str, path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{who}: expected a path, received {path!r}. Pass a name such as 'model.weights.h5'.")
    if not os.fspath(path).endswith(".weights.h5"):
        raise ValueError(
            f"{who}: expected a path that ends in .weights.h5, as Keras wants it, received {os.fspath(path)!r}. "
            "Name it model.weights.h5, for example."
        )
    return Path(path)


def _require_built(who: str, model: Sequential) -> None:
    if not model.built:
        raise RuntimeError(
            f"{who}: expected a model that is built, {model.name!r} is not. Start it with Input(shape=(28, 28, 1)), or "
            "call model.build((None, 28, 28, 1))."
        )

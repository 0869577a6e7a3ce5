"""A model's weights and its optimizer's state in a file, in the layout of Keras 3's ``.weights.h5``."""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tinycnn.files import check_free, check_path, replacing, shorten
from tinycnn.optimizers import Optimizer
from tinycnn.saving.hdf5 import Dataset, Hdf5Error, Hdf5File
from tinycnn.utils import snake_case

if TYPE_CHECKING:
    from tinycnn.layers import Layer, Parameter
    from tinycnn.sequential import Sequential

Array = np.ndarray
KERAS_VERSION = "3.15.0"  # whose keys the files have


def save_weights(model: Sequential, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write all weights of a model, moving statistics and the optimizer's state included, to an HDF5 file.

    Layout:  ``layers/<class in snake case>[_k]/vars/<i>``: the second Dense layer's bias is
             ``layers/dense_1/vars/1``. Layers are told apart by class and order, not by name.
             ``optimizer/vars/<i>``: iterations, learning rate, then the slots, weight by weight
    Keras:   ``keras.Sequential.load_weights`` reads the file

    A file that was there is replaced in one step: whatever happens, ``filepath`` holds the old file or the new one.

    Raises:
        RuntimeError: the model is not built, so it has no weights.
        TypeError, ValueError: ``filepath`` is no path, or does not end in ``.weights.h5``.
        OSError: the file cannot be written (FileNotFoundError: its folder is not there; FileExistsError: there is one
            already, and ``overwrite`` is False).
    """
    path = check_path("save_weights", filepath, ".weights.h5")
    require_built("save_weights", model)
    check_free("save_weights", path, overwrite)
    with replacing(path) as temporary:
        temporary.write_bytes(write(model))


def load_weights(model: Sequential, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Read all weights of a model from a file that `save_weights` or Keras has written.

    The file is read and checked whole before the first weight of the model changes. Layers without weights do
    not count: a model with dropout and the same model without it can exchange their files, as in Keras. The
    optimizer's state is read too where the model is compiled with an optimizer of the same kind; where it does not
    fit, a warning says so and the optimizer stays as it is, as in Keras. A ``.keras`` file holds them, too. From
    a ``.h5`` or ``.hdf5`` file, Keras's former format of weights or of whole models, the weights alone are read, layers
    by their order. With ``skip_mismatch`` a layer that differs keeps its weights, and a warning names it.

    What an untrusted file can do: nothing but change the weights. It is read by `tinycnn.saving.hdf5`, not by HDF5's
    C library. HDF5 keeps no checksum, so a bit that flipped inside of an array goes unnoticed, unlike in a ``.keras``
    file.

    Raises:
        RuntimeError: the model is not built: nobody knows what must be in the file.
        FileNotFoundError: there is no such file.
        TypeError: ``filepath`` is no path.
        ValueError: ``filepath`` ends in none of the four, the file is not HDF5 or damaged, or its layers, the
            number of their arrays, or a shape differ from the model's; names the first layer that differs.
    """
    path = check_path("load_weights", filepath, ".weights.h5", ".keras", ".h5", ".hdf5")
    require_built("load_weights", model)
    if not path.is_file():
        raise FileNotFoundError(f"load_weights: expected a file of weights, found none at {path}. Mend the path.")
    with open(path, "rb") as stream:
        if path.name.endswith(".weights.h5"):
            read(model, stream, "load_weights", path, skip_mismatch)
        elif path.name.endswith(".keras"):
            from tinycnn.saving import archive

            archive.load_weights_only(model, stream, path, skip_mismatch)
        else:
            from tinycnn.saving import legacy_h5

            legacy_h5.load_weights(model, stream, path, skip_mismatch)


def write(model: Sequential) -> memoryview:
    """The bytes of a weights file. Made in memory: where a disk is full, HDF5's library fails in ways of its own."""
    # h5py is imported where it is used: it takes time that training alone should not pay.
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w", libver="earliest") as file:
        file.create_group("vars").attrs["name"] = model.name
        for group_name, layer in _groups(model).items():
            _write_group(file, f"layers/{group_name}", layer.name, layer.get_weights())
        if model.compiled:
            _write_group(file, "optimizer", model.optimizer.name, optimizer_weights(model))
    return stream.getbuffer()


def read(model: Sequential, stream: BinaryIO, who: str, path: Any, skip_mismatch: bool = False) -> None:
    """Read the weights from a binary stream; all of them or, where anything is wrong with them, none."""
    state = None
    with one_error(who, path):
        file = Hdf5File(stream)
        root = file.members(file.root)
        arrays = _read_layers(model, file, root, f"{who}: expected", path, skip_mismatch)
        if model.compiled and "optimizer" in root:
            state = _read_optimizer(model, file, _variables(file, root["optimizer"]))
    model.set_weights(arrays)
    if state is not None:
        _set_optimizer(model, *state)


@contextmanager
def one_error(who: str, path: Any) -> Iterator[None]:
    """Whatever is wrong with an HDF5 file is a ValueError that names it."""
    try:
        yield
    except Hdf5Error as error:
        raise ValueError(
            f"{who}: expected a whole HDF5 file of weights, received {path} ({error}). Save the weights anew."
        ) from error


def optimizer_weights(model: Sequential) -> list[Array]:
    """The optimizer's arrays in Keras's order: iterations, learning rate, and the slots of each trainable parameter.

    A learning rate that follows a schedule is left out. Nadam has one number more, at the end.

    Those of a frozen layer are left out: who loads the file has no place for them. Where a layer has been unfrozen that
    the optimizer does not know, it is an optimizer that has made no step.
    """
    optimizer, parameters = model.optimizer, model.parameters
    knows_all = not optimizer.unknown(parameters)
    iterations = optimizer.iterations if knows_all else 0
    dtype = model.layers[0].dtype
    arrays = [np.array(iterations, "int64")]
    if not optimizer.schedule:
        arrays.append(np.array(optimizer.learning_rate, dtype))
    if optimizer.slots and knows_all:
        arrays += [optimizer.slot(name, p) for name, p in _slot_order(optimizer, parameters)]
        arrays += [np.array(number, dtype) for number in optimizer.numbers_behind_slots]
    return arrays


def require_built(who: str, model: Sequential) -> None:
    if not model.built:
        raise RuntimeError(
            f"{who}: expected a model that is built, {model.name!r} is not. Start it with Input(shape=(28, 28, 1)), or "
            "call model.build((None, 28, 28, 1))."
        )


def _write_group(file: Any, path: str, name: str, arrays: list[Array]) -> None:
    group = file.create_group(f"{path}/vars")
    group.attrs["name"] = name
    for i, value in enumerate(arrays):
        group.create_dataset(str(i), data=value)


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


class MismatchError(ValueError):
    """A layer that is not like the one of the file."""


def kept(layer: Layer, mismatch: MismatchError) -> list[Array]:
    """The layer's own arrays, for `load_weights` with skip_mismatch; a warning says why."""
    warnings.warn(f"{mismatch} Layer {layer.name!r} keeps its weights.", stacklevel=6)
    return list(layer.named_weights.values())


def _read_layers(
    model: Sequential, file: Hdf5File, root: dict[str, int], expected: str, path: Any, skip_mismatch: bool
) -> list[Array]:
    """The arrays that the model needs, in its order; ValueError where the file holds others."""
    stored = dict(file.members(root["layers"])) if "layers" in root else {}
    arrays: list[Array] = []
    for group_name, layer in _groups(model).items():
        datasets = _variables(file, stored.pop(group_name)) if group_name in stored else []
        try:
            _check_layer(layer, group_name, datasets, expected, path)
        except MismatchError as mismatch:
            if not skip_mismatch:
                raise
            arrays += kept(layer, mismatch)
        else:
            arrays += [file.read(dataset) for dataset in datasets]
    for group_name, group in stored.items():
        if _variables(file, group):
            raise ValueError(
                f"{expected} the layers of the model, received one more with weights, "
                f"layers/{shorten(group_name, 60)}, in {path}. Load it into a model of the same layers."
            )
    return arrays


def _check_layer(layer: Layer, group_name: str, datasets: list[Dataset], expected: str, path: Any) -> None:
    own = layer.named_weights
    if len(datasets) != len(own):
        raise MismatchError(
            f"{expected} {len(own)} arrays ({', '.join(own) or 'none'}) for layer {layer.name!r} in "
            f"layers/{group_name}, received {len(datasets)} in {path}. Load it into a model of the same layers."
        )
    for (name, value), dataset in zip(own.items(), datasets, strict=True):
        if dataset.shape != value.shape or dataset.dtype.kind not in ("f" if value.shape else "fi"):  # a count
            raise MismatchError(
                f"{expected} {name} of shape {value.shape} and a float dtype for layer "
                f"{layer.name!r} in layers/{group_name}, received shape {dataset.shape} and dtype {dataset.dtype} "
                f"in {path}. Load it into a model of the same layers."
            )


def _variables(file: Hdf5File, group: int) -> list[Dataset]:
    """The datasets ``vars/0``, ``vars/1``, ... of a group."""
    members = file.members(group)
    variables = file.members(members["vars"]) if "vars" in members else {}
    if variables.keys() != {str(i) for i in range(len(variables))}:
        raise Hdf5Error("it has arrays that are not numbered 0, 1, 2, ...")
    return [file.dataset(variables[str(i)]) for i in range(len(variables))]


# The optimizer


def _slot_order(optimizer: Optimizer, parameters: Sequence[Parameter]) -> list[tuple[str, Parameter]]:
    """Names of slots and parameters as Keras orders them: slot by slot, but for instance Adam's m and v in turn."""
    names = list(optimizer._slot_names())
    in_turn, alone = names[: optimizer.slots_in_turn], names[optimizer.slots_in_turn :]
    return [(name, p) for group in [in_turn, *([name] for name in alone)] for p in parameters for name in group]


def _read_optimizer(model: Sequential, file: Hdf5File, datasets: list[Dataset]) -> list[Array] | None:
    """The optimizer's arrays; None, and a warning, where they are another optimizer's or for other parameters."""
    optimizer = model.optimizer
    expected: list[Any] = [()] if optimizer.schedule else [(), ()]
    if len(datasets) > len(expected) or optimizer.slots:  # before its first step, an optimizer has no slots
        expected += [p.shape for _, p in _slot_order(optimizer, model.parameters)]
        expected += [() for _ in optimizer.numbers_behind_slots]
    kinds = [dataset.dtype.kind for dataset in datasets]
    if (
        [dataset.shape for dataset in datasets] != expected
        or kinds != ["i"] + ["f"] * (len(datasets) - 1)
        or optimizer.unknown(model.parameters)
    ):
        warnings.warn(
            f"{optimizer.name}: expected the {len(expected)} arrays of its state, received {len(datasets)}, or others. "
            "The weights are loaded, the optimizer stays as it was. Compile with the optimizer that was saved.",
            stacklevel=5,
        )
        return None
    arrays = [file.read(dataset) for dataset in datasets]
    if arrays[0] < 0 or not (optimizer.schedule or 0 <= arrays[1] < np.inf):
        raise Hdf5Error(f"its optimizer has made {arrays[0]} steps, at a learning rate of {arrays[1]}")
    return arrays


def _set_optimizer(model: Sequential, iterations: Array, *others: Array) -> None:
    optimizer, slots = model.optimizer, list(others)
    optimizer.iterations = int(iterations)
    if not optimizer.schedule:
        learning_rate = slots.pop(0)
        if learning_rate.dtype.type(optimizer.learning_rate) != learning_rate:  # which may be rounded to float32
            optimizer.learning_rate = float(learning_rate)
    if slots:
        optimizer.build(model._parameter_vector())
        order = _slot_order(optimizer, model.parameters)
        for (name, p), value in zip(order, slots[: len(order)], strict=True):
            optimizer.slot(name, p)[...] = value

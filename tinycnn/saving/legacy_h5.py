"""Whole models in ``.h5`` files: Keras's format before ``.keras``, which Keras 3 still writes and reads.

Layout:  attributes ``model_config`` and ``training_config``: architecture, and what `compile` was told, as JSON texts
         ``model_weights/<layer>/<path>``: the arrays; the group of each layer has an attribute ``weight_names``, their
         paths in order, and ``model_weights`` one with the ``layer_names``
         ``optimizer_weights/<path>``: iterations, learning rate, slots, likewise
A file of Keras 2 has the same layout and older words in the texts: `_modern_layer` and what follows it know them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tinycnn import optimizers
from tinycnn.files import shorten
from tinycnn.saving.architecture import compile_config, each, model_config, model_from_config, parse
from tinycnn.saving.hdf5 import Dataset, Hdf5Error, Hdf5File
from tinycnn.saving.weights import (
    KERAS_VERSION,
    MismatchError,
    _read_optimizer,
    _set_optimizer,
    kept,
    one_error,
    optimizer_weights,
)
from tinycnn.utils import snake_case

if TYPE_CHECKING:
    from tinycnn.layers import Layer
    from tinycnn.sequential import Sequential

Array = np.ndarray
Config = dict[str, Any]

_LAYERS, _LAYER_NAMES, _WEIGHT_NAMES = "model_weights", "layer_names", "weight_names"
_OPTIMIZER, _TOP_LEVEL = "optimizer_weights", "top_level_model_weights"
_MOST_IN_AN_ATTRIBUTE = 64512  # bytes; Keras spreads longer lists of names over layer_names0, layer_names1, ...

# An array may be compressed, so a file may hold more weights than its size tells; but not without end.
_WEIGHTS_OF_SMALL_FILES = 2**21


# Writing


def write(model: Sequential) -> memoryview:
    """The bytes of a file, made in memory (see `tinycnn.saving.weights.write`).

    Raises:
        ValueError: layers, a loss or metrics that are not tinycnn's own; names of layers that no file can have.
    """
    import json

    import h5py

    _check_names(model)
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver="earliest") as file:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, "numpy"
        written = model_config(model)
        config = written["config"]
        config["layers"] = [_without_module(entry) for entry in config["layers"]]
        file.attrs["model_config"] = json.dumps({"class_name": written["class_name"], "config": config})
        if model.compiled:
            file.attrs["training_config"] = json.dumps(_training_config(model))
        layers = file.create_group(_LAYERS)
        layers.attrs["keras_version"], layers.attrs["backend"] = KERAS_VERSION, "numpy"
        _write_names(layers, _LAYER_NAMES, [layer.name for layer in model.layers])
        for layer in model.layers:
            paths = [f"{model.name}/{layer.name}/{name}" for name in layer.named_weights]
            _write_arrays(layers, layer.name, paths, layer.get_weights())
        _write_arrays(layers, _TOP_LEVEL, [], [])
        if model.compiled:
            arrays, name = optimizer_weights(model), snake_case(type(model.optimizer).__name__)
            first = ["iteration"] if model.optimizer.schedule else ["iteration", "learning_rate"]
            kinds = [*first, *(f"slot_{i}" for i in range(len(arrays) - len(first)))]
            _write_arrays(file, _OPTIMIZER, [f"{name}/{kind}" for kind in kinds], arrays)
    return stream.getbuffer()


def _check_names(model: Sequential) -> None:
    for name in (model.name, *(layer.name for layer in model.layers)):
        if "/" in name or name in ("", ".", _TOP_LEVEL):
            raise ValueError(
                f"save_model: expected names that can be those of groups in a .h5 file, received {name!r}. "
                "Give it a name without slashes."
            )


def _training_config(model: Sequential) -> Config:
    config = compile_config(model)
    optimizer = _without_module(config.pop("optimizer"))
    written = {kind: each(_without_module, config[kind]) for kind in ("loss", "metrics", "weighted_metrics")}
    return {**config, **written, "optimizer_config": optimizer}


def _without_module(entry: Any) -> Any:
    """As Keras writes layers, losses and the like here: class and arguments alone."""
    kept = ("class_name", "config", "name", "inbound_nodes")
    return {key: entry[key] for key in kept if key in entry} if isinstance(entry, Mapping) else entry


def _write_arrays(file: Any, name: str, paths: Sequence[str], arrays: Sequence[Array]) -> None:
    group = file.create_group(name)
    _write_names(group, _WEIGHT_NAMES, paths)
    for path, value in zip(paths, arrays, strict=True):
        group.create_dataset(path, data=value)


def _write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    encoded = [name.encode() for name in names]
    longest = max(map(len, encoded), default=1)
    several = max(1, _MOST_IN_AN_ATTRIBUTE // max(longest, 16))
    if len(encoded) <= several:
        group.attrs[attribute] = encoded
        return
    for number, start in enumerate(range(0, len(encoded), several)):
        group.attrs[f"{attribute}{number}"] = encoded[start : start + several]


# Reading


def load(stream: BinaryIO, compile: bool) -> Sequential:
    """The model of a file, with its weights; the optimizer's state, where it fits.

    Raises:
        Exception: of any kind, where the file is wrong; `tinycnn.saving.load_model` makes them one.
    """
    file = Hdf5File(stream)
    config = _text(file, "model_config")
    if config is None:
        raise ValueError("it has no model_config, so it is no whole model. Read weights by load_weights.")
    model_config = _modern_model(parse(config, "model_config"))
    training = _text(file, "training_config") if compile else None
    if training is not None:
        model_config["compile_config"] = _modern_training(parse(training, "training_config"))
    elif compile:
        warnings.warn(
            "load_model: expected a training_config, found none in the file. The model is not compiled: compile it.",
            stacklevel=3,
        )
    most_weights = max(stream.seek(0, 2) // 4, _WEIGHTS_OF_SMALL_FILES)
    model = model_from_config(model_config, compile, most_weights)
    arrays, state = _read_layers(model, file, "load_model", "this file"), None
    if model.compiled and _OPTIMIZER in file.members(file.root):
        state = _read_optimizer(model, file, _datasets(file, file.find(file.root, _OPTIMIZER)))
    model.set_weights(arrays)
    if state is not None:
        _set_optimizer(model, *state)
    return model


def load_weights(model: Sequential, stream: BinaryIO, path: Any, skip_mismatch: bool = False) -> None:
    """Read the weights alone, all of them or, where anything is wrong with them, none; see `saving.load_weights`."""
    with one_error("load_weights", path):
        arrays = _read_layers(model, Hdf5File(stream), "load_weights", path, skip_mismatch)
    model.set_weights(arrays)


def _read_layers(model: Sequential, file: Hdf5File, who: str, path: Any, skip_mismatch: bool = False) -> list[Array]:
    """The arrays that the model needs; layers are told apart by their order, as in Keras, not by their names."""
    root = file.root
    if not _names(file, root, _LAYER_NAMES) and _LAYERS in file.members(root):  # a whole model; else weights alone
        root = file.find(root, _LAYERS)
    stored = [(name, _datasets(file, file.find(root, name))) for name in _names(file, root, _LAYER_NAMES)]
    if _TOP_LEVEL in file.members(root):
        stored.append((_TOP_LEVEL, _datasets(file, file.find(root, _TOP_LEVEL))))
    stored = [(name, datasets) for name, datasets in stored if datasets]
    layers = [layer for layer in model.layers if layer.named_weights]
    same = f"in {path}. Load it into a model of the same layers."
    if len(stored) != len(layers):
        raise ValueError(f"{who}: expected {len(layers)} layers with weights, received {len(stored)} {same}")
    arrays: list[Array] = []
    for layer, (name, datasets) in zip(layers, stored, strict=True):
        try:
            _check_layer(layer, name, datasets, who, same)
        except MismatchError as mismatch:
            if not skip_mismatch:
                raise
            arrays += kept(layer, mismatch)
        else:
            arrays += [file.read(dataset) for dataset in datasets]
    return arrays


def _check_layer(layer: Layer, name: str, datasets: list[Dataset], who: str, same: str) -> None:
    own, where = layer.named_weights, f"for layer {layer.name!r}"
    if len(datasets) != len(own):
        raise MismatchError(
            f"{who}: expected {len(own)} arrays ({', '.join(own)}) {where}, received {len(datasets)}, those of "
            f"{shorten(name, 60)!r}, {same}"
        )
    for (weight, value), dataset in zip(own.items(), datasets, strict=True):
        if dataset.shape != value.shape or dataset.dtype.kind not in ("f" if value.shape else "fi"):  # a count
            raise MismatchError(
                f"{who}: expected {weight} of shape {value.shape} and a float dtype {where}, received shape "
                f"{dataset.shape} and dtype {dataset.dtype}, that of {shorten(name, 60)!r}, {same}"
            )


def _datasets(file: Hdf5File, group: int) -> list[Dataset]:
    return [file.dataset(file.find(group, path)) for path in _names(file, group, _WEIGHT_NAMES)]


def _names(file: Hdf5File, group: int, attribute: str) -> list[str]:
    """A list of names, from one attribute or from several that are numbered."""
    one = file.texts(group, attribute)
    names = list(_numbered(file, group, attribute)) if one is None else one
    if len(set(names)) < len(names):
        raise Hdf5Error(f"its {attribute} name the same thing twice")
    return names


def _numbered(file: Hdf5File, group: int, attribute: str) -> Iterator[str]:
    number = 0
    while (names := file.texts(group, f"{attribute}{number}")) is not None:
        yield from names
        number += 1


def _text(file: Hdf5File, attribute: str) -> str | None:
    texts = file.texts(file.root, attribute)
    if texts is not None and len(texts) != 1:
        raise Hdf5Error(f"its attribute {attribute!r} is not one text")
    return texts[0] if texts else None


# From Keras 2's words to Keras 3's


def _modern_model(config: Config) -> Config:
    inner = _without_tuples(config["config"])
    if inner["layers"] and "batch_input_shape" in inner["layers"][0]["config"]:
        inner["build_input_shape"] = inner["layers"][0]["config"]["batch_input_shape"]
    inner["layers"] = [_modern_layer(entry) for entry in inner["layers"]]
    return {"class_name": config["class_name"], "config": inner}


def _modern_layer(entry: Config) -> Config:
    config = dict(entry["config"])
    shape = config.pop("batch_input_shape", None)
    if entry["class_name"] == "InputLayer" and shape is not None:
        config["batch_shape"] = shape
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        (config["axis"],) = config["axis"]
    if entry["class_name"] == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    modern = {**entry, "config": config}
    if "inbound_nodes" in entry:
        modern["inbound_nodes"] = [_modern_node(node) for node in entry["inbound_nodes"]]
    return modern


def _modern_node(node: Any) -> Any:
    """``[["conv2d", 0, 0, {}]]``: the layers whose outputs a layer of a functional model takes, and options."""
    if isinstance(node, Mapping):
        return node
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": place}} for *place, _ in node]
    return {
        "args": tensors if len(tensors) == 1 else [tensors],
        "kwargs": {name: value for *_, options in node for name, value in options.items()},
    }


def _modern_training(config: Config) -> Config:
    """What `compile` was told. Where there is one output, Keras has several ways to write its loss and its metrics."""
    config = _without_tuples(config)
    several = len(_flat(config.get("loss"))) > 1
    return {
        "optimizer": _modern_optimizer(config["optimizer_config"]),
        "loss": each(_modern_loss, config["loss"]) if several else _modern_loss(config.get("loss")),
        "loss_weights": config.get("loss_weights"),
        **{kind: _modern_metrics(config.get(kind), several) for kind in ("metrics", "weighted_metrics")},
    }


def _modern_optimizer(entry: Config) -> Config:
    config = {key: value for key, value in entry["config"].items() if key not in ("jit_compile", "is_legacy_optimizer")}
    if config.pop("decay", None):
        warnings.warn("load_model: the optimizer's decay is left out: Keras 3 does not have it either.", stacklevel=5)
    if config.get("weight_decay") is False:
        config["weight_decay"] = None
    class_name = entry["class_name"].removeprefix("Custom>")
    return {**entry, "class_name": _CLASSES.get(class_name.lower(), class_name), "config": config}


_CLASSES = {name: cls.__name__ for name, cls in optimizers._TABLE.items()}


def _modern_loss(loss: Any) -> Any:
    several = _flat(loss)
    if len(several) != 1:
        return loss
    (loss,) = several
    if isinstance(loss, Mapping) and isinstance(loss.get("config"), Mapping):
        config = dict(loss["config"])
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        return {**loss, "config": config}
    return loss


def _modern_metrics(metrics: Any, several: bool) -> Any:
    return each(_modern_metric, metrics) if several else [_modern_metric(metric) for metric in _flat(metrics)]


def _modern_metric(metric: Any) -> Any:
    """Keras 2 writes "accuracy" as what it stood for: a mean of a function."""
    if not isinstance(metric, Mapping) or metric.get("class_name") != "MeanMetricWrapper":
        return metric
    function, name = metric["config"]["fn"], metric["config"]["name"]
    class_name = "".join(word.capitalize() for word in function.split("_"))
    return {"class_name": class_name, "config": {"name": name}} if function.endswith("_accuracy") else function


def _flat(several: Any) -> list[Any]:
    """A loss or metrics, however they are packed by outputs: alone, in a list, in a list of lists, or in a dict."""
    if several is None:
        return []
    if isinstance(several, Mapping) and "class_name" not in several:
        several = list(several.values())
    return [one for inner in several for one in _flat(inner)] if isinstance(several, list) else [several]


def _without_tuples(value: Any) -> Any:
    """``{"class_name": "__tuple__", "items": [3, 3]}`` -> ``[3, 3]``, wherever it stands."""
    if isinstance(value, list):
        return [_without_tuples(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") == "__tuple__":
        return [_without_tuples(inner) for inner in value["items"]]
    return {key: _without_tuples(inner) for key, inner in value.items()}

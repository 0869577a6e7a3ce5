"""A model without its weights: its layers and what it was compiled with, as dicts like Keras's."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from tinycnn import layers, metrics
from tinycnn.files import shorten
from tinycnn.initializers import Initializer
from tinycnn.layers import Input, Layer
from tinycnn.sequential import Sequential
from tinycnn.serialization import Configurable, serialize

# A file must not make a model that no memory could hold: these are far beyond what can be trained here.
LARGEST_CONFIG = 2**21  # bytes; a layer takes about a thousand
_MOST_LAYERS = 1000
_MOST_PIXELS = 2**23  # of an image

Config = dict[str, Any]


def parse(text: str | bytes, name: str) -> Any:
    """The values of a JSON text, ``name`` in a file; all numbers must be finite.

    Raises:
        ValueError: no JSON.
    """

    def refuse(text: str) -> NoReturn:
        raise ValueError(f"{name} has {shorten(text, 40)} where a finite number should be. Save the model anew.")

    def finite(text: str) -> float:
        number = float(text)
        return number if math.isfinite(number) else refuse(text)

    if len(text) > LARGEST_CONFIG:
        raise ValueError(f"{name} has {len(text)} bytes where {LARGEST_CONFIG} would be many. Save the model anew.")
    return json.loads(text, parse_constant=refuse, parse_float=finite)


def model_config(model: Sequential) -> Config:
    """The model as Keras writes it to ``config.json``.

    Raises:
        ValueError: layers, a loss or metrics that are not tinycnn's own.
    """
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": sequential_config(model),
        "registered_name": None,
        "build_config": {"input_shape": model.input_shape},
        "compile_config": compile_config(model),
    }


def sequential_config(model: Sequential) -> Config:
    """What `Sequential.get_config` returns."""
    dtype = model.layers[0].get_config()["dtype"] if model.layers else "float32"
    config: Config = {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": dtype,
        "layers": [serialize(layer) for layer in model.layers],
    }
    if model.input_shape is None:
        return config
    first = {
        "batch_shape": model.input_shape,
        "dtype": dtype if isinstance(dtype, str) else dtype["config"]["name"],
        "sparse": False,
        "ragged": False,
        "name": "input_layer",
        "optional": False,
    }
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": first, "registered_name": None}
    config["layers"].insert(0, first)
    return {**config, "build_input_shape": model.input_shape}


def compile_config(model: Sequential) -> Config:
    """What `Sequential.compile` was told, empty where it was not called."""
    if not model.compiled:
        return {}
    plain, weighted = model._figures.identifiers
    return {
        "optimizer": serialize(model.optimizer),
        "loss": None if model.loss is None else serialize(model.loss),
        "loss_weights": None,
        "metrics": [_written(metric) for metric in plain] or None,
        "weighted_metrics": [_written(metric) for metric in weighted] or None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def model_from_config(config: Any, compile: bool = True, most_weights: float = math.inf) -> Sequential:
    """The model of a ``config.json``: a Sequential of Keras or tinycnn, or a functional model that is a chain.

    Raises:
        ValueError: anything that tinycnn does not have, or more than ``most_weights`` weights; names the layer.
    """
    class_name = config["class_name"]
    if class_name not in ("Sequential", "Functional", "Model"):
        raise ValueError(f"expected a Sequential or functional model, received {class_name!r}. Rebuild it as one.")
    inner = config["config"]
    if class_name != "Sequential":
        inner = {**inner, "layers": _chain(inner)}
    shape = inner.get("build_input_shape") or (config.get("build_config") or {}).get("input_shape")
    model = sequential_from_config({**inner, "build_input_shape": shape}, most_weights)
    if compile and config.get("compile_config"):
        with _named("compile", " Or load layers and weights alone, by load_model(path, compile=False)."):
            _compile(model, config["compile_config"])
    return model


def sequential_from_config(
    config: Mapping[str, Any], most_weights: float = math.inf, cls: type[Sequential] = Sequential
) -> Sequential:
    """What `Sequential.from_config` returns; built where the input's shape is known, with at most so many weights."""
    entries = list(config["layers"])
    if len(entries) > _MOST_LAYERS:
        raise ValueError(f"expected at most {_MOST_LAYERS} layers, received {len(entries)}. Make a smaller model.")
    if not isinstance(config["name"], str):
        raise ValueError(f"expected the model's name to be a string, received {config['name']!r}. Name it.")
    model = cls(name=config["name"])
    shape = config.get("build_input_shape")
    if entries and entries[0]["class_name"] == "InputLayer":
        shape = entries.pop(0)["config"]["batch_shape"]
    if shape is not None:
        model.add(Input(shape=list(shape)[1:]))
        _check_pixels(model.input_shape)
    for entry in entries:
        name = entry["config"].get("name", "?")
        with _named(f"layer {name!r} ({entry['class_name']})"):
            layer = layers.deserialize(entry)
            with _limited(layer, most_weights):
                model.add(layer)
            if layer.built:
                most_weights -= layer.count_params()
                _check_pixels(layer.output_shape)
    return model


def _chain(config: Mapping[str, Any]) -> Sequence[Any]:
    """The layers of a functional model in which each has one input, the output of the layer before it."""
    entries = config["layers"]
    if _flat(config["input_layers"]) != [entries[0]["name"]]:
        raise ValueError(
            f"expected one input, received {config['input_layers']!r}. Only chains of layers are supported."
        )
    for before, entry in itertools.pairwise(entries):
        if _inputs(entry) != [before["name"]]:
            raise ValueError(
                f"layer {entry['name']!r} ({entry['class_name']}): expected one input, the output of "
                f"{before['name']!r} before it, and no options of the call. Only chains of layers are supported."
            )
    if _flat(config["output_layers"]) != [entries[-1]["name"]]:
        raise ValueError(
            f"expected one output, that of the last layer, received {config['output_layers']!r}. Only chains of layers "
            "are supported."
        )
    return entries


def _inputs(entry: Mapping[str, Any]) -> list[Any]:
    """The names of the layers whose outputs a layer takes; None for whatever else it is called with."""
    calls = entry["inbound_nodes"]
    arguments = [tensor for call in calls for tensor in [*call["args"], *call["kwargs"].values()] if tensor is not None]
    return [
        tensor["config"]["keras_history"][0]
        if isinstance(tensor, Mapping) and tensor.get("class_name") == "__keras_tensor__"
        else None
        for tensor in arguments
    ]


def _flat(places: Any) -> list[Any]:
    """``["dense", 0, 0]`` and ``[["dense", 0, 0]]`` -> ``["dense"]``."""
    several = places if isinstance(places[0], Sequence) and not isinstance(places[0], str) else [places]
    return [name for name, _, _ in several]


def _compile(model: Sequential, config: Mapping[str, Any]) -> None:
    if config.get("loss_weights") is not None:
        raise ValueError(f"expected no loss_weights, received {config['loss_weights']!r}. A chain has one loss.")
    model.compile(
        optimizer=config["optimizer"],
        loss=_name_or_dict(config.get("loss")),
        metrics=[_metric(metric) for metric in config.get("metrics") or ()],
        weighted_metrics=[_metric(metric) for metric in config.get("weighted_metrics") or ()],
    )


def _written(metric: Any) -> Any:
    """A metric for a file: its name, or class and arguments."""
    if isinstance(metric, str):
        return metric
    if metric in metrics.FUNCTIONS:
        return metric.__name__
    if isinstance(metric, type) and issubclass(metric, Configurable):
        return serialize(metric())
    if isinstance(metric, Configurable):
        return serialize(metric)
    raise ValueError(
        f"expected metrics of tinycnn, received the function {metric!r}. A file cannot hold its code: compile with "
        "the metrics' names, or save the weights alone, by save_weights."
    )


def _metric(identifier: Any) -> Any:
    """A metric as `compile` takes it: by its name, or made anew."""
    identifier = _name_or_dict(identifier)
    return metrics.deserialize(identifier) if isinstance(identifier, Mapping) else identifier


def _name_or_dict(identifier: Any) -> Any:
    """Keras writes its functions as dicts that hold little more than the name."""
    if isinstance(identifier, Mapping) and identifier.get("class_name") == "function":
        return identifier["config"]
    return identifier


# Limits


class _Placeholder(Initializer):
    """Zeros where weights will be read from a file, instead of random numbers, and not more than the file can hold."""

    def __init__(self, most: float):
        self.most = most

    def __call__(self, shape: Sequence[int], rng: np.random.Generator | None = None, dtype: Any = "float32") -> Any:
        self.most -= math.prod(shape)
        if self.most < 0:
            raise ValueError(
                f"expected no more weights than the file holds, received an array of shape {tuple(shape)}. "
                "Save the model anew."
            )
        return np.zeros(shape, dtype)


@contextmanager
def _limited(layer: Layer, most_weights: float) -> Iterator[None]:
    """Inside, the layer's initializers make placeholders, unless there is no limit."""
    own = {name: value for name, value in vars(layer).items() if isinstance(value, Initializer)}
    if most_weights < math.inf:
        placeholder = _Placeholder(most_weights)
        vars(layer).update(dict.fromkeys(own, placeholder))
    try:
        yield
    finally:
        vars(layer).update(own)


def _check_pixels(shape: Any) -> None:
    pixels = math.prod(shape[1:-1])
    if pixels > _MOST_PIXELS:
        raise ValueError(f"expected images of {_MOST_PIXELS} pixels at most, received {pixels}. Make them smaller.")


@contextmanager
def _named(what: str, way_out: str = "") -> Iterator[None]:
    """Errors of the work inside begin with what it was about, and end with another way out, where there is one."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{what}: {shorten(error)}{way_out}") from error

"""A model without its weights: its layers and what it was compiled with, as dicts like Keras's."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from tinycnn import layers, metrics
from tinycnn.files import shorten
from tinycnn.layers import Input
from tinycnn.model import Model
from tinycnn.saving.functional import functional_config, functional_from_config
from tinycnn.saving.limits import MOST_LAYERS, check_pixels, limited, named
from tinycnn.sequential import Sequential
from tinycnn.serialization import Configurable, serialize

LARGEST_CONFIG = 2**21  # bytes; a layer takes about a thousand

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


def model_config(model: Model) -> Config:
    """The model as Keras writes it to ``config.json``.

    Raises:
        ValueError: layers, a loss or metrics that are not tinycnn's own.
    """
    kind, config = (
        ("Sequential", sequential_config(model))
        if isinstance(model, Sequential)
        else ("Functional", functional_config(model))
    )
    return {
        "module": "keras" if kind == "Sequential" else "keras.src.models.functional",
        "class_name": kind,
        "config": config,
        "registered_name": None if kind == "Sequential" else kind,
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


def compile_config(model: Model) -> Config:
    """What `compile` was told, empty where it was not called."""
    if not model.compiled:
        return {}
    plain, weighted = model._figures.identifiers
    return {
        "optimizer": serialize(model.optimizer),
        "loss": None if model.loss is None else each(serialize, getattr(model.loss, "losses", model.loss)),
        "loss_weights": getattr(model.loss, "loss_weights", None),
        "metrics": each(_written, plain) or None,
        "weighted_metrics": each(_written, weighted) or None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def model_from_config(config: Any, compile: bool = True, most_weights: float = math.inf) -> Any:
    """The model of a ``config.json``: a Sequential or a functional model, Keras's or ours.

    Raises:
        ValueError: anything that tinycnn does not have, or more than ``most_weights`` weights; names the layer.
    """
    class_name, inner = config["class_name"], config["config"]
    if class_name == "Sequential":
        shape = inner.get("build_input_shape") or (config.get("build_config") or {}).get("input_shape")
        model: Any = sequential_from_config({**inner, "build_input_shape": shape}, most_weights)
    elif class_name in ("Functional", "Model"):
        model = functional_from_config(inner, most_weights)
    else:
        raise ValueError(f"expected a Sequential or functional model, received {class_name!r}. Rebuild it as one.")
    if compile and config.get("compile_config"):
        with named("compile", " Or load layers and weights alone, by load_model(path, compile=False)."):
            _compile(model, config["compile_config"])
    return model


def model_from_inner_config(cls: type[Any], config: Mapping[str, Any]) -> Any:
    """What `Model.from_config` returns."""
    if issubclass(cls, Sequential):
        return sequential_from_config(config, cls=cls)
    return functional_from_config(config)


def sequential_from_config(
    config: Mapping[str, Any], most_weights: float = math.inf, cls: type[Sequential] = Sequential
) -> Sequential:
    """What `Sequential.from_config` returns; built where the input's shape is known, with at most so many weights."""
    entries = list(config["layers"])
    if len(entries) > MOST_LAYERS:
        raise ValueError(f"expected at most {MOST_LAYERS} layers, received {len(entries)}. Make a smaller model.")
    if not isinstance(config["name"], str):
        raise ValueError(f"expected the model's name to be a string, received {config['name']!r}. Name it.")
    model = cls(name=config["name"])
    shape = config.get("build_input_shape")
    if entries and entries[0]["class_name"] == "InputLayer":
        shape = entries.pop(0)["config"]["batch_shape"]
    if shape is not None:
        model.add(Input(shape=list(shape)[1:]))
        check_pixels(model.input_shape)
    for entry in entries:
        name = entry["config"].get("name", "?")
        with named(f"layer {name!r} ({entry['class_name']})"):
            layer = layers.deserialize(entry)
            with limited(layer, most_weights):
                model.add(layer)
            if layer.built:
                most_weights -= layer.count_params()
                check_pixels(layer.output_shape)
    return model


def model_from_json(json_string: str) -> Any:
    """The model of a text that `to_json` has written, Keras's or ours, with new weights and not compiled.

    Raises:
        ValueError: no JSON, no model, or a layer that tinycnn does not have.
    """
    try:
        return model_from_config(parse(json_string, "the text"), compile=False)
    except Exception as error:
        raise ValueError(
            f"model_from_json: expected a text of model.to_json(), received another: {shorten(error)}"
        ) from error


def _compile(model: Model, config: Mapping[str, Any]) -> None:
    model.compile(
        optimizer=config["optimizer"],
        loss=each(_name_or_dict, config.get("loss")),
        loss_weights=config.get("loss_weights"),
        metrics=each(_metric, config.get("metrics") or []),
        weighted_metrics=each(_metric, config.get("weighted_metrics") or []),
    )


def each(make: Callable[[Any], Any], value: Any) -> Any:
    """What is made of a value; of lists, and of dicts by output, the same with what is made of each entry."""
    if isinstance(value, (list, tuple)):
        return [each(make, one) for one in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {name: each(make, one) for name, one in value.items()}
    return None if value is None else make(value)


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

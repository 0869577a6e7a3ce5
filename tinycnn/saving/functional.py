"""A functional model without its weights: its layers and how they are connected, as dicts like Keras's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinycnn import layers
from tinycnn.functional import Functional
from tinycnn.layers import InputLayer
from tinycnn.saving.limits import MOST_LAYERS, check_pixels, limited, named
from tinycnn.serialization import serialize
from tinycnn.tensors import KerasTensor

Config = dict[str, Any]


def functional_config(model: Any) -> Config:
    """What `Functional.get_config` returns."""
    entries = []
    for layer, sources in zip(model.layers, model._sources, strict=True):
        tensors = [_tensor(model.layers[source]) for source in sources]
        call: Config = {"args": tensors if len(tensors) < 2 else [tensors], "kwargs": {}}
        entries.append({**serialize(layer), "name": layer.name, "inbound_nodes": [call] if tensors else []})
    starts, ends = ([[layer.name, 0, 0] for layer in end] for end in model._ends)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": starts if len(starts) > 1 else starts[0],
        "output_layers": (
            dict(zip(model.output_names, ends, strict=True))
            if model._dict_of_outputs
            else ends
            if len(ends) > 1
            else ends[0]
        ),
    }


def functional_from_config(config: Mapping[str, Any], most_weights: float = math.inf) -> Functional:
    """What `Functional.from_config` returns; with at most so many weights.

    Raises:
        ValueError: a layer or an option that tinycnn does not have, a layer that is called more than once or with
            options, one that comes before its inputs.
    """
    entries = list(config["layers"])
    if len(entries) > MOST_LAYERS:
        raise ValueError(f"expected at most {MOST_LAYERS} layers, received {len(entries)}. Make a smaller model.")
    if not isinstance(config["name"], str):
        raise ValueError(f"expected the model's name to be a string, received {config['name']!r}. Name it.")
    outputs: dict[str, KerasTensor] = {}
    for entry in entries:
        with named(f"layer {entry['name']!r} ({entry['class_name']})"):
            inputs = _inputs(entry, outputs)
            if entry["class_name"] == "InputLayer":
                check_pixels(entry["config"]["batch_shape"])
            layer = layers.deserialize(entry)
            if isinstance(layer, InputLayer):
                outputs[entry["name"]] = layer.output
                continue
            with limited(layer, most_weights):
                outputs[entry["name"]] = layer.connect(inputs[0] if len(inputs) == 1 else inputs)
            most_weights -= layer.count_params()
            check_pixels(layer.output_shape)
    starts, ends = (_found(config[name], outputs) for name in ("input_layers", "output_layers"))
    return Functional(starts, ends, name=config["name"], trainable=config.get("trainable") is not False)


def _tensor(layer: Any) -> Config:
    history = {"shape": layer.output_shape, "dtype": layer.dtype.name, "keras_history": [layer.name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": history}


def _inputs(entry: Mapping[str, Any], outputs: Mapping[str, KerasTensor]) -> list[KerasTensor]:
    """The outputs of the layers that a layer takes."""
    calls = entry["inbound_nodes"]
    if len(calls) != (entry["class_name"] != "InputLayer"):
        raise ValueError(f"expected one call, received {len(calls)}. Make a layer for each place where it is used.")
    found = []
    for call in calls:
        several = call["args"][0] if len(call["args"]) == 1 and isinstance(call["args"][0], list) else call["args"]
        # Keras writes training=False of every Dropout; fit, evaluate and predict put their own in its place.
        options = {name: value for name, value in call["kwargs"].items() if (name, value) != ("training", False)}
        for tensor in [*several, *(value for value in options.values() if value is not None)]:
            if not isinstance(tensor, Mapping) or tensor.get("class_name") != "__keras_tensor__":
                raise ValueError(f"expected a call without options, received {tensor!r}. Call it on its inputs alone.")
            found.append(_output(tensor["config"]["keras_history"], outputs))
    return found


def _output(history: Sequence[Any], outputs: Mapping[str, KerasTensor]) -> KerasTensor:
    """The output that ``["dense", 0, 0]`` stands for: of the layer's first call, its first."""
    name, call, place = history
    if name not in outputs or call != 0 or place != 0:
        raise ValueError(f"expected the output of a layer before it, received {list(history)!r}. Save the model anew.")
    return outputs[name]


def _found(histories: Any, outputs: Mapping[str, KerasTensor]) -> Any:
    if isinstance(histories, Mapping):
        return {name: _output(history, outputs) for name, history in histories.items()}
    if isinstance(histories[0], str):
        return _output(histories, outputs)
    return [_output(history, outputs) for history in histories]

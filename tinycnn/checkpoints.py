"""Checkpoints: all that training changes, in one file, so that it can go on after whatever happened to the machine.

A checkpoint is an npz file (a zip of NumPy arrays, each with a check sum): the arrays ``0``, ``1``, ... and the array
``state``, which holds a JSON text: a tree of dicts, lists, numbers and texts, where ``{"array": 3}`` stands for the
array ``3``. One file, because two could come from different moments; and nothing in it is ever unpickled.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.files import replacing

if TYPE_CHECKING:
    from tinycnn.layers import Parameter
    from tinycnn.sequential import Sequential

FORMAT = "tinycnn checkpoint 1"


def write(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, numbers, texts, None and arrays; a file that was there is replaced in one step.

    Raises:
        OSError: the file cannot be written; the former one is whole.
        TypeError: the tree holds anything else.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps({"format": FORMAT, "state": _without_arrays(state, arrays)})
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, state=np.frombuffer(text.encode(), "uint8"), **arrays)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The tree that `write` has written.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or something else.
    """
    with open(path, "rb") as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                    raise ValueError("it is compressed")  # what is stored as it is can be no larger than the file
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as arrays:
                content = json.loads(arrays["state"].tobytes())
                if content["format"] != FORMAT:
                    raise ValueError(f"its format is {content['format']!r}")
                return _with_arrays(content["state"], arrays)
        except Exception as error:  # zipfile, NumPy and json have a dozen kinds of errors for damaged bytes
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(
                f"checkpoint: expected a whole file of the format {FORMAT!r}, received {path} ({reason}). "
                "Remove it to train from the beginning."
            ) from error


def state_of(model: Sequential) -> dict[str, Any]:
    """All that training has changed in a model: weights, moving statistics, optimizer and random streams."""
    return {
        "layers": _layers(model),
        "weights": model.get_weights(),
        "optimizer": _optimizer(model),
        "random_streams": {name: stream.bit_generator.state for name, stream in model.random_streams.items()},
    }


def restore(model: Sequential, state: dict[str, Any]) -> None:
    """Bring a model into the state that `state_of` returned for one of the same layers and optimizer.

    Raises:
        ValueError: it is the state of another model; nothing has changed then.
    """
    own = state_of(model)
    for i, (layer, found) in enumerate(zip(own["layers"], state["layers"], strict=False)):
        if layer != found:
            raise _mismatch(f"{_described(layer)} as layer {i}", _described(found))
    if len(own["layers"]) != len(state["layers"]):
        raise _mismatch(f"{len(own['layers'])} layers", str(len(state["layers"])))
    optimizer = state["optimizer"]
    if optimizer["class"] != own["optimizer"]["class"]:
        raise _mismatch(f"the optimizer {own['optimizer']['class']}", str(optimizer["class"]))
    if own["random_streams"].keys() != state["random_streams"].keys():
        raise _mismatch(f"random streams for {_names(own)}", _names(state))
    everything = _parameters(model)
    owners = [everything[i] for i in optimizer["parameters"]] or None  # none where it has made no step
    model.optimizer.set_state(optimizer["iterations"], optimizer["learning_rate"], optimizer["slots"], owners)
    model.set_weights(state["weights"])
    for name, stream in model.random_streams.items():
        stream.bit_generator.state = state["random_streams"][name]


def _optimizer(model: Sequential) -> dict[str, Any]:
    """The optimizer's state, and whose it is: the numbers of its parameters among all of the model's."""
    optimizer, everything = model.optimizer, _parameters(model)
    known = [p for p in everything if optimizer.parameters and not optimizer.unknown([p])]
    return {
        "class": type(optimizer).__name__,
        "iterations": optimizer.iterations,
        "learning_rate": optimizer.learning_rate,
        "parameters": [i for i, p in enumerate(everything) if any(p is other for other in known)],
        "slots": {name: np.concatenate([optimizer.slot(name, p).ravel() for p in known]) for name in optimizer.slots},
    }


def _parameters(model: Sequential) -> list[Parameter]:
    """All parameters, frozen ones included."""
    return [p for layer in model.layers for p in layer._parameters.values()]


def _layers(model: Sequential) -> list[list[Any]]:
    """What a model must have in common with a checkpoint: classes, and shapes of weights."""
    return [
        [type(layer).__name__, {name: list(value.shape) for name, value in layer.weights.items()}]
        for layer in model.layers
    ]


def _described(layer: list[Any]) -> str:
    name, shapes = layer
    return f"{name} ({', '.join(f'{key} {tuple(shape)}' for key, shape in shapes.items()) or 'no weights'})"


def _names(state: dict[str, Any]) -> str:
    return ", ".join(state["random_streams"])


def _mismatch(expected: str, received: str) -> ValueError:
    return ValueError(
        f"checkpoint: expected {expected}, as in the model, received {received}. Go on with the model and the "
        "settings that the training was started with, or remove the checkpoint."
    )


def _without_arrays(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The tree with ``{"array": number}`` in place of each array, which is added to ``arrays``."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _without_arrays(member, arrays) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(member, arrays) for member in value]
    return value


def _with_arrays(value: Any, arrays: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"array"}:
            return arrays[value["array"]]
        return {key: _with_arrays(member, arrays) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_arrays(member, arrays) for member in value]
    return value

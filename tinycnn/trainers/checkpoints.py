"""Checkpoints: all that training changes, in one file, so that it can go on after whatever happened to the machine.

A checkpoint is an npz file (a zip of NumPy arrays, each with a check sum): the arrays ``0``, ``1``, ... and the array
``state``, which holds a JSON text: a tree of dicts, lists, numbers and texts, where ``{"array": 3}`` stands for the
array ``3``. One file, because two could come from different moments; and nothing in it is ever unpickled.
"""

from __future__ import annotations

import copy
import io
import json
import math
import os
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from tinycnn.files import replacing, shorten

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

    What an untrusted file can do: nothing but fail. Nothing is unpacked and no array is read twice, so all arrays
    together take no more memory than the file; a tree of a million empty lists takes some forty times its text.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or something else.
    """
    with open(path, "rb") as stream:
        try:
            return _read(stream)
        except Exception as error:  # zipfile, NumPy and json have a dozen kinds of errors for damaged bytes
            reason = shorten(error, 200) or type(error).__name__
            raise ValueError(
                f"checkpoint: expected a whole file of the format {FORMAT!r}, received {path} ({reason}). "
                "Remove it to train from the beginning."
            ) from error


def _read(stream: BinaryIO) -> dict[str, Any]:
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        _check_members(archive.infolist(), stream.seek(0, os.SEEK_END))

        def array_or_dict(found: dict[str, Any]) -> Any:
            if found.keys() != {"array"}:
                return found
            info = members.pop(found["array"], None)
            if info is None:
                raise ValueError(f"it has no array {found['array']!r}, or names it twice")
            return _array(archive.read(info))

        text = _array(archive.read(members.pop("state"))).tobytes()
        content = json.loads(text, object_hook=array_or_dict)
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}")
    if not isinstance(content["state"], dict):
        raise ValueError("it holds no dict")
    return content["state"]


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """All members together are no larger than the file of this size."""
    if any(info.compress_type != zipfile.ZIP_STORED for info in members):
        raise ValueError("it is compressed")
    if len({info.filename for info in members}) < len(members):
        raise ValueError("it holds two arrays of one name")
    if sum(info.file_size for info in members) > size:
        raise ValueError("its arrays are larger than the file")


def _array(data: bytes) -> np.ndarray:
    """The array in the bytes of an npy file, whose header may claim any shape."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"version {version} of the npy format")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(f"an array of {len(data) - stream.tell()} bytes claims the shape {shape} of {dtype}")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


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
        ValueError: see `check`; nothing has changed then.
    """
    check(model, state)
    optimizer = state["optimizer"]
    owners = _owners(model, optimizer)
    model.optimizer.set_state(optimizer["iterations"], optimizer["learning_rate"], optimizer["slots"], owners)
    model.set_weights(state["weights"])
    for name, stream in model.random_streams.items():
        stream.bit_generator.state = state["random_streams"][name]


def _optimizer(model: Sequential) -> dict[str, Any]:
    """The optimizer's state, and whose it is: the numbers of its parameters among all of the model's."""
    optimizer, everything = model.optimizer, _parameters(model)
    known = {id(p) for p in optimizer.parameters or ()}
    numbers = [i for i, p in enumerate(everything) if id(p) in known]
    return {
        "class": type(optimizer).__name__,
        "iterations": optimizer.iterations,
        "learning_rate": float(optimizer.learning_rate),
        "parameters": numbers,
        "slots": {
            name: np.concatenate([optimizer.slot(name, everything[i]).ravel() for i in numbers])
            for name in optimizer.slots
        },
    }


def _parameters(model: Sequential) -> list[Parameter]:
    """All parameters, frozen ones included."""
    return [p for layer in model.layers for p in layer._parameters.values()]


def check(model: Sequential, state: Any) -> None:
    """Whether `restore` can take up a state, all of it; changes nothing.

    Raises:
        ValueError: it is the state of another model, or of none.
    """
    try:
        _check_layers(model, _without_arrays(state["layers"], {}))  # there should be none, and they cannot be compared
        _check_weights(model, state["weights"])
        _check_optimizer(model, state["optimizer"])
        _check_random_streams(model, state["random_streams"])
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:  # a text where a list should be ...
        raise _mismatch(
            "the state of a training", f"another ({type(error).__name__}: {shorten(error, 200)})"
        ) from error


def _check_layers(model: Sequential, found: list[Any]) -> None:
    own = _layers(model)
    for i, (layer, other) in enumerate(zip(own, found, strict=False)):
        if layer != other:
            raise _mismatch(f"{_described(layer)} as layer {i}", _described(other))
    if len(own) != len(found):
        raise _mismatch(f"{len(own)} layers", str(len(found)))


def _check_weights(model: Sequential, found: list[np.ndarray]) -> None:
    own = [value for layer in model.layers for value in layer.named_weights.values()]
    if len(own) != len(found):
        raise _mismatch(f"{len(own)} arrays of weights", str(len(found)))
    for value, other in zip(own, found, strict=True):
        _check_array("weights", other, value.shape, value.dtype)


def _check_optimizer(model: Sequential, found: dict[str, Any]) -> None:
    optimizer = model.optimizer
    if str(found["class"]) != type(optimizer).__name__:
        raise _mismatch(f"the optimizer {type(optimizer).__name__}", str(found["class"]))
    if type(found["iterations"]) is not int or not 0 <= found["iterations"] < 2**63:
        raise _mismatch("a number of steps", repr(found["iterations"]))
    owners = _owners(model, found)
    _check_slots(owners or model.parameters, found["slots"])
    # Names of slots and the learning rate are the optimizer's affair: a twin of it tries them.
    copy.copy(optimizer).set_state(found["iterations"], found["learning_rate"], found["slots"], owners)


def _check_slots(owners: Sequence[Parameter], found: dict[str, np.ndarray]) -> None:
    """What the optimizer remembers fits the parameters: vectors as long as all of them, of their dtype."""
    size = sum(p.value.size for p in owners)
    for name, slot in found.items():
        _check_array(f"the slot {name}", slot, (size,), owners[0].value.dtype if owners else slot.dtype)


def _owners(model: Sequential, found: dict[str, Any]) -> list[Parameter] | None:
    """Whose the slots are; None where the optimizer has made no step, or the checkpoint is an older one."""
    numbers, everything = found.get("parameters"), _parameters(model)
    if not numbers:
        return None
    if not all(type(i) is int and 0 <= i < len(everything) for i in numbers) or len(set(numbers)) < len(numbers):
        raise _mismatch(f"the optimizer's parameters as numbers below {len(everything)}, each once", repr(numbers))
    return [everything[i] for i in numbers]


def _check_random_streams(model: Sequential, found: dict[str, Any]) -> None:
    own = model.random_streams
    if own.keys() != found.keys():
        raise _mismatch(f"random streams for {', '.join(own)}", ", ".join(found))
    for name, stream in own.items():
        state = stream.bit_generator.state
        twin = type(stream.bit_generator)()
        try:
            twin.state = found[name]
            taken = _alike(state, found[name]) and _without_arrays(twin.state, {}) == _without_arrays(found[name], {})
            taken = taken and _is_within_buffers(found[name])
        except Exception:  # each kind of generator has its own for what it cannot take
            taken = False
        if not taken:
            raise _mismatch(f"a state of {state['bit_generator']} for the random stream of {name}", repr(found[name]))


def _alike(own: Any, found: Any) -> bool:
    """Whether two trees have the same keys, and values of the same types and shapes."""
    if isinstance(own, dict):
        return isinstance(found, dict) and own.keys() == found.keys() and all(_alike(own[k], found[k]) for k in own)
    if isinstance(own, np.ndarray):
        return isinstance(found, np.ndarray) and (own.shape, own.dtype) == (found.shape, found.dtype)
    return type(own) is type(found)


def _is_within_buffers(state: dict[str, Any]) -> bool:
    """NumPy takes any number as the place in a generator's buffer, and then reads from there: in others' memory."""
    return 0 <= state["state"].get("pos", 0) <= 624 and 0 <= state.get("buffer_pos", 0) <= 4  # MT19937, Philox


def _check_array(what: str, array: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise _mismatch(f"arrays as {what}", repr(array))
    if (array.shape, array.dtype) != (shape, dtype):
        raise _mismatch(f"{what} of shape {shape} and {dtype}", f"{array.shape} and {array.dtype}")


def _layers(model: Sequential) -> list[list[Any]]:
    """What a model must have in common with a checkpoint: classes, and shapes of weights."""
    return [
        [type(layer).__name__, {name: list(value.shape) for name, value in layer.named_weights.items()}]
        for layer in model.layers
    ]


def _described(layer: list[Any]) -> str:
    name, shapes = layer
    return f"{name} ({', '.join(f'{key} {tuple(shape)}' for key, shape in shapes.items()) or 'no weights'})"


def _mismatch(expected: str, received: str) -> ValueError:
    return ValueError(
        f"checkpoint: expected {expected}, as in the model, received {shorten(received, 200)}. "
        "Go on with the model and the settings that the training was started with, or remove the checkpoint."
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

"""A model whose layers branch and meet: Keras's functional API.

::

    x = Input((28, 28, 1))
    y = Conv2D(8, 3, padding="same", activation="relu")(x)
    y = Concatenate()([x, y])
    model = Model(x, Dense(10, activation="softmax")(Flatten()(y)))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinycnn.layers import Input, InputLayer, Layer
from tinycnn.model import Model, add_gradient, one_or_all
from tinycnn.tensors import KerasTensor
from tinycnn.trainers.fusion import backward_through, forward_through, fused_steps
from tinycnn.utils import new_seed_sequence, underflow_is_zero, unique_name

Array = np.ndarray


@dataclass
class Branch:
    """Layers in a row, between two places where branches part or meet.

    The first takes the outputs of the layers at ``sources``; the last is the layer at ``place``.
    """

    steps: list[Any]
    sources: tuple[int, ...]
    place: int


class Functional(Model):
    """Layers connected by calling them on each other's outputs, from ``inputs`` to ``outputs``.

    Math:    yᵢ = fᵢ(outputs of the layers that i takes), in an order in which each comes after its sources; back in
             reverse order, dxᵢ = fᵢ'(Σ dx of all that take yᵢ): where an output is used twice, its gradients add up

    Args:
        inputs: an `Input`, or several, as a list or as a dict by name. Outputs of layers do as well: the model then
            begins behind them.
        outputs: outputs of layers; one, or several, as a list or a dict.
        name: the model's name in `summary`.

    ``Model(inputs, outputs)`` makes one. `layers` come in Keras's order: that which is farthest from an output first.
    With several inputs or outputs, `fit`, `evaluate` and `predict` take and return lists of arrays, or dicts by name.

    Raises:
        TypeError: inputs or outputs that are none.
        ValueError: outputs that need another input; a layer that is called twice on the way; two layers of one name.
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **unsupported: Any,
    ):
        if unsupported:
            raise TypeError(
                f"Model: expected inputs, outputs, name and trainable, received {', '.join(unsupported)}. Write "
                "Model(inputs=..., outputs=...)."
            )
        self.name = unique_name("functional") if name is None else name
        super().__init__(np.random.default_rng(new_seed_sequence()))
        self.input_names, starts = _tensors("inputs", inputs)
        self.output_names, ends = _tensors("outputs", outputs)
        self._dict_of_outputs = isinstance(outputs, Mapping)
        tensors = _in_order(starts, ends)
        place_of = {id(tensor): place for place, tensor in enumerate(tensors)}
        self._layers = [_layer(tensor, starts) for tensor in tensors]
        self._sources = [
            () if isinstance(layer, InputLayer) else tuple(place_of[id(source)] for source in tensor.inputs)
            for layer, tensor in zip(self._layers, tensors, strict=True)
        ]
        self._entries = tuple(place_of[id(tensor)] for tensor in starts)
        self._heads = tuple(place_of[id(tensor)] for tensor in ends)
        self._inputs, self._outputs = starts, ends
        self._check_layers()
        self.built = True
        if any(tensor.inputs for tensor in starts):
            self._connect()
        self._trainable = True
        if not trainable:
            self.trainable = False

    def _check_layers(self) -> None:
        for layer in self._layers:
            if sum(layer is other for other in self._layers) > 1:
                raise ValueError(
                    f"{self.name}: expected each layer to be called once, {layer.name!r} is called on several inputs. "
                    "Make a layer for each: one object keeps one batch for backward."
                )
            if sum(layer.name == other.name for other in self._layers) > 1:
                raise ValueError(
                    f"{self.name}: expected layers of different names, received two of the name {layer.name!r}. "
                    "Pass another name."
                )
        computing = [layer for layer in self._layers if not isinstance(layer, InputLayer)]
        if len({layer.dtype for layer in computing}) > 1:
            raise ValueError(
                f"{self.name}: expected layers of one dtype, received {computing[0].name!r} of {computing[0].dtype} "
                "and others of another. Pass dtype=... to all of them."
            )
        for layer in self._layers if computing else ():
            layer.dtype = computing[0].dtype

    # The graph

    @property
    def layers(self) -> list[Layer]:
        """The layers, inputs included, farthest from an output first (a copy of the list)."""
        return list(self._layers)

    @property
    def inputs(self) -> list[KerasTensor]:
        return list(self._inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        return list(self._outputs)

    @property
    def input_shape(self) -> Any:
        return one_or_all([tensor.shape for tensor in self._inputs])

    @property
    def output_shape(self) -> Any:
        return one_or_all([tensor.shape for tensor in self._outputs])

    def connect(self, x: Any) -> Any:
        """Let the layers take ``x``, a `KerasTensor` for each input, and say what then comes out: one, or several."""
        places = dict(zip(self._entries, self._by_input("connect", x, as_tuple=True), strict=True))
        for place, (layer, sources) in enumerate(zip(self._layers, self._sources, strict=True)):
            if sources:
                places[place] = layer.connect(one_or_all([places[source] for source in sources]))
        return one_or_all([places[head] for head in self._heads])

    def _connect(self) -> None:
        """Tell each layer its place in the model."""
        self._inputs = [self._layers[entry].output for entry in self._entries]
        outputs = self.connect(one_or_all(self._inputs))
        self._outputs = outputs if isinstance(outputs, list) else [outputs]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_inputs": [], "_outputs": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._connect()

    def build(self, input_shape: Any = None) -> None:
        """Nothing: the layers are built when they are called. `Sequential` has a use for it."""

    def _built_only_if_all_goes_well(self) -> AbstractContextManager[None]:
        return nullcontext()

    def __repr__(self) -> str:
        return f"<Functional name={self.name}, built=True>"

    # Forward and backward

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        """The model's output for a batch, layer by layer; an array, or a list or dict where it has several.

        ``activate=False`` leaves out the last activations: the logits.

        Raises:
            ValueError: ``activate=False`` where an output's layer has no activation.
        """
        if not activate:
            self._require_activations()
        with self._weights_in_use:
            return self._run(self._branches(fused=False), x, training, activate)

    def backward(self, dy: Any) -> Any:
        """The gradient of the loss with respect to each input; assigns the ``grad`` of every parameter.

        Raises:
            RuntimeError: without a ``forward(x, training=True)`` before it.
        """
        return self._run_back(self._branches(fused=False), dy, input_gradient=True)

    @underflow_is_zero
    def _forward(self, x: Any, training: bool, activate: Any = True) -> Any:
        with self._weights_in_use:
            return self._run(self._steps_of_branches, x, training, activate)

    def _backward(self, dy: Any, input_gradient: bool = False) -> Any:
        return self._run_back(self._steps_of_branches, dy, input_gradient)

    def _run(self, branches: list[Branch], x: Any, training: bool, activate: Any) -> Any:
        active = dict(
            zip(self._heads, [activate] * len(self._heads) if isinstance(activate, bool) else activate, strict=True)
        )
        values = dict(zip(self._entries, self._by_input("forward", x, as_tuple=True), strict=True))
        for branch in branches:
            given = one_or_all([values[source] for source in branch.sources])
            values[branch.place] = forward_through(branch.steps, given, training, active.get(branch.place, True))
        outputs = [values[head] for head in self._heads]
        return dict(zip(self.output_names, outputs, strict=True)) if self._dict_of_outputs else one_or_all(outputs)

    def _run_back(self, branches: list[Branch], dy: Any, input_gradient: bool) -> Any:
        gradients: dict[int, Array] = {}
        ends = self._by_output("backward", dy, as_tuple=True)
        for head, gradient in zip(self._heads, ends, strict=True):
            add_gradient(gradients, head, gradient)
        for branch in reversed(branches):
            first = not input_gradient and len(branch.sources) == 1 and branch.sources[0] in self._entries
            dx = backward_through(branch.steps, gradients.pop(branch.place), not first)
            if not first:
                for source, part in zip(branch.sources, dx if isinstance(dx, list) else [dx], strict=True):
                    add_gradient(gradients, source, part)
        if not input_gradient:
            return None
        for entry, tensor in zip(self._entries, self._inputs, strict=True):
            if entry not in gradients:  # nothing uses this input
                gradients[entry] = np.zeros((len(ends[0]), *tensor.shape[1:]), self._layers[entry].dtype)
        return one_or_all([gradients[entry] for entry in self._entries])

    def _branches(self, fused: bool) -> list[Branch]:
        """The layers in rows that are as long as can be; with ``fused``, fused steps in place of some of them."""
        uses = Counter(source for sources in self._sources for source in sources) + Counter(self._heads)
        branches: dict[int, Branch] = {}  # by place
        for place, (layer, sources) in enumerate(zip(self._layers, self._sources, strict=True)):
            if len(sources) == 1 and uses[sources[0]] == 1 and sources[0] in branches:
                branch = branches[place] = branches.pop(sources[0])
                branch.steps.append(layer)
                branch.place = place
            elif sources:
                branches[place] = Branch([layer], sources, place)
        if fused:
            for branch in branches.values():
                branch.steps = fused_steps(branch.steps)
        return list(branches.values())

    @property
    def _steps_of_branches(self) -> list[Branch]:
        if self._fused is None:
            self._fused = self._branches(fused=True)
        return self._fused

    @property
    def _steps(self) -> list[Any]:
        return [step for branch in self._steps_of_branches for step in branch.steps]


def _tensors(what: str, given: Any) -> tuple[list[str], list[KerasTensor]]:
    """The names and the places of inputs or outputs, one or several."""
    several = given.values() if isinstance(given, Mapping) else given if isinstance(given, (list, tuple)) else [given]
    if not several or not all(isinstance(tensor, KerasTensor) for tensor in several):
        raise TypeError(
            f"Model: expected {what} that are Inputs or outputs of layers called on them, received {given!r}. Write "
            "x = Input((28, 28, 1)); y = Flatten()(x); Model(inputs=x, outputs=y)."
        )
    names = list(given) if isinstance(given, Mapping) else [str(tensor.name) for tensor in several]
    return names, list(several)


def _in_order(starts: Sequence[KerasTensor], ends: Sequence[KerasTensor]) -> list[KerasTensor]:
    """All places from the starts to the ends, in Keras's order.

    The farthest from an end comes first; of equally far ones that which is met first on the way back from the ends.
    """
    begin = {id(tensor) for tensor in starts}
    met: dict[int, int] = {}
    done: list[KerasTensor] = []  # each after its sources
    todo = [(tensor, False) for tensor in reversed(ends)]
    while todo:
        tensor, is_done = todo.pop()
        if is_done:
            done.append(tensor)
        elif id(tensor) not in met:
            met[id(tensor)] = len(met)
            if id(tensor) not in begin and not tensor.inputs:
                raise ValueError(
                    f"Model: expected outputs that its inputs lead to, one depends on {tensor.name!r} too. Add it to "
                    "the inputs."
                )
            todo.append((tensor, True))
            if id(tensor) not in begin:
                todo += [(source, False) for source in reversed(tensor.inputs)]
    depth = dict.fromkeys(met, 0)
    for tensor in reversed(done):
        for source in tensor.inputs if id(tensor) not in begin else ():
            depth[id(source)] = max(depth[id(source)], depth[id(tensor)] + 1)
    done += [tensor for tensor in starts if id(tensor) not in met]  # inputs that nothing uses
    return sorted(done, key=lambda tensor: (-depth.get(id(tensor), 0), met.get(id(tensor), -1)))


def _layer(tensor: KerasTensor, starts: Sequence[KerasTensor]) -> Layer:
    """The layer whose output a place is; where the model begins with an output of a layer, an input in its stead."""
    if tensor.inputs and any(tensor is start for start in starts):
        return Input(tensor.shape[1:]).layer
    return tensor.layer

"""A chain of layers that can be trained: Keras's Sequential."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinycnn.layers import Input, InputLayer, Layer
from tinycnn.model import Model
from tinycnn.tensors import KerasTensor, check_is_one
from tinycnn.trainers.fusion import forward_through
from tinycnn.trainers.outputs import takes_logits
from tinycnn.utils import check_dtype, new_seed_sequence, snake_case, unique_name

Array = np.ndarray


class Sequential(Model):
    """Layers in a row: each one's output is the next one's input; gradients run the same way back.

    Math:    y = f_k(... f_2(f_1(x)));   dx = f_1'(... f_k'(dy)), the chain rule from the last layer to the first

    Args:
        layers: layers, or an `Input` first; more can follow by `add`.
        name: the model's name in `summary`.
        dtype: "float32" or "float64" for all layers; by default each layer keeps its own.

    To train: `compile`, then `fit`. To step by hand::

        y = model.forward(x, training=True)
        dx = model.backward(loss.backward(labels, y))
        for parameter in model.parameters:
            parameter.value -= 0.01 * parameter.grad

    Threads: one trains the model at a time; others may predict and evaluate meanwhile, each batch with the weights
             between two steps
    Copies:  ``copy.deepcopy`` and ``pickle`` give a model that goes on like this one
    """

    def __init__(
        self, layers: Iterable[Layer | KerasTensor | Model] | None = None, name: str | None = None, dtype: Any = None
    ):
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.dtype = None if dtype is None else check_dtype(self.name, dtype)
        self.built = False
        self._layers: list[Layer] = []
        self._added = 0  # layers, those that were taken off again included
        self._places: list[int] = []  # of the layers among all that were added
        self._trainable = True
        self._input_shape: tuple[int | None, ...] | None = None
        self._given_shape: tuple[int | None, ...] | None = None  # by an Input
        self._tensors: list[KerasTensor] = []  # the places of the input and of the layers' outputs, where built
        self._layer_seeds, shuffle_seed = new_seed_sequence().spawn(2)
        super().__init__(np.random.default_rng(shuffle_seed))
        for layer in layers or ():
            self.add(layer)

    # The chain

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last (a copy of the list)."""
        return list(self._layers)

    def add(self, layer: Layer | KerasTensor | Model) -> None:
        """Append a layer, or those of a model one by one; it is built at once where the input's shape is known.

        Raises:
            TypeError: not a layer.
            ValueError: the same object or name twice, a layer that cannot take the output of the one before it.
        """
        if isinstance(layer, Model):  # its layers are this model's, too: they share their weights
            if not all(source == (place - 1,) for place, source in enumerate(layer._sources) if place):
                raise ValueError(
                    f"{self.name}: expected layers in a row, received {layer.name!r}, whose branches part and meet. "
                    f"Call it on an Input, and go on with Model(inputs, outputs)."
                )
            if layer.built and not self._layers and self._input_shape is None:
                self.add(Input(layer.input_shape[1:]))
            for inner in layer.layers:
                if not isinstance(inner, InputLayer):
                    self.add(inner)
            return
        if isinstance(layer, InputLayer):
            layer = layer.output
        if isinstance(layer, KerasTensor) and not layer.inputs:
            if self._layers or self._input_shape:
                raise ValueError(f"{self.name}: expected Input as the first entry, received it later. Put it first.")
            self._input_shape = self._given_shape = layer.shape
            self._tensors = [layer]
            return
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.name}: expected a layer, received {layer!r}. Add objects such as Dense(10).")
        if any(layer is other for other in self._layers):
            raise ValueError(
                f"{self.name}: expected each layer once, received {layer.name!r} a second time. "
                "Make a new layer: one object has one set of weights and keeps one batch for backward."
            )
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.name}: expected layers of different names, received a second {layer.name!r}. Pass another name."
            )
        dtype = layer.dtype if self.dtype is None or layer.built else self.dtype
        if self._layers and dtype != self._layers[0].dtype:
            raise ValueError(
                f"{self.name}: expected layers of one dtype, received {layer.name!r} of {dtype} after "
                f"{self._layers[0].dtype}. Write Sequential(..., dtype='{dtype}')."
            )
        layer.dtype = dtype
        input_shape = self._input_shape
        if input_shape is None and not self._layers and layer.sample_shape is not None:
            input_shape = (None, *layer.sample_shape)
        if input_shape is not None:
            self._build_layer(self._added, layer, self.output_shape if self._layers else input_shape)
        self._input_shape = input_shape
        self._layers.append(layer)
        self._places.append(self._added)
        self._added += 1
        self._fused = None
        self.built = input_shape is not None
        self._connect()
        if self.compiled:
            layer.kernels = self.optimizer.kernels

    def pop(self) -> Layer:
        """Take the last layer off and return it."""
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer to pop, found none. Add layers first.")
        layer = self._layers.pop()
        self._places.pop()
        self._fused = None
        del self._tensors[len(self._layers) + 1 :]
        if not self._layers:
            self.built = False
            self._input_shape = self._given_shape
            del self._tensors[self._given_shape is not None :]
        return layer

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Give every layer its parameters, for inputs of this shape, e.g. ``(None, 28, 28, 1)``.

        Raises:
            ValueError: no shape, another one than that of the model's Input, or one that a layer cannot take.
        """
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer before build, found none. Add layers first.")
        known = self._input_shape
        if input_shape is not None and known is not None and tuple(input_shape)[1:] != tuple(known)[1:]:
            raise ValueError(
                f"{self.name}: expected inputs of its shape {known}, received {tuple(input_shape)}. "
                "Make a new model for another shape."
            )
        if self.built:
            return
        shape = known if input_shape is None else tuple(input_shape)
        if shape is None:
            raise ValueError(
                f"{self.name}: expected an input shape, received none. Write build((None, 28, 28, 1)), or start the "
                "model with Input(shape=(28, 28, 1))."
            )
        with self._built_only_if_all_goes_well():
            for place, layer in zip(self._places, self._layers, strict=True):
                shape = self._build_layer(place, layer, shape)
        self._input_shape = self._layers[0].input_shape
        self.built = True
        self._connect()

    def _connect(self) -> None:
        """Where the model is built, tell each layer its place in it that does not know it yet."""
        if self.built and not self._tensors:
            self._tensors.append(Input(self._layers[0].input_shape[1:]))
        for layer in self._layers[len(self._tensors) - 1 :] if self.built else ():
            self._tensors.append(layer.connect(self._tensors[-1]))

    def connect(self, x: Any) -> Any:
        """Let the layers take ``x``, a `KerasTensor`, one after the other, and say what then comes out of the last."""
        check_is_one(self.name, x)
        self.build(x.shape)
        for layer in self._layers:
            x = layer.connect(x)
        return x

    def _build_layer(self, place: int, layer: Layer, input_shape: Any) -> Any:
        """Each layer that is added has a stream of its own: adding one leaves the others' numbers as they were."""
        key = (*self._layer_seeds.spawn_key, place)
        seed = np.random.SeedSequence(self._layer_seeds.entropy, spawn_key=key)
        return layer.build(input_shape, np.random.default_rng(seed))

    @contextmanager
    def _built_only_if_all_goes_well(self) -> Iterator[None]:
        """Where the work inside fails, layers that were not built before it are not built after it."""
        unbuilt = [layer for layer in self._layers if not layer.built]
        before = self.built, self._input_shape, list(self._tensors)
        try:
            yield
        except Exception:
            for layer in unbuilt:
                layer.unbuild()
            self.built, self._input_shape, self._tensors = before
            raise

    @property
    def inputs(self) -> list[KerasTensor]:
        self._require_built("inputs")
        return self._tensors[:1]

    @property
    def outputs(self) -> list[KerasTensor]:
        self._require_built("outputs")
        return self._tensors[-1:]

    @property
    def _sources(self) -> list[tuple[int, ...]]:
        return [(place - 1,) if place else () for place in range(len(self._layers))]

    _entries = (0,)

    @property
    def _heads(self) -> tuple[int, ...]:
        return (len(self._layers) - 1,)

    @property
    def _from_logits(self) -> list[bool]:
        return [takes_logits(self.loss, self._layers[-1])]

    input_names = ("input",)

    @property
    def output_names(self) -> list[str]:
        return [layer.name for layer in self._layers[-1:]] or ["output"]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_tensors": self._tensors[:1]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._connect()

    @property
    def input_shape(self) -> Any:
        return self._input_shape

    @property
    def output_shape(self) -> Any:
        return self._layers[-1].output_shape if self._layers else self._input_shape

    def __repr__(self) -> str:
        return f"<Sequential name={self.name}, built={self.built}>"

    # Forward and backward

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The model's output for a batch; ``activate=False`` leaves out the last activation: the logits.

        Raises:
            RuntimeError: before `build`.
            ValueError: ``activate=False`` where the last layer has no activation.
        """
        self._require_built("forward")
        if not activate:
            self._require_activations()
        with self._weights_in_use:
            return forward_through(self._layers, x, training, activate)

    def backward(self, dy: Array) -> Array:
        """The gradient of the loss with respect to the input; assigns the ``grad`` of every parameter.

        Raises:
            RuntimeError: without a ``forward(x, training=True)`` before it.
        """
        for layer in reversed(self._layers):
            dy = layer.backward(dy)
        return dy

"""A chain of layers that can be trained: Keras's Sequential."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinycnn.layers import Input, Layer, Parameter
from tinycnn.layers.base import check_dtype, check_weight
from tinycnn.summary import print_summary
from tinycnn.trainers.fusion import forward_through
from tinycnn.trainers.trainer import Trainer
from tinycnn.utils import lookup, new_seed_sequence, snake_case, unique_name

Array = np.ndarray


class Sequential(Trainer):
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

    def __init__(self, layers: Iterable[Layer | Input] | None = None, name: str | None = None, dtype: Any = None):
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.dtype = None if dtype is None else check_dtype(self.name, dtype)
        self.built = False
        self._layers: list[Layer] = []
        self._added = 0  # layers, those that were taken off again included
        self._places: list[int] = []  # of the layers among all that were added
        self._trainable = True
        self._input_shape: tuple[int | None, ...] | None = None
        self._given_shape: tuple[int | None, ...] | None = None  # by an Input
        self._layer_seeds, shuffle_seed = new_seed_sequence().spawn(2)
        super().__init__(np.random.default_rng(shuffle_seed))
        for layer in layers or ():
            self.add(layer)

    # The chain

    @property
    def layers(self) -> list[Layer]:
        """The layers, first to last (a copy of the list)."""
        return list(self._layers)

    def add(self, layer: Layer | Input) -> None:
        """Append a layer; it is built at once where the input's shape is known.

        Raises:
            TypeError: not a layer.
            ValueError: the same object or name twice, a layer that cannot take the output of the one before it.
        """
        if isinstance(layer, Input):
            if self._layers or self._input_shape:
                raise ValueError(f"{self.name}: expected Input as the first entry, received it later. Put it first.")
            self._input_shape = self._given_shape = layer.shape
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
        if self.compiled:
            layer.kernels = self.optimizer.kernels

    def pop(self) -> Layer:
        """Take the last layer off and return it."""
        if not self._layers:
            raise ValueError(f"{self.name}: expected at least one layer to pop, found none. Add layers first.")
        layer = self._layers.pop()
        self._places.pop()
        self._fused = None
        if not self._layers:
            self.built = False
            self._input_shape = self._given_shape
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

    def _build_layer(self, place: int, layer: Layer, input_shape: Any) -> Any:
        """Each layer that is added has a stream of its own: adding one leaves the others' numbers as they were."""
        key = (*self._layer_seeds.spawn_key, place)
        seed = np.random.SeedSequence(self._layer_seeds.entropy, spawn_key=key)
        return layer.build(input_shape, np.random.default_rng(seed))

    @contextmanager
    def _built_only_if_all_goes_well(self) -> Iterator[None]:
        """Where the work inside fails, layers that were not built before it are not built after it."""
        unbuilt = [layer for layer in self._layers if not layer.built]
        before = self.built, self._input_shape
        try:
            yield
        except Exception:
            for layer in unbuilt:
                layer.unbuild()
            self.built, self._input_shape = before
            raise

    @property
    def input_shape(self) -> Any:
        return self._input_shape

    @property
    def output_shape(self) -> Any:
        return self._layers[-1].output_shape if self._layers else self._input_shape

    @property
    def trainable(self) -> bool:
        """Whether the model may be trained; assigning it sets the same for each of its layers.

        From then on a frozen batch normalization uses its moving statistics in training too. A single layer may be
        set apart afterwards; in a frozen model none is trained.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = self._trainable

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters to be trained, layer by layer; none in a frozen model."""
        return tuple(p for layer in self._layers for p in layer.parameters) if self._trainable else ()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place; one of the two must be given."""
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: expected a name or an index, received {name!r} and {index!r}. Pass one.")
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"get_layer: expected an index below {len(self._layers)}, received {index}. See model.summary()."
                )
            return self._layers[index]
        return lookup("get_layer", str(name), {layer.name: layer for layer in self._layers})

    def get_weights(self) -> list[Array]:
        """Copies of all weights, layer by layer, moving statistics included."""
        return [w for layer in self._layers for w in layer.get_weights()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Write arrays as `get_weights` returns them; all of them, or, where one does not fit, none.

        Raises:
            ValueError: another number of arrays, or an array of another shape.
        """
        self._require_built("set_weights")
        own = [(layer.name, name, value) for layer in self._layers for name, value in layer.weights.items()]
        if len(weights) != len(own):
            raise ValueError(
                f"{self.name}: expected {len(own)} arrays, received {len(weights)}. "
                "Pass them in the order of get_weights(), from a model of the same layers."
            )
        checked = [check_weight(*place, new) for place, new in zip(own, weights, strict=True)]
        for (_, _, value), new in zip(own, checked, strict=True):
            value[...] = new

    def save(self, filepath: Any) -> None:
        """Write the model to a ``.keras`` or ``.h5`` file that Keras reads too; see `tinycnn.saving.save_model`."""
        from tinycnn import saving

        saving.save_model(self, filepath)

    def save_weights(self, filepath: Any) -> None:
        """Write all weights to a ``.weights.h5`` file that Keras reads too; see `tinycnn.saving.save_weights`."""
        from tinycnn import saving

        saving.save_weights(self, filepath)

    def load_weights(self, filepath: Any) -> None:
        """Read all weights from a ``.weights.h5`` or ``.h5`` file, of Keras too; see `tinycnn.saving.load_weights`."""
        from tinycnn import saving

        saving.load_weights(self, filepath)

    def get_config(self) -> dict[str, Any]:
        """Name and layers, without weights, as Keras writes them."""
        from tinycnn.saving import architecture

        return architecture.sequential_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """A model with new weights from the dict of `get_config`, Keras's or ours.

        Raises:
            ValueError: a layer or an option that tinycnn does not have; names the layer.
        """
        from tinycnn.saving import architecture

        return architecture.sequential_from_config(config, cls=cls)

    def count_params(self) -> int:
        """The number of weights, trained and not."""
        self._require_built("count_params")
        return sum(layer.count_params() for layer in self._layers)

    def optimizer_weights(self) -> list[Array]:
        """The optimizer's arrays as Keras counts them: iteration, learning rate, and a slot or two per parameter."""
        if self.optimizer is None or not self.optimizer.slots:
            return []
        return [np.zeros((), "int64"), np.zeros((), "float32"), *self.optimizer.slots.values()]

    @property
    def random_streams(self) -> dict[str, np.random.Generator]:
        """The generators that training draws from: for shuffling, and by their number the layers that have one."""
        streams = {f"layer {i}": getattr(layer, "rng", None) for i, layer in enumerate(self._layers)}
        return {"shuffling": self._shuffle_rng} | {name: rng for name, rng in streams.items() if rng is not None}

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers, their output shapes and parameter counts; see `tinycnn.summary.print_summary`.

        ``expand_nested`` is accepted as in Keras; models here hold no other models.
        """
        print_summary(self, line_length, positions, print_fn, show_trainable)

    def __repr__(self) -> str:
        return f"<Sequential name={self.name}, built={self.built}>"

    # Forward and backward

    def __call__(self, x: Array, training: bool = False) -> Array:
        """``forward``, after ``build`` where that has not happened."""
        if not self.built:
            self.build(np.shape(x))
        return self.forward(x, training)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The model's output for a batch; ``activate=False`` leaves out the last activation: the logits.

        Raises:
            RuntimeError: before `build`.
            ValueError: ``activate=False`` where the last layer has no activation.
        """
        self._require_built("forward")
        head = self._layers[-1]
        if not activate and not hasattr(head, "activation"):
            raise ValueError(
                f"{self.name}: expected a last layer with an activation to leave out, received {head.name!r}. "
                "Leave out activate=False."
            )
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

    def _require_built(self, who: str) -> None:
        if not self.built:
            raise RuntimeError(
                f"{who}: expected a model that is built, {self.name!r} is not. Start it with Input(shape=...), or "
                "call model.build((None, 28, 28, 1))."
            )

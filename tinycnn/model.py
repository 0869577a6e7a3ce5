"""What every model shares, in a row or in branches: weights, files, look-ups and the summary."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinycnn.layers import InputLayer, Layer, Parameter
from tinycnn.layers.base import check_weight
from tinycnn.summary import print_summary
from tinycnn.tensors import KerasTensor, Variable, as_tensor, is_symbolic
from tinycnn.trainers.fusion import forward_through
from tinycnn.trainers.outputs import takes_logits
from tinycnn.trainers.trainer import Trainer
from tinycnn.utils import lookup

Array = np.ndarray


class Model(Trainer):
    """Layers that are trained together: ``Model(inputs, outputs)`` makes a `Functional`; `Sequential` the other kind.

    How a model is trained is written in `Trainer`; here is what it has learned, and what it says of itself.

    Raises:
        TypeError: a subclass with ``call`` or ``train_step``; neither inputs nor outputs.
    """

    input_shape: Any
    layers: Any
    _trainable: bool
    #: For each layer the places, among the layers, of those whose outputs it takes; none where it takes an input.
    _sources: Any
    #: The places of the layers that take the model's inputs, and of those that make its outputs.
    _entries: Any
    _heads: Any

    def __new__(cls, *args: Any, **options: Any) -> Any:
        from tinycnn.functional import Functional

        if cls is not Model and cls.__abstractmethods__:
            raise TypeError(
                f"{cls.__name__}: expected layers connected by Sequential or Model(inputs, outputs), received a "
                "subclass of Model. Connect them in a function, and let it return Model(inputs, outputs)."
            )
        return super().__new__(Functional if cls is Model else cls)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = {"call", "train_step", "test_step", "predict_step"} & set(vars(cls))
        if own:
            raise TypeError(
                f"{cls.__name__}: expected layers connected by Sequential or Model(inputs, outputs), received a "
                f"subclass with {', '.join(sorted(own))}. tinycnn cannot differentiate code: call the layers on an "
                "Input, pass both ends to Model, and train it by fit."
            )

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

    @abstractmethod
    def connect(self, x: Any) -> Any:
        """Let the layers take ``x``, a `KerasTensor` or several, and say what then comes out: one, or several."""

    @property
    def _ends(self) -> tuple[list[Layer], list[Layer]]:
        return [self._layers[place] for place in self._entries], [self._layers[place] for place in self._heads]

    @property
    def _from_logits(self) -> list[bool]:
        """For each output whether its loss is computed from its logits: not where somebody else takes it, too."""
        uses = Counter(place for places in (*self._sources, self._heads) for place in places)
        ends = zip(self._heads, self._ends[1], self._losses, strict=True)
        return [uses[place] == 1 and takes_logits(loss, layer) for place, layer, loss in ends]

    def walk(self, x: Any, training: bool = False, activate: bool = True) -> Iterator[tuple[Layer, Any, Array]]:
        """Layer by layer: the layer, what it takes, and its output, for a batch ``x``; nothing is fused.

        With ``activate=False`` the outputs whose loss is computed from logits come without their last activation.
        """
        heads = () if activate else zip(self._ends[1], self._from_logits, strict=True)
        plain = [layer for layer, from_logits in heads if from_logits]
        values = dict(zip(self._entries, self._by_input("forward", x, as_tuple=True), strict=True))
        for place, (layer, sources) in enumerate(zip(self._layers, self._sources, strict=True)):
            if isinstance(layer, InputLayer):
                continue
            given = one_or_all([values[source] for source in sources] or [values[place]])
            values[place] = forward_through([layer], given, training, not any(layer is other for other in plain))
            yield layer, given, values[place]

    def walk_back(self, dy: Any) -> Iterator[tuple[Layer, Any, Array]]:
        """From the last layer to the first: the layer, the gradient of what it took, and that of its output.

        ``dy`` is that of the model's output, or several; `walk` with ``training=True`` comes before.
        """
        gradients: dict[int, Array] = {}
        for head, gradient in zip(self._heads, self._by_output("backward", dy, as_tuple=True), strict=True):
            add_gradient(gradients, head, gradient)
        for place, (layer, sources) in reversed(list(enumerate(zip(self._layers, self._sources, strict=True)))):
            if isinstance(layer, InputLayer):
                continue
            dy = gradients.pop(place)
            dx = layer.backward(dy)
            for source, part in zip(sources, dx if isinstance(dx, list) else [dx], strict=False):
                add_gradient(gradients, source, part)
            yield layer, dx, dy

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
        own = [(layer.name, name, value) for layer in self._layers for name, value in layer.named_weights.items()]
        if len(weights) != len(own):
            raise ValueError(
                f"{self.name}: expected {len(own)} arrays, received {len(weights)}. "
                "Pass them in the order of get_weights(), from a model of the same layers."
            )
        checked = [check_weight(*place, new) for place, new in zip(own, weights, strict=True)]
        for (_, _, value), new in zip(own, checked, strict=True):
            value[...] = new

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer, as objects with ``name``, ``shape``, ``numpy()`` and ``assign``."""
        return [variable for layer in self._layers for variable in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The `parameters`, as a list."""
        return list(self.parameters)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: moving statistics, and all of frozen layers."""
        trained = {id(parameter) for parameter in self.parameters}
        return [variable for variable in self.weights if id(variable) not in trained]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    @property
    @abstractmethod
    def inputs(self) -> list[KerasTensor]:
        """The places where the model's input comes in, in a list as in Keras."""

    @property
    @abstractmethod
    def outputs(self) -> list[KerasTensor]:
        """The places where its output comes out, in a list as in Keras."""

    input = property(lambda self: one_or_all(self.inputs), doc="The place of the input; a list of several.")
    output = property(lambda self: one_or_all(self.outputs), doc="The place of the output; a list of several.")

    def save(self: Any, filepath: Any, overwrite: bool = True) -> None:
        """Write the model to a ``.keras`` or ``.h5`` file that Keras reads too; see `tinycnn.saving.save_model`."""
        from tinycnn import saving

        saving.save_model(self, filepath, overwrite)

    def save_weights(self: Any, filepath: Any, overwrite: bool = True) -> None:
        """Write all weights to a ``.weights.h5`` file that Keras reads too; see `tinycnn.saving.save_weights`."""
        from tinycnn import saving

        saving.save_weights(self, filepath, overwrite)

    def load_weights(self: Any, filepath: Any, skip_mismatch: bool = False) -> None:
        """Read all weights from a file of weights or of a model, of Keras too; see `tinycnn.saving.load_weights`."""
        from tinycnn import saving

        saving.load_weights(self, filepath, skip_mismatch)

    def to_json(self: Any, **options: Any) -> str:
        """The architecture as a JSON text, ``options`` those of `json.dumps`; see `tinycnn.models.model_from_json`."""
        from tinycnn.saving import architecture

        return json.dumps(architecture.model_config(self), **options)

    def get_config(self) -> dict[str, Any]:
        """Name and layers, without weights, as Keras writes them."""
        from tinycnn.saving import architecture

        return architecture.model_config(self)["config"]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A model with new weights from the dict of `get_config`, Keras's or ours.

        Raises:
            ValueError: a layer or an option that tinycnn does not have; names the layer.
        """
        from tinycnn.saving import architecture

        return architecture.model_from_inner_config(cls, config)

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
        self: Any,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers, their output shapes and parameter counts; see `tinycnn.summary.print_summary`.

        ``expand_nested`` is accepted as in Keras; a model in a model has lent it its layers, one by one.
        """
        print_summary(self, line_length, positions, print_fn, show_trainable)

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """``forward``, after ``build`` where that has not happened; on `KerasTensor`s as a layer does."""
        if is_symbolic(x):
            return self.connect(x)
        if not self.built:
            self.build(np.shape(x))
        y = self.forward(self._in_shape(x) if hasattr(x, "shape") else x, bool(training))
        if isinstance(y, Mapping):
            return {name: as_tensor(one) for name, one in y.items()}
        return [as_tensor(one) for one in y] if isinstance(y, list) else as_tensor(y)

    @abstractmethod
    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        """The model's output for a batch."""

    def _require_activations(self) -> None:
        for layer in self._ends[1]:
            if not hasattr(layer, "activation"):
                raise ValueError(
                    f"{self.name}: expected a last layer with an activation to leave out, received {layer.name!r}. "
                    "Leave out activate=False."
                )

    def _require_built(self, who: str) -> None:
        if not self.built:
            raise RuntimeError(
                f"{who}: expected a model that is built, {self.name!r} is not. Start it with Input(shape=...), or "
                "call model.build((None, 28, 28, 1))."
            )


def add_gradient(gradients: dict[int, Array], place: int, gradient: Array) -> None:
    """Where an output is used twice, its gradients add up."""
    gradients[place] = gradients[place] + gradient if place in gradients else gradient


def one_or_all(several: list[Any]) -> Any:
    return several[0] if len(several) == 1 else several

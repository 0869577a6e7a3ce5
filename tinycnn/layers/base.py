"""What every layer has: parameters, a shape, one forward and one backward."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np

from tinycnn import constraints
from tinycnn.constraints import Constraint
from tinycnn.kernels import FAST, Kernels
from tinycnn.regularizers import Regularizer
from tinycnn.serialization import Configurable
from tinycnn.tensors import KerasTensor, Variable, as_tensor, check_is_one, is_symbolic
from tinycnn.utils import check_dtype, floatx, new_seed_sequence, snake_case, unique_name

Array = np.ndarray
Shape = tuple[Any, ...]  # the batch axis first, whose size is not known: (None, 28, 28, 1)


class Parameter(Variable):
    """A learned array and the gradient of the loss with respect to it, of the same shape.

    ``backward`` writes ``grad``, an optimizer writes ``value``, both in place: nobody rebinds the arrays, so
    they may be views into the two long vectors of a `ParameterVector`.
    """

    def __init__(self, name: str, value: Array, regularizer: Regularizer | None = None):
        super().__init__(name, value)
        self.grad = np.zeros_like(value)
        self.regularizer = regularizer
        self.constraint: Constraint | None = None


class ParameterVector:
    """All trainable parameters of a model, end to end in one vector, and their gradients in another.

    An optimizer sees a model as one point ``value`` in a space of many dimensions and the slope ``grad`` there;
    each `Parameter` becomes a view into both, so layers notice nothing.
    """

    def __init__(self, parameters: Sequence[Parameter]):
        self.parameters = tuple(parameters)
        ends = np.cumsum([p.value.size for p in parameters], dtype=int)
        self.slices = [slice(int(end - p.value.size), int(end)) for p, end in zip(parameters, ends, strict=True)]
        self.value = np.concatenate([p.value.ravel() for p in parameters]) if parameters else np.zeros(0, "float32")
        self.grad = np.zeros_like(self.value)
        for p, part in zip(parameters, self.slices, strict=True):
            p.value = self.value[part].reshape(p.shape)
            p.grad = self.grad[part].reshape(p.shape)


Size = int | Sequence[int]  # of a window: one number for both axes, or two


class LayerOptions(TypedDict, total=False):
    """The arguments that all layers share, see `Layer`."""

    name: str | None
    dtype: Any
    trainable: bool
    input_shape: Sequence[int] | None
    input_dim: int | None
    batch_input_shape: Sequence[int | None] | None


class KernelOptions(LayerOptions, total=False):
    """The same, and those of layers with a kernel, see `KernelLayer`."""

    kernel_constraint: constraints.Identifier
    bias_constraint: constraints.Identifier


class Setting:
    """An attribute of a layer that is checked whenever it is assigned: ``activation = Setting(activations.get)``."""

    def __init__(self, check: Callable[[Any], Any]):
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.place = f"_{name}"

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else vars(instance)[self.place]

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.place] = self.check(value)


class Layer(Configurable, ABC):
    """A function with parameters: ``y = forward(x)``, ``dx = backward(dy)``.

    Args:
        name: the layer's name; by default the class in snake case, numbered through the process as in Keras.
        dtype: "float32" (default, see `keras.backend.set_floatx`) or "float64": the type of parameters, outputs and
            gradients.
        trainable: whether ``parameters`` are offered to an optimizer.
        input_shape: shape of one sample, for the first layer of a model; the batch axis is not part of it.
        input_dim, batch_input_shape: the same, former ways to write it: a number of features; with the batch axis.

    A layer is built once for one input shape. ``forward(x, training=True)`` keeps what ``backward`` needs,
    ``backward`` uses it up; ``forward(x)`` keeps nothing and changes nothing.
    """

    computing = ("forward", "backward", "backward_parameters")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "call" in vars(cls):
            raise TypeError(
                f"{cls.__name__}: expected a layer with _build, forward and backward, received one with call. tinycnn "
                "cannot differentiate code: write both directions, as tinycnn/layers/dense.py does."
            )

    def __init__(
        self,
        *,
        name: str | None = None,
        dtype: Any = None,
        trainable: bool = True,
        input_shape: Sequence[int] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        **unsupported: Any,
    ):
        if unsupported:
            raise TypeError(
                f"{type(self).__name__}: expected the arguments of its docstring, or name, dtype, trainable or "
                f"input_shape, received {', '.join(sorted(unsupported))}. Leave out what tinycnn does not support."
            )
        self.dtype = check_dtype(type(self).__name__, floatx() if dtype is None else dtype)
        self.name = unique_name(snake_case(type(self).__name__)) if name is None else name
        self.trainable = trainable
        self.kernels: Kernels = FAST
        features = None if input_dim is None else (input_dim,)
        self.sample_shape = check_one_shape(
            type(self).__name__,
            {"input_shape": input_shape, "input_dim": features},
            {"batch_input_shape": batch_input_shape},
        )
        self.built = False
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self._parameters: dict[str, Parameter] = {}
        self._saved: tuple[Any, ...] | None = None
        self._output: KerasTensor | None = None

    # What a layer defines

    @abstractmethod
    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        """Check the input's shape, make the parameters, return the output's shape."""

    @abstractmethod
    def forward(self, x: Array, training: bool = False) -> Array:
        """The layer's output for a batch ``x``; with ``training=True``, also kept for `backward`."""

    @abstractmethod
    def backward(self, dy: Array) -> Array:
        """The gradient of the loss with respect to ``x``, given ``dy``, that with respect to the output.

        Assigns (does not add to) the ``grad`` of each parameter.
        """

    def backward_parameters(self, dy: Array) -> Any:
        """Only the gradients of the parameters: all that training needs of a model's first layer.

        Layers with a convolution or a matrix product return what their `backward` goes on with.
        """
        self.backward(dy)

    # What all layers share

    def build(self, input_shape: Sequence[int | None], rng: np.random.Generator | None = None) -> Shape:
        """Make the parameters for inputs of this shape, batch axis included, e.g. ``(None, 28, 28, 1)``.

        Returns the shape of the output. A second call with the same shape changes nothing.

        Raises:
            ValueError: the layer cannot take inputs of this shape, or is built for another one.
        """
        sizes = tuple(input_shape)[1:]
        if not all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes):
            raise ValueError(
                f"{self.name}: expected a shape such as (None, 28, 28, 1) with every size but the first known, "
                f"received {tuple(input_shape)}. Give each axis a positive size."
            )
        shape = (None, *(int(size) for size in sizes))  # type: ignore[arg-type]  # all are known, see above
        if not self.built:
            self.output_shape = self._build(shape, rng or np.random.default_rng(new_seed_sequence()))
            self.input_shape = shape
            self.built = True
        elif shape != self.input_shape:
            raise ValueError(
                f"{self.name}: expected the shape it was built for, {self.input_shape}, received {shape}. "
                "Make a new layer for inputs of another shape."
            )
        return self.output_shape

    def forget(self) -> None:
        """Drop what `forward` kept for a `backward` that will not come."""
        self._saved = None

    def unbuild(self) -> None:
        """Forget parameters and shapes, as before `build`."""
        self.built = False
        self.input_shape = self.output_shape = ()
        self._parameters = {}
        self._output = None

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        """``forward``, after ``build`` where that has not happened.

        Called on the `KerasTensor` of an `Input` or of another layer, it builds the layer and returns its own: so
        layers are connected for `Model(inputs, outputs)`.

        ``training`` is then without effect: as in Keras fit, evaluate and predict put their own in its place.
        """
        if is_symbolic(x):
            return self.connect(x)
        if not self.built:
            self.build(np.shape(x))
        return as_tensor(self.forward(x, bool(training)))

    def connect(self, x: Any) -> KerasTensor:
        """Build the layer for what will come out at ``x``, and say what then comes out of the layer."""
        check_is_one(self.name, x)
        return self._connected(self.build(x.shape), [x])

    def _connected(self, shape: Shape, inputs: Sequence[KerasTensor]) -> KerasTensor:
        """The place of the output that a call on these inputs makes."""
        output = KerasTensor(shape, self.dtype, self.name, self, inputs)
        if self._output is None:  # as in Keras, `output` is that of the first call
            self._output = output
        return output

    def __getstate__(self) -> dict[str, Any]:
        """What a copy holds: not the layers that this one is connected with."""
        return {**vars(self), "_output": None}

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters to be trained, in Keras's order; none where ``trainable`` is False."""
        return tuple(self._parameters.values()) if self.trainable else ()

    @property
    def params(self) -> dict[str, Array]:
        """The learned arrays by name, to step by hand: ``layer.params["kernel"] -= 0.1 * layer.grads["kernel"]``."""
        return {name: p.value for name, p in self._parameters.items()}

    @property
    def grads(self) -> dict[str, Array]:
        """The gradients by name, as the last ``backward`` left them."""
        return {name: p.grad for name, p in self._parameters.items()}

    @property
    def state(self) -> dict[str, Array]:
        """Arrays that training changes without a gradient, by name: batch normalization's moving statistics."""
        return {}

    @property
    def named_weights(self) -> dict[str, Array]:
        """Parameters, then state, by name: all that a file must hold."""
        return {**self.params, **self.state}

    @property
    def weights(self) -> list[Variable]:
        """The same in Keras's order, as objects with ``name``, ``shape``, ``numpy()`` and ``assign``."""
        return [*self._parameters.values(), *(Variable(name, value) for name, value in self.state.items())]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The `parameters`, as a list."""
        return list(self.parameters)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: state, and all of a frozen layer."""
        return self.weights[len(self.parameters) :]

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    @property
    def output(self) -> KerasTensor:
        """The place of the layer's output in its model, for `Model(inputs, outputs)`; for numbers call the layer.

        Raises:
            AttributeError: the layer is not connected with others: it is in no model that is built.
        """
        if self._output is None:
            raise AttributeError(
                f"{self.name}: expected a layer of a model that is built, found one by itself, which has no output "
                "yet. Start the model with Input(shape=...), or call the layer on one."
            )
        return self._output

    @property
    def input(self) -> Any:
        """The place of its input; a list of several. See `output`."""
        inputs = self.output.inputs
        return inputs[0] if len(inputs) == 1 else list(inputs)

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras's order."""
        return [value.copy() for value in self.named_weights.values()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Write arrays as `get_weights` returns them; all of them, or, where one does not fit, none.

        Raises:
            ValueError: another number of arrays, or an array of another shape.
        """
        own = self.named_weights
        if len(weights) != len(own):
            raise ValueError(
                f"{self.name}: expected {len(own)} arrays ({', '.join(own) or 'none'}), received {len(weights)}. "
                "Pass them in the order of get_weights()."
            )
        checked = [check_weight(self.name, *place, new) for place, new in zip(own.items(), weights, strict=True)]
        for value, new in zip(own.values(), checked, strict=True):
            value[...] = new

    def count_params(self) -> int:
        """The number of weights, trained and not."""
        if not self.built:
            raise RuntimeError(
                f"{self.name}: expected build(input_shape) before count_params. Without it there are no weights yet."
            )
        return sum(value.size for value in self.named_weights.values())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # For use inside the layers

    def _add_parameter(self, name: str, value: Array, regularizer: Regularizer | None = None) -> Parameter:
        self._parameters[name] = Parameter(name, value, regularizer)
        return self._parameters[name]

    def _check_input(self, x: Array) -> Array:
        """``x`` as an array of the layer's dtype, or a clear error."""
        if not self.built:
            raise RuntimeError(
                f"{self.name}: expected build(input_shape) before forward. Call layer.build({np.shape(x)}), "
                "or call the layer itself: layer(x)."
            )
        return self._as_batch(x, self.input_shape[1:], "an input")

    def _save(self, output_size: tuple[int, ...], *values: Any) -> None:
        """Keep for backward what the gradient needs, and the shape that dy must have."""
        self._saved = (output_size, *values)

    def _restore(self, dy: Array) -> tuple[Any, ...]:
        """``dy``, checked, and what `_save` kept; uses it up."""
        if self._saved is None:
            raise RuntimeError(
                f"{self.name}: expected forward(x, training=True) before backward, found nothing kept. "
                "Each backward uses up one forward; forward(x) without training=True keeps nothing."
            )
        (n, *sizes), *values = self._saved
        dy = self._as_batch(dy, tuple(sizes), "a gradient")
        if len(dy) != n:
            raise ValueError(
                f"{self.name}: expected a gradient for the {n} samples of the last forward, received {len(dy)}. "
                "Pass dy of the shape of the output."
            )
        self._saved = None
        return (dy, *values)

    def _as_batch(self, x: Array, sizes: Shape, what: str) -> Array:
        if type(x) is np.ndarray and x.dtype == self.dtype and x.shape[1:] == sizes and x.flags.carray:
            return x  # nothing to check or to convert: the layer before has made it
        given = np.asarray(x)
        if given.dtype.kind not in "fiub":
            raise TypeError(
                f"{self.name}: expected {what} of numbers, received dtype {given.dtype}. "
                "Convert it first: x.astype('float32')."
            )
        if given.ndim == 0 or given.shape[1:] != sizes:
            raise ValueError(
                f"{self.name}: expected {what} of shape {_written((None, *sizes))}, received {given.shape}. "
                + _way_to(sizes, given.shape)
            )
        # One memory layout for all: Numba compiles a kernel anew for strided and for read-only arrays.
        return np.require(given, self.dtype, ["C", "W"])


class KernelLayer(Layer):
    """A layer whose kernel and bias may be constrained: names or objects of `tinycnn.constraints`."""

    offers_options = True

    def __init__(
        self,
        *,
        kernel_constraint: constraints.Identifier = None,
        bias_constraint: constraints.Identifier = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _add_parameter(self, name: str, value: Array, regularizer: Regularizer | None = None) -> Parameter:
        parameter = super()._add_parameter(name, value, regularizer)
        parameter.constraint = {"kernel": self.kernel_constraint, "bias": self.bias_constraint}.get(name)
        return parameter


def check_sample_shape(who: str, shape: Any) -> tuple[int, ...]:
    """The shape of one sample, every size a positive whole number."""
    if not isinstance(shape, (tuple, list)) or not all(isinstance(s, (int, np.integer)) and s > 0 for s in shape):
        raise ValueError(
            f"{who}: expected the shape of one sample, all sizes positive, received {shape!r}. "
            "Write (height, width, channels) without the batch axis, e.g. (28, 28, 1)."
        )
    return tuple(int(size) for size in shape)


def check_one_shape(who: str, shapes: dict[str, Any], batch_shapes: dict[str, Any]) -> tuple[int, ...] | None:
    """The shape of one sample, written in one of several ways; None where none is given."""
    given = {name: shape for name, shape in {**shapes, **batch_shapes}.items() if shape is not None}
    if len(given) > 1:
        raise TypeError(f"{who}: expected one shape, received {' and '.join(given)}. Pass one of them.")
    for name, shape in given.items():
        is_batch = name in batch_shapes and isinstance(shape, (tuple, list))
        return check_sample_shape(who, shape[1:] if is_batch else shape)
    return None


def check_weight(layer: str, name: str, value: Array, new: Any) -> Array:
    """``new`` as an array of numbers that can be written into ``value``."""
    array = np.asarray(new)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{layer}: expected {name} of numbers, received dtype {array.dtype}. Pass arrays as get_weights() returns."
        )
    if array.shape != value.shape:
        raise ValueError(
            f"{layer}: expected {name} of shape {value.shape}, received {array.shape}. "
            "Pass the weights of layers with the same arguments."
        )
    return array


def _way_to(sizes: Shape, shape: Shape) -> str:
    """What to do with an array of another shape than (batch, *sizes)."""
    if shape == sizes:
        return "This is one sample: add the batch axis, x[None]."
    if len(shape) == 4 and shape[1:] == (*sizes[-1:], *sizes[:-1]):
        return "Channels come last: np.moveaxis(x, 1, -1)."
    if shape and math.prod(shape[1:]) == math.prod(sizes):
        return f"Reshape it: x.reshape(-1, {', '.join(map(str, sizes))})."
    return "Make a new layer for inputs of another shape."


def _written(shape: Shape) -> str:
    return "(" + ", ".join("batch" if size is None else str(size) for size in shape) + ")"

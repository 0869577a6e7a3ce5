"""Layers that make one array of several, where the branches of a model meet: `Add`, `Concatenate` and their kin."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.layers.base import Array, Layer, LayerOptions, Shape
from tinycnn.tensors import KerasTensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Merge(Layer):
    """A layer of several inputs: ``forward`` takes a list of arrays, ``backward`` returns one gradient for each.

    Raises:
        ValueError: fewer than two inputs, or shapes that do not fit each other.
    """

    def build(self, input_shape: Sequence[Any], rng: np.random.Generator | None = None) -> Shape:
        """Check the shapes of the inputs, batch axes included, e.g. ``[(None, 8), (None, 8)]``; see `Layer.build`."""
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 2 or not _are_shapes(input_shape):
            raise ValueError(
                f"{self.name}: expected two inputs or more, received {input_shape!r}. Call it on a list: "
                f"{type(self).__name__}()([a, b])."
            )
        shapes = tuple((None, *(int(size) for size in shape[1:])) for shape in input_shape)
        if self.built and shapes != self.input_shape:
            raise ValueError(
                f"{self.name}: expected the shapes it was built for, {self.input_shape}, received {shapes}. "
                "Make a new layer for inputs of other shapes."
            )
        self.output_shape = self._build(shapes, rng or np.random.default_rng())
        self.input_shape, self.built = shapes, True
        return self.output_shape

    def connect(self, x: Any) -> KerasTensor:
        if not isinstance(x, (list, tuple)) or not all(isinstance(one, KerasTensor) for one in x):
            raise TypeError(
                f"{self.name}: expected a list of inputs of a model, received {x!r}. Call it on several outputs of "
                f"layers: {type(self).__name__}()([a, b])."
            )
        return self._connected(self.build([one.shape for one in x]), x)

    def __call__(self, x: Any, training: bool | None = None) -> Any:
        if not self.built and isinstance(x, (list, tuple)) and not any(isinstance(one, KerasTensor) for one in x):
            self.build([np.shape(one) for one in x])
        return super().__call__(x, training)

    def forward(self, x: Sequence[Array], training: bool = False) -> Array:  # type: ignore[override]  # takes several
        if not self.built:
            raise RuntimeError(f"{self.name}: expected build(input_shapes) before forward. Call the layer itself.")
        if not isinstance(x, (list, tuple)) or len(x) != len(self.input_shape):
            received = len(x) if isinstance(x, (list, tuple)) else f"one {type(x).__name__}"
            raise ValueError(
                f"{self.name}: expected {len(self.input_shape)} inputs, received {received}. Pass a list of as many "
                "arrays as it was built for."
            )
        arrays = [self._as_batch(one, shape[1:], "an input") for one, shape in zip(x, self.input_shape, strict=True)]
        if len({len(array) for array in arrays}) > 1:
            raise ValueError(
                f"{self.name}: expected inputs of one batch, received {', '.join(str(len(one)) for one in arrays)} "
                "samples. Cut them alike."
            )
        y = self._merged(arrays)
        if training:
            self._save(y.shape, arrays if self._keeps_inputs else None)
        return y

    def backward(self, dy: Array) -> list[Array]:  # type: ignore[override]  # one for each
        dy, arrays = self._restore(dy)
        return self._gradients(dy, arrays)

    #: Whether the gradients depend on the inputs.
    _keeps_inputs = False

    @abstractmethod
    def _merged(self, arrays: list[Array]) -> Array:
        """The output."""

    @abstractmethod
    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        """The gradient of each input, in new arrays or in dy itself."""


class _Elementwise(Merge):
    """Inputs of one shape, or of shapes with sizes of 1 where another has more: those are repeated, as NumPy does."""

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        try:
            if len({len(shape) for shape in input_shape}) > 1:
                raise ValueError
            return (None, *np.broadcast_shapes(*(shape[1:] for shape in input_shape)))
        except ValueError:
            raise ValueError(
                f"{self.name}: expected inputs of one shape, received {', '.join(map(str, input_shape))}. "
                "Bring them to one shape with a Dense, a Conv2D of 1x1 or a Reshape."
            ) from None

    def _fitted(self, gradients: Sequence[Array]) -> list[Array]:
        """Where an input was repeated, the gradients of its copies are added up."""
        fitted = []
        for gradient, shape in zip(gradients, self.input_shape, strict=True):
            repeated = tuple(i for i, size in enumerate(shape) if size == 1 and gradient.shape[i] > 1)
            fitted.append(gradient.sum(axis=repeated, keepdims=True) if repeated else gradient)
        return fitted


class Add(_Elementwise):
    """The sum of the inputs, as where a shortcut leads past some layers.

    Math:    y = Σᵢ xᵢ    dxᵢ = dy
    Shapes:  xᵢ, y (n, …);  a size of 1 is repeated, and its gradient is the sum over the copies
    Keeps:   nothing
    Source:  He et al. 2015, arXiv:1512.03385, section 3.2
    """

    def _merged(self, arrays: list[Array]) -> Array:
        return functools.reduce(np.add, arrays)

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        return self._fitted([dy] * len(self.input_shape))


class Subtract(_Elementwise):
    """The first of two inputs less the second.

    Math:    y = x₁ − x₂    dx₁ = dy    dx₂ = −dy
    Shapes:  as `Add`
    Keeps:   nothing
    """

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(f"{self.name}: expected two inputs, received {len(input_shape)}. Use Add for more.")
        return super()._build(input_shape, rng)

    def _merged(self, arrays: list[Array]) -> Array:
        return arrays[0] - arrays[1]

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        return self._fitted([dy, -dy])


class Multiply(_Elementwise):
    """The product of the inputs.

    Math:    y = Πᵢ xᵢ    dxᵢ = dy · Πⱼ≠ᵢ xⱼ
    Shapes:  as `Add`
    Keeps:   the inputs
    Source:  as a gate for channels: Hu et al. 2017, arXiv:1709.01507, equation 4
    """

    _keeps_inputs = True

    def _merged(self, arrays: list[Array]) -> Array:
        return functools.reduce(np.multiply, arrays)

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        others = [arrays[:i] + arrays[i + 1 :] for i in range(len(arrays))]
        return self._fitted([functools.reduce(np.multiply, several, dy) for several in others])


class Average(_Elementwise):
    """The mean of the k inputs.

    Math:    y = Σᵢ xᵢ / k    dxᵢ = dy / k
    Shapes:  as `Add`
    Keeps:   nothing
    """

    def _merged(self, arrays: list[Array]) -> Array:
        return functools.reduce(np.add, arrays) / len(arrays)

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        return self._fitted([dy / len(self.input_shape)] * len(self.input_shape))


class _Extreme(_Elementwise):
    """Place by place the input that is ahead; of equal ones the first takes the gradient."""

    _keeps_inputs = True
    _value: Any
    _place: Any

    def _merged(self, arrays: list[Array]) -> Array:
        return self._value(np.stack(np.broadcast_arrays(*arrays)), axis=0)

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        winner = self._place(np.stack(np.broadcast_arrays(*arrays)), axis=0)
        return self._fitted([dy * (winner == i) for i in range(len(arrays))])


class Maximum(_Extreme):
    """The largest of the inputs, place by place; of equal ones the first takes the gradient.

    Math:    y = maxᵢ xᵢ    dxᵢ = dy where xᵢ is y, else 0
    Shapes:  as `Add`
    Keeps:   the inputs
    """

    _value, _place = staticmethod(np.max), staticmethod(np.argmax)


class Minimum(_Extreme):
    """The smallest of the inputs, place by place; of equal ones the first takes the gradient.

    Math:    y = minᵢ xᵢ    dxᵢ = dy where xᵢ is y, else 0
    Shapes:  as `Add`
    Keeps:   the inputs
    """

    _value, _place = staticmethod(np.min), staticmethod(np.argmin)


class Concatenate(Merge):
    """The inputs one after another along an axis; by default their channels side by side.

    Math:    y = [x₁, x₂, …]    dxᵢ = the part of dy where xᵢ is
    Shapes:  xᵢ (n, …, cᵢ);  y (n, …, Σᵢ cᵢ)
    Keeps:   nothing
    Source:  of channels: Szegedy et al. 2014, arXiv:1409.4842, section 4

    Args:
        axis: along which; the batch axis, 0, is not one of them.
    """

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or axis == 0:
            raise ValueError(
                f"Concatenate: expected an axis other than 0, that of the batch, received {axis!r}. Use -1 for "
                "channels."
            )
        self.axis = int(axis)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        first, rank = input_shape[0], len(input_shape[0])
        axis = self.axis % rank if -rank < self.axis < rank else 0
        others = {(len(shape), *shape[:axis], *shape[axis + 1 :]) for shape in input_shape}
        if axis == 0 or len(others) > 1:
            raise ValueError(
                f"{self.name}: expected inputs whose shapes differ along axis {self.axis} alone, received "
                f"{', '.join(map(str, input_shape))}. Bring the other axes to one size first."
            )
        return (*first[:axis], sum(shape[axis] for shape in input_shape), *first[axis + 1 :])

    def _merged(self, arrays: list[Array]) -> Array:
        return np.concatenate(arrays, self.axis)

    def _gradients(self, dy: Array, arrays: list[Array]) -> list[Array]:
        ends = np.cumsum([shape[self.axis] for shape in self.input_shape])
        return [np.ascontiguousarray(part) for part in np.split(dy, ends[:-1], self.axis)]


def add(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    """``Add(**options)(inputs)``; the functions below go the same way with the layers of their names."""
    return Add(**options)(inputs)


def subtract(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    return Subtract(**options)(inputs)


def multiply(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    return Multiply(**options)(inputs)


def average(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    return Average(**options)(inputs)


def maximum(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    return Maximum(**options)(inputs)


def minimum(inputs: Sequence[Any], **options: Unpack[LayerOptions]) -> Any:
    return Minimum(**options)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **options: Unpack[LayerOptions]) -> Any:
    return Concatenate(axis, **options)(inputs)


def _are_shapes(shapes: Sequence[Any]) -> bool:
    return all(
        isinstance(shape, (list, tuple))
        and len(shape) > 1
        and all(isinstance(size, (int, np.integer)) and size > 0 for size in shape[1:])
        for shape in shapes
    )

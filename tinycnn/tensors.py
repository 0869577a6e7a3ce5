"""What flows through a model and what it has learned, with the methods that notebooks call on both."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray


class Tensor(np.ndarray):
    """An array with ``numpy()``: what calling a model, a layer or a loss returns."""

    def __array_wrap__(self, array: Array, context: Any = None, return_scalar: bool = False) -> Any:
        return as_tensor(array)

    def __getitem__(self, place: Any) -> Any:
        return as_tensor(super().__getitem__(place))

    def numpy(self) -> Any:
        """The array itself; a NumPy number where it has no axes."""
        return self.view(np.ndarray)[()]


def as_tensor(x: Any, dtype: Any = None) -> Tensor:
    """``x`` as a `Tensor`, over the same memory where it is an array."""
    return np.asarray(x, dtype).view(Tensor)


class KerasTensor:
    """A place of a model where numbers will flow: their shape and dtype, and the layer that will put them out.

    It holds no numbers. A layer that is called on one returns the next one; `tinycnn.functional.Functional` walks back
    from the last to the first.

    Args:
        shape: the batch axis included, whose size is None.
        dtype, name: as those of arrays and layers.
        layer: whose output this is.
        inputs: the places whose numbers the layer takes; none for an input of the model.
    """

    def __init__(
        self, shape: Any, dtype: Any = "float32", name: str | None = None, layer: Any = None, inputs: Any = ()
    ):
        self.shape, self.dtype, self.name = tuple(shape), np.dtype(dtype).name, name
        self.layer, self.inputs = layer, tuple(inputs)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def _refuse(self, *others: Any) -> Any:
        raise TypeError(
            f"{self.name}: expected numbers, received the place in a model where numbers will be, of shape "
            f"{self.shape}. Call layers on it, such as Add()([a, b]) for a + b; numbers come from model.predict(x)."
        )

    __array__ = __len__ = __iter__ = __bool__ = __getitem__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _refuse
    __matmul__ = __pow__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = numpy = _refuse

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def is_symbolic(x: Any) -> bool:
    """Whether ``x`` is a `KerasTensor`, or several in a list or dict."""
    several = x.values() if isinstance(x, dict) else x if isinstance(x, (list, tuple)) else [x]
    return any(isinstance(one, KerasTensor) for one in several)


def check_is_one(who: str, x: Any) -> None:
    """Whether ``x`` is a `KerasTensor`, for what takes one input; else a TypeError."""
    if not isinstance(x, KerasTensor):
        raise TypeError(
            f"{who}: expected one input of a model, received a {type(x).__name__} of {len(x)}. Call it on the input "
            "itself; where it is to take several, bring them together first: Concatenate()([a, b])."
        )


class Variable:
    """A named array that a layer owns: ``np.asarray`` and ``numpy()`` read it, ``assign`` writes it in place."""

    def __init__(self, name: str, value: Array):
        self.name = name
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    def numpy(self) -> Array:
        """A copy of the array."""
        return self.value.copy()

    def assign(self, value: Any) -> Variable:
        """Write numbers of the same shape.

        Raises:
            ValueError: another shape.
        """
        new = np.asarray(value)
        if new.shape != self.shape:
            raise ValueError(
                f"{self.name}: expected an array of shape {self.shape}, received {new.shape}. Assign all numbers."
            )
        self.value[...] = new
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        given = self.value if dtype is None else self.value.astype(dtype, copy=False)
        return given.copy() if copy else given

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, place: Any) -> Any:
        return self.value[place]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, shape {self.shape}, {self.dtype}>"

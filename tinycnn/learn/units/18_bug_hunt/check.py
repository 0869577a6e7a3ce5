"""Unit 18. The layers are called back from the learner's process; each is tried at fresh numbers."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.layers import Activation, BatchNormalization, Conv2D, Dense, MaxPooling2D
from tinycnn.learn.rungs import Mine, Wrong, kind

Array = np.ndarray

WRONG_LAYERS = Path(__file__).parent / "wrong_layers"
CONSTANT = "dy is the same number everywhere"


@dataclass
class Judged:
    """A layer as the learner's function meets it: arguments are looked at, and the dy that come are kept."""

    forward_of: Callable[[Array], Array]
    backward_of: Callable[[Array, Array], Array]  # dx at x for dy
    x: Array
    upstream: list[Array] = field(default_factory=list)
    latest: tuple[Array, Array] | None = None

    def forward(self, x: Any) -> Array:
        if not isinstance(x, np.ndarray) or x.shape != self.x.shape:
            raise ValueError(f"forward: expected an x of shape {self.x.shape}, received {_what(x)}")
        y = self.forward_of(x.astype(np.float64))
        self.latest = x.astype(np.float64), y
        return y

    def backward(self, dy: Any) -> Array:
        if self.latest is None:
            raise ValueError("backward: expected a forward(x) before it")
        x, y = self.latest
        if not isinstance(dy, np.ndarray) or dy.shape != y.shape:
            raise ValueError(f"backward: expected a dy of shape {y.shape}, like y, received {_what(dy)}")
        self.upstream.append(dy)
        return self.backward_of(x, dy.astype(np.float64))


def _what(value: Any) -> str:
    return f"one of shape {value.shape}" if isinstance(value, np.ndarray) else kind(value)


def _verdict(mine: Mine, layer: Judged) -> bool:
    """What the learner says of it."""
    value = mine.is_right(layer.forward, layer.backward, layer.x)
    if isinstance(value, np.ndarray) and value.shape == () and value.dtype == bool:
        value = bool(value)
    if not isinstance(value, bool):
        received = f"the number {value}" if isinstance(value, (int, float)) else kind(value)
        raise Wrong(f"is_right: expected True or False, received {received}.")
    return value


def _expect(mine: Mine, due: bool, layer: Judged, what: str) -> None:
    """Raises Wrong with the reason, where it can be seen."""
    if _verdict(mine, layer) == due:
        return
    if due:
        raise Wrong(f"is_right says False of {what}, which is right.")
    if not layer.upstream:
        raise Wrong(f"is_right says True of {what}, which is wrong: it never called backward.")
    if all(np.ptp(dy) == 0 for dy in layer.upstream):
        raise Wrong(
            f"is_right says True of {what}, which is wrong. {CONSTANT[0].upper()}{CONSTANT[1:]}: draw it at random.",
            mistake=f"{CONSTANT}: L is then the sum of the outputs, and what leaves the sum as it is, is not seen",
        )
    raise Wrong(f"is_right says True of {what}, which is wrong.")


def _apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers that lie 0.1 apart from each other and from 0 at least, in any order."""
    count = int(np.prod(shape))
    numbers = (np.arange(count) - count // 2) * 0.2 + 0.1
    return rng.permutation(numbers).reshape(shape)


def _from_tinycnn(layer: Any, x: Array) -> Judged:
    """One of tinycnn's layers, in training, with other weights than those it begins with."""
    layer.kernels = REFERENCE
    layer.build((None, *x.shape[1:]))
    rng = np.random.default_rng(x.size)
    for parameter in layer.parameters:
        parameter.value[:] = rng.uniform(0.5, 1.5, parameter.value.shape) * rng.choice((-1, 1), parameter.value.shape)

    def backward(x: Array, dy: Array) -> Array:
        layer.forward(x, training=True)
        return layer.backward(dy)

    def forward(x: Array) -> Array:
        y = layer.forward(x, training=True)
        layer.forget()
        return y

    return Judged(forward, backward, x)


def _right_layers(rng: np.random.Generator) -> Iterator[tuple[str, Judged]]:
    normal = rng.standard_normal
    yield "y = x²", Judged(np.square, lambda x, dy: 2 * x * dy, normal((2, 2)))
    yield "a sum of each row", Judged(lambda x: x.sum(axis=1), lambda x, dy: np.tile(dy[:, None], 3), normal((2, 3)))
    yield "a dense layer", _from_tinycnn(Dense(3, dtype="float64"), normal((3, 3)))
    yield "a relu", _from_tinycnn(Activation("relu", dtype="float64"), _apart(rng, (3, 4)))
    yield "a softmax", _from_tinycnn(Activation("softmax", dtype="float64"), normal((2, 4)))
    yield "a batch normalization", _from_tinycnn(BatchNormalization(dtype="float64"), normal((5, 2)))
    yield "a max pooling", _from_tinycnn(MaxPooling2D((2, 2), strides=1, dtype="float64"), _apart(rng, (1, 3, 3, 2)))
    yield "a convolution", _from_tinycnn(Conv2D(2, (2, 2), dtype="float64"), normal((2, 3, 4, 2)))


def _changed(right: Judged, change: Callable[[Array], Array]) -> Judged:
    return Judged(right.forward_of, lambda x, dy: change(right.backward_of(x, dy)), right.x)


def answer(mine: Mine) -> None:
    """it answers True or False"""
    _verdict(mine, Judged(lambda x: 2 * x, lambda x, dy: 2 * dy, mine.rng.standard_normal((2, 2))))


def on_paper(mine: Mine) -> None:
    """y = 2x: dx = 2·dy is right; dx = 3·dy and dx = 0 are wrong"""
    for factor in (2, 3, 0):
        layer = Judged(lambda x: 2 * x, lambda x, dy, factor=factor: factor * dy, mine.rng.standard_normal((2, 3)))
        _expect(mine, factor == 2, layer, f"y = 2x with dx = {factor}·dy")


def right_ones(mine: Mine) -> None:
    """layers that are right: it says True of each"""
    for what, layer in _right_layers(mine.rng):
        _expect(mine, True, layer, what)


def the_folder(mine: Mine) -> None:
    """the layers in wrong_layers: it says False of each"""
    for path in sorted(WRONG_LAYERS.glob("*.py")):
        if path.name != "hunt.py":
            spec = importlib.util.spec_from_file_location(f"wrong_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
            spec.loader.exec_module(module)  # type: ignore[union-attr]
            layer = module.Layer(mine.rng)
            judged = Judged(layer.forward, lambda x, dy, layer=layer: layer.backward(dy), layer.x)
            _expect(mine, False, judged, f"wrong_layers/{path.name}")


def _one_number(dx: Array) -> Array:
    """The last number that is not zero anyway is wrong."""
    changed = dx.copy()
    place = np.flatnonzero(np.abs(dx) >= np.abs(dx).max() / 10)[-1]
    changed.flat[place] *= 0.5
    return changed


def others(mine: Mine) -> None:
    """other wrong ones: by one percent, in one number, of another sign, of another shape"""
    changes: dict[str, Callable[[Array], Array]] = {
        "whose dx is one percent too large": lambda dx: 1.01 * dx,
        "that has one wrong number": _one_number,
        "whose dx has the wrong sign": lambda dx: -dx,
        "whose dx is in the wrong order": lambda dx: np.roll(dx.ravel(), 1).reshape(dx.shape),
        "whose dx is flat, of another shape than x": lambda dx: dx.reshape(1, -1),
    }
    tried = [(True, layer, what) for what, layer in _right_layers(mine.rng)]
    for name, change in changes.items():
        tried += [(False, _changed(layer, change), f"{what} {name}") for what, layer in _right_layers(mine.rng)]
    for number in mine.rng.permutation(len(tried)):  # right ones among them, lest the order tells
        _expect(mine, *tried[number])


def of_any_size(mine: Mine) -> None:
    """layers whose numbers are very small or large"""
    for size in (1e-6, 1e-3, 1e3):
        for right in (True, False):
            what = f"y = {size:g}·x²" + ("" if right else ", with twice its dx")
            layer = Judged(
                lambda x, size=size: size * x**2,
                lambda x, dy, size=size, right=right: (2 if right else 4) * size * x * dy,
                mine.rng.uniform(0.5, 2, (2, 3)),
            )
            _expect(mine, right, layer, what)


RUNGS = (answer, on_paper, right_ones, the_folder, others, of_any_size)

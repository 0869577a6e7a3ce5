"""From arrays or generators to batches, checked once before training starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

import numpy as np

Array = np.ndarray
Batch = tuple[Array, Array | None, Array | None]  # images, labels, sample weights

MERGED_BYTES = 2**20  # of images at a time in an evaluation


class ArrayBatches:
    """Batches of arrays that fit into memory: the whole set once an epoch, in a fresh order if ``rng`` is given.

    With ``steps``, an epoch has that many batches and begins with the first, or, where ``goes_on``, where the last
    epoch ended. Without ``batch_size`` it is 32, or, as in Keras, what makes ``steps`` batches of the whole set.

    Shapes:  x (n, ...);  y (n,) or (n, classes);  sample_weight (n,)
    """

    def __init__(
        self,
        x: Array,
        y: Array | None = None,
        sample_weight: Array | None = None,
        batch_size: int | None = None,
        rng: np.random.Generator | None = None,
        steps: int | None = None,
        goes_on: bool = False,
    ):
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.batch_size = batch_size or (-(-len(x) // steps) if steps else 32)
        self.rng = rng
        batches = -(-len(x) // self.batch_size)
        self.steps: int | None = min(steps or batches, batches)
        self._endless = itertools.chain.from_iterable(iter(self._pass, None)) if steps and goes_on else None

    def epoch(self) -> Iterator[Batch]:
        return itertools.islice(self._endless or self._pass(), self.steps)

    def merged(self) -> Iterator[Batch]:
        """The same samples in the same order, several batches at a time, for what does not depend on their size."""
        n = min(len(self.x), (self.steps or 1) * self.batch_size)
        size = self.batch_size * max(1, MERGED_BYTES // max(1, self.x[: self.batch_size].nbytes))
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            yield _pick(self.x, rows), _pick(self.y, rows), _pick(self.sample_weight, rows)

    def _pass(self) -> Iterator[Batch]:
        n = len(self.x)
        order = None if self.rng is None else self.rng.permutation(n)
        for start in range(0, n, self.batch_size):
            stop = start + self.batch_size
            rows = slice(start, stop) if order is None else order[start:stop]
            yield _pick(self.x, rows), _pick(self.y, rows), _pick(self.sample_weight, rows)


def _pick(array: Any, rows: slice | Array) -> Any:
    if array is None:
        return None
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


class GeneratorBatches:
    """Batches that somebody else makes: tuples (x, y) or (x, y, sample_weight).

    A generator is read on from epoch to epoch, ``steps`` batches each; a list or another object that can be
    iterated again is started anew in every epoch where ``steps`` is None. Each batch passes through ``check``.
    """

    def __init__(self, who: str, source: Iterable[Any], steps: int | None, check: Callable[..., Batch]):
        self.who, self.source, self.steps, self.check = who, source, steps, check
        if steps is None and isinstance(source, Sized):
            self.steps = len(source)
        self._reading = iter(source) if steps is not None or iter(source) is source else None

    def epoch(self) -> Iterator[Batch]:
        reading = iter(self.source) if self._reading is None else self._reading
        number = 0
        for batch in itertools.islice(reading, self.steps):
            number += 1
            if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
                raise ValueError(
                    f"{self.who}: expected a generator of tuples (x, y) or (x, y, sample_weight), "
                    f"received {type(batch).__name__}. Yield one such tuple per batch."
                )
            x, y, sample_weight = (*batch, None)[:3]
            yield self.check(self.who, x, y, sample_weight)
        if number < (self.steps or 1):
            raise ValueError(
                f"{self.who}: expected {self.steps or 'some'} batches in an epoch, received {number}: the generator "
                "ended. Let it run on, or lower steps_per_epoch."
            )


def is_generator(x: Any) -> bool:
    """Whether ``x`` is a source of batches rather than an array or a list of numbers."""
    return not hasattr(x, "shape") and (hasattr(x, "__next__") or (hasattr(x, "__iter__") and _holds_tuples(x)))


def _holds_tuples(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return bool(x) and isinstance(x[0], tuple)
    return not isinstance(x, (str, bytes, Mapping))


def check_arrays(who: str, x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
    """Images, labels and weights as arrays of numbers and of one length, every value finite.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no images, different lengths, NaN or infinity.
    """
    arrays: list[Array | None] = []
    for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        if value is None:
            arrays.append(None)
            continue
        try:
            array = np.asarray(value)
        except ValueError as error:  # a list of lists of different lengths
            raise TypeError(
                f"{who}: expected {name} to be an array, received a {type(value).__name__} of different shapes. "
                "Bring all samples to one shape first."
            ) from error
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"{who}: expected {name} to be an array of numbers, received dtype {array.dtype}. "
                f"Convert it first: {name}.astype('float32')."
            )
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(
                f"{who}: expected at least one sample in {name}, received an array of shape {array.shape}. "
                "Look at how the data was loaded and cut."
            )
        if array.dtype.kind == "f" and not (np.isfinite(array.min()) and np.isfinite(array.max())):
            bad = np.argwhere(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
            raise ValueError(
                f"{who}: expected finite numbers in {name}, received NaN or infinity in {len(bad)} of {len(array)} "
                f"samples, the first at index {bad[0, 0]}. Remove or repair them."
            )
        arrays.append(array)
    images, labels, weights = arrays
    if images is None:
        raise ValueError(f"{who}: expected x, an array of images, received None. Pass x and y.")
    for name, other in (("labels", labels), ("sample weights", weights)):
        if other is not None and len(other) != len(images):
            raise ValueError(
                f"{who}: expected as many {name} as images, received {len(images)} images and {len(other)} {name}. "
                "Cut both alike."
            )
    if weights is not None and weights.ndim != 1:
        raise ValueError(
            f"{who}: expected sample_weight of shape ({len(images)},), received {weights.shape}. "
            "Give one weight per sample."
        )
    return images, labels, weights


def check_batch_size(who: str, batch_size: Any) -> int | None:
    """A positive whole number, or None: see `ArrayBatches`."""
    return None if batch_size is None else check_count(who, "batch_size", batch_size, "Try 32.")


def check_steps(who: str, name: str, steps: Any) -> None:
    """A positive whole number, or None for all of the data."""
    if steps is not None:
        check_count(who, name, steps, "Leave it out to take all of the data.")


def check_class_weight(who: str, class_weight: Any) -> None:
    """A dict of finite weights by class number."""
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"{who}: expected class_weight to be a dict from class to weight, received {type(class_weight).__name__}. "
            "Write {0: 1.0, 1: 2.5}."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, (int, float, np.number)) or not np.isfinite(weight) or weight < 0:
            raise ValueError(
                f"{who}: expected weights of 0 or more in class_weight, received {weight!r} for class {label!r}. "
                "Write {0: 1.0, 1: 2.5}."
            )


def check_count(who: str, name: str, value: Any, hint: str) -> int:
    """``value`` as a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{who}: expected {name} to be a positive whole number, received {value!r}. {hint}")
    return int(value)


def split_off_validation(
    x: Array, y: Array, sample_weight: Array | None, validation_split: float
) -> tuple[tuple[Array, Array, Array | None], tuple[Any, ...]]:
    """The last ``validation_split`` of the rows for validation, the others for training; no shuffling.

    Returns (x, y, sample_weight) for training and a tuple such as ``validation_data`` takes.
    """
    cut = int(np.floor(len(x) * (1 - validation_split)))
    if not 0 < validation_split < 1 or cut in (0, len(x)):
        raise ValueError(
            f"fit: expected 0 < validation_split < 1 that leaves samples on both sides, received {validation_split} "
            f"for {len(x)} samples. Try 0.2, or pass validation_data."
        )
    if sample_weight is None:
        return (x[:cut], y[:cut], None), (x[cut:], y[cut:])
    return (x[:cut], y[:cut], sample_weight[:cut]), (x[cut:], y[cut:], sample_weight[cut:])


def weights_of_classes(y: Array, class_weight: Mapping[int, float]) -> Array:
    """One weight per sample, that of its class; classes that are left out weigh 1.0.

    Shapes:  y (n,) or (n, 1) class numbers, or (n, classes) one-hot;  the result (n,) float32
    """
    classes = y.argmax(axis=-1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(int)
    weights = np.ones(len(y), "float32")
    for label, weight in class_weight.items():
        weights[classes == label] = weight
    return weights

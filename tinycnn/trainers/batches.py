"""From arrays, datasets or generators to batches, checked before anything is trained on them."""

from __future__ import annotations

import itertools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
Batch = tuple[
    Any, Any, Any
]  # images, labels, sample weights: arrays or None; tuples of several inputs' or outputs' arrays

MERGED_BYTES = 2**20  # of images at a time in an evaluation


class Batches(ABC):
    """What `fit`, `evaluate` and `predict` go through, epoch by epoch.

    Without ``steps`` an epoch is one pass through all of the data. With ``steps`` it has so many batches, and begins
    with the first, or, where ``goes_on``, with the one after the last epoch's; where the data comes to its end, the
    epoch ends with it, and the next one begins with a new pass.

    Keras:   same batches in the same epochs, same warning where an epoch ends early. A generator is read on from epoch
             to epoch; Keras's first two batches come again whenever it starts anew
    """

    def __init__(self, who: str, steps: int | None, goes_on: bool, steps_name: str):
        self.who, self.steps = who, steps
        self._asked, self._goes_on, self._steps_name = steps, goes_on, steps_name
        self._rest: Iterator[Batch] = iter(())

    @abstractmethod
    def _pass(self) -> Iterator[Batch]:
        """All batches of the data, once; of a generator those that it has not made yet."""

    def epoch(self) -> Iterator[Batch]:
        taken = 0
        for batch in itertools.islice(self._from_here(), self._asked):
            taken += 1
            yield batch
        if taken == 0:
            raise ValueError(
                f"{self.who}: expected at least one batch in an epoch, received none: the source has come to its end. "
                f"Pass {self._steps_name} that it can fill in every epoch, or batches that can be read again: arrays, "
                "a list, a keras.utils.PyDataset."
            )
        self._check_taken(taken)

    def _from_here(self) -> Iterator[Batch]:
        """The rest of the pass that the last epoch broke off; where nothing is left of it, a new one."""
        first = next(self._rest, None) if self._asked and self._goes_on else None
        if first is None:
            self._rest = self._pass()
        else:
            yield first
        for batch in self._rest:  # noqa: UP028 - "yield from" would close the rest together with this epoch
            yield batch

    def _check_taken(self, taken: int) -> None:
        if self._asked and taken < self._asked:
            warnings.warn(
                f"{self.who}: expected {self._asked} batches in an epoch, received {taken}: the data came to its end, "
                f"and the epoch with it. Lower {self._steps_name}, or let the generator run on.",
                stacklevel=4,
            )


class ArrayBatches(Batches):
    """Batches of arrays that fit into memory, in a fresh order in every pass if ``rng`` is given.

    Without ``batch_size`` it is 32, or, as in Keras, what makes ``steps`` batches of the whole set.

    Shapes:  x (n, ...);  y (n,) or (n, classes);  sample_weight (n,);  of several inputs or outputs a tuple of such
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        rng: np.random.Generator | None = None,
        steps: int | None = None,
        goes_on: bool = False,
        who: str = "batches",
        steps_name: str = "steps",
    ):
        super().__init__(who, steps, goes_on, steps_name)
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.batch_size = batch_size or (-(-length(x) // steps) if steps else 32)
        self.rng = rng
        batches = -(-length(x) // self.batch_size)
        self.steps: int | None = min(steps or batches, batches)

    def merged(self) -> Iterator[Batch]:
        """The same samples in the same order, several batches at a time, for what does not depend on their size."""
        n = min(length(self.x), (self.steps or 1) * self.batch_size)
        first = pick(self.x, slice(self.batch_size))
        bytes_of_a_batch = sum(array.nbytes for array in (first if isinstance(first, tuple) else (first,)))
        size = self.batch_size * max(1, MERGED_BYTES // max(1, bytes_of_a_batch))
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            yield pick(self.x, rows), pick(self.y, rows), pick(self.sample_weight, rows)
        self._check_taken(self.steps or 0)

    def _pass(self) -> Iterator[Batch]:
        n = length(self.x)
        order = None if self.rng is None else self.rng.permutation(n)
        for start in range(0, n, self.batch_size):
            stop = start + self.batch_size
            rows = slice(start, stop) if order is None else order[start:stop]
            yield pick(self.x, rows), pick(self.y, rows), pick(self.sample_weight, rows)


def length(x: Any) -> int:
    """The number of samples; of several arrays in a tuple that of each."""
    return len(x[0]) if isinstance(x, tuple) else len(x)


def pick(array: Any, rows: slice | Array) -> Any:
    """These samples of an array, or of each in a tuple."""
    if array is None:
        return None
    if isinstance(array, tuple):
        return tuple(pick(one, rows) for one in array)
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


class SourceBatches(Batches):
    """Batches that somebody else makes, one at a time: tuples (x, y) or (x, y, sample_weight).

    A source may be
    - read by number, as `tinycnn.utils.PyDataset`: it has ``__getitem__`` and ``__len__``. If ``rng`` is given, the
      order of its batches is another one in every pass;
    - read again and again: a list, a tf.data.Dataset, torch's DataLoader. Where its ``len()`` raises, as that of a
      filtered dataset, it is read to its end;
    - read once: a generator, which goes on from epoch to epoch.

    Its methods ``on_epoch_begin`` and ``on_epoch_end``, where it has them, are called in every epoch that is read to
    its end. Each batch passes through ``check``.
    """

    def __init__(
        self,
        who: str,
        source: Any,
        steps: int | None,
        check: Callable[..., Batch],
        rng: np.random.Generator | None = None,
        goes_on: bool = False,
        steps_name: str = "steps",
    ):
        self.source, self.check, self.rng = source, check, rng
        self.length = _length(source)
        if steps is None and is_read_once(source):
            steps = self.length
        super().__init__(who, steps, goes_on, steps_name)
        if steps is None:
            self.steps = self.length
            if _is_numbered(source) and self.length is None:
                raise ValueError(
                    f"{who}: expected {steps_name} with a source whose num_batches is None, received None. It has no "
                    "end: say how many batches to take."
                )

    def epoch(self) -> Iterator[Batch]:
        _call(self.source, "on_epoch_begin")
        yield from super().epoch()
        _call(self.source, "on_epoch_end")

    def _pass(self) -> Iterator[Batch]:
        for batch in self._batches():
            yield self.check(self.who, *self._unpacked(batch))

    def _batches(self) -> Iterable[Any]:
        self.length = _length(self.source)  # on_epoch_end may have changed it
        if not _is_numbered(self.source):
            return self.source if is_read_once(self.source) else itertools.islice(self.source, self.length)
        numbers: Iterable[int] = itertools.count() if self.length is None else range(self.length)
        if self.rng is not None and self.length is not None:
            numbers = self.rng.permutation(self.length).tolist()
        return (self.source[number] for number in numbers)

    def _unpacked(self, batch: Any) -> tuple[Any, Any, Any]:
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            raise ValueError(
                f"{self.who}: expected a generator of tuples (x, y) or (x, y, sample_weight), "
                f"received {type(batch).__name__}. Yield one such tuple per batch."
            )
        x, y, sample_weight = (*batch, None)[:3]
        return x, y, sample_weight


class InputBatches(SourceBatches):
    """The same for `predict`: batches x, (x,), (x, y) or (x, y, sample_weight), of which x is taken."""

    def _unpacked(self, batch: Any) -> tuple[Any, Any, Any]:
        if not isinstance(batch, (tuple, list)):
            return batch, None, None
        if len(batch) not in (1, 2, 3):
            raise ValueError(
                f"{self.who}: expected batches x, (x,), (x, y) or (x, y, sample_weight), received a "
                f"{type(batch).__name__} of {len(batch)}. Pass arrays of images."
            )
        return batch[0], None, None


def joined(outputs: list[Any]) -> Any:
    """The outputs of all batches, one after another: an array, or a list or dict of several outputs' arrays."""
    first = outputs[0]
    if isinstance(first, Mapping):
        return {name: np.concatenate([batch[name] for batch in outputs]) for name in first}
    if isinstance(first, list):
        return [np.concatenate(several) for several in zip(*outputs, strict=True)]
    return np.concatenate(outputs)


def only_array(x: Any, layers: Sequence[Any] = ()) -> Any:
    """The array of a list that holds nothing else, as of a model's only input; a list of one sample stays one."""
    if not isinstance(x, list) or len(x) != 1 or not hasattr(x[0], "shape") or len(x[0].shape) == 0:
        return x
    is_sample = bool(layers) and layers[0].built and len(x[0].shape) == len(layers[0].input_shape) - 1
    return x if is_sample else x[0]


def with_last_axis(x: Any, shape: Any) -> Any:
    """``x`` with a last axis of size 1 more or less, where an input of this shape asks for it and the rest fits."""
    given = tuple(x.shape)
    if len(given) == len(shape) - 1 and (*given[1:], 1) == shape[1:]:
        return x[..., None]
    if given[-1:] == (1,) and given[1:-1] == shape[1:]:
        return x[..., 0]
    return x


def is_source(x: Any) -> bool:
    """Whether ``x`` makes batches, as a dataset or a generator does; an array or a list of numbers does not."""
    if x is None or isinstance(x, (str, bytes, Mapping)) or hasattr(x, "shape") or hasattr(x, "__array__"):
        return False
    if isinstance(x, (list, tuple)):
        return bool(x) and isinstance(x[0], tuple) and bool(x[0]) and hasattr(x[0][0], "__len__")
    return is_read_once(x) or _is_numbered(x) or hasattr(x, "__iter__")


def is_read_once(source: Any) -> bool:
    """Whether a source is used up by reading it: a generator."""
    return hasattr(source, "__next__") and not _is_numbered(source)


def _is_numbered(source: Any) -> bool:
    """Whether its batches are read by their number."""
    return (
        hasattr(source, "__getitem__")
        and not isinstance(source, (list, tuple))
        and (hasattr(source, "__len__") or hasattr(source, "num_batches"))
    )


def _length(source: Any) -> int | None:
    """The number of batches; None where the source does not know it."""
    if not hasattr(source, "__len__"):
        return getattr(source, "num_batches", None)
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None


def _call(source: Any, hook: str) -> None:
    getattr(source, hook, lambda: None)()


def check_arrays(who: str, x: Any, y: Any = None, sample_weight: Any = None) -> Batch:
    """Images, labels and weights as arrays of numbers and of one length, every value finite.

    Raises:
        TypeError: values that are not numbers.
        ValueError: no images, different lengths, NaN or infinity.
    """
    images, labels, weights = (
        _each(name, value, who) for name, value in (("x", x), ("y", y), ("sample_weight", sample_weight))
    )
    if images is None:
        raise ValueError(f"{who}: expected x, an array of images, received None. Pass x and y.")
    n = length(images)
    for name, other in (("inputs", images), ("labels", labels), ("sample weights", weights)):
        for array in other if isinstance(other, tuple) else (other,):
            if array is not None and len(array) != n:
                raise ValueError(
                    f"{who}: expected as many {name} as images, received {n} images and {len(array)} {name}. "
                    "Cut both alike."
                )
    return images, labels, weights


def _each(name: str, value: Any, who: str) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(
            None if one is None and name == "sample_weight" else _checked(f"{name}[{place}]", one, who)
            for place, one in enumerate(value)
        )
    return _checked(name, value, who)


def _checked(name: str, value: Any, who: str) -> Array:
    if value is None:
        raise ValueError(f"{who}: expected {name} to be an array of numbers, received None. Pass one array for each.")
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
            + (
                "Number the classes: classes, y = np.unique(y, return_inverse=True)."
                if name.startswith("y")
                else f"Convert it first: {name}.astype('float32')."
            )
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
    return array


def check_batch_size(who: str, batch_size: Any) -> int | None:
    """A positive whole number, or None: see `ArrayBatches`."""
    return None if batch_size is None else check_count(who, "batch_size", batch_size, "Try 32.")


def check_steps(who: str, name: str, steps: Any) -> None:
    """A positive whole number, or None for all of the data."""
    if steps is not None:
        check_count(who, name, steps, "Leave it out to take all of the data.")


def check_alone(who: str, **given: Any) -> None:
    """Whether a source of batches came without what its batches must hold."""
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ValueError(
            f"{who}: expected a generator x alone, received {' and '.join(names)} with it. "
            "Yield tuples (x, y) or (x, y, sample_weight)."
        )


def check_lasts(who: str, source: Any, steps: int | None, steps_name: str, epochs: int) -> None:
    """Whether a source is not used up in the first of several epochs."""
    if epochs > 1 and steps is None and is_read_once(source) and _length(source) is None:
        raise ValueError(
            f"{who}: expected batches for {epochs} epochs, received a generator, which the first one would use up. "
            f"Pass {steps_name} with a generator that runs on, or what can be read again: arrays, a list, a "
            "keras.utils.PyDataset."
        )


def check_class_weight(who: str, class_weight: Any, sample_weight: Any, outputs: int = 1) -> None:
    """A dict of finite weights by class number, without sample weights, for a model of one output; or None."""
    if class_weight is None:
        return
    if outputs > 1:
        raise ValueError(
            f"{who}: expected class_weight with a model of one output, received it with {outputs}. Pass sample_weight, "
            "an array for each output."
        )
    if sample_weight is not None:
        raise ValueError(
            f"{who}: expected class_weight or sample_weight, received both. Multiply the first into the second."
        )
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


def check_count(who: str, name: str, value: Any, hint: str, least: int = 1) -> int:
    """``value`` as a whole number of at least 1, or 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        kind = "a positive whole number" if least else "a whole number, 0 or more"
        raise ValueError(f"{who}: expected {name} to be {kind}, received {value!r}. {hint}")
    return int(value)


def split_off_validation(
    x: Array, y: Array, sample_weight: Array | None, validation_split: float
) -> tuple[tuple[Array, Array, Array | None], tuple[Any, ...]]:
    """The last ``validation_split`` of the rows for validation, the others for training; no shuffling.

    Returns (x, y, sample_weight) for training and a tuple such as ``validation_data`` takes.
    """
    cut = int(np.floor(length(x) * (1 - validation_split)))
    if not 0 < validation_split < 1 or cut in (0, length(x)):
        raise ValueError(
            f"fit: expected 0 < validation_split < 1 that leaves samples on both sides, received {validation_split} "
            f"for {length(x)} samples. Try 0.2, or pass validation_data."
        )
    first, rest = slice(cut), slice(cut, None)
    training = pick(x, first), pick(y, first), pick(sample_weight, first)
    validation = (pick(x, rest), pick(y, rest), pick(sample_weight, rest))
    return training, validation if sample_weight is not None else validation[:2]


def weights_of_classes(y: Array, class_weight: Mapping[int, float]) -> Array:
    """One weight per sample, that of its class; classes that are left out weigh 1.0.

    Shapes:  y (n,) or (n, 1) class numbers, or (n, classes) one-hot;  the result (n,) float32;
             or class numbers of places, (n, h, w), and the result (n, h, w)
    """
    one_hot, last_axis = y.ndim == 2 and y.shape[1] > 1, y.ndim > 1 and y.shape[-1] == 1
    classes = y.argmax(axis=-1) if one_hot else (y[..., 0] if last_axis else y).astype(int)
    weights = np.ones(classes.shape, "float32")
    for label, weight in class_weight.items():
        weights[classes == label] = weight
    return weights

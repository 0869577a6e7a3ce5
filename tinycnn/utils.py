"""Seeds, the dtype of new layers, one-hot labels, batches made on demand, layer names and look-ups by name."""

from __future__ import annotations

import difflib
import functools
import itertools
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import numpy as np

__all__ = [
    "PyDataset",
    "Sequence",
    "clear_session",
    "set_random_seed",
    "to_categorical",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_root = np.random.SeedSequence()
_floatx = "float32"
_name_counts: Counter[str] = Counter()


def set_random_seed(seed: int) -> None:
    """Make everything random that is created from here on repeatable: same seed, same bits.

    Layers, models and shuffling draw from streams that are spawned from this seed. As in Keras, the global
    generators of Python and NumPy are seeded too, for the sake of user code; of tinycnn `ImageDataGenerator` alone
    draws from one of them, NumPy's, because Keras's does.

    Raises:
        TypeError: ``seed`` is not an integer.
        ValueError: ``seed`` is outside 0 … 2³²−1.
    """
    set_package_seed(seed)
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - Keras seeds it for its users


def set_package_seed(seed: int) -> None:
    """`set_random_seed` without the global generators of Python and NumPy."""
    global _root
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"set_random_seed: expected an integer, received {seed!r}. Pass a number such as 42.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: expected 0 <= seed < 2**32, received {seed}. Pass a smaller number.")
    _root = np.random.SeedSequence(int(seed))


def new_seed_sequence() -> np.random.SeedSequence:
    """The next independent stream of the package's seed (see `set_random_seed`)."""
    return _root.spawn(1)[0]


def floatx() -> str:
    """The dtype of layers that are made without one: "float32" unless `set_floatx` has said otherwise."""
    return _floatx


def set_floatx(value: Any) -> None:
    """Make layers from here on of this dtype where they are given none: "float32" or "float64".

    Raises:
        ValueError: another dtype.
    """
    global _floatx
    _floatx = check_dtype("set_floatx", value).name


def check_dtype(who: str, dtype: Any) -> np.dtype:
    """float32 or float64 as a ``np.dtype``."""
    if dtype not in ("float32", "float64", np.float32, np.float64):
        raise ValueError(f"{who}: expected dtype 'float32' or 'float64', received {dtype!r}. Use one of the two.")
    return np.dtype(dtype)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows from integer labels: label k of m classes becomes a row of m zeros with a one at k.

    Shapes:  x (...,) or (..., 1) integers -> (..., num_classes) float64, as in Keras
    Raises:  ValueError where a label is negative, not whole, or not below ``num_classes``.
    """
    labels = np.asarray(x)
    if labels.size and not np.array_equal(labels, labels.astype("int64")):
        raise ValueError(
            "to_categorical: expected whole numbers as labels, "
            f"received {labels.dtype} with fractions. Round or cast them first."
        )
    labels = labels.astype("int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: expected labels from 0 to {num_classes - 1}, received labels from "
            f"{labels.min()} to {labels.max()}. Raise num_classes or mend the labels."
        )
    return np.eye(num_classes)[labels]


class PyDataset:
    """Batches that are made when they are asked for, by their number: more data than fits into memory.

    A subclass defines ``__len__``, how many batches there are, and ``__getitem__``, batch number i: a tuple (x, y) or
    (x, y, sample_weight); for `predict` x alone will do. `fit` asks for all batches in every epoch, in an order of the
    epoch's own where it shuffles, and calls ``on_epoch_begin`` before the first and ``on_epoch_end`` after the last,
    as do `evaluate` and `predict`. Any object with these methods will do as well.

    Keras:   the same class, once called Sequence. A subclass without ``__len__`` may say by ``num_batches`` how many
             there are; None for no end. Keras calls ``on_epoch_end`` once more, before the first epoch

    Args:
        workers, use_multiprocessing, max_queue_size: accepted as in Keras, without effect here: each batch is made
            when its turn has come.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: expected a method __getitem__, found none. Define it: batch number i, (x, y)."
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None where there is no end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                f"{type(self).__name__}: expected a method __len__ or a property num_batches, found neither. "
                "Define __len__: the number of batches."
            )
        return len(self)

    def __iter__(self) -> Iterator[Any]:
        numbers = itertools.count() if self.num_batches is None else range(self.num_batches)
        return (self[number] for number in numbers)

    def on_epoch_begin(self) -> None:
        """Before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """After the last batch of an epoch."""


Sequence = PyDataset  # its name in Keras 2


def lookup(kind: str, name: object, table: Mapping[str, T]) -> T:
    """``table[name]``, or a ValueError that lists the known names and the one closest to ``name``."""
    if isinstance(name, str) and name in table:
        return table[name]
    closest = [
        known for known in table if known.lower() == str(name).lower()
    ]  # 'Relu' is nearer to 'relu' than to 'elu'
    closest = closest or difflib.get_close_matches(str(name), list(table), n=1)
    hint = f"Did you mean {closest[0]!r}?" if closest else "Use one of these."
    raise ValueError(f"{kind}: expected one of {', '.join(sorted(table))}, received {name!r}. {hint}")


# Names that Keras once had, and where their job is done now.
_FORMER_NAMES = {"lr": "learning_rate", "decay": "learning_rate"}


class NoMisspelling:
    """Assigning to an attribute that an object does not have, under a name close to one that it has, is an error.

    ``layer.trainabel = False`` would otherwise do nothing, without a word. Attributes of other names may be added, and
    an object's own methods may set whatever they like.

    Raises:
        AttributeError: names the attribute that was probably meant.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in self.__dict__ or name[0] == "_" or hasattr(type(self), name)):
            author = sys._getframe(1).f_locals  # the variables of whoever assigns
            if author.get("self") is not self and author.get("cls") is not type(self):
                self._check_spelling(name)
        object.__setattr__(self, name, value)

    def _check_spelling(self, name: str) -> None:
        settings = {key: value for cls in type(self).__mro__ for key, value in vars(cls).items() if _is_setting(value)}
        known = [key for key in {**self.__dict__, **settings} if not key.startswith("_")]
        former = [key for key in known if key == _FORMER_NAMES.get(name)]
        close = former or difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if close:
            who = self.__dict__.get("name", type(self).__name__)
            raise AttributeError(
                f"{who}: expected an attribute that {type(self).__name__} has, received {name!r}. Did you mean "
                f"{close[0]!r}? Give an attribute of your own a name that differs more."
            )


def _is_setting(value: Any) -> bool:
    """Whether an attribute of a class is there to be assigned: not a method, nor a property without a setter."""
    method = callable(value) or isinstance(value, (classmethod, staticmethod))
    return not method and not (isinstance(value, property) and value.fset is None)


_underflow_is_zero = ContextVar("underflow is zero", default=False)


def underflow_is_zero(function: F) -> F:
    """The function; in it numbers too small for their type become 0 without a word, whatever `np.seterr` says.

    exp(−200) is 0 in float32, and that is all that a softmax, or the square of a gradient, needs of it. Overflow,
    division by zero and invalid operations are left as the user has set them.
    """

    @functools.wraps(function)
    def computing(*args: Any, **kwargs: Any) -> Any:
        if _underflow_is_zero.get():  # inside another such function: np.errstate would only take its microsecond again
            return function(*args, **kwargs)
        token = _underflow_is_zero.set(True)
        try:
            with np.errstate(under="ignore"):
                return function(*args, **kwargs)
        finally:
            _underflow_is_zero.reset(token)

    return cast(F, computing)


def snake_case(name: str) -> str:
    """``MaxPooling2D`` -> ``max_pooling2d``: how Keras makes a layer's name from its class."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """``dense``, then ``dense_1``, ``dense_2``, ...: numbered through the process, as in Keras."""
    number = _name_counts[prefix]
    _name_counts[prefix] += 1
    return prefix if number == 0 else f"{prefix}_{number}"


def clear_session() -> None:
    """Start the numbering of names again: the next Dense layer is called ``dense``."""
    _name_counts.clear()

"""The base of all callbacks: a hook for each place in the training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tinycnn.files import shorten
from tinycnn.utils import NoMisspelling

Logs = dict[str, float]

TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    *TEST_BATCH_HOOKS,
    "on_predict_batch_begin",
    "on_predict_batch_end",
)
HOOKS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_test_begin",
    "on_test_end",
    "on_predict_begin",
    "on_predict_end",
    *BATCH_HOOKS,
)


class Callback(NoMisspelling):
    """Subclass it and define the hooks you need; pass objects of it to ``fit``, ``evaluate`` or ``predict``.

    Attributes:
        model: the model. Set ``self.model.stop_training = True`` to end training after the epoch, and
            ``self.model.optimizer.learning_rate = 1e-4`` to change the size of the next steps.
        params: ``{"verbose": …, "epochs": …, "steps": …}``
        state_attributes: the names of the attributes that change during training and that a training which was
            interrupted must know to go on (see `BackupAndRestore`); in a dict each with a function that says whether
            a value makes sense.

    ``logs`` is a dict: the figures so far at the end of a batch ("accuracy", "loss"), those of the epoch,
    with "val_accuracy" and "val_loss", at the end of an epoch. All callbacks of a list are handed the same
    dict, and what one adds, the next ones see. ``epoch`` and ``batch`` count from 0.
    """

    state_attributes: ClassVar[tuple[str, ...] | Mapping[str, Callable[[Any], bool]]] = ()

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """The ``state_attributes`` by name: numbers, texts, arrays, None, and lists and dicts of them."""
        return {name: getattr(self, name) for name in self.state_attributes}

    def check_state(self, state: dict[str, Any]) -> None:
        """Whether `set_state` can take up a state; changes nothing.

        Raises:
            KeyError: a name is missing.
            ValueError: a value that makes no sense.
        """
        attributes = self.state_attributes
        for name in attributes:
            value = state[name]
            if isinstance(attributes, Mapping) and not attributes[name](value):
                raise self._wrong_state(name, value)

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` returned in a training that was interrupted; called after ``on_train_begin``."""
        for name in self.state_attributes:
            setattr(self, name, state[name])

    def _wrong_state(self, name: str, value: Any) -> ValueError:
        return ValueError(
            f"{type(self).__name__}: expected a state that it had before, received {name}={shorten(repr(value), 200)}. "
            "Remove the checkpoint to train from the beginning."
        )

    def _release(self) -> None:
        """Let go of what is held while training goes on: an error has ended it, and ``on_train_end`` is not called."""

    @property
    def wants_batches(self) -> bool:
        """Whether any hook of a batch is defined; where none is, the training loop does not call them."""
        return self._defines(BATCH_HOOKS)

    @property
    def wants_test_batches(self) -> bool:
        """Whether any hook of a batch of an evaluation is; where none is, several batches are computed at a time."""
        return self.wants_batches and self._defines(TEST_BATCH_HOOKS)

    def _defines(self, hooks: tuple[str, ...]) -> bool:
        return any(getattr(type(self), hook) is not getattr(Callback, hook) or hook in vars(self) for hook in hooks)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``fit``."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """At the end of ``fit``, with the figures of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """At the beginning of an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """At the end of an epoch, validation included."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step; calls ``on_batch_begin``."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; calls ``on_batch_end``."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``evaluate``, and of validation in ``fit``."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """At the end of ``evaluate``, and of validation in ``fit``."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of ``evaluate`` or of validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of ``evaluate`` or of validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """At the beginning of ``predict``."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """At the end of ``predict``."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of ``predict``."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of ``predict``."""


def is_count(value: Any) -> bool:
    """Whether a value from a checkpoint is a whole number, as of steps."""
    return type(value) is int and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def is_number_or_none(value: Any) -> bool:
    return value is None or is_number(value)


def is_list_of(is_right: Callable[[Any], bool], value: Any) -> bool:
    return isinstance(value, list) and all(map(is_right, value))


def check_frequency(who: str, name: str, value: Any) -> str | int:
    """How often a callback acts: "epoch", or after a positive number of batches."""
    if value == "epoch":
        return "epoch"
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"{who}: expected {name} to be 'epoch' or a positive number of batches, received {value!r}. "
            "Leave it out for once an epoch."
        )
    return value

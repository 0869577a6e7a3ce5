"""What the parts of the training command share: names, and how it ends early."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

PROG = "python -m tinycnn.train"
EPOCHS = {"mnist": 10, "digits": 40}
DATA = {"mnist": "MNIST", "digits": "the bundled digits"}
MODELS = {
    "plain": "Plain model",
    "dropout": "Model with dropout",
    "batch_normalization": "Model with batch normalization",
}
FILES = (
    "history.json",
    "history.csv",
    "curves.png",
    "model.weights.h5",
    "kernels.png",
    "misclassified.png",
    "config.json",
)
CHECKPOINT = "checkpoint.npz"
LOCK = ".lock"  # there while a process works on the folder
PARTS = ("training", "validation", "test")
FIGURES = ("accuracy", "loss", "val_accuracy", "val_loss")
LARGEST_CONFIG = 2**20  # characters
LARGEST_COUNT = 2**31 - 1


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value <= LARGEST_COUNT


# What is read when a run goes on: each setting's name in config.json, and whether a value makes sense.
SETTINGS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: isinstance(value, str),
    "arguments": lambda value: isinstance(value, dict),
    "model": lambda value: isinstance(value, str) and value in MODELS,
    "data": lambda value: isinstance(value, str) and value in DATA,
    "images": lambda value: (
        isinstance(value, dict) and value.keys() == set(PARTS) and all(map(_is_count, value.values()))
    ),
    "epochs": _is_count,
    "batch_size": _is_count,
    "learning_rate": lambda value: isinstance(value, float) and 0 < value < math.inf,
    "seed": lambda value: type(value) is int and 0 <= value < 2**32,
    "subset": lambda value: value is None or _is_count(value),
    "kernels": lambda value: value in ("fast", "reference"),
}
# The same of what need not be there.
NOTES: dict[str, Callable[[Any], bool]] = {
    "resumed": lambda value: isinstance(value, list),
}


class ExitError(Exception):
    """The run ends early, as can happen without a mistake in the program: an exit code, and a line that says why."""

    def __init__(self, line: str, code: int = 1):
        super().__init__(line)
        self.code = code


def one_line(error: object) -> str:
    return " ".join(str(error).split())


def reason(error: OSError) -> str:
    return error.strerror or one_line(error)

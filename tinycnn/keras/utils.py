"""Keras's name for `tinycnn.utils`, and what else programs look for here."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinycnn.preprocessing.image import array_to_img, img_to_array, load_img
from tinycnn.utils import PyDataset, Sequence, clear_session, set_random_seed, to_categorical

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "img_to_array",
    "load_img",
    "normalize",
    "plot_model",
    "set_random_seed",
    "to_categorical",
]


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Every vector along an axis divided by its norm (Σ|x|^order)^(1/order); zeros stay zeros."""
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return np.asarray(x) / np.where(norm == 0, 1, norm)


def plot_model(model: Any, to_file: str = "model.png", *_: Any, **__: Any) -> None:
    """tinycnn draws no diagrams: this says where one comes from, and the program goes on."""
    warnings.warn(
        f"plot_model: expected a program that draws, received {to_file!r} for tinycnn, which has none: no file was "
        "written. model.summary() prints the layers; tinycnn.export_onnx(model, 'model.onnx') writes a file that "
        "https://netron.app draws.",
        stacklevel=2,
    )

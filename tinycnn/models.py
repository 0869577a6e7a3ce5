"""The notebook's three models: a small CNN for 28x28 digits, alone, with dropout, and with batch normalization.

A fourth has both dropout and batch normalization, which the notebook does not try.
"""

from __future__ import annotations

import copy
from typing import TypeVar

from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from tinycnn.model import Model
from tinycnn.saving import load_model, save_model
from tinycnn.saving.architecture import model_from_json
from tinycnn.sequential import Sequential

__all__ = [
    "Model",
    "Sequential",
    "batch_normalization",
    "clone_model",
    "dropout",
    "dropout_and_batch_normalization",
    "load_model",
    "model_from_json",
    "plain",
    "save_model",
]

ModelT = TypeVar("ModelT", bound=Model)


def clone_model(model: ModelT) -> ModelT:
    """A model of the same layers and names with new weights, compiled as the first is."""
    clone = type(model).from_config(model.get_config())
    if model.compiled:
        optimizer, loss = model.optimizer, copy.deepcopy(model.loss)
        plain, weighted = copy.deepcopy(model._figures.identifiers)
        clone.compile(
            type(optimizer).from_config(optimizer.get_config()),
            getattr(loss, "losses", loss),
            loss_weights=getattr(loss, "loss_weights", None),
            metrics=plain,
            weighted_metrics=weighted,
            kernels=optimizer.kernels,
        )
    return clone


def plain() -> Sequential:
    """Two convolutions, each with a pooling, then two dense layers: 121,930 parameters.

    Shapes:  x (n, 28, 28, 1), pixels from 0 to 1;  y (n, 10), the probability of each digit
    """
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D((2, 2)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(Dense(10, activation="softmax"))
    return model


def dropout() -> Sequential:
    """`plain` with dropout behind each pooling and behind the dense layer: 121,930 parameters.

    Shapes:  x (n, 28, 28, 1), pixels from 0 to 1;  y (n, 10), the probability of each digit
    """
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    return model


def batch_normalization() -> Sequential:
    """`plain` with batch normalization behind each relu: 122,570 parameters, 320 of them moving statistics.

    Shapes:  x (n, 28, 28, 1), pixels from 0 to 1;  y (n, 10), the probability of each digit
    """
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(BatchNormalization())
    model.add(MaxPooling2D((2, 2)))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(BatchNormalization())
    model.add(MaxPooling2D((2, 2)))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(BatchNormalization())
    model.add(Dense(10, activation="softmax"))
    return model


def dropout_and_batch_normalization() -> Sequential:
    """`plain` with batch normalization where that model has it and dropout where that one has it: 122,570 parameters.

    Shapes:  x (n, 28, 28, 1), pixels from 0 to 1;  y (n, 10), the probability of each digit
    """
    model = Sequential()
    model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)))
    model.add(BatchNormalization())
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Conv2D(64, (3, 3), activation="relu"))
    model.add(BatchNormalization())
    model.add(MaxPooling2D((2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(BatchNormalization())
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    return model

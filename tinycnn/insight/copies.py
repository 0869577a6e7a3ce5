"""Copies of layers and models to try things on: whatever happens to a copy, the original does not notice."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinycnn.layers import Layer
    from tinycnn.model import Model


def copy_layer(layer: Layer, dtype: Any = None) -> Any:
    """A layer with the same weights, statistics and random stream, and the same kernels.

    Nothing is kept in it for a backward. With ``dtype``, "float32" or "float64", its arrays and its results have that
    type.
    """
    twin: Any = copy.deepcopy(layer)
    twin.forget()
    return twin if dtype is None else _cast(twin, dtype)


def _cast(twin: Any, dtype: Any) -> Any:
    if twin.dtype == dtype:
        return twin
    before, twin.dtype = twin.dtype, np.dtype(dtype)
    for name, value in vars(twin).items():
        if isinstance(value, np.ndarray) and value.dtype == before:
            setattr(twin, name, value.astype(twin.dtype))
    for parameter in twin._parameters.values():
        parameter.value = parameter.value.astype(twin.dtype)
        parameter.grad = np.zeros_like(parameter.value)
    return twin


def copy_model(model: Model, dtype: Any = None) -> Any:
    """A model of copied layers, with copies of the optimizer, the metrics and all random streams; the loss is shared.

    ``dtype`` as in `copy_layer`; the optimizer keeps the type of its slots.
    """
    twin: Any = copy.deepcopy(model, {id(model.loss): model.loss, id(model.history): None})
    for layer in twin.layers:
        layer.forget()
        if dtype is not None:
            _cast(layer, dtype)
    return twin


def fresh_optimizer(optimizer: Any) -> Any:
    """An optimizer of the same settings and kernels that has made no step."""
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.kernels = optimizer.kernels
    return fresh

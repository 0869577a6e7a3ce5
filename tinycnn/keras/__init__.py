"""Keras's names for tinycnn's modules: this folder holds names only, nothing is defined here.

In a notebook's import lines, ``tensorflow`` becomes ``tinycnn`` and the rest stays::

    import tinycnn as tensorflow
    from tinycnn import keras
    from tinycnn.keras.layers import Conv2D
"""

from tinycnn.keras import (
    activations,
    backend,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    preprocessing,
    regularizers,
    saving,
    utils,
)
from tinycnn.layers import Input, Layer
from tinycnn.model import Model
from tinycnn.sequential import Sequential

__all__ = [
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "activations",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "preprocessing",
    "regularizers",
    "saving",
    "utils",
]

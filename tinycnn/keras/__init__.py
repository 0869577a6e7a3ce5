"""Keras's names for tinycnn's modules: this folder holds names and thin adapters, nothing that the others need.

In a notebook's import lines, ``keras`` becomes ``tinycnn.keras`` and ``tensorflow`` becomes ``tinycnn.tensorflow``; the
rest stays::

    from tinycnn import keras
    from tinycnn.keras.layers import Conv2D

``__version__`` is that of the Keras whose behaviour is reproduced, for programs that ask; `tinycnn.__version__` is
tinycnn's own.
"""

from tinycnn.keras import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)
from tinycnn.layers import Input, Layer
from tinycnn.model import Model
from tinycnn.sequential import Sequential

__version__ = "3.15.1"

__all__ = [
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "utils",
]

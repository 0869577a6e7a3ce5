"""Keras's names for tinycnn's modules; nothing is defined here.

In a notebook's import lines, ``tensorflow`` becomes ``tinycnn`` and the rest stays::

    import tinycnn as tensorflow
    from tinycnn import keras
    from tinycnn.keras.layers import Conv2D
"""

import sys

from tinycnn import (
    activations,
    callbacks,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from tinycnn import utils as backend  # for keras.backend.clear_session()
from tinycnn.datasets import digits, mnist
from tinycnn.layers import Input, Layer
from tinycnn.sequential import Sequential

# ``from tinycnn.keras.layers import Dense`` looks for a module of that name: it is the real one.
for _module in (
    activations, callbacks, datasets, digits, initializers, layers, losses, metrics, mnist, models, optimizers,
    regularizers, saving, utils,
):  # fmt: skip
    sys.modules[_module.__name__.replace("tinycnn", __name__, 1)] = _module
sys.modules[f"{__name__}.backend"] = backend

__all__ = [
    "Input",
    "Layer",
    "Sequential",
    "activations",
    "backend",
    "callbacks",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "utils",
]

"""Optimizers: how weights follow their gradients. Start with `sgd`, then `adam`.

An optimizer sees a model as one long vector of weights and one of gradients (`ParameterVector`). Each has its settings
and its rule in a file of its own; the rules that have fast twins are in kernels/optimizers.py.
"""

from collections.abc import Mapping
from typing import Any

from tinycnn.optimizers.adadelta import Adadelta
from tinycnn.optimizers.adagrad import Adagrad
from tinycnn.optimizers.adam import Adam, AdamW
from tinycnn.optimizers.adamax import Adamax
from tinycnn.optimizers.nadam import Nadam
from tinycnn.optimizers.optimizer import Optimizer
from tinycnn.optimizers.rmsprop import RMSprop
from tinycnn.optimizers.sgd import SGD
from tinycnn.serialization import deserialize
from tinycnn.utils import lookup

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
]

_CLASSES: tuple[type[SGD | RMSprop | Adam | Adadelta | Adagrad | Adamax | Nadam], ...]
_CLASSES = (SGD, RMSprop, Adam, AdamW, Adadelta, Adagrad, Adamax, Nadam)
_TABLE = {cls.__name__.lower(): cls for cls in _CLASSES}

#: What `get` takes, and so every argument that names an optimizer.
Identifier = str | Optimizer | Mapping[str, Any]


def get(identifier: Identifier) -> Optimizer:
    """An optimizer from a name ("adam", "RMSprop", … in any case), an object, or a dict of `serialize`.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return lookup("optimizer", identifier.lower(), _TABLE)()
    if isinstance(identifier, Mapping):
        return deserialize("optimizer", identifier, _TABLE)
    raise TypeError(
        f"optimizer: expected a name or an Optimizer, received {identifier!r}. Pass for example 'adam' or Adam(0.001)."
    )

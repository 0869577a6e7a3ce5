"""Activations and losses under the names of ``tf.nn``. Layers take the former: ``Dense(8, activation=tf.nn.relu)``."""

from __future__ import annotations

from typing import Any

from tinycnn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)
from tinycnn.losses import categorical_crossentropy, sparse_categorical_crossentropy
from tinycnn.tensors import Tensor, as_tensor

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
]


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Tensor:
    """The loss of each sample from the number of its class."""
    return as_tensor(sparse_categorical_crossentropy(labels, logits, from_logits=True))


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Tensor:
    """The loss of each sample from its one-hot row."""
    return as_tensor(categorical_crossentropy(labels, logits, from_logits=True, axis=axis))

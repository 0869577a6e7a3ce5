"""A leaky ReLU that learns its slopes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn import constraints, initializers, regularizers
from tinycnn.layers.axes import sample_axes
from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class PReLU(Layer):
    """y = x where x > 0, else alpha·x, with a slope alpha for each place of a sample, which is learned.

    Math:    y = max(x, 0) + alpha·min(x, 0)
             dx = dy where x > 0, alpha·dy where x < 0, else 0
             dalpha = Σ dy·min(x, 0), over the samples and the places that share an alpha
    Shapes:  x, y (n, ...);  alpha: the shape of a sample, with 1 for each of ``shared_axes``
    Keeps:   x
    Source:  He, Zhang, Ren & Sun 2015, arXiv:1502.01852
    Keras:   same arguments, defaults and weights

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: names or objects.
        shared_axes: the axes along which all places have one alpha: [1, 2] of images leaves one for each channel.
    """

    def __init__(
        self,
        alpha_initializer: initializers.Identifier = "Zeros",
        alpha_regularizer: regularizers.Identifier = None,
        alpha_constraint: constraints.Identifier = None,
        shared_axes: int | Sequence[int] | None = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        several = shared_axes is None or isinstance(shared_axes, (tuple, list))
        self.shared_axes = shared_axes if several else [shared_axes]

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shared = sample_axes(self.name, self.shared_axes, input_shape) if self.shared_axes else ()
        shape = tuple(1 if a in shared else size for a, size in enumerate(input_shape) if a > 0)
        self.alpha = self._add_parameter(
            "alpha", self.alpha_initializer(shape, rng, self.dtype), self.alpha_regularizer
        )
        self.alpha.constraint = self.alpha_constraint
        self._summed = (0, *shared)
        return input_shape

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        if training:
            self._save(x.shape, x)
        return np.maximum(x, 0) + self.alpha.value * np.minimum(x, 0)

    def backward(self, dy: Array) -> Array:
        dy, x = self._restore(dy)
        self.alpha.grad[...] = (dy * np.minimum(x, 0)).sum(self._summed, keepdims=True)[0]
        return np.where(x > 0, dy, np.where(x < 0, self.alpha.value * dy, 0))

"""Normalization of each sample on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinycnn import initializers
from tinycnn.layers.axes import sample_axes
from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class LayerNormalization(Layer):
    """Normalise each sample to zero mean and unit variance along an axis or several, then scale and shift.

    Unlike `BatchNormalization` it knows no other samples, keeps no averages, and does in training what it does in
    inference. By default, in images, each pixel's channels are normalised.

    Math (per sample and place, m values along the axes):
        μ = Σx/m    σ² = Σ(x−μ)²/m    x̂ = (x−μ)/√(σ²+ε)    y = γx̂ + β
        dγ = Σ dy·x̂    dβ = Σ dy    dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))/√(σ²+ε) with dx̂ = γ·dy
    Shapes:  x, y (n, ...);  gamma, beta: the sizes of the axes
    Keeps:   x̂ and √(σ²+ε)
    Source:  Ba, Kiros & Hinton 2016, arXiv:1607.06450
    Keras:   same arguments, defaults and weights

    Args:
        axis: the axis or axes along which is normalised, and whose places have a γ and a β of their own.
        epsilon: added to the variance, under the root.
        center: whether β is added and learned.
        scale: whether γ is multiplied and learned.
        beta_initializer, gamma_initializer: names or objects.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: initializers.Identifier = "zeros",
        gamma_initializer: initializers.Identifier = "ones",
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        if epsilon < 0:
            raise ValueError(
                f"{type(self).__name__}: expected epsilon >= 0, received {epsilon!r}. Keras's default is 0.001."
            )
        self.axis = axis
        self.epsilon = float(epsilon)
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        axes = sample_axes(self.name, self.axis, input_shape)
        self._add_gamma_and_beta(axes, input_shape, rng)
        self.grouped, self.axes = input_shape[1:], axes
        return input_shape

    def _add_gamma_and_beta(self, axes: tuple[int, ...], input_shape: Shape, rng: np.random.Generator) -> None:
        sizes = tuple(input_shape[a] for a in axes)
        if self.scale:
            self.gamma = self._add_parameter("gamma", self.gamma_initializer(sizes, rng, self.dtype))
        if self.center:
            self.beta = self._add_parameter("beta", self.beta_initializer(sizes, rng, self.dtype))
        self._shared = tuple(a for a in range(len(input_shape)) if a not in axes)  # by γ and β

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        groups = x.reshape(-1, *self.grouped)
        centred = groups - groups.mean(self.axes, dtype=np.float64, keepdims=True)
        deviation = np.sqrt(np.square(centred).mean(self.axes, keepdims=True) + self.epsilon)
        normalised = (centred / deviation).astype(self.dtype).reshape(x.shape)
        if training:
            self._save(x.shape, normalised, deviation)
        gamma, beta = self.gamma_and_beta()
        return gamma * normalised + beta

    def backward(self, dy: Array) -> Array:
        dy, normalised, deviation = self._restore(dy)
        if self.scale:
            self.gamma.grad[...] = (dy * normalised).sum(self._shared)
        if self.center:
            self.beta.grad[...] = dy.sum(self._shared)
        gamma, _ = self.gamma_and_beta()
        change = (gamma * dy).reshape(-1, *self.grouped)
        groups = normalised.reshape(change.shape)
        constant = change.mean(self.axes, dtype=np.float64, keepdims=True)
        along = (change * groups).mean(self.axes, dtype=np.float64, keepdims=True)
        return ((change - constant - groups * along) / deviation).astype(self.dtype).reshape(dy.shape)

    def gamma_and_beta(self) -> tuple[Array, Array]:
        """With an axis of size 1 for each that they lack; ones and zeros where they are not learned."""
        shape = [1 if a in self._shared else size for a, size in enumerate(self.input_shape)]
        return (
            self.gamma.value.reshape(shape) if self.scale else np.ones(shape, self.dtype),
            self.beta.value.reshape(shape) if self.center else np.zeros(shape, self.dtype),
        )

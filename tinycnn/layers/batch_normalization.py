"""Batch normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn import initializers
from tinycnn.layers.base import Array, Layer, LayerOptions, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class BatchNormalization(Layer):
    """Normalise each channel of a batch to zero mean and unit variance, then scale and shift.

    In training the statistics are the batch's own, and a running average of them is kept; in inference that
    average is used, so an image's result does not depend on its neighbours.

    Math (per channel, m = n·h·w values):
        training:   μ = Σx/m    σ² = Σ(x−μ)²/m    x̂ = (x−μ)/√(σ²+ε)    y = γx̂ + β
                    moving_mean ← momentum·moving_mean + (1−momentum)·μ, moving_variance likewise with σ²
        inference:  y = γ(x − moving_mean)/√(moving_variance + ε) + β
        dx = γ/√(σ²+ε) · (dy − mean(dy) − x̂·mean(dy·x̂))    dγ = Σ dy·x̂    dβ = Σ dy
    Shapes:  x, y (n, h, w, c) or (n, c);  gamma, beta, moving_mean, moving_variance (c,)
    Keeps:   x, μ and σ²
    Numbers: float32 against float64, largest error as a share of the largest number: 5e-7. Where the mean is 1,000
             times the deviation, 5e-5 for y and dx, and 10,000 times, 5e-4: μ is rounded to float32, and half a last
             digit of 1,000 is 3e-5. dγ is then off by as much of Σdy. A channel that is constant gives y = β; so does
             a batch of one row, for which dx is 0, and nothing is learned but β
    Source:  Ioffe & Szegedy 2015, Algorithms 1 and 2, arXiv:1502.03167
    Keras:   same arguments and defaults, the last axis only; the moving variance is the biased one, as σ² itself.
             Frozen (``trainable=False``), the layer normalises by its moving statistics in training too

    The moving averages start at 0 and 1 and forget slowly: after n steps the start still weighs momentumⁿ, at 0.99
    37 % after 100 steps. That is why a young model can do well in training and badly in inference.

    Args:
        axis: the channels' axis; only the last one is supported.
        momentum: weight of the past in the moving averages, per step.
        epsilon: added to the variance, under the root.
        center: whether β is added and learned.
        scale: whether γ is multiplied and learned.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: names or objects.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: initializers.Identifier = "zeros",
        gamma_initializer: initializers.Identifier = "ones",
        moving_mean_initializer: initializers.Identifier = "zeros",
        moving_variance_initializer: initializers.Identifier = "ones",
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        if not 0 <= momentum <= 1:
            raise ValueError(
                f"BatchNormalization: expected a momentum from 0 to 1, received {momentum!r}. Keras's default is 0.99."
            )
        if epsilon < 0:
            raise ValueError(f"BatchNormalization: expected epsilon >= 0, received {epsilon!r}. Keras's is 0.001.")
        self.axis = axis
        self.momentum, self.epsilon = float(momentum), float(epsilon)
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) < 2 or self.axis not in (-1, len(input_shape) - 1):
            raise ValueError(
                f"{self.name}: expected axis=-1, the channels last, received axis={self.axis} for inputs of "
                f"{len(input_shape)} axes. Move the channels to the end."
            )
        channels = (input_shape[-1],)
        if self.scale:
            self.gamma = self._add_parameter("gamma", self.gamma_initializer(channels, rng, self.dtype))
        if self.center:
            self.beta = self._add_parameter("beta", self.beta_initializer(channels, rng, self.dtype))
        self.moving_mean = self.moving_mean_initializer(channels, rng, self.dtype)
        self.moving_variance = self.moving_variance_initializer(channels, rng, self.dtype)
        return input_shape

    @property
    def state(self) -> dict[str, Array]:
        return {"moving_mean": self.moving_mean, "moving_variance": self.moving_variance} if self.built else {}

    def forward(self, x: Array, training: bool = False) -> Array:
        x = self._check_input(x)
        rows = x.reshape(-1, x.shape[-1])  # (m, c): one row per pixel
        gamma, beta = self._gamma_and_beta()
        if training and self.trainable:
            y, mean, variance = self.kernels.batch_normalization_forward(rows, gamma, beta, self.epsilon)
            self.update_moving_statistics(mean, variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
            y = self.kernels.batch_normalization_inference(rows, gamma, beta, mean, variance, self.epsilon)
        if training:
            self._save(x.shape, rows, mean, variance)
        return y.reshape(x.shape)

    def backward(self, dy: Array) -> Array:
        dy, rows, mean, variance = self._restore(dy)
        gamma, _ = self._gamma_and_beta()
        dy_rows = dy.reshape(rows.shape)
        dx, dgamma, dbeta = self.kernels.batch_normalization_backward(
            dy_rows, rows, gamma, mean, variance, self.epsilon
        )
        if not self.trainable:  # the statistics were constants: dx lacks the terms that come from them
            dx = dy_rows * (gamma / np.sqrt(variance + self.dtype.type(self.epsilon)))
        if self.scale:
            self.gamma.grad[...] = dgamma
        if self.center:
            self.beta.grad[...] = dbeta
        return dx.reshape(dy.shape)

    def update_moving_statistics(self, mean: Array, variance: Array) -> None:
        """moving ← momentum·moving + (1 − momentum)·batch"""
        self.moving_mean += (1 - self.momentum) * (mean - self.moving_mean)
        self.moving_variance += (1 - self.momentum) * (variance - self.moving_variance)

    def _gamma_and_beta(self) -> tuple[Array, Array]:
        channels = self.moving_mean.shape
        return (
            self.gamma.value if self.scale else np.ones(channels, self.dtype),
            self.beta.value if self.center else np.zeros(channels, self.dtype),
        )

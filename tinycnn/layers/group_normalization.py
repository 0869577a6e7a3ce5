"""Normalization of groups of channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tinycnn import initializers
from tinycnn.layers.base import LayerOptions, Shape
from tinycnn.layers.layer_normalization import LayerNormalization

if TYPE_CHECKING:
    from typing_extensions import Unpack


class GroupNormalization(LayerNormalization):
    """Normalise each group of neighbouring channels of each sample, over all its pixels; then scale and shift.

    With one group a sample is normalised as a whole, with a group for each channel (-1) each map on its own ("instance
    normalization").

    Math:    that of `LayerNormalization`, over the h·w·c/groups values of a group of a sample
    Shapes:  x, y (n, ..., c);  gamma, beta (c,)
    Keeps:   x̂ and √(σ²+ε)
    Source:  Wu & He 2018, arXiv:1803.08494
    Keras:   same arguments, defaults and weights, the last axis only

    Args:
        groups: number of groups, which divides the number of channels; -1 for as many as channels.
        axis: the channels' axis; only the last one is supported.
        epsilon: added to the variance, under the root.
        center: whether β is added and learned.
        scale: whether γ is multiplied and learned.
        beta_initializer, gamma_initializer: names or objects.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: initializers.Identifier = "zeros",
        gamma_initializer: initializers.Identifier = "ones",
        **options: Unpack[LayerOptions],
    ):
        super().__init__(axis, epsilon, center, scale, beta_initializer, gamma_initializer, **options)
        if not isinstance(groups, (int, np.integer)) or (groups < 1 and groups != -1):
            raise ValueError(
                f"GroupNormalization: expected groups to be a positive whole number or -1, received {groups!r}. "
                "Use -1 to make a group of each channel, or try 8."
            )
        self.groups = int(groups)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        *pixels, channels = input_shape[1:] or (0,)
        groups = channels if self.groups == -1 else self.groups
        if self.axis not in (-1, len(input_shape) - 1) or not channels:
            raise ValueError(
                f"{self.name}: expected axis=-1, the channels last, received axis={self.axis} for inputs of "
                f"{len(input_shape)} axes. Move the channels to the end."
            )
        if channels % groups:
            raise ValueError(
                f"{self.name}: expected groups that divide the {channels} channels, received groups={groups}. "
                f"Pass for example groups={math.gcd(groups, channels)}."
            )
        self._add_gamma_and_beta((len(pixels) + 1,), input_shape, rng)
        self.grouped, self.axes = (math.prod(pixels), groups, channels // groups), (1, 3)
        return input_shape

"""Layers that follow each other, computed in one pass over the images: the same numbers, fewer trips to memory.

`Sequential.fit`, `evaluate` and `predict` go through the steps that `fused_steps` returns: a layer, or in place of
several layers a fused step that borrows them. A step has a layer's ``forward``, ``backward`` and
``backward_parameters``; it reads the layers' parameters and writes their gradients and moving statistics, just as
they would. Where a layer was changed meanwhile, so that the pattern does not fit any more, the layers work by
themselves again. They know nothing of it, and ``model.forward`` and ``model.backward`` go layer by layer. Each pattern
is a class below and a file of kernels; without them everything works, slower.

Source:  the idea of fusing by pattern: Chen et al. 2018, arXiv:1802.04799, section 3
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinycnn.kernels import FAST
from tinycnn.layers import BatchNormalization, Conv2D, Layer, MaxPooling2D
from tinycnn.layers.windows import crop, pad

Array = np.ndarray

_CONVOLUTION = ("conv2d_forward", "conv2d_backward_parameters", "conv2d_backward_input", "activations")
_NORMALIZATION = ("batch_normalization_forward", "batch_normalization_inference", "batch_normalization_backward")
_POOLING = ("max_pooling2d_forward", "max_pooling2d_backward")

FEWEST_IMAGES = 4  # below, the layers' own kernels share out the rows of an image among the threads


class FusedStep(ABC):
    """Several layers as one, with the layers' own forward and backward as the other way."""

    kernels_name: str  # of the file in `Kernels.fused` with forward, inference and backward
    stands_for: tuple[str, ...]  # the kernels that it does the work of

    def __init__(self, layers: Sequence[Layer]):
        self.layers = tuple(layers)
        self.saved: tuple[Any, ...] | None = None

    @staticmethod
    @abstractmethod
    def matches(layers: Sequence[Layer]) -> bool:
        """Whether a chain of layers begins with this pattern."""

    @abstractmethod
    def fused_forward(self, kernels: Any, x: Array, training: bool) -> Array:
        """The last layer's output; in training, with what backward needs in ``saved``."""

    @abstractmethod
    def fused_backward(self, kernels: Any, dy: Array, saved: tuple[Any, ...], input_gradient: bool) -> Array:
        """The gradient of x, which is empty without ``input_gradient``; assigns the gradients of all parameters."""

    def forward(self, x: Array, training: bool = False) -> Array:
        if training:
            self.saved = None
        kernels = self.layers[0].kernels.fused.get(self.kernels_name)
        if kernels is not None and len(x) >= FEWEST_IMAGES and self._fits():
            return self.fused_forward(kernels, x, training)
        return forward_through(self.layers, x, training)

    def _fits(self) -> bool:
        """Whether layers and kernels are still what the fused step stands for: a user may have set any of these."""
        kernels = self.layers[0].kernels
        return (
            self.matches(self.layers)
            and all(
                layer.trainable and layer.kernels is kernels and "forward" not in vars(layer) for layer in self.layers
            )
            and (kernels is FAST or all(getattr(kernels, name) is getattr(FAST, name) for name in self.stands_for))
        )

    def backward(self, dy: Array) -> Array:
        return self._backward(dy, input_gradient=True)

    def backward_parameters(self, dy: Array) -> None:
        self._backward(dy, input_gradient=False)

    def _backward(self, dy: Array, input_gradient: bool) -> Any:
        if self.saved is None:  # forward went layer by layer
            return backward_through(self.layers, dy, input_gradient)
        kernels = self.layers[0].kernels.fused[self.kernels_name]
        saved, self.saved = self.saved, None
        return self.fused_backward(kernels, np.ascontiguousarray(dy), saved, input_gradient)

    def forget(self) -> None:
        self.saved = None
        for layer in self.layers:
            layer.forget()


def _is_relu_convolution(layer: Layer) -> bool:
    return type(layer) is Conv2D and layer.activation == "relu" and layer.groups == 1


def _is_plain_pooling(layer: Layer) -> bool:
    """Max pooling without padding, whose places in a window fit into a byte."""
    return type(layer) is MaxPooling2D and layer.widths == ((0, 0), (0, 0)) and math.prod(layer.pool_size) <= 256


class ConvolutionPooling(FusedStep):
    """Conv2D with relu, then MaxPooling2D."""

    kernels_name = "conv2d_relu_max_pooling2d"
    stands_for = (*_CONVOLUTION, *_POOLING)

    @staticmethod
    def matches(layers: Sequence[Layer]) -> bool:
        return len(layers) >= 2 and _is_relu_convolution(layers[0]) and _is_plain_pooling(layers[1])

    def __init__(self, layers: Sequence[Layer]):
        super().__init__(layers[:2])
        self.convolution: Any = layers[0]
        self.pooling: Any = layers[1]

    def fused_forward(self, kernels: Any, x: Array, training: bool) -> Array:
        convolution, pooling = self.convolution, self.pooling
        x = pad(convolution._check_input(x), convolution.widths)
        how = x, convolution.kernel.value, _bias(convolution), convolution.strides, convolution.dilation_rate
        if not training:
            return kernels.inference(*how, pooling.pool_size, pooling.strides)
        y, argmax = kernels.forward(*how, pooling.pool_size, pooling.strides)
        self.saved = x, y, argmax
        return y

    def fused_backward(self, kernels: Any, dy: Array, saved: tuple[Any, ...], input_gradient: bool) -> Array:
        convolution, pooling = self.convolution, self.pooling
        x, y, argmax = saved
        dx, dkernel, dbias = kernels.backward(
            dy, x, y, argmax, convolution.kernel.value, convolution.strides, convolution.dilation_rate,
            pooling.pool_size, pooling.strides, input_gradient,
        )  # fmt: skip
        _assign(convolution, dkernel, dbias)
        return crop(dx, convolution.widths)


class ConvolutionNormalizationPooling(FusedStep):
    """Conv2D with relu, then BatchNormalization, then MaxPooling2D."""

    kernels_name = "conv2d_relu_batch_normalization_max_pooling2d"
    stands_for = (*_CONVOLUTION, *_NORMALIZATION, *_POOLING)

    @staticmethod
    def matches(layers: Sequence[Layer]) -> bool:
        return (
            len(layers) >= 3
            and _is_relu_convolution(layers[0])
            and type(layers[1]) is BatchNormalization
            and _is_plain_pooling(layers[2])
        )

    def __init__(self, layers: Sequence[Layer]):
        super().__init__(layers[:3])
        self.convolution: Any = layers[0]
        self.normalization: Any = layers[1]
        self.pooling: Any = layers[2]

    def fused_forward(self, kernels: Any, x: Array, training: bool) -> Array:
        convolution, normalization, pooling = self.convolution, self.normalization, self.pooling
        x = pad(convolution._check_input(x), convolution.widths)
        gamma, beta = normalization._gamma_and_beta()
        how = x, convolution.kernel.value, _bias(convolution), convolution.strides, convolution.dilation_rate
        windows = pooling.pool_size, pooling.strides
        if not training:
            statistics = normalization.moving_mean, normalization.moving_variance
            return kernels.inference(*how, gamma, beta, *statistics, normalization.epsilon, *windows)
        y, *saved, mean, variance = kernels.forward(*how, gamma, beta, normalization.epsilon, *windows)
        normalization.update_moving_statistics(mean, variance)
        self.saved = x, *saved, mean, variance
        return y

    def fused_backward(self, kernels: Any, dy: Array, saved: tuple[Any, ...], input_gradient: bool) -> Array:
        convolution, normalization, pooling = self.convolution, self.normalization, self.pooling
        x, a, peaks, argmax, mean, variance = saved
        gamma, _ = normalization._gamma_and_beta()
        dx, dkernel, dbias, dgamma, dbeta = kernels.backward(
            dy, x, a, peaks, argmax, convolution.kernel.value, gamma, mean, variance, normalization.epsilon,
            convolution.strides, convolution.dilation_rate, pooling.pool_size, pooling.strides, input_gradient,
        )  # fmt: skip
        _assign(convolution, dkernel, dbias)
        if normalization.scale:
            normalization.gamma.grad[...] = dgamma
        if normalization.center:
            normalization.beta.grad[...] = dbeta
        return crop(dx, convolution.widths)


def _bias(convolution: Any) -> Array:
    return convolution.bias.value if convolution.use_bias else np.zeros(convolution.filters, convolution.dtype)


def _assign(convolution: Any, dkernel: Array, dbias: Array) -> None:
    convolution.kernel.grad[...] = dkernel
    if convolution.use_bias:
        convolution.bias.grad[...] = dbias


PATTERNS = (ConvolutionNormalizationPooling, ConvolutionPooling)


def forward_through(steps: Sequence[Any], x: Array, training: bool, activate: bool = True) -> Array:
    """The last step's output; with ``activate=False`` without its activation, which it must have."""
    *body, head = steps
    for step in body:
        x = step.forward(x, training)
    return head.forward(x, training) if activate else head.forward(x, training, activate=False)


def backward_through(steps: Sequence[Any], dy: Array, input_gradient: bool) -> Any:
    """The chain rule from the last step to the first; without ``input_gradient`` the first one's parameters only."""
    first, *others = steps
    for step in reversed(others):
        dy = step.backward(dy)
    return first.backward(dy) if input_gradient else first.backward_parameters(dy)


def fused_steps(layers: Sequence[Layer]) -> list[Any]:
    """The chain with every part that matches a pattern replaced by its fused step; the rest stays as it is."""
    steps: list[Any] = []
    rest = list(layers)
    while rest:
        pattern = next((p for p in PATTERNS if p.matches(rest)), None)
        if pattern is None:
            steps.append(rest.pop(0))
        else:
            steps.append(pattern(rest))
            del rest[: len(steps[-1].layers)]
    return steps

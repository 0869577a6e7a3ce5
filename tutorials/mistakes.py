"""Wrong ways back and wrong layers, each in a few lines beside the right ones of the package; see `tutorials.gallery`.

A mistake is put into the network of the gallery in one of these ways: kernels take the place of the reference kernels
of the same names, layers that of the layers they inherit from; or there is another loss, optimizer or start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinycnn import optimizers
from tinycnn.kernels import REFERENCE, Activation
from tinycnn.kernels.activations import leaky_relu_backward, relu_forward
from tinycnn.kernels.conv2d import tap
from tinycnn.layers import BatchNormalization, Dropout
from tinycnn.losses import SparseCategoricalCrossentropy

Array = np.ndarray
Pair = tuple[int, int]

ADAM, MOMENTUM = "right, Adam", "right, momentum"


@dataclass(frozen=True)
class Mistake:
    """A network that differs from the right one in one thing.

    Attributes:
        words: what is wrong, for a reader who sees no code.
        part: where: a layer, the loss, the optimizer or the start.
        kernels: what takes the place of reference kernels, by their names.
        layers: what takes the place of layers, by their classes.
        loss, optimizer: functions that make them.
        kernel_initializer: of all layers that have a kernel.
        beside: the name of the right network that it is compared with.
    """

    words: str
    part: str
    kernels: Mapping[str, Any] = field(default_factory=dict)
    layers: Mapping[type, type] = field(default_factory=dict)
    loss: Callable[[], Any] = SparseCategoricalCrossentropy
    optimizer: Callable[[], Any] = lambda: optimizers.Adam(0.002)
    kernel_initializer: str = "glorot_uniform"
    beside: str = ADAM


def momentum() -> optimizers.SGD:
    return optimizers.SGD(0.01, momentum=0.9)


# Batch normalization


def without_x_hat(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """dx = γ/√(σ²+ε) · (dy − mean(dy))"""
    _, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, x, gamma, mean, variance, epsilon)
    return (gamma / np.sqrt(variance + epsilon) * (dy - dy.mean(axis=0))).astype(x.dtype), dgamma, dbeta


def constant_statistics(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """dx = γ/√(σ²+ε) · dy"""
    _, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, x, gamma, mean, variance, epsilon)
    return (gamma / np.sqrt(variance + epsilon) * dy).astype(x.dtype), dgamma, dbeta


def zero_dx(dy: Array, *arguments: Any) -> tuple[Array, Array, Array]:
    """dx = 0: what a check with an upstream gradient of ones takes for right."""
    dx, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, *arguments)
    return np.zeros_like(dx), dgamma, dbeta


class MovingAveragesNeverUpdated(BatchNormalization):
    """Inference by the mean 0 and the variance 1 that the averages begin with."""

    def update_moving_statistics(self, mean: Array, variance: Array) -> None:
        pass


class BatchStatisticsInInference(BatchNormalization):
    """An image's result depends on the images that come with it."""

    def forward(self, x: Array, training: bool = False) -> Array:
        if training:
            return super().forward(x, training)
        rows, (gamma, beta) = x.reshape(-1, x.shape[-1]), self._gamma_and_beta()
        return self.kernels.batch_normalization_forward(rows, gamma, beta, self.epsilon)[0].reshape(x.shape)


# Dropout


def mask_without_factor(key: Any, shape: tuple[int, ...], least: int, scale: Any) -> Array:
    """1 where 1/(1 − rate) is due."""
    return (REFERENCE.dropout_mask(key, shape, least, scale) > 0).astype(type(scale))


class LeftOnInInference(Dropout):
    def forward(self, x: Array, training: bool = False) -> Array:
        return super().forward(x, training) if training else x * self.draw_mask(x.shape)


class MaskDrawnAnew(Dropout):
    """Backward passes the gradient through places that forward had switched off."""

    def backward(self, dy: Array) -> Array:
        dy, mask = self._restore(dy)
        return dy * self.draw_mask(mask.shape)


class MaskForgotten(Dropout):
    """dx = dy"""

    def backward(self, dy: Array) -> Array:
        return self._restore(dy)[0]


# Max pooling


def remember_ties(x: Array, pool_size: Pair, strides: Pair) -> tuple[Array, Array]:
    """In place of argmax one bit for each pixel of the window: is it as large as the largest? (Windows of up to 8.)"""
    y, _ = REFERENCE.max_pooling2d_forward(x, pool_size, strides)
    ties = np.zeros(y.shape, np.uint8)
    for a in range(pool_size[0]):
        for b in range(pool_size[1]):
            ties |= (tap(x, a, b, y.shape[1:3], strides) == y).astype(np.uint8) << (a * pool_size[1] + b)
    return y, ties


def pay_all_ties(dy: Array, ties: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    """Each of several equal maxima takes the whole gradient."""
    n, out_h, out_w, channels = dy.shape
    dx = np.zeros((n, *image_size, channels), dy.dtype)
    for a in range(pool_size[0]):
        for b in range(pool_size[1]):
            won = ties >> (a * pool_size[1] + b) & 1
            tap(dx, a, b, (out_h, out_w), strides)[...] += dy * won
    return dx


def pay_the_first_pixel(dy: Array, argmax: Array, *arguments: Any) -> Array:
    """The gradient goes to the corner of each window, whoever won."""
    return REFERENCE.max_pooling2d_backward(dy, np.zeros_like(argmax), *arguments)


# Convolution


def dx_flipped(dz: Array, kernel: Array, *arguments: Any) -> Array:
    """The kernel runs backwards on the way back, as if forward had been a convolution in the mathematical sense."""
    return REFERENCE.conv2d_backward_input(dz, kernel[::-1, ::-1], *arguments)


def dx_assigned(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    """`=` in place of `+=`: where windows overlap, the last one has the say."""
    kh, kw, channels, _ = kernel.shape
    dh, dw = dilation_rate
    dx = np.zeros((len(dz), *image_size, channels), dz.dtype)
    for a in range(kh):
        for b in range(kw):
            tap(dx, a * dh, b * dw, dz.shape[1:3], strides)[...] = dz @ kernel[a, b].T
    return dx


def dkernel_transposed(*arguments: Any) -> tuple[Array, Array]:
    """Rows and columns of each kernel exchanged."""
    dkernel, dbias = REFERENCE.conv2d_backward_parameters(*arguments)
    return dkernel.swapaxes(0, 1), dbias


def dkernel_shifted(x: Array, *arguments: Any) -> tuple[Array, Array]:
    """An off-by-one: each window reads the pixels one column further right."""
    return REFERENCE.conv2d_backward_parameters(np.roll(x, -1, axis=2), *arguments)


def dkernel_negative(*arguments: Any) -> tuple[Array, Array]:
    """The convolutions climb, while the other layers descend."""
    dkernel, dbias = REFERENCE.conv2d_backward_parameters(*arguments)
    return -dkernel, dbias


def without_bias(name: str) -> Callable[..., tuple[Array, Array]]:
    """A kernel of the table whose dbias is 0."""

    def backward_parameters(*arguments: Any) -> tuple[Array, Array]:
        dkernel, dbias = getattr(REFERENCE, name)(*arguments)
        return dkernel, np.zeros_like(dbias)

    return backward_parameters


# relu


def relu_with(backward: Callable[[Array, Array], Array]) -> dict[str, Any]:
    return {"activations": {**REFERENCE.activations, "relu": Activation(relu_forward, backward)}}


def pass_through(dy: Array, y: Array) -> Array:
    """dz = dy"""
    return dy


# Losses


class NotDivided(SparseCategoricalCrossentropy):
    """The gradient of the sum over the batch, while the loss is the mean."""

    def backward(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> Array:
        return self.gradient(y_true, y_pred)


class PlusLabels(SparseCategoricalCrossentropy):
    """∂l/∂z = p + onehot(label), where p − onehot(label) is due."""

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return super().gradient(y_true, y_pred) + 2 * np.eye(y_pred.shape[-1], dtype=y_pred.dtype)[y_true.reshape(-1)]


class LabelsAlone(SparseCategoricalCrossentropy):
    """∂l/∂z = −onehot(label): softmax's y·(dy − Σ dy·y) without its sum. No class is ever pushed down."""

    def gradient(self, y_true: Array, y_pred: Array) -> Array:
        return -np.eye(y_pred.shape[-1], dtype=y_pred.dtype)[y_true.reshape(-1)]


# Optimizers


def momentum_against(
    w: Array, g: Array, velocity: Array, learning_rate: float, momentum: float, nesterov: bool
) -> None:
    """v ← −μ·v − η·g: each step takes back most of the last one."""
    velocity[:] = -momentum * velocity - learning_rate * g
    w += velocity


class AdamUncorrected(optimizers.Adam):
    """α = η, whatever the number of the step: m and v still remember that they began at 0."""

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        self.kernels.adam_update(
            w, g, slots["momentum"], slots["velocity"], learning_rate, self.beta_1, self.beta_2, self.epsilon
        )


def adam_without_root(
    w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float
) -> None:
    """w ← w − α·m/(v + ε)"""
    m += (1 - beta_1) * (g - m)
    v += (1 - beta_2) * (np.square(g) - v)
    w -= alpha * m / (v + epsilon)


class NeverCleared(optimizers.Adam):
    """Each step moves by the sum of all gradients so far: the loop that forgets to set them to zero."""

    total: Any = 0

    def _update(self, w: Array, g: Array, slots: dict[str, Array], learning_rate: float) -> None:
        self.total = self.total + g
        super()._update(w, self.total, slots, learning_rate)


# The table

RIGHT = {
    ADAM: Mistake("nothing", "none"),
    MOMENTUM: Mistake("nothing", "none", optimizer=momentum, beside=MOMENTUM),
}

MISTAKES = {
    "bn_without_x_hat": Mistake(
        "backward without the term x̂·mean(dy·x̂)",
        "batch normalization",
        kernels={"batch_normalization_backward": without_x_hat},
    ),
    "bn_constant_statistics": Mistake(
        "backward takes mean and variance for constants",
        "batch normalization",
        kernels={"batch_normalization_backward": constant_statistics},
    ),
    "bn_zero_dx": Mistake(
        "backward returns zeros",
        "batch normalization",
        kernels={"batch_normalization_backward": zero_dx},
    ),
    "bn_never_updated": Mistake(
        "moving averages are never updated",
        "batch normalization",
        layers={BatchNormalization: MovingAveragesNeverUpdated},
    ),
    "bn_batch_statistics": Mistake(
        "inference by the statistics of the batch",
        "batch normalization",
        layers={BatchNormalization: BatchStatisticsInInference},
    ),
    "dropout_without_factor": Mistake(
        "no factor 1/(1 − rate)", "dropout", kernels={"dropout_mask": mask_without_factor}
    ),
    "dropout_left_on": Mistake("left on in inference", "dropout", layers={Dropout: LeftOnInInference}),
    "dropout_mask_anew": Mistake("backward draws a mask of its own", "dropout", layers={Dropout: MaskDrawnAnew}),
    "dropout_mask_forgotten": Mistake("backward without the mask", "dropout", layers={Dropout: MaskForgotten}),
    "pooling_all_ties": Mistake(
        "the gradient goes to all of several equal maxima",
        "max pooling",
        kernels={"max_pooling2d_forward": remember_ties, "max_pooling2d_backward": pay_all_ties},
    ),
    "pooling_first_pixel": Mistake(
        "the gradient goes to the window's corner",
        "max pooling",
        kernels={"max_pooling2d_backward": pay_the_first_pixel},
    ),
    "conv_dx_flipped": Mistake(
        "dx with the kernel flipped", "convolution", kernels={"conv2d_backward_input": dx_flipped}
    ),
    "conv_dx_assigned": Mistake(
        "dx with = for += where windows overlap", "convolution", kernels={"conv2d_backward_input": dx_assigned}
    ),
    "conv_dkernel_transposed": Mistake(
        "dkernel with rows and columns exchanged",
        "convolution",
        kernels={"conv2d_backward_parameters": dkernel_transposed},
    ),
    "conv_dkernel_shifted": Mistake(
        "dkernel off by one column", "convolution", kernels={"conv2d_backward_parameters": dkernel_shifted}
    ),
    "conv_dkernel_negative": Mistake(
        "dkernel with the wrong sign", "convolution", kernels={"conv2d_backward_parameters": dkernel_negative}
    ),
    "bias_no_gradient": Mistake(
        "no gradient for any bias",
        "convolution, dense",
        kernels={name: without_bias(name) for name in ("conv2d_backward_parameters", "dense_backward_parameters")},
    ),
    "relu_missing": Mistake("relu′ = 1 everywhere", "relu", kernels=relu_with(pass_through)),
    "relu_leaky": Mistake(
        "relu′ = 0.2 where it is 0, that of a leaky relu", "relu", kernels=relu_with(leaky_relu_backward)
    ),
    "loss_not_divided": Mistake("gradient not divided by the batch, Adam", "loss", loss=NotDivided),
    "loss_not_divided_momentum": Mistake(
        "gradient not divided by the batch, momentum", "loss", loss=NotDivided, optimizer=momentum, beside=MOMENTUM
    ),
    "loss_plus_labels": Mistake("p + onehot for p − onehot", "loss", loss=PlusLabels),
    "loss_labels_alone": Mistake("−onehot for p − onehot", "loss", loss=LabelsAlone),
    "momentum_against": Mistake(
        "the momentum has the wrong sign",
        "optimizer",
        kernels={"sgd_momentum_update": momentum_against},
        optimizer=momentum,
        beside=MOMENTUM,
    ),
    "adam_uncorrected": Mistake("Adam without bias correction", "optimizer", optimizer=lambda: AdamUncorrected(0.002)),
    "adam_without_root": Mistake(
        "Adam divides by v, not by √v", "optimizer", kernels={"adam_update": adam_without_root}
    ),
    "never_cleared": Mistake("gradients add up from step to step", "optimizer", optimizer=lambda: NeverCleared(0.002)),
    "start_at_zero": Mistake("all kernels start at zero", "start", kernel_initializer="zeros"),
}
ALL = RIGHT | MISTAKES

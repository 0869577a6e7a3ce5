"""The gradient checker: right gradients pass, every planted mistake is caught and named, nothing is changed."""

import copy
import dataclasses
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from parity_cases import OF_GRAPHS

from tinycnn import gradient_check, losses, models, regularizers, utils
from tinycnn.datasets import digits, mnist
from tinycnn.gradient_check import check_layer, check_loss, check_model
from tinycnn.insight.copies import copy_model
from tinycnn.insight.gradient_check import command_line, measure
from tinycnn.kernels import FAST, REFERENCE, conv2d
from tinycnn.kernels.activations import ACTIVATIONS
from tinycnn.kernels.activations import Activation as ActivationPair
from tinycnn.layers import (
    ELU,
    Activation,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    CenterCrop,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    Normalization,
    Parameter,
    PReLU,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    Resizing,
    SeparableConv2D,
    Softmax,
    SpatialDropout2D,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.sequential import Sequential

KERNELS = {"reference": REFERENCE, "fast": FAST}
WITH_COMPILER = ["reference", pytest.param("fast", marks=pytest.mark.jit)]
IMAGES = (3, 5, 6, 2)

# Right gradients: every layer with all its options

LAYERS = {
    "dense": (lambda: Dense(4), (3, 5)),
    "dense without bias": (lambda: Dense(4, use_bias=False), (3, 5)),
    "dense, one sample, one unit": (lambda: Dense(1), (1, 4)),
    **{f"dense {name}": (lambda name=name: Dense(4, activation=name), (3, 5)) for name in ACTIVATIONS},
    "dense frozen": (lambda: Dense(4, trainable=False), (3, 5)),
    "dense with a penalty": (lambda: Dense(4, kernel_regularizer="l2"), (3, 5)),
    "dense of images": (lambda: Dense(4, activation="softmax"), IMAGES),
    "conv": (lambda: Conv2D(3, 3), IMAGES),
    "conv 1x1": (lambda: Conv2D(3, 1), IMAGES),
    "conv 2x3": (lambda: Conv2D(2, (2, 3)), IMAGES),
    "conv without bias": (lambda: Conv2D(3, 3, use_bias=False), IMAGES),
    "conv relu": (lambda: Conv2D(3, 3, activation="relu"), IMAGES),
    "conv softmax": (lambda: Conv2D(3, 3, activation="softmax"), IMAGES),
    "conv tanh": (lambda: Conv2D(3, 3, activation="tanh"), IMAGES),
    "conv strides": (lambda: Conv2D(3, 2, strides=2), IMAGES),
    "conv strides that leave rows over": (lambda: Conv2D(3, 2, strides=(3, 2)), IMAGES),
    "conv same": (lambda: Conv2D(3, 3, padding="same"), IMAGES),
    "conv same, even kernel": (lambda: Conv2D(2, (2, 4), padding="same"), IMAGES),
    "conv same, strides": (lambda: Conv2D(3, 3, padding="same", strides=(2, 2)), IMAGES),
    "conv same, strides of two sizes": (lambda: Conv2D(3, 3, padding="same", strides=(1, 3)), IMAGES),
    "conv dilated": (lambda: Conv2D(3, 2, dilation_rate=(2, 3)), IMAGES),
    "conv dilated, same": (lambda: Conv2D(2, 3, dilation_rate=2, padding="same"), IMAGES),
    "conv groups": (lambda: Conv2D(4, 3, groups=2), IMAGES),
    "conv groups, strides, same, relu": (
        lambda: Conv2D(4, 3, groups=2, strides=2, padding="same", activation="relu"),
        IMAGES,
    ),
    "conv frozen": (lambda: Conv2D(3, 3, trainable=False), IMAGES),
    "conv transpose": (lambda: Conv2DTranspose(3, 2, strides=(2, 3), activation="tanh"), IMAGES),
    "conv transpose, same, without bias": (
        lambda: Conv2DTranspose(3, (2, 3), strides=2, padding="same", use_bias=False),
        IMAGES,
    ),
    "conv transpose, dilated": (lambda: Conv2DTranspose(2, 2, dilation_rate=2, padding="same"), IMAGES),
    "depthwise conv": (lambda: DepthwiseConv2D(3, depth_multiplier=2, activation="tanh"), IMAGES),
    "depthwise conv, same, strides, dilated": (
        lambda: DepthwiseConv2D(2, strides=(2, 1), padding="same", dilation_rate=(1, 2), use_bias=False),
        IMAGES,
    ),
    "separable conv": (lambda: SeparableConv2D(3, 3, depth_multiplier=2, activation="tanh"), IMAGES),
    "separable conv, same, strides, without bias": (
        lambda: SeparableConv2D(3, (2, 3), strides=2, padding="same", use_bias=False),
        IMAGES,
    ),
    "max pooling": (lambda: MaxPooling2D(), IMAGES),
    "max pooling 3x2": (lambda: MaxPooling2D((3, 2)), IMAGES),
    "max pooling overlapping": (lambda: MaxPooling2D(3, strides=1), IMAGES),
    "max pooling overlapping, same": (lambda: MaxPooling2D(3, strides=2, padding="same"), IMAGES),
    "max pooling with gaps": (lambda: MaxPooling2D(2, strides=3), IMAGES),
    "average pooling": (lambda: AveragePooling2D(), IMAGES),
    "average pooling overlapping": (lambda: AveragePooling2D(3, strides=(1, 2)), IMAGES),
    "average pooling same": (lambda: AveragePooling2D(3, strides=2, padding="same"), IMAGES),
    "global average pooling": (lambda: GlobalAveragePooling2D(), IMAGES),
    "global max pooling": (lambda: GlobalMaxPooling2D(), IMAGES),
    "global max pooling, keepdims": (lambda: GlobalMaxPooling2D(keepdims=True), IMAGES),
    "flatten": (lambda: Flatten(), IMAGES),
    "reshape": (lambda: Reshape((-1, 2)), IMAGES),
    "zero padding": (lambda: ZeroPadding2D(((1, 0), (2, 3))), IMAGES),
    "up-sampling": (lambda: UpSampling2D((3, 2)), IMAGES),
    "up-sampling, bilinear": (lambda: UpSampling2D((2, 3), interpolation="bilinear"), IMAGES),
    "rescaling": (lambda: Rescaling([0.5, 3.0], offset=[0, -1]), IMAGES),
    "normalization": (lambda: Normalization((2, -1)), IMAGES),
    "normalization, given": (lambda: Normalization(mean=[1.0, 2.0], variance=[0.0, 4.0]), IMAGES),
    "normalization, inverted": (lambda: Normalization(mean=3.0, variance=2.0, invert=True), IMAGES),
    "resizing": (lambda: Resizing(9, 4), IMAGES),
    "resizing, nearest": (lambda: Resizing(4, 11, "nearest"), IMAGES),
    "resizing, cropped": (lambda: Resizing(5, 3, crop_to_aspect_ratio=True), IMAGES),
    "center crop": (lambda: CenterCrop(3, 4), IMAGES),
    "center crop, resized": (lambda: CenterCrop(12, 3), IMAGES),
    "cropping": (lambda: Cropping2D(((1, 0), (2, 1))), IMAGES),
    **{f"flip {mode}": (lambda mode=mode: RandomFlip(mode), IMAGES) for mode in ("horizontal", "vertical")},
    **{
        f"rotation {fill_mode}": (lambda fill_mode=fill_mode: RandomRotation(0.4, fill_mode), IMAGES)
        for fill_mode in ("reflect", "wrap", "constant", "nearest")
    },
    "rotation, nearest": (lambda: RandomRotation(0.4, interpolation="nearest", seed=3), IMAGES),
    "translation": (lambda: RandomTranslation(0.3, (0.1, 0.9), fill_mode="constant", fill_value=7.0), IMAGES),
    "zoom": (lambda: RandomZoom(0.5, (-0.7, 0.1)), IMAGES),
    "contrast": (lambda: RandomContrast((0.5, 0.9), value_range=(-9, 9)), IMAGES),
    "contrast, clipped": (lambda: RandomContrast(0.9, value_range=(-0.6, 0.5)), IMAGES),
    "brightness": (lambda: RandomBrightness(0.4, value_range=(-9, 9)), IMAGES),
    "brightness, clipped": (lambda: RandomBrightness(0.4, value_range=(-0.6, 0.5)), IMAGES),
    "random crop": (lambda: RandomCrop(3, 4), IMAGES),
    "dropout": (lambda: Dropout(0.4), (3, 10)),
    "dropout of images": (lambda: Dropout(0.25), IMAGES),
    "dropout of nothing": (lambda: Dropout(0.0), (3, 10)),
    "dropout of everything": (lambda: Dropout(1.0), (3, 10)),
    "dropout of maps": (lambda: Dropout(0.5, noise_shape=(None, 1, 1, 2)), IMAGES),
    "dropout with a seed": (lambda: Dropout(0.5, seed=7), (3, 10)),
    "spatial dropout": (lambda: SpatialDropout2D(0.5), IMAGES),
    "gaussian noise": (lambda: GaussianNoise(0.5), (3, 10)),
    "gaussian dropout": (lambda: GaussianDropout(0.4), (3, 10)),
    "alpha dropout": (lambda: AlphaDropout(0.4), (3, 10)),
    "alpha dropout of maps": (lambda: AlphaDropout(0.4, noise_shape=(None, 1, 1, 2)), IMAGES),
    "layer normalization": (lambda: LayerNormalization(), (3, 10)),
    "layer normalization of columns": (lambda: LayerNormalization(2, scale=False), IMAGES),
    "layer normalization of images": (lambda: LayerNormalization((1, 2, 3), center=False), IMAGES),
    "group normalization": (lambda: GroupNormalization(2), (3, 5, 6, 4)),
    "group normalization of maps": (lambda: GroupNormalization(-1), IMAGES),
    "batch normalization": (lambda: BatchNormalization(), IMAGES),
    "batch normalization of rows": (lambda: BatchNormalization(), (5, 4)),
    "batch normalization, no center": (lambda: BatchNormalization(center=False), IMAGES),
    "batch normalization, no scale": (lambda: BatchNormalization(scale=False), (5, 4)),
    "batch normalization, neither": (lambda: BatchNormalization(center=False, scale=False), IMAGES),
    "batch normalization, epsilon": (lambda: BatchNormalization(epsilon=0.5, momentum=0.5), (5, 4)),
    "batch normalization frozen": (lambda: BatchNormalization(trainable=False), IMAGES),
    "batch normalization frozen, of rows": (lambda: BatchNormalization(trainable=False), (5, 4)),
    "relu": (lambda: ReLU(), IMAGES),
    "leaky relu": (lambda: LeakyReLU(0.1), (3, 10)),
    "relu, slopes": (lambda: ReLU(0.7, 0.3, 0.2), IMAGES),
    "relu, slope": (lambda: ReLU(negative_slope=0.3), IMAGES),
    "elu": (lambda: ELU(0.5), (3, 10)),
    "prelu": (lambda: PReLU("ones"), (3, 10)),
    "prelu, shared": (lambda: PReLU(shared_axes=[1, 2]), IMAGES),
    "unit normalization": (lambda: UnitNormalization(), (3, 5)),
    "unit normalization of images": (lambda: UnitNormalization((1, 2, 3)), IMAGES),
    "softmax": (lambda: Softmax(), (3, 5)),
    "softmax of columns": (lambda: Softmax(2), IMAGES),
    "softmax of images": (lambda: Softmax((1, 2)), IMAGES),
    "softmax of pixels": (lambda: Softmax(), IMAGES),
    **{f"activation {name}": (lambda name=name: Activation(name), (3, 6)) for name in ACTIVATIONS},
}


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("case", LAYERS)
def test_every_layer_passes(case, kernels):
    make, shape = LAYERS[case]
    layer = make()
    layer.kernels = KERNELS[kernels]
    result = check_layer(layer, shape, entries=40)
    assert result.passed, f"\n{result}"
    layer.build(shape)
    names = [row.name for row in result.rows if row.name != "input at ties"]
    assert names == ["input", *(p.name for p in layer.parameters)]
    for row in result.rows:
        size = int(np.prod(row.shape))
        assert row.error <= row.tolerance
        assert row.kinks == 0, "random inputs lie on no kink"
        if row.name != "input at ties":
            assert row.checked == min(size, 40)
            assert row.directions == (2 if size > 1 else 0)


def test_all_layers_of_the_package_are_in_the_table():
    from tinycnn import layers

    classes = {c for c in vars(layers).values() if isinstance(c, type) and issubclass(c, layers.Layer)}
    classes = {c for c in classes if c is not layers.Layer and c.__name__ not in OF_GRAPHS}
    assert classes == {type(make()) for make, _ in LAYERS.values()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_of_either_dtype_is_checked_in_float64(dtype):
    layer = Dense(3, dtype=dtype)
    layer.build((None, 4))
    result = check_layer(layer, (3, 4))
    assert result.passed
    assert max(row.error for row in result.rows) < 1e-8  # in float32 1e-3 would be the best one can see
    assert layer.kernel.value.dtype == dtype


@pytest.mark.parametrize("kernels", WITH_COMPILER)
@pytest.mark.parametrize("name", ["plain", "dropout", "batch_normalization"])
def test_the_notebooks_models_pass(name, kernels, rng):
    model = getattr(models, name)()
    model.compile(loss="sparse_categorical_crossentropy", kernels=kernels)
    result = check_model(model, rng.random((2, 28, 28, 1)), rng.integers(0, 10, 2), entries=6)
    assert result.passed, f"\n{result}"
    arrays = ["input", *(f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters)]
    assert [row.name for row in result.rows if not row.name.endswith("ties")] == arrays
    assert len(arrays) == {"plain": 9, "dropout": 9, "batch_normalization": 15}[name]


def small_model(head="softmax", units=4, **options):
    return Sequential(
        [
            Conv2D(2, 3, activation="relu", input_shape=(7, 7, 1), **options),
            BatchNormalization(),
            MaxPooling2D(),
            Dropout(0.3),
            Flatten(),
            Dense(units, activation=head, **options),
        ]
    )


def small_data(rng):
    return rng.random((5, 7, 7, 1)), rng.integers(0, 4, 5)


@pytest.mark.parametrize("kernels", WITH_COMPILER)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "head"),
    [
        (losses.SparseCategoricalCrossentropy(), "softmax"),
        (losses.SparseCategoricalCrossentropy(from_logits=True), None),
        (losses.SparseCategoricalCrossentropy(), "sigmoid"),
        (losses.CategoricalCrossentropy(label_smoothing=0.2), "softmax"),
        (losses.BinaryCrossentropy(), "sigmoid"),
        (losses.MeanSquaredError(), "tanh"),
    ],
)
def test_models_pass_with_every_loss_head_and_penalty(loss, head, weighted, kernels, rng):
    x, labels = small_data(rng)
    y = labels if "sparse" in loss.name else utils.to_categorical(labels, 4)
    model = small_model(head, kernel_regularizer=regularizers.L2(0.3), bias_regularizer=regularizers.L1L2(0.1, 0.2))
    model.compile(loss=loss, kernels=kernels)
    result = check_model(model, x, y, rng.random(5) + 0.5 if weighted else None, entries=10)
    assert result.passed, f"\n{result}"


PROBABILITIES = [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1], [0.3, 0.3, 0.4]]
ONE_HOT = np.eye(3)[[0, 2, 1, 1]]
LOSSES = {
    "sparse": (losses.SparseCategoricalCrossentropy(), [0, 2, 1, 1], PROBABILITIES),
    "sparse from logits": (losses.SparseCategoricalCrossentropy(from_logits=True), [[0], [2], [1], [1]], None),
    "categorical": (losses.CategoricalCrossentropy(), ONE_HOT, PROBABILITIES),
    "categorical, not normalised": (losses.CategoricalCrossentropy(), ONE_HOT, 0.7 * np.array(PROBABILITIES)),
    "categorical from logits": (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT, None),
    "categorical smoothed": (losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, PROBABILITIES),
    "binary": (losses.BinaryCrossentropy(), ONE_HOT, PROBABILITIES),
    "binary from logits": (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT, None),
    "squares": (losses.MeanSquaredError(), ONE_HOT, None),
    "squares by name": ("mse", ONE_HOT, None),
}


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 0.0, 1.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", LOSSES)
def test_every_loss_passes(case, weights, rng):
    loss, y_true, y_pred = LOSSES[case]
    y_pred = rng.normal(size=(4, 3)) if y_pred is None else y_pred
    result = check_loss(loss, np.array(y_true), y_pred, None if weights is None else np.array(weights))
    assert result.passed, f"\n{result}"
    assert [(row.name, row.checked, row.directions) for row in result.rows] == [("y_pred", 12, 2)]


# Planted bugs: replaced kernels


def with_kernels(layer, **functions):
    layer.kernels = replace(REFERENCE, **functions)
    return layer


def zero_dx(dy, *arguments):
    dx, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, *arguments)
    return np.zeros_like(dx), dgamma, dbeta


def statistics_terms(mean_term, variance_term):
    def backward(dy, x, gamma, mean, variance, epsilon):
        std = np.sqrt(variance + epsilon)
        x_hat = (x - mean) / std
        _, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, x, gamma, mean, variance, epsilon)
        dx = dy - mean_term * dy.mean(axis=0) - variance_term * x_hat * (dy * x_hat).mean(axis=0)
        return gamma / std * dx, dgamma, dbeta

    return backward


def without_gamma(dy, x, gamma, *statistics):
    return REFERENCE.batch_normalization_backward(dy, x, np.ones_like(gamma), *statistics)


def mean_of_parameters(x, dz):
    dkernel, dbias = REFERENCE.dense_backward_parameters(x, dz)
    return dkernel / len(x), dbias / len(x)


def mean_of_dbias(x, dz, *arguments):
    return REFERENCE.conv2d_backward_parameters(x, dz, *arguments)[0], dz.mean(axis=(0, 1, 2))


def last_maximum(x, pool_size, strides):
    (ph, pw), (sh, sw) = pool_size, strides
    h, w = x.shape[1:3]
    out_h, out_w = (h - ph) // sh + 1, (w - pw) // sw + 1
    windows = np.stack([conv2d.tap(x, a, b, (out_h, out_w), strides) for a in range(ph) for b in range(pw)], axis=-1)
    argmax = ph * pw - 1 - windows[..., ::-1].argmax(axis=-1)
    return windows.max(axis=-1), argmax.astype(np.uint8)


def one_pixel_off(dz, kernel, image_size, strides, dilation_rate):
    kh, kw, channels, _ = kernel.shape
    dx = np.zeros((len(dz), *image_size, channels))
    for a in range(kh):
        for b in range(kw):
            conv2d.tap(dx, a + 1, b, dz.shape[1:3], strides)[...] += dz @ kernel[a, b].T
    return dx


def one_tap_off(x, dz, kernel_size, strides, dilation_rate):
    moved = np.roll(x, -1, axis=2)
    return REFERENCE.conv2d_backward_parameters(moved, dz, kernel_size, strides, dilation_rate)


def flipped_dkernel(*arguments):
    dkernel, dbias = REFERENCE.conv2d_backward_parameters(*arguments)
    return dkernel[::-1, ::-1], dbias


def channels_swapped(*arguments):
    dkernel, dbias = REFERENCE.conv2d_backward_parameters(*arguments)
    return dkernel.swapaxes(2, 3), dbias


def activations_with(**backwards):
    return {n: ActivationPair(p.forward, backwards.get(n, p.backward)) for n, p in ACTIVATIONS.items()}


def transposed_parameters(x, dz):
    return (x.T @ dz).T, dz.sum(axis=0)


def negative_parameters(x, dz):
    return -x.T @ dz, dz.sum(axis=0)


# Planted bugs: subclasses


class WithoutMask(Dropout):
    def backward(self, dy):
        dy, _ = self._restore(dy)
        return dy


class FrozenAsTrained(BatchNormalization):
    def backward(self, dy):
        rows, mean, variance = self._saved[1:]
        super().backward(dy)
        arguments = dy.reshape(rows.shape), rows, self.gamma.value, mean, variance, self.epsilon
        return self.kernels.batch_normalization_backward(*arguments)[0].reshape(dy.shape)


class WithoutScale(Dropout):
    def backward(self, dy):
        dy, mask = self._restore(dy)
        return dy * (mask > 0)


class PoolingToTies(MaxPooling2D):
    """The textbook version of many a blog: mask = (window == window.max())."""

    share = False

    def forward(self, x, training=False):
        y = super().forward(x, training)
        self.kept = np.array(x), y
        return y

    def backward(self, dy):
        super().backward(dy)
        x, y = self.kept
        (ph, pw), (sh, sw) = self.pool_size, self.strides
        dx = np.zeros_like(x)
        for n, i, j, c in np.ndindex(*y.shape):
            window = (n, slice(i * sh, i * sh + ph), slice(j * sw, j * sw + pw), c)
            ties = x[window] == y[n, i, j, c]
            dx[window] += ties * dy[n, i, j, c] / (ties.sum() if self.share else 1)
        return dx


class PoolingShared(PoolingToTies):
    share = True


class WithoutBiasGradient(Dense):
    def backward_parameters(self, dy):
        kept = self.bias.grad.copy()
        dz = super().backward_parameters(dy)
        self.bias.grad[...] = kept
        return dz


class ZeroBiasGradient(Dense):
    def backward_parameters(self, dy):
        dz = super().backward_parameters(dy)
        self.bias.grad[...] = 0
        return dz


class Accumulating(Conv2D):
    def backward(self, dy):
        kept = self.kernel.grad.copy()
        dx = super().backward(dy)
        self.kernel.grad[...] += kept
        return dx


class WithoutReluMask(Dense):
    def backward_parameters(self, dy):
        dz, x, _ = self._restore(dy)
        self.kernel.grad[...] = x.T @ dz
        self.bias.grad[...] = dz.sum(axis=0)
        return dz


class WrongShape(Dense):
    def backward(self, dy):
        return super().backward(dy).T


class NotANumber(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        dx[0, 0] = np.nan
        return dx


class SlopeOneAtZero(ReLU):
    def backward(self, dy):
        dy, _ = self._restore(dy)
        return np.where(self.kept >= 0, dy, 0)

    def forward(self, x, training=False):
        self.kept = np.array(x)
        return super().forward(x, training)


class Odd(Dense):
    def backward(self, dy):
        return np.sin(super().backward(dy))


AT_KINKS = "right where there is no kink; at kinks relu'(0) = 0, and the first of equal maxima takes all"
NO_X_HAT = "the term −x̂·mean(dy·x̂) is missing"
NO_MEAN = "the term −mean(dy) is missing"
NO_SUM = "softmax: the term −y·Σ dy·y is missing"
SHIFTED = "shifted by one pixel"
NO_DERIVATIVE = "the derivative of the activation is missing"
IDENTITY = activations_with(relu=lambda dy, y: dy)
Y_DY = activations_with(softmax=lambda dy, y: y * dy)

# The mistake: the layer, the shape of its input, and the array that is wrong with what must be said of it.
PLANTED = {
    "dx = 0": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=zero_dx),
        IMAGES,
        {"input": "it is zero"},
    ),
    "batch normalization without the x̂ term": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=statistics_terms(1, 0)),
        IMAGES,
        {"input": NO_X_HAT},
    ),
    "batch normalization without the mean term": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=statistics_terms(0, 1)),
        IMAGES,
        {"input": NO_MEAN},
    ),
    "batch normalization of rows without the x̂ term": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=statistics_terms(1, 0)),
        (6, 4),
        {"input": NO_X_HAT},
    ),
    "batch normalization of many numbers without the mean term": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=statistics_terms(0, 1)),
        (3, 8, 8, 16),
        {"input": NO_MEAN},
    ),
    "batch normalization with constant statistics": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=statistics_terms(0, 0)),
        IMAGES,
        {"input": "mean and variance are taken for constants"},
    ),
    "batch normalization without γ": (
        lambda: with_kernels(BatchNormalization(), batch_normalization_backward=without_gamma),
        (5, 1),
        {"input": "wrong by the constant factor"},
    ),
    "frozen batch normalization with the terms of a trained one": (
        lambda: with_kernels(FrozenAsTrained(trainable=False), batch_normalization_backward=statistics_terms(1, 1)),
        IMAGES,
        {"input": "frozen: mean and variance are constants"},
    ),
    "conv, dbias a mean": (
        lambda: with_kernels(Conv2D(3, 3), conv2d_backward_parameters=mean_of_dbias),
        IMAGES,
        {"bias": "divided by 36, the number of pixels n·h·w: once too often"},
    ),
    "dropout without its mask": (lambda: WithoutMask(0.4), (3, 10), {"input": "dropout's mask is missing"}),
    "dropout without 1/(1 − rate)": (
        lambda: WithoutScale(0.4),
        (3, 10),
        {"input": "the factor 1/(1 − rate) of dropout is missing"},
    ),
    "pooling, all ties": (
        lambda: PoolingToTies(),
        IMAGES,
        {"input at ties": "each of several equal maxima takes the whole gradient"},
    ),
    "pooling, all ties of overlapping windows": (
        lambda: PoolingToTies(3, strides=1),
        IMAGES,
        {"input at ties": "each of several equal maxima takes the whole gradient"},
    ),
    "pooling, ties share": (
        lambda: PoolingShared(),
        IMAGES,
        {"input at ties": "equal maxima are treated another way"},
    ),
    "pooling, the last maximum": (
        lambda: with_kernels(MaxPooling2D(), max_pooling2d_forward=last_maximum),
        IMAGES,
        {"input at ties": "the last of equal maxima takes the gradient"},
    ),
    "dense, dkernel transposed": (
        lambda: with_kernels(Dense(5), dense_backward_parameters=transposed_parameters),
        (3, 5),
        {"kernel": "transposed"},
    ),
    "dense, dx = dz·kernel": (
        lambda: with_kernels(Dense(5), dense_backward_input=lambda dz, kernel: dz @ kernel),
        (3, 5),
        {"input": "transposed"},
    ),
    "conv, dkernel with channels and filters exchanged": (
        lambda: with_kernels(Conv2D(2, 3), conv2d_backward_parameters=channels_swapped),
        IMAGES,
        {"kernel": "transposed"},
    ),
    "conv, dkernel flipped": (
        lambda: with_kernels(Conv2D(3, 3), conv2d_backward_parameters=flipped_dkernel),
        IMAGES,
        {"kernel": "flipped"},
    ),
    "bias gradient never written": (lambda: WithoutBiasGradient(4), (3, 5), {"bias": "backward does not write it"}),
    "bias gradient zero": (lambda: ZeroBiasGradient(4), (3, 5), {"bias": "it is zero"}),
    "dense without the relu mask": (
        lambda: WithoutReluMask(4, activation="relu"),
        (3, 5),
        {"input": NO_DERIVATIVE, "kernel": NO_DERIVATIVE, "bias": NO_DERIVATIVE},
    ),
    "conv without the relu mask": (
        lambda: with_kernels(Conv2D(3, 3, activation="relu"), activations=IDENTITY),
        IMAGES,
        {"input": NO_DERIVATIVE, "kernel": NO_DERIVATIVE, "bias": NO_DERIVATIVE},
    ),
    "relu without its mask": (lambda: with_kernels(ReLU(), activations=IDENTITY), (3, 8), {"input": NO_DERIVATIVE}),
    "relu with slope 1 at 0": (
        lambda: SlopeOneAtZero(),
        (3, 8),
        {"input at ties": "at 0 the slope of the right side is taken"},
    ),
    "mean of the parameters' gradients": (
        lambda: with_kernels(Dense(4), dense_backward_parameters=mean_of_parameters),
        (7, 5),
        {"kernel": "divided by 7, the batch size: once too often", "bias": "divided by 7, the batch size"},
    ),
    "sign": (
        lambda: with_kernels(Dense(4), dense_backward_parameters=negative_parameters),
        (3, 5),
        {"kernel": "the sign is wrong"},
    ),
    "strided conv, dx off by one": (
        lambda: with_kernels(Conv2D(3, 3, strides=2), conv2d_backward_input=one_pixel_off),
        (3, 8, 8, 2),
        {"input": SHIFTED},
    ),
    "strided conv, dkernel off by one": (
        lambda: with_kernels(Conv2D(3, 3, strides=2), conv2d_backward_parameters=one_tap_off),
        (3, 8, 8, 2),
        {"kernel": SHIFTED},
    ),
    "softmax without the sum": (
        lambda: with_kernels(Softmax(), activations=Y_DY),
        (3, 5),
        {"input": NO_SUM},
    ),
    "dense, softmax without the sum": (
        lambda: with_kernels(Dense(4, activation="softmax"), activations=Y_DY),
        (3, 5),
        dict.fromkeys(("input", "kernel", "bias"), f"in the derivative of its activation softmax: {NO_SUM}"),
    ),
    "adds to the gradient": (lambda: Accumulating(3, 3), IMAGES, {"kernel": "backward adds to it; it must assign"}),
    "wrong shape": (lambda: WrongShape(4), (3, 5), {"input": "it has shape (5, 3), not that of the array"}),
    "NaN": (lambda: NotANumber(4), (3, 5), {"input": "it holds NaN or infinity"}),
    "something else": (lambda: Odd(4), (3, 5), {"input": "not one of the usual ones"}),
}


@pytest.mark.parametrize("case", PLANTED)
def test_planted_bugs_are_caught_and_named(case):
    make, shape, expected = PLANTED[case]
    result = check_layer(make(), shape)
    assert not result.passed
    wrong = {row.name: row for row in result.rows if not row.passed}
    assert set(wrong) == set(expected), f"\n{result}"
    for name, mistake in expected.items():
        assert wrong[name].verdict == "WRONG"
        assert not wrong[name].error <= wrong[name].tolerance
        assert wrong[name].mistake.startswith(mistake), f"\n{result}"
    assert mistake in str(result)
    assert f"FAILED: {len(wrong)} of {len(result.rows)} arrays" in str(result)


@pytest.mark.parametrize("seed", range(5))
def test_the_verdicts_do_not_hang_on_the_seed(seed):
    """One layer of each kind of slope, and three planted bugs."""
    for make, shape in (LAYERS["conv relu"], LAYERS["batch normalization"], LAYERS["max pooling"]):
        assert check_layer(make(), shape, seed=seed).passed
    for case in ("batch normalization without the x̂ term", "dropout without its mask", "pooling, all ties"):
        make, shape, expected = PLANTED[case]
        result = check_layer(make(), shape, seed=seed)
        assert all(result[name].mistake.startswith(mistake) for name, mistake in expected.items()), f"\n{result}"


def test_padding_cropped_on_the_wrong_side_is_caught(monkeypatch):
    def crop(dx, widths):
        (top, bottom), (left, right) = widths
        return dx[:, bottom : dx.shape[1] - top, right : dx.shape[2] - left]

    monkeypatch.setattr("tinycnn.layers.conv2d.crop", crop)
    result = check_layer(Conv2D(3, 2, padding="same"), IMAGES)
    assert [row.name for row in result.rows if not row.passed] == ["input"]
    assert result["input"].mistake.startswith(SHIFTED)
    assert "'same' padding cropped on the wrong side" in result["input"].mistake


class SumOfLosses(losses.SparseCategoricalCrossentropy):
    def backward(self, y_true, y_pred, sample_weight=None):
        return super().backward(y_true, y_pred, sample_weight) * len(y_true)


class HalfOfSquares(losses.MeanSquaredError):
    def backward(self, y_true, y_pred, sample_weight=None):
        return super().backward(y_true, y_pred, sample_weight) / 2


def test_planted_bugs_of_losses(rng):
    result = check_loss(SumOfLosses(from_logits=True), np.array([0, 2, 1, 1, 0]), rng.normal(size=(5, 3)))
    assert result["y_pred"].mistake == "5 times too large, the batch size: a sum over the batch where a mean is due"
    result = check_loss(HalfOfSquares(), rng.normal(size=(5, 3)), rng.normal(size=(5, 3)))
    assert result["y_pred"].mistake == "a factor 2 is missing"


class HalfOfPenalty(regularizers.L2):
    def gradient(self, w):
        return self.l2 * w


class NoPenalty(regularizers.L2):
    def gradient(self, w):
        return np.zeros_like(w)


@pytest.mark.parametrize(
    ("regularizer", "mistake"), [(HalfOfPenalty(0.2), "a factor 2 is missing"), (NoPenalty(0.2), "it is zero")]
)
def test_planted_bugs_of_regularizers(regularizer, mistake, rng):
    model = small_model(kernel_regularizer=regularizer)
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    result = check_model(model, *small_data(rng))
    wrong = [row for row in result.rows if not row.passed]
    assert [row.name for row in wrong] == ["conv2d/kernel", "dense/kernel"], f"\n{result}"
    assert {row.mistake for row in wrong} == {f"the gradient of its regularizer's penalty: {mistake}"}


def test_a_model_that_forgets_the_penalties_is_caught(monkeypatch, rng):
    """The check runs the very step of training, so it sees what training forgets."""
    model = small_model(kernel_regularizer="l2")
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")

    def without_penalties(self, x, y, sample_weight, place):
        _, dy = self._forward_and_loss(x, y, sample_weight, training=True)
        self._backward(dy)

    monkeypatch.setattr(Sequential, "_train_step", without_penalties)
    result = check_model(model, *small_data(rng))
    assert result["dense/kernel"].mistake == "the gradient of its regularizer's penalty: it is zero"


def test_in_a_model_the_layer_to_blame_is_named(rng):
    model = small_model()
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    model.layers[1].kernels = replace(REFERENCE, batch_normalization_backward=statistics_terms(1, 0))
    result = check_model(model, *small_data(rng))
    wrong = {row.name: row.mistake for row in result.rows if not row.passed}
    assert set(wrong) == {"input", "conv2d/kernel", "conv2d/bias"}, "what comes before it on the way back is right"
    assert all(m.startswith(f"follows from batch_normalization/input: {NO_X_HAT}") for m in wrong.values())


def test_in_a_model_the_loss_to_blame_is_named(rng):
    model = small_model()
    model.compile(loss=SumOfLosses(), kernels="reference")
    result = check_model(model, *small_data(rng))
    wrong = [row for row in result.rows if not row.name.endswith("ties")]
    assert {row.verdict for row in wrong} == {"WRONG"}
    assert {row.mistake.split(",")[0] for row in wrong} == {
        "follows from sparse_categorical_crossentropy: 5 times too large"
    }


def test_in_a_model_a_parameter_to_blame_is_named(rng):
    model = Sequential([Flatten(input_shape=(7, 7, 1)), WithoutBiasGradient(4, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    result = check_model(model, *small_data(rng))
    wrong = {row.name: row.mistake for row in result.rows if not row.passed}
    assert list(wrong) == ["without_bias_gradient/bias"]
    assert wrong["without_bias_gradient/bias"].startswith("backward does not write it")


def test_in_a_model_ties_are_checked_layer_by_layer(rng):
    model = Sequential([PoolingToTies(input_shape=(7, 7, 1)), Flatten(), Dense(4, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    result = check_model(model, *small_data(rng))
    wrong = {row.name: row.mistake for row in result.rows if not row.passed}
    assert list(wrong) == ["pooling_to_ties/input at ties"], "random images have no ties"
    assert "takes the whole gradient" in wrong["pooling_to_ties/input at ties"]


# Why the upstream gradient is random


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (with_kernels(BatchNormalization(), batch_normalization_backward=zero_dx), IMAGES),
        (with_kernels(Softmax(), activations=activations_with(softmax=lambda dy, y: np.zeros_like(dy))), (3, 5)),
    ],
    ids=["batch normalization", "softmax"],
)
def test_with_ones_as_upstream_gradient_zero_passes_for_dx(layer, shape, monkeypatch):
    assert not check_layer(layer, shape).passed
    monkeypatch.setattr(measure, "random_upstream", lambda shape, rng: np.ones(shape))
    assert check_layer(layer, shape).passed, "outputs of constant sum: to ones, no gradient is the right one"


# Kinks


def test_relu_at_zero_is_named_a_kink():
    x = np.array([[0.0, 1.0, -2.0, 0.0], [3.0, 0.0, -1.0, 0.5]])
    row = check_layer(ReLU(), x)["input"]
    assert (row.kinks, row.checked, row.verdict) == (3, 5, "ok")
    assert row.directions == 0, "a random direction moves the zeros too"
    row = check_layer(SlopeOneAtZero(), x)["input"]
    assert (row.kinks, row.checked, row.verdict) == (3, 5, "WRONG"), "between the slopes, but not that of the branch"
    assert row.mistake == AT_KINKS


def test_half_a_slope_at_a_kink_does_not_pass_silently():
    """The central difference at the kink is dy/2: who returns that agrees with it, and yet it is wrong."""

    class Half(SlopeOneAtZero):
        def backward(self, dy):
            return super().backward(dy) * np.where(self.kept == 0, 0.5, 1)

    result = check_layer(Half(), np.array([[0.0, 1.0, -2.0, 0.0]]))
    assert (result["input"].kinks, result["input"].verdict) == (2, "WRONG")
    assert result["input at ties"].mistake.startswith("the slope at 0 is another one")


def test_a_slope_that_is_not_between_those_at_the_kink_is_wrong():
    class Twice(SlopeOneAtZero):
        def backward(self, dy):
            return super().backward(dy) * np.where(self.kept == 0, 2, 1)

    row = check_layer(Twice(), np.array([[0.0, 1.0, -2.0, 0.5]]))["input"]
    assert row.verdict == "WRONG"
    assert row.kinks == 0


@pytest.mark.parametrize("distance", [1e-5, 3e-6, 1e-6, 1e-7, 3e-8, 1e-8])
def test_a_kink_close_by_is_stepped_around(distance):
    x = np.array([[distance, -distance, 1.0, -1.0]])
    row = check_layer(ReLU(), x)["input"]
    assert (row.kinks, row.checked, row.verdict) == (0, 4, "ok")

    class Wrong(ReLU):
        def backward(self, dy):
            dy, _ = self._restore(dy)
            return dy

    row = check_layer(Wrong(), x)["input"]
    assert (row.kinks, row.verdict) == (0, "WRONG")


def test_tied_pools_are_named_kinks():
    x = np.array([[3.0, 3.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]]).reshape(1, 2, 4, 1)
    row = check_layer(MaxPooling2D(), x)["input"]
    assert (row.kinks, row.checked, row.verdict) == (2, 6, "ok"), "the first window is tied, the second is not"
    for layer in (PoolingToTies(), with_kernels(MaxPooling2D(), max_pooling2d_forward=last_maximum)):
        row = check_layer(layer, x)["input"]
        assert (row.kinks, row.checked, row.verdict) == (2, 6, "WRONG")
        assert row.mistake == AT_KINKS


def test_where_all_entries_lie_on_kinks_the_branch_decides():
    zeros = np.zeros((1, 4, 4, 1))
    for layer in (MaxPooling2D(), ReLU(), LeakyReLU(0.3), Activation("leaky_relu")):
        row = check_layer(layer, zeros)["input"]
        assert (row.verdict, row.checked, row.kinks) == ("ok", 0, 16)
    for layer in (PoolingToTies(), SlopeOneAtZero()):
        row = check_layer(layer, zeros)["input"]
        assert (row.verdict, row.mistake) == ("WRONG", AT_KINKS)


class OwnReLU(Layer):
    """Its kink is one of which the checker knows nothing: it does not go through the kernels."""

    factor = 1.0  # of the gradient

    def _build(self, input_shape, rng):
        return input_shape

    def forward(self, x, training=False):
        if training:
            self._save(x.shape, x)
        return np.maximum(x, 0)

    def backward(self, dy):
        dy, x = self._restore(dy)
        return self.factor * dy * (x > 0)


def test_nothing_but_kinks_that_have_no_branch_does_not_pass():
    result = check_layer(OwnReLU(), np.zeros((1, 4, 4, 1)))
    row = result["input"]
    assert (row.verdict, row.checked, row.kinks) == ("KINKS", 0, 16)
    assert not result.passed
    assert "    not checked: nearly all entries lie on kinks; try another x\n" in str(result)


def test_kinks_that_have_no_branch_are_left_out_where_many_meet(rng):
    """A blank pixel moves many zeros at once, with either sign in a model: the claimed slope need not lie between."""
    x = rng.random((2, 6, 6, 1))
    x[:, :, 3:] = 0
    model = Sequential([Conv2D(2, 3, input_shape=(6, 6, 1)), OwnReLU(), Flatten(), Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    result = check_model(model, x, np.array([0, 2]), entries=72, jitter=0)
    assert (result["input"].kinks, result["input"].checked, result["input"].verdict) == (36, 36, "ok")
    assert result["conv2d/kernel"].passed
    assert result["conv2d/bias"].verdict == "KINKS", "both biases move blank windows"
    model.layers[1].factor = 2.0
    result = check_model(model, x, np.array([0, 2]), entries=72, jitter=0)
    assert result["input"].verdict == result["conv2d/kernel"].verdict == "WRONG"


def test_poolings_of_another_kind_have_no_branch():
    """Whose kernel takes the smallest pixel is not held to the largest."""

    def smallest(x, pool_size, strides):
        y, argmin = REFERENCE.max_pooling2d_forward(-x, pool_size, strides)
        return -y, argmin

    x = np.array([[3.0, 3.0, 1.0, 0.0], [5.0, 7.0, 2.0, 3.0]]).reshape(1, 2, 4, 1)
    row = check_layer(with_kernels(MaxPooling2D(), max_pooling2d_forward=smallest), x)["input"]
    assert (row.kinks, row.checked, row.verdict) == (2, 6, "ok")


# Real images: blank areas, where many kinks meet


def hard_images(kind, rng):
    (x, y), _ = digits.load_data()
    x, y = x[:2, ..., None] / 255, y[:2]
    if kind == "one twice":
        y, x = y[[0, 0]], x[[0, 0]]
    images = {
        "digits": x,
        "black and white": np.round(x),
        "digits up to 255": 255 * x,
        "one blank": x * np.array([1, 0])[:, None, None, None],
        "blank": 0 * x,
        "saturated": np.ones_like(x),
        "grey": np.full_like(x, 0.37),
        "one twice": x,
        "noise": rng.random(x.shape),
    }
    return images[kind], y


DIGITS = ("digits", "black and white", "digits up to 255", "one blank", "one twice")
HARD_IMAGES = (*DIGITS, "blank", "saturated", "grey", "noise")


def model_of_digits(convolution=Conv2D, pooling=MaxPooling2D, relu=ReLU, dropout=Dropout):
    """Small, and with all that makes kinks: relus within layers and alone, poolings that do and do not overlap."""
    model = Sequential(
        [
            convolution(3, 3, activation="relu", input_shape=(28, 28, 1)),
            pooling(),
            Conv2D(4, 3, padding="same"),
            BatchNormalization(),
            relu(),
            dropout(0.2),
            MaxPooling2D(3, strides=2),
            Flatten(),
            Dense(12, activation="leaky_relu"),
            Dense(12),
            LeakyReLU(),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    return model


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("jitter", [0.1, 0.0], ids=["near the weights", "biases of zero"])
@pytest.mark.parametrize("kind", HARD_IMAGES)
def test_right_gradients_pass_on_hard_images(kind, jitter, seed, rng):
    x, y = hard_images(kind, rng)
    result = check_model(model_of_digits(), x, y, entries=10, seed=seed, jitter=jitter)
    assert result.passed, f"\n{result}"


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("plain", "reference"),
        *(pytest.param(name, "reference", marks=pytest.mark.slow) for name in ("dropout", "batch_normalization")),
        *(pytest.param(name, "fast", marks=pytest.mark.jit) for name in ("plain", "dropout", "batch_normalization")),
    ],
)
def test_the_notebooks_models_pass_on_digits(name, kernels):
    """Five images: enough for the fused steps."""
    (x, y), _ = digits.load_data()
    model = getattr(models, name)()
    model.compile(loss="sparse_categorical_crossentropy", kernels=kernels)
    result = check_model(model, x[:5, ..., None] / 255, y[:5], entries=10)
    assert result.passed, f"\n{result}"
    assert result["input"].kinks >= 2, "pixels of blank areas, where pooling has several maxima"


@pytest.mark.jit
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_fused_steps_pass_where_rounding_chooses(seed):
    """Of grey images, biases of zero and batch normalization only rounding errors are left; fused steps have others."""
    model = models.batch_normalization()
    model.compile(loss="sparse_categorical_crossentropy", kernels="fast")
    x, y = np.full((5, 28, 28, 1), 0.37), np.arange(5)
    result = check_model(model, x, y, seed=seed, jitter=0)
    assert result.passed, f"\n{result}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("frozen", ["the first", "the normalization", "all"])
def test_models_with_frozen_layers_pass_on_digits(frozen, dtype, rng):
    model = copy_model(model_of_digits(), dtype)
    for layer in {"the first": model.layers[:1], "the normalization": model.layers[3:4], "all": model.layers}[frozen]:
        layer.trainable = False
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    x, y = hard_images("digits", rng)
    result = check_model(model, x.astype(dtype), y, entries=10)
    assert result.passed, f"\n{result}"
    arrays = ["input", *(f"{layer.name}/{p.name}" for layer in model.layers for p in layer.parameters)]
    assert [row.name for row in result.rows if not row.name.endswith("ties")] == arrays
    assert len(arrays) == {"the first": 11, "the normalization": 11, "all": 1}[frozen]
    assert {layer.dtype for layer in model.layers} == {np.dtype(dtype)}


@pytest.mark.parametrize("confidence", [10, 20, 40])
def test_small_losses_of_confident_models_pass(confidence):
    """They come from sums near 1, whose rounding errors are not small."""
    for seed in range(8):
        utils.set_random_seed(seed)
        model = Sequential([Dense(20, activation="tanh", input_shape=(8,)), Dense(4, activation="softmax")])
        model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
        model.layers[1].kernel.value[...] *= confidence
        x = np.random.default_rng(seed).normal(size=(3, 8))
        result = check_model(model, x, model.predict(x, verbose=0).argmax(axis=-1), seed=seed, jitter=0)
        assert result.passed, f"\n{result}"
        model.layers[1].kernels = replace(REFERENCE, dense_backward_parameters=mean_of_parameters)
        assert not check_model(model, x, model.predict(x, verbose=0).argmax(axis=-1), seed=seed, jitter=0).passed


def test_rounding_errors_that_batch_normalization_enlarges_pass():
    """A bias before it has no effect but noise, which a channel of small variance, as of a blank image, enlarges."""
    (x, y), _ = digits.load_data()
    utils.set_random_seed(0)
    model = copy_model(models.batch_normalization(), "float64")
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    chosen = np.random.default_rng(8902)
    chosen.integers(0, 10, 2)
    chosen = chosen.integers(0, len(x), 2)
    x, y = x[chosen, ..., None] * np.array([1 / 255, 0])[:, None, None, None], y[chosen]
    assert check_model(model, x, y, seed=8902)["conv2d/bias"].passed


@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.parametrize("kernels", WITH_COMPILER)
def test_trained_models_pass_on_mnist(kernels, rng):
    if not os.environ.get("TINYCNN_DATA"):
        pytest.skip("TINYCNN_DATA is not set: it names the folder with the real MNIST")
    (x, y), _ = mnist.load_data()
    x = x[:600, ..., None] / 255
    model = model_of_digits()
    model.compile(loss="sparse_categorical_crossentropy", kernels=kernels)
    model.fit(x, y[:600], epochs=2, verbose=0)
    for seed in range(5):
        chosen = rng.integers(0, 600, 5)
        result = check_model(model, x[chosen], y[chosen], entries=10, seed=seed)
        assert result.passed, f"\n{result}"


class ConvolutionOfSlopeOneAtZero(Conv2D):
    """The mistake that shows at zeros alone: where a window is blank and the bias is 0."""

    def backward_parameters(self, dy):
        z = self.kernels.conv2d_forward(self._saved[1], self.kernel.value, self.bias.value, self.strides, (1, 1))
        own, self.kernels = self.kernels, replace(self.kernels, activations=IDENTITY)
        dz = super().backward_parameters(np.where(z >= 0, dy, 0))
        self.kernels = own
        return dz


def conv_without_dbias(*arguments):
    dkernel, dbias = REFERENCE.conv2d_backward_parameters(*arguments)
    return dkernel, 0 * dbias


def planted_in(place, **functions):
    def make():
        model = model_of_digits()
        model.layers[place].kernels = replace(REFERENCE, **functions)
        return model

    return make


# The mistake: the model, and the rows that must be wrong with what must be said there.
FOLLOWS = "follows from "
PLANTED_IN_MODELS = {
    "dx = 0": (
        planted_in(3, batch_normalization_backward=zero_dx),
        {"input": FOLLOWS + "batch_normalization/input: it is zero"},
    ),
    "batch normalization without the x̂ term": (
        planted_in(3, batch_normalization_backward=statistics_terms(1, 0)),
        {"input": FOLLOWS + f"batch_normalization/input: {NO_X_HAT}"},
    ),
    "the bias gradient is missing": (
        planted_in(0, conv2d_backward_parameters=conv_without_dbias),
        {"conv2d/bias": "it is zero"},
    ),
    "transposed dkernel": (
        planted_in(9, dense_backward_parameters=transposed_parameters),
        {"dense_1/kernel": "transposed"},
    ),
    "pooling, all ties": (
        lambda: model_of_digits(pooling=PoolingToTies),
        {
            "pooling_to_ties/input at ties": "each of several equal maxima takes the whole gradient",
            "input": FOLLOWS + "pooling_to_ties/input at ties",
            "conv2d/bias": FOLLOWS + "pooling_to_ties/input at ties",
        },
    ),
    "pooling, ties share": (
        lambda: model_of_digits(pooling=PoolingShared),
        {
            "pooling_shared/input at ties": "equal maxima are treated another way",
            "input": FOLLOWS + "pooling_shared/input at ties",
        },
    ),
    "pooling, the last maximum": (
        planted_in(1, max_pooling2d_forward=last_maximum),
        {
            "max_pooling2d/input at ties": "the last of equal maxima takes the gradient",
            "input": FOLLOWS + "max_pooling2d/input at ties",
        },
    ),
    "relu with slope 1 at 0": (
        lambda: model_of_digits(relu=SlopeOneAtZero),
        {"slope_one_at_zero/input at ties": "at 0 the slope of the right side is taken"},
    ),
    "relu without its mask": (
        planted_in(0, activations=IDENTITY),
        {"input": FOLLOWS + "conv2d/bias", "conv2d/kernel": NO_DERIVATIVE, "conv2d/bias": NO_DERIVATIVE},
    ),
    "dropout without its mask": (
        lambda: model_of_digits(dropout=WithoutMask),
        {"input": FOLLOWS + "without_mask/input: dropout's mask is missing"},
    ),
}


@pytest.mark.parametrize("case", PLANTED_IN_MODELS)
def test_planted_bugs_are_caught_on_real_images(case, rng):
    make, expected = PLANTED_IN_MODELS[case]
    result = check_model(make(), *hard_images("digits", rng), entries=20)
    for name, mistake in expected.items():
        assert result[name].verdict == "WRONG", f"\n{result}"
        assert result[name].mistake.startswith(mistake), f"\n{result}"


def test_slope_one_at_zero_within_a_convolution_is_caught_on_real_images(rng):
    """Only where numbers are exactly zero, as in blank windows while the bias is zero."""
    x, y = hard_images("digits", rng)
    model = model_of_digits(convolution=ConvolutionOfSlopeOneAtZero)
    result = check_model(model, x, y, entries=20, jitter=0)
    name = model.layers[0].name
    assert result[f"{name}/bias"].verdict == "WRONG", f"\n{result}"
    assert result[f"{name}/bias"].mistake == AT_KINKS
    assert result[f"{name}/kernel"].passed, "blank windows have no part in it"


def test_the_kink_of_an_l1_penalty_is_named(rng):
    model = Sequential([Flatten(input_shape=(7, 7, 1)), Dense(4, activation="softmax", kernel_regularizer="l1")])
    model.compile(loss="sparse_categorical_crossentropy")
    model.layers[1].kernel.value[...] = rng.normal(size=(49, 4))
    model.layers[1].kernel.value[:10] = 0
    row = check_model(model, *small_data(rng), entries=49 * 4, jitter=0)["dense/kernel"]
    assert (row.kinks, row.checked, row.verdict) == (40, 156, "ok")


# What makes mistakes visible


def test_jitter_makes_a_missing_factor_gamma_visible():
    layer = with_kernels(BatchNormalization(), batch_normalization_backward=without_gamma)
    assert check_layer(layer, (5, 1), jitter=0).passed, "γ is 1 at the start"
    assert not check_layer(layer, (5, 1)).passed


def test_directions_see_what_the_sample_of_entries_misses():
    """One wrong number among 40,000: no sample of five finds it."""

    class OneWrong(Dense):
        def backward_parameters(self, dy):
            dz = super().backward_parameters(dy)
            self.kernel.grad[17, 3] *= 1.01
            return dz

    def check(directions):
        return check_layer(OneWrong(200), (2, 200), entries=5, directions=directions)["kernel"]

    assert check(directions=0).passed
    row = check(directions=2)
    assert row.verdict == "WRONG"
    assert row.mistake.startswith("right in all entries of the sample, wrong in others")


def test_a_gradient_that_is_truly_zero_passes(rng):
    """A bias before batch normalization has no effect; what is measured is noise."""
    model = Sequential([Flatten(input_shape=(7, 7, 1)), Dense(6), BatchNormalization(), Dense(4, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    assert check_model(model, *small_data(rng))["dense/bias"].passed


# Nothing changes


def snapshot(layer):
    """All that a layer holds; arrays, generators and other objects by value."""
    kept = {}
    for name, value in vars(layer).items():
        if name == "_output":
            continue  # where it stands in a model
        if isinstance(value, np.random.Generator):
            kept[name] = value.bit_generator.state
        elif name == "_parameters":
            kept[name] = {n: (id(p), p.value.copy(), p.value.dtype, p.grad.copy()) for n, p in value.items()}
        elif name == "kernels" or isinstance(value, Parameter):
            kept[name] = id(value)
        else:
            kept[name] = copy.deepcopy(vars(value) if hasattr(value, "__dict__") else value)
    return kept


@pytest.mark.parametrize("saved", [False, True], ids=["nothing saved", "with a batch saved"])
@pytest.mark.parametrize("case", ["conv relu", "batch normalization", "dropout", "max pooling", "dense softmax"])
def test_a_check_leaves_the_layer_as_it_was(case, saved, rng):
    make, shape = LAYERS[case]
    layer = make()
    layer.build(shape)
    if saved:
        layer.forward(rng.normal(size=shape), training=True)
    x = rng.normal(size=shape)
    x.setflags(write=False)
    before = snapshot(layer)
    assert check_layer(layer, x).passed
    np.testing.assert_equal(snapshot(layer), before)


def test_a_layer_that_is_not_built_stays_so():
    layer = Dense(3)
    assert check_layer(layer, (None, 4)).passed
    assert not layer.built


def test_a_check_leaves_the_model_as_it_was(rng):
    x, y = small_data(rng)
    model = small_model(kernel_regularizer="l2")
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    values = [p.value for p in model.parameters]
    before = [snapshot(layer) for layer in model.layers]
    weights, slots = model.get_weights(), [w.copy() for w in model.optimizer_weights()]
    figures = [metric.result() for metric in model.metrics]
    optimizer, vector, x_before = model.optimizer, model._vector, x.copy()

    assert check_model(model, x, y, entries=3).passed

    np.testing.assert_equal([snapshot(layer) for layer in model.layers], before)
    np.testing.assert_equal(model.get_weights(), weights)
    np.testing.assert_equal(model.optimizer_weights(), slots)
    assert [metric.result() for metric in model.metrics] == figures
    assert all(p.value is value for p, value in zip(model.parameters, values, strict=True))
    assert model.optimizer is optimizer
    assert model._vector is vector
    np.testing.assert_array_equal(x, x_before)


def test_a_check_takes_nothing_from_the_packages_random_stream(rng):
    x, y = small_data(rng)

    def next_weights(check):
        utils.set_random_seed(3)
        model = small_model()
        model.compile(loss="sparse_categorical_crossentropy")
        if check:
            check_layer(Dense(3), (3, 4))
            check_model(model, x, y, entries=2)
        layer = Dense(3)
        layer.build((None, 4))
        return layer.kernel.value

    np.testing.assert_array_equal(next_weights(check=True), next_weights(check=False))


def test_arrays_of_any_layout_are_accepted(rng):
    x = np.asfortranarray(rng.normal(size=(3, 5)))
    assert check_layer(Dense(4), x).passed
    assert check_layer(Dense(4), x[::-1, ::2]).passed
    assert check_layer(Dense(4), x.tolist()).passed
    model = Sequential([Dense(4, activation="softmax", input_shape=(5,))])
    model.compile(loss="sparse_categorical_crossentropy")
    assert check_model(model, x, np.array([0, 1, 3])).passed


def test_the_same_seed_gives_the_same_table():
    layer = Dense(4, activation="tanh")
    layer.build((None, 5))
    assert str(check_layer(layer, (3, 5), seed=1)) == str(check_layer(layer, (3, 5), seed=1))
    rows = [check_layer(layer, (3, 5), seed=seed)["kernel"].error for seed in (1, 2)]
    assert rows[0] != rows[1]


# The table and the errors


def test_the_table_shows_every_array():
    result = gradient_check.GradientCheck(
        "a title",
        (
            gradient_check.Row("input", (3, 5), 15, 2, 0, 1.2e-9, 1e-6, "ok"),
            gradient_check.Row("bias", (4,), 3, 0, 1, 2.0, 1e-6, "WRONG", "it is zero"),
        ),
    )
    assert str(result).splitlines() == [
        "a title",
        "  array  shape   checked  kinks  error    tolerance  verdict",
        "  input  (3, 5)  15 + 2   0      1.2e-09  1e-06      ok",
        "  bias   (4,)    3        1      2.0e+00  1e-06      WRONG",
        "    likely mistake: it is zero",
        "  FAILED: 1 of 2 arrays",
    ]
    assert not result.passed
    assert str(dataclasses.replace(result, rows=result.rows[:1])).endswith("\n  passed")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_layer("dense", (3, 4)), TypeError, "check_layer: expected a layer, received 'dense'."),
        (
            lambda: check_model(Dense(3), None, None),
            TypeError,
            "check_model: expected a Sequential or a Model, received <Dense",
        ),
        (
            lambda: check_layer(Dense(3), np.array([[1.0, np.nan]])),
            ValueError,
            "check_layer: expected finite numbers, received NaN or infinity. Remove or repair them.",
        ),
        (
            lambda: check_loss("mse", np.ones((2, 1)), np.array([[1.0], [np.inf]])),
            ValueError,
            "check_loss: expected finite numbers, received NaN or infinity.",
        ),
        (
            lambda: check_loss("sparse_categorical_crossentropy", np.array([0, 3]), np.full((2, 3), 1 / 3)),
            ValueError,
            "sparse_categorical_crossentropy: expected labels from 0 to 2",
        ),
        (
            lambda: check_model(Sequential([Dense(3)]), np.ones((2, 4)), np.zeros(2)),
            RuntimeError,
            "check_model: expected a model that is built",
        ),
        (
            lambda: check_model(Sequential([Dense(3, input_shape=(4,))]), np.ones((2, 4)), np.zeros(2)),
            RuntimeError,
            "check_model: expected compile(...) with a loss before it",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# The command line

ROOT = Path(__file__).parents[1]
PLANT = """
import dataclasses, runpy, sys
import numpy as np
from tinycnn import kernels
kernels.SETS["reference"] = dataclasses.replace(
    kernels.REFERENCE, dense_backward_parameters=lambda x, dz: (x.T @ dz, 0 * dz.sum(axis=0)))
sys.argv = ["gradient_check", "--plain", "--kernels", "reference"]
runpy.run_module("tinycnn.gradient_check", run_name="__main__")
"""


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, encoding="utf-8", env=environment, check=False, timeout=300
    )


def test_the_command_exits_with_0_and_prints_the_table():
    done = run("-m", "tinycnn.gradient_check", "--bn", "--kernels", "reference", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("bn: 3 samples, reference kernels\n")
    assert done.stdout.endswith("  passed\n")
    assert re.search(r"batch_normalization_2/gamma +\(64,\) +20 \+ 2 +0 .* ok\n", done.stdout)
    assert done.stderr == ""


@pytest.mark.slow
def test_the_command_exits_with_1_where_a_gradient_is_wrong():
    done = run("-c", PLANT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "likely mistake: it is zero" in done.stdout
    assert "FAILED: 2 of 11 arrays" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [(name, kernels) for name in ("plain", "dropout", "bn") for kernels in ("fast", "reference")]),
        (["--plain"], [("plain", "fast"), ("plain", "reference")]),
        (["--dropout", "--kernels", "fast"], [("dropout", "fast")]),
        (["--bn", "--seed", "5"], [("bn", "fast"), ("bn", "reference")]),
    ],
)
def test_the_command_chooses_models_and_kernels(arguments, expected, monkeypatch, capsys):
    seen = []

    def record(model, x, y, seed):
        seen.append((model.name, model.layers[0].kernels.name, seed, x.shape))
        return gradient_check.GradientCheck("checked", ())

    monkeypatch.setattr(command_line, "check_model", record)
    assert gradient_check.main(arguments) == 0
    seed = 5 if "--seed" in arguments else 0
    assert seen == [(name, kernels, seed, (3, 28, 28, 1)) for name, kernels in expected]
    assert capsys.readouterr().out.count("  passed\n") == len(expected)


def test_wrong_usage_exits_with_2(capsys):
    with pytest.raises(SystemExit) as exit_info:
        gradient_check.main(["--bn", "--dropout"])
    assert exit_info.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err

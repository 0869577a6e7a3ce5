"""Bad input: every mistake gets an error that says what was expected, what came, and what to do; nothing half-changed.

The form is ``{who}: expected <what>, received <value>. <what to do>``. Errors of losses, metrics,
optimizers, initializers, callbacks and data files are tested next to those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinycnn.layers
from tinycnn import Sequential, activations, callbacks
from tinycnn.kernels import SETS
from tinycnn.layers import (
    ELU,
    Activation,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Input,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    PReLU,
    ReLU,
    Reshape,
    SeparableConv2D,
    Softmax,
    SpatialDropout2D,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.utils import set_random_seed, to_categorical

Array = np.ndarray


def check(call: Callable[[], Any], error: type[Exception], *words: str) -> None:
    """The call raises this very type of error, in the form of all errors, with these words in this order."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    text = str(caught.value)
    # Calls in the wrong order have "found nothing kept" and the like in the place of "received".
    value = "" if error is RuntimeError else r", (received|found) .+"
    assert re.match(rf"^.+?: expected .+{value}\. [A-Z].+[.?]$", text, re.DOTALL), text
    place = 0
    for word in words:
        place = text.find(word, place)
        assert place >= 0, f"{word!r} is missing (or out of order) in: {text}"


def small() -> Sequential:
    return Sequential(
        [
            Input(shape=(6, 6, 1)),
            Conv2D(3, 3, activation="relu", name="first"),
            BatchNormalization(),
            Flatten(),
            Dense(4, activation="softmax", name="head"),
        ],
        name="net",
    )


@pytest.fixture
def model() -> Sequential:
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def x(rng: np.random.Generator) -> Array:
    return rng.normal(size=(8, 6, 6, 1))


@pytest.fixture
def y(rng: np.random.Generator) -> Array:
    return rng.integers(0, 4, 8)


class Unchanged:
    """Holds that weights, moving statistics, optimizer and history are the same afterwards."""

    def __init__(self, model: Sequential):
        self.model = model

    def __enter__(self) -> None:
        self.weights = self.model.get_weights()
        self.iterations = self.model.optimizer.iterations if self.model.optimizer else None
        self.history = self.model.history

    def __exit__(self, *exception: object) -> None:
        for before, after in zip(self.weights, self.model.get_weights(), strict=True):
            np.testing.assert_array_equal(after, before)
        if self.model.optimizer:
            assert self.model.optimizer.iterations == self.iterations
        assert self.model.history is self.history


# Arguments of layers

ARGUMENTS: list[tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = [
    (
        lambda: Conv2D(0, 3),
        ValueError,
        ("Conv2D: expected filters to be a positive whole number, received 0. Try 32.",),
    ),
    (lambda: Conv2D(2.5, 3), ValueError, ("expected filters", "received 2.5")),
    (
        lambda: Conv2D(4, 0),
        ValueError,
        ("Conv2D: expected kernel_size to be a positive whole number or two of them, received 0", "kernel_size=(2, 2)"),
    ),
    (lambda: Conv2D(4, (3, 3, 3)), ValueError, ("kernel_size", "received (3, 3, 3)")),
    (lambda: Conv2D(4, (3, -1)), ValueError, ("kernel_size", "received (3, -1)")),
    (lambda: Conv2D(4, 2.5), ValueError, ("kernel_size", "received 2.5")),
    (lambda: Conv2D(4, (2.5, 3)), ValueError, ("kernel_size", "received (2.5, 3)")),
    (lambda: Conv2D(4, "3"), ValueError, ("kernel_size", "received '3'")),
    (lambda: Conv2D(4, None), ValueError, ("kernel_size", "received None")),
    (lambda: Conv2D(4, True), ValueError, ("kernel_size", "received True")),
    (lambda: Conv2D(4, 3, strides=0), ValueError, ("Conv2D: expected strides", "received 0")),
    (lambda: Conv2D(4, 3, dilation_rate=(0, 1)), ValueError, ("Conv2D: expected dilation_rate", "received (0, 1)")),
    (
        lambda: Conv2D(4, 3, strides=2, dilation_rate=2),
        ValueError,
        ("Conv2D: expected strides=1 or dilation_rate=1, received strides=(2, 2) with dilation_rate=(2, 2)",),
    ),
    (
        lambda: Conv2D(4, 3, padding="full"),
        ValueError,
        ("Conv2D: expected padding 'valid' or 'same', received 'full'",),
    ),
    (lambda: Conv2D(4, 3, padding=1), ValueError, ("expected padding", "received 1")),
    (
        lambda: Conv2D(4, 3, data_format="channels_first"),
        ValueError,
        ("Conv2D: expected data_format='channels_last', received 'channels_first'", "transpose(0, 2, 3, 1)"),
    ),
    (lambda: Conv2D(4, 3, groups=3), ValueError, ("Conv2D: expected groups", "divides filters=4, received 3")),
    (lambda: Conv2D(4, 3, groups=0), ValueError, ("expected groups", "received 0")),
    (
        lambda: Conv2DTranspose(0, 3),
        ValueError,
        ("Conv2DTranspose: expected filters to be a positive whole number, received 0. Try 32.",),
    ),
    (lambda: Conv2DTranspose(4, (3, 0)), ValueError, ("Conv2DTranspose: expected kernel_size", "received (3, 0)")),
    (lambda: Conv2DTranspose(4, 3, 0), ValueError, ("Conv2DTranspose: expected strides", "received 0")),
    (
        lambda: Conv2DTranspose(4, 3, padding="full"),
        ValueError,
        ("Conv2DTranspose: expected padding", "received 'full'"),
    ),
    (lambda: Conv2DTranspose(4, 3, dilation_rate=0), ValueError, ("Conv2DTranspose: expected dilation_rate",)),
    (
        lambda: Conv2DTranspose(4, 3, 2, dilation_rate=2),
        ValueError,
        ("Conv2DTranspose: expected strides=1 or dilation_rate=1, received",),
    ),
    (
        lambda: Conv2DTranspose(4, 3, data_format="channels_first"),
        ValueError,
        ("Conv2DTranspose: expected data_format",),
    ),
    (
        lambda: Conv2DTranspose(4, 3, 2, output_padding=2),
        ValueError,
        (
            "Conv2DTranspose: expected output_padding to be whole numbers from 0 to below strides=(2, 2), one or two, "
            "received 2. Leave it out, or write output_padding=(1, 1).",
        ),
    ),
    (lambda: Conv2DTranspose(4, 3, 2, output_padding=(0, -1)), ValueError, ("output_padding", "received (0, -1)")),
    (lambda: Conv2DTranspose(4, 3, 2, output_padding=(0, 1, 1)), ValueError, ("output_padding", "received (0, 1, 1)")),
    (lambda: Conv2DTranspose(4, 3, 2, output_padding=0.5), ValueError, ("output_padding", "received 0.5")),
    (
        lambda: DepthwiseConv2D(3, depth_multiplier=0),
        ValueError,
        ("DepthwiseConv2D: expected depth_multiplier to be a positive whole number, received 0. Try 1.",),
    ),
    (lambda: DepthwiseConv2D((3, 0)), ValueError, ("DepthwiseConv2D: expected kernel_size", "received (3, 0)")),
    (lambda: DepthwiseConv2D(3, 0), ValueError, ("DepthwiseConv2D: expected strides", "received 0")),
    (lambda: DepthwiseConv2D(3, padding="full"), ValueError, ("DepthwiseConv2D: expected padding", "received 'full'")),
    (lambda: DepthwiseConv2D(3, dilation_rate=0), ValueError, ("DepthwiseConv2D: expected dilation_rate",)),
    (lambda: DepthwiseConv2D(3, data_format="channels_first"), ValueError, ("DepthwiseConv2D: expected data_format",)),
    (lambda: DepthwiseConv2D(3, depthwise_constraint=3), TypeError, ("constraint: expected a name or a Constraint",)),
    (
        lambda: SeparableConv2D(0, 3),
        ValueError,
        ("SeparableConv2D: expected filters to be a positive whole number, received 0. Try 32.",),
    ),
    (lambda: SeparableConv2D(4, (3, 0)), ValueError, ("SeparableConv2D: expected kernel_size", "received (3, 0)")),
    (lambda: SeparableConv2D(4, 3, 0), ValueError, ("SeparableConv2D: expected strides", "received 0")),
    (lambda: SeparableConv2D(4, 3, padding="full"), ValueError, ("SeparableConv2D: expected padding", "'full'")),
    (lambda: SeparableConv2D(4, 3, dilation_rate=0), ValueError, ("SeparableConv2D: expected dilation_rate",)),
    (
        lambda: SeparableConv2D(4, 3, depth_multiplier=1.5),
        ValueError,
        ("SeparableConv2D: expected depth_multiplier to be a positive whole number, received 1.5. Try 1.",),
    ),
    (
        lambda: SeparableConv2D(4, 3, data_format="channels_first"),
        ValueError,
        ("SeparableConv2D: expected data_format",),
    ),
    (lambda: MaxPooling2D(0), ValueError, ("MaxPooling2D: expected pool_size", "received 0")),
    (lambda: MaxPooling2D(2, strides=(1, 2, 3)), ValueError, ("MaxPooling2D: expected strides", "received (1, 2, 3)")),
    (lambda: MaxPooling2D(padding="SAM"), ValueError, ("MaxPooling2D: expected padding", "received 'SAM'")),
    (
        lambda: MaxPooling2D(data_format="channels_first"),
        ValueError,
        ("MaxPooling2D: expected data_format='channels_last'",),
    ),
    (lambda: AveragePooling2D((2, "2")), ValueError, ("AveragePooling2D: expected pool_size", "received (2, '2')")),
    (lambda: AveragePooling2D(padding=None), ValueError, ("AveragePooling2D: expected padding", "received None")),
    (
        lambda: AveragePooling2D(data_format="NCHW"),
        ValueError,
        ("AveragePooling2D: expected data_format='channels_last', received 'NCHW'",),
    ),
    (
        lambda: GlobalAveragePooling2D(data_format="channels_first"),
        ValueError,
        ("GlobalAveragePooling2D: expected data_format",),
    ),
    (
        lambda: GlobalMaxPooling2D(data_format="channels_first"),
        ValueError,
        ("GlobalMaxPooling2D: expected data_format='channels_last', received 'channels_first'",),
    ),
    (lambda: UpSampling2D(0), ValueError, ("UpSampling2D: expected size to be a positive whole number", "received 0")),
    (
        lambda: UpSampling2D(interpolation="bicubic"),
        ValueError,
        ("UpSampling2D: expected interpolation one of bilinear, nearest, received 'bicubic'. Use one of these.",),
    ),
    (lambda: Dense(0), ValueError, ("Dense: expected units to be a positive whole number, received 0. Try 64.",)),
    (lambda: Dense(-3), ValueError, ("expected units", "received -3")),
    (lambda: Dense(2.0), ValueError, ("expected units", "received 2.0")),
    (lambda: Dropout(-0.1), ValueError, ("Dropout: expected a rate from 0 to 1, received -0.1", "try 0.25")),
    (lambda: Dropout(1.5), ValueError, ("Dropout: expected a rate from 0 to 1, received 1.5",)),
    (lambda: Dropout(float("nan")), ValueError, ("expected a rate from 0 to 1, received nan",)),
    (lambda: Dropout("0.5"), ValueError, ("expected a rate from 0 to 1, received '0.5'",)),
    (lambda: SpatialDropout2D(1.5), ValueError, ("SpatialDropout2D: expected a rate from 0 to 1, received 1.5",)),
    (
        lambda: SpatialDropout2D(0.5, "channels_first"),
        ValueError,
        ("SpatialDropout2D: expected data_format='channels_last', received 'channels_first'",),
    ),
    (lambda: GaussianDropout(1), ValueError, ("GaussianDropout: expected a rate from 0 to below 1, received 1",)),
    (lambda: AlphaDropout(1.0), ValueError, ("AlphaDropout: expected a rate from 0 to below 1, received 1.0",)),
    (lambda: GaussianNoise(2), ValueError, ("GaussianNoise: expected a stddev from 0 to 1, received 2", "try 0.1")),
    (lambda: GaussianNoise(None), ValueError, ("GaussianNoise: expected a stddev", "received None")),
    (lambda: LayerNormalization(epsilon=-1), ValueError, ("LayerNormalization: expected epsilon >= 0, received -1",)),
    (lambda: GroupNormalization(epsilon=-1), ValueError, ("GroupNormalization: expected epsilon >= 0, received -1",)),
    (
        lambda: GroupNormalization(0),
        ValueError,
        ("GroupNormalization: expected groups to be a positive whole number or -1, received 0", "try 8"),
    ),
    (lambda: GroupNormalization(2.0), ValueError, ("expected groups", "received 2.0")),
    (
        lambda: BatchNormalization(momentum=1.5),
        ValueError,
        ("BatchNormalization: expected a momentum from 0 to 1, received 1.5", "0.99"),
    ),
    (lambda: BatchNormalization(momentum=-0.1), ValueError, ("momentum from 0 to 1, received -0.1",)),
    (
        lambda: BatchNormalization(epsilon=-1e-3),
        ValueError,
        ("BatchNormalization: expected epsilon >= 0, received -0.001",),
    ),
    (lambda: LeakyReLU(-0.1), ValueError, ("LeakyReLU: expected negative_slope >= 0, received -0.1",)),
    (lambda: Reshape((-1, -1)), ValueError, ("Reshape: expected the new shape of one sample", "received (-1, -1)")),
    (lambda: Reshape((2, 0)), ValueError, ("positive sizes and at most one -1, received (2, 0)", "(7, 7, 64)")),
    (lambda: Reshape((2.0, 3)), ValueError, ("Reshape: expected the new shape", "received (2.0, 3)")),
    (lambda: Reshape(6), ValueError, ("Reshape: expected the new shape", "received 6")),
    (
        lambda: ZeroPadding2D(-1),
        ValueError,
        ("ZeroPadding2D: expected padding to be whole numbers >= 0", "received -1"),
    ),
    (lambda: ZeroPadding2D((1, 2, 3)), ValueError, ("one, two, or two pairs, received (1, 2, 3)", "padding=1")),
    (lambda: ZeroPadding2D(((1, 2), (3,))), ValueError, ("ZeroPadding2D: expected padding", "((1, 2), (3,))")),
    (lambda: ZeroPadding2D(1, data_format="channels_first"), ValueError, ("ZeroPadding2D: expected data_format",)),
    (lambda: ReLU(max_value=-1), ValueError, ("ReLU: expected max_value >= 0, received -1. Pass a number such as",)),
    (lambda: ReLU(negative_slope=None), ValueError, ("ReLU: expected negative_slope >= 0, received None",)),
    (lambda: ReLU(threshold=float("nan")), ValueError, ("ReLU: expected threshold >= 0, received nan",)),
    (lambda: ELU("1"), ValueError, ("ELU: expected alpha >= 0, received '1'",)),
    (
        lambda: Dense(3, dtype="float16"),
        ValueError,
        ("Dense: expected dtype 'float32' or 'float64', received 'float16'",),
    ),
    (lambda: Dense(3, dtype="int32"), ValueError, ("Dense: expected dtype", "received 'int32'")),
    (
        lambda: Sequential([Dense(3)], dtype="float16", name="net"),
        ValueError,
        ("net: expected dtype 'float32' or 'float64', received 'float16'",),
    ),
    (
        lambda: Dense(3, activity_regularizer="max_norm"),
        TypeError,
        (
            "Dense: expected the arguments of its docstring, or name, dtype, trainable or input_shape",
            "received activity_regularizer",
            "Leave out what tinycnn does not support",
        ),
    ),
    (lambda: Flatten(foo=1, bar=2), TypeError, ("Flatten: expected", "received bar, foo")),
    (
        lambda: Input(),
        TypeError,
        ("Input: expected shape=(height, width, channels), received nothing", "Input(shape=(28, 28, 1))"),
    ),
    (lambda: Input(shape=(2,), sparse=True), TypeError, ("Input: expected", "received sparse")),
]


@pytest.mark.parametrize(
    ("call", "error", "words"), ARGUMENTS, ids=[words[0][:60] + str(k) for k, (_, _, words) in enumerate(ARGUMENTS)]
)
def test_arguments_of_layers(call, error, words):
    check(call, error, *words)


@pytest.mark.parametrize("make", [lambda a: Dense(3, activation=a), lambda a: Conv2D(3, 3, activation=a), Activation])
def test_unknown_activation_gives_the_closest_match(make):
    check(
        lambda: make("sofmax"),
        ValueError,
        "activation: expected one of",
        "relu",
        "received 'sofmax'. Did you mean 'softmax'?",
    )
    check(lambda: make("xyz"), ValueError, "received 'xyz'. Use one of these.")
    check(
        lambda: make(abs),
        ValueError,
        "activation: expected a name or a function of tinycnn.activations, received <built-in function abs>, whose",
        "put a layer of its own behind this one: LeakyReLU(negative_slope=0.1)",
    )


def test_unknown_initializers_and_regularizers_give_the_closest_match():
    check(
        lambda: Dense(3, kernel_initializer="glorot_unifrom"),
        ValueError,
        "initializer: expected one of",
        "received 'glorot_unifrom'. Did you mean 'glorot_uniform'?",
    )
    check(lambda: Conv2D(3, 3, bias_initializer="zeroes"), ValueError, "received 'zeroes'. Did you mean 'zeros'?")
    check(lambda: BatchNormalization(gamma_initializer="one"), ValueError, "received 'one'. Did you mean 'ones'?")
    check(
        lambda: Dense(3, kernel_regularizer="l1_l3"),
        ValueError,
        "regularizer: expected one of",
        "received 'l1_l3'. Did you mean 'l1_l2'?",
    )


def test_activations_get_refuses_what_it_does_not_know():
    check(lambda: activations.get("rellu"), ValueError, "Did you mean 'relu'?")
    check(lambda: activations.get(3), ValueError, "activation: expected one of", "received 3")


# Shapes

SHAPES: list[tuple[Callable[[], Any], tuple[str, ...]]] = [
    (
        lambda: Conv2D(4, 3, name="c").build((None, 28, 28)),
        (
            "c: expected images of shape (batch, height, width, channels), received (batch, 28, 28). Add the",
            "x.reshape(-1, 28, 28, 1).",
        ),
    ),
    (
        lambda: Conv2D(4, 3, name="c").build((None, 784)),
        ("c: expected images of shape", "received (batch, 784). Add the channel axis: x.reshape(-1, 28, 28, 1)."),
    ),
    (
        lambda: Conv2D(4, 3, name="c").build((None, 5, 5, 5, 1)),
        ("c: expected images", "received (batch, 5, 5, 5, 1). Reshape the images to four axes."),
    ),
    (
        lambda: MaxPooling2D(name="p").build((None, 5, 5)),
        ("p: expected images", "received (batch, 5, 5)", "x.reshape(-1, 5, 5, 1)"),
    ),
    (lambda: AveragePooling2D(name="p").build((None, 9)), ("p: expected images", "received (batch, 9)")),
    (lambda: GlobalAveragePooling2D(name="p").build((None, 9)), ("p: expected images", "received (batch, 9)")),
    (lambda: UpSampling2D(name="u").build((None, 9)), ("u: expected images", "received (batch, 9)")),
    (
        lambda: Conv2D(4, (7, 3), name="c").build((None, 5, 9, 1)),
        ("c: expected a window that fits into the image, received one of 7x3 for an image of 5x9. Use a smaller",),
    ),
    (
        lambda: Conv2D(4, 3, dilation_rate=3, name="c").build((None, 6, 9, 1)),
        ("c: expected a window that fits", "received one of 7x7 for an image of 6x9"),
    ),
    (
        lambda: Conv2DTranspose(4, 2, 2, "same", output_padding=(1, 0), name="t").build((None, 5, 5, 1)),
        (
            "t: expected output_padding=None or at least 1 for an even kernel with padding='same', received (1, 0). "
            "Leave it out: y is strides=(2, 2) times as large as x then.",
        ),
    ),
    (
        lambda: DepthwiseConv2D(3, dilation_rate=2, name="d").build((None, 9, 4, 1)),
        ("d: expected a window that fits into the image, received one of 5x5 for an image of 9x4",),
    ),
    (
        lambda: SeparableConv2D(4, 3, name="s").build((None, 9, 2, 1)),
        ("s: expected a window that fits into the image, received one of 3x3 for an image of 9x2",),
    ),
    (
        lambda: MaxPooling2D(3, name="p").build((None, 5, 2, 1)),
        ("p: expected a window that fits into the image, received one of 3x3 for an image of 5x2",),
    ),
    (
        lambda: AveragePooling2D(3, name="p").build((None, 2, 5, 1)),
        ("p: expected a window that fits", "3x3 for an image of 2x5"),
    ),
    (
        lambda: Conv2D(4, 3, groups=2, name="c").build((None, 5, 5, 3)),
        ("c: expected a number of channels that groups=2 divides, received 3",),
    ),
    (
        lambda: Dense(3, name="d").build((None,)),
        ("d: expected inputs of shape (batch, features), received (batch,). Reshape them: x.reshape(-1, 1).",),
    ),
    (
        lambda: Softmax(4, name="s").build((None, 5, 5, 2)),
        (
            "s: expected different axes of inputs of shape (None, 5, 5, 2)",
            "received axis=4",
            "Use -1 for the channels.",
        ),
    ),
    (
        lambda: Softmax((1, -3), name="s").build((None, 5, 5, 2)),
        ("s: expected different axes", "received axis=(1, -3)"),
    ),
    (
        lambda: LayerNormalization((1, 1), name="n").build((None, 5, 5, 2)),
        ("n: expected different axes", "received axis=(1, 1)"),
    ),
    (
        lambda: GroupNormalization(name="g").build((None, 5, 5, 24)),
        ("g: expected groups that divide the 24 channels, received groups=32. Pass for example groups=8.",),
    ),
    (
        lambda: GroupNormalization(2, axis=1, name="g").build((None, 4, 5, 2)),
        ("g: expected axis=-1", "received axis=1 for inputs of 4 axes", "Move the channels to the end"),
    ),
    (lambda: GroupNormalization(name="g").build((None,)), ("g: expected axis=-1", "for inputs of 1 axes")),
    (lambda: SpatialDropout2D(0.5, name="d").build((None, 5)), ("d: expected images of shape (batch, height,",)),
    (
        lambda: UnitNormalization(0, name="u").build((None, 5)),
        ("u: expected different axes", "other than the batch axis, received axis=0"),
    ),
    (
        lambda: UnitNormalization([1, "2"], name="u").build((None, 5, 5)),
        ("u: expected different axes", "received axis=[1, '2']"),
    ),
    (
        lambda: PReLU(shared_axes=3, name="p").build((None, 5, 5)),
        ("p: expected different axes", "received axis=[3]"),
    ),
    (
        lambda: Reshape((4, -1), name="r").build((None, 5, 5, 2)),
        ("r: expected a target_shape for the 50 values of a sample of shape (5, 5, 2), received (4, -1)", "is 50"),
    ),
    (lambda: ZeroPadding2D(name="z").build((None, 50)), ("z: expected images of shape (batch, height,",)),
    (
        lambda: BatchNormalization(axis=1, name="b").build((None, 5, 5, 2)),
        ("b: expected axis=-1", "received axis=1 for inputs of 4 axes", "Move the channels to the end"),
    ),
    (
        lambda: Dropout(0.5, noise_shape=(None, 1), name="d").build((None, 5, 5, 2)),
        ("d: expected a noise_shape of 4 sizes", "received (None, 1)"),
    ),
    (
        lambda: Dropout(0.5, noise_shape=(None, 3), name="d").build((None, 5)),
        ("d: expected a noise_shape of 2 sizes, each None, 1 or that of (None, 5), received (None, 3)",),
    ),
    (
        lambda: Conv2D(4, 3, name="c").build((None, None, 28, 1)),
        (
            "c: expected a shape such as (None, 28, 28, 1) with every size but the first known, received",
            "(None, None, 28, 1)",
        ),
    ),
    (lambda: Conv2D(4, 3, name="c").build((None, 0, 28, 1)), ("c: expected a shape", "received (None, 0, 28, 1)")),
    (lambda: Dense(4, name="d").build((None, -1)), ("d: expected a shape", "received (None, -1)")),
    (lambda: Dense(4, name="d").build((None, 2.5)), ("d: expected a shape", "received (None, 2.5)")),
]


@pytest.mark.parametrize(("call", "words"), SHAPES, ids=range(len(SHAPES)))
def test_shapes_that_a_layer_cannot_take(call, words):
    check(call, ValueError, *words)


def test_a_layer_is_built_for_one_shape(rng):
    layer = Dense(3, name="d")
    layer.build((None, 4))
    before = layer.get_weights()
    check(
        lambda: layer.build((None, 5)),
        ValueError,
        "d: expected the shape it was built for, (None, 4), received (None, 5)",
        "Make a new layer",
    )
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    check(
        lambda: layer(rng.normal(size=(2, 5))),
        ValueError,
        "d: expected an input of shape (batch, 4), received (2, 5)",
        "Make a new layer",
    )


def test_inputs_of_another_shape_or_type(rng):
    layer = Conv2D(2, 3, name="c")
    layer.build((None, 28, 28, 1))
    check(
        lambda: layer.forward(rng.normal(size=(32, 784))),
        ValueError,
        "c: expected an input of shape (batch, 28, 28, 1), received (32, 784). Reshape it: x.reshape(-1, 28, 28, 1).",
    )
    check(lambda: layer.forward(rng.normal(size=(32, 28, 28))), ValueError, "received (32, 28, 28). Reshape it")
    check(
        lambda: layer.forward(rng.normal(size=(32, 28, 28, 3))),
        ValueError,
        "expected an input of shape (batch, 28, 28, 1), received (32, 28, 28, 3)",
    )
    check(lambda: layer.forward(np.float64(3.0)), ValueError, "received ()")
    for bad in (np.array([[None]]), np.array(["a"]), np.array([1 + 2j]), [["a", 1]]):
        check(
            lambda bad=bad: layer.forward(bad),
            TypeError,
            "c: expected an input of numbers, received dtype",
            "x.astype('float32')",
        )


# The wrong order of calls


def test_forward_before_build(rng):
    check(
        lambda: Dense(3, name="d").forward(rng.normal(size=(2, 4))),
        RuntimeError,
        "d: expected build(input_shape) before forward. Call layer.build((2, 4)), or call the layer itself",
    )
    check(
        lambda: Sequential([Dense(3)], name="net").forward(rng.normal(size=(2, 4))),
        RuntimeError,
        "forward: expected a model that is built, 'net' is not",
        "Input(shape=",
        "model.build",
    )


def test_count_params_and_set_weights_before_build():
    check(lambda: Dense(3, name="d").count_params(), RuntimeError, "d: expected build(input_shape) before count_params")
    model = Sequential([Dense(3)], name="net")
    check(model.count_params, RuntimeError, "count_params: expected a model that is built, 'net' is not")
    check(lambda: model.set_weights([]), RuntimeError, "set_weights: expected a model that is built")


@pytest.mark.parametrize(
    "cls", [c for c in vars(tinycnn.layers).values() if isinstance(c, type) and issubclass(c, Dense | Flatten)]
)
def test_backward_before_forward(cls):
    layer = cls(3, name="layer") if cls is Dense else cls(name="layer")
    layer.build((None, 3))
    check(
        lambda: layer.backward(np.zeros((2, 3))),
        RuntimeError,
        "layer: expected forward(x, training=True) before backward, found nothing kept. Each backward uses up one",
    )


def test_backward_of_a_model_before_forward(model, x):
    with Unchanged(model):
        check(
            lambda: model.backward(np.zeros((8, 4))),
            RuntimeError,
            "head: expected forward(x, training=True) before backward",
        )
        model(x)
        check(
            lambda: model.backward(np.zeros((8, 4))),
            RuntimeError,
            "head: expected forward(x, training=True) before backward",
        )


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_training_before_compile(method, x, y):
    model = small()
    with Unchanged(model):
        check(
            lambda: getattr(model, method)(x, y),
            RuntimeError,
            f"{method}: expected compile(...) with a loss before it. Call model.compile(optimizer='adam',",
            "loss='sparse_categorical_crossentropy'",
        )
    model.compile("adam")
    with Unchanged(model):
        check(lambda: getattr(model, method)(x, y), RuntimeError, f"{method}: expected compile(...) with a loss")


# Weights


def test_set_weights_of_a_layer_writes_all_or_nothing():
    layer = Dense(3, name="d")
    layer.build((None, 2))
    before = layer.get_weights()
    check(lambda: layer.set_weights([np.ones((2, 3))]), ValueError, "d: expected 2 arrays (kernel, bias), received 1")
    check(
        lambda: layer.set_weights([np.ones((2, 3)), np.ones(4)]),
        ValueError,
        "d: expected bias of shape (3,), received (4,)",
    )
    check(
        lambda: layer.set_weights([np.ones((3, 2)), np.ones(3)]),
        ValueError,
        "d: expected kernel of shape (2, 3), received (3, 2)",
    )
    for array, expected in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
    flatten = Flatten(name="f")
    flatten.build((None, 2))
    check(lambda: flatten.set_weights([np.ones(1)]), ValueError, "f: expected 0 arrays (none), received 1")


def test_set_weights_of_a_model_writes_all_or_nothing(model):
    weights = model.get_weights()
    ones = [np.ones_like(w) for w in weights]
    with Unchanged(model):
        check(lambda: model.set_weights(ones[:-1]), ValueError, "net: expected 8 arrays, received 7", "get_weights()")
        check(
            lambda: model.set_weights([*ones[:-1], np.ones(5)]),
            ValueError,
            "head: expected bias of shape (4,), received (5,)",
        )
        check(
            lambda: model.set_weights([ones[0].T, *ones[1:]]),
            ValueError,
            "first: expected kernel of shape (3, 3, 1, 3), received (3, 1, 3, 3)",
        )


@pytest.mark.parametrize("bad", ["text", None, 1 + 2j])
def test_set_weights_of_values_that_are_not_numbers(model, bad):
    ones = [np.ones_like(w) for w in model.get_weights()]
    with Unchanged(model):
        check(
            lambda: model.set_weights([*ones[:-1], np.full(4, bad)]),
            TypeError,
            "head: expected bias of numbers, received dtype",
        )
        head = model.layers[-1]
        check(
            lambda: head.set_weights([ones[-2], np.full(4, bad)]),
            TypeError,
            "head: expected bias of numbers, received dtype",
        )


# The chain


def test_what_can_be_added(model):
    with Unchanged(model):
        first = model.layers[0]
        check(
            lambda: model.add(first),
            ValueError,
            "net: expected each layer once, received 'first' a second time. Make a new layer",
        )
        check(
            lambda: model.add(Dense(3, name="head")),
            ValueError,
            "net: expected layers of different names, received a second 'head'",
        )
        check(
            lambda: model.add(Dense),
            TypeError,
            "net: expected a layer, received <class",
            "Add objects such as Dense(10)",
        )
        check(lambda: model.add("dense"), TypeError, "net: expected a layer, received 'dense'")
        check(
            lambda: model.add(Input(shape=(3,))),
            ValueError,
            "net: expected Input as the first entry, received it later",
        )
        check(
            lambda: model.add(Dense(3, name="late", dtype="float64")),
            ValueError,
            "net: expected layers of one dtype, received 'late' of float64 after float32",
            "dtype='float64'",
        )
        check(
            lambda: model.add(Conv2D(3, 3, name="late")),
            ValueError,
            "late: expected images of shape",
            "received (batch, 4)",
        )
        assert len(model.layers) == 4
        assert model.compiled
    check(
        lambda: Sequential([Input(shape=(2,)), Input(shape=(2,))], name="n"),
        ValueError,
        "n: expected Input as the first entry",
    )
    layer = Dense(2, name="twice")
    check(
        lambda: Sequential([layer, Flatten(), layer], name="n"),
        ValueError,
        "n: expected each layer once, received 'twice' a second time",
    )


def test_a_failed_add_leaves_no_trace(rng):
    model = Sequential(name="net")
    check(
        lambda: model.add(Conv2D(2, 5, input_shape=(3, 3, 1), name="c")),
        ValueError,
        "c: expected a window that fits into the image, received one of 5x5 for an image of 3x3",
    )
    assert model.layers == []
    assert model.input_shape is None
    model.add(Conv2D(2, 5, input_shape=(9, 9, 1)))
    assert model.output_shape == (None, 5, 5, 2)


def test_a_failed_build_leaves_no_trace():
    """The first layer could take the small image, the last one not; a second attempt with a larger one must work."""
    model = Sequential([Conv2D(2, 3), MaxPooling2D(), Conv2D(2, 3, name="c")], name="net")
    check(
        lambda: model.build((None, 6, 6, 1)),
        ValueError,
        "c: expected a window that fits into the image, received one of 3x3 for an image of 2x2",
    )
    assert not model.built
    assert not any(layer.built for layer in model.layers)
    assert model.get_weights() == []
    model.build((None, 10, 10, 1))
    assert model.output_shape == (None, 2, 2, 2)


def test_building_and_popping_nothing():
    check(
        lambda: Sequential(name="net").build((None, 2)),
        ValueError,
        "net: expected at least one layer before build, found none",
    )
    check(Sequential(name="net").pop, ValueError, "net: expected at least one layer to pop, found none")
    check(
        Sequential([Dense(2)], name="net").build,
        ValueError,
        "net: expected an input shape, received none",
        "Input(shape=(28, 28, 1))",
    )


def test_get_layer(model):
    check(model.get_layer, ValueError, "get_layer: expected a name or an index, received None and None")
    check(
        lambda: model.get_layer("head", 1), ValueError, "get_layer: expected a name or an index, received 'head' and 1"
    )
    check(lambda: model.get_layer(index=4), ValueError, "get_layer: expected an index below 4, received 4")
    check(lambda: model.get_layer(index=-5), ValueError, "get_layer: expected an index below 4, received -5")
    check(
        lambda: model.get_layer("haed"),
        ValueError,
        "get_layer: expected one of",
        "first",
        "received 'haed'. Did you mean 'head'?",
    )


# Compile


def test_unknown_names_in_compile_give_the_closest_match_and_change_nothing(model):
    optimizer, loss = model.optimizer, model.loss
    with Unchanged(model):
        check(
            lambda: model.compile("adaam", "mse"),
            ValueError,
            "optimizer: expected one of",
            "received 'adaam'. Did you mean 'adam'?",
        )
        check(
            lambda: model.compile("adam", "sparse_categorical_crossentrpy"),
            ValueError,
            "loss: expected one of",
            "received 'sparse_categorical_crossentrpy'. Did you mean 'sparse_categorical_crossentropy'?",
        )
        check(
            lambda: model.compile("adam", "mse", metrics=["acuracy"]),
            ValueError,
            "metric: expected one of",
            "received 'acuracy'. Did you mean 'accuracy'?",
        )
        check(lambda: model.compile("adam", "mse", weighted_metrics=["acuracy"]), ValueError, "received 'acuracy'")
        check(
            lambda: model.compile("adam", "mse", kernels="fats"),
            ValueError,
            "kernels: expected one of fast, reference, received 'fats'. Did you mean 'fast'?",
        )
        check(lambda: model.compile(42, "mse"), TypeError, "optimizer: expected a name or an Optimizer, received 42")
        check(
            lambda: model.compile("adam", lambda a, b: 0),
            TypeError,
            "loss: expected a loss with its gradient, received <function",
        )
        check(
            lambda: model.compile("adam", "mse", metrics=[3]),
            TypeError,
            "metric: expected a name or a Metric, received 3",
        )
    assert model.optimizer is optimizer
    assert model.loss is loss
    assert model.compiled


# Data

METHODS = ["fit", "evaluate", "train_on_batch", "test_on_batch"]


@pytest.mark.parametrize("method", METHODS)
def test_images_and_labels(model, x, y, method):
    """Every kind of bad data, for everything that takes data; weights, optimizer and history stay as they are."""
    call = getattr(model, method)

    def bad(error: type[Exception], *words: str, x: Any = x, y: Any = y, **options: Any) -> None:
        check(lambda: call(x, y, **options), error, *words)

    with_nan, with_infinity = x.copy(), x.copy()
    with_nan[3, 2, 2, 0] = with_nan[5, 0, 0, 0] = np.nan
    with_infinity[7, 0, 0, 0] = -np.inf
    with Unchanged(model):
        bad(
            ValueError,
            "first: expected an input of shape (batch, 6, 6, 1), received",
            "(1, 36)",
            "Reshape it: x.reshape(-1, 6, 6, 1)",
            x=x.reshape(8, 36),
        )
        bad(ValueError, "first: expected an input of shape (batch, 6, 6, 1), received", x=x[:, :, 0])
        bad(
            ValueError,
            "first: expected an input of shape (batch, 6, 6, 1), received",
            "(1, 6, 6, 3)",
            x=np.repeat(x, 3, axis=3),
        )
        bad(
            TypeError,
            f"{method}: expected x to be an array of numbers, received dtype object.",
            "x.astype('float32')",
            x=x.astype(object),
        )
        bad(TypeError, f"{method}: expected y to be an array of numbers, received dtype <U", y=np.array(["a"] * 8))
        bad(TypeError, "expected sample_weight to be an array of numbers", sample_weight=np.array(["a"] * 8))
        bad(ValueError, f"{method}: expected as many labels as images, received 8 images and 7 labels", y=y[:7])
        bad(
            ValueError,
            f"{method}: expected as many sample weights as images, received 8 images and 3 sample weights",
            sample_weight=np.ones(3),
        )
        bad(
            ValueError,
            f"{method}: expected sample_weight of shape (8,), received (8, 2)",
            sample_weight=np.ones((8, 2)),
        )
        bad(
            ValueError,
            f"{method}: expected at least one sample in x, received an array of shape (0, 6, 6, 1)",
            x=x[:0],
            y=y[:0],
        )
        bad(ValueError, f"{method}: expected at least one sample in y, received an array of shape (0,)", y=y[:0])
        bad(ValueError, "expected at least one sample in x, received an array of shape ()", x=3.0)
        bad(
            ValueError,
            f"{method}: expected finite numbers in x, received NaN or infinity in 2 of 8 samples, the first at index 3",
            x=with_nan,
        )
        bad(
            ValueError,
            f"{method}: expected finite numbers in x, received NaN or infinity in 1 of 8 samples, the first at index 7",
            x=with_infinity,
        )
        bad(
            ValueError,
            f"{method}: expected finite numbers in sample_weight",
            "index 0",
            sample_weight=np.full(8, np.nan),
        )
        bad(ValueError, f"{method}: expected finite numbers in y", y=np.where(y == y[0], np.nan, y))
        bad(ValueError, f"{method}: expected labels y with the images x, received none", y=None)
        bad(
            ValueError,
            "sparse_categorical_crossentropy: expected labels from 0 to 3, received labels from 0 to 4",
            y=np.array([0, 1, 2, 3, 4, 0, 0, 0]),
        )
        bad(
            ValueError,
            "sparse_categorical_crossentropy: expected labels from 0 to 3, received labels from -1 to 0",
            y=np.array([-1] + 7 * [0]),
        )
        bad(
            ValueError,
            "sparse_categorical_crossentropy: expected class numbers of shape (n,), received one-hot labels of",
            "(8, 4)",
            "categorical_crossentropy",
            y=to_categorical(y, 4),
        )
        model_2 = small()
        model_2.compile("adam", "categorical_crossentropy")
        check(
            lambda: getattr(model_2, method)(x, y),
            ValueError,
            "categorical_crossentropy: expected one-hot labels of shape (n, 4), received class numbers of shape (8,)",
            "sparse_categorical_crossentropy",
        )


def test_no_images_at_all(model):
    with Unchanged(model):
        check(lambda: model.fit(), ValueError, "fit: expected x, an array of images, received None")
        check(lambda: model.predict(None), ValueError, "predict: expected x, an array of images, received None")


@pytest.mark.parametrize("method", ["predict", "predict_on_batch"])
def test_images_to_predict(model, x, method):
    call = getattr(model, method)
    x_nan = x.copy()
    x_nan[1] = np.nan
    check(
        lambda: call(x_nan),
        ValueError,
        f"{method}: expected finite numbers in x, received NaN or infinity in 1 of 8 samples, the first at index 1",
    )
    check(lambda: call(x.astype(object)), TypeError, f"{method}: expected x to be an array of numbers")
    check(lambda: call(x[:0]), ValueError, f"{method}: expected at least one sample in x")
    check(
        lambda: call(x[:, :5]), ValueError, "first: expected an input of shape (batch, 6, 6, 1), received (8, 5, 6, 1)"
    )


def test_bad_validation_data_is_found_before_training_starts(model, x, y):
    with Unchanged(model):
        check(
            lambda: model.fit(x, y, validation_data=(x, y[:3])),
            ValueError,
            "fit: validation_data: expected as many labels as images, received 8 images and 3 labels",
        )
        check(
            lambda: model.fit(x, y, validation_data=(x[:, :4], y)),
            ValueError,
            "first: expected an input of shape (batch, 6, 6, 1)",
        )
        check(lambda: model.fit(x, y, validation_data=(x, y + 4)), ValueError, "expected labels from 0 to 3")
        check(
            lambda: model.fit(x, y, validation_data=x),
            ValueError,
            "fit: validation_data: expected (x, y) or (x, y, sample_weight), received ndarray",
        )
        check(
            lambda: model.fit(x, y, validation_data=(x,)),
            ValueError,
            "fit: validation_data: expected (x, y)",
            "received",
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": -1}, "fit: expected epochs to be a whole number, 0 or more, received -1"),
        ({"epochs": -1}, "received -1"),
        ({"epochs": 1.5}, "received 1.5"),
        ({"batch_size": 0}, "fit: expected batch_size to be a positive whole number, received 0. Try 32."),
        ({"batch_size": -4}, "received -4"),
        ({"batch_size": 2.5}, "received 2.5"),
        ({"batch_size": True}, "received True"),
        (
            {"validation_split": 1.0},
            "fit: expected 0 < validation_split < 1 that leaves samples on both sides, received 1.0 for 8 samples",
        ),
        ({"validation_split": -0.2}, "received -0.2"),
        ({"validation_split": 0.99}, "leaves samples on both sides, received 0.99 for 8 samples"),
        (
            {"class_weight": {0: 2.0}, "sample_weight": np.ones(8)},
            "fit: expected class_weight or sample_weight, received both",
        ),
        ({"verbose": 3}, "verbose: expected 'auto', 0, 1 or 2, received 3"),
        (
            {"validation_freq": 0, "validation_split": 0.5},
            "fit: expected validation_freq to be a positive whole number, received 0",
        ),
        ({"steps_per_epoch": -1}, "fit: expected steps_per_epoch to be a positive whole number, received -1"),
        ({"initial_epoch": -1}, "fit: expected initial_epoch to be 0 or more, received -1"),
    ],
)
def test_settings_of_fit(model, x, y, options, words):
    with Unchanged(model):
        check(lambda: model.fit(x, y, **options), ValueError, words)


def test_callbacks_that_are_none(model, x, y):
    with Unchanged(model):
        check(
            lambda: model.fit(x, y, callbacks=[print], verbose=0),
            TypeError,
            "callbacks: expected Callback objects, received <built-in function print>",
        )
    assert callbacks.Callback().model is None


def test_batch_size_elsewhere(model, x, y):
    check(
        lambda: model.evaluate(x, y, batch_size=0),
        ValueError,
        "evaluate: expected batch_size to be a positive whole number, received 0",
    )
    check(lambda: model.predict(x, batch_size=-1), ValueError, "predict: expected batch_size", "received -1")


# Generators


def batches(*items: Any) -> Any:
    yield from items


def test_a_generator_comes_alone(model, x, y):
    with Unchanged(model):
        check(
            lambda: model.fit(batches((x, y)), y),
            ValueError,
            "fit: expected a generator x alone, received y with it. Yield tuples",
        )
        check(
            lambda: model.fit(batches((x, y)), validation_split=0.5),
            ValueError,
            "fit: expected a generator x alone, received validation_split with it",
        )
        check(
            lambda: model.fit(batches((x, y)), sample_weight=np.ones(8)),
            ValueError,
            "fit: expected a generator x alone",
        )


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (lambda x, y: [3], "fit: expected a generator of tuples (x, y) or (x, y, sample_weight), received int"),
        (lambda x, y: [x], "fit: expected a generator of tuples (x, y) or (x, y, sample_weight), received ndarray"),
        (lambda x, y: [(x,)], "fit: expected a generator of tuples"),
        (lambda x, y: [(x, y[:3])], "fit: expected as many labels as images, received 8 images and 3 labels"),
        (lambda x, y: [(x[:, :5], y)], "first: expected an input of shape (batch, 6, 6, 1)"),
        (lambda x, y: [(x, y + 4)], "sparse_categorical_crossentropy: expected labels from 0 to 3"),
        (lambda x, y: [(x, y - 4)], "sparse_categorical_crossentropy: expected labels from 0 to 3"),
        (lambda x, y: [(x, None)], "fit: expected labels y with the images x, received none"),
        (lambda x, y: [(x * np.nan, y)], "fit: expected finite numbers in x"),
        (lambda x, y: [], "fit: expected at least one batch in an epoch, received none"),
    ],
)
def test_bad_batches_of_a_generator(model, x, y, items, words):
    weights = model.get_weights()
    check(lambda: model.fit(batches(*items(x, y)), verbose=0), ValueError, words)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


def test_a_generator_builds_a_deferred_model(x, y):
    model = Sequential([Flatten(), Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(batches((x, y), (x, y)), verbose=0)
    assert len(history.history["loss"]) == 1
    assert model.optimizer.iterations == 2


# A failure leaves everything as it was


def unbuilt(**options):
    model = Sequential([Conv2D(2, 3), Flatten(), Dense(3, activation="softmax")], **options)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_bad_labels_leave_an_unbuilt_model_unbuilt(method):
    model = unbuilt()
    with pytest.raises(ValueError, match="expected labels from 0 to 2"):
        getattr(model, method)(np.ones((4, 8, 8, 1)), np.array([0, 1, 2, 3]))
    assert not model.built
    assert not any(layer.built for layer in model.layers)
    model.train_on_batch(np.ones((4, 6, 6, 1)), np.array([0, 1, 2, 1]))  # images of another size are welcome
    assert model.input_shape == (None, 6, 6, 1)


def test_a_failed_add_changes_no_later_weights():
    def weights(with_failure):
        set_random_seed(5)
        model = Sequential([Input((8, 8, 1)), Conv2D(2, 3)])
        if with_failure:
            with pytest.raises(ValueError, match="expected a window that fits"):
                model.add(Conv2D(3, 9))
        model.add(Flatten())
        model.add(Dense(3))
        return model.get_weights()

    for one, other in zip(weights(False), weights(True), strict=True):
        assert np.array_equal(one, other)


def test_a_model_emptied_by_pop_takes_images_of_any_shape():
    model = Sequential([Conv2D(2, 3, input_shape=(8, 8, 1))])
    model.pop()
    model.add(Conv2D(2, 3, input_shape=(5, 5, 2)))
    assert model.input_shape == (None, 5, 5, 2)


def test_after_a_loss_that_is_nan_no_layer_waits_for_a_backward():
    model = unbuilt()
    model.build((None, 6, 6, 1))
    model.layers[0].kernel.value[...] = np.nan
    with pytest.raises(FloatingPointError, match=r"The first layer whose output is not finite is 'conv2d'"):
        model.fit(np.ones((4, 6, 6, 1)), np.array([0, 1, 2, 1]), verbose=0)
    for layer in model.layers:
        with pytest.raises(RuntimeError, match="found nothing kept"):
            layer.backward(np.ones((4, *layer.output_shape[1:])))


def test_infinite_logits_are_named():
    model = unbuilt()
    model.build((None, 6, 6, 1))
    model.layers[2].kernel.value[...] = 1e38
    model.layers[0].kernel.value[...] = 1.0
    with pytest.raises(FloatingPointError, match=r"The first layer whose output is not finite is 'dense'"):
        model.train_on_batch(np.full((4, 6, 6, 1), 1e3), np.array([0, 1, 2, 1]))


def test_images_too_large_for_float32_are_named():
    model = unbuilt()
    with pytest.raises(FloatingPointError, match="The images are too large for float32: scale them"):
        model.fit(np.full((4, 6, 6, 1), 1e300), np.array([0, 1, 2, 1]), verbose=0)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m, x, y: m.fit([[1.0], [1.0, 2.0]], y), TypeError, "expected x to be an array, received a list"),
        (lambda m, x, y: m.fit(x, y, class_weight=[1, 2]), TypeError, "expected class_weight to be a dict"),
        (lambda m, x, y: m.fit(x, y, class_weight={0: np.nan}), ValueError, "received nan for class 0"),
        (lambda m, x, y: m.train_on_batch(x, y, class_weight={0: -1}), ValueError, "received -1 for class 0"),
        (lambda m, x, y: m.fit(x, y, validation_batch_size=0), ValueError, "validation_batch_size to be a positive"),
        (lambda m, x, y: m.evaluate(x, y, steps=-1), ValueError, "evaluate: expected steps to be a positive"),
        (lambda m, x, y: m.predict(x, steps=0), ValueError, "predict: expected steps to be a positive"),
        (lambda m, x, y: m.compile("adam", "mse", metrics="accuracy"), TypeError, "expected metrics to be a list"),
        (lambda m, x, y: m.compile("adam", "mse", kernels=["fast"]), ValueError, "kernels: expected one of"),
        (lambda m, x, y: Dense(3, activation=["relu"]), ValueError, "activation: expected one of"),
        (lambda m, x, y: Dense(3, input_shape=5), ValueError, "Dense: expected the shape of one sample"),
        (lambda m, x, y: Input(28), ValueError, "Input: expected the shape of one sample"),
        (lambda m, x, y: Flatten(data_format="channels_first"), ValueError, "expected data_format='channels_last'"),
    ],
)
def test_one_clear_error(call, error, words):
    x, y = np.ones((4, 6, 6, 1)), np.array([0, 1, 2, 1])
    with pytest.raises(error, match=re.escape(words)):
        call(unbuilt(), x, y)


def test_an_empty_batch_has_an_empty_output():
    layer = Conv2D(2, 3)
    layer.build((None, 6, 6, 1))
    for kernels in SETS.values():
        layer.kernels = kernels
        assert layer.forward(np.ones((0, 6, 6, 1))).shape == (0, 4, 4, 2)


def test_metrics_may_be_asked_for_before_compile():
    assert Sequential().metrics_names == ["loss"]


def test_input_and_flatten_take_what_keras_programs_give_them():
    model = Sequential([Input(shape=(4, 4, 1), name="images", dtype="float32"), Flatten(data_format="channels_last")])
    assert model.output_shape == (None, 16)

"""What each layer means, held against scalar loops (`oracles`) and Keras's conventions.

What all layers have in common is in test_layer_contract.py; gradients are also checked by differences elsewhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import FLOAT32, ORACLE, assert_close

from tinycnn import activations, initializers, kernels, regularizers
from tinycnn.kernels.activations import ACTIVATIONS
from tinycnn.kernels.dropout import random_numbers
from tinycnn.layers import (
    Activation,
    AveragePooling2D,
    AvgPool2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Convolution2D,
    Convolution2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    Input,
    InputLayer,
    Layer,
    LeakyReLU,
    MaxPool2D,
    MaxPooling2D,
    Parameter,
    ParameterVector,
    ReLU,
    Reshape,
    SeparableConv2D,
    SeparableConvolution2D,
    Softmax,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.utils import clear_session, set_random_seed

TABLES = st.sampled_from(list(kernels.SETS.values()))


def built(layer: Layer, x: np.ndarray, table: kernels.Kernels = kernels.FAST) -> Layer:
    layer.kernels = table
    layer.build(x.shape)
    return layer


# Convolution and pooling against the loops


@st.composite
def windows_on_images(draw: st.DrawFn) -> dict[str, Any]:
    """Images down to one pixel with "same"; with "valid" at least one window fits. Sizes are odd and even."""
    padding = draw(st.sampled_from(["valid", "same"]))
    window = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    strides = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    low = window if padding == "valid" else (1, 1)
    size = tuple(k + draw(st.integers(0, 5)) for k in low)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return {"padding": padding, "window": window, "strides": strides, "size": size, "rng": rng}


@given(windows_on_images(), TABLES, st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_conv2d(case, table, groups, filters_per_group, use_bias):
    rng, options = case["rng"], {"strides": case["strides"], "padding": case["padding"], "groups": groups}
    x = rng.normal(size=(2, *case["size"], groups))
    layer = built(
        Conv2D(groups * filters_per_group, case["window"], use_bias=use_bias, dtype="float64", **options), x, table
    )
    bias = rng.normal(size=groups * filters_per_group) * use_bias
    layer.set_weights([rng.normal(size=layer.kernel.shape), bias][: 1 + use_bias])
    z = layer.forward(x, training=True)
    assert_close(z, oracles.conv2d(x, layer.kernel.value, bias, **options), ORACLE, "z")
    dz = rng.normal(size=z.shape)
    dx, dkernel, dbias = oracles.conv2d_gradients(x, layer.kernel.value, dz, **options)
    assert_close(layer.backward(dz), dx, ORACLE, "dx")
    assert_close(layer.grads["kernel"], dkernel, ORACLE, "dkernel")
    assert ("bias" in layer.grads) == use_bias
    if use_bias:
        assert_close(layer.grads["bias"], dbias, ORACLE, "dbias")


@given(
    st.integers(0, 2**32 - 1), TABLES, st.sampled_from([(2, 1), (1, 3), (2, 2), 3]), st.sampled_from(["valid", "same"])
)
def test_conv2d_dilation(seed, table, dilation, padding):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, 8, 9, 2))
    options = {"padding": padding, "dilation_rate": dilation}
    layer = built(Conv2D(2, (2, 3), dtype="float64", **options), x, table)
    layer.set_weights([rng.normal(size=(2, 3, 2, 2)), rng.normal(size=2)])
    options["dilation_rate"] = (dilation, dilation) if isinstance(dilation, int) else dilation
    z = layer.forward(x, training=True)
    assert_close(z, oracles.conv2d(x, layer.kernel.value, layer.bias.value, **options), ORACLE, "z")
    dz = rng.normal(size=z.shape)
    dx, dkernel, dbias = oracles.conv2d_gradients(x, layer.kernel.value, dz, **options)
    assert_close(layer.backward(dz), dx, ORACLE, "dx")
    assert_close(layer.kernel.grad, dkernel, ORACLE, "dkernel")
    assert_close(layer.bias.grad, dbias, ORACLE, "dbias")


@given(windows_on_images(), TABLES)
def test_separable_conv2d_is_a_depthwise_convolution_and_a_1x1_one(case, table):
    rng, options = case["rng"], {"strides": case["strides"], "padding": case["padding"]}
    x = rng.normal(size=(2, *case["size"], 2))
    layers = [
        DepthwiseConv2D(case["window"], depth_multiplier=2, use_bias=False, dtype="float64", **options),
        Conv2D(3, 1, activation="tanh", dtype="float64"),
    ]
    whole = SeparableConv2D(3, case["window"], depth_multiplier=2, activation="tanh", dtype="float64", **options)
    built(whole, x, table).set_weights([rng.normal(size=w.shape) for w in whole.get_weights()])
    depthwise, pointwise, bias = whole.get_weights()
    first, second = layers
    built(first, x, table).set_weights([depthwise])
    u = first.forward(x, training=True)
    built(second, u, table).set_weights([pointwise, bias])
    y = second.forward(u, training=True)
    dy = rng.normal(size=y.shape)
    dx = first.backward(second.backward(dy))
    np.testing.assert_array_equal(whole.forward(x, training=True), y)
    np.testing.assert_array_equal(whole.backward(dy), dx)
    np.testing.assert_array_equal(whole.grads["depthwise_kernel"], first.kernel.grad)
    np.testing.assert_array_equal(whole.grads["pointwise_kernel"], second.kernel.grad)
    np.testing.assert_array_equal(whole.grads["bias"], second.bias.grad)


@st.composite
def transposes(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of Conv2DTranspose on small images: windows smaller and larger than strides, all output_paddings."""
    window, size = draw(PAIRS_TO_3), draw(PAIRS_TO_3)
    strides, dilation_rate = draw(st.sampled_from([((1, 3), (1, 1)), ((2, 2), (1, 1)), ((1, 1), (2, 1))]))
    padding = draw(st.sampled_from(["valid", "same"]))
    extent = [(k - 1) * d + 1 for k, d in zip(window, dilation_rate, strict=True)]
    least = [int(padding == "same" and k % 2 == 0) for k in extent]
    output_padding = None
    if all(low < s for low, s in zip(least, strides, strict=True)):
        output_padding = draw(st.none() | st.tuples(*map(st.integers, least, (s - 1 for s in strides))))
    arguments = {"kernel_size": window, "strides": strides, "dilation_rate": dilation_rate, "padding": padding}
    return {"size": size, "arguments": {**arguments, "output_padding": output_padding}}


PAIRS_TO_3 = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(transposes(), TABLES, st.booleans(), st.integers(0, 2**32 - 1))
def test_conv2d_transpose_is_a_convolution_with_its_arrows_turned_round(case, table, use_bias, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, *case["size"], 2))
    layer = built(Conv2DTranspose(2, use_bias=use_bias, dtype="float64", **case["arguments"]), x, table)
    bias = rng.normal(size=2) * use_bias
    layer.set_weights([rng.normal(size=layer.kernel.shape), bias][: 1 + use_bias])
    options = {key: case["arguments"][key] for key in ("strides", "padding", "dilation_rate")}
    z = layer.forward(x, training=True)
    dz, kernel = rng.normal(size=z.shape), layer.kernel.value
    painted, _, _ = oracles.conv2d_gradients(np.zeros(z.shape), kernel, x, **options)
    assert_close(z, painted + bias, ORACLE, "z")
    _, dkernel, _ = oracles.conv2d_gradients(dz, kernel, x, **options)
    assert_close(layer.backward(dz), oracles.conv2d(dz, kernel, np.zeros(2), **options), ORACLE, "dx")
    assert_close(layer.grads["kernel"], dkernel, ORACLE, "dkernel")
    assert ("bias" in layer.grads) == use_bias
    if use_bias:
        assert_close(layer.grads["bias"], dz.sum(axis=(0, 1, 2)), ORACLE, "dbias")


@given(windows_on_images(), TABLES, st.booleans())
def test_max_pooling2d(case, table, tied):
    rng, arguments = case["rng"], (case["window"], case["strides"], case["padding"])
    x = rng.normal(-3.0, 1.0, size=(2, *case["size"], 2))  # negative: a padding of zeros would win
    if tied:
        x = np.round(x)
    layer = built(MaxPooling2D(*arguments, dtype="float64"), x, table)
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, oracles.max_pooling2d(x, *arguments)[0])
    dy = rng.normal(size=y.shape)
    assert_close(layer.backward(dy), oracles.max_pooling2d_gradient(x, dy, *arguments), ORACLE, "dx")


@given(windows_on_images(), TABLES)
def test_average_pooling2d(case, table):
    rng, arguments = case["rng"], (case["window"], case["strides"], case["padding"])
    x = rng.normal(3.0, 1.0, size=(2, *case["size"], 2))  # far from zero: counted padding would show
    layer = built(AveragePooling2D(*arguments, dtype="float64"), x, table)
    y = layer.forward(x, training=True)
    assert_close(y, oracles.average_pooling2d(x, *arguments), ORACLE, "y")
    dy = rng.normal(size=y.shape)
    assert_close(layer.backward(dy), oracles.average_pooling2d_gradient(x.shape, dy, *arguments), ORACLE, "dx")


# The same conventions once more, small enough to check by eye


def test_same_puts_the_odd_row_and_column_at_the_bottom_and_right():
    """A 2x2 kernel of ones with stride 1 needs one extra row and column: the last outputs see the fewest pixels."""
    x = np.ones((1, 3, 3, 1), np.float32)
    layer = built(Conv2D(1, 2, padding="same", kernel_initializer="ones"), x)
    np.testing.assert_array_equal(layer(x)[0, :, :, 0], [[4, 4, 2], [4, 4, 2], [2, 2, 1]])


def test_same_with_strides_needs_no_padding_where_windows_fit():
    """Four pixels, window 3, stride 2: one extra column is needed, and it comes after."""
    x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 4, 1)
    layer = built(Conv2D(1, (1, 3), strides=(1, 2), padding="same", kernel_initializer="ones"), x)
    np.testing.assert_array_equal(layer(x).ravel(), [1 + 2 + 3, 3 + 4])
    layer = built(Conv2D(1, (1, 2), strides=(1, 2), padding="same", kernel_initializer="ones"), x)
    np.testing.assert_array_equal(layer(x).ravel(), [1 + 2, 3 + 4])


def test_convolution_does_not_flip_its_kernel():
    x = np.array([1.0, 0, 0, 0, 2.0], np.float32).reshape(1, 1, 5, 1)
    layer = built(Conv2D(1, (1, 3)), x)
    layer.set_weights([np.array([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1), np.array([0.5])])
    np.testing.assert_array_equal(layer(x).ravel(), [10.5, 0.5, 60.5])


def test_groups_do_not_see_each_other(rng):
    x = rng.normal(size=(1, 4, 4, 6))
    layer = built(Conv2D(4, 3, groups=2, dtype="float64"), x)
    assert layer.kernel.shape == (3, 3, 3, 4)
    before = layer(x)
    x[..., 3:] += 1
    after = layer(x)
    np.testing.assert_array_equal(after[..., :2], before[..., :2])
    assert np.all(after[..., 2:] != before[..., 2:])


@pytest.mark.parametrize("pooling", [MaxPooling2D, AveragePooling2D])
def test_valid_pooling_drops_trailing_rows_and_their_gradient_is_zero(pooling, rng):
    x = rng.normal(size=(2, 5, 7, 3))
    layer = built(pooling(2, dtype="float64"), x)
    y = layer.forward(x, training=True)
    assert y.shape == (2, 2, 3, 3)
    x_changed = x.copy()
    x_changed[:, 4] = x_changed[:, :, 6] = 100.0
    np.testing.assert_array_equal(layer.forward(x_changed), y)
    dy = rng.normal(size=y.shape)
    dx = layer.backward(dy)
    assert dx.shape == x.shape
    assert not dx[:, 4].any()
    assert not dx[:, :, 6].any()
    assert_close(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)), ORACLE)


def test_average_pooling_same_leaves_the_padding_out_of_the_count():
    x = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    layer = built(AveragePooling2D(2, padding="same", dtype="float64"), x)
    np.testing.assert_array_equal(layer.forward(x, training=True)[0, :, :, 0], [[3.0, 4.5], [7.5, 9.0]])
    dx = layer.backward(np.array([4.0, 8.0, 16.0, 32.0]).reshape(1, 2, 2, 1))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 1, 4], [1, 1, 4], [8, 8, 32]])


def test_max_pooling_same_pads_with_minus_infinity():
    x = -np.arange(1.0, 10.0, dtype=np.float32).reshape(1, 3, 3, 1)
    layer = built(MaxPooling2D(2, padding="same"), x)
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y[0, :, :, 0], [[-1, -3], [-7, -9]])
    dx = layer.backward(np.array([1.0, 2.0, 3.0, 4.0], np.float32).reshape(1, 2, 2, 1))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[1, 0, 2], [0, 0, 0], [3, 0, 4]])


def test_ties_go_to_the_first_maximum_in_row_major_order():
    x = np.array([[0, 7, 0, 0], [7, 7, 0, 0], [1, 2, 5, 4], [3, 3, 4, 5]], np.float32).reshape(1, 4, 4, 1)
    for table in kernels.SETS.values():
        layer = built(MaxPooling2D(), x, table)
        layer.forward(x, training=True)
        dx = layer.backward(np.array([10.0, 20.0, 30.0, 40.0], np.float32).reshape(1, 2, 2, 1))
        np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 10, 20, 0], [0, 0, 0, 0], [0, 0, 40, 0], [30, 0, 0, 0]])


def test_overlapping_windows_add_their_gradients():
    x = np.array([0.0, 9.0, 0.0], np.float32).reshape(1, 1, 3, 1)
    layer = built(MaxPooling2D((1, 2), strides=1), x)
    layer.forward(x, training=True)
    np.testing.assert_array_equal(layer.backward(np.array([1.0, 10.0]).reshape(1, 1, 2, 1)).ravel(), [0, 11, 0])


def test_pool_strides_are_the_pool_size_by_default():
    assert MaxPooling2D((3, 2)).strides == (3, 2)
    assert AveragePooling2D(3).strides == (3, 3)
    assert MaxPooling2D((3, 2), strides=1).strides == (1, 1)


def test_global_average_pooling(rng):
    x = rng.normal(size=(2, 3, 5, 4))
    layer = built(GlobalAveragePooling2D(dtype="float64"), x)
    y = layer.forward(x, training=True)
    assert_close(y, oracles.average_pooling2d(x, (3, 5), (1, 1))[:, 0, 0, :], ORACLE)
    dy = rng.normal(size=y.shape)
    expected = oracles.average_pooling2d_gradient(x.shape, dy[:, None, None, :], (3, 5), (1, 1))
    assert_close(layer.backward(dy), expected, ORACLE)


def test_equal_maxima_of_an_image_share_the_gradient():
    x = np.float32([[0, 7, 7], [-1, 7, 7], [1, 2, 3]]).reshape(1, 3, 3, 1)
    x = np.concatenate([x, -x], axis=-1)
    layer = built(GlobalMaxPooling2D(), x)
    np.testing.assert_array_equal(layer.forward(x, training=True), [[7, 1]])
    dx = layer.backward(np.float32([[8, 5]]))
    np.testing.assert_array_equal(dx[0, :, :, 0], [[0, 2, 2], [0, 2, 2], [0, 0, 0]])
    np.testing.assert_array_equal(dx[0, :, :, 1], [[0, 0, 0], [5, 0, 0], [0, 0, 0]])


def test_up_sampling_repeats_pixels_and_adds_up_their_gradients(rng):
    x = rng.normal(size=(2, 3, 2, 4))
    layer = built(UpSampling2D((2, 3), dtype="float64"), x)
    y = layer.forward(x, training=True)
    dy = rng.normal(size=y.shape)
    dx = np.zeros_like(x)
    for i, j in np.ndindex(6, 6):
        np.testing.assert_array_equal(y[:, i, j], x[:, i // 2, j // 3])
        dx[:, i // 2, j // 3] += dy[:, i, j]
    assert_close(layer.backward(dy), dx, ORACLE)


def test_flatten_writes_channels_innermost(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    layer = built(Flatten(), x)
    y = layer.forward(x, training=True)
    for i, j, k in np.ndindex(3, 4, 5):
        np.testing.assert_array_equal(y[:, (i * 4 + j) * 5 + k], x[:, i, j, k])
    dy = rng.normal(size=y.shape).astype(np.float32)
    dx = layer.backward(dy)
    for i, j, k in np.ndindex(3, 4, 5):
        np.testing.assert_array_equal(dx[:, i, j, k], dy[:, (i * 4 + j) * 5 + k])


def test_flatten_of_rows_and_of_nothing_but_the_batch():
    assert Flatten().build((None, 6)) == (None, 6)
    x = np.arange(3.0, dtype=np.float32)
    layer = Flatten()
    assert layer.build((None,)) == (None, 1)
    np.testing.assert_array_equal(layer(x), x[:, None])


def test_reshape_keeps_the_order_of_the_values(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    layer = built(Reshape((6, -1)), x)
    assert layer.output_shape == (None, 6, 10)
    y = layer.forward(x, training=True)
    for i, j, k in np.ndindex(3, 4, 5):
        place = (i * 4 + j) * 5 + k
        np.testing.assert_array_equal(y[:, place // 10, place % 10], x[:, i, j, k])
    dy = rng.normal(size=y.shape).astype(np.float32)
    np.testing.assert_array_equal(layer.backward(dy)[1, 2, 3, 4], dy[1, 5, 9])
    assert Reshape([np.int64(60)]).build(x.shape) == (None, 60)


def test_zero_padding_has_four_sides(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    layer = built(ZeroPadding2D(((1, 2), (3, 0))), x)
    assert layer.output_shape == (None, 6, 7, 5)
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y[:, 1:4, 3:], x)
    assert np.abs(y).sum() == np.abs(x).sum()
    dy = rng.normal(size=y.shape).astype(np.float32)
    np.testing.assert_array_equal(layer.backward(dy), dy[:, 1:4, 3:])
    assert ZeroPadding2D(2).padding == ((2, 2), (2, 2))
    assert ZeroPadding2D([1, 2]).padding == ((1, 1), (2, 2))
    assert ZeroPadding2D(((1, 2), (3, 0))).padding == ((1, 2), (3, 0))
    np.testing.assert_array_equal(built(ZeroPadding2D(0), x).forward(x), x)


# Dense and activations


@given(st.integers(0, 2**32 - 1), TABLES, st.sampled_from(list(ACTIVATIONS)), st.booleans())
def test_dense_with_an_activation(seed, table, name, use_bias):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 4))
    layer = built(Dense(5, activation=name, use_bias=use_bias, dtype="float64"), x, table)
    bias = rng.normal(size=5) * use_bias
    layer.set_weights([rng.normal(size=(4, 5)), bias][: 1 + use_bias])
    z = oracles.dense(x, layer.kernel.value, bias)
    y = layer.forward(x, training=True)
    assert_close(y, oracles.activation(name, z), ORACLE, "y")
    dy = rng.normal(size=y.shape)
    dx, dkernel, dbias = oracles.dense_gradients(x, layer.kernel.value, oracles.activation_gradient(name, z, dy))
    scale = max(np.abs(g).max() for g in (dx, dkernel)) + np.abs(dy).max()  # softmax' own terms cancel
    for found, expected in ((layer.backward(dy), dx), (layer.kernel.grad, dkernel)):
        assert np.abs(found - expected).max() <= ORACLE * scale
    if use_bias:
        assert np.abs(layer.bias.grad - dbias).max() <= ORACLE * scale


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_conv2d_with_an_activation(name, rng):
    x, dy = rng.normal(size=(2, 4, 4, 2)), rng.normal(size=(2, 2, 3, 3))
    layer = built(Conv2D(3, (3, 2), activation=name, dtype="float64"), x)
    z = oracles.conv2d(x, layer.kernel.value, layer.bias.value)
    assert_close(layer.forward(x, training=True), oracles.activation(name, z), ORACLE, "y")
    dz = oracles.activation_gradient(name, z, dy)
    dx, dkernel, dbias = oracles.conv2d_gradients(x, layer.kernel.value, dz)
    assert_close(layer.backward(dy), dx, ORACLE, "dx")
    assert_close(layer.kernel.grad, dkernel, ORACLE, "dkernel")
    assert_close(layer.bias.grad, dbias, ORACLE, "dbias")


@pytest.mark.parametrize("make", [
    lambda: Dense(3, activation="softmax", dtype="float64"),
    lambda: Activation("softmax", dtype="float64"),
    lambda: Softmax(dtype="float64"),
])  # fmt: skip
def test_activate_false_gives_the_logits_and_their_gradient(make, rng):
    x, dz = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    layer = built(make(), x)
    z = layer.forward(x, training=True, activate=False)
    expected = oracles.dense(x, layer.kernel.value, layer.bias.value) if isinstance(layer, Dense) else x
    assert_close(z, expected, ORACLE)
    assert_close(oracles.softmax(z), layer.forward(x), ORACLE)
    dx = layer.backward(dz)
    expected = oracles.dense_gradients(x, layer.kernel.value, dz)[0] if isinstance(layer, Dense) else dz
    assert_close(dx, expected, ORACLE)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activation_layers_on_images(name, rng):
    x, dy = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    layer = built(Activation(name, dtype="float64"), x)
    assert_close(layer.forward(x, training=True), oracles.activation(name, x), ORACLE)
    assert_close(layer.backward(dy), oracles.activation_gradient(name, x, dy), ORACLE)


@pytest.mark.parametrize("make", [lambda: Dense(3), lambda: Conv2D(3, 1), lambda: Activation("relu")])
def test_an_activation_may_be_assigned_and_is_checked(make, rng):
    layer = make()
    x = rng.normal(size=(4, 5, 5, 2) if isinstance(layer, Conv2D) else (4, 5))
    layer.build(x.shape)
    for value, name in ((activations.tanh, "tanh"), ("softmax", "softmax"), (None, "linear")):
        layer.activation = value
        assert layer.activation == name
        layer(x)
    before = layer(x)
    with pytest.raises(ValueError, match=r"activation: expected one of .*, received 'rulu'\. Did you mean"):
        layer.activation = "rulu"
    with pytest.raises(ValueError, match=r"received 'Relu'\. Did you mean 'relu'\?$"):
        layer.activation = "Relu"
    np.testing.assert_array_equal(layer(x), before)


def test_activations_by_name_function_and_none():
    assert activations.get(None) == "linear"
    for name in ACTIVATIONS:
        assert activations.get(name) == name
        assert activations.get(getattr(activations, name)) == name
    assert Dense(1, activation=activations.tanh).activation == "tanh"
    assert Dense(1, activation="swish").activation == activations.get(activations.swish) == "silu"
    assert Dense(1, activation="hard_swish").activation == "hard_silu"
    assert Dense(1).activation == "linear"
    assert ReLU().activation == "relu"
    assert Softmax().activation == "softmax"


def test_leaky_relu_takes_keras_2s_alpha():
    text = r"^LeakyReLU: expected negative_slope, received alpha, its former name\. Write negative_slope=0\.25\.$"
    with pytest.warns(UserWarning, match=text) as caught:
        layer = LeakyReLU(alpha=0.25, name="leaky")
    assert caught[0].filename == __file__
    assert (layer.negative_slope, layer.get_config()["negative_slope"], "alpha" in layer.get_config()) == (
        0.25,
        0.25,
        False,
    )


@pytest.mark.parametrize("slope", [0.3, 0.0, 1.5])
def test_leaky_relu(slope):
    x = np.array([[-2.0, -0.5, 0.0, 3.0]])
    layer = built(LeakyReLU(slope, dtype="float64"), x)
    assert LeakyReLU().negative_slope == 0.3
    np.testing.assert_allclose(layer.forward(x, training=True), [[-2 * slope, -0.5 * slope, 0.0, 3.0]], rtol=1e-15)
    np.testing.assert_allclose(
        layer.backward(np.array([[10.0, 20.0, 40.0, 80.0]])), [[10 * slope, 20 * slope, 40 * slope, 80.0]], rtol=1e-15
    )


# Dropout


def kept(y: np.ndarray) -> np.ndarray:
    return y != 0


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean(rate):
    """Five standard errors of a share of 200,000 trials: wrong once in two million seeds, and the seed is fixed."""
    x = np.ones((2000, 100), np.float32)
    y = built(Dropout(rate, seed=3), x).forward(x, training=True)
    standard_error = math.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept(y).mean() - (1 - rate)) < 5 * standard_error
    assert abs(y.mean(dtype=np.float64) - 1) < 5 * standard_error / (1 - rate)
    np.testing.assert_allclose(y[kept(y)], 1 / (1 - rate), rtol=FLOAT32)


def test_dropout_drops_each_value_on_its_own():
    """Neighbours along each axis are both kept with probability (1 − rate)², as independent events are."""
    x = np.ones((400, 50, 20), np.float32)
    y = kept(built(Dropout(0.5, seed=1), x).forward(x, training=True))
    for axis in range(3):
        both = (np.diff(y.astype(int), axis=axis) == 0).mean()
        assert abs(both - 0.5) < 5 * 0.5 / math.sqrt(x.size)
    again = kept(built(Dropout(0.5, seed=1), x).forward(x, training=True))
    np.testing.assert_array_equal(again, y)


def test_dropout_gradient_passes_through_the_same_mask(rng):
    x, dy = rng.normal(size=(8, 30)), rng.normal(size=(8, 30))
    layer = built(Dropout(0.4, dtype="float64"), x)
    y = layer.forward(x, training=True)
    dx = layer.backward(dy)
    np.testing.assert_array_equal(kept(dx), kept(y))
    np.testing.assert_allclose(dx[kept(y)], dy[kept(y)] / 0.6, rtol=1e-7)
    np.testing.assert_allclose(y[kept(y)], x[kept(y)] / 0.6, rtol=1e-7)


def test_the_random_numbers_are_those_of_splitmix64():
    """Against the definition in Python's own whole numbers, and the generator's known first output for the seed 0."""
    mask, state, expected = 2**64 - 1, 7, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        expected += [z >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    assert random_numbers(np.uint64(7), 11).tolist() == expected[:11]
    assert random_numbers(np.uint64(0), 4).tolist() == [0xCDAF, 0x7B1D, 0xA839, 0xE220]


def test_the_random_numbers_are_evenly_spread():
    numbers = random_numbers(np.uint64(2026), 2**18)
    counts = np.bincount(numbers >> np.uint64(8), minlength=256)
    assert abs(((counts - 1024) ** 2 / 1024).sum() - 255) < 5 * np.sqrt(2 * 255)  # chi-squared, 255 degrees of freedom
    both = np.corrcoef(numbers[:-1].astype(float), numbers[1:].astype(float))[0, 1]
    assert abs(both) < 5 / np.sqrt(len(numbers))


def test_dropout_draws_anew_in_each_step_and_never_in_inference(rng):
    x = rng.normal(size=(8, 30)).astype(np.float32)
    layer = built(Dropout(0.5, seed=2), x)
    first, second = layer.forward(x, training=True), layer.forward(x, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(layer.forward(x), x)
    other = built(Dropout(0.5, seed=2), x)
    np.testing.assert_array_equal(other.forward(x, training=True), first)
    other.forward(x)
    np.testing.assert_array_equal(other.forward(x, training=True), second)
    assert not np.array_equal(built(Dropout(0.5, seed=3), x).forward(x, training=True), first)


def test_dropout_at_its_limits(rng):
    x, dy = rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)
    none, everything = built(Dropout(0), x), built(Dropout(1.0), x)
    np.testing.assert_array_equal(none.forward(x, training=True), x)
    np.testing.assert_array_equal(none.backward(dy), dy)
    np.testing.assert_array_equal(everything.forward(x, training=True), np.zeros_like(x))
    np.testing.assert_array_equal(everything.backward(dy), np.zeros_like(x))
    np.testing.assert_array_equal(everything.forward(x), x)


def test_dropout_of_whole_feature_maps():
    x = np.ones((50, 4, 5, 6), np.float32)
    y = kept(built(Dropout(0.5, noise_shape=(None, 1, 1, 6), seed=1), x).forward(x, training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1, :], y.shape))
    assert 0.3 < y[:, 0, 0, :].mean() < 0.7
    shared = kept(built(Dropout(0.5, noise_shape=(1, 4, 5, 6), seed=1), x).forward(x, training=True))
    np.testing.assert_array_equal(shared, np.broadcast_to(shared[:1], shared.shape))


# Batch normalization


@given(st.integers(0, 2**32 - 1), TABLES, st.booleans(), st.booleans(), st.booleans())
def test_batch_normalization(seed, table, images, center, scale):
    rng = np.random.default_rng(seed)
    shape = (2, 2, 3, 2) if images else (5, 2)
    x, dy = rng.normal(2.0, 3.0, size=shape), rng.normal(size=shape)
    layer = built(BatchNormalization(momentum=0.9, epsilon=0.01, center=center, scale=scale, dtype="float64"), x, table)
    gamma, beta = (rng.normal(size=2) if scale else np.ones(2)), (rng.normal(size=2) if center else np.zeros(2))
    start_mean, start_variance = rng.normal(size=2), rng.uniform(0.5, 2, size=2)
    layer.set_weights([*([gamma] * scale), *([beta] * center), start_mean, start_variance])

    rows, dy_rows = x.reshape(-1, 2), dy.reshape(-1, 2)
    inference = oracles.normalize(rows, gamma, beta, start_mean, start_variance, 0.01).reshape(shape)
    assert_close(layer.forward(x), inference, ORACLE, "inference")

    mean, variance = oracles.batch_statistics(rows)
    y = layer.forward(x, training=True)
    assert_close(y, oracles.normalize(rows, gamma, beta, mean, variance, 0.01).reshape(shape), ORACLE, "y")
    assert_close(layer.moving_mean, start_mean * 0.9 + mean * 0.1, ORACLE, "moving mean")
    assert_close(layer.moving_variance, start_variance * 0.9 + variance * 0.1, ORACLE, "moving variance")

    dx, dgamma, dbeta = oracles.batch_normalization_gradients(rows, gamma, dy_rows, 0.01)
    assert_close(layer.backward(dy), dx.reshape(shape), 10 * ORACLE, "dx")
    assert list(layer.grads) == ["gamma"] * scale + ["beta"] * center
    if scale:
        assert_close(layer.gamma.grad, dgamma, 10 * ORACLE, "dgamma")
    if center:
        assert_close(layer.beta.grad, dbeta, 10 * ORACLE, "dbeta")


@pytest.mark.parametrize("table", kernels.SETS.values(), ids=list(kernels.SETS))
def test_moving_statistics_follow_the_rule_in_float32(table, rng):
    """moving · 0.99 + batch · 0.01 from 0 and 1, with the biased variance, over five batches; four numbers a batch,
    so that the unbiased variance would be a third larger."""
    layer = BatchNormalization()
    layer.kernels = table
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])
    np.testing.assert_array_equal(layer.moving_variance, [1, 1])
    assert layer.epsilon == 1e-3
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(5):
        x = rng.normal(5.0, 3.0, size=(4, 2)).astype(np.float32)
        layer.forward(x, training=True)
        batch_mean, batch_variance = oracles.batch_statistics(x)
        mean, variance = mean * 0.99 + batch_mean * 0.01, variance * 0.99 + batch_variance * 0.01
    assert_close(layer.moving_mean, mean, FLOAT32)
    assert_close(layer.moving_variance, variance, FLOAT32)


def test_moving_statistics_are_written_in_place(rng):
    layer = BatchNormalization()
    layer.build((None, 2))
    mean, variance = layer.moving_mean, layer.moving_variance
    layer.forward(rng.normal(size=(4, 2)), training=True)
    assert layer.moving_mean is mean
    assert layer.moving_variance is variance
    assert list(layer.state) == ["moving_mean", "moving_variance"]


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 3)])
def test_frozen_batch_normalization_is_inference_in_training_too(shape, rng):
    x, dy = rng.normal(1.0, 2.0, size=shape), rng.normal(size=shape)
    layer = built(BatchNormalization(dtype="float64"), x)
    layer.set_weights([rng.normal(size=3), rng.normal(size=3), rng.normal(size=3), rng.uniform(0.5, 2, size=3)])
    layer.trainable = False
    before = layer.get_weights()
    y = layer.forward(x, training=True)
    np.testing.assert_array_equal(y, layer.forward(x))
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert layer.parameters == ()
    gamma, _, _, variance = before
    assert_close(layer.backward(dy), dy * gamma / np.sqrt(variance + 1e-3), ORACLE)


def test_batch_normalization_of_one_sample_gives_beta():
    x = np.array([[5.0, -7.0]], np.float32)
    layer = built(BatchNormalization(beta_initializer=initializers.Constant(2.5)), x)
    np.testing.assert_array_equal(layer.forward(x, training=True), [[2.5, 2.5]])
    np.testing.assert_array_equal(layer.backward(np.array([[3.0, 4.0]])), [[0.0, 0.0]])


def test_batch_normalization_initializers():
    layer = BatchNormalization(
        beta_initializer=initializers.Constant(1),
        gamma_initializer=initializers.Constant(2),
        moving_mean_initializer=initializers.Constant(3),
        moving_variance_initializer=initializers.Constant(4),
    )
    layer.build((None, 2))
    np.testing.assert_array_equal(layer.get_weights(), [[2, 2], [1, 1], [3, 3], [4, 4]])
    assert list(layer.named_weights) == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert layer.count_params() == 8


def test_batch_normalization_takes_the_last_axis_by_its_number_too():
    assert BatchNormalization(axis=3).build((None, 2, 2, 5)) == (None, 2, 2, 5)


# Weights


def test_initial_weights_of_a_convolution_and_a_dense_layer():
    conv = Conv2D(64, 3)
    conv.build((None, 13, 13, 32))
    limit = math.sqrt(6 / (9 * 32 + 9 * 64))
    assert limit * 0.99 < np.abs(conv.kernel.value).max() <= limit
    np.testing.assert_array_equal(conv.bias.value, np.zeros(64))
    dense = Dense(64)
    dense.build((None, 1600))
    limit = math.sqrt(6 / (1600 + 64))
    assert limit * 0.99 < np.abs(dense.kernel.value).max() <= limit
    assert abs(dense.kernel.value.mean()) < 5 * limit / math.sqrt(3 * dense.kernel.value.size)
    np.testing.assert_array_equal(dense.bias.value, np.zeros(64))


@pytest.mark.parametrize("make", [lambda **o: Conv2D(2, 1, **o), lambda **o: Dense(2, **o)])
def test_initializers_and_regularizers_reach_their_parameters(make):
    l2, l1 = regularizers.L2(0.1), regularizers.L1(0.2)
    layer = make(
        kernel_initializer="ones", bias_initializer=initializers.Constant(3), kernel_regularizer=l2, bias_regularizer=l1
    )
    layer.build((None, 4, 4, 3) if isinstance(layer, Conv2D) else (None, 3))
    np.testing.assert_array_equal(layer.kernel.value, np.ones(layer.kernel.shape))
    np.testing.assert_array_equal(layer.bias.value, [3, 3])
    assert layer.kernel.regularizer is l2
    assert layer.bias.regularizer is l1
    plain = make()
    plain.build((None, 4, 4, 3) if isinstance(plain, Conv2D) else (None, 3))
    assert plain.kernel.regularizer is None
    assert plain.bias.regularizer is None


def test_params_and_grads_are_the_parameters_own_arrays(rng):
    layer = Dense(3)
    layer.build((None, 2))
    assert list(layer.params) == list(layer.grads) == ["kernel", "bias"]
    assert layer.params["kernel"] is layer.kernel.value
    assert layer.grads["bias"] is layer.bias.grad
    assert [p.name for p in layer.parameters] == ["kernel", "bias"]
    x, dy = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    before = layer(x)
    layer.forward(x, training=True)
    layer.backward(dy)
    layer.params["kernel"] -= 0.1 * layer.grads["kernel"]
    after = layer(x)
    assert_close(after - before, -0.1 * x @ (x.T @ dy), 1e-4)


def test_frozen_layers_offer_no_parameters_but_keep_their_weights():
    layer = Dense(3, trainable=False)
    layer.build((None, 2))
    assert layer.parameters == ()
    assert layer.count_params() == 9
    assert len(layer.get_weights()) == 2
    layer.trainable = True
    assert len(layer.parameters) == 2


def test_set_weights_takes_lists_and_other_dtypes():
    layer = Dense(2)
    layer.build((None, 1))
    layer.set_weights([[[1, 2]], np.array([3, 4])])
    np.testing.assert_array_equal(layer([[10]]), [[13, 24]])
    assert layer.kernel.value.dtype == np.float32


def test_parameter_vector_makes_views(rng):
    parameters = [Parameter("a", rng.normal(size=(2, 3))), Parameter("b", rng.normal(size=4))]
    values = [p.value.copy() for p in parameters]
    vector = ParameterVector(parameters)
    assert vector.value.shape == vector.grad.shape == (10,)
    assert vector.slices == [slice(0, 6), slice(6, 10)]
    for p, value, part in zip(vector.parameters, values, vector.slices, strict=True):
        np.testing.assert_array_equal(p.value, value)
        np.testing.assert_array_equal(vector.value[part], value.ravel())
        assert np.shares_memory(p.value, vector.value)
        assert np.shares_memory(p.grad, vector.grad)
        p.grad[...] = 7
    vector.value += 1
    np.testing.assert_array_equal(parameters[0].value, values[0] + 1)
    np.testing.assert_array_equal(vector.grad, np.full(10, 7))
    assert ParameterVector([]).value.size == 0


# Building, names, representation


def test_a_layer_called_alone_builds_itself(rng):
    layer = Conv2D(2, 3)
    assert not layer.built
    y = layer(rng.normal(size=(1, 5, 5, 1)))
    assert layer.built
    assert y.shape == (1, 3, 3, 2)
    assert layer.input_shape == (None, 5, 5, 1)
    np.testing.assert_array_equal(layer(np.zeros((2, 5, 5, 1)), training=True), np.zeros((2, 3, 3, 2)))
    assert layer.backward(np.zeros((2, 3, 3, 2))).shape == (2, 5, 5, 1)


def test_building_again_with_the_same_shape_changes_nothing():
    layer = Dense(3)
    assert layer.build((None, 2)) == (None, 3)
    value, weights = layer.kernel.value, layer.get_weights()
    assert layer.build((32, 2)) == (None, 3)
    assert layer.kernel.value is value
    np.testing.assert_array_equal(layer.get_weights()[0], weights[0])


def test_build_draws_from_the_stream_that_it_is_given():
    first, second, third = Dense(3), Dense(3), Dense(3)
    first.build((None, 2), np.random.default_rng(1))
    second.build((None, 2), np.random.default_rng(1))
    third.build((None, 2), np.random.default_rng(2))
    np.testing.assert_array_equal(first.kernel.value, second.kernel.value)
    assert not np.array_equal(first.kernel.value, third.kernel.value)


def test_build_without_a_stream_draws_from_the_packages_seed():
    kernels_of_two_runs = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        layers = [Dense(3), Dense(3)]
        for layer in layers:
            layer.build((None, 2))
        assert not np.array_equal(layers[0].kernel.value, layers[1].kernel.value)
        kernels_of_two_runs.append(layers[1].kernel.value)
    np.testing.assert_array_equal(kernels_of_two_runs[0], kernels_of_two_runs[1])
    assert not np.array_equal(kernels_of_two_runs[0], kernels_of_two_runs[2])


def test_both_dtypes_start_from_the_same_numbers():
    single, double = Conv2D(4, 3, dtype="float32"), Conv2D(4, 3, dtype="float64")
    for layer in (single, double):
        layer.build((None, 8, 8, 2), np.random.default_rng(1))
    np.testing.assert_array_equal(single.kernel.value, double.kernel.value.astype(np.float32))


def test_names_are_numbered_as_in_keras():
    clear_session()
    layers = [Conv2D(1, 1), MaxPooling2D(), Conv2D(1, 1), Flatten(), Dense(1), Dense(1), BatchNormalization(),
              GlobalAveragePooling2D(), LeakyReLU(), ReLU(), Softmax(), Dropout(0.1), Activation("relu"),
              AveragePooling2D(), Dense(1, name="mine"), Dense(1), Reshape((1,)), ZeroPadding2D()]  # fmt: skip
    assert [layer.name for layer in layers] == [
        "conv2d", "max_pooling2d", "conv2d_1", "flatten", "dense", "dense_1", "batch_normalization",
        "global_average_pooling2d", "leaky_re_lu", "re_lu", "softmax", "dropout", "activation",
        "average_pooling2d", "mine", "dense_2", "reshape", "zero_padding2d",
    ]  # fmt: skip
    clear_session()
    assert Conv2D(1, 1).name == "conv2d"


@pytest.mark.keras
def test_names_are_those_that_keras_gives(keras):
    keras.utils.clear_session(free_memory=False)
    clear_session()
    for name in ("Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "Flatten", "Dense", "Dropout",
                 "BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Softmax", "Reshape", "GlobalMaxPooling2D",
                 "UpSampling2D", "DepthwiseConv2D", "Conv2DTranspose", "SeparableConv2D", "ZeroPadding2D"):  # fmt: skip
        arguments = {
            "Conv2D": (1, 1),
            "Conv2DTranspose": (1, 1),
            "SeparableConv2D": (1, 1),
            "Dense": (1,),
            "DepthwiseConv2D": (1,),
            "Dropout": (0.1,),
            "Activation": ("relu",),
            "AveragePooling2D": (2,),
            "Reshape": ((1,),),
        }.get(name, ())
        for _ in range(2):
            ours, theirs = globals()[name](*arguments), getattr(keras.layers, name)(*arguments)
            assert ours.name == theirs.name


def test_repr():
    layer = Dense(3, name="head")
    assert repr(layer) == "<Dense name=head, built=False>"
    layer.build((None, 2))
    assert repr(layer) == "<Dense name=head, built=True>"
    assert repr(layer.kernel) == "<Parameter kernel, shape (2, 3), float32>"


def test_other_names_of_the_same_classes():
    assert MaxPool2D is MaxPooling2D
    assert AvgPool2D is AveragePooling2D
    assert GlobalAvgPool2D is GlobalAveragePooling2D
    assert GlobalMaxPool2D is GlobalMaxPooling2D
    assert Convolution2D is Conv2D
    assert isinstance(Input((4,)).layer, InputLayer)
    assert Convolution2DTranspose is Conv2DTranspose
    assert SeparableConvolution2D is SeparableConv2D
    assert Input(shape=(28, 28, 1)).shape == (None, 28, 28, 1)


def test_arguments_in_keras_order():
    conv = Conv2D(8, (3, 2), (2, 1), "SAME", "channels_last", (1, 1), 2, "relu", False)
    assert (conv.filters, conv.kernel_size, conv.strides, conv.padding) == (8, (3, 2), (2, 1), "same")
    assert (conv.dilation_rate, conv.groups, conv.activation, conv.use_bias) == ((1, 1), 2, "relu", False)
    conv = Conv2DTranspose(8, (3, 2), (2, 3), "SAME", (1, 2), "channels_last", 1, "relu", False)
    assert (conv.filters, conv.kernel_size, conv.strides, conv.padding) == (8, (3, 2), (2, 3), "same")
    assert (conv.output_padding, conv.dilation_rate) == ((1, 2), (1, 1))
    assert (conv.activation, conv.use_bias) == ("relu", False)
    conv = SeparableConv2D(8, (3, 2), 2, "SAME", "channels_last", 1, 3, "relu", False, "zeros", "ones")
    assert (conv.filters, conv.kernel_size, conv.strides, conv.padding) == (8, (3, 2), (2, 2), "same")
    assert (conv.dilation_rate, conv.depth_multiplier, conv.activation, conv.use_bias) == ((1, 1), 3, "relu", False)
    assert isinstance(conv.depthwise_initializer, initializers.Zeros)
    assert isinstance(conv.pointwise_initializer, initializers.Ones)
    conv = DepthwiseConv2D((3, 2), 2, "SAME", 3, "channels_last", 1, "relu", False)
    assert (conv.kernel_size, conv.strides, conv.padding, conv.depth_multiplier) == ((3, 2), (2, 2), "same", 3)
    assert (conv.dilation_rate, conv.activation, conv.use_bias) == ((1, 1), "relu", False)
    normalization = BatchNormalization(-1, 0.9, 0.01, False, False)
    assert (normalization.momentum, normalization.epsilon) == (0.9, 0.01)
    assert (normalization.center, normalization.scale) == (False, False)
    dense = Dense(8, "tanh", False)
    assert (dense.units, dense.activation, dense.use_bias) == (8, "tanh", False)
    assert Dropout(0.5, (None, 1), 7).seed == 7


def test_conv2d_kernel_size_as_list_and_numpy_integer():
    assert Conv2D(np.int64(4), [3, 2]).kernel_size == (3, 2)
    assert Conv2D(4, np.int32(5), strides=np.int64(2)).strides == (2, 2)
    assert Conv2D(4, 5).kernel_size == (5, 5)


def test_sample_shape_of_a_first_layer():
    assert Conv2D(1, 1, input_shape=(28, 28, 1)).sample_shape == (28, 28, 1)
    assert Conv2D(1, 1).sample_shape is None


# Activations as functions on arrays


FUNCTIONS = [
    *[(name, {}) for name in activations.__all__ if name != "get"],
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"max_value": 1.5}),
    ("relu", {"max_value": 6, "threshold": 0.5}),
    ("relu", {"negative_slope": 0.5, "max_value": 1.0, "threshold": -0.5}),
    ("leaky_relu", {"negative_slope": 0.5}),
    ("elu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 1}),
    ("log_softmax", {"axis": 0}),
]


@pytest.mark.keras
@pytest.mark.parametrize(("name", "arguments"), FUNCTIONS, ids=[f"{name} {arguments}" for name, arguments in FUNCTIONS])
def test_activations_on_arrays_are_kerass(keras, name, arguments):
    x = np.concatenate([np.random.default_rng(1).normal(0, 3, (3, 4, 5)), [[[-3.0, 0, 0.5, 3, 6]] * 4]]).astype(
        "float32"
    )
    mine = getattr(activations, name)(x, **arguments)
    assert mine.dtype == "float32"
    assert_close(mine, np.asarray(getattr(keras.activations, name)(x, **arguments)), 1e-6)


def test_activations_on_lists():
    np.testing.assert_array_equal(activations.relu([-1, 2]), [0, 2])
    np.testing.assert_array_equal(activations.relu([-3, 0.5, 9], max_value=4, threshold=1), [0, 0, 4])
    assert np.isnan(activations.relu([np.nan], threshold=1))
    assert activations.softmax([[1, 1]]).tolist() == [[0.5, 0.5]]
    np.testing.assert_allclose(activations.relu([-3.0, 2.0], negative_slope=0.25, threshold=1), [-1, 2])
    np.testing.assert_allclose(activations.leaky_relu([-2.0, 3.0], negative_slope=0.25), [-0.5, 3])
    np.testing.assert_allclose(activations.elu([-1.0, 3.0], alpha=0.5), [0.5 * np.expm1(-1), 3])
    np.testing.assert_allclose(
        activations.gelu([-1.0, 0.5]), activations.gelu([-1.0, 0.5], approximate=True), atol=1e-3
    )
    np.testing.assert_allclose(activations.softmax([[0.0], [np.log(3)]], axis=0), [[0.25], [0.75]])
    np.testing.assert_allclose(np.exp(activations.log_softmax([[0.0], [np.log(3)]], axis=0)), [[0.25], [0.75]])

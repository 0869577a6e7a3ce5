"""Scalar-loop oracle = reference kernel = fast kernel.

The first half holds every reference kernel against `oracles`, on shapes that Hypothesis makes up. The second half
holds every entry that FAST exchanges against the reference, by one table of cases: an exchanged entry without a case
fails the suite.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import FLOAT32, ORACLE, PARITY, UPDATE, assert_close

from tinycnn import kernels
from tinycnn.kernels import FAST, REFERENCE, Kernels

ENTRIES = [field.name for field in fields(Kernels) if field.name not in ("name", "activations", "fused")]
ACTIVATIONS = list(REFERENCE.activations)


def entries(table: Kernels) -> dict[str, Callable]:
    """Every function of a set of kernels, activations included, by name."""
    functions = {name: getattr(table, name) for name in ENTRIES}
    for name, activation in table.activations.items():
        functions[f"activations.{name}.forward"] = activation.forward
        functions[f"activations.{name}.backward"] = activation.backward
    return functions


def frozen(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


# Oracle = reference


@st.composite
def images_and_windows(draw: st.DrawFn, dilations: tuple[int, ...] = (1,)) -> dict[str, Any]:
    """An image, a window that fits into it, strides; rows and columns that no window reaches may be left over."""
    window = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    strides = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilation = draw(st.sampled_from(dilations)), draw(st.sampled_from(dilations))
    extent = [(size - 1) * d + 1 for size, d in zip(window, dilation, strict=True)]
    h, w = extent[0] + draw(st.integers(0, 4)), extent[1] + draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = frozen(rng.normal(size=(draw(st.integers(1, 2)), h, w, draw(st.integers(1, 3)))))
    return {"x": x, "window": window, "strides": strides, "dilation": dilation, "rng": rng}


@given(images_and_windows(dilations=(1, 2)), st.integers(1, 3))
def test_convolution_is_the_sum_of_products(case, filters):
    x, strides, dilation, rng = (case[key] for key in ("x", "strides", "dilation", "rng"))
    kernel = frozen(rng.normal(size=(*case["window"], x.shape[3], filters)))
    bias = frozen(rng.normal(size=filters))
    expected = oracles.conv2d(x, kernel, bias, strides, dilation_rate=dilation)
    z = REFERENCE.conv2d_forward(x, kernel, bias, strides, dilation)
    assert_close(z, expected, ORACLE, "z")

    dz = frozen(rng.normal(size=z.shape))
    dx, dkernel, dbias = oracles.conv2d_gradients(x, kernel, dz, strides, dilation_rate=dilation)
    found = REFERENCE.conv2d_backward_parameters(x, dz, case["window"], strides, dilation)
    assert_close(found[0], dkernel, ORACLE, "dkernel")
    assert_close(found[1], dbias, ORACLE, "dbias")
    assert_close(REFERENCE.conv2d_backward_input(dz, kernel, x.shape[1:3], strides, dilation), dx, ORACLE, "dx")


@given(images_and_windows(dilations=(1, 2)), st.integers(1, 3))
def test_depthwise_convolution_has_as_many_groups_as_channels(case, m):
    x, strides, dilation, rng = (case[key] for key in ("x", "strides", "dilation", "rng"))
    channels = x.shape[3]
    kernel = frozen(rng.normal(size=(*case["window"], channels, m)))
    bias = frozen(rng.normal(size=channels * m))
    flat, options = kernel.reshape(*case["window"], 1, -1), {"dilation_rate": dilation, "groups": channels}
    z = REFERENCE.depthwise_conv2d_forward(x, kernel, bias, strides, dilation)
    assert_close(z, oracles.conv2d(x, flat, bias, strides, **options), ORACLE, "z")

    dz = frozen(rng.normal(size=z.shape))
    dx, dkernel, dbias = oracles.conv2d_gradients(x, flat, dz, strides, **options)
    found = REFERENCE.depthwise_conv2d_backward_parameters(x, dz, case["window"], strides, dilation)
    assert_close(found[0], dkernel.reshape(kernel.shape), ORACLE, "dkernel")
    assert_close(found[1], dbias, ORACLE, "dbias")
    found = REFERENCE.depthwise_conv2d_backward_input(dz, kernel, x.shape[1:3], strides, dilation)
    assert_close(found, dx, ORACLE, "dx")


@given(images_and_windows(), st.booleans())
def test_max_pooling_keeps_the_first_maximum(case, tied):
    """Half of the examples hold few different numbers, so that most windows are tied."""
    x, pool_size, strides, rng = (case[key] for key in ("x", "window", "strides", "rng"))
    if tied:
        x = frozen(np.round(x))
    y, winners = oracles.max_pooling2d(x, pool_size, strides)
    found, argmax = REFERENCE.max_pooling2d_forward(x, pool_size, strides)
    np.testing.assert_array_equal(found, y)
    assert argmax.dtype == np.uint8
    for (s, i, j, c), (row, column) in winners.items():
        place = (row - i * strides[0]) * pool_size[1] + column - j * strides[1]
        assert argmax[s, i, j, c] == place
    dy = frozen(rng.normal(size=y.shape))
    dx = REFERENCE.max_pooling2d_backward(dy, frozen(argmax), x.shape[1:3], pool_size, strides)
    assert_close(dx, oracles.max_pooling2d_gradient(x, dy, pool_size, strides), ORACLE, "dx")


def test_max_pooling_counts_places_beyond_256(rng):
    x = rng.normal(size=(2, 20, 17, 2))
    x[:, 19, 16, :] = 100.0
    y, argmax = REFERENCE.max_pooling2d_forward(x, (20, 17), (1, 1))
    assert argmax.dtype == np.int32
    np.testing.assert_array_equal(argmax, np.full((2, 1, 1, 2), 20 * 17 - 1))
    dy = rng.normal(size=y.shape)
    dx = REFERENCE.max_pooling2d_backward(dy, argmax, (20, 17), (20, 17), (1, 1))
    np.testing.assert_array_equal(dx[:, 19, 16, :], dy[:, 0, 0, :])
    assert np.count_nonzero(dx) == dy.size


@given(images_and_windows())
def test_average_pooling_is_the_mean_of_each_window(case):
    x, pool_size, strides, rng = (case[key] for key in ("x", "window", "strides", "rng"))
    expected = oracles.average_pooling2d(x, pool_size, strides)
    counts = frozen(np.full((*expected.shape[1:3], 1), float(pool_size[0] * pool_size[1])))
    assert_close(REFERENCE.average_pooling2d_forward(x, counts, pool_size, strides), expected, ORACLE, "y")
    dy = frozen(rng.normal(size=expected.shape))
    dx = REFERENCE.average_pooling2d_backward(dy, counts, x.shape[1:3], pool_size, strides)
    assert_close(dx, oracles.average_pooling2d_gradient(x.shape, dy, pool_size, strides), ORACLE, "dx")


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.integers(1, 4))
def test_dense_is_a_matrix_product(seed, n, inputs, units):
    rng = np.random.default_rng(seed)
    x, kernel = frozen(rng.normal(size=(n, inputs))), frozen(rng.normal(size=(inputs, units)))
    bias, dz = frozen(rng.normal(size=units)), frozen(rng.normal(size=(n, units)))
    assert_close(REFERENCE.dense_forward(x, kernel, bias), oracles.dense(x, kernel, bias), ORACLE, "z")
    dx, dkernel, dbias = oracles.dense_gradients(x, kernel, dz)
    found = REFERENCE.dense_backward_parameters(x, dz)
    assert_close(found[0], dkernel, ORACLE, "dkernel")
    assert_close(found[1], dbias, ORACLE, "dbias")
    assert_close(REFERENCE.dense_backward_input(dz, kernel), dx, ORACLE, "dx")


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3), st.sampled_from([1e-3, 1e-5, 0.1]), st.booleans()
)
def test_batch_normalization_follows_the_paper(seed, m, channels, epsilon, with_a_constant_channel):
    rng = np.random.default_rng(seed)
    x = rng.normal(3.0, 2.0, size=(m, channels))
    if with_a_constant_channel:
        x[:, 0] = 0.25
    x, gamma, beta = frozen(x), frozen(rng.normal(size=channels)), frozen(rng.normal(size=channels))
    mean, variance = oracles.batch_statistics(x)
    found = REFERENCE.batch_normalization_forward(x, gamma, beta, epsilon)
    assert_close(found[0], oracles.normalize(x, gamma, beta, mean, variance, epsilon), ORACLE, "y")
    assert_close(found[1], mean, ORACLE, "mean")
    np.testing.assert_allclose(found[2], variance, rtol=ORACLE, atol=1e-30)

    mean, variance = rng.normal(size=channels), rng.uniform(0.1, 3.0, size=channels)
    y = REFERENCE.batch_normalization_inference(x, gamma, beta, frozen(mean), frozen(variance), epsilon)
    assert_close(y, oracles.normalize(x, gamma, beta, mean, variance, epsilon), ORACLE, "y of inference")


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 3), st.sampled_from([1e-3, 1e-5, 0.1]))
def test_batch_normalization_backward_is_the_six_derivatives(seed, m, channels, epsilon):
    rng = np.random.default_rng(seed)
    x, dy = frozen(rng.normal(3.0, 2.0, size=(m, channels))), frozen(rng.normal(size=(m, channels)))
    gamma = frozen(rng.normal(size=channels))
    mean, variance = oracles.batch_statistics(x)
    found = REFERENCE.batch_normalization_backward(dy, x, gamma, frozen(mean), frozen(variance), epsilon)
    expected = oracles.batch_normalization_gradients(x, gamma, dy, epsilon)
    # The two means that are taken off can cancel nearly all of dy: what is left has the precision of dy itself.
    scale = np.abs(gamma / np.sqrt(variance + epsilon)).max() * np.abs(dy).max()
    assert np.abs(found[0] - expected[0]).max() <= ORACLE * scale
    assert_close(found[1], expected[1], 10 * ORACLE, "dgamma")
    assert_close(found[2], expected[2], 10 * ORACLE, "dbeta")


def test_batch_statistics_in_float32_keep_their_digits(rng):
    """A large mean and many rows: a float32 sum, or E[x²] − E[x]², would lose most digits of the variance."""
    x = rng.normal(100.0, 0.5, size=(20_000, 3)).astype(np.float32)
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    for table in kernels.SETS.values():
        _, mean, variance = table.batch_normalization_forward(x, ones, zeros, 1e-3)
        assert mean.dtype == variance.dtype == np.float32
        assert_close(mean, x.astype(np.float64).mean(axis=0), FLOAT32, f"{table.name} mean")
        assert_close(variance, x.astype(np.float64).var(axis=0), FLOAT32, f"{table.name} variance")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_and_its_derivative(name, rng):
    z = frozen(rng.normal(0.0, 2.0, size=(7, 5)))
    activation = REFERENCE.activations[name]
    y, kept = activation.apply(z)
    assert_close(y, oracles.activation(name, z), ORACLE, "y")
    dy = frozen(rng.normal(size=z.shape))
    assert_close(activation.backward(dy, frozen(kept)), oracles.activation_gradient(name, z, dy), ORACLE, "dz")


@pytest.mark.parametrize("table", kernels.SETS.values(), ids=list(kernels.SETS))
def test_relu_has_the_derivative_zero_at_zero(table):
    z = np.array([[-1.0, -0.0, 0.0, 2.0]], np.float32)
    relu = table.activations["relu"]
    y = relu.forward(z)
    np.testing.assert_array_equal(y, [[0.0, 0.0, 0.0, 2.0]])
    np.testing.assert_array_equal(relu.backward(np.full_like(z, 3.0), y), [[0.0, 0.0, 0.0, 3.0]])


@pytest.mark.parametrize("table", kernels.SETS.values(), ids=list(kernels.SETS))
def test_activations_do_not_overflow(table):
    z = np.array([[-1e4, -100.0, 0.0, 100.0, 1e4]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        sigmoid = table.activations["sigmoid"].forward(z)
        softmax = table.activations["softmax"].forward(z)
        elu = table.activations["elu"].forward(z)
    assert_close(sigmoid, np.array([[0.0, 3.7200760e-44, 0.5, 1.0, 1.0]]), FLOAT32)
    np.testing.assert_array_equal(softmax, [[0.0, 0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(elu, [[-1.0, -1.0, 0.0, 100.0, 1e4]])


@pytest.mark.parametrize("table", kernels.SETS.values(), ids=list(kernels.SETS))
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_pass_nan_on(table, name):
    """An activation that turned NaN into 0 would hide a broken model from fit's check of the loss."""
    z = np.array([[1.0, np.nan, 2.0]], np.float32)
    with np.errstate(invalid="ignore"):
        assert np.isnan(table.activations[name].forward(z)[0, 1])


@pytest.mark.parametrize("table", kernels.SETS.values(), ids=list(kernels.SETS))
def test_a_convolution_of_no_images(table):
    """By Winograd's way and directly: empty outputs, and gradients that are sums of nothing."""
    for c, filters in ((16, 17), (2, 3)):
        x, z = np.zeros((0, 13, 12, c), np.float32), np.zeros((0, 11, 10, filters), np.float32)
        kernel, bias = np.ones((3, 3, c, filters), np.float32), np.ones(filters, np.float32)
        assert table.conv2d_forward(x, kernel, bias, (1, 1), (1, 1)).shape == z.shape
        dkernel, dbias = table.conv2d_backward_parameters(x, z, (3, 3), (1, 1), (1, 1))
        np.testing.assert_array_equal(dkernel, np.zeros_like(kernel))
        np.testing.assert_array_equal(dbias, np.zeros_like(bias))
        assert table.conv2d_backward_input(z, kernel, (13, 12), (1, 1), (1, 1)).shape == x.shape


# Reference = fast

CHANNELS = (1, 3, 8, 16, 17, 33, 64)
FILTERS = (1, 5, 10, 16, 32, 48, 70)
WINDOWS = ((1, 1), (3, 3), (5, 5), (7, 7), (2, 3))
STRIDES = ((1, 1), (2, 2), (3, 3), (2, 1), (1, 3))
DILATIONS = ((1, 1), (2, 2), (1, 2))
BATCHES = (1, 2, 7, 32, 33)

Case = tuple[Any, ...]
Numbers = Callable[..., np.ndarray]  # numbers(*shape): random numbers of the dtype under test


def convolutions() -> Iterator[dict[str, Any]]:
    """Every number of channels with every number of filters; windows, strides and the rest take turns."""
    for k, (channels, filters) in enumerate((c, f) for c in CHANNELS for f in FILTERS):
        window, batch = WINDOWS[k % 5], BATCHES[(k + k // 5) % 5]
        strides, dilation = STRIDES[(k // 2) % 5], DILATIONS[0]
        if k % 4 == 3:
            strides, dilation = (1, 1), DILATIONS[1 + k // 4 % 2]
        extent = [(size - 1) * d + 1 for size, d in zip(window, dilation, strict=True)]
        # With strides above one, rows and columns are left over; sizes are odd and even.
        h, w = extent[0] + 3 + k % 4, extent[1] + 2 + k % 5
        yield {"batch": batch, "size": (h, w), "channels": channels, "filters": filters, "window": window,
               "strides": strides, "dilation": dilation}  # fmt: skip
    for batch, size, channels, filters in ((32, (28, 28), 1, 32), (32, (13, 13), 32, 64)):  # the notebook's own
        yield {"batch": batch, "size": size, "channels": channels, "filters": filters, "window": (3, 3),
               "strides": (1, 1), "dilation": (1, 1)}  # fmt: skip
    # Winograd's way: few and many images, sizes that are whole tiles and that are not, whole vectors and parts of them.
    for batch, size, channels, filters in (
        (1, (6, 6), 16, 16), (2, (14, 15), 17, 33), (3, (30, 9), 32, 16),
        (8, (9, 16), 33, 17), (9, (17, 8), 16, 70), (5, (11, 12), 130, 16),
    ):  # fmt: skip
        yield {"batch": batch, "size": size, "channels": channels, "filters": filters, "window": (3, 3),
               "strides": (1, 1), "dilation": (1, 1)}  # fmt: skip
    # Both at once, which layers do not ask for but the signatures promise; and an output of a single pixel.
    yield {"batch": 2, "size": (9, 11), "channels": 3, "filters": 5, "window": (3, 2), "strides": (2, 3),
           "dilation": (2, 2)}  # fmt: skip
    yield {"batch": 3, "size": (5, 5), "channels": 4, "filters": 6, "window": (5, 5), "strides": (1, 1),
           "dilation": (1, 1)}  # fmt: skip


def output_of(case: dict[str, Any]) -> tuple[int, ...]:
    out = [
        (size - (k - 1) * d - 1) // s + 1
        for size, k, s, d in zip(case["size"], case["window"], case["strides"], case["dilation"], strict=True)
    ]
    return (case["batch"], *out, case["filters"])


def conv2d_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for c in convolutions():
        x = numbers(c["batch"], *c["size"], c["channels"])
        kernel = numbers(*c["window"], c["channels"], c["filters"])
        yield x, kernel, numbers(c["filters"]), c["strides"], c["dilation"]


def conv2d_backward_parameters_cases(numbers: Numbers) -> Iterator[Case]:
    for c in convolutions():
        x = numbers(c["batch"], *c["size"], c["channels"])
        yield x, numbers(*output_of(c)), c["window"], c["strides"], c["dilation"]


def conv2d_backward_input_cases(numbers: Numbers) -> Iterator[Case]:
    for c in convolutions():
        kernel = numbers(*c["window"], c["channels"], c["filters"])
        yield numbers(*output_of(c)), kernel, c["size"], c["strides"], c["dilation"]


DEPTHWISE = [  # batch, size, channels, kernels for each, window, strides, dilation rate
    (32, (28, 28), 32, 1, (3, 3), (1, 1), (1, 1)),
    (7, (15, 14), 17, 1, (3, 3), (2, 2), (1, 1)),
    (33, (9, 10), 3, 4, (5, 2), (1, 3), (1, 1)),
    (1, (11, 12), 16, 2, (2, 3), (1, 1), (3, 2)),
    (2, (7, 6), 1, 3, (3, 2), (2, 1), (2, 2)),
    (3, (5, 4), 5, 1, (5, 4), (1, 1), (1, 1)),
]


def depthwise_convolutions(numbers: Numbers) -> Iterator[tuple[Any, ...]]:
    for batch, size, channels, m, *how in DEPTHWISE:
        x, kernel, bias = numbers(batch, *size, channels), numbers(*how[0], channels, m), numbers(channels * m)
        case = dict(zip(("window", "strides", "dilation"), how, strict=True))
        dz = numbers(*output_of({"batch": batch, "size": size, "filters": channels * m, **case}))
        yield x, kernel, bias, dz, how


def depthwise_conv2d_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for x, kernel, bias, _, how in depthwise_convolutions(numbers):
        yield x, kernel, bias, *how[1:]


def depthwise_conv2d_backward_parameters_cases(numbers: Numbers) -> Iterator[Case]:
    for x, _, _, dz, how in depthwise_convolutions(numbers):
        yield x, dz, *how


def depthwise_conv2d_backward_input_cases(numbers: Numbers) -> Iterator[Case]:
    for x, kernel, _, dz, how in depthwise_convolutions(numbers):
        yield dz, kernel, x.shape[1:3], *how[1:]


POOLINGS = [  # batch, size, channels, pool size, strides
    (32, (26, 26), 32, (2, 2), (2, 2)),
    (33, (11, 11), 64, (2, 2), (2, 2)),
    (1, (5, 7), 1, (2, 2), (2, 2)),
    (2, (9, 8), 3, (3, 3), (2, 2)),
    (7, (7, 7), 17, (3, 2), (1, 1)),
    (2, (10, 11), 33, (2, 3), (3, 2)),
    (7, (5, 5), 16, (5, 5), (5, 5)),
    (2, (6, 9), 8, (1, 1), (2, 3)),
    (1, (18, 17), 3, (17, 16), (1, 1)),
]


def images_to_pool(numbers: Numbers) -> Iterator[tuple[np.ndarray, Any, Any]]:
    for batch, size, channels, pool_size, strides in POOLINGS:
        x = numbers(batch, *size, channels)
        yield x, pool_size, strides
        yield np.maximum(x, 0), pool_size, strides  # as behind a relu: most windows are tied
        yield np.round(x), pool_size, strides
        if max(pool_size) == 3:  # as after padding with −∞
            padded = x.copy()
            padded[:, -1] = padded[:, :, -1] = padded[:, 0] = -np.inf
            yield padded, pool_size, strides


def max_pooling2d_forward_cases(numbers: Numbers) -> Iterator[Case]:
    yield from images_to_pool(numbers)


def max_pooling2d_backward_cases(numbers: Numbers) -> Iterator[Case]:
    for x, pool_size, strides in images_to_pool(numbers):
        y, argmax = REFERENCE.max_pooling2d_forward(x, pool_size, strides)
        yield numbers(*y.shape), argmax, x.shape[1:3], pool_size, strides


def counts_for(x: np.ndarray, pool_size: Any, strides: Any) -> np.ndarray:
    """Counts that differ from window to window, as with "same" padding."""
    rows, columns = ((size - p) // s + 1 for size, p, s in zip(x.shape[1:3], pool_size, strides, strict=True))
    full = pool_size[0] * pool_size[1]
    counts = full - (np.arange(rows)[:, None] + np.arange(columns)) % full
    return counts[:, :, None].astype(x.dtype)


def average_pooling2d_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for batch, size, channels, pool_size, strides in POOLINGS:
        x = numbers(batch, *size, channels)
        yield x, counts_for(x, pool_size, strides), pool_size, strides


def average_pooling2d_backward_cases(numbers: Numbers) -> Iterator[Case]:
    for x, counts, pool_size, strides in average_pooling2d_forward_cases(numbers):
        yield numbers(len(x), *counts.shape[:2], x.shape[3]), counts, x.shape[1:3], pool_size, strides


DENSE = [  # batch, inputs, units
    *((BATCHES[k % 5], c, f) for k, (c, f) in enumerate((c, f) for c in CHANNELS for f in FILTERS)),
    (32, 1600, 64), (32, 64, 10), (16, 1600, 64), (1, 1600, 10), (5, 7, 3),
]  # fmt: skip


def dense_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for n, inputs, units in DENSE:
        yield numbers(n, inputs), numbers(inputs, units), numbers(units)


def dense_backward_parameters_cases(numbers: Numbers) -> Iterator[Case]:
    for n, inputs, units in DENSE:
        yield numbers(n, inputs), numbers(n, units)


def dense_backward_input_cases(numbers: Numbers) -> Iterator[Case]:
    for n, inputs, units in DENSE:
        yield numbers(n, units), numbers(inputs, units)


ROWS = [(32 * 26 * 26, 32), (33 * 11 * 11, 64), (32, 64), (2, 3), (7, 17), (1000, 1), (999, 33), (257, 16)]


def batch_normalization_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for m, c in ROWS:
        yield 2 + 3 * numbers(m, c), numbers(c), numbers(c), 1e-3
        yield np.maximum(numbers(m, c), 0), numbers(c), numbers(c), 1e-5


def batch_normalization_inference_cases(numbers: Numbers) -> Iterator[Case]:
    for m, c in ROWS:
        yield numbers(m, c), numbers(c), numbers(c), numbers(c), np.abs(numbers(c)), 1e-3


def batch_normalization_backward_cases(numbers: Numbers) -> Iterator[Case]:
    for m, c in ROWS[:4] + ROWS[5:]:
        x = 2 + 3 * numbers(m, c)
        mean, variance = x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
        yield numbers(m, c), x, numbers(c), mean.astype(x.dtype), variance.astype(x.dtype), 1e-3


def vectors(numbers: Numbers) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """w, g and two slots, the second without negative numbers; some gradients are exactly zero."""
    for size in (1, 17, 1000, 121_930):
        w, g = numbers(size), numbers(size)
        g[1::3] = 0
        yield w, g, numbers(size), np.square(numbers(size))


def sgd_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, g, _, _ in vectors(numbers):
        yield w, g, 0.01


def sgd_momentum_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, g, slot, _ in vectors(numbers):
        yield w, g, slot, 0.01, 0.9, False
        yield w, g, slot, 0.01, 0.9, True


def rmsprop_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, g, slot, square in vectors(numbers):
        average = 0.1 * np.sqrt(square)  # v − a² must not be negative
        for a in (None, average):
            for b in (None, slot):
                yield w, g, square, a, b, 0.001, 0.9, 0.5, 1e-7


def adam_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, g, slot, square in vectors(numbers):
        yield w, g, slot, square, 0.001, 0.9, 0.999, 1e-7
        yield w, g, 0 * slot, 0 * square, 0.0003, 0.9, 0.999, 1e-7  # the very first step


def amsgrad_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, g, slot, square in vectors(numbers):
        yield w, g, slot, square, np.square(numbers(w.size)), 0.001, 0.9, 0.999, 1e-7


def weight_decay_update_cases(numbers: Numbers) -> Iterator[Case]:
    for w, _, _, _ in vectors(numbers):
        yield w, 0.001, 0.004


def dropout_mask_cases(numbers: Numbers) -> Iterator[Case]:
    for key, shape in enumerate([(32, 13, 13, 32), (20_003,), (7, 5), (1, 1), (0, 3)]):
        for least in (0, 1, 700, 65_535, 65_536):
            yield np.uint64(2**64 - 1 - 10**18 * key), shape, least, numbers(1).dtype.type(1.25)


def dropout_apply_cases(numbers: Numbers) -> Iterator[Case]:
    for shape in ((32, 13, 13, 32), (7, 5), (1, 1)):
        yield numbers(*shape), numbers(*shape)
    yield numbers(32, 13, 13, 32), numbers(32, 1, 1, 32)


def softmax_crossentropy_cases(numbers: Numbers) -> Iterator[Case]:
    for n, classes in ((32, 10), (1, 1), (7, 33)):
        yield 5 * numbers(n, classes), np.arange(n) % classes
    yield 1e4 * numbers(5, 4), np.arange(5) % 4


def activation_forward_cases(numbers: Numbers) -> Iterator[Case]:
    for shape in ((32, 26, 26, 32), (33, 10), (1, 1), (7, 5, 3, 17)):
        yield (3 * numbers(*shape),)
    yield (np.zeros((4, 10), numbers(1).dtype),)


def activation_backward_cases(apply: Callable) -> Callable[[Numbers], Iterator[Case]]:
    def cases(numbers: Numbers) -> Iterator[Case]:
        for (z,) in activation_forward_cases(numbers):
            yield numbers(*z.shape), apply(z)[1]

    return cases


PARITY_CASES: dict[str, Callable[[Numbers], Iterator[Case]]] = {
    "conv2d_forward": conv2d_forward_cases,
    "conv2d_backward_parameters": conv2d_backward_parameters_cases,
    "conv2d_backward_input": conv2d_backward_input_cases,
    "depthwise_conv2d_forward": depthwise_conv2d_forward_cases,
    "depthwise_conv2d_backward_parameters": depthwise_conv2d_backward_parameters_cases,
    "depthwise_conv2d_backward_input": depthwise_conv2d_backward_input_cases,
    "max_pooling2d_forward": max_pooling2d_forward_cases,
    "max_pooling2d_backward": max_pooling2d_backward_cases,
    "average_pooling2d_forward": average_pooling2d_forward_cases,
    "average_pooling2d_backward": average_pooling2d_backward_cases,
    "dense_forward": dense_forward_cases,
    "dense_backward_parameters": dense_backward_parameters_cases,
    "dense_backward_input": dense_backward_input_cases,
    "batch_normalization_forward": batch_normalization_forward_cases,
    "batch_normalization_inference": batch_normalization_inference_cases,
    "batch_normalization_backward": batch_normalization_backward_cases,
    "dropout_mask": dropout_mask_cases,
    "dropout_apply": dropout_apply_cases,
    "softmax_crossentropy": softmax_crossentropy_cases,
    "sgd_update": sgd_update_cases,
    "sgd_momentum_update": sgd_momentum_update_cases,
    "rmsprop_update": rmsprop_update_cases,
    "adam_update": adam_update_cases,
    "amsgrad_update": amsgrad_update_cases,
    "weight_decay_update": weight_decay_update_cases,
    **{f"activations.{name}.forward": activation_forward_cases for name in ACTIVATIONS},
    **{
        f"activations.{name}.backward": activation_backward_cases(activation.apply)
        for name, activation in REFERENCE.activations.items()
    },
}

# With the compiler switched off (to measure coverage), fast kernels are slow Python loops: the small cases must do.
LARGEST_CASE = 3_000 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else math.inf

ALL = entries(REFERENCE)
ACCELERATED = {name: fast for name, fast in entries(FAST).items() if fast is not ALL[name]}


def check_parity(name: str, reference: Callable, fast: Callable, dtype: str) -> int:
    """Same results, same dtypes, same effects on the arguments. Returns the number of cases that were compared."""
    tolerances = UPDATE if name.endswith("_update") else PARITY
    rng = np.random.default_rng(2024)
    compared = 0
    for count, case in enumerate(PARITY_CASES[name](lambda *shape: rng.normal(size=shape).astype(dtype)), 1):
        if sum(a.size for a in case if isinstance(a, np.ndarray)) > LARGEST_CASE:
            continue
        ours, theirs = ([a.copy() if isinstance(a, np.ndarray) else a for a in case] for _ in range(2))
        expected, found = reference(*ours), fast(*theirs)
        place = f"{name}, case {count} {[a.shape if isinstance(a, np.ndarray) else a for a in case]}"
        if not isinstance(expected, tuple):
            expected, found = (expected,), (found,)
        assert len(found) == len(expected), place
        for k, (f, e) in enumerate(zip(found, expected, strict=True)):
            if e is None:
                assert f is None, place
                continue
            assert f.dtype == e.dtype, f"{place}: result {k} is {f.dtype}, expected {e.dtype}"
            if e.dtype.kind in "iu":
                np.testing.assert_array_equal(f, e, err_msg=place)
            else:
                assert_close(f, e, tolerances[dtype], f"{place}: result {k}")
        for k, (before, e, f) in enumerate(zip(case, ours, theirs, strict=True)):
            if isinstance(before, np.ndarray):
                if np.array_equal(e, before):
                    np.testing.assert_array_equal(f, before, err_msg=f"{place}: argument {k} was written to")
                else:
                    assert_close(f, e, tolerances[dtype], f"{place}: argument {k}")
        compared += 1
    return compared


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", list(ACCELERATED) or [pytest.param(None, marks=pytest.mark.skip(reason="FAST is REFERENCE"))]
)
def test_fast_equals_reference(name, dtype):
    assert check_parity(name, ALL[name], ACCELERATED[name], dtype) > 0


@pytest.mark.parametrize("name", ["dropout_mask", "dropout_apply"])
def test_small_arrays_on_the_threads_too(name, monkeypatch):
    dropout = pytest.importorskip("tinycnn.kernels.fast.dropout")
    monkeypatch.setattr(dropout, "SMALL", 0)
    assert check_parity(name, ALL[name], ACCELERATED[name], "float32") > 0


@pytest.mark.parametrize("size", [5, 60], ids=["small", "large"])
@pytest.mark.parametrize("order", ["transposed", "broadcast"])
def test_fast_equals_reference_in_any_order_of_memory(order, size, rng):
    """What is written is the result itself, never a copy of it."""
    shape = 10, size, 50
    x, y = rng.normal(size=shape).astype(np.float32), np.abs(rng.normal(size=shape)).astype(np.float32)
    lies = {
        "transposed": lambda a: np.ascontiguousarray(a.T).T,
        "broadcast": lambda a: np.broadcast_to(a[:1], shape),
    }[order]
    for a, b in ((lies(x), lies(y)), (lies(x), y), (x, lies(y))):
        for call in (
            lambda table, a, b: table.activations["relu"].forward(a),
            lambda table, a, b: table.activations["relu"].backward(a, b),
            lambda table, a, b: table.dropout_apply(a, b),
        ):
            np.testing.assert_array_equal(call(FAST, a, b), call(REFERENCE, a, b))


def test_every_accelerated_entry_has_parity_cases():
    assert not set(ACCELERATED) - set(PARITY_CASES)


def test_the_table_of_cases_names_only_what_exists():
    assert not set(PARITY_CASES) - set(ALL)


def parameters(function: Callable) -> list[tuple[str, Any, Any]]:
    function = getattr(function, "py_func", function)  # of a Numba dispatcher: the function as it was written
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    "name", list(ACCELERATED) or [pytest.param(None, marks=pytest.mark.skip(reason="FAST is REFERENCE"))]
)
def test_fast_twins_have_the_same_signature(name):
    assert parameters(ACCELERATED[name]) == parameters(ALL[name])


def test_fast_knows_the_same_activations():
    assert list(FAST.activations) == list(REFERENCE.activations)


def test_the_sets_by_name():
    assert kernels.SETS["reference"] is REFERENCE
    assert kernels.SETS["fast"] is FAST
    assert REFERENCE.name == "reference"


@pytest.mark.parametrize("name", list(PARITY_CASES))
def test_reference_kernels_write_only_what_they_say(name):
    """Updates write to weights and slots, never to the gradient; all other kernels write to no argument."""
    numbers = np.random.default_rng(7)
    for case in list(PARITY_CASES[name](lambda *shape: numbers.normal(size=shape)))[:4]:
        if name.endswith("_update"):
            arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in case]
            if "g" in inspect.signature(ALL[name]).parameters:
                arguments[1] = frozen(arguments[1])
            assert ALL[name](*arguments) is None
            assert not np.array_equal(arguments[0], case[0])
        else:
            result = ALL[name](*(frozen(a) if isinstance(a, np.ndarray) else a for a in case))
            assert result is not None


# The harness itself must be able to fail


def test_parity_notices_a_wrong_border():
    def wrong(x, kernel, bias, strides, dilation_rate):
        z = REFERENCE.conv2d_forward(x, kernel, bias, strides, dilation_rate)
        z[-1, -1, -1, -1] += 1e-3
        return z

    with pytest.raises(AssertionError, match=r"conv2d_forward, case 1 .* off by"):
        check_parity("conv2d_forward", REFERENCE.conv2d_forward, wrong, "float32")


def test_parity_notices_another_dtype():
    def wrong(x, kernel, bias):
        return REFERENCE.dense_forward(x, kernel, bias).astype(np.float64)

    with pytest.raises(AssertionError, match="result 0 is float64, expected float32"):
        check_parity("dense_forward", REFERENCE.dense_forward, wrong, "float32")


def test_parity_notices_a_written_argument():
    def wrong(dz, kernel):
        dx = REFERENCE.dense_backward_input(dz, kernel)
        dz[0] = 0
        return dx

    with pytest.raises(AssertionError, match="argument 0 was written to"):
        check_parity("dense_backward_input", REFERENCE.dense_backward_input, wrong, "float64")


def test_parity_notices_another_tie():
    def wrong(x, pool_size, strides):
        """The last maximum instead of the first."""
        y, _ = REFERENCE.max_pooling2d_forward(x, pool_size, strides)
        _, last = REFERENCE.max_pooling2d_forward(x[:, ::-1, ::-1], pool_size, strides)
        return y, (pool_size[0] * pool_size[1] - 1 - last[:, ::-1, ::-1]).astype(last.dtype)

    with pytest.raises(AssertionError, match="max_pooling2d_forward, case"):
        check_parity("max_pooling2d_forward", REFERENCE.max_pooling2d_forward, wrong, "float32")


def test_an_exchanged_entry_is_seen():
    exchanged = replace(REFERENCE, name="test", dense_forward=lambda x, kernel, bias: x @ kernel)
    assert [n for n, f in entries(exchanged).items() if f is not ALL[n]] == ["dense_forward"]
    assert parameters(exchanged.dense_forward) == parameters(REFERENCE.dense_forward)
    assert parameters(lambda x, w, bias: 0) != parameters(REFERENCE.dense_forward)

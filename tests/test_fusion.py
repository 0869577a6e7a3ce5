"""Fused steps against the layers they stand for: outputs, every gradient, every moving statistic."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any

import numpy as np
import pytest
from tolerances import PARITY, TRAJECTORY, assert_close

from tinycnn import models
from tinycnn.kernels import FAST, REFERENCE
from tinycnn.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from tinycnn.sequential import Sequential
from tinycnn.trainers import fusion
from tinycnn.trainers.fusion import ConvolutionNormalizationPooling, ConvolutionPooling, fused_steps
from tinycnn.utils import set_random_seed

# Arguments of the convolution and of the pooling, and the shape of an image: the notebook's, then all kinds of others.
SHAPES: list[tuple[dict[str, Any], dict[str, Any], tuple[int, int, int]]] = [
    ({"filters": 32, "kernel_size": 3}, {}, (28, 28, 1)),
    ({"filters": 64, "kernel_size": 3}, {}, (13, 13, 32)),
    ({"filters": 5, "kernel_size": (3, 2)}, {"pool_size": (2, 3)}, (9, 10, 2)),
    ({"filters": 18, "kernel_size": 3, "padding": "same"}, {"pool_size": 3, "strides": 2}, (9, 12, 17)),
    ({"filters": 4, "kernel_size": 5, "strides": 2}, {"pool_size": 2, "strides": 1}, (17, 14, 3)),
    ({"filters": 16, "kernel_size": 3, "dilation_rate": 2}, {}, (12, 12, 16)),
    ({"filters": 3, "kernel_size": 1, "use_bias": False}, {}, (6, 5, 4)),
    ({"filters": 16, "kernel_size": 3, "use_bias": False}, {"pool_size": 4}, (16, 7, 16)),
    ({"filters": 6, "kernel_size": 2}, {"pool_size": 2, "strides": 3}, (11, 9, 2)),  # pixels between the windows
    ({"filters": 128, "kernel_size": 3}, {}, (8, 8, 96)),  # many channels: fewer parts, of more images
]


def chain(arguments: tuple[dict[str, Any], dict[str, Any], tuple[int, int, int]], normalized: bool, dtype: str) -> Any:
    convolution, pooling, image = arguments
    layers: list[Any] = [Input(image), Conv2D(activation="relu", bias_initializer="he_normal", **convolution)]
    if normalized:
        layers.append(BatchNormalization(gamma_initializer="he_normal", beta_initializer="he_normal"))
    return Sequential([*layers, MaxPooling2D(**pooling)], dtype=dtype)


def results(parts: list[Any], layers: list[Layer], x: np.ndarray, dy: np.ndarray) -> dict[str, np.ndarray]:
    """Everything that one step computes, by name; ``parts`` are layers or fused steps."""
    found = {}
    y = x
    for part in parts:
        y = part.forward(y, training=True)
    found["y"] = y
    dx = dy
    for part in reversed(parts):
        dx = part.backward(dx)
    found["dx"] = dx
    for layer in layers:
        found |= {f"{layer.name} {name} gradient": grad.copy() for name, grad in layer.grads.items()}
        found |= {f"{layer.name} {name}": value.copy() for name, value in layer.state.items()}
    y = x
    for part in parts:
        y = part.forward(y, training=False)
    return found | {"y in inference": y}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("normalized", [False, True], ids=["pooling", "normalization"])
@pytest.mark.parametrize("arguments", SHAPES, ids=range(len(SHAPES)))
@pytest.mark.parametrize("n", [4, pytest.param(9, marks=pytest.mark.slow), 33])
def test_fused_equals_layers(arguments, normalized, dtype, n):
    rng = np.random.default_rng(n)
    model = chain(arguments, normalized, dtype)
    x = rng.normal(size=(n, *model.input_shape[1:])).astype(dtype)
    dy = rng.normal(size=(n, *model.output_shape[1:])).astype(dtype)
    weights = model.get_weights()
    (step,) = steps = fused_steps(model.layers)
    assert type(step) is (ConvolutionNormalizationPooling if normalized else ConvolutionPooling)
    expected = results(model.layers, model.layers, x, dy)
    model.set_weights(weights)
    found = results(steps, model.layers, x, dy)
    assert step.saved is None
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype == np.dtype(dtype), name
        assert_close(found[name], value, PARITY[dtype], name)


def test_pixels_that_are_tied_and_gamma_of_each_sign():
    """Pooling before the statistics are known chooses the same pixels; for γ = 0 the first of each window."""
    rng = np.random.default_rng(3)
    model = chain(({"filters": 6, "kernel_size": 3}, {}, (12, 12, 2)), normalized=True, dtype="float64")
    weights = model.get_weights()
    weights[0] = rng.integers(-1, 2, weights[0].shape).astype(float)
    weights[1] = np.zeros(6)
    weights[2] = np.array([0.0, -2.0, 1.5, 0.0, -0.5, 1.0])
    x = rng.integers(-1, 2, (8, 12, 12, 2)).astype(float)  # whole numbers: many windows have several largest pixels
    dy = rng.normal(size=(8, *model.output_shape[1:]))
    model.set_weights(weights)
    expected = results(model.layers, model.layers, x, dy)
    model.set_weights(weights)
    found = results(fused_steps(model.layers), model.layers, x, dy)
    for name, value in expected.items():
        assert_close(found[name], value, PARITY["float64"], name)


def test_training_uses_the_fused_steps(monkeypatch):
    calls = []
    for pattern in fusion.PATTERNS:
        for name in ("fused_forward", "fused_backward"):
            original = getattr(pattern, name)
            monkeypatch.setattr(
                pattern,
                name,
                lambda self, *args, original=original, name=name: (
                    calls.append((type(self).__name__, name)),
                    original(self, *args),
                )[1],
            )
    x, y = np.random.default_rng(0).random((8, 28, 28, 1), np.float32), np.arange(8)
    for make, step in (
        (models.plain, "ConvolutionPooling"),
        (models.batch_normalization, "ConvolutionNormalizationPooling"),
    ):
        model = make()
        model.compile("sgd", "sparse_categorical_crossentropy")
        calls.clear()
        model.fit(x, y, verbose=0)
        assert calls == [(step, "fused_forward")] * 2 + [(step, "fused_backward")] * 2
        calls.clear()
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        assert calls == [(step, "fused_forward")] * 4


def linear_convolution(model: Sequential) -> None:
    model.layers[0].activation = None


def frozen_pooling(model: Sequential) -> None:
    model.layers[-1].trainable = False


def frozen_normalization(model: Sequential) -> None:
    model.layers[1].trainable = False


def own_kernels(model: Sequential) -> None:
    """A set in which one kernel is one's own, as a learner tries it, for all layers."""
    own = dataclasses.replace(FAST, max_pooling2d_forward=twice_the_maximum)
    for layer in model.layers:
        layer.kernels = own


def own_kernels_of_pooling(model: Sequential) -> None:
    model.layers[-1].kernels = dataclasses.replace(FAST, max_pooling2d_forward=twice_the_maximum)


def twice_the_maximum(x: np.ndarray, pool_size: Any, strides: Any) -> Any:
    y, argmax = REFERENCE.max_pooling2d_forward(x, pool_size, strides)
    return 2 * y, argmax


def own_forward(model: Sequential) -> None:
    """As one does to look at what a layer is given."""
    pooling = model.layers[-1]
    forward = pooling.forward
    pooling.forward = lambda x, training=False: forward(2 * x, training)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(
    "change",
    [linear_convolution, frozen_pooling, frozen_normalization, own_kernels, own_kernels_of_pooling, own_forward],
)
def test_a_fused_step_follows_what_is_set_on_its_layers(change, normalized):
    model = chain(({"filters": 5, "kernel_size": 3}, {}, (9, 8, 2)), normalized, dtype="float64")
    x = np.random.default_rng(2).normal(size=(6, 9, 8, 2))
    model.compile("sgd", "mse")
    model.predict(x, verbose=0)  # the fused step is made
    before = model.forward(x, training=True)
    change(model)
    expected = model.forward(x, training=True)
    assert_close(model._forward(x, training=True), expected, PARITY["float64"])
    assert_close(model.predict(x, verbose=0), model(x), PARITY["float64"])
    if change not in (frozen_pooling, frozen_normalization):
        assert not np.allclose(before, expected)


def test_compile_looks_for_patterns_anew():
    model = chain(({"filters": 5, "kernel_size": 3}, {}, (9, 8, 2)), False, dtype="float64")
    model.layers[0].activation = "tanh"
    model.compile("sgd", "mse")
    assert model._steps == model.layers
    model.layers[0].activation = "relu"
    model.compile("sgd", "mse")
    assert [type(step) for step in model._steps] == [ConvolutionPooling]


@pytest.mark.parametrize("make", [models.plain, models.batch_normalization])
def test_training_with_and_without_fused_steps_is_the_same(make):
    x, y = np.random.default_rng(1).random((40, 28, 28, 1)), np.arange(40) % 10
    trained = []
    for kernels in (FAST, dataclasses.replace(FAST, fused={}), REFERENCE):
        set_random_seed(5)
        model = Sequential([Input((28, 28, 1)), *(unbuilt(layer) for layer in make().layers)], dtype="float64")
        model.compile("sgd", "sparse_categorical_crossentropy", kernels=kernels)
        model.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    for fused, layer_by_layer, reference in zip(*trained, strict=True):
        assert_close(fused, layer_by_layer, TRAJECTORY)
        assert_close(fused, reference, TRAJECTORY)


def unbuilt(layer: Layer) -> Layer:
    """A new layer with the same arguments, as far as the notebook's models have any."""
    if isinstance(layer, Conv2D):
        return Conv2D(layer.filters, layer.kernel_size, activation=layer.activation)
    return Dense(layer.units, layer.activation) if isinstance(layer, Dense) else type(layer)()


@pytest.mark.parametrize(
    "layers",
    [
        [Conv2D(2, 3), MaxPooling2D()],
        [Conv2D(2, 3, activation="tanh"), MaxPooling2D()],
        [Conv2D(2, 3), Activation("relu"), MaxPooling2D()],
        [Conv2D(2, 3, activation="relu", groups=2), MaxPooling2D()],
        [Conv2D(2, 3, activation="relu"), MaxPooling2D(4, padding="same")],
        [Conv2D(2, 3, activation="relu"), MaxPooling2D((17, 16))],
        [Conv2D(2, 3, activation="relu"), Dropout(0.5), MaxPooling2D()],
        [Conv2D(2, 3, activation="relu"), BatchNormalization(), Dropout(0.5)],
        [type("Own", (Conv2D,), {})(2, 3, activation="relu"), MaxPooling2D()],
        [Conv2D(2, 3, activation="relu")],
    ],
    ids=range(10),
)
def test_what_is_no_pattern_stays_as_it_is(layers):
    model = Sequential([Input((20, 20, 2)), *layers])
    assert fused_steps(model.layers) == model.layers


def test_each_pattern_has_its_kernels():
    assert {pattern.kernels_name for pattern in fusion.PATTERNS} == set(FAST.fused)
    assert not REFERENCE.fused


def test_patterns_are_found_anywhere():
    model = Sequential(
        [
            Input((30, 30, 1)),
            Conv2D(2, 3),
            Conv2D(2, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(2, 3, activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Flatten(),
        ]
    )
    steps = fused_steps(model.layers)
    assert [type(step) for step in steps] == [Conv2D, ConvolutionPooling, ConvolutionNormalizationPooling, Flatten]
    assert list(itertools.chain(*(getattr(s, "layers", [s]) for s in steps))) == model.layers


@pytest.mark.parametrize("why", ["few images", "frozen", "reference kernels"])
def test_other_cases_go_layer_by_layer(why, monkeypatch):
    model = chain(SHAPES[0], normalized=True, dtype="float64")
    if why == "reference kernels":
        model.compile("sgd", "mse", kernels="reference")
    if why == "frozen":
        model.layers[1].trainable = False
    n = 3 if why == "few images" else 5
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(n, 28, 28, 1)), rng.normal(size=(n, *model.output_shape[1:]))
    (step,) = fused_steps(model.layers)
    monkeypatch.setattr(ConvolutionNormalizationPooling, "fused_forward", lambda *_: pytest.fail("went the fused way"))
    weights = model.get_weights()
    found = results([step], model.layers, x, dy)
    model.set_weights(weights)
    expected = results(model.layers, model.layers, x, dy)
    for name, value in expected.items():
        assert_close(found[name], value, PARITY["float64"], name)


def test_a_frozen_normalization_keeps_its_statistics():
    model = models.batch_normalization()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).random((8, 28, 28, 1), np.float32), np.arange(8)
    model.fit(x, y, verbose=0)
    before = model.layers[1].moving_mean.copy()
    model.layers[1].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(model.layers[1].moving_mean, before)


def test_backward_without_forward_names_the_missing_call():
    model = chain(SHAPES[0], normalized=False, dtype="float32")
    (step,) = fused_steps(model.layers)
    dy = np.zeros((5, *model.output_shape[1:]), np.float32)
    with pytest.raises(RuntimeError, match=re.escape("expected forward(x, training=True) before backward")):
        step.backward(dy)
    x = np.zeros((5, 28, 28, 1), np.float32)
    step.forward(x, training=False)
    with pytest.raises(RuntimeError, match="before backward"):
        step.backward(dy)
    step.forward(x, training=True)
    step.forget()
    with pytest.raises(RuntimeError, match="before backward"):
        step.backward(dy)


def test_inputs_are_not_written():
    model = chain(SHAPES[1], normalized=True, dtype="float32")
    (step,) = fused_steps(model.layers)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 13, 13, 32)).astype("float32")
    dy = rng.normal(size=(6, *model.output_shape[1:])).astype("float32")
    copies = x.copy(), dy.copy()
    step.forward(x, training=True)
    step.backward(dy)
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(dy, copies[1])


def test_wrong_input_gets_the_layers_error():
    model = chain(SHAPES[0], normalized=False, dtype="float32")
    (step,) = fused_steps(model.layers)
    with pytest.raises(ValueError, match=f"{model.layers[0].name}: expected an input of shape"):
        step.forward(np.zeros((5, 28, 28), np.float32))


def test_a_loss_of_ones_own_is_not_passed_over():
    """Softmax and cross-entropy in one go must not bypass what a subclass defines."""
    from tinycnn.losses import SparseCategoricalCrossentropy

    class Doubled(SparseCategoricalCrossentropy):
        def per_sample(self, y_true, y_pred):
            return 2 * super().per_sample(y_true, y_pred)

    x, y = np.random.default_rng(0).random((8, 28, 28, 1), np.float32), np.arange(8)
    model = models.plain()
    losses = []
    for loss in (SparseCategoricalCrossentropy(), Doubled()):
        model.compile("sgd", loss)
        losses.append(model.evaluate(x, y, verbose=0))
    assert losses[1] == pytest.approx(2 * losses[0])

"""Batch normalization after training: exact statistics, and models without it that predict the same."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from random_models import build, chains, fill, some_input
from tolerances import assert_close

import tinycnn.keras
from tinycnn import fold_batch_normalization, load_model, models, recalibrate_batch_normalization
from tinycnn.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
    ReLU,
    Reshape,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.sequential import Sequential

ROUNDING = 1e-10  # float64, a few layers deep; variances down to 0.5 and epsilons keep the scales small
FOLDED = {"float32": 2e-6, "float64": 1e-13}  # the notebook's model


def make_model(*layers, shape=(8, 8, 2), dtype="float64", negative=False, name="mine"):
    """A built model of float64 with random weights; gamma from 0.5 to 1.5 unless ``negative``."""
    model = Sequential([Input(shape=shape), *layers], dtype=dtype, name=name)
    fill(model)
    if negative:
        for layer in normalizations(model):
            layer.gamma.value[0] *= -1
    return model


def normalizations(model):
    return [layer for layer in model.layers if isinstance(layer, BatchNormalization)]


# Recalibration


def trained_model(rng, dtype="float64"):
    model = make_model(
        BatchNormalization(),
        Conv2D(4, 3, activation="relu"),
        BatchNormalization(),
        MaxPooling2D(2),
        Dropout(0.5),
        Flatten(),
        Dense(5, activation="relu"),
        BatchNormalization(scale=False, trainable=False),
        Dense(3, activation="softmax"),
        dtype=dtype,
    )
    model.compile(loss="sparse_categorical_crossentropy", kernels="reference")
    return model, rng.standard_normal((50, 8, 8, 2)) * 3 + 100


@pytest.mark.parametrize("batch_size", [None, 1, 7, 50, 1000])
def test_recalibrated_statistics_are_those_of_all_of_x(rng, batch_size):
    """Of what reaches each layer when the ones before it are right: NumPy's mean and var, whatever the batch size."""
    model, x = trained_model(rng)
    recalibrate_batch_normalization(model, x, batch_size=batch_size)
    h = x
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            axes = tuple(range(h.ndim - 1))
            np.testing.assert_allclose(layer.moving_mean, h.mean(axis=axes), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(layer.moving_variance, h.var(axis=axes), rtol=1e-10)
        h = layer.forward(h)


def test_recalibration_touches_nothing_else(rng):
    model, x = trained_model(rng)
    moving = [id(a) for layer in normalizations(model) for a in (layer.moving_mean, layer.moving_variance)]
    learned = [p.value.copy() for layer in model.layers for p in layer._parameters.values()]
    streams = {name: stream.bit_generator.state for name, stream in model.random_streams.items()}
    recalibrate_batch_normalization(model, x)
    for before, p in zip(learned, [p for layer in model.layers for p in layer._parameters.values()], strict=True):
        np.testing.assert_array_equal(p.value, before)
    assert streams == {name: stream.bit_generator.state for name, stream in model.random_streams.items()}
    assert moving == [id(a) for layer in normalizations(model) for a in (layer.moving_mean, layer.moving_variance)]


def test_recalibrated_inference_is_training_on_the_whole_set(rng):
    """Without dropout: the batch's own statistics are those of the set if the batch is the set."""
    model = make_model(Conv2D(3, 3), BatchNormalization(), ReLU(), Conv2D(2, 3), BatchNormalization(), Flatten())
    x = rng.standard_normal((20, 8, 8, 2))
    expected = model.forward(x, training=True)
    assert np.abs(model.forward(x) - expected).max() > 0.1
    recalibrate_batch_normalization(model, x)
    np.testing.assert_allclose(model.forward(x), expected, rtol=1e-9, atol=1e-9)


def test_float32_with_a_mean_far_from_zero(rng):
    """Squares of 10,000 hold no deviation of 1 in float32; they are not taken."""
    model = make_model(BatchNormalization(), shape=(3,), dtype="float32")
    x = (1e4 + rng.standard_normal((500, 3))).astype("float32")
    recalibrate_batch_normalization(model, x)
    np.testing.assert_allclose(model.layers[0].moving_variance, x.astype("float64").var(axis=0), rtol=1e-6)


def test_errors_of_recalibration(rng):
    who = "recalibrate_batch_normalization"
    message = (
        f"{who}: expected a model with BatchNormalization, received 'mine', which has none. "
        "There is nothing to recalibrate: leave the call out."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        recalibrate_batch_normalization(make_model(Dense(2), shape=(3,)), rng.random((4, 3)))
    with pytest.raises(RuntimeError, match=f"{who}: expected a model that is built, 'mine' is not"):
        recalibrate_batch_normalization(Sequential([BatchNormalization()], name="mine"), rng.random((4, 3)))
    model = make_model(BatchNormalization(), shape=(3,))
    with pytest.raises(ValueError, match=f"{who}: expected batch_size to be a positive whole number, received 0"):
        recalibrate_batch_normalization(model, rng.random((4, 3)), batch_size=0)
    with pytest.raises(ValueError, match=f"{who}: expected finite numbers in x"):
        recalibrate_batch_normalization(model, np.full((4, 3), np.inf))
    with pytest.raises(ValueError, match=re.escape("batch_normalization_1: expected an input of shape (batch, 3)")):
        recalibrate_batch_normalization(model, rng.random((4, 5)))


# Folding

FOLDABLE = {
    "behind a convolution": lambda: [Conv2D(3, 3), BatchNormalization()],
    "behind a padded, strided convolution": lambda: [Conv2D(3, 3, padding="same", strides=2), BatchNormalization()],
    "behind a grouped convolution": lambda: [Conv2D(4, 3, groups=2), BatchNormalization(), ReLU()],
    "behind a layer without bias": lambda: [Conv2D(3, 3, use_bias=False), BatchNormalization(), ReLU()],
    "behind a transposed convolution": lambda: [Conv2DTranspose(3, 3, strides=2, padding="same"), BatchNormalization()],
    "behind a depthwise convolution": lambda: [DepthwiseConv2D(3, depth_multiplier=3), BatchNormalization(), ReLU()],
    "behind a separable convolution": lambda: [
        SeparableConv2D(3, 3, padding="same", depth_multiplier=2, use_bias=False),
        BatchNormalization(),
    ],
    "behind a dense layer": lambda: [Flatten(), Dense(5), BatchNormalization(), Activation("tanh")],
    "without gamma and beta": lambda: [Conv2D(3, 3), BatchNormalization(scale=False, center=False), ReLU()],
    "another epsilon": lambda: [Conv2D(3, 3), BatchNormalization(epsilon=0.3)],
    "first, in front of a convolution": lambda: [BatchNormalization(), Conv2D(3, 3, activation="relu")],
    "in front of a grouped convolution": lambda: [BatchNormalization(), Conv2D(6, 3, groups=2, strides=2)],
    "in front of a layer without bias": lambda: [BatchNormalization(), Conv2D(3, 3, use_bias=False, activation="elu")],
    "in front of a dilated convolution": lambda: [BatchNormalization(), Conv2D(3, 2, dilation_rate=2)],
    "in front of 1x1, same": lambda: [BatchNormalization(), Conv2D(3, 1, padding="same")],
    "through max pooling": lambda: [BatchNormalization(), MaxPooling2D(2), Conv2D(3, 3)],
    "through padded max pooling": lambda: [BatchNormalization(), MaxPooling2D(3, 2, "same"), Conv2D(3, 3)],
    "through padded average pooling": lambda: [BatchNormalization(), AveragePooling2D(3, 2, "same"), Conv2D(3, 3)],
    "through global pooling": lambda: [BatchNormalization(), GlobalAveragePooling2D(), Dense(4)],
    "through global maxima": lambda: [BatchNormalization(), GlobalMaxPooling2D(keepdims=True), Conv2D(3, 1)],
    "through up-sampling": lambda: [BatchNormalization(), UpSampling2D(interpolation="bilinear"), Conv2D(3, 3)],
    "through flatten": lambda: [BatchNormalization(), Flatten(), Dense(4, activation="softmax")],
    "through reshape": lambda: [BatchNormalization(), Reshape((4, 4, 8)), Conv2D(3, 3)],
    "through dropout and linear": lambda: [BatchNormalization(), Dropout(0.5), Activation("linear"), Conv2D(3, 3)],
    "two in a row, forward": lambda: [BatchNormalization(), BatchNormalization(), Conv2D(3, 3)],
    "two in a row, backward": lambda: [Conv2D(3, 3), BatchNormalization(), BatchNormalization(), ReLU()],
    "on both sides": lambda: [BatchNormalization(), Conv2D(3, 3), BatchNormalization(), ReLU()],
    "the notebook's": lambda: [
        Conv2D(4, 3, activation="relu"),
        BatchNormalization(),
        MaxPooling2D(2),
        Dropout(0.2),
        Flatten(),
        Dense(5, activation="relu"),
        BatchNormalization(),
        Dense(3, activation="softmax"),
    ],
}


@pytest.mark.parametrize("case", FOLDABLE)
def test_a_folded_model_predicts_the_same(rng, case):
    model = make_model(*FOLDABLE[case]())
    x = rng.standard_normal((6, 8, 8, 2))
    weights, expected = model.get_weights(), model.forward(x)
    folded = fold_batch_normalization(model)
    assert normalizations(folded) == []
    names = [layer.name for layer in model.layers if not isinstance(layer, BatchNormalization)]
    assert [layer.name for layer in folded.layers] == names
    assert_close(folded.forward(x), expected, ROUNDING)
    assert_close(folded.predict(x, verbose=0), expected, ROUNDING)
    for array, before in zip(model.get_weights(), weights, strict=True):  # the old model is as it was
        np.testing.assert_array_equal(array, before)
    np.testing.assert_array_equal(model.forward(x), expected)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [Conv2D(3, 3), BatchNormalization(), MaxPooling2D(2)],
        lambda: [BatchNormalization(), AveragePooling2D(2), Conv2D(3, 3)],
        lambda: [BatchNormalization(), Conv2D(3, 3)],
    ],
)
def test_a_negative_gamma_matters_to_the_maximum_only(rng, layers):
    model = make_model(*layers(), negative=True)
    x = rng.standard_normal((6, 8, 8, 2))
    assert_close(fold_batch_normalization(model).forward(x), model.forward(x), ROUNDING)


def test_without_shift_zeros_around_images_do_no_harm(rng):
    for layers in ([Conv2D(3, 3, padding="same")], [ZeroPadding2D(), Conv2D(3, 3)]):
        model = make_model(BatchNormalization(center=False), *layers)
        model.layers[0].moving_mean[:] = 0
        x = rng.standard_normal((6, 8, 8, 2))
        assert_close(fold_batch_normalization(model).forward(x), model.forward(x), ROUNDING)


class Own(BatchNormalization):
    def forward(self, x, training=False):
        return super().forward(x, training) ** 2


class OwnDense(Dense):
    def forward(self, x, training=False, activate=True):
        return super().forward(np.abs(x), training, activate)


REFUSED = {
    "padding": (
        lambda: [BatchNormalization(), Conv2D(3, 3, padding="same", name="conv")],
        "'bn': 'conv' puts zeros around the images",
    ),
    "zeros": (
        lambda: [BatchNormalization(), ZeroPadding2D(name="zeros"), Conv2D(3, 3)],
        "'bn': 'zeros' puts zeros around the images",
    ),
    "gamma": (
        lambda: [BatchNormalization(), MaxPooling2D(2, name="pool"), Conv2D(3, 3)],
        "'bn': gamma is negative in 1 of 2 channels, and 'pool' takes the maximum",
    ),
    "gamma, whole images": (
        lambda: [BatchNormalization(), GlobalMaxPooling2D(name="pool"), Dense(3)],
        "'bn': gamma is negative in 1 of 2 channels, and 'pool' takes the maximum",
    ),
    **{
        kind.__name__: (
            lambda kind=kind, how=how: [BatchNormalization(), Dropout(0.5), kind(*how, name="conv")],
            f"'bn': 'conv' is a {kind.__name__}, and only Conv2D and Dense take up what precedes them",
        )
        for kind, how in ((Conv2DTranspose, (3, 3)), (DepthwiseConv2D, (3,)), (SeparableConv2D, (3, 3)))
    },
    "relu": (
        lambda: [BatchNormalization(), ReLU(name="relu"), Conv2D(3, 3)],
        "'bn': 'relu' stands between it and the next convolution or dense layer",
    ),
    "softmax": (
        lambda: [BatchNormalization(), Activation("softmax", name="softmax"), Conv2D(3, 3)],
        "'bn': 'softmax' stands between it and the next convolution or dense layer",
    ),
    "other order": (
        lambda: [BatchNormalization(), Reshape((16, 8, 1), name="reshape"), Conv2D(3, 3)],
        "'bn': 'reshape' stands between it and the next convolution or dense layer",
    ),
    "the end": (
        lambda: [Conv2D(2, 3, activation="relu"), BatchNormalization()],
        "'bn': no convolution or dense layer without an activation precedes it, and none follows",
    ),
    "own normalization": (lambda: [Own(), Conv2D(3, 3)], "'bn': its class Own is not tinycnn's own"),
    "own dense layer": (
        lambda: [BatchNormalization(), Flatten(), OwnDense(3, name="dense")],
        "'bn': 'dense' stands between it and the next convolution or dense layer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_folded_is_named_or_kept(rng, case):
    layers, reason = REFUSED[case]
    model = make_model(*layers(), negative=True)
    normalizations(model)[0].name = "bn"
    x = rng.standard_normal((6, 8, 8, 2))
    message = (
        "fold_batch_normalization: expected batch normalization that can be folded into a convolution or a dense "
        f"layer, received {reason}. Pass strict=False to keep what cannot be folded."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fold_batch_normalization(model)
    kept = fold_batch_normalization(model, strict=False)
    assert [layer.name for layer in kept.layers] == [layer.name for layer in model.layers]
    assert_close(kept.forward(x), model.forward(x), ROUNDING)


def test_all_that_stay_are_named_in_their_order():
    model = make_model(
        BatchNormalization(name="a"), ReLU(), Conv2D(3, 3), BatchNormalization(name="b"), BatchNormalization(name="c"),
        ReLU(), BatchNormalization(name="d"),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"received 'a': .*; 'd': no convolution"):
        fold_batch_normalization(model)
    kept = fold_batch_normalization(model, strict=False)
    assert [layer.name for layer in normalizations(kept)] == ["a", "d"]


def test_an_unbuilt_model_is_refused():
    with pytest.raises(RuntimeError, match="fold_batch_normalization: expected a model that is built, 'mine' is not"):
        fold_batch_normalization(Sequential([BatchNormalization()], name="mine"))


@given(chains())
def test_random_chains(chain):
    model = fill(build(tinycnn.keras, chain, dtype="float64"))
    x = some_input(chain)
    assert_close(fold_batch_normalization(model, strict=False).forward(x), model.forward(x), ROUNDING)


@pytest.mark.jit
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_notebooks_model(rng, tmp_path, dtype):
    """Folded, evaluated, saved and loaded: 320 parameters of batch normalization and 320 statistics are gone."""
    from tinycnn.insight.copies import copy_model

    model = fill(copy_model(models.batch_normalization(), dtype))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.random((16, 28, 28, 1)).astype(dtype), rng.integers(0, 10, 16)
    model.train_on_batch(x, y)
    folded = fold_batch_normalization(model)
    assert folded.count_params() == model.count_params() - 640 == models.plain().count_params()
    expected = model.predict(x, verbose=0)
    assert_close(folded.predict(x, verbose=0), expected, FOLDED[dtype])
    assert folded.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    folded.save(tmp_path / "folded.keras")
    np.testing.assert_array_equal(
        load_model(tmp_path / "folded.keras").predict(x, verbose=0), folded.predict(x, verbose=0)
    )
    folded.train_on_batch(x, y)  # with an optimizer that fits it
    assert folded.optimizer.iterations == model.optimizer.iterations == 1
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_a_layer_that_gained_a_bias_is_saved_with_it(rng, tmp_path):
    model = make_model(Conv2D(3, 3, use_bias=False), BatchNormalization(), Flatten(), dtype="float32")
    folded = fold_batch_normalization(model)
    folded.save(tmp_path / "folded.keras")
    x = rng.standard_normal((6, 8, 8, 2))
    assert_close(load_model(tmp_path / "folded.keras").forward(x), model.forward(x), FOLDED["float32"])
    assert not model.layers[0].use_bias

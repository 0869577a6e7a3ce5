"""Activations, gradients, dead relus and the Monitor: the right numbers, and nothing changed by looking."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pytest

from tinycnn import utils
from tinycnn.callbacks import BackupAndRestore, LambdaCallback, TerminateOnNaN
from tinycnn.insight.copies import copy_layer, copy_model, fresh_optimizer
from tinycnn.inspection import (
    Monitor,
    activations,
    dead_relu_share,
    gradients,
    parameter_values,
    update_to_data_ratio,
)
from tinycnn.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.optimizers import Adam
from tinycnn.sequential import Sequential
from tinycnn.trainers import checkpoints

N = 24


@pytest.fixture
def data(rng):
    return rng.standard_normal((N, 6, 6, 2)), rng.integers(0, 3, N)


def make_model(dtype: str = "float64", loss: str = "sparse_categorical_crossentropy") -> Sequential:
    """All that looking could change: moving statistics, a random stream, an optimizer with slots."""
    utils.set_random_seed(3)
    utils.clear_session()
    model = Sequential(
        [
            Input(shape=(6, 6, 2)),
            Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            BatchNormalization(),
            MaxPooling2D(2),
            Flatten(),
            Dense(8, activation="relu"),
            Dropout(0.5),
            Dense(3, activation="softmax"),
        ],
        dtype=dtype,
    )
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"], kernels="reference")
    return model


def state(model: Sequential) -> dict:
    """All that training changes, and the gradients, apart from the model."""
    return copy.deepcopy(checkpoints.state_of(model) | {"gradients": [p.grad for p in model.parameters]})


def assert_same(a, b) -> None:
    np.testing.assert_equal(a, b)


# Activations


def test_activations_are_the_layers_outputs(data):
    model, (x, _) = make_model(), data
    found = activations(model, x)
    assert list(found) == [layer.name for layer in model.layers]
    for layer in model.layers:
        x = layer.forward(x)
        np.testing.assert_array_equal(found[layer.name], x)


def test_activations_in_training_mode(data):
    """Of the batch's own statistics and with dropout; the model stays as it is, its random stream too."""
    model, (x, y) = make_model(), data
    model.fit(x, y, epochs=1, verbose=0)
    before = state(model)
    found = activations(model, x, training=True)
    assert_same(state(model), before)
    normalised = found["batch_normalization"]
    gamma, beta = model.get_layer("batch_normalization").params.values()
    np.testing.assert_allclose(normalised.mean(axis=(0, 1, 2)), beta, atol=1e-12)
    assert (np.abs(normalised.std(axis=(0, 1, 2)) - gamma) < 0.01).all()
    assert np.mean(found["dropout"] == 0) > np.mean(found["dense"] == 0) + 0.1
    np.testing.assert_array_equal(found["dense_1"], model.forward(x, training=True))


# Gradients


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mean_squared_error"])
def test_gradients_against_differences(data, rng, loss, weighted):
    """The slope of the loss along a random direction, of every output and every parameter, in training mode."""
    model, (x, y) = make_model(loss=loss), data
    y = np.eye(3)[y] if loss == "mean_squared_error" else y
    weight = rng.random(N) if weighted else None
    found = gradients(model, x, y, weight)
    step = 1e-6
    for place, layer in enumerate(model.layers):

        def loss_from(h, place=place):
            twin = copy_model(model)
            return _loss(twin, twin.layers[place + 1 :], h, y, weight)

        outputs = activations(model, x, training=True)
        h = outputs[layer.name]
        v = rng.standard_normal(h.shape)
        if layer.name in ("conv2d", "batch_normalization"):
            v *= outputs["conv2d"] > 0  # what relu made 0 is tied in the pooling's windows: a kink
        if "softmax" in getattr(layer, "activation", ""):
            v /= 100  # of probabilities near 0 the loss is strongly curved
        slope = (loss_from(h + step * v) - loss_from(h - step * v)) / (2 * step)
        assert np.sum(found[layer.name].output * v) == pytest.approx(slope, rel=1e-5), layer.name
        for name, parameter in layer._parameters.items():
            v = rng.standard_normal(parameter.shape)
            values = []
            for sign in (1, -1):
                twin = copy_model(model)
                twin.layers[place]._parameters[name].value += sign * step * v
                values.append(_loss(twin, twin.layers, x, y, weight))
            slope = (values[0] - values[1]) / (2 * step)
            assert np.sum(found[layer.name].parameters[name] * v) == pytest.approx(slope, rel=1e-5), (layer.name, name)


def _loss(model, layers, h, y, weight):
    for layer in layers:
        h = layer.forward(h, training=True)
    return model.loss.forward(y, h, weight) + model._penalty()


def test_gradients_are_those_of_a_training_step(data):
    """Also with the fused kernels' neighbours: what fit hands to the optimizer, to the bit."""
    model, (x, y) = make_model("float32"), data
    found = gradients(model, x, y)
    handed = {}
    twin = copy_model(model)
    twin.optimizer.apply = lambda vector: handed.update((id(p), p.grad.copy()) for p in vector.parameters)
    twin.train_on_batch(x, y)
    for layer in twin.layers:
        assert list(found[layer.name].parameters) == [p.name for p in layer.parameters]
        for p in layer.parameters:
            np.testing.assert_allclose(found[layer.name].parameters[p.name], handed[id(p)], rtol=1e-5, atol=1e-7)


def test_the_gradient_of_an_input_is_that_of_the_output_before_it(data):
    model, (x, y) = make_model(), data
    found = gradients(model, x, y)
    names = [layer.name for layer in model.layers]
    assert list(found) == names
    for before, behind in itertools.pairwise(names):
        np.testing.assert_array_equal(found[before].output, found[behind].input)
    assert found["conv2d"].input.shape == x.shape
    assert np.abs(found["conv2d"].input).max() > 0


def test_gradients_leave_the_model_as_it_is(data):
    model, (x, y) = make_model(), data
    model.fit(x, y, epochs=1, verbose=0)
    y_pred = model.forward(x, training=True)  # kept for a backward to come
    before = state(model)
    first = gradients(model, x, y)
    assert_same(state(model), before)
    np.testing.assert_array_equal(gradients(model, x, y)["conv2d"].output, first["conv2d"].output)  # the same mask
    model.backward(model.loss.backward(y, y_pred))


def test_a_frozen_layer_has_no_parameter_gradients(data):
    model, (x, y) = make_model(), data
    model.get_layer("dense").trainable = False
    assert gradients(model, x, y)["dense"].parameters == {}
    assert "dense/kernel" not in parameter_values(model)


def test_a_model_of_one_layer(rng):
    model = Sequential([Input(shape=(3,)), Dense(2, activation="softmax")], dtype="float64")
    model.compile(loss="sparse_categorical_crossentropy")
    x, y = rng.standard_normal((4, 3)), np.array([0, 1, 1, 0])
    (found,) = gradients(model, x, y).values()
    p = model(x)
    np.testing.assert_allclose(found.parameters["kernel"], x.T @ (p - np.eye(2)[y]) / 4, rtol=1e-12)
    np.testing.assert_allclose(found.output, (1 - np.eye(2)[y] / p) / 4, rtol=1e-6)


# Dead relus


def dying_model() -> Sequential:
    """Of the convolution's 4 channels one is dead, of the dense layer's 5 units two; all of the Activation's live."""
    model = Sequential(
        [
            Input(shape=(5, 5, 1)),
            Conv2D(4, 2, activation="relu"),
            Activation("relu"),
            Flatten(),
            Dense(5, activation="relu"),
            Dense(2),
        ]
    )
    convolution, _, _, dense, _ = model.layers
    convolution.bias.value[:] = [-100, 0.5, 0.5, 0.5]
    dense.bias.value[:] = [-1000, 1, 1, -1000, 1]
    return model


@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_dead_relu_share(rng, batch_size):
    model = dying_model()
    x = rng.random((20, 5, 5, 1))
    assert dead_relu_share(model, x, batch_size) == {"conv2d": 0.25, "activation": 0.25, "dense": 0.4}


def test_a_unit_that_lives_on_one_image_is_not_dead(rng):
    """And it counts in whichever batch the image is."""
    model = dying_model()
    model.layers[0].kernel.value[..., 0] = 1
    x = rng.random((20, 5, 5, 1))
    x[13, 2, 2] = 101
    assert dead_relu_share(model, x, batch_size=4)["conv2d"] == 0
    assert dead_relu_share(model, np.delete(x, 13, axis=0))["conv2d"] == 0.25


def test_dead_units_get_no_gradient(rng):
    model = dying_model()
    model.compile(loss="mean_squared_error")
    found = gradients(model, rng.random((20, 5, 5, 1)), rng.random((20, 2)))
    kernel = found["dense"].parameters["kernel"]
    assert (np.abs(kernel).max(axis=0) == 0).tolist() == [True, False, False, True, False]


def test_no_relu_no_shares(rng):
    model = Sequential([Input(shape=(3,)), Dense(2, activation="tanh")])
    assert dead_relu_share(model, rng.random((4, 3))) == {}


# Updates


def test_update_to_data_ratio():
    before = {"a": np.array([1.0, 2.0, 3.0]), "b": np.zeros(4), "c": np.array([5.0])}
    after = {"a": np.array([1.0, 2.0, 6.0]), "b": np.array([0.0, 1.0, 0.0, 1.0]), "c": np.array([6.0])}
    ratios = update_to_data_ratio(before, after)
    assert ratios["a"] == pytest.approx(np.std([0, 0, 3]) / np.std([1, 2, 6]))
    assert ratios["b"] == 1
    assert np.isnan(ratios["c"])


def test_parameter_values_are_copies(data):
    model, (x, y) = make_model(), data
    before = parameter_values(model)
    assert list(before)[:4] == ["conv2d/kernel", "conv2d/bias", "batch_normalization/gamma", "batch_normalization/beta"]
    model.train_on_batch(x, y)
    assert all(ratio > 0 for ratio in update_to_data_ratio(before, parameter_values(model)).values())


# The Monitor


def history(callbacks, data):
    model, (x, y) = make_model("float32"), data
    kept = model.fit(
        x, y, epochs=3, batch_size=5, verbose=0, validation_data=(x, y), validation_batch_size=5, callbacks=callbacks
    )
    return kept.history, state(model)


@pytest.mark.parametrize("labels", [False, True])
def test_a_monitor_changes_nothing(data, labels):
    """Same bits: weights, moving statistics, slots, random streams, and every figure, of the validation too."""
    x, y = data
    plain = history(None, data)
    watched = history([Monitor(x[:7], y[:7] if labels else None, every=2)], data)
    assert_same(watched, plain)


def test_a_hook_that_looks_at_batches_of_training_leaves_the_validation_merged(data):
    """Several batches at a time add up in another order than one by one."""
    sizes = []
    model, (x, y) = make_model(), data
    model._test_step = lambda x, y, w, step=model._test_step: (sizes.append(len(x)), step(x, y, w))[1]
    model.evaluate(x, y, batch_size=5, verbose=0, callbacks=[LambdaCallback(on_train_batch_end=print)])
    assert sizes == [N]
    sizes.clear()
    model.evaluate(x, y, batch_size=5, verbose=0, callbacks=[LambdaCallback(on_test_batch_end=lambda batch, logs: 0)])
    assert sizes == [5, 5, 5, 5, 4]


def test_what_a_monitor_keeps(data):
    """Against the functions, called by hand at the same steps."""
    x, y = data
    model = make_model()
    monitor = Monitor(x[:6], y[:6], every=3, bins=8)
    seen = {}

    def look(batch=None, logs=None):
        seen[len(seen)] = (
            activations(model, x[:6], training=True),
            gradients(model, x[:6], y[:6]),
            parameter_values(model),
        )

    look()
    model.fit(x, y, epochs=2, batch_size=5, verbose=0, callbacks=[monitor, LambdaCallback(on_train_batch_end=look)])
    assert monitor.steps == [0, 3, 6, 9]
    for i, step in enumerate(monitor.steps):
        outputs, found, values = seen[step]
        assert monitor.activations.keys() == outputs.keys()
        for name, output in outputs.items():
            _check_figures(monitor.activations[name], i, output)
            _check_figures(monitor.gradients[name], i, found[name].output)
            for parameter, gradient in found[name].parameters.items():
                _check_figures(monitor.parameter_gradients[f"{name}/{parameter}"], i, gradient)
        assert list(monitor.dead_relu_share) == ["conv2d", "dense"]
        for name, share in monitor.dead_relu_share.items():
            dead = (outputs[name].reshape(-1, outputs[name].shape[-1]) == 0).all(axis=0)
            assert share[i] == dead.mean()
        assert monitor.update_to_data_ratio.keys() == values.keys()
        expected = update_to_data_ratio(seen[step - 1][2], values) if step else dict.fromkeys(values, np.nan)
        np.testing.assert_equal({name: r[i] for name, r in monitor.update_to_data_ratio.items()}, expected)
    assert sum(monitor.dead_relu_share["dense"]) > 0


def _check_figures(kept, i, values):
    assert kept["mean"][i] == pytest.approx(values.mean(), rel=1e-9, abs=1e-15)
    assert kept["std"][i] == pytest.approx(values.std(), rel=1e-9, abs=1e-15)
    assert kept["zeros"][i] == np.mean(values == 0)
    assert kept["counts"].shape == (4, 8)
    counts, edges = np.histogram(values, 8)
    np.testing.assert_allclose(kept["edges"][i], edges, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(kept["counts"][i], counts)


def test_a_monitor_without_labels_keeps_no_gradients(data):
    x, y = data
    monitor = Monitor(x[:6], every=5)
    make_model().fit(x, y, batch_size=5, verbose=0, callbacks=[monitor])
    assert monitor.gradients == monitor.parameter_gradients == {}
    assert monitor.activations["dense"]["mean"].shape == (2,)


def test_a_monitor_goes_on_in_a_second_fit(data):
    x, y = data
    model, monitor = make_model(), Monitor(x[:6], every=4)
    for _ in range(2):
        model.fit(x, y, batch_size=5, verbose=0, callbacks=[monitor])  # 5 steps
    assert monitor.steps == [0, 4, 8]


def test_a_monitor_looks_at_constants(rng):
    """As good as one number, be it 0 or large: one bin holds all."""
    for value in (0.0, 1e20, 3.0, 3 * (1 + 1e-15 * rng.random(10))):
        figures = Monitor(np.ones((1, 1)), bins=5)._figures(np.full(10, value))
        assert max(figures["counts"]) == sum(figures["counts"]) == 10
        assert np.isfinite(figures["edges"]).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_monitor_survives_a_training_that_diverges(data):
    x, y = data
    model = make_model("float32", loss="sparse_categorical_crossentropy")
    model.optimizer.learning_rate = 1e30
    monitor = Monitor(x[:6], y[:6])
    model.fit(x, y, batch_size=5, verbose=0, epochs=3, callbacks=[monitor, TerminateOnNaN()])
    assert len(monitor.steps) == len(monitor.activations["dense_1"]["mean"]) >= 2
    assert not np.isfinite(monitor.activations["dense"]["std"][-1])


def test_a_monitor_goes_on_where_training_was_interrupted(data, tmp_path):
    """Its looks are part of a checkpoint."""
    x, y = data

    def fit(epochs, where):
        model, monitor = make_model(), Monitor(x[:6], y[:6], every=2)
        model.fit(x, y, batch_size=5, epochs=epochs, verbose=0, callbacks=[monitor, BackupAndRestore(where)])
        return monitor

    whole = fit(3, tmp_path / "whole")
    model, monitor = make_model(), Monitor(x[:6], y[:6], every=2)

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(
            x,
            y,
            batch_size=5,
            epochs=3,
            verbose=0,
            callbacks=[monitor, BackupAndRestore(tmp_path / "b"), LambdaCallback(on_epoch_begin=stop)],
        )
    again = fit(3, tmp_path / "b")
    assert again.steps == whole.steps == [0, 2, 4, 6, 8, 10, 12, 14]
    assert_same(again._looks, whole._looks)


# Copies


def test_a_copy_shares_nothing_that_changes(data):
    model, (x, y) = make_model("float32"), data
    model.fit(x, y, epochs=1, verbose=0)
    before = state(model)
    twin = copy_model(model)
    assert_same(state(twin), before)
    twin.fit(x, y, epochs=2, verbose=0)
    assert_same(state(model), before)
    model.fit(x, y, epochs=2, verbose=0)
    assert_same(state(twin), state(model))  # a copy goes on with the same bits


def test_copies_in_another_dtype(data):
    model = make_model("float32")
    layer = copy_layer(model.layers[0], "float64")
    assert layer.kernel.value.dtype == layer.kernel.grad.dtype == layer.dtype == "float64"
    assert layer.forward(data[0]).dtype == "float64"
    assert model.layers[0].kernel.value.dtype == "float32"
    assert copy_layer(layer, "float32").kernel.value.dtype == "float32"
    assert copy_model(model, "float64")(data[0]).dtype == "float64"


def test_a_fresh_optimizer():
    adam = Adam(0.02, beta_1=0.7, clipnorm=2)
    adam.iterations, adam.kernels = 5, make_model().optimizer.kernels
    fresh = fresh_optimizer(adam)
    assert fresh.get_config() == adam.get_config()
    assert (fresh.iterations, fresh.slots, fresh.kernels) == (0, {}, adam.kernels)


# Errors


def unbuilt() -> Sequential:
    return Sequential([Dense(2)], name="mine")


NOT_BUILT = (
    "{}: expected a model that is built, 'mine' is not. Start it with Input(shape=...), or call "
    "model.build((None, 28, 28, 1))."
)


@pytest.mark.parametrize("function", [activations, dead_relu_share])
def test_errors_of_models_and_images(function, data):
    with pytest.raises(RuntimeError, match=re.escape(NOT_BUILT.format(function.__name__))):
        function(unbuilt(), np.ones((2, 3)))
    with pytest.raises(ValueError, match=f"{function.__name__}: expected finite numbers in x, received NaN"):
        function(make_model(), np.full((2, 6, 6, 2), np.nan))
    with pytest.raises(ValueError, match=re.escape("conv2d: expected an input of shape (batch, 6, 6, 2)")):
        function(make_model(), np.ones((2, 5, 6, 2)))


def test_errors_of_gradients(data):
    x, y = data
    with pytest.raises(RuntimeError, match=re.escape("gradients: expected compile(...) with a loss before it.")):
        gradients(unbuilt(), x, y)
    with pytest.raises(ValueError, match="gradients: expected labels y with the images x, received none"):
        gradients(make_model(), x, None)
    with pytest.raises(ValueError, match="expected labels from 0 to 2, received labels from 0 to 3"):
        gradients(make_model(), x[:2], np.array([0, 3]))


def test_errors_of_ratios():
    message = (
        "update_to_data_ratio: expected the parameters a, received b. "
        "Take parameter_values of one model before and after the step."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        update_to_data_ratio({"a": np.ones(2)}, {"b": np.ones(2)})


def test_errors_of_the_monitor(data):
    x, y = data
    message = "Monitor: expected every to be a positive whole number, received 0. Use 1 to look after every step."
    with pytest.raises(ValueError, match=re.escape(message)):
        Monitor(x, every=0)
    with pytest.raises(ValueError, match=re.escape("Monitor: expected bins to be a positive whole number, received")):
        Monitor(x, bins=2.5)
    with pytest.raises(ValueError, match="Monitor: expected as many labels as images, received 24 images and 3"):
        Monitor(x, y[:3])
    with pytest.raises(ValueError, match="expected labels from 0 to 2, received labels from 7 to 7"):
        make_model().fit(x, y, verbose=0, callbacks=[Monitor(x, np.full(N, 7))])

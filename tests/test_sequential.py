"""The model: building, training, stepping by hand, and what it prints. Small models, small random data."""

from __future__ import annotations

import re
import signal
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import oracles
import pytest
from tolerances import FIGURES, FLOAT32, ORACLE, assert_close

from tinycnn import Sequential, callbacks, initializers, kernels, losses, metrics, models, optimizers, regularizers
from tinycnn.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ParameterVector,
)
from tinycnn.utils import clear_session, set_random_seed, to_categorical

Array = np.ndarray


def small(dtype: Any = None, name: str | None = None) -> Sequential:
    """An image classifier with every kind of state: convolution, moving statistics, a random mask."""
    return Sequential(
        [
            Input(shape=(6, 6, 1)),
            Conv2D(3, 3, activation="relu"),
            BatchNormalization(momentum=0.9),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.2),
            Dense(4, activation="softmax"),
        ],
        name=name,
        dtype=dtype,
    )


def linear(inputs: int = 3, outputs: int = 2, **options: Any) -> Sequential:
    return Sequential([Input(shape=(inputs,)), Dense(outputs, **options)], dtype="float64")


def compiled(
    model: Sequential, optimizer: Any = "adam", loss: Any = "sparse_categorical_crossentropy", **options: Any
) -> Sequential:
    options.setdefault("metrics", ["accuracy"])
    model.compile(optimizer=optimizer, loss=loss, **options)
    return model


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.normal(size=(50, 6, 6, 1)).astype("float32"), rng.integers(0, 4, 50)


def assert_same(first: Any, second: Any) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


class Recorder(callbacks.Callback):
    """Writes down the hooks as they are called, and the logs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.batches: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_train_end(self, logs=None):
        self.calls.append("train end")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch} end")
        self.epochs.append(dict(logs))

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(f"batch {batch} end")
        self.batches.append(dict(logs))

    def on_test_begin(self, logs=None):
        self.calls.append("test begin")

    def on_test_batch_end(self, batch, logs=None):
        self.calls.append(f"test batch {batch} end")

    def on_test_end(self, logs=None):
        self.calls.append("test end")


class Watch(Dense):
    """A dense layer that writes down the first number of each sample that passes in training."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.seen: list[list[float]] = []

    def forward(self, x, training=False, activate=True):
        if training:
            self.seen.append([float(v) for v in np.asarray(x)[:, 0]])
        return super().forward(x, training, activate)


def watched() -> tuple[Sequential, Watch]:
    layer = Watch(1)
    return compiled(Sequential([Input(shape=(1,)), layer]), "sgd", "mse", metrics=None), layer


# Building


def test_input_shape_input_and_build_give_the_same_model():
    def chain(**first: Any) -> list[Any]:
        return [Conv2D(2, 3, **first), MaxPooling2D(), Flatten(), Dense(3)]

    set_random_seed(1)
    by_argument = Sequential(chain(input_shape=(8, 8, 1)))
    set_random_seed(1)
    by_input = Sequential([Input(shape=(8, 8, 1)), *chain()])
    set_random_seed(1)
    deferred = Sequential(chain())
    assert by_argument.built
    assert by_input.built
    assert not deferred.built
    assert deferred.input_shape is None
    deferred.build((None, 8, 8, 1))
    for model in (by_argument, by_input, deferred):
        assert model.built
        assert model.input_shape == (None, 8, 8, 1)
        assert model.output_shape == (None, 3)
        assert [layer.output_shape for layer in model.layers] == [
            (None, 6, 6, 2),
            (None, 3, 3, 2),
            (None, 18),
            (None, 3),
        ]
        assert_same(model.get_weights(), by_argument.get_weights())


def test_add_builds_layer_by_layer():
    model = Sequential()
    assert model.layers == []
    assert not model.built
    model.add(Input(shape=(6, 6, 1)))
    model.add(Conv2D(2, 3))
    assert model.built
    assert model.output_shape == (None, 4, 4, 2)
    assert model.count_params() == 20
    model.add(Flatten())
    model.add(Dense(5))
    assert model.output_shape == (None, 5)
    assert model.count_params() == 20 + 33 * 5
    assert [type(layer) for layer in model.layers] == [Conv2D, Flatten, Dense]


def test_a_deferred_model_is_built_by_its_first_data(data):
    x, y = data
    for use in ("fit", "evaluate", "predict", "train_on_batch", "call", "predict_on_batch"):
        model = compiled(Sequential([Flatten(), Dense(4, activation="softmax")]))
        if use == "predict":
            model.predict(x, verbose=0)
        elif use == "call":
            model(x)
        elif use == "predict_on_batch":
            model.predict_on_batch(x)
        elif use == "train_on_batch":
            model.train_on_batch(x, y)
        else:
            getattr(model, use)(x, y, verbose=0)
        assert model.count_params() == 37 * 4


def test_building_twice_changes_nothing():
    model = small()
    weights, arrays = model.get_weights(), [p.value for p in model.parameters]
    model.build((None, 6, 6, 1))
    model.build()
    assert_same(model.get_weights(), weights)
    assert all(p.value is array for p, array in zip(model.parameters, arrays, strict=True))


def test_adding_a_layer_leaves_the_other_layers_numbers_as_they_were():
    set_random_seed(3)
    short = Sequential([Input(shape=(4,)), Dense(3)])
    set_random_seed(3)
    long = Sequential([Input(shape=(4,)), Dense(3), Dropout(0.5), Dense(7)])
    assert_same(short.get_weights(), long.get_weights()[:2])


def test_pop_takes_the_last_layer_off(rng):
    model = small()
    weights = model.get_weights()
    last = model.layers[-1]
    assert model.pop() is last
    assert model.output_shape == (None, 12)
    assert_same(model.get_weights(), weights[:-2])
    assert model(rng.normal(size=(2, 6, 6, 1))).shape == (2, 12)
    model.add(Dense(7))
    assert model.output_shape == (None, 7)
    while model.layers:
        model.pop()
    assert not model.built


def test_layers_is_a_copy():
    model = small()
    model.layers.clear()
    assert len(model.layers) == 6


def test_get_layer_by_name_and_index():
    model = Sequential([Input(shape=(4,)), Dense(3, name="first"), Dense(2, name="second")])
    assert model.get_layer("second") is model.layers[1]
    assert model.get_layer(name="first") is model.layers[0]
    assert model.get_layer(index=0) is model.layers[0]
    assert model.get_layer(index=-1) is model.layers[1]


def test_dtype_is_set_for_all_layers(data):
    x, y = data
    model = compiled(small(dtype="float64"), "sgd")
    assert {layer.dtype for layer in model.layers} == {np.dtype("float64")}
    model.fit(x, y, verbose=0)
    assert model.predict(x, verbose=0).dtype == np.float64
    assert {w.dtype for w in model.get_weights()} == {np.dtype("float64")}
    assert small().predict(x, verbose=0).dtype == np.float32


def test_names_and_repr():
    clear_session()
    first, second, named = Sequential(), Sequential(), Sequential([Input(shape=(1,)), Dense(1)], name="mine")
    assert (first.name, second.name, named.name) == ("sequential", "sequential_1", "mine")
    assert repr(first) == "<Sequential name=sequential, built=False>"
    assert repr(named) == "<Sequential name=mine, built=True>"


def test_weights_of_the_whole_model(rng):
    model, other = small(), small()
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(3, 3, 1, 3), (3,), (3,), (3,), (3,), (3,), (12, 4), (4,)]
    weights = [w + rng.uniform(0.1, 1, size=w.shape).astype("float32") for w in weights]
    other.set_weights(weights)
    assert_same(other.get_weights(), weights)
    model.set_weights(other.get_weights())
    x = rng.normal(size=(3, 6, 6, 1))
    np.testing.assert_array_equal(model(x), other(x))
    assert model.count_params() == sum(w.size for w in weights) == 30 + 12 + 52


# Forward and backward by hand


def test_forward_and_backward_are_the_chain_of_the_layers(rng):
    model = Sequential([Input(shape=(5, 5, 1)), Conv2D(2, 2, activation="tanh"), Flatten(), Dense(3)], dtype="float64")
    conv, _, dense = model.layers
    x, dy = rng.normal(size=(2, 5, 5, 1)), rng.normal(size=(2, 3))
    y = model.forward(x, training=True)
    z = oracles.conv2d(x, conv.kernel.value, conv.bias.value)
    row = np.tanh(z).reshape(2, -1)
    assert_close(y, oracles.dense(row, dense.kernel.value, dense.bias.value), ORACLE)
    d_row, d_dense, _ = oracles.dense_gradients(row, dense.kernel.value, dy)
    dz = d_row.reshape(z.shape) * (1 - np.tanh(z) ** 2)
    dx, d_conv, _ = oracles.conv2d_gradients(x, conv.kernel.value, dz)
    assert_close(model.backward(dy), dx, ORACLE)
    assert_close(conv.kernel.grad, d_conv, ORACLE)
    assert_close(dense.kernel.grad, d_dense, ORACLE)


def test_calling_the_model_is_inference(rng):
    model = small()
    x = rng.normal(size=(20, 6, 6, 1))
    before = model.get_weights()
    np.testing.assert_array_equal(model(x), model.forward(x))
    np.testing.assert_array_equal(model(x), model.predict(x, verbose=0))
    assert_same(model.get_weights(), before)
    assert not np.array_equal(model(x, training=True), model(x))
    assert not np.array_equal(model.get_weights()[4], before[4])  # the moving mean


def test_activate_false_gives_the_logits(rng):
    model = small(dtype="float64")
    x = rng.normal(size=(5, 6, 6, 1))
    assert_close(oracles.softmax(model.forward(x, activate=False)), model.forward(x), ORACLE)


@pytest.mark.parametrize("table", list(kernels.SETS))
@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.Adam])
def test_stepping_by_hand_equals_train_on_batch(data, table, make):
    x, y = data
    set_random_seed(5)
    trained = compiled(small(dtype="float64"), make(), kernels=table)
    set_random_seed(5)
    by_hand = compiled(small(dtype="float64"), make(), kernels=table)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    vector, optimizer = ParameterVector(by_hand.parameters), make()
    for start in (0, 20, 40):
        batch, labels = x[start : start + 20], y[start : start + 20]
        trained.reset_metrics()
        reported, _ = trained.train_on_batch(batch, labels)
        z = by_hand.forward(batch, training=True, activate=False)
        assert reported == pytest.approx(loss(labels, z), rel=1e-12)
        by_hand.backward(loss.backward(labels, z))
        optimizer.apply(vector)
    for ours, theirs in zip(by_hand.get_weights(), trained.get_weights(), strict=True):
        assert_close(ours, theirs, ORACLE)


def test_docstrings_loop_lowers_the_loss(data):
    """As Sequential's docstring says: parameter.value -= 0.01 * parameter.grad."""
    x, y = data
    model, loss = small(), losses.get("sparse_categorical_crossentropy")
    before = loss(y, model.forward(x))
    for _ in range(30):
        prediction = model.forward(x, training=True)
        dx = model.backward(loss.backward(y, prediction))
        for parameter in model.parameters:
            parameter.value -= 0.1 * parameter.grad
    assert dx.shape == x.shape
    assert loss(y, model.forward(x)) < before


def test_the_first_layers_input_gradient_is_left_out_in_training_only(data, monkeypatch):
    x, y = data
    calls = []

    def counted(*arguments: Any) -> Array:
        calls.append(arguments[0].shape)
        return kernels.REFERENCE.conv2d_backward_input(*arguments)

    table = replace(kernels.REFERENCE, name="counted", conv2d_backward_input=counted)
    model = compiled(
        Sequential([Input(shape=(6, 6, 1)), Conv2D(2, 3), Conv2D(2, 3), Flatten(), Dense(4, activation="softmax")]),
        kernels=table,
    )
    model.train_on_batch(x, y)
    assert calls == [(50, 2, 2, 2)]  # the second convolution's alone
    model.forward(x, training=True)
    dx = model.backward(np.ones((50, 4)))
    assert len(calls) == 3
    assert dx.shape == x.shape
    assert np.any(dx != 0)


def test_softmax_and_cross_entropy_are_computed_from_the_logits():
    """A confident wrong answer costs its 50, not the −log(1e-7) = 16.118 that clipping would leave."""
    for head in ([Dense(2, activation="softmax", use_bias=False)], [Dense(2, use_bias=False), Activation("softmax")]):
        model = compiled(Sequential([Input(shape=(1,)), *head]), optimizers.SGD(0.0))
        model.set_weights([np.array([[50.0, 0.0]])])
        assert model.evaluate(np.ones((3, 1)), np.ones(3), verbose=0)[0] == pytest.approx(50.0, rel=FIGURES)
        assert model.train_on_batch(np.ones((3, 1)), np.ones(3))[0] == pytest.approx(50.0, rel=FIGURES)
        np.testing.assert_allclose(
            model.layers[0].kernel.grad, [[1.0, -1.0]], rtol=FLOAT32
        )  # (p − y)/n, over n samples
    model = compiled(
        Sequential([Input(shape=(1,)), Dense(1, activation="sigmoid", use_bias=False)]), loss="binary_crossentropy"
    )
    model.set_weights([np.array([[50.0]])])
    assert model.evaluate(np.ones((3, 1)), np.zeros(3), verbose=0)[0] == pytest.approx(50.0, rel=FIGURES)


def test_from_logits_of_the_loss_is_respected(rng):
    """Without a softmax the loss says itself that it takes logits; with a softmax in the middle nothing is fused."""
    x, y = rng.normal(size=(8, 3)), rng.integers(0, 2, 8)
    model = compiled(linear(), loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    expected = losses.SparseCategoricalCrossentropy(from_logits=True)(y, model(x))
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(expected, rel=1e-12)
    mismatched = compiled(linear(activation="tanh"), loss="categorical_crossentropy")
    labels = to_categorical(y, 2)
    assert mismatched.evaluate(x, labels, verbose=0)[0] == pytest.approx(
        losses.get("categorical_crossentropy")(labels, mismatched(x)), rel=1e-12
    )


# The parameter vector


def test_all_parameters_are_views_of_one_vector(data):
    x, y = data
    model = compiled(small())
    model.fit(x, y, verbose=0)
    vector = model._parameter_vector()
    assert vector is model._parameter_vector()
    assert vector.value.size == sum(p.value.size for p in model.parameters)
    for p, part in zip(model.parameters, vector.slices, strict=True):
        assert np.shares_memory(p.value, vector.value)
        assert np.shares_memory(p.grad, vector.grad)
        np.testing.assert_array_equal(vector.value[part], p.value.ravel())
    vector.value[:] = 0.5
    assert all(np.all(p.value == 0.5) for p in model.parameters)
    assert np.all(model.layers[0].get_weights()[0] == 0.5)


def test_layers_lent_to_a_second_model_are_trained_by_both(data):
    x, y = data
    first = compiled(small(), optimizers.SGD(0.1))
    first.fit(x, y, verbose=0)
    shared = first.layers[0]
    second = compiled(
        Sequential([Input(shape=(6, 6, 1)), shared, GlobalAveragePooling2D(), Dense(4, activation="softmax")]),
        optimizers.SGD(0.1),
    )
    for model in (second, first, second, first):
        before = shared.kernel.value.copy()
        others = [
            w
            for other in (first, second)
            for layer in other.layers
            if layer is not shared and layer not in model.layers
            for w in layer.get_weights()
        ]
        model.fit(x, y, verbose=0)
        assert not np.array_equal(shared.kernel.value, before)
        assert np.any(shared.kernel.grad != 0)
        after = [
            w
            for other in (first, second)
            for layer in other.layers
            if layer is not shared and layer not in model.layers
            for w in layer.get_weights()
        ]
        assert_same(after, others)
    np.testing.assert_array_equal(first.layers[0].get_weights()[0], second.layers[0].get_weights()[0])


def test_frozen_layers_stay_as_they_are(data):
    x, y = data
    model = small()
    for layer in model.layers[:2]:
        layer.trainable = False
    compiled(model)
    weights = model.get_weights()
    model.fit(x, y, epochs=2, verbose=0)
    assert_same(model.get_weights()[:6], weights[:6])
    assert not np.array_equal(model.get_weights()[6], weights[6])


# Compile


def test_compile_hands_the_kernels_to_layers_and_optimizer():
    model = small()
    for name, table in kernels.SETS.items():
        model.compile("adam", "mse", kernels=name)
        assert all(layer.kernels is table for layer in model.layers)
        assert model.optimizer.kernels is table
    model.compile("adam", "mse", kernels=kernels.REFERENCE)
    assert all(layer.kernels is kernels.REFERENCE for layer in model.layers)
    model.compile("adam", "mse")
    assert all(layer.kernels is kernels.FAST for layer in model.layers)


def test_both_sets_of_kernels_train_alike(data):
    x, y = data
    weights = []
    for name in kernels.SETS:
        set_random_seed(4)
        model = compiled(small(dtype="float64"), kernels=name)
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        assert_close(a, b, 1e-9)  # ten steps of Adam, which divides by small roots


def test_compile_takes_names_and_objects():
    model = small()
    adam = optimizers.Adam(0.01)
    model.compile(
        optimizer=adam,
        loss=losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
        run_eagerly=True,
        jit_compile=False,
        steps_per_execution=4,
    )
    assert model.optimizer is adam
    model.compile("sgd", "mse")
    assert isinstance(model.optimizer, optimizers.SGD)
    assert isinstance(model.loss, losses.MeanSquaredError)
    model.compile(loss="mse")
    assert isinstance(model.optimizer, optimizers.RMSprop)


def test_a_layer_added_after_compile_is_trained_with_the_same_kernels():
    model = compiled(small(), kernels="reference")
    model.add(Dense(2, activation="softmax"))
    assert model.compiled
    assert model.layers[-1].kernels is kernels.REFERENCE
    before = model.get_weights()
    model.train_on_batch(np.ones((4, *model.input_shape[1:]), "float32"), np.array([0, 1, 0, 1]))
    assert all(not np.array_equal(a, b) for a, b in zip(before[-2:], model.get_weights()[-2:], strict=True))


def test_logits_of_a_head_without_an_activation_are_refused():
    model = Sequential([Flatten(input_shape=(2, 2))], name="flat")
    with pytest.raises(ValueError, match=r"flat: expected a last layer with an activation.*received 'flatten'"):
        model.forward(np.ones((1, 2, 2)), activate=False)


# Fit


def test_history_keys_and_their_order(data):
    x, y = data
    model = compiled(small())
    history = model.fit(x, y, epochs=3, validation_data=(x[:10], y[:10]), verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(len(values) == 3 and all(type(v) is float for v in values) for values in history.history.values())
    assert history.epoch == [0, 1, 2]
    assert history.model is model
    assert model.history is history
    assert list(model.fit(x, y, verbose=0).history) == ["accuracy", "loss"]
    assert list(compiled(small(), metrics=None).fit(x, y, verbose=0).history) == ["loss"]


def test_order_of_the_hooks(data):
    x, y = data
    recorder = Recorder()
    compiled(small()).fit(
        x[:40], y[:40], batch_size=20, epochs=2, validation_data=(x[40:], y[40:]), callbacks=[recorder], verbose=0
    )
    epoch = [
        "batch 0 begin",
        "batch 0 end",
        "batch 1 begin",
        "batch 1 end",
        "test begin",
        "test batch 0 end",
        "test end",
    ]
    assert recorder.calls == [
        "train begin", "epoch 0 begin", *epoch, "epoch 0 end", "epoch 1 begin", *epoch, "epoch 1 end", "train end",
    ]  # fmt: skip


def test_epoch_figures_weigh_batches_by_their_size(rng):
    """Seven samples in batches of four: with a learning rate of 0 the epoch's loss is the mean over all seven, and
    the gradient of the last batch is divided by its own three."""
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    model = compiled(linear(), optimizers.SGD(0.0), "mse", metrics=["mse"])
    expected = float(np.square(model(x) - y).mean())
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-12)
    assert history.history["mse"][0] == pytest.approx(expected, rel=1e-12)
    halves = [np.square(model(part[0]) - part[1]).mean() for part in ((x[:4], y[:4]), (x[4:], y[4:]))]
    assert abs(sum(halves) / 2 - expected) > 1e-4  # the mean over the batches would be another number
    _, dkernel, _ = oracles.dense_gradients(x[4:], model.layers[0].kernel.value, 2 * (model(x[4:]) - y[4:]) / (3 * 2))
    assert_close(model.layers[0].kernel.grad, dkernel, ORACLE)


def test_figures_of_an_epoch_are_taken_while_the_weights_move(data):
    x, y = data
    recorder = Recorder()
    model = compiled(small(dtype="float64"), optimizers.SGD(0.05))
    set_random_seed(9)
    by_hand = compiled(small(dtype="float64"), optimizers.SGD(0.05))
    by_hand.set_weights(model.get_weights())
    for a, b in zip(model.layers, by_hand.layers, strict=True):
        if isinstance(a, Dropout):
            b.rng = np.random.default_rng(1)
            a.rng = np.random.default_rng(1)
    model.fit(x, y, batch_size=20, shuffle=False, callbacks=[recorder], verbose=0)
    logs = [by_hand.train_on_batch(x[k : k + 20], y[k : k + 20], return_dict=True) for k in (0, 20, 40)]
    sizes = [20, 20, 10]
    for k, found in enumerate(recorder.batches, 1):  # means of the samples so far
        assert found == pytest.approx(
            {name: np.average([log[name] for log in logs[:k]], weights=sizes[:k]) for name in found}, rel=1e-9
        )
    assert len(recorder.batches) == 3
    assert recorder.epochs[0] == pytest.approx(recorder.batches[-1], rel=1e-9)


def test_validation_is_inference_and_leaves_training_alone(data):
    x, y = data
    set_random_seed(2)
    with_validation = compiled(small())
    history = with_validation.fit(
        x, y, epochs=2, validation_data=(x[:13], y[:13]), validation_batch_size=5, verbose=0
    ).history
    set_random_seed(2)
    without = compiled(small())
    plain = without.fit(x, y, epochs=2, verbose=0).history
    assert_same(with_validation.get_weights(), without.get_weights())
    assert {key: history[key] for key in plain} == plain
    loss, accuracy = with_validation.evaluate(x[:13], y[:13], verbose=0)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=FIGURES)
    assert history["val_accuracy"][-1] == accuracy


def test_validation_split_takes_the_last_rows_before_shuffling():
    x = np.arange(10.0).reshape(10, 1)
    model, layer = watched()
    history = model.fit(x, x, validation_split=0.3, batch_size=4, epochs=2, verbose=0)
    for epoch in (layer.seen[:2], layer.seen[2:]):
        assert [len(batch) for batch in epoch] == [4, 3]
        assert sorted(v for batch in epoch for v in batch) == [0, 1, 2, 3, 4, 5, 6]
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x[7:], x[7:], verbose=0), rel=FIGURES)


def test_validation_split_cuts_the_sample_weights_too(rng):
    x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    weight = np.arange(1.0, 11.0)
    model = compiled(linear(), optimizers.SGD(0.0), "mse", metrics=None)
    history = model.fit(x, y, validation_split=0.4, sample_weight=weight, verbose=0).history
    per_sample = np.square(model(x) - y).mean(axis=1)
    assert history["loss"][0] == pytest.approx((weight * per_sample)[:6].sum() / 6, rel=1e-12)
    assert history["val_loss"][0] == pytest.approx((weight * per_sample)[6:].sum() / 4, rel=1e-12)


def test_validation_data_wins_over_validation_split():
    model, layer = watched()
    numbers = np.arange(10.0).reshape(10, 1)
    model.fit(numbers, numbers, validation_split=0.5, validation_data=(numbers, numbers), verbose=0)
    assert len(layer.seen[0]) == 10


def test_validation_freq(data):
    x, y = data
    history = compiled(small()).fit(x, y, epochs=5, validation_split=0.2, validation_freq=2, verbose=0).history
    assert len(history["loss"]) == 5
    assert len(history["val_loss"]) == 2


def constant(value: float, name: str) -> Any:
    def metric(y_true: Array, y_pred: Array) -> Array:
        return np.full(len(y_pred), value)

    metric.__name__ = name
    return metric


def test_each_metric_has_a_name_of_its_own(rng):
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    plain = [constant(1.0, "mine"), constant(2.0, "mine"), "accuracy", constant(3.0, "mine"), constant(4.0, "loss")]
    weighted = [constant(5.0, "mine"), constant(6.0, "mine"), constant(7.0, "other"), "accuracy"]
    model = compiled(linear(activation="softmax"), metrics=plain, weighted_metrics=weighted)
    history = model.fit(x, y, verbose=0, validation_data=(x, y)).history
    figures = model.evaluate(x, y, verbose=0, return_dict=True)
    expected = {"mine": 1.0, "mine_1": 2.0, "mine_2": 3.0, "weighted_mine": 5.0, "weighted_mine_1": 6.0, "other": 7.0}
    assert {name: figures[name] for name in expected} == expected
    assert figures["loss_1"] == 4.0
    assert figures.keys() == {*expected, "accuracy", "weighted_accuracy", "loss", "loss_1"}
    assert history.keys() == {*figures, *(f"val_{name}" for name in figures)}
    assert list(figures.values()) != model.evaluate(x, y, verbose=0)  # in the order of compile
    assert sorted(figures.values()) == sorted(model.evaluate(x, y, verbose=0))
    assert model.metrics_names[:5] == ["loss", "mine", "mine_1", "accuracy", "mine_2"]


@pytest.mark.keras
def test_metrics_of_one_name_are_called_as_in_keras(keras, rng):
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    plain = [constant(1.0, "mine"), "accuracy", constant(2.0, "mine"), constant(3.0, "mine")]
    weighted = [constant(4.0, "mine"), constant(5.0, "mine"), "accuracy", constant(6.0, "mine")]
    theirs = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    loss = "sparse_categorical_crossentropy"
    theirs.compile("sgd", loss, metrics=plain, weighted_metrics=weighted, run_eagerly=True)
    ours = compiled(linear(activation="softmax"), metrics=plain, weighted_metrics=weighted)
    expected = theirs.evaluate(x, y, verbose=0, return_dict=True)
    found = ours.evaluate(x, y, verbose=0, return_dict=True)
    assert found.keys() == expected.keys()
    for name in expected:
        if "mine" in name:
            assert found[name] == expected[name]


def test_a_metrics_object_keeps_its_name(rng):
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    own = metrics.SparseCategoricalAccuracy(name="accuracy")
    model = compiled(linear(activation="softmax"), metrics=["accuracy"], weighted_metrics=[own])
    figures = model.evaluate(x, y, verbose=0, return_dict=True)
    assert figures.keys() == {"accuracy", "weighted_accuracy", "loss"}
    assert own.name == "accuracy"
    assert own.result() == figures["weighted_accuracy"]


def test_sample_weight_multiplies_the_loss_and_is_divided_by_the_number_of_samples(rng):
    x, y, weight = rng.normal(size=(6, 3)), rng.integers(0, 2, 6), rng.uniform(0.1, 3, 6)
    model = compiled(linear(activation="softmax"), optimizers.SGD(0.0), metrics=["accuracy"], weighted_metrics=["acc"])
    probabilities = model(x).numpy()
    per_sample = -np.log(probabilities[np.arange(6), y])
    right = probabilities.argmax(axis=1) == y
    expected = {
        "loss": (weight * per_sample).sum() / 6,
        "accuracy": right.mean(),
        "acc": (weight * right).sum() / weight.sum(),
    }
    assert 0 < right.mean() < 1
    assert model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True) == pytest.approx(expected, rel=1e-9)
    history = model.fit(x, y, sample_weight=weight, verbose=0, validation_data=(x, y, weight)).history
    for name, value in expected.items():
        assert history[name] == pytest.approx([value], rel=1e-9)
        assert history[f"val_{name}"] == pytest.approx([value], rel=1e-9)
    one_hot = to_categorical(y, 2)
    _, dkernel, _ = oracles.dense_gradients(
        x, model.layers[0].kernel.value, weight[:, None] * (probabilities - one_hot) / 6
    )
    model.train_on_batch(x, y, sample_weight=weight)
    assert_close(model.layers[0].kernel.grad, dkernel, 1e-9)


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_weight_is_a_sample_weight_by_class_and_one_for_classes_left_out(rng, one_hot):
    x, y = rng.normal(size=(9, 3)), np.array([0, 1, 2, 0, 1, 2, 2, 2, 0])
    labels = to_categorical(y, 3) if one_hot else y
    model = compiled(
        linear(outputs=3, activation="softmax"),
        optimizers.SGD(0.0),
        "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy",
    )
    per_sample = -np.log(model(x)[np.arange(9), y])
    weight = np.array([5.0, 1.0, 0.25])[y]
    history = model.fit(x, labels, class_weight={0: 5.0, 2: 0.25}, batch_size=4, verbose=0).history
    assert history["loss"][0] == pytest.approx((weight * per_sample).sum() / 9, rel=1e-6)
    model.reset_metrics()
    assert model.train_on_batch(x, labels, class_weight={0: 5.0, 2: 0.25})[0] == pytest.approx(
        (weight * per_sample).sum() / 9, rel=1e-6
    )
    batches = [(x, labels)]
    assert model.fit(batches, class_weight={0: 5.0, 2: 0.25}, verbose=0).history["loss"][0] == pytest.approx(
        (weight * per_sample).sum() / 9, rel=1e-6
    )


def test_shuffle_false_keeps_the_order():
    x = np.arange(7.0).reshape(7, 1)
    model, layer = watched()
    model.fit(x, x, batch_size=3, shuffle=False, epochs=2, verbose=0)
    assert layer.seen == [[0, 1, 2], [3, 4, 5], [6]] * 2


def test_shuffle_gives_each_epoch_an_order_of_its_own_over_the_whole_set():
    x = np.arange(40.0).reshape(40, 1)
    model, layer = watched()
    model.fit(x, x, batch_size=8, epochs=2, verbose=0)
    first, second = ([v for batch in layer.seen[k : k + 5] for v in batch] for k in (0, 5))
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    assert first != list(range(40))
    assert max(first[:8]) > 16  # not only within a batch


def test_shuffling_keeps_images_labels_and_weights_together():
    x = np.arange(1.0, 21.0).reshape(20, 1)
    model = compiled(
        Sequential([Input(shape=(1,)), Dense(1, kernel_initializer="ones")], dtype="float64"),
        optimizers.SGD(0.0),
        "mse",
        metrics=None,
    )
    history = model.fit(x, x, sample_weight=x[:, 0], epochs=3, batch_size=3, verbose=0)
    assert history.history["loss"] == [0.0, 0.0, 0.0]
    weights = np.zeros(20)
    weights[4] = 1
    history = model.fit(x, np.where(x == 5, 2.0, 777.0), sample_weight=weights, batch_size=3, verbose=0)
    assert history.history["loss"][0] == pytest.approx((5 - 2) ** 2 / 20, rel=1e-12)


def test_batch_size_is_32_by_default():
    x = np.arange(70.0).reshape(70, 1)
    model, layer = watched()
    model.fit(x / 70, x, verbose=0)
    assert [len(batch) for batch in layer.seen] == [32, 32, 6]


def test_initial_epoch(data):
    x, y = data
    recorder = Recorder()
    history = compiled(small()).fit(x, y, initial_epoch=3, epochs=5, callbacks=[recorder], verbose=0)
    assert history.epoch == [3, 4]
    assert [call for call in recorder.calls if call.endswith("begin") and call.startswith("epoch")] == [
        "epoch 3 begin",
        "epoch 4 begin",
    ]


def test_steps_per_epoch_with_arrays_goes_on_where_the_last_epoch_ended():
    x = np.arange(6.0).reshape(6, 1) / 10
    model, layer = watched()
    with pytest.warns(UserWarning, match="fit: expected 2 batches in an epoch, received 1"):
        history = model.fit(x, x, batch_size=2, steps_per_epoch=2, epochs=3, shuffle=False, verbose=0)
    assert [[round(v * 10) for v in batch] for batch in layer.seen] == [[0, 1], [2, 3], [4, 5], [0, 1], [2, 3]]
    assert len(history.history["loss"]) == 3


def test_generator_of_batches_with_steps_per_epoch():
    def endless():
        k = 0
        while True:
            yield np.full((2, 1), k / 10), np.zeros((2, 1)), np.ones(2)
            k += 1

    model, layer = watched()
    history = model.fit(
        endless(), steps_per_epoch=3, epochs=2, validation_data=endless(), validation_steps=2, verbose=0
    )
    assert [round(batch[0] * 10) for batch in layer.seen] == [0, 1, 2, 3, 4, 5]
    assert len(history.history["val_loss"]) == 2


def test_generator_that_ends_gives_one_epoch_of_all_its_batches():
    model, layer = watched()
    model.fit(((np.full((n, 1), 0.1), np.zeros(n)) for n in (3, 2, 1)), verbose=0)
    assert [len(batch) for batch in layer.seen] == [3, 2, 1]


def test_a_list_of_batches_is_started_anew_in_each_epoch():
    batches = [(np.full((n, 1), n / 10), np.zeros(n)) for n in (3, 2)]
    model, layer = watched()
    model.fit(batches, epochs=2, verbose=0)
    assert [len(batch) for batch in layer.seen] == [3, 2, 3, 2]
    assert isinstance(model.evaluate(batches, verbose=0), float)


def test_data_of_other_types_and_lists(rng):
    pixels = rng.integers(0, 255, size=(12, 6, 6, 1), dtype=np.uint8)
    model = compiled(small())
    model.fit(pixels, list(rng.integers(0, 4, 12)), verbose=0)
    rows = compiled(linear(activation="softmax"))
    assert len(rows.fit([[1, 2, 3], [4, 5, 6]], [0, 1], verbose=0).history["loss"]) == 1
    assert rows.fit(np.ones((2, 3)), np.array([[0], [1]]), verbose=0).history["accuracy"] == [0.5]


def test_inputs_are_not_written_to(data):
    x, y = data
    for array in (x, y):
        array.flags.writeable = False
    weight = np.ones(50)
    weight.flags.writeable = False
    model = compiled(small())
    history = model.fit(x, y, sample_weight=weight, validation_split=0.2, verbose=0)
    assert len(history.history["val_loss"]) == 1
    model.evaluate(x, y, verbose=0)
    assert model.predict(x, verbose=0).shape == (50, 4)


def test_regularizers_join_the_loss_of_training_and_evaluation(rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    model = compiled(
        linear(
            kernel_regularizer=regularizers.L2(0.1),
            bias_initializer=initializers.Constant(2.0),
            bias_regularizer=regularizers.L1(0.5),
        ),
        optimizers.SGD(0.0),
        "mse",
        metrics=None,
    )
    kernel, bias = model.get_weights()
    penalty = 0.1 * np.square(kernel).sum() + 0.5 * np.abs(bias).sum()
    expected = np.square(model(x) - y).mean() + penalty
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-12)
    assert model.fit(x, y, batch_size=2, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-12)
    model.train_on_batch(x, y)
    _, dkernel, dbias = oracles.dense_gradients(x, kernel, 2 * (model(x) - y) / 10)
    assert_close(model.layers[0].kernel.grad, dkernel + 0.2 * kernel, ORACLE)
    assert_close(model.layers[0].bias.grad, dbias + 0.5 * np.sign(bias), ORACLE)


def test_training_learns_a_separable_problem(rng):
    """End to end: which quarter of the image is bright."""
    y = rng.integers(0, 4, 400)
    x = rng.normal(0, 0.3, size=(400, 6, 6, 1)).astype("float32")
    for image, label in zip(x, y, strict=True):
        image[3 * (label // 2) :, 3 * (label % 2) :][:3, :3] += 1
    model = compiled(small(), optimizers.Adam(0.01))
    history = model.fit(x[:300], y[:300], epochs=8, validation_data=(x[300:], y[300:]), verbose=0)
    assert history.history["val_accuracy"][-1] > 0.9
    assert history.history["loss"][-1] < history.history["loss"][0] / 2


# Seeds


def test_same_seed_same_bits_and_other_seed_other_bits(data):
    x, y = data
    runs = []
    for seed in (11, 11, 12):
        set_random_seed(seed)
        model = compiled(small())
        history = model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
        runs.append((model.get_weights(), history.history))
    assert_same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert runs[0][1] != runs[2][1]
    assert not np.array_equal(runs[0][0][0], runs[2][0][0])


def test_numpys_global_generator_is_neither_used_nor_moved(data):
    x, y = data
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    compiled(small()).fit(x, y, verbose=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# Evaluate, predict, single batches


def test_forms_of_evaluates_result(data):
    x, y = data
    model = compiled(small())
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert isinstance(model.evaluate(x, y, verbose=0), list)
    assert type(loss) is float
    assert type(accuracy) is float
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    assert model.metrics_names == ["loss", "accuracy"]
    probabilities = model(x)
    assert accuracy == (probabilities.argmax(axis=1) == y).mean()
    assert loss == pytest.approx(-np.log(probabilities[np.arange(50), y]).mean(), rel=1e-5)
    without = compiled(model, metrics=None)
    assert type(without.evaluate(x, y, verbose=0)) is float
    assert without.evaluate(x, y, verbose=0, return_dict=True) == {"loss": pytest.approx(loss, rel=FIGURES)}


def test_evaluate_does_not_depend_on_the_batch_size_and_changes_nothing(data):
    x, y = data
    model = compiled(small(dtype="float64"))
    before = model.get_weights()
    expected = model.evaluate(x, y, batch_size=50, verbose=0)
    for batch_size in (1, 7, 32, 1000):
        assert model.evaluate(x, y, batch_size=batch_size, verbose=0) == pytest.approx(expected, rel=1e-12)
    assert_same(model.get_weights(), before)


def test_evaluate_steps(data):
    x, y = data
    model = compiled(small())
    assert model.evaluate(x, y, batch_size=10, steps=2, verbose=0) == pytest.approx(
        model.evaluate(x[:20], y[:20], verbose=0), rel=FIGURES
    )
    assert model.predict(x, batch_size=10, steps=2, verbose=0).shape == (20, 4)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_predict_in_batches(data, batch_size):
    x, _ = data
    model = small()
    assert_close(model.predict(x, batch_size=batch_size, verbose=0), model(x), FLOAT32)
    assert_close(model.predict_on_batch(x), model(x), 0)


def test_predict_needs_no_compile_and_its_hooks_are_called(data):
    x, _ = data

    class Outputs(callbacks.Callback):
        def on_predict_begin(self, logs=None):
            self.batches = []

        def on_predict_batch_end(self, batch, logs=None):
            self.batches.append((batch, logs["outputs"].shape))

    outputs = Outputs()
    small().predict(x, verbose=0, callbacks=[outputs])
    assert outputs.batches == [(0, (32, 4)), (1, (18, 4))]


def test_train_on_batch_and_test_on_batch_report_this_batch_alone(rng):
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    model = compiled(linear(), optimizers.SGD(0.0), "mse", metrics=None)
    per_sample = np.square(model(x) - y).mean(axis=1)
    assert model.train_on_batch(x[:2], y[:2]) == pytest.approx(per_sample[:2].mean(), rel=1e-12)
    assert model.train_on_batch(x[2:], y[2:]) == pytest.approx(per_sample[2:].mean(), rel=1e-12)
    assert model.test_on_batch(x[:3], y[:3], return_dict=True) == {
        "loss": pytest.approx(per_sample[:3].mean(), rel=1e-12)
    }


def test_train_on_batch_moves_the_weights_and_test_on_batch_does_not(data):
    x, y = data
    model = compiled(small())
    before = model.get_weights()
    loss, accuracy = model.test_on_batch(x, y)
    assert_same(model.get_weights(), before)
    assert [loss, accuracy] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    model.train_on_batch(x, y)
    assert all(not np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))


def test_metric_objects_and_functions(data):
    x, y = data
    model = compiled(small(), metrics=[metrics.SparseCategoricalAccuracy(name="right"), "sparse_categorical_accuracy"])
    history = model.fit(x, y, verbose=0).history
    assert list(history) == ["loss", "right", "sparse_categorical_accuracy"]
    assert history["right"] == history["sparse_categorical_accuracy"]


@pytest.mark.parametrize(("labels", "outputs", "activation", "loss", "kind"), [
    ((8,), 3, "softmax", "sparse_categorical_crossentropy", metrics.SparseCategoricalAccuracy),
    ((8, 1), 3, "softmax", "sparse_categorical_crossentropy", metrics.SparseCategoricalAccuracy),
    ((8, 3), 3, "softmax", "categorical_crossentropy", metrics.CategoricalAccuracy),
    ((8,), 1, "sigmoid", "binary_crossentropy", metrics.BinaryAccuracy),
])  # fmt: skip
def test_accuracy_picks_its_kind_by_the_shapes(rng, labels, outputs, activation, loss, kind):
    y = rng.integers(0, 2, 8)
    y = to_categorical(y, 3) if labels == (8, 3) else y.reshape(labels)
    model = compiled(linear(outputs=outputs, activation=activation), loss=loss)
    history = model.fit(rng.normal(size=(8, 3)), y, verbose=0)
    assert type(model.metrics[1]) is kind
    assert 0 <= history.history["accuracy"][0] <= 1


# Stopping


class StopAfter(callbacks.Callback):
    def __init__(self, batches: int | None = None, epoch: int | None = None):
        super().__init__()
        self.batches, self.epoch = batches, epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.batches is not None and batch + 1 == self.batches:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.stop_training = True


def test_stop_training_ends_after_the_epoch(data):
    x, y = data
    model = compiled(small())
    history = model.fit(x, y, epochs=5, callbacks=[StopAfter(epoch=1)], validation_split=0.2, verbose=0)
    assert history.epoch == [0, 1]
    assert not model.interrupted
    assert len(model.fit(x, y, epochs=2, verbose=0).epoch) == 2  # the next fit starts afresh


def test_stop_training_in_an_epoch_ends_it_there_and_still_validates(data):
    x, y = data
    recorder = Recorder()
    model = compiled(small())
    history = model.fit(
        x, y, batch_size=5, epochs=5, callbacks=[StopAfter(batches=2), recorder], validation_data=(x, y), verbose=0
    )
    assert history.epoch == [0]
    assert len(recorder.batches) == 2
    assert "val_loss" in history.history


class CtrlC(callbacks.Callback):
    """Presses Ctrl-C at a hook, as many times as asked for."""

    def __init__(self, hook: str, when: int, times: int = 1):
        super().__init__()
        setattr(self, hook, self._press)
        self.when, self.times = when, times

    def _press(self, number: int = 0, logs: Any = None) -> None:
        if number == self.when:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


@pytest.fixture
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_training_after_the_step_with_the_history_so_far(data, default_handler):
    x, y = data
    model, recorder = compiled(small()), Recorder()

    class InSecondEpoch(CtrlC):
        def on_epoch_begin(self, epoch, logs=None):
            self.when = 1 if epoch == 1 else -1

    history = model.fit(
        x, y, batch_size=10, epochs=4, callbacks=[InSecondEpoch("on_train_batch_begin", -1), recorder], verbose=0
    )
    assert history is model.history
    assert history.epoch == [0]
    assert len(history.history["loss"]) == 1
    assert model.interrupted
    assert recorder.calls[-4:] == ["batch 0 end", "batch 1 begin", "batch 1 end", "train end"]
    assert signal.getsignal(signal.SIGINT) is default_handler
    model.fit(x, y, verbose=0)
    assert not model.interrupted


def test_ctrl_c_during_validation_ends_training_after_the_epoch(data, default_handler):
    x, y = data
    model, recorder = compiled(small()), Recorder()
    history = model.fit(
        x, y, epochs=4, validation_split=0.2, callbacks=[CtrlC("on_test_batch_end", 0), recorder], verbose=0
    )
    assert history.epoch == [0]
    assert model.interrupted
    assert "epoch 1 begin" not in recorder.calls
    assert recorder.calls[-1] == "train end"
    assert len(history.history["val_loss"]) == 1


def test_a_second_ctrl_c_is_a_keyboard_interrupt(data, default_handler):
    x, y = data
    with pytest.raises(KeyboardInterrupt):
        compiled(small()).fit(x, y, callbacks=[CtrlC("on_train_batch_begin", 0, times=2)], verbose=0)
    assert signal.getsignal(signal.SIGINT) is default_handler


def test_a_handler_of_the_programs_own_is_left_alone(data, default_handler):
    x, y = data
    pressed = []
    signal.signal(signal.SIGINT, lambda signum, frame: pressed.append(signum))
    own = signal.getsignal(signal.SIGINT)
    model = compiled(small())
    model.fit(x, y, epochs=2, callbacks=[CtrlC("on_epoch_begin", 0)], verbose=0)
    assert pressed == [signal.SIGINT]
    assert not model.interrupted
    assert signal.getsignal(signal.SIGINT) is own


def test_ctrl_c_says_where_training_stopped(data, default_handler, capsys):
    x, y = data
    compiled(small()).fit(x, y, batch_size=10, epochs=3, callbacks=[CtrlC("on_train_batch_begin", 2)], verbose=2)
    assert capsys.readouterr().out.splitlines()[-1] == "Training stopped by Ctrl-C in epoch 1, after step 3."


def test_the_handler_comes_back_after_an_error(data, default_handler):
    x, y = data

    class Broken(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compiled(small()).fit(x, y, callbacks=[Broken()], verbose=0)
    assert signal.getsignal(signal.SIGINT) is default_handler


def test_fit_works_outside_the_main_thread(data):
    x, y = data
    model, results = compiled(small()), []
    thread = threading.Thread(target=lambda: results.append(model.fit(x, y, verbose=0)))
    thread.start()
    thread.join(60)
    assert len(results[0].history["loss"]) == 1


# A loss that is not finite


def spoiled(epoch: int, step: int, layer: str, model: Sequential) -> callbacks.Callback:
    """A callback that writes NaN into a layer's first weights just before the given step."""

    class Spoil(callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            self.now = number == epoch

        def on_train_batch_begin(self, batch, logs=None):
            if self.now and batch == step:
                next(iter(model.get_layer(layer).params.values())).flat[0] = np.nan
                self.before = model.get_weights()

    return Spoil()


@pytest.mark.parametrize("table", list(kernels.SETS))
def test_a_loss_that_becomes_nan_names_epoch_step_and_layer(data, table):
    x, y = data
    model = compiled(small(), kernels=table)
    name = model.layers[1].name
    spoil = spoiled(1, 2, name, model)
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            FloatingPointError,
            match=rf"^loss: expected a finite number, received nan in epoch 2, step 3\. "
            rf"The first layer whose output is not finite is '{name}'\. Lower the learning rate",
        ),
    ):
        model.fit(x, y, batch_size=10, epochs=3, callbacks=[spoil], verbose=0)
    assert_same(model.get_weights(), spoil.before)  # moving statistics included
    assert np.isfinite(model.layers[1].moving_mean).all()
    with pytest.raises(RuntimeError, match="found nothing kept"):
        model.backward(np.ones((10, 4)))


def test_an_infinite_loss_names_the_loss_where_all_outputs_are_finite(rng):
    model = compiled(linear(), "sgd", "mse", metrics=None)
    before = model.get_weights()
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            FloatingPointError,
            match=r"received inf in this batch\. All layers' outputs are finite: the loss itself, or a regularizer,",
        ),
    ):
        model.train_on_batch(np.full((2, 3), 1e160), np.full((2, 2), -1e160))
    assert_same(model.get_weights(), before)


# What is printed


def test_verbose_0_prints_nothing(data, capsys):
    x, y = data
    model = compiled(small())
    model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.mark.parametrize("verbose", [2, "auto"])
def test_one_line_of_figures_an_epoch(data, capsys, verbose):
    """ "auto" too, where the output is no terminal."""
    x, y = data
    model = compiled(small())
    history = model.fit(x, y, batch_size=20, epochs=2, validation_split=0.2, verbose=verbose).history
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert len(lines) == 4
    for k, line in enumerate(lines[1::2]):
        assert re.fullmatch(
            r"2/2 - \d+s - \d+[mu]?s/step - accuracy: \S+ - loss: \S+ - val_accuracy: \S+ - val_loss: \S+", line
        )
        found = dict(re.findall(r"(\w+): (\S+)", line))
        assert {key: float(value) for key, value in found.items()} == pytest.approx(
            {key: values[k] for key, values in history.items()}, abs=5e-5
        )
    model.evaluate(x, y, verbose=verbose)
    assert re.fullmatch(r"2/2 - \d+s - \d+[mu]?s/step - accuracy: \S+ - loss: \S+\n", capsys.readouterr().out)


EXPECTED_SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv2d (Conv2D)                 │ (None, 26, 26, 32)     │           320 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d (MaxPooling2D)    │ (None, 13, 13, 32)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ conv2d_1 (Conv2D)               │ (None, 11, 11, 64)     │        18,496 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ max_pooling2d_1 (MaxPooling2D)  │ (None, 5, 5, 64)       │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flatten (Flatten)               │ (None, 1600)           │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 64)             │       102,464 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 10)             │           650 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 121,930 (476.29 KB)
 Trainable params: 121,930 (476.29 KB)
 Non-trainable params: 0 (0.00 B)
"""


def summary_of(model: Any, **options: Any) -> str:
    texts: list[str] = []
    model.summary(print_fn=texts.append, **options)
    assert len(texts) == 1
    return texts[0]


def test_summary_of_the_notebooks_model(monkeypatch):
    """The expected text is what Keras 3.15 prints on 80 columns (compared live below)."""
    monkeypatch.setenv("COLUMNS", "80")
    assert summary_of(models.plain()) == EXPECTED_SUMMARY


def test_summary_goes_to_standard_output(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    models.plain().summary()
    assert capsys.readouterr().out == EXPECTED_SUMMARY


@pytest.mark.parametrize(("make", "totals"), [
    (models.plain, ["121,930 (476.29 KB)", "121,930 (476.29 KB)", "0 (0.00 B)"]),
    (models.dropout, ["121,930 (476.29 KB)", "121,930 (476.29 KB)", "0 (0.00 B)"]),
    (models.batch_normalization, ["122,570 (478.79 KB)", "122,250 (477.54 KB)", "320 (1.25 KB)"]),
])  # fmt: skip
def test_summary_totals(make, totals):
    assert re.findall(r" params: (.*)", summary_of(make())) == totals


def test_summary_counts_the_optimizers_slots_after_training(data):
    x, y = data
    model = compiled(small())
    before = summary_of(model)
    assert "Optimizer" not in before
    model.fit(x, y, verbose=0)
    # 88 trainable weights, two slots each, iteration (8 bytes) and learning rate (4 bytes).
    assert re.findall(r"(\w+\S*) params: (\S+)", summary_of(model)) == [
        ("Total", str(94 + 178)), ("Trainable", "88"), ("Non-trainable", "6"), ("Optimizer", str(2 * 88 + 2)),
    ]  # fmt: skip


def test_summary_of_a_frozen_layer_and_show_trainable(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    model = small()
    model.layers[0].trainable = False
    text = summary_of(model, show_trainable=True, line_length=100)
    marks = re.findall(r"│ +(Y|N|-) +│$", text, re.MULTILINE)
    assert marks == ["N", "Y", "-", "-", "-", "Y"]
    assert " Trainable params: 58 " in text
    assert " Non-trainable params: 36 " in text


def test_summary_of_an_unbuilt_model():
    text = summary_of(Sequential([Conv2D(2, 3), Flatten()]))
    assert text.count("?") == 2
    assert text.count("0 (unbuilt)") == 2
    assert " Total params: 0 (0.00 B)" in text


def test_summary_line_length_and_positions(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, summary_of(small()).splitlines())) == 88
    assert max(map(len, summary_of(small(), line_length=70).splitlines())) == 70
    header = summary_of(small(), line_length=100, positions=[0.3, 0.6, 1.0]).splitlines()[1]
    assert [len(part) for part in re.findall("━+", header)] == [29, 28, 39]


def test_summary_is_refused_where_nothing_would_fit():
    with pytest.raises(ValueError, match="summary: expected a width of at least 4 characters for each column"):
        summary_of(small(), line_length=8)


def keras_twin(keras: Any, name: str) -> Any:
    """The same model for both packages, written as in the notebook."""
    k = keras.layers
    extra = {
        "plain": lambda rate: [],
        "dropout": lambda rate: [k.Dropout(rate)],
        "batch_normalization": lambda rate: [k.BatchNormalization()],
    }[name]
    late = name == "dropout"
    chain = [keras.Input(shape=(28, 28, 1)), k.Conv2D(32, (3, 3), activation="relu")]
    chain += [k.MaxPooling2D((2, 2)), *extra(0.25)] if late else [*extra(0), k.MaxPooling2D((2, 2))]
    chain += [k.Conv2D(64, (3, 3), activation="relu")]
    chain += [k.MaxPooling2D((2, 2)), *extra(0.25)] if late else [*extra(0), k.MaxPooling2D((2, 2))]
    chain += [k.Flatten(), k.Dense(64, activation="relu"), *extra(0.5), k.Dense(10, activation="softmax")]
    return keras.Sequential(chain)


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("plain", "60"),
        ("batch_normalization", "80"),
        *(
            pytest.param(name, columns, marks=pytest.mark.slow)
            for name, columns in (("plain", "80"), ("plain", "160"), ("dropout", "100"))
        ),
    ],
)
def test_summary_is_keras_to_the_character(keras, monkeypatch, columns, name):
    monkeypatch.setenv("COLUMNS", columns)
    keras.utils.clear_session(free_memory=False)
    clear_session()
    theirs, ours = keras_twin(keras, name), getattr(models, name)()
    assert summary_of(ours) == summary_of(theirs)
    x, y = np.zeros((2, 28, 28, 1), "float32"), np.zeros(2, "int64")
    for model in (theirs, ours):
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    assert summary_of(ours) == summary_of(theirs)
    for model in (theirs, ours):
        model.fit(x, y, verbose=0)
        model.layers[0].trainable = False
    for options in (
        {},
        {"show_trainable": True},
        {"line_length": 70},
        {"line_length": 100, "positions": [0.3, 0.6, 1.0]},
        {"positions": [0.3, 0.6, 1.0], "show_trainable": True},
    ):
        if int(columns) > 60 or not options:
            assert summary_of(ours, **options) == summary_of(theirs, **options)


@pytest.mark.keras
def test_summary_with_plain_text_and_unbuilt_layers_is_keras(keras, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    keras.utils.clear_session(free_memory=False)
    clear_session()
    theirs = keras.Sequential(
        [keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(3)], name="x[red]y"
    )
    ours = Sequential([Conv2D(2, 3), Flatten(), Dense(3)], name="x[red]y")
    assert summary_of(ours) == summary_of(theirs)
    theirs.build((None, 8, 8, 1))
    ours.build((None, 8, 8, 1))
    assert summary_of(ours) == summary_of(theirs)


@pytest.mark.keras
def test_history_and_evaluate_have_the_form_of_keras(keras, rng):
    x, y = rng.normal(size=(20, 3)).astype("float32"), rng.integers(0, 2, 20)
    theirs = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(2, activation="softmax")])
    ours = Sequential([Input(shape=(3,)), Dense(2, activation="softmax")])
    ours.set_weights(theirs.get_weights())
    results = []
    for model in (ours, theirs):
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=2, validation_split=0.25, shuffle=False, verbose=0)
        dictionary = model.evaluate(x, y, verbose=0, return_dict=True)
        values = model.evaluate(x, y, verbose=0)
        results.append((list(history.history), list(dictionary), type(values), len(values), history, values))
    assert results[0][:4] == results[1][:4]
    for key, expected in results[1][4].history.items():
        assert results[0][4].history[key] == pytest.approx(expected, rel=1e-5)
    assert results[0][5] == pytest.approx(results[1][5], rel=1e-5)


def test_penalties_are_those_of_the_layers_that_are_there_now():
    """After freezing, and after adding a layer, without a step of training in between."""
    model = Sequential([Input((3,)), Dense(2, kernel_regularizer="l2"), Dense(2, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    model.fit(x, y, verbose=0)
    penalties = [0.01 * float(np.sum(layer.kernel.value**2)) for layer in model.layers]
    loss = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
    assert model.test_on_batch(x, y) == pytest.approx(loss + sum(penalties), rel=1e-5)
    model.layers[0].trainable = False
    assert model.test_on_batch(x, y) == pytest.approx(loss + penalties[1], rel=1e-5)
    model.layers[0].trainable = True
    model.add(Dense(2, kernel_initializer="ones", use_bias=False, kernel_regularizer="l2"))
    with_third = float(np.mean((model.predict(x, verbose=0) - y) ** 2)) + sum(penalties) + 0.01 * 4
    assert model.test_on_batch(x, y) == pytest.approx(with_third, rel=1e-5)

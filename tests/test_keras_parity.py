"""The same program on a live Keras and on tinycnn, with both kernel sets: layers, the notebook's models, fit."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from parity_cases import (
    LAYER_CASES,
    MODELS,
    OF_GRAPHS,
    give_masks,
    given_mask_layer,
    gradients_of_keras,
    gradients_of_tinycnn,
    layer_figures_of_keras,
    layer_figures_of_tinycnn,
    notebook_model,
    some_digits,
    start,
    tiny_model,
    uniform,
)
from tolerances import FIGURES, FLOAT32_SLOPE, HISTORY, MODEL, PARITY, assert_close

from tinycnn import keras as ours
from tinycnn.kernels import SETS
from tinycnn.metrics import Outcome

pytestmark = pytest.mark.keras

KERNELS = pytest.mark.parametrize("kernels", sorted(SETS))


# Layers


@functools.cache
def expected_layer_figures(keras, case, dtype):
    return layer_figures_of_keras(keras, case, dtype)


@KERNELS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LAYER_CASES)
def test_layer(keras, case, dtype, kernels):
    """Outputs, the gradients of the input and of every parameter for a random upstream gradient, moving statistics."""
    expected = expected_layer_figures(keras, case, dtype)
    figures = layer_figures_of_tinycnn(case, dtype, SETS[kernels])
    assert list(figures) == list(expected)
    rounded = dtype == "float64" and any(name in case for name in ("leaky_relu", "gelu"))
    tolerance = FLOAT32_SLOPE if rounded else PARITY[dtype]
    for name, figure in expected.items():
        assert figures[name].dtype == figure.dtype == dtype
        assert_close(figures[name], figure, tolerance, name)


#: Compared to Keras in tests/test_preprocessing_layers.py.
OF_IMAGES = {
    "CenterCrop", "Cropping2D", "Normalization", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip",
    "RandomRotation", "RandomTranslation", "RandomZoom", "Rescaling", "Resizing",
}  # fmt: skip


def test_every_layer_of_ours_has_a_case():
    classes = {value for value in vars(ours.layers).values() if isinstance(value, type)}
    layers = {cls.__name__ for cls in classes if issubclass(cls, ours.layers.Layer)}
    assert layers - {"Layer"} - OF_GRAPHS == {name for name, _, _ in LAYER_CASES.values()} | OF_IMAGES


@pytest.mark.parametrize("case", ["conv2d", "dense", "batch_normalization", "max_pooling2d same", "flatten"])
def test_shapes_counts_and_order_of_weights(keras, case):
    name, arguments, shape = LAYER_CASES[case]
    mine, theirs = getattr(ours.layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    mine.build((None, *shape[1:]))
    theirs.build((None, *shape[1:]))
    assert mine.output_shape == theirs.compute_output_shape((None, *shape[1:]))
    assert mine.count_params() == theirs.count_params()
    assert list(mine.named_weights) == [v.name for v in theirs.weights]
    assert mine.name == theirs.name.rsplit("_", 1)[0] if theirs.name[-1].isdigit() else theirs.name
    for own, their in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert own.shape == their.shape
        assert own.dtype == their.dtype


# The notebook's models


@functools.cache
def keras_model(keras, name):
    """The model with one mask for all steps, and its first weights."""
    model = start(notebook_model(keras, name, given_mask_layer(keras)))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, model.get_weights()


@pytest.fixture
def pair(keras, name, kernels):
    """Keras's model and ours, of equal weights and, for dropout, equal masks for batches of 24."""
    theirs, weights = keras_model(keras, name)
    theirs.set_weights(weights)
    mine = notebook_model(ours, name)
    mine.set_weights(theirs.get_weights())
    mine.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels)
    for model in (mine, theirs):
        give_masks(model, 0, 24)
    return mine, theirs


@KERNELS
@pytest.mark.parametrize("name", MODELS)
def test_model_forward_loss_and_gradients(keras, pair, name):
    mine, theirs = pair
    x, y = some_digits(24)
    assert_close(mine.predict(x, verbose=0), theirs.predict(x, verbose=0), MODEL[name], "predict")
    assert_close(mine(x), np.asarray(theirs(x)), MODEL[name], "the call")
    value, gradients = gradients_of_keras(theirs, keras.losses.SparseCategoricalCrossentropy(), x, y)
    own_value, own_gradients = gradients_of_tinycnn(mine, ours.losses.SparseCategoricalCrossentropy(), x, y)
    assert own_value == pytest.approx(value, rel=MODEL[name])
    names = ["dx", *(v.path for v in theirs.trainable_weights)]
    for what, own, gradient in zip(names, own_gradients, gradients, strict=True):
        assert_close(own, gradient, MODEL[name], what)
    for own, statistic in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        assert_close(own, statistic, MODEL[name], "weights, or statistics after one step in training mode")


@KERNELS
@pytest.mark.parametrize("name", MODELS)
def test_model_evaluate(pair, name):
    """A last batch of 5: figures are means over samples."""
    mine, theirs = pair
    x, y = some_digits(37)
    figures, expected = mine.evaluate(x, y, verbose=0), theirs.evaluate(x, y, verbose=0)
    assert isinstance(figures, list)
    assert figures[0] == pytest.approx(expected[0], rel=MODEL[name])
    assert figures[1] == pytest.approx(expected[1], abs=FIGURES)
    by_name = mine.evaluate(x, y, verbose=0, return_dict=True)
    assert list(by_name) == list(theirs.evaluate(x, y, verbose=0, return_dict=True))
    weights = uniform(7, (37,), 0, 2)
    assert mine.evaluate(x, y, sample_weight=weights, verbose=0)[0] == pytest.approx(
        theirs.evaluate(x, y, sample_weight=weights, verbose=0)[0], rel=MODEL[name]
    )
    assert mine.test_on_batch(x, y) == pytest.approx(theirs.test_on_batch(x, y), rel=MODEL[name])
    np.testing.assert_allclose(mine.predict_on_batch(x), theirs.predict_on_batch(x), rtol=1e-3, atol=1e-6)


def summary_of(model, **options):
    lines = []
    model.summary(print_fn=lambda text, line_break=None: lines.append(text), **options)
    return "\n".join(lines)


@pytest.mark.parametrize("name", MODELS)
def test_summary_is_keras_character_for_character(keras, name):
    keras.utils.clear_session(free_memory=False)
    mine, theirs = notebook_model(ours, name), notebook_model(keras, name)
    for options in (
        {},
        {"line_length": 100},
        {"line_length": 70},
        {"show_trainable": True},
        {"positions": [0.3, 0.6, 1.0]},
    ):
        assert summary_of(mine, **options) == summary_of(theirs, **options)
    x, y = some_digits(4)
    for model in (mine, theirs):
        model.layers[0].trainable = False
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, verbose=0)
    assert summary_of(mine, show_trainable=True) == summary_of(theirs, show_trainable=True)
    assert "Optimizer params" in summary_of(mine)


def test_unbuilt_summary_is_keras(keras):
    keras.utils.clear_session(free_memory=False)
    texts = []
    for k in (ours, keras):
        texts.append(summary_of(k.Sequential([k.layers.Conv2D(2, 3), k.layers.Flatten(), k.layers.Dense(3)])))
    assert texts[0] == texts[1]


# fit: what the models are, how they are compiled, and what fit is given. Arguments are functions of k where they hold
# objects of the library.

X, Y = some_digits(100)  # batches of 32, 32, 32 and 4
X_VAL, Y_VAL = some_digits(45, first=100)
ONE_HOT, ONE_HOT_VAL = np.eye(10, dtype="float32")[Y], np.eye(10, dtype="float32")[Y_VAL]
WEIGHTS, WEIGHTS_VAL = uniform(8, (100,), 0, 2), uniform(9, (45,), 0, 2)

FITS = {
    "plain": {},
    "validation_data": {"fit": {"validation_data": (X_VAL, Y_VAL)}},
    "validation_data with weights": {"fit": {"validation_data": (X_VAL, Y_VAL, WEIGHTS_VAL)}},
    "validation_split": {"fit": {"validation_split": 0.25}},
    "validation_split with weights": {"fit": {"validation_split": 0.33, "sample_weight": WEIGHTS}},
    "validation_freq": {"fit": {"validation_data": (X_VAL, Y_VAL), "validation_freq": 2}},
    "batch sizes": {"fit": {"batch_size": 30, "validation_data": (X_VAL, Y_VAL), "validation_batch_size": 20}},
    "one batch": {"fit": {"batch_size": 1000}},
    "initial_epoch": {"fit": {"initial_epoch": 1}},
    "steps_per_epoch": {"fit": {"batch_size": 25, "steps_per_epoch": 2, "epochs": 4}},
    "steps_per_epoch without batch_size": {"fit": {"steps_per_epoch": 3}},
    "steps_per_epoch beyond the data": {"fit": {"batch_size": 25, "steps_per_epoch": 9}},
    "validation_steps": {
        "fit": {"batch_size": 20, "validation_data": (X_VAL, Y_VAL), "validation_steps": 2},
    },
    "class_weight": {"fit": {"class_weight": {0: 3.0, 4: 0.1, 9: 2.0}}},
    "class_weight, validation": {"fit": {"class_weight": {1: 5.0}, "validation_data": (X_VAL, Y_VAL)}},
    "sample_weight": {"fit": {"sample_weight": WEIGHTS}},
    "weighted_metrics": {
        "compile": lambda k: {"weighted_metrics": ["accuracy"]},
        "fit": {"sample_weight": WEIGHTS, "validation_data": (X_VAL, Y_VAL, WEIGHTS_VAL)},
    },
    "no metrics": {"compile": lambda k: {"metrics": None}, "fit": {"validation_data": (X_VAL, Y_VAL)}},
    "l2": {"model": {"l2": 0.01}, "fit": {"validation_data": (X_VAL, Y_VAL)}},
    "l2, class_weight": {"model": {"l2": 0.01}, "fit": {"class_weight": {1: 5.0}}},
    "batch normalization": {"model": {"bn": True}, "fit": {"validation_data": (X_VAL, Y_VAL)}},
    "one-hot": {
        "compile": lambda k: {"loss": "categorical_crossentropy"},
        "fit": {"y": ONE_HOT, "validation_data": (X_VAL, ONE_HOT_VAL), "class_weight": {2: 4.0}},
    },
    "label smoothing": {
        "compile": lambda k: {"loss": k.losses.CategoricalCrossentropy(label_smoothing=0.2)},
        "fit": {"y": ONE_HOT},
    },
    "logits": {
        "model": {"activation": None},
        "compile": lambda k: {"loss": k.losses.SparseCategoricalCrossentropy(from_logits=True)},
    },
    "binary": {
        "model": {"classes": 1, "activation": "sigmoid"},
        "compile": lambda k: {"loss": "binary_crossentropy"},
        "fit": {"y": (Y < 5).astype("float32"), "validation_split": 0.2},
    },
    "mean squared error": {
        "model": {"classes": 1, "activation": None},
        "compile": lambda k: {"loss": "mse", "metrics": ["mse"], "optimizer": k.optimizers.SGD(0.01)},
        "fit": {"y": Y.astype("float32")},
    },
    "sgd": {"compile": lambda k: {"optimizer": k.optimizers.SGD(0.05, momentum=0.9, nesterov=True)}},
    "rmsprop by default": {"compile": lambda k: {"optimizer": "rmsprop"}},
    "adamw": {"compile": lambda k: {"optimizer": k.optimizers.AdamW(0.002, weight_decay=0.1)}},
    "adam, clipnorm": {"compile": lambda k: {"optimizer": k.optimizers.Adam(0.002, global_clipnorm=0.1)}},
    "metric objects": {
        "compile": lambda k: {"metrics": [k.metrics.SparseCategoricalAccuracy(name="hits"), "accuracy"]},
        "fit": {"validation_data": (X_VAL, Y_VAL)},
    },
}


def run_fit(k, case, weights=None, **compile_options):
    case = FITS[case]
    model = tiny_model(k, **case.get("model", {}))
    if weights is None:
        start(model)
    else:
        model.set_weights(weights)
    before = model.get_weights()
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**arguments, **case.get("compile", lambda k: {})(k)}, **compile_options)
    history = model.fit(**{"x": X, "y": Y, "epochs": 3, "shuffle": False, "verbose": 0, **case.get("fit", {})})
    return before, (history.history, history.epoch, history.params), model.get_weights()


@functools.cache
def keras_fit(keras, case):
    return run_fit(keras, case)


@KERNELS
@pytest.mark.parametrize("case", FITS)
def test_fit(keras, case, kernels):
    """History's keys, epochs and values, and the weights in the end."""
    before, (expected, epochs, params), after = keras_fit(keras, case)
    _, (history, own_epochs, own_params), own_after = run_fit(ours, case, weights=before, kernels=kernels)
    assert list(history) == list(expected)
    assert own_epochs == epochs
    for key, values in expected.items():
        assert len(values) > 0
        np.testing.assert_allclose(history[key], values, rtol=HISTORY, atol=1e-6, err_msg=key)
    for i, (own, theirs, first) in enumerate(zip(own_after, after, before, strict=True)):
        assert_close(own, theirs, HISTORY, f"array {i} of get_weights()")
        assert np.abs(theirs - first).max() > 2e-5
    assert own_params["epochs"] == params["epochs"]
    if "beyond" not in case:  # there Keras announces nine steps, takes four, and warns
        assert own_params["steps"] == params["steps"]


def run_early_stopping(k, weights=None, **arguments):
    """Weights that grow worse from the third epoch on: the learning rate is raised by hand, far too high."""
    model = tiny_model(k)
    start(model) if weights is None else model.set_weights(weights)
    before = model.get_weights()
    model.compile(optimizer=k.optimizers.SGD(0.05), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    def raise_learning_rate(epoch, logs):
        model.optimizer.learning_rate = 3.0 if epoch >= 3 else 0.05

    stopping = k.callbacks.EarlyStopping(**arguments)
    callbacks = [k.callbacks.LambdaCallback(on_epoch_begin=raise_learning_rate), stopping]
    history = model.fit(X, Y, epochs=8, shuffle=False, verbose=0, validation_data=(X_VAL, Y_VAL), callbacks=callbacks)
    return before, history.history, stopping.stopped_epoch, stopping.best, model.get_weights()


@pytest.mark.parametrize(
    "arguments",
    [
        {"monitor": "val_loss", "patience": 1},
        {"monitor": "val_loss", "patience": 1, "restore_best_weights": True},
        {"monitor": "val_accuracy", "patience": 2, "restore_best_weights": True, "min_delta": 0.01},
        {"monitor": "loss", "patience": 20, "restore_best_weights": True},
    ],
    ids=str,
)
def test_early_stopping_in_fit(keras, arguments):
    before, history, stopped, best, after = run_early_stopping(keras, **arguments)
    _, own_history, own_stopped, own_best, own_after = run_early_stopping(ours, before, **arguments)
    assert list(own_history) == list(history)
    assert own_stopped == stopped
    assert (stopped > 0) == (arguments["patience"] < 20)
    calm = 3  # epochs before the learning rate is raised; after that, rounding errors grow without bound
    for key in history:
        assert len(own_history[key]) == len(history[key])
        np.testing.assert_allclose(own_history[key][:calm], history[key][:calm], rtol=HISTORY, err_msg=key)
    if arguments.get("restore_best_weights"):
        assert own_best == pytest.approx(best, rel=HISTORY)
        for own, theirs in zip(own_after, after, strict=True):
            assert_close(own, theirs, HISTORY)


def test_generators_in_fit(keras):
    def batches():
        while True:
            for i in range(0, 100, 40):
                yield X[i : i + 40], Y[i : i + 40]

    results = []
    weights = start(tiny_model(keras)).get_weights()
    for k in (keras, ours):
        model = tiny_model(k)
        model.set_weights(weights)
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            batches(), steps_per_epoch=4, epochs=2, verbose=0, validation_data=(X_VAL, Y_VAL), validation_steps=2
        )
        results.append(history.history)
    assert list(results[0]) == list(results[1])
    for key, values in results[0].items():
        np.testing.assert_allclose(results[1][key], values, rtol=HISTORY, err_msg=key)


def test_train_on_batch_and_test_on_batch_report_their_batch(keras):
    results = []
    weights = start(tiny_model(keras)).get_weights()
    for k in (keras, ours):
        model = tiny_model(k)
        model.set_weights(weights)
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        figures = [
            model.train_on_batch(X[:32], Y[:32]),
            model.train_on_batch(X[32:36], Y[32:36], class_weight={3: 2.0}),
        ]
        figures.append(list(model.train_on_batch(X[:8], Y[:8], return_dict=True).items()))
        figures.append(model.test_on_batch(X[:8], Y[:8], sample_weight=WEIGHTS[:8]))
        results.append(figures)
    for own, theirs in zip(results[1], results[0], strict=True):
        for a, b in zip(own, theirs, strict=True):
            if isinstance(a, tuple):
                assert a[0] == b[0]
                a, b = a[1], b[1]
            assert float(a) == pytest.approx(float(b), rel=HISTORY)


def test_frozen_layers_stay_and_are_left_out(keras):
    """A frozen convolution and a frozen batch normalization, which then uses its moving statistics in training."""
    results = []
    weights = start(tiny_model(keras, bn=True)).get_weights()
    for k in (keras, ours):
        model = tiny_model(k, bn=True)
        model.set_weights(weights)
        for layer in model.layers[:2]:
            layer.trainable = False
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
        results.append((history.history["loss"], model.get_weights()))
    (theirs, their_weights), (mine, own_weights) = results
    np.testing.assert_allclose(mine, theirs, rtol=HISTORY)
    for i, (own, their, first) in enumerate(zip(own_weights, their_weights, weights, strict=True)):
        # get_weights lists trainable weights first in neither library: the order is the layers'
        assert_close(own, their, HISTORY, f"array {i}")
        assert np.array_equal(own, first) == (i < 6)


def test_progress_line_shows_the_same_figures(keras, capsys):
    """verbose=2: one line an epoch with the same names and, to the digits shown, the same values."""
    lines = []
    weights = start(tiny_model(keras)).get_weights()
    for k in (keras, ours):
        model = tiny_model(k)
        model.set_weights(weights)
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(X, Y, epochs=1, shuffle=False, verbose=2, validation_data=(X_VAL, Y_VAL))
        lines.append(re.findall(r"(\w+): ([\d.]+)", capsys.readouterr().out))
    assert lines[0]
    assert [name for name, _ in lines[0]] == [name for name, _ in lines[1]]
    for (_, theirs), (_, mine) in zip(*lines, strict=True):
        assert float(mine) == pytest.approx(float(theirs), abs=1.01e-4)


def test_with_a_seed_keras_repeats_its_batches_in_every_epoch_and_tinycnn_shuffles_anew(keras, monkeypatch):
    """Why training losses under batch normalization differ between the two where both shuffle."""
    x, y = np.arange(64.0).reshape(64, 1), np.zeros((64, 1))
    seen: list[list[float]] = []

    class Spy(keras.Model):
        def train_step(self, data):
            seen.append(sorted(data[0].numpy().ravel()))
            return {"loss": 0.0}

    keras.utils.set_random_seed(1)
    spy = Spy()
    spy.compile(run_eagerly=True)
    spy.fit(x, y, batch_size=16, epochs=3, verbose=0)
    first, second, third = seen[:4], seen[4:8], seen[8:]
    assert first == second == third
    assert np.array_equal(np.sort(np.ravel(first)), x.ravel())
    assert first != [list(row) for row in x.reshape(4, 16)]

    seen.clear()
    ours.utils.set_random_seed(1)
    model = ours.Sequential([ours.layers.Dense(1)])
    model.compile("sgd", "mse")

    def look(x, y, *others, **place):
        seen.append(sorted(x.ravel()))
        return Outcome(np.zeros_like(y), 0.0)

    monkeypatch.setattr(model, "_train_step", look)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    first, second, third = seen[:4], seen[4:8], seen[8:]
    assert first != second != third
    assert np.array_equal(np.sort(np.ravel(second)), x.ravel())

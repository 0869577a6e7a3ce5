"""Layers that the notebook does not have, in whole models: training, files and summaries beside Keras.

What each computes is compared layer by layer, by the cases of parity_cases.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parity_cases import start, uniform
from tolerances import HISTORY, PARITY, assert_close

import tinycnn
from tinycnn import keras as ours
from tinycnn.gradient_check import check_model
from tinycnn.layers import Dense, Input, Softmax, UnitNormalization

X = uniform(1, (12, 6, 6, 2)).astype("float32")
Y = np.arange(12) % 3


def whole_model(k):
    """Every layer of this file in one model."""
    la = k.layers
    return k.Sequential(
        [
            k.Input((6, 6, 2)),
            la.Dense(8, activation="tanh"),
            la.PReLU(alpha_initializer=k.initializers.Constant(0.25), shared_axes=[1, 2], name="slopes"),
            la.Conv2D(6, 3),
            la.ELU(0.5),
            la.UnitNormalization(axis=2),
            la.Softmax(axis=1),
            la.Flatten(),
            la.Dense(8),
            la.ReLU(max_value=6, negative_slope=0.25, threshold=0.125),
            la.PReLU(alpha_constraint="non_neg"),
            la.Dense(3, activation="softmax"),
        ],
        name="further",
    )


def compiled(k):
    model = whole_model(k)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model):
    return model.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0).history


@pytest.mark.keras
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("direction", ["ours to Keras", "Keras to ours"])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_files_both_ways_and_training_goes_on_alike(keras, tmp_path: Path, direction, ending):
    first, second = (ours, keras) if direction == "ours to Keras" else (keras, ours)
    model = start(compiled(first))
    train(model)
    path = str(tmp_path / f"m{ending}")
    model.save(path)
    other = second.models.load_model(path)
    assert_close(other.predict(X, verbose=0), model.predict(X, verbose=0), PARITY["float32"])
    if ending == ".h5":
        return
    history = train(other)
    for name, values in train(model).items():
        np.testing.assert_allclose(history[name], values, rtol=HISTORY, err_msg=name)
    for own, their in zip(other.get_weights(), model.get_weights(), strict=True):
        assert_close(own, their, HISTORY)


@pytest.mark.keras
def test_summary_is_keras(keras):
    keras.backend.clear_session()
    ours.utils.clear_session()
    texts: list[list[str]] = [[], []]
    for k, lines in zip((ours, keras), texts, strict=True):
        whole_model(k).summary(print_fn=lambda text, line_break=None, lines=lines: lines.append(text))
    assert texts[0] == texts[1]


def test_same_seed_same_bits():
    def weights():
        ours.utils.set_random_seed(7)
        model = compiled(ours)
        train(model)
        return model.get_weights()

    for one, other in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def per_pixel(k, *head, loss, y):
    model = start(k.Sequential([k.Input((6, 6, 2)), *head]))
    model.compile(k.optimizers.SGD(0.5), loss)
    return [model.train_on_batch(X, y) for _ in range(3)], model.predict(X, verbose=0)


@pytest.mark.keras
def test_a_dense_layer_for_each_pixel_trains_as_in_keras(keras):
    y = (np.arange(12 * 36) % 5).reshape(12, 6, 6)
    results = [
        per_pixel(
            k,
            k.layers.Dense(96, activation="relu"),  # beyond what the fast kernel leaves to NumPy
            k.layers.Dense(96, activation="relu"),
            k.layers.Dense(5, activation="softmax"),
            loss="sparse_categorical_crossentropy",
            y=y,
        )
        for k in (ours, keras)
    ]
    np.testing.assert_allclose(*[losses for losses, _ in results], rtol=HISTORY)
    assert_close(results[0][1], results[1][1], HISTORY)


@pytest.mark.parametrize("axis", [1, -1, 3])
def test_a_cross_entropy_takes_a_softmax_of_the_last_axis_alone_for_its_own(axis):
    """Keras does so with a softmax over any axis; its loss is then not that of its predictions."""
    y = np.arange(12 * 36).reshape(12, 6, 6) % 4
    model = tinycnn.Sequential([Input((6, 6, 2)), Dense(4), Softmax(axis)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model._takes_logits() == (axis != 1)
    expected = ours.losses.SparseCategoricalCrossentropy()(y, model.predict(X, verbose=0))
    assert model.evaluate(X, y, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert check_model(model, X[:2], y[:2]).passed


def test_unit_normalization_of_inputs_without_length():
    x = np.array([[0, 0], [3e-13, 4e-13], [3, 4]])
    layer, dy = UnitNormalization(dtype="float64"), uniform(3, x.shape)
    np.testing.assert_allclose(layer(x, training=True), [[0, 0], [0.3, 0.4], [0.6, 0.8]])
    dx = layer.backward(dy)
    np.testing.assert_allclose(dx[:2], dy[:2] * 1e12)
    np.testing.assert_allclose(dx[2], (dy[2] @ [0.8, -0.6]) / 5 * np.array([0.8, -0.6]))

"""The table of tinycnn beside Keras: small where both compute the same, large where not, and nothing changed."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from parity_cases import MODELS, notebook_model, some_digits, tiny_model
from tolerances import MODEL, STEP

from tinycnn import keras as ours
from tinycnn.insight import parity
from tinycnn.parity import Row, compare

COMPILE = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}


def test_without_keras_the_command_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", None)
    message = "compare: expected Keras with TensorFlow, found no keras. Install both: pip install tensorflow."
    with pytest.raises(ModuleNotFoundError, match=re.escape(message)):
        compare(tiny_model(ours), None, *some_digits(2))
    assert parity.main([]) == 1
    assert message in capsys.readouterr().err


def test_differences_are_shares_of_the_largest_number():
    assert parity._difference([], []) is None
    assert parity._difference([np.zeros(2)], [np.zeros(2)]) == 0
    assert parity._difference([np.ones(2)], [np.zeros(2)]) == np.inf
    assert parity._difference([np.array([1.0, -4.0]), np.ones(3)], [np.array([1.0, -5.0]), np.ones(3)]) == 0.2
    assert np.isnan(parity._difference([np.ones(1), np.array([np.nan])], [np.ones(1), np.ones(1)]))


def pair(keras, make, **options):
    mine, theirs = make(ours), make(keras)
    for model in (mine, theirs):
        model.compile(**{**COMPILE, **options})
    return mine, theirs


@pytest.mark.keras
@pytest.mark.parametrize("name", MODELS)
def test_the_notebooks_models(keras, capsys, name):
    mine, theirs = pair(keras, lambda k: notebook_model(k, name))
    rows = compare(mine, theirs, *some_digits(24))
    assert [row.layer for row in rows] == [layer.name for layer in mine.layers]
    for row, layer in zip(rows, mine.layers, strict=True):
        assert row.output <= MODEL[name]
        assert row.output_gradient <= MODEL[name]
        if layer.named_weights:
            assert row.parameter_gradients <= MODEL[name]
            assert row.updated_weights <= STEP[name]
        else:
            assert row.parameter_gradients is row.updated_weights is None
    printed = capsys.readouterr().out
    assert all(row.layer in printed for row in rows)
    assert f"{rows[-1].output:.1e}" in printed
    assert "dropout drops nothing here" in " ".join(printed.split())


@pytest.mark.keras
def test_in_float64_only_rounding_is_left(keras):
    """With a penalty, another loss without logits, and batch normalization; by SGD, whose step follows the gradient.

    Keras keeps penalties and learning rates in float32: here they are powers of two.
    """
    mine, theirs = pair(
        keras,
        lambda k: (
            tiny_model(k, activation="sigmoid", l2=0.125, bn=True, dtype="float64")
            if k is ours
            else _in_float64(keras, lambda: tiny_model(k, activation="sigmoid", l2=0.125, bn=True))
        ),
        optimizer="sgd",
        loss="mean_squared_error",
    )
    mine.optimizer.learning_rate = theirs.optimizer.learning_rate = 2**-7
    x, y = some_digits(24)
    for row in compare(mine, theirs, x.astype("float64"), np.eye(10)[y]):
        assert max(share or 0 for share in vars(row).values() if not isinstance(share, str)) < 1e-11, row


def _in_float64(keras, make):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        return make()
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.slow
@pytest.mark.keras
def test_both_models_stay_as_they_are(keras):
    mine, theirs = pair(keras, lambda k: notebook_model(k, "batch_normalization"))
    x, y = some_digits(24)
    for model in (mine, theirs):
        model.train_on_batch(x, y)
    before = mine.get_weights(), theirs.get_weights()
    slots = mine.optimizer.slots["velocity"].copy(), [v.numpy() for v in theirs.optimizer.variables]
    compare(mine, theirs, x, y)
    for model, weights in zip((mine, theirs), before, strict=True):
        np.testing.assert_equal(model.get_weights(), weights)
    np.testing.assert_array_equal(mine.optimizer.slots["velocity"], slots[0])
    np.testing.assert_equal([v.numpy() for v in theirs.optimizer.variables], slots[1])
    assert mine.optimizer.iterations == 1


@pytest.mark.keras
def test_a_mistake_shows_in_its_layer_alone(keras, monkeypatch):
    """The gradient of one bias, one percent too large."""
    mine, theirs = pair(keras, lambda k: notebook_model(k, "plain"), optimizer="sgd")
    backward = ours.layers.Conv2D.backward_parameters

    def wrong(self, dy):
        result = backward(self, dy)
        if self.name == mine.layers[2].name:
            self.bias.grad[...] *= 1.01
        return result

    monkeypatch.setattr(ours.layers.Conv2D, "backward_parameters", wrong)
    rows = compare(mine, theirs, *some_digits(24))
    assert rows[2].parameter_gradients == pytest.approx(0.01, rel=1e-3)
    assert max(rows[place].parameter_gradients for place in (0, 5, 6)) <= MODEL["plain"]
    assert max(row.output_gradient for row in rows) <= MODEL["plain"]


@pytest.mark.keras
def test_own_weights_are_compared_on_demand(keras):
    mine, theirs = pair(keras, lambda k: notebook_model(k, "plain"))
    x, y = some_digits(8)
    assert compare(mine, theirs, x, y, copy_weights=False)[0].output > 0.1
    mine.set_weights(theirs.get_weights())
    assert compare(mine, theirs, x, y, copy_weights=False)[0].output < MODEL["plain"]


@pytest.mark.keras
def test_another_learning_rate_shows_in_the_weights_alone(keras):
    mine, theirs = pair(keras, lambda k: notebook_model(k, "plain"))
    mine.optimizer.learning_rate = 0.1
    row: Row = compare(mine, theirs, *some_digits(8))[0]
    assert row.updated_weights > 0.1
    assert row.parameter_gradients < MODEL["plain"]


@pytest.mark.keras
def test_errors(keras, monkeypatch):
    x, y = some_digits(4)
    mine, theirs = pair(keras, tiny_model)
    with pytest.raises(RuntimeError, match=re.escape("compare: expected compile(...) with a loss before it.")):
        compare(tiny_model(ours), theirs, x, y)
    message = (
        "compare: expected a Keras model that is built and compiled, 'other' is not. Start it with Input(shape=...) "
        "and call compile as for the other model."
    )
    with pytest.raises(RuntimeError, match=re.escape(message)):
        compare(mine, tiny_model(keras, name="other"), x, y)
    with pytest.raises(
        ValueError, match=re.escape("compare: expected 4 layers, received a Keras model of 5. Give both the same")
    ):
        compare(mine, pair(keras, lambda k: tiny_model(k, bn=True))[1], x, y)
    with pytest.raises(ValueError, match=r"compare: expected Dense beside 'dense.*', received Keras's Flatten"):
        compare(
            _model(ours, ours.layers.Dense(2), ours.layers.Flatten()),
            _model(keras, keras.layers.Flatten(), keras.layers.Dense(2)),
            np.ones((4, 3)),
            np.zeros(4),
        )
    message = (
        "compare: expected weights of shapes [(400, 10), (10,)] in 'dense_x', 2 of them trained, received "
        "[(400, 10), (10,)], 0 of them trained. Make both layers with the same arguments, for inputs of the same shape."
    )
    theirs.layers[-1].trainable = False
    theirs.layers[-1].name = "dense_x"
    size = mine.layers[-1].kernel.shape[0]
    with pytest.raises(ValueError, match=re.escape(message.replace("400", str(size)))):
        compare(mine, theirs, x, y)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    message = (
        "compare: expected Keras to run on TensorFlow, received 'jax'. "
        "Set KERAS_BACKEND=tensorflow before Keras is imported."
    )
    with pytest.raises(RuntimeError, match=re.escape(message)):
        compare(mine, theirs, x, y)


def _model(k, *layers):
    model = k.Sequential([k.layers.Input(shape=(3,)), *layers])
    model.compile(**COMPILE)
    return model


@pytest.mark.slow
@pytest.mark.keras
def test_the_command(keras, capsys):
    assert parity.main(["--dtype", "float64"]) == 0
    printed = capsys.readouterr().out
    for name in ("plain", "dropout", "batch_normalization"):
        assert f"{name}: tinycnn beside Keras {keras.__version__}, 32 samples, float64" in printed
    shares = [float(share) for share in re.findall(r"\d\.\de[-+]\d\d", printed)]
    assert len(shares) > 60
    assert np.sort(shares)[len(shares) * 9 // 10] < 1e-7  # Keras's 0.001 is off by 4.7e-8, and so are first steps

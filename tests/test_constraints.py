"""Constraints: norms by hand, Keras's numbers on arrays and over training, files, and what is refused."""

import re

import numpy as np
import pytest

import tinycnn
from tinycnn import constraints
from tinycnn import keras as ours
from tinycnn.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm

W = np.random.default_rng(1).normal(size=(4, 3))
CASES = [
    ("NonNeg", {}),
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.75, "axis": 1}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.25}),
]
ALL_CASES = pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{name} {list(a)}" for name, a in CASES])


def norms(w, axis=0):
    return np.sqrt((w**2).sum(axis=axis))


def test_norms_by_hand():
    before = norms(W)
    assert NonNeg()(W).min() == 0
    np.testing.assert_allclose(norms(MaxNorm(1.5)(W)), np.minimum(before, 1.5), rtol=1e-6)
    np.testing.assert_allclose(norms(UnitNorm(axis=1)(W), 1), 1, rtol=1e-6)
    np.testing.assert_allclose(norms(MinMaxNorm(1.8, 2.0)(W)), np.clip(before, 1.8, 2.0), rtol=1e-6)
    half = MinMaxNorm(1.8, 2.0, rate=0.5)(W)
    np.testing.assert_allclose(norms(half), (before + np.clip(before, 1.8, 2.0)) / 2, rtol=1e-6)
    assert not MaxNorm()(np.zeros((2, 2))).any()


@ALL_CASES
def test_arrays_keep_dtype_and_are_not_written(name, arguments):
    w = W.astype("float32")
    w.flags.writeable = False
    moved = getattr(constraints, name)(**arguments)(w)
    assert (moved.dtype, moved.shape) == (w.dtype, w.shape)


def model(k, constraint):
    return k.Sequential(
        [
            k.Input((6, 6, 1)),
            k.layers.Conv2D(3, 3, kernel_constraint=constraint, bias_constraint="non_neg"),
            k.layers.Flatten(),
            k.layers.Dense(2, kernel_constraint=constraint, activation="softmax"),
        ]
    )


X, Y = np.random.default_rng(2).normal(size=(16, 6, 6, 1)), np.arange(16) % 2


@ALL_CASES
def test_weights_obey_after_every_step_and_in_files(name, arguments, tmp_path):
    mine = model(ours, getattr(constraints, name)(**arguments))
    mine.compile(ours.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    for _ in range(3):
        mine.train_on_batch(X, Y)
        for layer in (mine.layers[0], mine.layers[-1]):
            kernel = layer.kernel
            assert kernel.value is layer.params["kernel"]
            if name != "MinMaxNorm":  # which comes there step by step
                np.testing.assert_allclose(kernel.constraint(kernel.value), kernel.value, rtol=1e-5, atol=1e-6)
        assert mine.layers[0].bias.value.min() >= 0
    mine.save(tmp_path / "m.keras")
    other = tinycnn.load_model(tmp_path / "m.keras")
    assert other.get_config() == mine.get_config()
    assert type(other.layers[-1].kernel_constraint).__name__ == name
    assert other.layers[-1].bias_constraint is None
    mine.train_on_batch(X, Y)
    other.train_on_batch(X, Y)
    for one, two in zip(mine.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "non_neg", "unit_norm", "min_max_norm", "MinMaxNorm"])
def test_get(name):
    cls = getattr(constraints, name)
    assert type(constraints.get(name)) is type(constraints.get(cls)) is cls
    one = cls()
    assert constraints.get(one) is one
    assert type(constraints.get({"class_name": cls.__name__, "config": one.get_config()})) is cls
    assert constraints.get(None) is None


@pytest.mark.parametrize(
    ("attempt", "error", "text"),
    [
        (lambda: constraints.get("maxnorm"), ValueError, "constraint: expected one of "),
        (lambda: constraints.get(2), TypeError, "constraint: expected a name or a Constraint, received 2. Pass for "),
        (lambda: MaxNorm(-1), ValueError, "MaxNorm: expected max_value >= 0, received -1. Pass for example 1.0."),
        (
            lambda: UnitNorm(0.5),
            ValueError,
            "UnitNorm: expected axis to be a whole number or several, received 0.5. Use 0, or [0, 1, 2] for a Conv2D.",
        ),
        (lambda: ours.layers.Dense(2, kernel_constraint=3), TypeError, "constraint: expected a name or a Constraint"),
    ],
)
def test_bad_arguments(attempt, error, text):
    with pytest.raises(error, match=f"^{re.escape(text)}"):
        attempt()


# Live Keras


@pytest.mark.keras
@ALL_CASES
def test_arrays_are_moved_as_by_keras(keras, name, arguments):
    w = W.astype("float32")
    theirs = np.asarray(getattr(keras.constraints, name)(**arguments)(w))
    np.testing.assert_allclose(getattr(constraints, name)(**arguments)(w), theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.keras
@ALL_CASES
def test_ten_steps_and_files_are_kerass(keras, name, arguments, tmp_path):
    mine, theirs = (model(k, getattr(k.constraints, name)(**arguments)) for k in (ours, keras))
    mine.set_weights(theirs.get_weights())
    for it, k in ((mine, ours), (theirs, keras)):
        it.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy")

    def compare(one, two):
        for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)

    for _ in range(10):
        mine.train_on_batch(X, Y)
        theirs.train_on_batch(X, Y)
    compare(mine, theirs)
    mine.save(tmp_path / "m.keras")
    theirs.save(tmp_path / "t.keras")
    for path in ("m.keras", "t.keras"):
        own, their = tinycnn.load_model(tmp_path / path), keras.models.load_model(tmp_path / path)
        own.train_on_batch(X, Y)
        their.train_on_batch(X, Y)
        compare(own, their)
        assert own.layers[-1].kernel_constraint.get_config() == their.layers[-1].kernel_constraint.get_config()

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
from tinycnn.insight.parity import compare
from tinycnn.layers import (
    AlphaDropout,
    BatchNormalization,
    Conv2D,
    Dense,
    GroupNormalization,
    Input,
    LayerNormalization,
    Softmax,
    UnitNormalization,
)
from tinycnn.normalization import fold_batch_normalization
from tinycnn.trainers.callbacks import BackupAndRestore, LambdaCallback

X = uniform(1, (12, 6, 6, 2)).astype("float32")
Y = np.arange(12) % 3


def whole_model(k, noise=0.0):
    """Every layer of this file in one model; with ``noise``, the libraries draw other numbers."""
    la = k.layers
    return k.Sequential(
        [
            k.Input((6, 6, 2)),
            la.Dense(8, activation="tanh"),
            la.PReLU(alpha_initializer=k.initializers.Constant(0.25), shared_axes=[1, 2], name="slopes"),
            la.Conv2D(6, 3),
            la.GroupNormalization(groups=3),
            la.SpatialDropout2D(noise),
            la.ELU(0.5),
            la.LayerNormalization(axis=[-1]),
            la.GaussianNoise(noise),
            la.UnitNormalization(axis=2),
            la.Softmax(axis=1),
            la.Flatten(),
            la.Dense(8, activation="selu"),
            la.AlphaDropout(noise),
            la.Dense(8),
            la.GaussianDropout(noise),
            la.LayerNormalization(center=False),
            la.ReLU(max_value=6, negative_slope=0.25, threshold=0.125),
            la.PReLU(alpha_constraint="non_neg"),
            la.Dense(3, activation="softmax"),
        ],
        name="further",
    )


def compiled(k, noise=0.0):
    model = whole_model(k, noise)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model, **options):
    return model.fit(X, Y, batch_size=5, shuffle=False, verbose=0, **{"epochs": 2, **options}).history


@pytest.mark.keras
@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("direction", ["ours to Keras", "Keras to ours"])
@pytest.mark.filterwarnings("ignore:.*legacy")
def test_files_both_ways(keras, tmp_path: Path, direction, ending):
    first, second = (ours, keras) if direction == "ours to Keras" else (keras, ours)
    model = start(compiled(first))
    path = str(tmp_path / f"m{ending}")
    model.save(path)
    other = second.models.load_model(path)
    assert_close(other(X), np.asarray(model(X)), PARITY["float32"])


@pytest.mark.keras
def test_training_begun_in_keras_goes_on_alike(keras, tmp_path: Path):
    model = start(compiled(keras))
    train(model)
    model.save(tmp_path / "m.keras")
    other = ours.models.load_model(tmp_path / "m.keras")
    history = train(other)
    for name, values in train(model).items():
        np.testing.assert_allclose(history[name], values, rtol=HISTORY, err_msg=name)
    for own, their in zip(other.get_weights(), model.get_weights(), strict=True):
        assert_close(own, their, HISTORY)


@pytest.mark.keras
def test_summary_is_keras(keras):
    keras.utils.clear_session(free_memory=False)
    ours.utils.clear_session()
    texts: list[list[str]] = [[], []]
    for k, lines in zip((ours, keras), texts, strict=True):
        whole_model(k).summary(print_fn=lambda text, line_break=None, lines=lines: lines.append(text))
    assert texts[0] == texts[1]


def test_same_seed_same_bits_also_after_an_interruption(tmp_path: Path):
    def weights(*callbacks):
        ours.utils.set_random_seed(7)
        model = compiled(ours, noise=0.25)
        train(model, epochs=3, callbacks=callbacks)
        return model.get_weights()

    def stop(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    whole = weights()
    with pytest.raises(KeyboardInterrupt):
        weights(BackupAndRestore(tmp_path / "backup"), LambdaCallback(on_epoch_begin=stop))
    for expected, one, other in zip(whole, weights(), weights(BackupAndRestore(tmp_path / "backup")), strict=True):
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(other, expected)


NOISE = [("SpatialDropout2D", 0.25), ("GaussianNoise", 0.25), ("GaussianDropout", 0.25), ("AlphaDropout", 0.25)]


@pytest.mark.keras
@pytest.mark.parametrize(("name", "strength"), NOISE)
def test_noise_is_distributed_as_in_keras(keras, name, strength):
    """Other numbers, but of the same kind: where all inputs are 1 there are two outputs, or a normal distribution."""
    x = np.ones((40, 5, 5, 40), "float32")
    layers = [getattr(k.layers, name)(strength, seed=3) for k in (ours, keras)]
    mine, theirs = (np.asarray(layer(x, training=True), "float64") for layer in layers)
    if name in ("SpatialDropout2D", "AlphaDropout"):
        (values, counts), (expected, expected_counts) = (np.unique(y, return_counts=True) for y in (mine, theirs))
        assert len(values) == 2
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        # 1,600 maps, or 40,000 values: four deviations of the difference of two shares
        assert abs(counts[0] - expected_counts[0]) / x.size < (0.06 if name == "SpatialDropout2D" else 0.013)
    else:
        quantiles = np.linspace(0.05, 0.95, 7)
        np.testing.assert_allclose(np.quantile(mine, quantiles), np.quantile(theirs, quantiles), atol=0.04 * mine.std())
    assert (np.ptp(mine, axis=(1, 2)).max() == 0) == (name == "SpatialDropout2D")
    assert np.ptp(mine, axis=0).max() > 0
    assert layers[0].forward(x) is x
    assert not np.array_equal(layers[0](x, training=True), mine)
    assert layers[0].get_config().keys() == layers[1].get_config().keys()


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(1).standard_normal((400, 100))
    y = AlphaDropout(0.3, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02


def noisy_model(k):
    model = k.Sequential([k.Input((6, 6, 2))])
    for name, strength in NOISE:
        model.add(getattr(k.layers, name)(strength))
    model.add(k.layers.Dense(3))
    return model


@pytest.mark.keras
@pytest.mark.parametrize("direction", ["ours to Keras", "Keras to ours"])
def test_files_with_noise(keras, tmp_path: Path, direction):
    first, second = (ours, keras) if direction == "ours to Keras" else (keras, ours)
    model = noisy_model(first)
    model.save(tmp_path / "m.keras")
    other = second.models.load_model(tmp_path / "m.keras")
    assert_close(other(X), np.asarray(model(X)), PARITY["float32"])
    assert [getattr(layer, "rate", None) or layer.stddev for layer in other.layers[:4]] == [0.25] * 4


@pytest.mark.keras
def test_compare_takes_models_with_noise(keras):
    models = [noisy_model(k) for k in (ours, keras)]
    for model in models:
        model.compile("sgd", "mse")
    rows = compare(*models, X, uniform(4, (12, 6, 6, 3)).astype("float32"))
    assert len(rows) == 5
    assert max(row.output for row in rows) < PARITY["float32"]
    assert models[0].layers[0].rate == 0.25


def test_batch_normalization_folds_through_noise():
    noise = [getattr(ours.layers, name)(strength) for name, strength in NOISE]
    model = tinycnn.Sequential([Input((6, 6, 2)), BatchNormalization(), *noise, Conv2D(3, 3)])
    model.layers[0].set_weights([w + 0.5 for w in model.layers[0].get_weights()])
    folded = fold_batch_normalization(model)
    assert len(folded.layers) == 5
    assert_close(folded.predict(X, verbose=0), model.predict(X, verbose=0), PARITY["float32"])


def test_group_normalization_between_its_two_ends():
    """One group is a whole sample, which layer normalization normalises too; -1 makes a group of each map."""
    x = uniform(5, (3, 4, 5, 6))
    options = {"dtype": "float64", "epsilon": 1e-3}
    whole = LayerNormalization((1, 2, 3), **options)(x)
    np.testing.assert_allclose(GroupNormalization(1, **options)(x), whole, rtol=1e-12, atol=1e-12)
    each = LayerNormalization((1, 2), **options)(x)
    np.testing.assert_allclose(GroupNormalization(-1, **options)(x), each, rtol=1e-12, atol=1e-12)
    middle = GroupNormalization(3, **options)(x).reshape(3, 20, 3, 2)
    np.testing.assert_allclose(middle.mean((1, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(middle.var((1, 3)), 1, atol=1e-2)  # less epsilon, 1e-3, beside variances near 1


def test_layer_normalization_of_numbers_far_from_zero():
    """The mean is subtracted before anything is squared, in float64."""
    x = 1e4 + np.float32(uniform(6, (4, 500)))
    y = LayerNormalization(epsilon=0.0)(x)
    exact = x.astype("float64") - x.astype("float64").mean(1, keepdims=True)
    np.testing.assert_allclose(y, exact / exact.std(1, keepdims=True), atol=1e-5)


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
    assert model._from_logits == [axis != 1]
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

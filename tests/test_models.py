"""The notebook's three models and the fourth with both additions: layers, order, counts."""

import numpy as np
import pytest

from tinycnn import models, utils
from tinycnn.layers import Dropout

# class, output shape and parameter count of each row that the notebook's summaries print
PLAIN = [
    ("Conv2D", (None, 26, 26, 32), 320),
    ("MaxPooling2D", (None, 13, 13, 32), 0),
    ("Conv2D", (None, 11, 11, 64), 18_496),
    ("MaxPooling2D", (None, 5, 5, 64), 0),
    ("Flatten", (None, 1600), 0),
    ("Dense", (None, 64), 102_464),
    ("Dense", (None, 10), 650),
]


def rows(model):
    return [(type(layer).__name__, layer.output_shape, layer.count_params()) for layer in model.layers]


def without(kind, table):
    return [row for row in table if row[0] != kind]


def test_plain_is_the_notebooks():
    model = models.plain()
    assert rows(model) == PLAIN
    assert model.count_params() == 121_930
    assert [layer.activation for layer in model.layers if layer.params] == ["relu", "relu", "relu", "softmax"]


def test_dropout_follows_each_pooling_and_the_dense_layer():
    model = models.dropout()
    table = rows(model)
    assert without("Dropout", table) == PLAIN
    kinds = [kind for kind, _, _ in table]
    assert [kinds[i - 1] for i, kind in enumerate(kinds) if kind == "Dropout"] == ["MaxPooling2D"] * 2 + ["Dense"]
    assert [layer.rate for layer in model.layers if isinstance(layer, Dropout)] == [0.25, 0.25, 0.5]
    assert model.count_params() == 121_930


def test_batch_normalization_stands_between_relu_and_pooling():
    model = models.batch_normalization()
    table = rows(model)
    assert without("BatchNormalization", table) == PLAIN
    kinds = [kind for kind, _, _ in table]
    assert kinds[:3] == ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    assert kinds[3:6] == ["Conv2D", "BatchNormalization", "MaxPooling2D"]
    assert kinds[6:] == ["Flatten", "Dense", "BatchNormalization", "Dense"]
    assert [layer.activation for layer in model.layers if hasattr(layer, "activation")] == [
        *["relu"] * 3,
        "softmax",
    ]
    assert model.count_params() == 122_570
    assert sum(p.value.size for p in model.parameters) == 122_250


def test_dropout_and_batch_normalization_stand_where_each_of_the_two_models_has_them():
    both = models.dropout_and_batch_normalization()
    table = rows(both)
    assert without("Dropout", table) == rows(models.batch_normalization())
    assert without("BatchNormalization", table) == rows(models.dropout())
    assert [layer.rate for layer in both.layers if isinstance(layer, Dropout)] == [0.25, 0.25, 0.5]
    assert both.count_params() == 122_570
    assert sum(p.value.size for p in both.parameters) == 122_250


@pytest.mark.parametrize(
    "make",
    [models.plain, models.dropout, models.batch_normalization, models.dropout_and_batch_normalization],
)
def test_output_is_a_probability_per_digit_and_repeats_with_the_seed(make):
    x = np.random.default_rng(1).random((3, 28, 28, 1))
    outputs = []
    for seed in (5, 5, 6):
        utils.set_random_seed(seed)
        outputs.append(make().forward(x))
    assert outputs[0].shape == (3, 10)
    np.testing.assert_allclose(outputs[0].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.allclose(outputs[0], outputs[2])


@pytest.mark.keras
def test_summary_names_and_counts_equal_keras():
    keras = pytest.importorskip("keras")
    own = models.batch_normalization()
    table = [
        keras.layers.Conv2D(32, (3, 3), activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D((2, 2)),
        keras.layers.Conv2D(64, (3, 3), activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D((2, 2)),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    theirs = keras.Sequential([keras.Input((28, 28, 1)), *table])
    assert [w.shape for w in own.get_weights()] == [w.shape for w in theirs.get_weights()]
    assert rows(own) == [(type(la).__name__, la.output.shape, la.count_params()) for la in theirs.layers]

"""Metrics against counts by hand and against Keras."""

import warnings

import numpy as np
import pytest

from tinycnn import keras as ours
from tinycnn import losses, metrics
from tinycnn.metrics import (
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanMetricWrapper,
    SparseCategoricalAccuracy,
)

P = np.array([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]])  # argmax 1, 2, 0 (tie), 1 (tie)


@pytest.mark.parametrize("labels", [[1, 1, 0, 2], [[1], [1], [0], [2]], [1.0, 1.0, 0.0, 2.0]])
def test_sparse_accuracy_counts_and_ties_go_to_the_first_class(labels):
    metric = SparseCategoricalAccuracy()
    metric.update_state(labels, P)
    assert metric.result() == 0.5


def test_categorical_accuracy_counts_and_ties_go_to_the_first_class():
    metric = CategoricalAccuracy()
    metric.update_state(np.eye(3)[[1, 1, 0, 2]], P)
    assert metric.result() == 0.5
    metric.update_state([[0.5, 0.5, 0.0]], P[2:3])  # a tie among the labels, too
    assert metric.result() == 0.6


def test_binary_accuracy_needs_more_than_the_threshold():
    p = np.array([[0.5], [0.51], [0.2], [0.9]])
    assert BinaryAccuracy()([0, 1, 0, 0], p) == 0.75
    assert BinaryAccuracy(threshold=0.1)([[0], [1], [0], [0]], p) == 0.25
    assert BinaryAccuracy()([[1, 0, 1], [0, 0, 0]], [[0.9, 0.9, 0.9], [0, 0, 0]]) == pytest.approx(5 / 6)


def test_batches_count_by_their_samples_until_reset():
    metric = SparseCategoricalAccuracy()
    assert metric.result() == 0.0
    metric.update_state([1, 2, 1], P[:3])  # two of three
    metric.update_state([0], P[3:])  # none of one
    assert metric.result() == 0.5
    metric.reset_state()
    assert metric.result() == 0.0
    assert metric([1], P[3:]) == 1.0


def test_weights_divide_by_their_sum():
    metric = SparseCategoricalAccuracy()
    metric.update_state([1, 1, 0, 2], P, sample_weight=[3, 1, 0.5, 0.5])  # right, wrong, right, wrong
    assert metric.result() == 0.7
    metric.update_state([1], P[:1], sample_weight=[[5]])
    assert metric.result() == 0.85


def test_mean():
    mean = Mean()
    assert mean.name == "mean"
    mean.update_state(4)
    mean.update_state([1, 2, 3], sample_weight=[0, 1, 1])
    assert mean.result() == 3.0
    assert mean([[3, 5], [1, 3]]) == 3.0
    assert mean([10], [5]) == pytest.approx((9 + 6 + 50) / 10)


def test_mean_of_float32_is_exact():
    mean = Mean()
    for _ in range(1000):
        mean.update_state(np.full(1000, 0.1, np.float32))
    assert mean.result() == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
@pytest.mark.parametrize(
    ("y_shape", "p_shape", "cls"),
    [
        ((4,), (None, 10), SparseCategoricalAccuracy),
        ((4, 1), (4, 10), SparseCategoricalAccuracy),
        ((4, 10), (4, 10), CategoricalAccuracy),
        ((4,), (4, 1), BinaryAccuracy),
        ((4, 1), (None, 1), BinaryAccuracy),
    ],
)
def test_accuracy_picks_its_kind_by_shapes_and_keeps_its_name(name, y_shape, p_shape, cls):
    metric = metrics.get(name, y_shape, p_shape)
    assert type(metric) is cls
    assert metric.name == name
    assert metric.direction == "up"


@pytest.mark.parametrize("cls", [SparseCategoricalAccuracy, CategoricalAccuracy, BinaryAccuracy])
def test_get_by_name_class_and_object(cls):
    assert type(metrics.get(cls, (4,), (4, 10))) is cls
    assert type(metrics.get(cls.__name__, (4,), (4, 10))) is cls
    assert metrics.get(cls.__name__, (4,), (4, 10)).name == cls.__name__
    by_name = metrics.get(cls().name, (4,), (4, 10))
    assert type(by_name) is cls
    metric = cls(name="mine")
    assert metrics.get(metric, (4,), (4, 10)) is metric


def test_losses_and_functions_as_metrics():
    y, p = np.array([[1.0], [2.0]]), np.array([[3.0], [2.0]])
    for identifier, name in (("mse", "mse"), (losses.MeanSquaredError(), "mean_squared_error")):
        metric = metrics.get(identifier, (2, 1), (2, 1))
        assert (metric.name, metric.direction) == (name, "down")
        metric.update_state(y, p)
        assert metric.result() == 2.0

    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=1)

    metric = metrics.get(largest_error, (2, 1), (2, 1))
    assert (metric.name, metric.direction) == ("largest_error", None)
    assert metric(y, p) == 1.0
    assert MeanMetricWrapper(largest_error, "worst").name == "worst"


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^metric: expected one of .*received 'acuracy'\. Did you mean 'accuracy'\?"):
        metrics.get("acuracy", (4,), (4, 10))
    with pytest.raises(TypeError, match=r"^metric: expected a name or a Metric, received 3\. Pass for example 'acc"):
        metrics.get(3, (4,), (4, 10))
    with pytest.raises(ValueError, match=r"^sparse_categorical_accuracy: expected one class number .*\(4, 3\), rec"):
        SparseCategoricalAccuracy().update_state(np.eye(3)[[1, 1, 0, 2]], P)
    with pytest.raises(ValueError, match=r"^categorical_accuracy: expected labels of .* received \(4,\)\. Use 'acc"):
        CategoricalAccuracy().update_state([1, 1, 0, 2], P)
    with pytest.raises(ValueError, match=r"^binary_accuracy: expected labels of .* received \(4,\)\. Reshape the"):
        BinaryAccuracy().update_state([1, 1, 0, 2], P)
    with pytest.raises(ValueError, match=r"^mean: expected sample_weight of shape \(2,\), received \(3,\)\. Pass on"):
        Mean().update_state([1, 2], [1, 2, 3])


# Live Keras


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def predictions(rng, n, outputs):
    """Probabilities with many ties: multiples of a quarter."""
    return rng.integers(0, 5, size=(n, outputs)).astype(np.float32) / 4


@pytest.mark.keras
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("SparseCategoricalAccuracy", {}, "sparse"),
        ("SparseCategoricalAccuracy", {}, "column"),
        ("CategoricalAccuracy", {}, "one-hot"),
        ("BinaryAccuracy", {}, "yes/no"),
        ("BinaryAccuracy", {"threshold": 0.3}, "yes/no"),
        ("BinaryAccuracy", {}, "flat"),
    ],
)
def test_batches_give_what_keras_gives(keras, name, arguments, kind, weighted):
    rng = np.random.default_rng(2)
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    assert ours.name == theirs.name
    for n in (7, 7, 3):
        p = predictions(rng, n, 1 if kind == "flat" else 4)
        y = {
            "sparse": rng.integers(0, 4, n),
            "column": rng.integers(0, 4, (n, 1)),
            "one-hot": np.eye(4)[rng.integers(0, 4, n)],
            "yes/no": rng.integers(0, 2, (n, 4)),
            "flat": rng.integers(0, 2, n),
        }[kind]
        weights = rng.uniform(0.1, 2, n) if weighted else None
        ours.update_state(y, p, weights)
        theirs.update_state(y, p, weights)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
    assert 0 < ours.result() < 1


@pytest.mark.keras
@pytest.mark.parametrize("name", ["accuracy", "acc", "mse", "categorical_accuracy", "binary_crossentropy"])
@pytest.mark.parametrize(("y_shape", "p_shape"), [((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3)), ((4,), (4, 1))])
def test_names_mean_what_they_mean_in_keras(keras, name, y_shape, p_shape):
    from keras.src.trainers.compile_utils import get_metric

    theirs = get_metric(name, np.zeros(y_shape), np.zeros(p_shape))
    ours = metrics.get(name, y_shape, p_shape)
    assert ours.name == theirs.name
    assert ours.direction == theirs._direction
    if name in ("accuracy", "acc"):
        assert type(ours).__name__ == type(theirs).__name__


# A loss as a metric


HEADS = {
    "sparse": ("SparseCategoricalCrossentropy", 3, "softmax"),
    "categorical": ("CategoricalCrossentropy", 3, "softmax"),
    "binary": ("BinaryCrossentropy", 1, "sigmoid"),
}


def loss_thrice(k, kind, separate, of_model, of_metric, weights=None):
    """What a model of Keras or ours says of one loss: as its loss, as an object, and by its name; and its warnings.

    The logits are up to 100: probabilities of 0 and 1, whose logarithms are clipped where logits are lost.
    """
    rng = np.random.default_rng(0)
    loss, units, activation = HEADS[kind]
    x = (rng.normal(size=(12, 4)) * 30).astype("float32")
    y = rng.integers(0, 3 if units == 3 else 2, (12, 1))
    y = np.eye(3)[y[:, 0]] if kind == "categorical" else y
    head = [k.layers.Dense(units), k.layers.Activation(activation)]
    model = k.models.Sequential(
        [k.layers.Input(shape=(4,)), *(head if separate else [k.layers.Dense(units, activation=activation)])]
    )
    if weights is not None:
        model.set_weights(weights)
    make = getattr(k.losses, loss)
    metric = make(from_logits=of_metric, name="object")
    model.compile(k.optimizers.SGD(0.0), make(from_logits=of_model), metrics=[metric, metrics.snake_case(loss)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = {name: values[0] for name, values in model.fit(x, y, verbose=0).history.items()}
        found = [
            history,
            model.evaluate(x, y, verbose=0, return_dict=True),
            model.train_on_batch(x, y, return_dict=True),
        ]
    return found, [str(w.message) for w in caught if "from_logits" in str(w.message)], model.get_weights()


@pytest.mark.parametrize("of_metric", [False, True])
@pytest.mark.parametrize("of_model", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("kind", HEADS)
def test_a_loss_is_one_number_as_loss_and_as_metric(kind, separate, of_model, of_metric):
    found, texts, _ = loss_thrice(ours, kind, separate, of_model, of_metric)
    for figures in found:
        assert len(figures) == 3
        assert figures["loss"] > 1
        np.testing.assert_allclose(list(figures.values()), figures["loss"], rtol=1e-6)
    loss, _, activation = HEADS[kind]
    assert len(texts) == 3 * (of_model + of_metric)  # fit, evaluate, train_on_batch
    if of_model:
        assert texts[0] == (
            f"fit: expected logits for {metrics.snake_case(loss)}, which has from_logits=True, received the outputs of "
            f"a {activation}. It is computed from what the {activation} takes in, as in Keras. Leave out "
            "from_logits=True, or the last activation."
        )


@pytest.mark.keras
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("kind", HEADS)
def test_a_loss_and_a_metric_beside_keras(keras, kind, separate, from_logits):
    expected, theirs, weights = loss_thrice(keras, kind, separate, from_logits, from_logits)
    found, own, _ = loss_thrice(ours, kind, separate, from_logits, from_logits, weights)
    assert [set(figures) for figures in found] == [set(figures) for figures in expected]
    for figures, other in zip(found, expected, strict=True):
        for name, value in figures.items():
            assert value == pytest.approx(other[name], rel=1e-5), name
    assert bool(own) == bool(theirs) == from_logits


def test_a_cross_entropy_as_the_metric_of_another_loss():
    """Predictions that are no logits, whatever from_logits says; and logits that are."""
    x, y = np.array([[0.3, -2.0, 1.0], [1.0, 0.0, 4.0]]), np.array([1, 2])
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    expected = -np.log(p[[0, 1], y]).mean()
    for activation, from_logits in (("softmax", True), ("softmax", False), (None, True)):
        model = ours.Sequential(
            [ours.Input(shape=(3,)), ours.layers.Dense(3, activation=activation, use_bias=False)], dtype="float64"
        )
        model.set_weights([np.eye(3)])
        metric = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        model.compile("sgd", OwnSquare(), metrics=[metric])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(expected, rel=1e-6)


class OwnSquare(losses.MeanSquaredError):
    """Of labels that are class numbers."""

    def per_sample(self, y_true, y_pred):
        return super().per_sample(np.eye(3)[y_true], y_pred)

    def validate(self, y_true, y_pred_shape):
        pass


@pytest.mark.keras
@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [[1.0, 2.0], [3.0, 5.0], [0.0, 1.0]]])
@pytest.mark.parametrize("weights", [None, [0.5, 0.0, 2.0]])
def test_mean_is_kerass(keras, values, weights):
    ours, theirs = Mean(), keras.metrics.Mean()
    for _ in range(2):
        assert ours(values, weights) == pytest.approx(float(theirs(values, weights)), rel=1e-6)

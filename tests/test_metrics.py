"""Metrics against counts by hand and against Keras."""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest

import tinycnn
from tinycnn import keras as ours
from tinycnn import losses, metrics
from tinycnn.metrics import (
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanMetricWrapper,
    SparseCategoricalAccuracy,
)
from tinycnn.utils import snake_case

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


# Whose predictions may not be zero
NOT_ZERO = ("KLDivergence", "Poisson", "CosineSimilarity")


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
        ("TopKCategoricalAccuracy", {"k": 2}, "one-hot"),
        ("SparseTopKCategoricalAccuracy", {"k": 3, "name": "top"}, "sparse"),
        ("SparseTopKCategoricalAccuracy", {"k": 2}, "column"),
        ("MeanSquaredError", {}, "yes/no"),
        ("RootMeanSquaredError", {}, "yes/no"),
        ("MeanAbsoluteError", {}, "yes/no"),
        ("MeanAbsolutePercentageError", {}, "positive"),
        ("MeanSquaredLogarithmicError", {}, "yes/no"),
        ("LogCoshError", {}, "yes/no"),
        ("CosineSimilarity", {}, "positive"),
        ("KLDivergence", {}, "one-hot"),
        ("Poisson", {}, "positive"),
        ("Hinge", {}, "yes/no"),
        ("SquaredHinge", {}, "yes/no"),
        ("CategoricalHinge", {}, "one-hot"),
        ("BinaryCrossentropy", {"label_smoothing": 0.2}, "yes/no"),
        ("CategoricalCrossentropy", {"from_logits": True}, "one-hot"),
        ("SparseCategoricalCrossentropy", {}, "sparse"),
        *[
            (name, arguments, kind)
            for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
            for arguments, kind in (({}, "flat"), ({"thresholds": 0.25}, "yes/no"))
        ],
        *[
            (name, arguments, "yes/no")
            for name in ("Precision", "Recall")
            for arguments in (
                {},
                {"thresholds": [0.75, 0.1]},
                {"top_k": 2},
                {"class_id": 1},
                {"top_k": 2, "class_id": 3},
            )
        ],
        ("Precision", {"thresholds": [0.0, 0.5, 1.0]}, "flat"),
        ("AUC", {}, "flat"),
        ("AUC", {"num_thresholds": 9}, "yes/no"),
        ("AUC", {"thresholds": [0.6, 0.3]}, "yes/no"),
        ("AUC", {"from_logits": True}, "flat"),
        *[
            ("AUC", {"curve": curve, "summation_method": method}, "yes/no")
            for curve in ("ROC", "PR")
            for method in ("interpolation", "minoring", "majoring")
        ],
    ],
)
def test_batches_give_what_keras_gives(keras, name, arguments, kind, weighted):
    rng = np.random.default_rng(2)
    keras.utils.clear_session(free_memory=False)  # names are numbered through the process
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    assert ours.name == theirs.name
    for n in (7, 7, 3):
        p = predictions(rng, n, 1 if kind == "flat" else 4) + np.float32(1e-3 if name in NOT_ZERO else 0)
        y = {
            "sparse": rng.integers(0, 4, n),
            "column": rng.integers(0, 4, (n, 1)),
            "one-hot": np.eye(4)[rng.integers(0, 4, n)],
            "yes/no": rng.integers(0, 2, (n, 4)),
            "flat": rng.integers(0, 2, n),
            "positive": rng.uniform(0.5, 2, (n, 4)),
        }[kind]
        weights = rng.uniform(0.1, 2, n) if weighted else None
        ours.update_state(y, p, weights)
        theirs.update_state(y, p, weights)
        assert ours.result() == pytest.approx(np.asarray(theirs.result()), rel=2e-5 if name in NOT_ZERO else 1e-6)
    assert (np.asarray(ours.result()) > 0).any()
    ours.reset_state()
    assert not np.any(ours.result())


@pytest.mark.keras
@pytest.mark.parametrize(
    "name",
    [
        *("accuracy", "acc", "mse", "categorical_accuracy", "binary_crossentropy", "mae", "AUC", "auc", "precision"),
        *("Recall", "top_k_categorical_accuracy", "root_mean_squared_error", "cosine_similarity", "KLDivergence"),
        *("TruePositives", "false_positives", "hinge", "kl_divergence", "Poisson", "MAPE", "LogCoshError"),
    ],
)
@pytest.mark.parametrize(("y_shape", "p_shape"), [((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3)), ((4,), (4, 1))])
def test_names_mean_what_they_mean_in_keras(keras, name, y_shape, p_shape):
    from keras.src.trainers.compile_utils import get_metric

    theirs = get_metric(name, np.zeros(y_shape), np.zeros(p_shape))
    ours = metrics.get(name, y_shape, p_shape)
    assert ours.name == theirs.name
    assert ours.direction == getattr(theirs, "_direction", None)
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
    model.compile(k.optimizers.SGD(0.0), make(from_logits=of_model), metrics=[metric, snake_case(loss)])
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
            f"fit: expected logits for {snake_case(loss)}, which has from_logits=True, received the outputs of "
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


# Counts of right and wrong answers


def test_counts_by_hand():
    y, p, w = [1, 1, 0, 0, 1], [0.9, 0.4, 0.6, 0.2, 0.5], [1, 2, 4, 8, 16]
    expected = {"TruePositives": 1, "FalsePositives": 4, "TrueNegatives": 8, "FalseNegatives": 18}  # 0.5 is a no
    for name, value in expected.items():
        assert getattr(metrics, name)()(y, p, w) == value
    assert metrics.Precision()(y, p, w) == 1 / 5
    assert metrics.Recall()(y, p, w) == 1 / 19
    np.testing.assert_allclose(metrics.Recall(thresholds=[0.45, 0.1])(y, p), [2 / 3, 1])
    assert metrics.Precision()([1], [0.2]) == metrics.Recall()([0], [0.9]) == 0  # nothing to divide by


def test_the_area_under_roc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(4)
    y, p = rng.integers(0, 2, 300), rng.integers(0, 40, 300) / 40
    yes, no = p[y == 1][:, None], p[y == 0]
    pairs = (yes > no).mean() + (yes == no).mean() / 2
    assert metrics.AUC(num_thresholds=1001)(y, p) == pytest.approx(pairs, abs=1e-12)


def test_metrics_of_several_places():
    rng = np.random.default_rng(4)
    y, p, w = rng.integers(0, 2, (3, 4, 5)), rng.uniform(size=(3, 4, 5)), rng.uniform(size=(3, 4))
    expected = (np.square(y - p).mean(axis=-1) * w).sum() / w.sum()
    assert metrics.MeanSquaredError()(y, p, w) == pytest.approx(expected)
    each = rng.uniform(size=y.shape)
    for weights, flat in ((None, None), (each, each.ravel()), (w[:, 0], np.repeat(w[:, 0], 20))):
        assert metrics.AUC()(y, p, weights) == pytest.approx(metrics.AUC()(y.ravel(), p.ravel(), flat))


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (lambda: metrics.Precision(1.5), "Precision: expected thresholds from 0 to 1, received 1.5. Try 0.5."),
        (lambda: metrics.AUC(1), "AUC: expected num_thresholds >= 2, received 1. Keras's is 200."),
        (lambda: metrics.AUC(curve="R"), "AUC curve: expected one of PR, ROC, received 'R'. "),
        (
            lambda: metrics.Recall()([0, 2, 1], np.eye(3)),
            "recall: expected labels of the predictions' shape (3, 3), received (3,). Reshape the labels; class "
            "numbers become rows by to_categorical.",
        ),
        (
            lambda: metrics.Recall()([0, 1], [0.5, 0.5], [1, 2, 3]),
            "recall: expected sample_weight of shape (2,), received (3,). Pass one number for each sample.",
        ),
        (
            lambda: metrics.Recall(class_id=3)(np.eye(3), np.eye(3)),
            "recall: expected predictions with a column class_id=3, received (3, 3). Number the classes from 0.",
        ),
        (
            lambda: metrics.TopKCategoricalAccuracy()([1, 2], np.eye(2)),
            "top_k_categorical_accuracy: expected labels of the predictions' shape (2, 2), received (2,). For class "
            "numbers use sparse_top_k_categorical_accuracy.",
        ),
        (
            lambda: metrics.SparseTopKCategoricalAccuracy()(np.eye(2), np.eye(2)),
            "sparse_top_k_categorical_accuracy: expected one class number for each of the predictions (2, 2), received "
            "labels of shape (2, 2). For one-hot rows use top_k_categorical_accuracy.",
        ),
    ],
)
def test_bad_arguments_of_counting_metrics(attempt, text):
    with pytest.raises(ValueError, match=re.escape(text)) as error:
        attempt()
    assert str(error.value).startswith(text)


def binary_model(k, given):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(1, activation="sigmoid")])
    model.compile(k.optimizers.SGD(0.1), "binary_crossentropy", metrics=given(k), weighted_metrics=["mae"])
    return model


GIVEN = {
    "names": lambda k: ["AUC", "precision", "Recall", "mae", "mean_squared_error", "accuracy"],
    "objects": lambda k: [
        k.metrics.AUC(),
        k.metrics.Precision(),
        k.metrics.Recall(name="r"),
        k.metrics.FalsePositives(),
    ],
    "counts": lambda k: [k.metrics.FalsePositives(), k.metrics.TrueNegatives(0.25), "true_positives"],
    "two of a kind": lambda k: [k.metrics.Precision(0.25), k.metrics.Precision(0.75)],
    "functions": lambda k: [k.metrics.mean_squared_error, k.metrics.binary_accuracy, k.losses.binary_crossentropy],
    "losses": lambda k: [k.losses.Huber(), k.metrics.RootMeanSquaredError()],
}


@pytest.mark.keras
@pytest.mark.parametrize("kind", GIVEN)
def test_figures_of_training_are_kerass(keras, kind, tmp_path):
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(size=(40, 4)), rng.integers(0, 2, (40, 1)), rng.uniform(size=40)
    keras.utils.clear_session(free_memory=False)
    mine, theirs = (binary_model(k, GIVEN[kind]) for k in (ours, keras))
    mine.set_weights(theirs.get_weights())
    own, their = (
        model.fit(
            x, y, sample_weight=w, validation_split=0.25, epochs=2, shuffle=False, batch_size=10, verbose=0
        ).history
        for model in (mine, theirs)
    )
    assert set(own) == set(their)
    for name, values in own.items():
        np.testing.assert_allclose(values, their[name], rtol=1e-4, err_msg=name)
    expected = mine.evaluate(x, y, sample_weight=w, batch_size=20, verbose=0, return_dict=True)
    mine.save(tmp_path / "m.keras")
    theirs.save(tmp_path / "t.keras")
    for other in (tinycnn.load_model(tmp_path / "m.keras"), tinycnn.load_model(tmp_path / "t.keras")):
        found = other.evaluate(x, y, sample_weight=w, batch_size=20, verbose=0, return_dict=True)
        assert found.keys() == expected.keys()
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-4)
    again = keras.models.load_model(tmp_path / "m.keras").evaluate(
        x, y, sample_weight=w, batch_size=20, verbose=0, return_dict=True
    )
    np.testing.assert_allclose([again[name] for name in expected], list(expected.values()), rtol=1e-4)


def test_a_metric_of_several_numbers_is_refused_in_training():
    model = binary_model(ours, lambda k: [k.metrics.Precision([0.25, 0.75])])
    text = (
        "precision: expected a metric of one number in compile, received one of 2. Use one metric for each threshold."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        model.train_on_batch(np.ones((2, 4)), [[0], [1]])


def test_models_with_all_metrics_can_be_copied():
    kinds = [cls for cls in metrics.names._CLASSES if "Categorical" not in cls.__name__]
    model = binary_model(ours, lambda k: [cls() for cls in kinds])
    x, y = np.random.default_rng(0).normal(size=(8, 4)), np.arange(8)[:, None] % 2
    expected = model.evaluate(x, y, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.evaluate(x, y, verbose=0) == expected


def test_areas_by_hand():
    """Two thresholds inside, 0.3 and 0.6: 4, 2 and 1 answers yes, of which 2, 2 and 1 are right."""
    y, p = [1, 1, 0, 0], [0.9, 0.5, 0.1, 0.2]
    figures = {}
    for curve in ("ROC", "PR"):
        for method in ("interpolation", "minoring", "majoring"):
            figures[curve, method] = metrics.AUC(curve=curve, summation_method=method, thresholds=[0.6, 0.3])(y, p)
    # ROC: (1, 1), (0, 1), (0, 0.5), (0, 0); PR: recall 1, 1, 0.5, 0 with precision 0.5, 1, 1, 0
    assert figures["ROC", "interpolation"] == figures["ROC", "minoring"] == figures["ROC", "majoring"] == 1
    assert [figures["PR", it] for it in ("minoring", "majoring")] == pytest.approx([0.5, 1])
    assert figures["PR", "interpolation"] == pytest.approx(1)
    # one yes wrong, then one right below it: tp = p - 1 between p = 1 and 2, so 1 - log 2
    area = metrics.AUC(curve="PR", thresholds=[0.6, 0.3])([0, 1], [0.9, 0.5])
    assert area == pytest.approx(1 - np.log(2))
    assert metrics.AUC(thresholds=[0.5], from_logits=True)([1, 0], [0.1, -0.1]) == 1


def test_precision_of_the_best_classes_and_of_one():
    y, p = np.eye(3)[[0, 1]], [[0.5, 0.3, 0.2], [0.1, 0.4, 0.5]]
    assert metrics.Precision(top_k=1)(y, p) == 0.5
    assert metrics.Recall(top_k=2)(y, p) == 1
    assert metrics.Precision(0.25, class_id=1)(y, p) == 0.5
    assert metrics.Precision(0.35, class_id=1)(y, p) == 1


def test_top_k_by_hand():
    p = [[0.5, 0.3, 0.2], [0.1, 0.4, 0.5], [0.4, 0.4, 0.2]]
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy([1, 0, 1], p, k=2), [True, False, True])
    np.testing.assert_array_equal(
        metrics.top_k_categorical_accuracy(np.eye(3)[[0, 1, 2]], p, k=1), [True, False, False]
    )
    assert metrics.SparseTopKCategoricalAccuracy(k=2)([1, 0, 1], p) == pytest.approx(2 / 3)


def test_the_cosine_and_the_root_by_hand():
    assert metrics.CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]]) == pytest.approx(24 / 25)
    assert metrics.RootMeanSquaredError()([[1.0], [5.0]], [[4.0], [1.0]]) == pytest.approx(np.sqrt(12.5))
    assert metrics.Accuracy()([1, 2, 3], [1, 0, 3]) == pytest.approx(2 / 3)

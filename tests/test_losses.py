"""Losses against sums written out as loops, against differences in float64, and against Keras."""

import copy
import inspect
import math
import re

import numpy as np
import pytest
from tolerances import PARITY, assert_close

from tinycnn import Sequential, losses
from tinycnn.gradient_check import check_model
from tinycnn.layers import Dense, Input
from tinycnn.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

EPSILON = 1e-7


def one_hot(labels, classes):
    return np.array([[float(k == label) for k in range(classes)] for label in labels])


def softmax_rows(rng, n, classes):
    e = np.exp(rng.normal(size=(n, classes)))
    return e / e.sum(axis=1, keepdims=True)


# Oracles: one sample, plain Python


def clip(p):
    return min(max(p, EPSILON), 1 - EPSILON)


def sparse_oracle(label, p):
    q = [clip(value) for value in p]
    return -math.log(q[int(label)] / sum(q))


def sparse_logits_oracle(label, z):
    return math.log(sum(math.exp(value) for value in z)) - z[int(label)]


def categorical_oracle(t, p):
    return -sum(tk * math.log(clip(pk / sum(p))) for tk, pk in zip(t, p, strict=True))


def categorical_logits_oracle(t, z):
    total = sum(math.exp(value) for value in z)
    return -sum(tk * math.log(math.exp(zk) / total) for tk, zk in zip(t, z, strict=True))


def binary_oracle(t, p):
    terms = [tk * math.log(clip(pk)) + (1 - tk) * math.log(1 - clip(pk)) for tk, pk in zip(t, p, strict=True)]
    return -sum(terms) / len(terms)


def binary_logits_oracle(t, z):
    return binary_oracle(t, [1 / (1 + math.exp(-value)) for value in z])


def mse_oracle(y, p):
    return sum((yk - pk) ** 2 for yk, pk in zip(y, p, strict=True)) / len(y)


def mae_oracle(y, p):
    return sum(abs(yk - pk) for yk, pk in zip(y, p, strict=True)) / len(y)


def mape_oracle(y, p):
    return 100 * sum(abs(yk - pk) / abs(yk) for yk, pk in zip(y, p, strict=True)) / len(y)


def msle_oracle(y, p):
    return sum(math.log((1 + pk) / (1 + yk)) ** 2 for yk, pk in zip(y, p, strict=True)) / len(y)


def cosine_oracle(y, p):
    product = sum(yk * pk for yk, pk in zip(y, p, strict=True))
    return -product / math.sqrt(sum(yk * yk for yk in y) * sum(pk * pk for pk in p))


def huber_oracle(y, p, delta=0.75):
    terms = [abs(yk - pk) for yk, pk in zip(y, p, strict=True)]
    return sum(e * e / 2 if e <= delta else delta * (e - delta / 2) for e in terms) / len(terms)


def log_cosh_oracle(y, p):
    return sum(math.log(math.cosh(yk - pk)) for yk, pk in zip(y, p, strict=True)) / len(y)


def kl_oracle(t, p):
    return sum(tk * math.log(tk / pk) for tk, pk in zip(t, p, strict=True))


def poisson_oracle(y, p):
    return sum(pk - yk * math.log(pk + EPSILON) for yk, pk in zip(y, p, strict=True)) / len(y)


def hinge_oracle(y, p):
    return sum(max(1 - (2 * yk - 1) * pk, 0) for yk, pk in zip(y, p, strict=True)) / len(y)


def squared_hinge_oracle(y, p):
    return sum(max(1 - yk * pk, 0) ** 2 for yk, pk in zip(y, p, strict=True)) / len(y)


def categorical_hinge_oracle(y, p):
    own = sum(yk * pk for yk, pk in zip(y, p, strict=True))
    return max(0, 1 - own + max((1 - yk) * pk for yk, pk in zip(y, p, strict=True)))


def cases():
    """Name, loss, labels, predictions (float64), oracle."""
    rng = np.random.default_rng(7)
    labels = np.array([3, 0, 4, 1, 1, 2])
    hot = one_hot(labels, 5)
    soft = softmax_rows(rng, 6, 5)
    yes = rng.integers(0, 2, size=(6, 3)).astype(float)
    p, z = softmax_rows(rng, 6, 5), 3 * rng.normal(size=(6, 5))
    unnormalised = rng.uniform(0.05, 0.95, size=(6, 5))
    sigmoid = rng.uniform(0.02, 0.98, size=(6, 3))
    z3 = 3 * rng.normal(size=(6, 3))

    def smooth(y):
        return y * 0.8 + 0.2 / y.shape[1]

    def smooth_binary(y):
        return y * 0.8 + 0.1

    return [
        ("sparse", SparseCategoricalCrossentropy(), labels, p, sparse_oracle),
        ("sparse, not normalised", SparseCategoricalCrossentropy(), labels, unnormalised, sparse_oracle),
        ("sparse logits", SparseCategoricalCrossentropy(True), labels, z, sparse_logits_oracle),
        ("categorical", CategoricalCrossentropy(), hot, p, categorical_oracle),
        ("categorical, soft labels", CategoricalCrossentropy(), soft, unnormalised, categorical_oracle),
        (
            "categorical, smoothed",
            CategoricalCrossentropy(label_smoothing=0.2),
            hot,
            p,
            lambda t, q: categorical_oracle(smooth(t[None])[0], q),
        ),
        ("categorical logits", CategoricalCrossentropy(True), soft, z, categorical_logits_oracle),
        (
            "categorical logits, smoothed",
            CategoricalCrossentropy(True, 0.2),
            hot,
            z,
            lambda t, q: categorical_logits_oracle(smooth(t[None])[0], q),
        ),
        ("binary", BinaryCrossentropy(), yes, sigmoid, binary_oracle),
        (
            "binary, smoothed",
            BinaryCrossentropy(label_smoothing=0.2),
            yes,
            sigmoid,
            lambda t, q: binary_oracle(smooth_binary(t), q),
        ),
        ("binary logits", BinaryCrossentropy(True), yes, z3, binary_logits_oracle),
        (
            "binary logits, smoothed",
            BinaryCrossentropy(True, 0.2),
            yes,
            z3,
            lambda t, q: binary_logits_oracle(smooth_binary(t), q),
        ),
        ("mse", MeanSquaredError(), 3 * rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), mse_oracle),
        ("mae", losses.MeanAbsoluteError(), 3 * rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), mae_oracle),
        ("mape", losses.MeanAbsolutePercentageError(), z, rng.normal(size=(6, 5)), mape_oracle),
        ("msle", losses.MeanSquaredLogarithmicError(), unnormalised, 3 * sigmoid[:, [0, 1, 2, 1, 0]], msle_oracle),
        ("cosine", losses.CosineSimilarity(), z, rng.normal(size=(6, 5)), cosine_oracle),
        ("huber", losses.Huber(0.75), rng.normal(size=(6, 5)), rng.normal(size=(6, 5)), huber_oracle),
        ("log cosh", losses.LogCosh(), z, rng.normal(size=(6, 5)), log_cosh_oracle),
        ("kl", losses.KLDivergence(), soft, p, kl_oracle),
        ("poisson", losses.Poisson(), rng.poisson(2, size=(6, 3)).astype(float), 3 * sigmoid, poisson_oracle),
        ("hinge", losses.Hinge(), yes, z3, hinge_oracle),
        ("squared hinge", losses.SquaredHinge(), 2 * yes - 1, z3 / 2, squared_hinge_oracle),
        ("categorical hinge", losses.CategoricalHinge(), hot, rng.normal(size=(6, 5)), categorical_hinge_oracle),
    ]


CASES = pytest.mark.parametrize(
    ("loss", "y", "p", "oracle"), [case[1:] for case in cases()], ids=[case[0] for case in cases()]
)


@CASES
def test_per_sample_is_the_oracle(loss, y, p, oracle):
    expected = [oracle(yi, list(pi)) for yi, pi in zip(y, p, strict=True)]
    np.testing.assert_allclose(loss.per_sample(y, p), expected, rtol=1e-12)


@CASES
@pytest.mark.parametrize("weighted", [False, True])
def test_backward_is_the_difference_quotient_of_forward(loss, y, p, oracle, weighted):
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.1, 3, size=len(p)) if weighted else None
    gradient = loss.backward(y, p, weights)
    step = 1e-6
    for index in np.ndindex(p.shape):
        shifted = np.zeros_like(p)
        shifted[index] = step
        up, down = loss.forward(y, p + shifted, weights), loss.forward(y, p - shifted, weights)
        assert gradient[index] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-9)


@CASES
def test_forward_weighs_and_divides_by_the_number_of_samples(loss, y, p, oracle):
    weights = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25])
    expected = sum(w * oracle(yi, list(pi)) for w, yi, pi in zip(weights, y, p, strict=True)) / 6
    assert loss.forward(y, p, weights) == pytest.approx(expected, rel=1e-12)
    assert loss.forward(y, p, weights[:, np.newaxis]) == pytest.approx(expected, rel=1e-12)
    assert loss(y, p, weights) == loss.forward(y, p, weights)
    assert isinstance(loss.forward(y, p), float)


@CASES
def test_arrays_keep_their_dtype_and_their_values(loss, y, p, oracle):
    p = p.astype(np.float32)
    y_before, p_before = y.copy(), p.copy()
    y.flags.writeable = p.flags.writeable = False
    weights = np.linspace(0.5, 1.5, len(p))
    for gradient in (loss.backward(y, p), loss.backward(y, p, weights)):
        assert gradient.dtype == np.float32
        assert gradient.shape == p.shape
    assert loss.per_sample(y, p).dtype == np.float32
    np.testing.assert_array_equal(y, y_before)
    np.testing.assert_array_equal(p, p_before)
    y.flags.writeable = True


def test_mean_is_taken_in_float64():
    # One large loss and many small ones: a float32 sum would lose the small ones.
    p = np.full((100_001, 1), 0.01, np.float32)
    p[0] = 1e4
    expected = (1e8 + 100_000 * float(np.float32(np.float32(0.01) ** 2))) / 100_001
    assert MeanSquaredError().forward(np.zeros((100_001, 1)), p) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_sparse_labels_of_any_type_and_shape(dtype, shape):
    loss = SparseCategoricalCrossentropy()
    p = softmax_rows(np.random.default_rng(0), 4, 3)
    labels = np.array([2, 0, 1, 1])
    assert loss(labels.astype(dtype).reshape(shape), p) == loss(labels, p)
    np.testing.assert_array_equal(loss.backward(labels.astype(dtype).reshape(shape), p), loss.backward(labels, p))


@pytest.mark.parametrize("loss", [BinaryCrossentropy(), BinaryCrossentropy(True), MeanSquaredError()])
def test_labels_without_the_last_axis(loss):
    p = np.random.default_rng(0).uniform(0.1, 0.9, size=(5, 1))
    y = np.array([0.0, 1, 1, 0, 1])
    assert loss(y, p) == loss(y[:, np.newaxis], p)
    np.testing.assert_array_equal(loss.backward(y, p), loss.backward(y[:, np.newaxis], p))
    assert loss.backward(y, p).shape == (5, 1)


@pytest.mark.parametrize("loss", [BinaryCrossentropy(), MeanSquaredError()])
def test_predictions_of_rank_four_are_averaged_over_all_outputs(loss):
    rng = np.random.default_rng(0)
    p, y = rng.uniform(0.1, 0.9, size=(3, 4, 2, 2)), rng.uniform(size=(3, 4, 2, 2))
    assert loss(y, p) == pytest.approx(loss(y.reshape(3, 16), p.reshape(3, 16)), rel=1e-14)
    np.testing.assert_allclose(
        loss.backward(y, p).reshape(3, 16), loss.backward(y.reshape(3, 16), p.reshape(3, 16)), rtol=1e-14
    )


def test_integer_predictions_become_float32():
    loss = MeanSquaredError()
    assert loss([[1.0, 0.0]], [[3, 1]]) == 2.5
    assert loss.backward([[1.0, 0.0]], [[3, 1]]).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_stay_finite(dtype):
    z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype)
    sparse, hot = SparseCategoricalCrossentropy(True), CategoricalCrossentropy(True)
    for loss, y in ((sparse, [0, 0]), (hot, one_hot([0, 0], 3))):
        np.testing.assert_allclose(loss.per_sample(y, z), [0, 2e4])
        np.testing.assert_allclose(loss.gradient(y, z), [[0, 0, 0], [-1, 1, 0]])
    binary = BinaryCrossentropy(True)
    y = np.array([[1, 0, 1], [1, 1, 0]])
    np.testing.assert_allclose(binary.per_sample(y, z), [math.log(2) / 3, (1e4 + math.log(2)) / 3], rtol=1e-6)
    np.testing.assert_allclose(binary.gradient(y, z), [[0, 0, -0.5 / 3], [-1 / 3, 0, 0.5 / 3]], rtol=1e-6)


def test_gradient_passes_at_the_limits_of_clipping_and_not_beyond():
    p = np.array([[0.0, 0.5e-7, 1e-7, 1 - 1e-7, 1 - 0.5e-7, 1.0]])
    binary = BinaryCrossentropy().gradient(np.zeros((1, 6)), p) * 6
    np.testing.assert_allclose(binary, [[0, 0, 1 / (1 - 1e-7), 1 / (1 - (1 - 1e-7)), 0, 0]], rtol=1e-12)
    q = np.array([1e-7, 1e-7, 1e-7, 1 - 1e-7, 1 - 1e-7, 1 - 1e-7])
    for label, own in ((2, 1 / q[2]), (3, 1 / q[3]), (0, 0)):
        expected = np.array([0, 0, 1, 1, 0, 0]) / q.sum()
        expected[label] -= own
        np.testing.assert_allclose(SparseCategoricalCrossentropy().gradient([label], p), [expected], rtol=1e-12)
    # Divided by their sum, probabilities of 1/2 and more than 10⁷ to 1: only the first two are not clipped.
    p = np.array([[2.0, 2.0, 1e-8]])
    gradient = CategoricalCrossentropy().gradient([[0.5, 0.25, 0.25]], p)
    r = p[0] / p.sum()
    g = np.array([-0.5 / r[0], -0.25 / r[1], 0])
    np.testing.assert_allclose(gradient, [(g - (g * r).sum()) / p.sum()], rtol=1e-12)


def test_a_confident_wrong_answer_costs_less_from_probabilities():
    z = np.array([[0.0, 50.0]])
    p = np.exp(z - 50) / np.exp(z - 50).sum()
    assert SparseCategoricalCrossentropy(True)([0], z) == pytest.approx(50.0)
    assert SparseCategoricalCrossentropy()([0], p) == pytest.approx(-math.log(1e-7), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        (SparseCategoricalCrossentropy(), "softmax"),
        (CategoricalCrossentropy(label_smoothing=0.25), "softmax"),
        (BinaryCrossentropy(label_smoothing=0.25), "sigmoid"),
    ],
)
def test_with_logits_is_a_copy(loss, activation):
    other = loss.with_logits()
    assert other is not loss
    assert type(other) is type(loss)
    assert (loss.from_logits, other.from_logits) == (False, True)
    assert other.name == loss.name
    assert getattr(other, "label_smoothing", None) == getattr(loss, "label_smoothing", None)
    assert loss.logits_activation == activation


def test_mse_has_no_logits():
    assert MeanSquaredError().logits_activation is None
    with pytest.raises(RuntimeError, match=r"^mean_squared_error: expected a cross-entropy.*Use it as it is\.$"):
        MeanSquaredError().with_logits()


@pytest.mark.parametrize(
    ("names", "cls"),
    [
        (["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"], SparseCategoricalCrossentropy),
        (["categorical_crossentropy", "CategoricalCrossentropy"], CategoricalCrossentropy),
        (["binary_crossentropy", "BinaryCrossentropy", "bce"], BinaryCrossentropy),
        (["mean_squared_error", "MeanSquaredError", "mse", "MSE"], MeanSquaredError),
        (["mean_absolute_error", "MeanAbsoluteError", "mae", "MAE"], losses.MeanAbsoluteError),
        (["mape", "MAPE"], losses.MeanAbsolutePercentageError),
        (["msle", "MSLE"], losses.MeanSquaredLogarithmicError),
        (["kl_divergence", "kld", "KLD"], losses.KLDivergence),
        (["huber", "Huber"], losses.Huber),
        (["cosine_similarity"], losses.CosineSimilarity),
        (["log_cosh"], losses.LogCosh),
        (["poisson"], losses.Poisson),
        (["hinge"], losses.Hinge),
        (["squared_hinge"], losses.SquaredHinge),
        (["categorical_hinge"], losses.CategoricalHinge),
    ],
)
def test_get(names, cls):
    for name in names:
        assert type(losses.get(name)) is cls
    assert type(losses.get(cls)) is cls
    loss = cls(name="mine")
    assert losses.get(loss) is loss
    assert repr(loss).startswith(cls.__name__)


def test_get_unknown():
    with pytest.raises(ValueError, match=r"received 'categorical_crossentropi'. Did you mean 'categorical_cross"):
        losses.get("categorical_crossentropi")
    text = (
        r"^loss: expected a loss with its gradient, received <function .*>\. Write a subclass of losses\.Loss with two "
    )
    with pytest.raises(TypeError, match=text + r"methods: per_sample.* its derivative with respect to y_pred\.$"):
        losses.get(lambda y, p: 0)
    for wrong in (None, 3):
        with pytest.raises(TypeError, match=r"^loss: expected a name or a Loss, received .* with its gradient\.$"):
            losses.get(wrong)


# Reductions, weights of places, ignored labels, functions


@CASES
@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_with_sample_weight", "none", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_reductions(loss, y, p, oracle, reduction, weighted):
    weights = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 0.25]) if weighted else None
    terms = [
        w * oracle(yi, list(pi)) for w, yi, pi in zip(np.ones(6) if weights is None else weights, y, p, strict=True)
    ]
    divisor = {"sum": 1, "mean": 6, "mean_with_sample_weight": 6.75 if weighted else 6}.get(reduction)
    of_sum = loss.backward(y, p, weights) * 6
    loss = copy.copy(loss)
    loss.reduction = reduction
    if divisor is None:
        np.testing.assert_allclose(loss(y, p, weights), terms, rtol=1e-12)
        assert loss.forward(y, p, weights) == pytest.approx(sum(terms) / 6)  # as training shows it
        divisor = 1
    else:
        assert loss(y, p, weights) == pytest.approx(sum(terms) / divisor, rel=1e-12)
    np.testing.assert_allclose(loss.backward(y, p, weights), of_sum / divisor, rtol=1e-12)


@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "categorical_crossentropy", "mae", "hinge"])
def test_a_loss_at_each_place_of_an_image(name):
    rng = np.random.default_rng(5)
    loss, p = losses.get(name), rng.uniform(0.05, 0.95, size=(2, 3, 4, 5))
    labels = rng.integers(0, 5, size=(2, 3, 4))
    y = labels if name.startswith("sparse") else np.eye(5)[labels]
    flat_y, flat_p = y.reshape(24, *y.shape[3:]), p.reshape(24, 5)
    np.testing.assert_array_equal(loss.per_sample(y, p).ravel(), loss.per_sample(flat_y, flat_p))
    weights = rng.uniform(size=(2, 3, 4))
    for given, each in ((None, None), (weights, weights.ravel()), (weights[:, 0, 0], np.repeat(weights[:, 0, 0], 12))):
        assert loss(y, p, given) == pytest.approx(loss(flat_y, flat_p, each), rel=1e-12)
        np.testing.assert_allclose(loss.backward(y, p, given).reshape(24, 5), loss.backward(flat_y, flat_p, each))
    assert loss(y, p, weights[..., np.newaxis]) == loss(y, p, weights)
    with pytest.raises(
        ValueError, match=r"received \(2, 3\)\. Pass one number for each sample, or of shape \(2, 3, 4\)"
    ):
        loss(y, p, weights[:, :, 0])


@pytest.mark.parametrize("from_logits", [False, True])
def test_ignored_labels_count_nowhere(from_logits):
    rng = np.random.default_rng(5)
    p, labels = softmax_rows(rng, 8, 4), np.array([0, 255, 3, 1, 255, 2, 2, 0])
    kept, weights = labels != 255, rng.uniform(size=8)
    plain = SparseCategoricalCrossentropy(from_logits)
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
        loss = SparseCategoricalCrossentropy(from_logits, 255, reduction=reduction)
        plain.reduction = reduction
        for w in (None, weights):
            own = None if w is None else w[kept]
            assert loss(labels, p, w) == pytest.approx(plain(labels[kept], p[kept], own), rel=1e-12)
            gradient = loss.backward(labels, p, w)
            np.testing.assert_allclose(gradient[kept], plain.backward(labels[kept], p[kept], own), rtol=1e-12)
            assert not gradient[~kept].any()
    assert not loss.per_sample(labels, p)[~kept].any()
    assert loss(np.full(8, 255), p) == 0
    with pytest.raises(ValueError, match="labels from 0 to 3, received labels from 0 to 9"):
        loss(np.where(kept, labels, 9), p)


@CASES
def test_functions_are_the_losses_of_samples(loss, y, p, oracle):
    function = next(function for function, cls in losses._FUNCTIONS.items() if cls is type(loss))
    arguments = {name: getattr(loss, name) for name in inspect.signature(function).parameters if hasattr(loss, name)}
    np.testing.assert_array_equal(function(y, p, **arguments), loss.per_sample(y, p))
    assert function(y[0], p[0], **arguments) == pytest.approx(oracle(y[0], p[0]))
    assert type(losses.get(function)) is type(loss)
    if not function.__name__.startswith("sparse"):
        with pytest.raises(ValueError, match="expected "):
            function(y[:, :2], p)


HOT = np.eye(10)[[1, 2, 3]]

BAD_LABELS = [
    (
        "sparse_categorical_crossentropy",
        HOT,
        (3, 10),
        "one-hot labels of shape (3, 10). Use loss='categorical_cro",
    ),
    (
        "sparse_categorical_crossentropy",
        np.zeros((3, 2, 1)),
        (3, 10),
        "(n,) or (n, 1), received (3, 2, 1). Pass",
    ),
    (
        "sparse_categorical_crossentropy",
        np.zeros((3, 4)),
        (3, 10),
        "(n,) or (n, 1), received (3, 4). Pass one",
    ),
    ("sparse_categorical_crossentropy", 3, (1, 10), "(n,) or (n, 1), received (). Pass one label"),
    (
        "sparse_categorical_crossentropy",
        [1, 10],
        (2, 10),
        "labels from 0 to 9, received labels from 1 to 10. Num",
    ),
    (
        "sparse_categorical_crossentropy",
        [-1, 3],
        (2, 10),
        "labels from 0 to 9, received labels from -1 to 3. Num",
    ),
    (
        "sparse_categorical_crossentropy",
        [0, 1],
        (2, 1),
        "(one unit for two classes: loss='binary_crossentropy')",
    ),
    (
        "sparse_categorical_crossentropy",
        [0.5, 1],
        (2, 10),
        "received float64 with fractions. Pass class numbers",
    ),
    (
        "sparse_categorical_crossentropy",
        [np.nan, 1],
        (2, 10),
        "expected finite labels, received NaN or infinity. R",
    ),
    (
        "sparse_categorical_crossentropy",
        [1, 2, 3],
        (2, 10),
        "labels for 2 predictions, received labels of shape (3",
    ),
    (
        "sparse_categorical_crossentropy",
        [1, 2],
        (2, 4, 10),
        "(batch, classes), received (2, 4, 10). Let the model",
    ),
    (
        "categorical_crossentropy",
        [1, 2],
        (2, 10),
        "class numbers of shape (2,). Use loss='sparse_categorical_cross",
    ),
    (
        "categorical_crossentropy",
        [[1], [2]],
        (2, 10),
        "shape (2, 1). Use loss='sparse_categorical_crossentropy', o",
    ),
    ("categorical_crossentropy", [1, 2], (None, 10), "or pass to_categorical(y, 10)."),
    (
        "categorical_crossentropy",
        HOT[:, :9],
        (3, 10),
        "of shape (n, 10), received (3, 9). Pass to_categorical(y, 1",
    ),
    (
        "categorical_crossentropy",
        HOT,
        (4, 10),
        "labels for 4 predictions, received labels of shape (3, 10). Pass",
    ),
    (
        "categorical_crossentropy",
        2 * HOT,
        (3, 10),
        "received rows that sum to 2 … 2 and a smallest value of 0. Make",
    ),
    (
        "categorical_crossentropy",
        [[1.5, -0.5]],
        (1, 2),
        "a smallest value of -0.5. Make them with to_categorical",
    ),
    (
        "categorical_crossentropy",
        [[1, 1]],
        (1, 2),
        "where a sample has several labels, use loss='binary_crossentro",
    ),
    (
        "categorical_crossentropy",
        [[np.inf, 1]],
        (1, 2),
        "expected finite labels, received NaN or infinity. Remove",
    ),
    (
        "categorical_crossentropy",
        HOT,
        (3, 2, 10),
        "(batch, classes), received (3, 2, 10). Let the model end in",
    ),
    (
        "binary_crossentropy",
        [[0, 1, 2]],
        (1, 3),
        "labels from 0 to 1, received labels from 0 to 2. Use 0 for no",
    ),
    (
        "binary_crossentropy",
        [-1, 1],
        (2, 1),
        "labels from 0 to 1, received labels from -1 to 1. Use 0 for no",
    ),
    (
        "binary_crossentropy",
        [[0, 1]],
        (1, 3),
        "predictions' shape (batch, 3), received (1, 2). Reshape the labels",
    ),
    ("binary_crossentropy", [0, np.nan], (2, 1), "expected finite labels, received NaN or infinity. Remove"),
    (
        "mean_squared_error",
        [[0.0], [1.0]],
        (2, 3),
        "predictions' shape (batch, 3), received (2, 1). Reshape the l",
    ),
    (
        "mean_squared_error",
        [0.0, 1.0],
        (2, 3),
        "predictions' shape (batch, 3), received (2,). Reshape the labels",
    ),
    (
        "mean_squared_error",
        [0.0, 1.0],
        (3, 1),
        "labels for 3 predictions, received labels of shape (2,). Pass as",
    ),
    (
        "mean_squared_error",
        [0.0, -np.inf],
        (2, 1),
        "expected finite labels, received NaN or infinity. Remove",
    ),
]


@pytest.mark.parametrize(("name", "y", "shape", "text"), BAD_LABELS)
def test_bad_labels(name, y, shape, text):
    loss = losses.get(name)
    with pytest.raises(ValueError, match=re.escape(text)) as error:
        loss.validate(y, shape)
    assert str(error.value).startswith(f"{name}: expected ")
    if None not in shape:
        with pytest.raises(ValueError, match=re.escape(text)):
            loss(y, np.full(shape, 0.5))


@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "binary_crossentropy", "mse"])
def test_labels_that_are_no_numbers(name):
    with pytest.raises(TypeError, match=r"expected numbers as labels, received dtype <U3\. Number the classes"):
        losses.get(name).validate(["cat", "dog"], (2, 1))


def test_unknown_batch_size_is_not_compared():
    SparseCategoricalCrossentropy().validate([1, 2, 3], (None, 10))
    with pytest.raises(ValueError, match="labels for 4 predictions"):
        SparseCategoricalCrossentropy().validate([1, 2, 3], (4, 10))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^categorical_crossentropy: expected 0 <= label_smoothing <= 1, received 2"):
        CategoricalCrossentropy(label_smoothing=2)
    with pytest.raises(TypeError, match=r"^binary_crossentropy: expected label_smoothing to be a number, received 'a'"):
        BinaryCrossentropy(label_smoothing="a")
    with pytest.raises(ValueError, match=r"expected reduction to be one of .*, received 'total'\. Leave the argument"):
        MeanSquaredError(reduction="total")
    with pytest.raises(ValueError, match=r"^huber_loss: expected delta >= 0, received -1\. Pass for example 0\.1\.$"):
        losses.Huber(-1)
    with pytest.raises(ValueError, match=r"^sparse_categorical_crossentropy: expected axis=-1, received 1\. Move that"):
        SparseCategoricalCrossentropy(axis=1)
    for axis in (0, 1.0, None):
        text = f"expected axis to be a whole number other than 0, the batch axis, received {axis}. Use -1 for the last"
        with pytest.raises(ValueError, match=f"^cosine_similarity: {re.escape(text)}"):
            losses.CosineSimilarity(axis=axis)
    for make in (CategoricalCrossentropy, BinaryCrossentropy, losses.CosineSimilarity):
        for axis in (2, -2):
            with pytest.raises(ValueError, match=rf"expected an axis of predictions of .*\(2, 2\), .*axis={axis}\. "):
                make(axis=axis)(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match=r"expected sample_weight of shape \(2,\), received \(3,\)\. Pass one number"):
        MeanSquaredError()([0.0, 1], [[0.0], [1.0]], [1, 2, 3])


# Live Keras


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    return tensorflow


EXTREME = np.array(
    [
        [1e-7, 1 - 1e-7, 0.3, 0.2, 0.1],  # on the limits of clipping: the gradient still passes
        [0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [1e-8, 0.5, 0.5, 0, 0],
        [0.2, 0.3, 0.9, 0.9, 0.9],  # sums to more than 1
        [1e-3, 1e-5, 1e-6, 2e-7, 5e-8],
        [np.float32(1) - np.finfo(np.float32).epsneg, 6e-8, 0, 1e-30, 1e-38],
    ]
)


def keras_cases():
    """Name, our loss, Keras's class, its arguments, labels, predictions."""
    rng = np.random.default_rng(11)
    n = 40
    labels = rng.integers(0, 5, n)
    p, z = softmax_rows(rng, n, 5), 4 * rng.normal(size=(n, 5))
    far = rng.choice([-1e4, -100, -20, 0, 20, 100, 1e4], size=(n, 5))
    extreme = np.repeat(EXTREME, 5, axis=0)
    extreme_labels = np.tile(np.arange(5), len(EXTREME))
    hot, extreme_hot = one_hot(labels, 5), one_hot(extreme_labels, 5)
    yes = rng.integers(0, 2, size=(n, 5)).astype(float)
    sparse, categorical = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"
    binary, mse = "BinaryCrossentropy", "MeanSquaredError"
    logits, smooth = {"from_logits": True}, {"label_smoothing": 0.1}
    return [
        (sparse, {}, labels, p),
        (sparse, {}, labels[:, None], 0.3 * p),
        (sparse, {}, extreme_labels, extreme),
        (sparse, logits, labels, z),
        (sparse, logits, labels, far),
        (categorical, {}, hot, p),
        (categorical, {}, softmax_rows(rng, n, 5), 0.3 * p),
        (categorical, {}, extreme_hot, extreme),
        (categorical, smooth, extreme_hot, extreme),
        (categorical, logits, hot, z),
        (categorical, logits, softmax_rows(rng, n, 5), far),
        (categorical, logits | smooth, hot, z),
        (binary, {}, yes, p),
        (binary, {}, extreme_hot, extreme),
        (binary, smooth, extreme_hot, extreme),
        (binary, logits, yes, z),
        (binary, logits, yes, far),
        (binary, logits | smooth, yes, z),
        (binary, {}, yes[:, 0], p[:, :1]),
        (mse, {}, z, p),
        (mse, {}, z[:, 0], p[:, :1]),
        ("MeanAbsoluteError", {}, z, p),
        ("MeanAbsoluteError", {"reduction": "sum"}, np.round(p, 1), np.round(p, 1)),
        ("MeanAbsolutePercentageError", {"reduction": "mean_with_sample_weight"}, z, p),
        ("MeanSquaredLogarithmicError", {}, p, z),
        ("CosineSimilarity", {}, z, p),
        ("CosineSimilarity", {}, z, 1e-9 * z[::-1]),
        ("Huber", {}, z, p),
        ("Huber", {"delta": 0.25}, yes, p),
        ("LogCosh", {}, z, p),
        ("LogCosh", {}, far / 100, p),
        ("KLDivergence", {}, softmax_rows(rng, n, 5), p),
        ("KLDivergence", {}, extreme_hot, 2 * extreme),
        ("Poisson", {}, rng.poisson(2, size=(n, 5)), 5 * p),
        ("Hinge", {}, yes, z),
        ("Hinge", {}, 2 * yes - 1, np.round(z)),
        ("SquaredHinge", {"reduction": "sum"}, yes, z),
        ("CategoricalHinge", {}, hot, z),
        ("CategoricalHinge", {}, hot, np.round(z / 4)),
        (sparse, {"ignore_class": 2}, labels, p),
        (sparse, {"ignore_class": 2, "reduction": "mean_with_sample_weight"} | logits, labels, z),
        (sparse, {"ignore_class": 2, "reduction": "sum"}, labels, p),
        (categorical, {"reduction": "mean_with_sample_weight"}, hot, p),
        (sparse, {}, labels.reshape(5, 8), p.reshape(5, 8, 5)),
        (categorical, smooth | logits, hot.reshape(5, 2, 4, 5), z.reshape(5, 2, 4, 5)),
        (binary, logits, yes.reshape(5, 8, 5), z.reshape(5, 8, 5)),
    ]


@pytest.mark.keras
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", range(len(keras_cases())))
def test_value_and_gradient_are_keras(tf, case, weighted):
    name, arguments, y, p = keras_cases()[case]
    p = p.astype(np.float32)
    weights = np.random.default_rng(1).uniform(0.1, 2, p.shape[:-1]).astype(np.float32) if weighted else None
    theirs, ours = getattr(tf.keras.losses, name)(**arguments), getattr(losses, name)(**arguments)
    x = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = theirs(y, x, sample_weight=weights)
    gradient = tape.gradient(value, x).numpy()
    assert ours(y, p, weights) == pytest.approx(float(value), rel=3e-6)
    # Gradients reach 1/1e-7: compare each row in the scale of its largest element.
    scale = np.abs(gradient).max(axis=-1, keepdims=True) + 1e-12
    np.testing.assert_allclose(ours.backward(y, p, weights) / scale, gradient / scale, rtol=0, atol=2e-6)
    # Where TensorFlow has 0, ours may be at most denormal: TensorFlow flushes such numbers to zero.
    assert np.abs(ours.backward(y, p, weights)[gradient == 0]).max(initial=0) < np.finfo(np.float32).tiny


@pytest.mark.keras
@pytest.mark.parametrize("axis", [1, 3])  # TensorFlow's own cross-entropy fails on -2
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("CategoricalCrossentropy", {}),  # Keras's label smoothing counts the places of the last axis
        ("CategoricalCrossentropy", {"from_logits": True, "reduction": "sum"}),
        ("BinaryCrossentropy", {}),
        ("CosineSimilarity", {}),
    ],
)
def test_other_axes_are_keras(tf, name, arguments, axis):
    rng = np.random.default_rng(4)
    y = np.moveaxis(np.eye(3, dtype="float32")[rng.integers(0, 3, (4, 5, 6))], -1, axis)
    p = rng.uniform(0.05, 0.95, y.shape).astype("float32")
    weights = rng.uniform(0.1, 2, np.take(y, 0, axis).shape).astype("float32")
    theirs, ours = (getattr(k, name)(axis=axis, **arguments) for k in (tf.keras.losses, losses))
    x = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = theirs(y, x, sample_weight=weights)
    ours.check_weights("fit", weights, p.shape)
    assert ours(y, p, weights) == pytest.approx(float(value), rel=3e-6)
    assert_close(ours.backward(y, p, weights), tape.gradient(value, x).numpy(), PARITY["float32"])


@pytest.mark.parametrize("axis", [1, -2])
@pytest.mark.parametrize("arguments", [{"label_smoothing": 0.2}, {"label_smoothing": 0.2, "from_logits": True}])
def test_another_axis_is_the_last_one_of_arrays_turned_round(arguments, axis):
    rng = np.random.default_rng(4)
    y, p = np.eye(3)[rng.integers(0, 3, (4, 5))], rng.uniform(0.05, 0.95, (4, 5, 3))
    last, other = CategoricalCrossentropy(**arguments), CategoricalCrossentropy(axis=axis, **arguments)
    turned = y.swapaxes(1, 2), p.swapaxes(1, 2)
    assert other(*turned) == pytest.approx(last(y, p), rel=1e-12)
    np.testing.assert_allclose(other.backward(*turned).swapaxes(1, 2), last.backward(y, p), rtol=1e-12)


def test_a_softmax_over_the_last_axis_before_a_loss_over_another():
    """The loss is that of the predictions, of the model and as a metric, and its gradient goes through the softmax."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(3, 5, 4)), np.moveaxis(np.eye(5)[rng.integers(0, 5, (3, 2))], -1, 1)
    loss = CategoricalCrossentropy(axis=1)
    model = Sequential([Input((5, 4)), Dense(2, activation="softmax", dtype="float64")])
    model.compile("sgd", loss, metrics=[loss])
    expected = float(loss(y, model.predict(x, verbose=0)))
    assert model.evaluate(x, y, verbose=0) == pytest.approx([expected, expected], rel=1e-12)
    assert check_model(model, x, y).passed
    loss = CategoricalCrossentropy(axis=1, from_logits=True)
    model.compile("sgd", loss)
    with pytest.warns(UserWarning, match="It is computed from what the softmax takes in"):
        found = model.evaluate(x, y, verbose=0)
    assert found == pytest.approx(loss(y, model.forward(x, activate=False)), rel=1e-12)


@pytest.mark.keras
def test_clipping_lets_the_same_gradients_pass(tf):
    """Of every probability near a limit, clipped or not is the same decision as TensorFlow's."""
    limits = np.array([1e-7, 1 - 1e-7], np.float32)
    p = np.stack([np.nextafter(limits, np.float32(0)), limits, np.nextafter(limits, np.float32(1))]).reshape(-1, 1)
    for name, y in (("BinaryCrossentropy", np.zeros((6, 1))), ("BinaryCrossentropy", np.ones((6, 1)))):
        x = tf.constant(p)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = getattr(tf.keras.losses, name)()(y, x)
        theirs = tape.gradient(value, x).numpy()
        assert 0 < np.count_nonzero(theirs) < 6
        np.testing.assert_allclose(getattr(losses, name)().backward(y, p), theirs, rtol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("case", range(len(keras_cases())))
def test_functions_and_unreduced_losses_are_keras(keras, case):
    name, arguments, y, p = keras_cases()[case]
    p = p.astype(np.float32)
    weights = np.linspace(0.5, 2, p[..., 0].size).reshape(p.shape[:-1]).astype(np.float32)
    arguments = {key: value for key, value in arguments.items() if key != "reduction"}
    theirs = getattr(keras.losses, name)(reduction="none", **arguments)(y, p, sample_weight=weights)
    ours = getattr(losses, name)(reduction="none", **arguments)(y, p, weights)
    if "ignore_class" not in arguments:  # there Keras's weights are made larger, for a mean that is not taken
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
    (function,) = (function for function, cls in losses._FUNCTIONS.items() if cls.__name__ == name)
    if y.ndim == p.ndim or name.startswith("Sparse"):  # not every function of Keras adds the last axis
        theirs = getattr(keras.losses, function.__name__)(y, p, **arguments)
        np.testing.assert_allclose(function(y, p, **arguments), theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.keras
def test_the_names_of_losses_are_keras(keras, tf):
    for name in losses._TABLE:
        theirs = keras.losses.get(name)
        if not isinstance(theirs, type) and not inspect.isfunction(theirs):
            assert theirs.name == losses.get(name).name
    ours = set(losses.__all__) - {"get"}
    assert {name for name in ours if not hasattr(keras.losses, name)} == set(losses._SHORT) - {"bce", "BCE"}
    assert all(hasattr(tf.keras.losses, name) for name in losses._SHORT if name not in ("bce", "BCE"))


@pytest.mark.keras
@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight", "none"])
def test_training_with_reductions_is_keras(tf, reduction):
    from tinycnn import keras as names

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    weights, histories, results = rng.uniform(size=20), [], []
    start = None
    for k in (names, tf.keras):
        model = k.Sequential([k.Input((4,)), k.layers.Dense(3)])
        start = start or model.get_weights()
        model.set_weights(start)
        model.compile(k.optimizers.SGD(0.01), k.losses.Huber(reduction=reduction))
        history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, sample_weight=weights, verbose=0).history
        histories.append(history["loss"])
        results.append([*model.get_weights(), model.evaluate(x, y, sample_weight=weights, batch_size=8, verbose=0)])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_equal_maxima_share_the_gradient_of_a_categorical_hinge():
    gradient = losses.CategoricalHinge().gradient([[1, 0, 0]], np.array([[0.5, 2.0, 2.0]]))
    np.testing.assert_array_equal(gradient, [[-1, 0.5, 0.5]])

"""Numbers at the edge of float32, held against float64: what the docstrings promise, for both sets of kernels."""

from __future__ import annotations

import numpy as np
import pytest

from tinycnn import activations, keras, layers, losses, optimizers
from tinycnn.kernels import SETS
from tinycnn.kernels.activations import ACTIVATIONS
from tinycnn.layers import Parameter, ParameterVector

KERNELS = pytest.mark.parametrize("kernels", sorted(SETS))
TINY = 2.0**-149  # the smallest number of float32


def promised(thing: object, *figures: str) -> None:
    """The figures that a test holds something to are those of its docstring."""
    for figure in figures:
        assert figure in " ".join(str(thing.__doc__).split()), figure


def worst(actual: np.ndarray, exact: np.ndarray, least: float = 0.0) -> float:
    """The largest error, as a share of the largest exact number (or of ``least``, where that is larger)."""
    assert exact.dtype == np.float64
    assert np.isfinite(actual).all()
    return np.abs(actual - exact).max() / max(np.abs(exact).max(), least)


# Activations and losses of extreme logits


def logits(rng: np.random.Generator) -> np.ndarray:
    """Rows of ten, from 1e-4 to 1e4 of either sign, some of them equal."""
    sizes = 10.0 ** rng.uniform(-4, 4, (3000, 1))
    z = rng.uniform(-1, 1, (3000, 10)) * sizes
    z[::7, 3] = z[::7, 4]
    z[0], z[1], z[2] = 1e4, -1e4, 0
    return np.concatenate([z, rng.normal(size=(1000, 10)), 20 * rng.normal(size=(1000, 10))]).astype("float32")


@KERNELS
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax"])
def test_activations_of_extreme_logits(name, kernels, rng):
    promised(layers.Activation, "relative error of 5e-7 (softmax: to 5e-7)", "dx to 5e-7 of the largest dy")
    activation, z = SETS[kernels].activations[name], logits(rng)
    dy = rng.normal(size=z.shape).astype("float32")
    y, exact = activation.forward(z), getattr(activations, name)(z.astype("float64"))
    assert y.dtype == "float32"
    if name == "softmax":
        assert np.abs(y - exact).max() < 5e-7
        assert np.abs(y.sum(axis=1) - 1).max() < 5e-7
    else:
        normal = np.abs(exact) > np.finfo("float32").tiny
        assert (np.abs(y - exact)[normal] / np.abs(exact)[normal]).max() < 5e-7
        assert np.abs(y - exact)[~normal].max(initial=0) <= TINY
    dx = activation.backward(dy, y)
    exact_dx = ACTIVATIONS[name].backward(dy.astype("float64"), exact)
    assert np.abs(dx - exact_dx).max() < 5e-7 * np.abs(dy).max()


LOSSES = {
    "sparse": (losses.SparseCategoricalCrossentropy(from_logits=True), "classes"),
    "categorical": (losses.CategoricalCrossentropy(from_logits=True), "one-hot"),
    "categorical, smooth": (losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), "one-hot"),
    "binary": (losses.BinaryCrossentropy(from_logits=True), "one-hot"),
    "binary, soft": (losses.BinaryCrossentropy(from_logits=True), "soft"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_losses_of_extreme_logits(case, rng):
    loss, kind = LOSSES[case]
    z = logits(rng)
    classes = rng.integers(0, 10, len(z))
    labels = classes if kind == "classes" else np.eye(10, dtype="float32")[classes]
    if kind == "soft":  # close to one: z − z·t would cancel
        labels = np.abs(labels - np.float32(1e-6))
    values, exact = loss.per_sample(labels, z), loss.per_sample(labels, z.astype("float64"))
    assert values.dtype == "float32"
    assert np.isfinite(values).all()
    if case.startswith("binary"):
        promised(losses.BinaryCrossentropy, "l to a relative error of 5e-7, and its gradient to 5e-7")
        normal = exact > np.finfo("float32").tiny
        assert (np.abs(values - exact)[normal] / exact[normal]).max() < 5e-7
        assert np.abs(values - exact)[~normal].max(initial=0) <= TINY
    else:
        promised(type(loss), "l to 5e-7·max(l, 1), and its gradient to 5e-7")
        assert (np.abs(values - exact) / np.maximum(exact, 1)).max() < 5e-7
    gradient = loss.gradient(labels, z)
    assert gradient.dtype == "float32"
    assert np.abs(gradient - loss.gradient(labels, z.astype("float64"))).max() < 5e-7


@pytest.mark.parametrize(("dtype", "cost"), [("float32", 15.94), ("float64", 16.12)])
def test_binary_loss_of_a_wrong_certainty(dtype, cost):
    promised(losses.BinaryCrossentropy, "15.94 in float32", "16.12 in float64")
    one = np.ones((1, 1), dtype)
    assert losses.BinaryCrossentropy()(0 * one, one) == pytest.approx(cost, abs=0.005)
    assert losses.BinaryCrossentropy()(one, 0 * one) == pytest.approx(16.118, abs=0.001)
    logit = losses.BinaryCrossentropy(from_logits=True)
    assert logit(0 * one, 50 * one) == 50


# Batch normalization


def batch_normalization(x, dy, kernels, dtype):
    """Figures of one step in training mode, and the output in inference after it."""
    channels = x.shape[-1]
    layer = layers.BatchNormalization(dtype=dtype)
    layer.kernels = SETS[kernels]
    layer.build((None, *x.shape[1:]))
    spread = np.linspace(0, 1, channels)
    layer.set_weights([1 + spread / 2, spread - 0.5, 0 * spread, 1 + 0 * spread])
    y = layer.forward(x.astype(dtype), training=True)
    dx = layer.backward(dy.astype(dtype))
    figures = {"y": y, "dx": dx, "dgamma": layer.gamma.grad, "dbeta": layer.beta.grad}
    return figures | layer.state | {"y in inference": layer.forward(x.astype(dtype))}


@KERNELS
@pytest.mark.parametrize("shape", [(32, 26, 26, 8), (8, 4, 4, 3), (32, 64)])
@pytest.mark.parametrize(
    ("ratio", "limit", "promise"),
    [
        (0, 5e-7, "share of the largest number: 5e-7."),
        (1000, 5e-5, "the mean is 1,000 times the deviation, 5e-5 for y and dx"),
        (10_000, 5e-4, "and 10,000 times, 5e-4"),
    ],
)
def test_batch_normalization_of_large_means(ratio, limit, promise, shape, kernels, rng):
    promised(layers.BatchNormalization, promise)
    x = (rng.normal(size=shape) + ratio * rng.choice([-1, 1], shape[-1])).astype("float32")
    dy = rng.normal(size=shape).astype("float32")
    figures, exact = (batch_normalization(x, dy, kernels, dtype) for dtype in ("float32", "float64"))
    for name, value in figures.items():
        assert value.dtype == "float32"
        limit_of_this = limit if name in ("y", "dx", "dgamma") else 5e-7
        least = np.abs(exact["dbeta"]).max() if name == "dgamma" else 0
        assert worst(value, exact[name], least) < limit_of_this, name


@KERNELS
@pytest.mark.parametrize("value", [0.0, 0.1, -1234.567, 1e-30, 1e15])
@pytest.mark.parametrize("shape", [(6, 5, 5, 3), (7, 3)])
def test_batch_normalization_of_a_constant_channel(value, shape, kernels, rng):
    """Exactly β, whatever the constant; the other channels are as without it."""
    promised(layers.BatchNormalization, "A channel that is constant gives y = β")
    x, dy = rng.normal(size=shape).astype("float32"), rng.normal(size=shape).astype("float32")
    x[..., 1] = value
    figures, exact = (batch_normalization(x, dy, kernels, dtype) for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(figures["y"][..., 1], 0)  # β is 0 there
    assert figures["dgamma"][1] == 0
    for name in ("dx", "y", "dgamma", "dbeta", "moving_variance"):
        assert worst(figures[name], exact[name]) < 5e-7, name
    assert figures["moving_variance"][1] == np.float32(0.99)


@KERNELS
def test_batch_normalization_of_one_row(kernels, rng):
    promised(layers.BatchNormalization, "so does a batch of one row, for which dx is 0, and nothing is learned but β")
    x, dy = rng.normal(size=(1, 5)).astype("float32"), rng.normal(size=(1, 5)).astype("float32")
    figures = batch_normalization(x, dy, kernels, "float32")
    np.testing.assert_allclose(figures["y"], np.linspace(-0.5, 0.5, 5)[None], rtol=1e-6)
    np.testing.assert_array_equal(figures["dx"], 0)
    np.testing.assert_array_equal(figures["dgamma"], 0)
    np.testing.assert_array_equal(figures["dbeta"], dy[0])


@KERNELS
def test_batch_normalization_of_one_image(kernels, rng):
    """One image has as many rows as pixels: nothing special."""
    x, dy = (rng.normal(size=(1, 6, 5, 3)).astype("float32") for _ in range(2))
    figures, exact = (batch_normalization(x, dy, kernels, dtype) for dtype in ("float32", "float64"))
    for name, value in figures.items():
        assert worst(value, exact[name]) < 5e-7, name
    assert np.abs(figures["dx"]).max() > 0.1


# Denormal numbers, of less than 1.2e-38: they have fewer digits, but they are not taken for zero


@KERNELS
@pytest.mark.parametrize(
    ("make", "shape", "terms"),
    [
        (lambda: layers.Dense(4, use_bias=False), (3, 6), 6),
        (lambda: layers.Conv2D(4, 3, use_bias=False), (2, 6, 5, 3), 27),
        (lambda: layers.MaxPooling2D(), (2, 6, 4, 3), 1),
        (lambda: layers.AveragePooling2D(), (2, 6, 4, 3), 4),
        (lambda: layers.GlobalAveragePooling2D(), (2, 6, 4, 3), 1),
        (lambda: layers.ReLU(), (3, 6), 1),
        (lambda: layers.LeakyReLU(), (3, 6), 1),
        (lambda: layers.Activation("tanh"), (3, 6), 1),
    ],
)
def test_denormals(make, shape, terms, kernels, rng):
    x = (rng.uniform(-1, 1, shape) * 1e-39).astype("float32")
    outputs = []
    for dtype in ("float32", "float64"):
        layer = make()
        layer.dtype, layer.kernels = np.dtype(dtype), SETS[kernels]
        layer.build((None, *shape[1:]), np.random.default_rng(1))
        layer.set_weights([w.astype("float32") for w in layer.get_weights()])
        outputs.append(layer.forward(x.astype(dtype), training=True))
    y, exact = outputs
    assert np.abs(y - exact).max() <= terms * TINY
    assert np.abs(y).max() > 1e-41


# Means over large images


@pytest.mark.parametrize("size", [28, 1024])
def test_global_average_pooling_of_large_images(size, rng):
    promised(layers.GlobalAveragePooling2D, "kept in float64; in float32 the mean of 1024x1024 pixels would lose 3e-5")
    x = rng.uniform(0, 1, (1, size, size, 2)).astype("float32")
    layer, exact = layers.GlobalAveragePooling2D(), x.astype("float64").mean(axis=(1, 2))
    y = layer(x)
    assert y.dtype == "float32"
    assert worst(y, exact) < 1e-7
    assert size == 28 or 1e-5 < worst(x.mean(axis=(1, 2)), exact) < 5e-5


# Adam


def steps_of_adam(gradients, kernels, dtype):
    vector = ParameterVector([Parameter("w", np.zeros(gradients.shape[1], dtype))])
    optimizer = optimizers.Adam()
    optimizer.kernels = SETS[kernels]
    for gradient in gradients:
        vector.grad[:] = gradient
        optimizer.apply(vector)
    return vector.value


@KERNELS
def test_adam_of_huge_and_tiny_gradients(kernels, rng):
    promised(optimizers.Adam, "from 1e-30 to 1e18 give steps to a relative error of 2e-6")
    sizes = 10.0 ** np.arange(-30, 19)
    gradients = (rng.uniform(0.5, 1, (5, len(sizes))) * sizes).astype("float32")
    w, exact = (steps_of_adam(gradients.astype(dtype), kernels, dtype) for dtype in ("float32", "float64"))
    assert (np.abs(w - exact) / np.abs(exact)).max() < 2e-6


@KERNELS
@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")
def test_adam_of_gradients_beyond_float32(kernels):
    """Their squares overflow; only the weights concerned are lost, and the float64 model has no such limit."""
    promised(optimizers.Adam, "the square of one above 1.8e19 overflows, and its weight becomes NaN")
    gradients = np.tile(np.float32([1e18, 1e21, 1]), (3, 1))
    w = steps_of_adam(gradients, kernels, "float32")
    assert np.isnan(w).tolist() == [False, True, False]
    assert np.isfinite(steps_of_adam(gradients, kernels, "float64")).all()


@pytest.mark.keras
def test_adam_of_gradients_beyond_float32_in_keras(keras):
    variable = keras.Variable(np.zeros(3, "float32"))
    optimizer = keras.optimizers.Adam()
    optimizer.build([variable])
    for _ in range(3):
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([1e18, 1e21, 1]))])
    assert np.isnan(variable.numpy()).tolist() == [False, True, False]


def test_clipping_saves_from_overflow():
    vector = ParameterVector([Parameter("w", np.zeros(3, "float32"))])
    optimizer = optimizers.Adam(clipnorm=1.0)
    for _ in range(3):
        vector.grad[:] = [1e30, 1e35, 1]
        optimizer.apply(vector)
    assert np.isfinite(vector.value).all()


# NaN and infinity pass through, as in Keras: nothing that went wrong is hidden by a layer

NAN, INF = np.nan, np.inf
STRANGE = np.float32([[1, NAN, 3, 4], [2, 3, INF, 0], [-INF, -1, NAN, INF], [-2, -3, -INF, 5]])[None, ..., None]
LAYERS = {
    "AveragePooling2D": {"pool_size": 2},
    "GlobalAveragePooling2D": {},
    "GlobalMaxPooling2D": {},
    "ReLU": {},
    "LeakyReLU": {},
    "Activation": {"activation": "sigmoid"},
}


def forward_and_backward(name, kernels):
    layer = getattr(keras.layers, name)(**LAYERS[name])
    layer.kernels = SETS[kernels]
    layer.build((None, *STRANGE.shape[1:]))
    y = layer.forward(STRANGE, training=True)
    dy = np.arange(1, 1 + y.size, dtype="float32").reshape(y.shape)
    return y, layer.backward(dy), dy


@KERNELS
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize(
    ("name", "y", "dx"),
    [
        ("AveragePooling2D", [NAN, INF, -INF, NAN], np.repeat(np.repeat([[0.25, 0.5], [0.75, 1]], 2, 0), 2, 1)),
        ("GlobalAveragePooling2D", [NAN], np.full(16, 1 / 16)),
        ("GlobalMaxPooling2D", [NAN], np.full(16, NAN)),
        (
            "ReLU",
            [1, NAN, 3, 4, 2, 3, INF, 0, 0, 0, NAN, INF, 0, 0, 0, 5],
            [1, 0, 3, 4, 5, 6, 7, 0, 0, 0, 0, 12, 0, 0, 0, 16],
        ),
    ],
)
def test_nan_and_infinity(name, y, dx, kernels):
    own_y, own_dx, _ = forward_and_backward(name, kernels)
    np.testing.assert_array_equal(own_y.ravel(), np.float32(y))
    np.testing.assert_array_equal(own_dx.ravel(), np.ravel(dx).astype("float32"))


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", LAYERS)
def test_nan_and_infinity_in_keras(request, name):
    import keras as theirs
    import tensorflow as tf

    layer, x = getattr(theirs.layers, name)(**LAYERS[name]), tf.constant(STRANGE)
    y, dx, dy = forward_and_backward(name, "fast")
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = layer(x)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-6)
    np.testing.assert_allclose(dx, tape.gradient(expected, x, tf.constant(dy)).numpy(), rtol=1e-6)

"""Properties of whole models, for random chains of layers: both sets of kernels agree, and both agree with Keras."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from parity_cases import OF_GRAPHS, uniform
from random_models import ARGUMENTS, Chain, build, chains, fill, some_input
from tolerances import CHAIN, CHAIN_FLOAT32_SLOPE

from tinycnn import keras as ours
from tinycnn.kernels import SETS

Figures = dict[str, np.ndarray]


def figures_of_tinycnn(chain: Chain, kernels: str, weights: list[np.ndarray] | None = None) -> Figures:
    """Outputs, gradients for a random upstream gradient, and the statistics after one step in training mode."""
    model = fill(build(ours, chain, dtype="float64"))
    for layer in model.layers:
        layer.kernels = SETS[kernels]
    x = some_input(chain)
    figures = {"y in inference": model(x)}
    y = figures["y in training"] = model(x, training=True)
    figures["dx"] = model.backward(uniform(8, y.shape))
    figures |= {f"d{p.name} {i}": p.grad.copy() for i, p in enumerate(model.parameters)}
    return figures | {f"weight {i}": value for i, value in enumerate(model.get_weights())}


def figures_of_keras(keras, chain: Chain) -> Figures:
    import tensorflow as tf

    start = fill(build(ours, chain, dtype="float64")).get_weights()
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")  # of layers
    keras.config.set_floatx("float64")  # of Input
    try:
        model = build(keras, chain)
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_floatx("float32")
    model.set_weights(start)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it goes on with its former statistics otherwise
    x = tf.constant(some_input(chain))
    figures = {"y in inference": model(x, training=False)}  # Keras's CenterCrop makes layers behind it train otherwise
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=True)
        total = tf.reduce_sum(y * tf.constant(uniform(8, tuple(y.shape))))
    variables = model.trainable_variables
    dx, *gradients = tape.gradient(total, [x, *(v.value for v in variables)], unconnected_gradients="zero")
    figures |= {"y in training": y, "dx": dx}
    figures |= {f"d{v.name} {i}": g for i, (v, g) in enumerate(zip(variables, gradients, strict=True))}
    weights = [w.astype("float64") if w.dtype.kind == "i" else w for w in model.get_weights()]  # Normalization's count
    figures |= {f"weight {i}": value for i, value in enumerate(weights)}
    return {name: np.asarray(figure) for name, figure in figures.items()}


def assert_same(figures: Figures, expected: Figures, tolerance: float) -> None:
    """Differences as a share of a figure's largest number, or of a hundredth of the largest of all.

    A gradient may be nothing but rounding errors: that of β, where another batch normalization takes it off again.
    """
    assert list(figures) == list(expected)
    least = max(np.abs(figure).max() for figure in expected.values()) / 100
    for name, figure in expected.items():
        assert figures[name].dtype == figure.dtype == "float64"
        assert np.isfinite(figure).all()
        error = np.abs(figures[name] - figure).max()
        assert error <= tolerance * max(np.abs(figure).max(), least), f"{name} is off by {error:.2e}"


def test_every_layer_is_drawn():
    classes = {value for value in vars(ours.layers).values() if isinstance(value, type)}
    layers = {cls.__name__ for cls in classes if issubclass(cls, ours.layers.Layer)}
    assert layers - {"Layer"} - OF_GRAPHS == set(ARGUMENTS)


@given(chains())
@settings(max_examples=400)
def test_both_sets_of_kernels_agree(chain):
    assert_same(figures_of_tinycnn(chain, "fast"), figures_of_tinycnn(chain, "reference"), CHAIN)


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1 of a tensor of shape")
@given(chain=chains(dropout_rates=(0.0,)))
@settings(max_examples=100)
def test_keras_agrees(keras, chain):
    expected = figures_of_keras(keras, chain)
    tolerance = CHAIN_FLOAT32_SLOPE if "leaky" in repr(chain).lower() else CHAIN  # TensorFlow's slopes are float32
    for kernels in SETS:
        assert_same(figures_of_tinycnn(chain, kernels), expected, tolerance)

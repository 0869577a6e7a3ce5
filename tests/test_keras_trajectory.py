"""A hundred training steps of the notebook's models on MNIST, step by step beside Keras.

Training amplifies rounding errors: a value that is 1e-8 on one side and −1e-8 on the other passes a relu here and not
there, and from that step on the two runs part. In float32 Keras parts from itself, with oneDNN and without it: the
losses of the batch normalization model by 1e-4 after 30 steps and by 7 % after 100, those of the plain model by 4e-4
(measured). So the free run of a hundred steps is compared in float64, where eight digits and more are left at the end;
in float32, which is what ships, each of the hundred steps starts from Keras's weights.
"""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest
from parity_cases import MODELS, RATES_AND_SHAPES, give_masks, given_mask_layer, notebook_model, start, train
from tolerances import MODEL, STEP, TRAJECTORY, assert_close

from tinycnn import keras as ours
from tinycnn.datasets import mnist

STEPS, BATCH_SIZE = 100, 32
COMPILE = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}

pytestmark = [pytest.mark.keras, pytest.mark.mnist, pytest.mark.slow]


@functools.cache
def batches(dtype: str):
    if not os.environ.get("TINYCNN_DATA"):
        pytest.skip("TINYCNN_DATA is not set: it names the folder with the real MNIST")
    (x, y), _ = mnist.load_data()
    x = x[: STEPS * BATCH_SIZE, ..., None].astype(dtype) / 255
    return [(x[i : i + BATCH_SIZE], y[i : i + BATCH_SIZE]) for i in range(0, len(x), BATCH_SIZE)]


@pytest.fixture
def precision(request, keras):
    """Keras's and our models are made in this dtype."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


@functools.cache
def run_of_keras(keras, name: str, dtype: str):
    """Losses of all steps, and the weights before each step and after the last."""
    model = start(notebook_model(keras, name, given_mask_layer(keras)))
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), **COMPILE)
    losses, weights = [], [model.get_weights()]
    for step, (x, y) in enumerate(batches(dtype)):
        give_masks(model, step, len(x))
        losses.append(float(model.train_on_batch(x, y)[0]))
        weights.append(model.get_weights())
    return losses, weights


def our_model(name: str, dtype: str, kernels: str, weights):
    model = notebook_model(ours, name, dtype=dtype)
    model.set_weights(weights)
    model.compile(optimizer=ours.optimizers.Adam(learning_rate=0.001), kernels=kernels, **COMPILE)
    return model


@pytest.mark.parametrize("precision", ["float64"], indirect=True)
@pytest.mark.parametrize(("kernels", "steps"), [("fast", STEPS), ("reference", 20)])
@pytest.mark.parametrize("name", MODELS)
def test_free_run(keras, precision, name, kernels, steps):
    """Same weights, same batches, same masks: losses, weights and moving statistics stay together."""
    losses, weights = run_of_keras(keras, name, precision)
    model = our_model(name, precision, kernels, weights[0])
    np.testing.assert_allclose(train(model, name, batches(precision)[:steps]), losses[:steps], rtol=TRAJECTORY)
    assert np.mean(losses[-10:]) < 0.5 * losses[0]  # it is training that is compared, not standing still
    for i, (own, theirs) in enumerate(zip(model.get_weights(), weights[steps], strict=True)):
        # The stricter of absolute and relative: a share of the array's scale, of 1 where the scale is larger.
        scale = min(1, np.abs(theirs).max())
        assert np.abs(own - theirs).max() <= TRAJECTORY * scale, f"array {i} of get_weights()"
        assert np.abs(theirs - weights[0][i]).max() > 1e-3


@pytest.mark.parametrize(("kernels", "steps"), [("fast", STEPS), ("reference", 20)])
@pytest.mark.parametrize("precision", ["float32"], indirect=True)
@pytest.mark.parametrize("name", MODELS)
def test_each_step_from_keras_weights(keras, precision, name, kernels, steps):
    """Adam's moving averages are our own throughout; weights and moving statistics are Keras's before each step.

    On some processors it is Keras whose rounding tips a relu or a pooling window over: its step, and with Adam's memory
    of it some later ones, are then further from the exact step, in float64, than ours may be. There the exact step is
    what ours is held against, with the same tolerance. `test_free_run` holds the exact steps against Keras's own.
    """
    losses, weights = run_of_keras(keras, name, precision)
    model, exact = (our_model(name, dtype, kernels, weights[0]) for dtype in (precision, "float64"))
    tipped_steps = set()
    for step, (x, y) in enumerate(batches(precision)[:steps]):
        for own in (exact, model):
            own.set_weights(weights[step])
            give_masks(own, step, len(x))
            loss = own.train_on_batch(x, y)[0]
        assert loss == pytest.approx(losses[step], rel=1e-4), f"step {step + 1}"
        for i, (own, true, before, after) in enumerate(
            zip(model.get_weights(), exact.get_weights(), weights[step], weights[step + 1], strict=True)
        ):
            tolerance = STEP[name] * np.linalg.norm(after - before) + 1e-7
            tipped = np.linalg.norm(true - after) > tolerance
            if tipped:
                tipped_steps.add(step)
            expected = true if tipped else after
            assert np.linalg.norm(own - expected) <= tolerance, f"step {step + 1}, array {i}"
    assert len(tipped_steps) <= steps // 4  # a mistake of ours would be in every step
    assert not tipped_steps & set(range(20))


@pytest.mark.parametrize("precision", ["float32"], indirect=True)
@pytest.mark.parametrize("name", ["plain", "dropout"])
def test_free_run_in_float32(keras, precision, name):
    """Twenty steps, within which no rounding error has tipped a relu or a pooling window over."""
    losses, weights = run_of_keras(keras, name, precision)
    model = our_model(name, precision, "fast", weights[0])
    np.testing.assert_allclose(train(model, name, batches(precision)[:20]), losses[:20], rtol=MODEL[name])
    for own, theirs in zip(model.get_weights(), weights[20], strict=True):
        assert_close(own, theirs, 1e-4)


def test_masks_drop_what_the_rates_say():
    """The injected masks are dropout's: the right share of zeros, and the mean stays."""
    from parity_cases import draw_masks

    for mask, (rate, shape) in zip(draw_masks(0, 32), RATES_AND_SHAPES, strict=True):
        assert mask.shape == (32, *shape)
        assert np.mean(mask == 0) == pytest.approx(rate, abs=0.02)
        assert mask.max() == np.float32(1 / (1 - rate))

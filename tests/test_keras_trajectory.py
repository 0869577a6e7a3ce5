"""A hundred training steps of the notebook's models on MNIST, step by step beside Keras.

Training amplifies rounding errors: a value that is 1e-8 on one side and −1e-8 on the other passes a relu here and not
there, and from that step on the two runs part. In float32 Keras parts from itself, with oneDNN and without it: the
losses of the batch normalization model by 1e-4 after 30 steps and by 7 % after 100, those of the plain model by 4e-4
(measured). So the free run of a hundred steps is compared in float64, where eight digits and more are left at the end;
in float32, which is what ships, each of the hundred steps starts from Keras's weights and Adam's memory, so that no
step inherits anything from another. And where one step parts, it has to show the near tie that rounding decided.
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
from tinycnn.kernels import REFERENCE

STEPS, BATCH_SIZE = 100, 32
TIE = 1e-6  # a sum of 288 terms in float32 errs by up to half as much, as a share of the largest sum
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


@functools.lru_cache(maxsize=1)  # one run is 300 MB; the tests of a run follow each other
def run_of_keras(keras, name: str, dtype: str, steps: int = STEPS):
    """Losses of all steps, and the weights before each step and after the last."""
    model = start(notebook_model(keras, name, given_mask_layer(keras)))
    optimizer = keras.optimizers.Adam(learning_rate=0.001)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer, **COMPILE)
    losses, weights, slots = [], [model.get_weights()], [slots_of_keras(optimizer)]
    for step, (x, y) in enumerate(batches(dtype)[:steps]):
        give_masks(model, step, len(x))
        losses.append(float(model.train_on_batch(x, y)[0]))
        weights.append(model.get_weights())
        slots.append(slots_of_keras(optimizer))
    return losses, weights, slots


def slots_of_keras(optimizer) -> dict[str, np.ndarray]:
    """Adam's moving averages, each as one vector over all weights."""
    _iteration, _learning_rate, *variables = (v.numpy() for v in optimizer.variables)
    return {
        slot: np.concatenate([v.ravel() for v in variables[i::2]]) for i, slot in enumerate(("momentum", "velocity"))
    }


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
    losses, weights, _ = run_of_keras(keras, name, precision)
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
    """Weights, moving statistics and Adam's moving averages are Keras's before each step.

    Rounding tips a relu or a pooling window over in a few of a hundred steps, on some processors in Keras, on
    others here. Where Keras's step is not the exact one, in float64, ours is held against that, with the same tolerance
    (`test_free_run` holds the exact steps against Keras's own). Where ours is not, it must be such a tie: ours decided
    otherwise than the exact step, and only between numbers that float32 can hardly tell apart.
    """
    losses, weights, slots = run_of_keras(keras, name, precision)
    model, exact = (our_model(name, dtype, kernels, weights[0]) for dtype in (precision, "float64"))
    tipped_steps, our_ties = set(), {}

    def begin(step: int, n: int) -> None:
        for own in (exact, model):
            own.set_weights(weights[step])
            memory = {slot: values.astype(own.layers[0].dtype) for slot, values in slots[step].items()}
            own.optimizer.set_state(step, 0.001, memory)
            give_masks(own, step, n)

    for step, (x, y) in enumerate(batches(precision)[:steps]):
        begin(step, len(x))
        for own in (exact, model):
            loss = own.train_on_batch(x, y)[0]
        assert loss == pytest.approx(losses[step], rel=1e-4), f"step {step + 1}"
        apart = []
        for i, (own, true, before, after) in enumerate(
            zip(model.get_weights(), exact.get_weights(), weights[step], weights[step + 1], strict=True)
        ):
            tolerance = STEP[name] * np.linalg.norm(after - before) + 1e-7
            tipped = np.linalg.norm(true - after) > tolerance
            if tipped:
                tipped_steps.add(step)
            if np.linalg.norm(own - (true if tipped else after)) > tolerance:
                apart.append(f"array {i}")
        if apart:
            begin(step, len(x))
            margins = margins_of_ties(model, exact, x)
            assert margins.size, f"step {step + 1}: {', '.join(apart)}"
            assert margins.max() < TIE, f"step {step + 1}: {', '.join(apart)}"
            our_ties[step] = margins
    assert len(tipped_steps) <= steps // 10  # a mistake would be in every step
    assert len(our_ties) <= steps // 10


def margins_of_ties(model, exact, x: np.ndarray) -> np.ndarray:
    """How far apart, as a share of the largest number, the numbers are of which the two models chose differently.

    The choices are those of relu (passed on or not) and of max pooling (which pixel); the margins are the exact ones.
    """
    margins, own, true = [], x, x.astype("float64")
    for layer, twin in zip(model.layers, exact.layers, strict=True):
        if isinstance(layer, ours.layers.MaxPooling2D):
            pixels = np.lib.stride_tricks.sliding_window_view(true, layer.pool_size, axis=(1, 2))
            pixels = pixels[:, :: layer.strides[0], :: layer.strides[1]].reshape(
                *pixels.shape[:1], *layer.output_shape[1:], -1
            )
            chosen, best = (
                np.take_along_axis(
                    pixels,
                    REFERENCE.max_pooling2d_forward(a, layer.pool_size, layer.strides)[1][..., None].astype(int),
                    -1,
                )
                for a in (own, true)
            )
            margins.append((best - chosen)[best != chosen] / np.abs(true).max())
        own, true = layer.forward(own, training=True), twin.forward(true, training=True)
        if getattr(layer, "activation", None) == "relu":
            otherwise = (own > 0) != (true > 0)
            margins.append(np.maximum(own, true)[otherwise] / np.abs(true).max())
        layer.forget()
        twin.forget()
    return np.concatenate(margins)


@pytest.mark.parametrize("precision", ["float32"], indirect=True)
@pytest.mark.parametrize("name", ["plain", "dropout"])
def test_free_run_in_float32(keras, precision, name):
    """Twenty steps, within which no rounding error has tipped a relu or a pooling window over."""
    losses, weights, _ = run_of_keras(keras, name, precision, 20)
    model = our_model(name, precision, "fast", weights[0])
    np.testing.assert_allclose(train(model, name, batches(precision)[:20]), losses, rtol=MODEL[name])
    for own, theirs in zip(model.get_weights(), weights[20], strict=True):
        assert_close(own, theirs, 1e-4)


def test_masks_drop_what_the_rates_say():
    """The injected masks are dropout's: the right share of zeros, and the mean stays."""
    from parity_cases import draw_masks

    for mask, (rate, shape) in zip(draw_masks(0, 32), RATES_AND_SHAPES, strict=True):
        assert mask.shape == (32, *shape)
        assert np.mean(mask == 0) == pytest.approx(rate, abs=0.02)
        assert mask.max() == np.float32(1 / (1 - rate))

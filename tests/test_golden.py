"""What Keras computed (golden/keras.npz, by golden/make_golden.py) against both kernel sets, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parity_cases import (
    LAYER_CASES,
    MODELS,
    TINY_RUNS,
    digest,
    digit_batches,
    give_masks,
    gradients_of_tinycnn,
    layer_figures_of_tinycnn,
    notebook_model,
    some_digits,
    start,
    tiny_run,
    train,
)
from tolerances import FLOAT32, GOLDEN, PARITY, assert_close

from tinycnn import keras as k
from tinycnn.kernels import SETS

FILE = Path(__file__).parent / "golden" / "keras.npz"
KERNELS = pytest.mark.parametrize("kernels", sorted(SETS))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)


def part(golden, name):
    """The arrays of one case, by what they are."""
    return {key.split("/")[1]: value for key, value in golden.items() if key.split("/")[0] == name}


def test_file_says_which_keras_it_is_and_is_small(golden):
    keras, tensorflow, numpy = golden["versions"]
    assert keras.startswith("keras 3.")
    assert tensorflow.startswith("tensorflow 2.")
    assert numpy.startswith("numpy ")
    assert FILE.stat().st_size < 500_000


def test_file_holds_the_cases_of_today(golden):
    """Whoever adds a case runs make_golden.py."""
    cases = [f"layer {case}" for case in LAYER_CASES] + [f"model {name}" for name in MODELS]
    cases += [f"run {run}" for run in TINY_RUNS]
    assert {key.split("/")[0] for key in golden} - {"versions"} == set(cases)


def test_digest_sees_one_wrong_element_anywhere():
    a = np.random.default_rng(1).normal(size=(300, 40))
    for place in np.random.default_rng(2).integers(0, a.size, 20):
        b = a.copy()
        b.flat[place] += 0.01
        assert np.abs(digest(a) - digest(b)).max() > 5e-5


@KERNELS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LAYER_CASES)
def test_layer(golden, case, dtype, kernels):
    expected = part(golden, f"layer {case}")
    figures = layer_figures_of_tinycnn(case, dtype, SETS[kernels])
    assert list(figures) == list(expected)
    tolerance = GOLDEN if dtype == "float64" else PARITY["float32"]
    for name, figure in expected.items():
        assert_close(figures[name].astype("float64"), figure, tolerance, name)


@pytest.mark.parametrize(("kernels", "steps"), [pytest.param("fast", 10, marks=pytest.mark.jit), ("reference", 2)])
@pytest.mark.parametrize("name", MODELS)
def test_model(golden, name, kernels, steps):
    """Prediction, loss, every gradient, ten steps of Adam, evaluate: in float64, where rounding errors do not grow."""
    expected = part(golden, f"model {name}")
    model = start(notebook_model(k, name, dtype="float64"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels)
    x, y = some_digits(8)
    give_masks(model, 0, len(x))
    assert_close(model.predict(x, verbose=0), expected["y"], GOLDEN, "predict")
    loss, gradients = gradients_of_tinycnn(model, k.losses.SparseCategoricalCrossentropy(), x, y)
    assert loss == pytest.approx(float(expected["loss"]), rel=GOLDEN)
    assert len(gradients) == sum(key.startswith("gradient") for key in expected)
    for i, gradient in enumerate(gradients):
        assert_close(digest(gradient), expected[f"gradient {i}"], GOLDEN, f"gradient {i}")

    model = start(notebook_model(k, name, dtype="float64"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels)
    np.testing.assert_allclose(train(model, name, digit_batches(steps)), expected["losses"][:steps], rtol=GOLDEN)
    if steps < 10:
        return
    assert len(model.get_weights()) == sum(key.startswith("weights") for key in expected)
    for i, own in enumerate(model.get_weights()):
        assert_close(digest(own), expected[f"weights {i}"], GOLDEN, f"weights {i}")
    x, y = some_digits(70, first=320)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected["evaluate"], rtol=GOLDEN)


@pytest.mark.parametrize("name", MODELS)
def test_model_in_float32(golden, name):
    """The default dtype and kernels: the first steps."""
    model = start(notebook_model(k, name))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, _ = some_digits(8)
    expected = part(golden, f"model {name}")
    assert_close(model.predict(x, verbose=0), expected["y"], FLOAT32, "predict")
    np.testing.assert_allclose(train(model, name, digit_batches(3)), expected["losses"][:3], rtol=1e-5)


@KERNELS
@pytest.mark.parametrize("run", TINY_RUNS)
def test_optimizers_and_losses_of_a_whole_model(golden, run, kernels):
    expected = part(golden, f"run {run}")
    losses, model = tiny_run(k, run, dtype="float64", kernels=kernels)
    np.testing.assert_allclose(losses, expected["losses"], rtol=GOLDEN)
    for i, own in enumerate(model.get_weights()):
        assert_close(digest(own), expected[f"weights {i}"], GOLDEN, f"weights {i}")

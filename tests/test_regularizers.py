"""Regularizers against sums by hand, difference quotients and Keras."""

import numpy as np
import pytest

from tinycnn import regularizers
from tinycnn.regularizers import L1, L1L2, L2


def test_penalties_by_hand():
    w = np.array([[1.0, -2.0], [0.5, 0.0]])
    assert L1(0.1)(w) == pytest.approx(0.35)
    assert L2(0.1)(w) == pytest.approx(0.525)  # no half
    assert L1L2(0.1, 0.2)(w) == pytest.approx(0.35 + 1.05)
    assert isinstance(L2()(w.astype(np.float32)), float)


@pytest.mark.parametrize("regularizer", [L1(0.3), L2(0.2), L1L2(0.3, 0.2)])
def test_gradient_is_the_difference_quotient(regularizer):
    w = np.random.default_rng(0).normal(size=(3, 4))
    gradient, step = regularizer.gradient(w), 1e-6
    for index in np.ndindex(w.shape):
        shifted = np.zeros_like(w)
        shifted[index] = step
        quotient = (regularizer(w + shifted) - regularizer(w - shifted)) / (2 * step)
        assert gradient[index] == pytest.approx(quotient, rel=1e-6)


@pytest.mark.parametrize("regularizer", [L1(), L2(), L1L2(0.1, 0.1)])
def test_gradient_keeps_dtype_and_weights(regularizer):
    w = np.array([1.0, 0.0, -3.0], np.float32)
    w.flags.writeable = False
    assert regularizer.gradient(w).dtype == np.float32
    assert regularizer.gradient(w)[1] == 0
    np.testing.assert_array_equal(w, np.array([1, 0, -3], np.float32))


def test_many_float32_weights_lose_no_digits():
    w = np.full(1_000_000, 0.1, np.float32)
    assert L2(1.0)(w) == pytest.approx(1e6 * float(np.square(np.float32(0.1))), rel=1e-12)


def test_get():
    assert regularizers.get(None) is None
    assert (regularizers.get("l2").l1, regularizers.get("l2").l2) == (0, 0.01)
    assert (regularizers.get("L1").l1, regularizers.get("L1").l2) == (0.01, 0)
    assert type(regularizers.get("l1_l2")) is type(regularizers.get("l1l2")) is L1L2
    assert type(regularizers.get(L2)) is L2
    mine = L2(0.5)
    assert regularizers.get(mine) is mine
    assert (regularizers.l1, regularizers.l2, regularizers.l1_l2) == (L1, L2, L1L2)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"^regularizer: expected one of .*, received 'l22'\. Did you mean 'l2'\?$"):
        regularizers.get("l22")
    with pytest.raises(TypeError, match=r"^regularizer: expected a name or a Regularizer, received 0\.01\. Pass for"):
        regularizers.get(0.01)
    with pytest.raises(ValueError, match=r"^L2: expected l2 >= 0, received -1\. Pass for example 0\.01\.$"):
        L2(-1)
    with pytest.raises(ValueError, match=r"^L1L2: expected l1 >= 0, received nan\. Pass"):
        L1L2(l1=float("nan"))
    with pytest.raises(TypeError, match=r"^L1: expected l1 to be a number, received 'a'\. Pass for example"):
        L1("a")


@pytest.mark.keras
@pytest.mark.parametrize(
    ("name", "arguments"), [("L1", ()), ("L2", ()), ("L1", (0.3,)), ("L2", (0.2,)), ("L1L2", (0.1, 0.2))]
)
def test_penalty_and_gradient_are_keras(name, arguments):
    import keras
    import tensorflow as tf

    w = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    w[0, 0] = 0
    ours, theirs = getattr(regularizers, name)(*arguments), getattr(keras.regularizers, name)(*arguments)
    x = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(x)
        penalty = theirs(x)
    assert ours(w) == pytest.approx(float(penalty), rel=1e-6)
    np.testing.assert_allclose(ours.gradient(w), tape.gradient(penalty, x), rtol=1e-6)

"""Initializers: exact bounds, moments within five standard errors, seeds; and Keras's own samples."""

import math

import numpy as np
import pytest

from tinycnn import initializers, utils
from tinycnn.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Ones,
    RandomNormal,
    RandomUniform,
    VarianceScaling,
    Zeros,
    compute_fans,
)

CONVOLUTION = (3, 5, 16, 64)  # fans 240 and 960
DENSE = (200, 300)

# Variance of the weights as the papers give it, from the two fans.
VARIANCES = {
    GlorotUniform: lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    GlorotNormal: lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    HeUniform: lambda fan_in, fan_out: 2 / fan_in,
    HeNormal: lambda fan_in, fan_out: 2 / fan_in,
    LecunUniform: lambda fan_in, fan_out: 1 / fan_in,
    LecunNormal: lambda fan_in, fan_out: 1 / fan_in,
}
# E[x⁴]/σ⁴ - 1 of the two distributions: what the standard error of a sample variance is made of.
# Uniform: 9/5 - 1. Normal truncated at ±2, by its moments: φ and Φ of the standard normal.
PHI2, MASS = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
SECOND = 1 - 4 * PHI2 / MASS
FOURTH = 3 * SECOND - 16 * PHI2 / MASS
SPREAD = {"uniform": 0.8, "normal": FOURTH / SECOND**2 - 1}


def kind(cls):
    return "uniform" if "Uniform" in cls.__name__ else "normal"


def limit(cls, variance):
    return math.sqrt(3 * variance) if kind(cls) == "uniform" else 2 * math.sqrt(variance / SECOND)


@pytest.mark.parametrize("cls", VARIANCES)
@pytest.mark.parametrize(("shape", "fans"), [(DENSE, (200, 300)), (CONVOLUTION, (240, 960))])
def test_mean_variance_and_bounds(cls, shape, fans):
    w = cls()(shape, np.random.default_rng(5), "float64")
    variance = VARIANCES[cls](*fans)
    assert w.shape == shape
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 5 * math.sqrt(SPREAD[kind(cls)] / w.size)
    bound = limit(cls, variance)
    # The largest of 46,000 values or more comes within 1 % of a uniform's bound, 5 % of a truncated normal's.
    assert (0.99 if kind(cls) == "uniform" else 0.95) * bound < np.abs(w).max() <= bound


def test_constant_of_the_truncated_normal():
    assert pytest.approx(math.sqrt(SECOND), rel=1e-12) == initializers._STDDEV_OF_TRUNCATED_NORMAL


@pytest.mark.parametrize("cls", [GlorotUniform, GlorotNormal])
def test_halves_of_the_distribution(cls):
    """The share of values within half the bound: 1/2 where uniform, 0.6827/0.9545 where truncated normal."""
    w = cls()(DENSE, np.random.default_rng(5), "float64")
    share = np.mean(np.abs(w) < limit(cls, 2 / 500) / 2)
    expected = 0.5 if cls is GlorotUniform else math.erf(math.sqrt(0.5)) / MASS
    assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / w.size)


def test_random_normal_and_random_uniform():
    w = RandomNormal(1.0, 0.5)(DENSE, np.random.default_rng(5), "float64")
    assert abs(w.mean() - 1) < 5 * 0.5 / math.sqrt(w.size)
    assert abs(w.var() / 0.25 - 1) < 5 * math.sqrt(2 / w.size)
    assert np.abs(w - 1).max() > 2 * 0.5  # not truncated
    w = RandomUniform(-1.0, 3.0)(DENSE, np.random.default_rng(5), "float64")
    assert -1 <= w.min() < -0.99
    assert 2.99 < w.max() <= 3
    assert abs(w.mean() - 1) < 5 * math.sqrt(16 / 12 / w.size)


def test_defaults_of_random_normal_and_random_uniform():
    assert vars(RandomNormal()) == {"seed": None, "mean": 0.0, "stddev": 0.05}
    assert vars(RandomUniform()) == {"seed": None, "minval": -0.05, "maxval": 0.05}


def test_constants():
    np.testing.assert_array_equal(Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(Ones()((3,), dtype="float64"), np.ones(3))
    np.testing.assert_array_equal(Constant(0.25)((2,)), [0.25, 0.25])
    assert Zeros()((2,)).dtype == np.float32
    assert Ones()((2,), None, "float64").dtype == np.float64


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((7,), (7, 7)), ((7, 3), (7, 3)), ((2, 4, 3, 5), (24, 40)), (CONVOLUTION, (240, 960))],
)
def test_fans(shape, fans):
    assert compute_fans(shape) == fans


def test_same_stream_same_bits_and_dtypes_agree():
    draw = GlorotUniform()
    w = draw((4, 5), np.random.default_rng(1))
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w, draw((4, 5), np.random.default_rng(1)))
    np.testing.assert_array_equal(w, draw((4, 5), np.random.default_rng(1), "float64").astype(np.float32))
    rng = np.random.default_rng(1)
    assert not np.array_equal(draw((4, 5), rng), draw((4, 5), rng))


def test_a_seed_repeats_and_leaves_the_stream_alone():
    draw, rng = HeNormal(seed=3), np.random.default_rng(1)
    first = draw((4, 5), rng)
    np.testing.assert_array_equal(first, draw((4, 5), rng))
    np.testing.assert_array_equal(first, HeNormal(seed=3)((4, 5)))
    assert rng.bit_generator.state == np.random.default_rng(1).bit_generator.state
    assert not np.array_equal(first, HeNormal(seed=4)((4, 5)))


def test_without_a_stream_the_seed_of_the_package_counts():
    utils.set_random_seed(9)
    first, second = GlorotNormal()((4, 5)), GlorotNormal()((4, 5))
    utils.set_random_seed(9)
    np.testing.assert_array_equal(first, GlorotNormal()((4, 5)))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("glorot_uniform", GlorotUniform),
        ("glorot_normal", GlorotNormal),
        ("he_normal", HeNormal),
        ("he_uniform", HeUniform),
        ("lecun_normal", LecunNormal),
        ("lecun_uniform", LecunUniform),
        ("zeros", Zeros),
        ("ones", Ones),
        ("constant", Constant),
        ("random_normal", RandomNormal),
        ("random_uniform", RandomUniform),
        ("variance_scaling", VarianceScaling),
    ],
)
def test_get(name, cls):
    assert type(initializers.get(name)) is cls
    assert type(initializers.get(cls.__name__)) is cls
    assert type(initializers.get(cls)) is cls
    mine = cls()
    assert initializers.get(mine) is mine
    assert repr(mine).startswith(cls.__name__ + "(")


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"^initializer: expected one of .*'glorot_unform'\. Did you mean 'glorot_unif"
    ):
        initializers.get("glorot_unform")
    with pytest.raises(TypeError, match=r"^initializer: expected a name or an Initializer, received None\. Pass for"):
        initializers.get(None)
    with pytest.raises(TypeError, match=r"^HeNormal: expected an integer seed, received 'a'\. Pass for example 42\.$"):
        HeNormal(seed="a")
    with pytest.raises(ValueError, match=r"^HeNormal: expected seed >= 0, received -1\. Pass for example 42\.$"):
        HeNormal(seed=-1)
    with pytest.raises(TypeError, match=r"^Constant: expected value to be a number, received None\. Pass"):
        Constant(None)
    with pytest.raises(ValueError, match=r"^RandomNormal: expected a finite mean, received inf\. Pass"):
        RandomNormal(mean=math.inf)
    with pytest.raises(ValueError, match=r"^RandomNormal: expected stddev >= 0, received -1\. Pass"):
        RandomNormal(stddev=-1)
    with pytest.raises(ValueError, match=r"^RandomUniform: expected minval <= maxval, received 1 and 0\. Exchange"):
        RandomUniform(1, 0)
    with pytest.raises(ValueError, match=r"^VarianceScaling: expected scale > 0, received 0\. Pass"):
        VarianceScaling(0)
    with pytest.raises(ValueError, match=r"^VarianceScaling mode: expected one of .*'fan_inn'\. Did you mean 'fan_in'"):
        VarianceScaling(mode="fan_inn")
    with pytest.raises(ValueError, match=r"^VarianceScaling distribution: expected one of .*received 'unifrom'\. Did"):
        VarianceScaling(distribution="unifrom")


@pytest.mark.keras
@pytest.mark.parametrize("cls", VARIANCES)
@pytest.mark.parametrize("shape", [DENSE, CONVOLUTION])
def test_bounds_and_variance_are_keras(cls, shape):
    import keras

    theirs = np.asarray(getattr(keras.initializers, cls.__name__)(seed=1)(shape))
    ours = cls(seed=1)(shape)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.06)
    # Two independent sample variances: five standard errors of their ratio.
    assert abs(ours.var() / theirs.var() - 1) < 5 * math.sqrt(2 * SPREAD[kind(cls)] / ours.size)

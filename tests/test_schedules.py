"""Schedules of the learning rate: Keras's numbers step by step, files, and what `optimizer.learning_rate` can do."""

import copy
import json
import math
import pickle
import re

import numpy as np
import pytest

from tinycnn import keras as keras_names
from tinycnn.keras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from tinycnn.keras.optimizers import SGD, Adam, schedules
from tinycnn.serialization import serialize

CASES = [
    ("ExponentialDecay", (0.1, 20, 0.9), {}),
    ("ExponentialDecay", (0.1, 7, 0.5), {"staircase": True, "name": "mine"}),
    ("InverseTimeDecay", (0.1, 20, 0.9), {}),
    ("InverseTimeDecay", (0.1, 7, 2.5), {"staircase": True}),
    ("PiecewiseConstantDecay", ([5, 20], [0.1, 0.05, 0.001]), {}),
    ("PiecewiseConstantDecay", ([5.5], [0.1, 1.0]), {}),
    ("PolynomialDecay", (0.1, 20), {}),
    ("PolynomialDecay", (0.1, 20, 0.01, 2.5), {}),
    ("PolynomialDecay", (0.1, 9, 0.01), {"cycle": True}),
    ("CosineDecay", (0.1, 30), {}),
    ("CosineDecay", (0.01, 30, 0.25), {"warmup_target": 0.1, "warmup_steps": 7}),
    ("CosineDecayRestarts", (0.1, 5), {}),
    ("CosineDecayRestarts", (0.1, 4, 3.0, 0.5, 0.125), {}),
    ("CosineDecayRestarts", (0.1, 6), {"t_mul": 1.0, "m_mul": 0.5}),
    ("CosineDecayRestarts", (0.1, 7), {"t_mul": 1.5}),
]
IDS = [f"{name}-{arguments}-{options}" for name, arguments, options in CASES]
ALL_CASES = pytest.mark.parametrize(("name", "arguments", "options"), CASES, ids=IDS)


def make(k, name, arguments, options):
    return getattr(k.optimizers.schedules, name)(*arguments, **options)


# Values worked out by hand


def test_some_values():
    half = schedules.ExponentialDecay(0.1, 10, 0.5)
    assert [half(t) for t in (0, 10, 20)] == pytest.approx([0.1, 0.05, 0.025])
    assert half(5) == pytest.approx(0.1 * math.sqrt(0.5))
    assert schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)(19) == pytest.approx(0.05)
    assert schedules.InverseTimeDecay(0.1, 10, 3.0)(10) == pytest.approx(0.025)
    steps = schedules.PiecewiseConstantDecay([2, 4], [3.0, 2.0, 1.0])
    assert [float(steps(t)) for t in range(6)] == [3, 3, 3, 2, 2, 1]
    line = schedules.PolynomialDecay(1.0, 4, end_learning_rate=0.0)
    assert [float(line(t)) for t in range(6)] == [1, 0.75, 0.5, 0.25, 0, 0]
    wave = schedules.CosineDecay(1.0, 4, alpha=0.5)
    assert [float(wave(t)) for t in (0, 2, 4, 9)] == pytest.approx([1, 0.75, 0.5, 0.5])
    warm = schedules.CosineDecay(0.0, 4, warmup_target=1.0, warmup_steps=2)
    assert [float(warm(t)) for t in (0, 1, 2, 4, 6)] == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-7)
    again = schedules.CosineDecayRestarts(1.0, 2, m_mul=0.5)  # waves of 2, 4, 8 steps
    assert [float(again(t)) for t in (0, 1, 2, 4, 6, 10)] == pytest.approx([1, 0.5, 0.5, 0.25, 0.25, 0.125])


# In an optimizer


def small(optimizer, k=keras_names):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(2)])
    model.compile(optimizer, "mse")
    return model


RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(24, 3)), RNG.normal(size=(24, 2))


def test_an_optimizer_follows_its_schedule():
    optimizer = SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    model = small(optimizer)
    assert optimizer.learning_rate == 0.5
    rates = []
    for _ in range(2):
        before, rate = model.layers[0].kernel.value.copy(), float(optimizer.learning_rate)
        model.train_on_batch(X, Y)
        np.testing.assert_allclose(model.layers[0].kernel.value, before - rate * model.layers[0].kernel.grad, rtol=1e-6)
        rates.append(rate)
    assert rates == [0.5, 0.25]
    assert repr(optimizer) == "<SGD learning_rate=0.25, iterations=2>"


def test_a_schedule_of_ones_own():
    class Third(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1 / (step + 3)

    optimizer = Adam(Third())
    optimizer.iterations = 3
    assert optimizer.learning_rate == 1 / 6


def test_a_schedule_that_comes_to_no_rate():
    optimizer = SGD(schedules.PolynomialDecay(0.1, 10, end_learning_rate=-1.0))
    optimizer.iterations = 10
    with pytest.raises(
        ValueError, match=r"^SGD: expected learning_rate >= 0, received -1\.0\. Pass for example 0\.001"
    ):
        small(optimizer).train_on_batch(X, Y)


NOT_SETTABLE = (
    "SGD: expected nothing to set a learning rate that follows a schedule, received 0.1. Make the optimizer with a "
    "number, learning_rate=0.001, to change it later."
)


def test_a_scheduled_rate_cannot_be_set_to_a_number():
    optimizer = SGD(schedules.ExponentialDecay(0.5, 10, 0.5))
    for attempt in (lambda: setattr(optimizer, "learning_rate", 0.1), lambda: optimizer.learning_rate.assign(0.1)):
        with pytest.raises(TypeError, match=f"^{re.escape(NOT_SETTABLE)}$"):
            attempt()
    assert optimizer.learning_rate == 0.5
    optimizer.learning_rate = schedules.ExponentialDecay(0.25, 10, 0.5)
    assert optimizer.learning_rate == 0.25


@pytest.mark.parametrize(
    "callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss", 0.2, patience=0, min_delta=1e9)]
)
def test_callbacks_cannot_set_it_either(callback):
    model = small(SGD(schedules.PiecewiseConstantDecay([10**6], [0.5, 0.25])))
    with pytest.raises(TypeError, match=r"^SGD: expected nothing to set a learning rate that follows a schedule"):
        model.fit(X, Y, epochs=9, verbose=0, callbacks=[callback])


def test_copies_go_on_with_the_schedule():
    model = small(Adam(schedules.CosineDecay(0.5, 10)))
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.optimizer.learning_rate == model.optimizer.learning_rate != 0.5
        assert other.optimizer.schedule is not model.optimizer.schedule


# A rate that is a number


def test_the_rate_is_a_number_with_kerass_methods():
    optimizer = SGD(0.5)
    rate = optimizer.learning_rate
    assert rate == float(rate) == 0.5
    assert isinstance(rate, float)
    assert np.asarray(rate).dtype == "float64"
    assert repr(rate.numpy()) == repr(np.float32(0.5))
    assert rate.assign(0.25) == optimizer.learning_rate == 0.25
    optimizer.learning_rate = np.array(0.125)
    assert optimizer.learning_rate == 0.125
    assert json.dumps(optimizer.learning_rate) == "0.125"
    assert type(copy.deepcopy(rate)) is type(pickle.loads(pickle.dumps(rate))) is float
    with pytest.raises(ValueError, match=r"^SGD: expected learning_rate >= 0, received -1\."):
        rate.assign(-1)


def test_histories_hold_plain_numbers():
    model = small(SGD(0.5))
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: lr / 2)]).history
    assert history["learning_rate"] == [0.25, 0.125]
    assert {type(rate) for rate in history["learning_rate"]} == {float}
    history = model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau("loss")]).history
    assert {type(rate) for rate in history["learning_rate"]} == {float}


def test_decay_is_ignored_with_a_warning():
    text = "SGD: expected no decay, which Keras 3 does not have, received one, which is ignored. Pass learning_rate="
    text += "schedules.InverseTimeDecay(learning_rate, 1, decay)."
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$") as caught:
        optimizer = SGD(0.5, decay=0.1)
    assert caught[0].filename == __file__
    assert optimizer.learning_rate == 0.5


# Bad arguments


@pytest.mark.parametrize(
    ("attempt", "text"),
    [
        (
            lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
            "ExponentialDecay: expected decay_steps > 0, received 0. Pass for example 1000.",
        ),
        (
            lambda: schedules.CosineDecay("0.1", 10),
            "CosineDecay: expected initial_learning_rate to be a finite number, received '0.1'. Pass for example 0.1.",
        ),
        (
            lambda: schedules.PolynomialDecay(0.1, 10, power=math.nan),
            "PolynomialDecay: expected power to be a finite number, received nan. Pass for example 0.1.",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
            "PiecewiseConstantDecay: expected one value more than there are boundaries, received 2 boundaries and 2 "
            "values. The last value has no end.",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
            "PiecewiseConstantDecay: expected boundaries that grow, received [2, 1]. Sort them.",
        ),
        (
            lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5),
            "CosineDecayRestarts: expected t_mul >= 1, received 0.5. Shorter and shorter waves have an end.",
        ),
    ],
)
def test_bad_arguments(attempt, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        attempt()


def test_unknown_schedules_in_files():
    with pytest.raises(ValueError, match=r"^learning rate schedule: expected one of .*received 'Exponential'"):
        schedules.deserialize({"class_name": "Exponential", "config": {}})


@ALL_CASES
def test_configs_come_back(name, arguments, options):
    schedule = make(keras_names, name, arguments, options)
    config = json.loads(json.dumps(Adam(schedule).get_config()))
    assert config["learning_rate"]["module"] == "keras.optimizers.schedules"
    other = Adam.from_config(config)
    assert [float(other.schedule(t)) for t in range(60)] == [float(schedule(t)) for t in range(60)]
    assert json.loads(json.dumps(other.get_config())) == config


# Live Keras


@pytest.mark.keras
@ALL_CASES
def test_every_step_is_kerass(keras, name, arguments, options):
    mine, theirs = (make(k, name, arguments, options) for k in (keras_names, keras))
    for t in range(100):
        expected = float(theirs(np.int64(t)))
        assert float(mine(t)) == pytest.approx(expected, rel=1e-6, abs=1e-8), t


@pytest.mark.keras
@ALL_CASES
def test_configs_are_kerass(keras, name, arguments, options):
    def as_json(schedule, serialized):
        return json.loads(json.dumps(serialized(schedule)))

    mine = as_json(make(keras_names, name, arguments, options), serialize)
    theirs = make(keras, name, arguments, options)
    assert mine == as_json(theirs, keras.optimizers.schedules.serialize)
    assert keras.optimizers.schedules.deserialize(mine)(7) == theirs(7)


@pytest.mark.keras
def test_ten_steps_on_a_schedule_are_kerass(keras):
    mine, theirs = (
        small(k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)), k) for k in (keras_names, keras)
    )
    mine.set_weights(theirs.get_weights())
    for _ in range(10):
        assert mine.train_on_batch(X, Y) == pytest.approx(float(theirs.train_on_batch(X, Y)), rel=1e-5)
        for one, two in zip(mine.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)
    assert mine.optimizer.learning_rate == pytest.approx(float(theirs.optimizer.learning_rate), rel=1e-6)

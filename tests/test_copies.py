"""Copies by copy.deepcopy and pickle: they go on as the original would, and share nothing with it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from tinycnn import FAST, REFERENCE, Sequential, kernels, losses, models
from tinycnn.callbacks import EarlyStopping, ModelCheckpoint
from tinycnn.initializers import HeNormal
from tinycnn.layers import Dense, Input
from tinycnn.metrics import BinaryAccuracy
from tinycnn.optimizers import SGD, Adam, RMSprop
from tinycnn.regularizers import L2

WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda it: pickle.loads(pickle.dumps(it))}
RNG = np.random.default_rng(5)
X = RNG.random((40, 28, 28, 1), dtype="float32")
Y = RNG.integers(0, 10, 40)


@pytest.fixture(params=WAYS)
def copied(request):
    return WAYS[request.param]


def trained(make: Any, **options: Any) -> Sequential:
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    model.fit(X, Y, batch_size=10, verbose=0)
    return model


def same(one: Sequential, other: Sequential) -> None:
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_equal(one.optimizer.slots, other.optimizer.slots)


@pytest.mark.parametrize("set_name", ["fast", "reference"])
@pytest.mark.parametrize("make", [models.plain, models.dropout, models.batch_normalization])
def test_a_models_copy_goes_on_alike(make, set_name, copied):
    model = trained(make, kernels=set_name)
    twin = copied(model)
    same(model, twin)
    assert twin.history.history == model.history.history
    assert twin.history.model is twin
    before = model.get_weights()
    theirs = twin.fit(X, Y, batch_size=10, epochs=2, verbose=0).history  # shuffled, with masks: the same streams
    for weight, start in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, start)
    mine = model.fit(X, Y, batch_size=10, epochs=2, verbose=0).history
    assert mine == theirs
    same(model, twin)
    assert twin.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_model_that_is_not_built_or_not_compiled(copied):
    twin = copied(Sequential([Dense(3)]))
    twin.build((None, 2))
    assert twin.count_params() == 9
    assert copied(Sequential([Input((2,)), Dense(3)])).predict(np.zeros((1, 2)), verbose=0).shape == (1, 3)


def test_a_layer_between_forward_and_backward(copied):
    layer = Dense(3, activation="tanh", kernel_initializer=HeNormal(), kernel_regularizer=L2(0.1))
    layer.build((None, 4))
    x, dy = RNG.normal(size=(5, 4)).astype("float32"), RNG.normal(size=(5, 3)).astype("float32")
    layer.forward(x, training=True)
    twin = copied(layer)
    np.testing.assert_array_equal(twin.backward(dy), layer.backward(dy))
    np.testing.assert_array_equal(twin.kernel.grad, layer.kernel.grad)
    assert twin.kernel is twin.parameters[0]
    assert not np.shares_memory(twin.kernel.value, layer.kernel.value)
    assert twin.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("cls", "options"),
    [(SGD, {"momentum": 0.9, "nesterov": True}), (RMSprop, {"centered": True}), (Adam, {"amsgrad": True})],
)
def test_an_optimizer(cls, options, copied):
    model, optimizer = models.plain(), cls(**options)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    twin = copied(optimizer)
    assert twin.get_config() == optimizer.get_config()
    assert twin.iterations == optimizer.iterations
    assert twin.kernels is optimizer.kernels
    np.testing.assert_equal(twin.slots, optimizer.slots)


@pytest.mark.parametrize(
    "thing",
    [
        losses.SparseCategoricalCrossentropy(from_logits=True),
        losses.BinaryCrossentropy(label_smoothing=0.1),
        HeNormal(seed=1),
        L2(0.5),
        BinaryAccuracy(threshold=0.3),
        EarlyStopping(patience=2),
        ModelCheckpoint("m.keras"),
        Input((2, 2, 1)),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_everything_else_that_a_program_holds(thing, copied):
    twin = copied(thing)
    assert type(twin) is type(thing)
    if hasattr(thing, "get_config"):
        assert twin.get_config() == thing.get_config()


def test_a_history(copied):
    history = trained(models.plain).history
    twin = copied(history)
    assert (twin.history, twin.epoch, twin.params) == (history.history, history.epoch, history.params)


def test_the_sets_of_kernels_are_themselves(copied):
    assert copied(FAST) is FAST
    assert copied(REFERENCE) is REFERENCE


def test_a_set_of_kernels_of_ones_own_is_not_pickled():
    import dataclasses

    own = dataclasses.replace(REFERENCE, name="own")
    assert copy.deepcopy(own) is own
    text = "expected one of tinycnn's own sets of kernels, fast, reference, received 'own'"
    with pytest.raises(TypeError, match=text):
        pickle.dumps(own)
    assert set(kernels.SETS) == {"fast", "reference"}

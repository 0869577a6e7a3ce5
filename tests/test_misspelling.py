"""Attributes that are assigned under a name close to a known one: an error. All others: the user's own."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest

from tinycnn import Sequential, callbacks, initializers, losses, metrics, optimizers, regularizers
from tinycnn.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D


def model() -> Sequential:
    return Sequential([Input(shape=(4,)), Dense(3)])


CASES: list[tuple[Any, str, str]] = [
    (lambda: optimizers.SGD(0.1), "lr", "learning_rate"),
    (lambda: optimizers.Adam(), "lr", "learning_rate"),
    (lambda: optimizers.Adam(), "decay", "learning_rate"),
    (lambda: optimizers.Adam(), "learning_rte", "learning_rate"),
    (lambda: optimizers.Adam(), "beta1", "beta_1"),
    (lambda: optimizers.SGD(), "momentun", "momentum"),
    (lambda: optimizers.AdamW(), "weight_decy", "weight_decay"),
    (lambda: Dense(3), "trainabel", "trainable"),
    (lambda: Dense(3), "unit", "units"),
    (lambda: Dense(3), "actvation", "activation"),
    (lambda: Dropout(0.5), "rates", "rate"),
    (lambda: Conv2D(2, 3), "stride", "strides"),
    (lambda: MaxPooling2D(), "poolsize", "pool_size"),
    (lambda: BatchNormalization(), "epsilion", "epsilon"),
    (lambda: Activation("relu"), "Trainable", "trainable"),
    (lambda: Flatten(), "kernals", "kernels"),
    (model, "trainabel", "trainable"),
    (model, "stop_trainning", "stop_training"),
    (model, "optimiser", "optimizer"),
    (lambda: losses.CategoricalCrossentropy(), "label_smothing", "label_smoothing"),
    (lambda: losses.BinaryCrossentropy(), "from_logit", "from_logits"),
    (lambda: metrics.BinaryAccuracy(), "treshold", "threshold"),
    (lambda: metrics.Mean(), "directon", "direction"),
    (lambda: callbacks.EarlyStopping(), "patiance", "patience"),
    (lambda: callbacks.History(), "stat_attributes", "state_attributes"),
    (lambda: initializers.get("he_normal"), "sed", "seed"),
    (lambda: regularizers.L1L2(0.1), "l_1", "l1"),
]


@pytest.mark.parametrize(("make", "name", "meant"), CASES)
def test_a_misspelt_attribute_is_an_error_that_names_the_near_one(make, name, meant):
    thing = make()
    assert hasattr(thing, meant)
    who = vars(thing).get("name", type(thing).__name__)
    before = dict(vars(thing))
    with pytest.raises(AttributeError) as caught:
        setattr(thing, name, 0)
    assert str(caught.value) == (
        f"{who}: expected an attribute that {type(thing).__name__} has, received {name!r}. Did you mean {meant!r}? "
        "Give an attribute of your own a name that differs more."
    )
    assert vars(thing) == before
    setattr(thing, meant, getattr(thing, meant))


@pytest.mark.parametrize("make", [case[0] for case in CASES])
def test_attributes_of_the_users_own(make):
    thing = make()
    for name in ("tag", "note", "color", "index", "owner", "_trainabel", "my_learning_rate_history", "images"):
        setattr(thing, name, 1)
        assert getattr(thing, name) == 1
        setattr(thing, name, 2)


def test_a_layers_own_rate_of_learning_is_not_an_optimizers():
    layer = Dense(3)
    layer.lr = 0.1  # some keep a factor for each layer
    assert layer.lr == 0.1


class Own(Dropout):
    """Its own attributes resemble Dropout's."""

    def __init__(self, rate: float, **options: Any):
        self.rates = [rate, rate / 2]
        super().__init__(rate, **options)
        self.seeds = [1, 2]

    def _build(self, input_shape: Any, rng: Any) -> Any:
        self.noise_shapes = [input_shape]
        [setattr(self, name, 0) for name in ("trainables", "namez")]
        return super()._build(input_shape, rng)

    def forward(self, x: Any, training: bool = False) -> Any:
        self.output_shapes = x.shape
        return super().forward(x, training)

    @classmethod
    def make(cls) -> Own:
        own = cls(0.5)
        own.input_shapes = []
        return own


def test_a_subclass_may_set_what_it_likes():
    own = Own(0.5)
    own(np.ones((2, 3)))
    assert own.rates == [0.5, 0.25]
    assert (own.seeds, own.output_shapes, own.noise_shapes) == ([1, 2], (2, 3), [(None, 3)])
    own.rates = []  # it has the attribute now
    assert Own.make().input_shapes == []
    with pytest.raises(AttributeError, match=re.escape("received 'kernelz'. Did you mean 'kernels'")):
        own.kernelz = 1


def test_inside_a_callback_a_models_misspelt_switch_is_found():
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs_so_far = epoch
            self.model.stop_trainning = True

    net = model()
    net.compile("sgd", "mse")
    with pytest.raises(AttributeError, match=re.escape("received 'stop_trainning'. Did you mean 'stop_training'?")):
        net.fit(np.ones((2, 4)), np.ones((2, 3)), epochs=2, callbacks=[Stop()], verbose=0)


def test_copies_and_pickles_of_own_attributes():
    for thing in (Own.make(), optimizers.SGD(0.1), losses.MeanSquaredError(), callbacks.History()):
        thing.tag = "mine"
        twin: Any = copy.deepcopy(thing, {id(getattr(thing, "kernels", None)): getattr(thing, "kernels", None)})
        assert twin.tag == "mine"
        with pytest.raises(AttributeError, match="Did you mean"):
            twin.nam = twin.pram = twin.param = 1
    loss = pickle.loads(pickle.dumps(losses.CategoricalCrossentropy(label_smoothing=0.1)))
    assert loss.label_smoothing == 0.1
    with pytest.raises(AttributeError, match="Did you mean 'label_smoothing'"):
        loss.label_smoothin = 0.2

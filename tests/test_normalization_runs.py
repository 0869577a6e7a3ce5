"""The networks and runs of the tutorial on batch normalization: pairs start alike, and a run says what it measured."""

import json
import re

import numpy as np
import pytest

from tinycnn import models
from tinycnn.layers import BatchNormalization, Input
from tinycnn.sequential import Sequential
from tutorials import experiments, normalization
from tutorials.normalization import PLACES, network

OURS = ("same_data", "learning_rates", "batch_sizes", "placement")


def classes(model):
    return [type(layer).__name__ for layer in model.layers]


def test_behind_the_relu_it_is_the_notebooks_network_and_without_it_the_plain_one():
    assert classes(network("after")) == classes(models.batch_normalization())
    assert classes(network("none")) == classes(models.plain())
    assert network("after").count_params() == models.batch_normalization().count_params()
    before = classes(network("before"))
    assert before[:4] == ["Conv2D", "BatchNormalization", "Activation", "MaxPooling2D"]
    assert before[-4:] == ["Dense", "BatchNormalization", "Activation", "Dense"]
    linear = [layer.activation for layer in network("before").layers if "kernel" in layer.params]
    assert linear == ["linear", "linear", "linear", "softmax"]


def test_networks_of_one_seed_begin_with_the_same_kernels():
    found = {}
    for place in PLACES:
        model = network(place, seed=3)
        found[place] = [layer.kernel.value for layer in model.layers if "kernel" in layer.params]
    for place in ("before", "after"):
        for one, other in zip(found["none"], found[place], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (network("none", seed=4).layers[0].kernel.value != found["none"][0]).any()


def test_the_momentum_reaches_every_layer():
    layers = network(momentum=0.9).layers
    assert [layer.momentum for layer in layers if isinstance(layer, BatchNormalization)] == [0.9] * 3


def test_a_place_that_does_not_exist_is_refused():
    text = "network: expected a place of none, before, after, received 'behind'. Choose one of them."
    with pytest.raises(ValueError, match=re.escape(text)):
        network("behind")


@pytest.mark.jit
def test_a_run_keeps_a_number_for_each_setting(few_digits):
    result = normalization.learning_rates("after", 1, rates=[0.001, 0.01], epochs=1, batch_size=16)
    names = {"loss", "accuracy", "test_loss", "test_accuracy", "moving_accuracy", "dead"}
    assert set(result) == names | {"versions"}
    assert all(len(result[name]) == 2 for name in names)
    assert json.loads(json.dumps(result)) == result
    assert normalization.learning_rates("after", 1, rates=[0.001, 0.01], epochs=1, batch_size=16) == result
    assert result["loss"][0] != result["loss"][1]
    by_size = normalization.batch_sizes("none", 1, sizes=[8, 16], epochs=1, learning_rate=0.001)
    assert by_size["moving_accuracy"] == by_size["accuracy"]  # nothing to recompute
    assert by_size["loss"][0] != by_size["loss"][1]


@pytest.mark.jit
def test_exact_statistics_are_measured_beside_the_moving_ones(few_digits):
    result = normalization.batch_sizes("after", 1, sizes=[8], epochs=4, learning_rate=0.001)
    assert result["accuracy"][0] > result["moving_accuracy"][0] + 0.2


@pytest.mark.jit
def test_a_training_that_blows_up_leaves_gaps(few_digits, monkeypatch):
    monkeypatch.setattr(normalization.Sequential, "get_weights", lambda model: [np.array([np.inf])])
    result = normalization.learning_rates("none", 1, rates=[0.001], epochs=1, batch_size=16)
    assert result["accuracy"] == [None]
    assert result["dead"] == [None]


@pytest.mark.jit
def test_the_same_data_are_measured_in_fit_and_after_it(few_digits):
    result = normalization.same_data("tinycnn", 1, 0.99, epochs=4, batch_size=8)
    assert len(result["fit"]["loss"]) == len(result["evaluate"]["accuracy"]) == len(result["exact"]["accuracy"]) == 4
    assert set(result["test"]) == {"loss", "accuracy"}
    assert result["without_start"]["accuracy"][-1] > result["evaluate"]["accuracy"][-1] + 0.2
    assert json.loads(json.dumps(result)) == result
    unwatched = normalization.compiled(network("after", seed=1))  # measuring changes no training
    (x, y), _ = few_digits
    shuffling = np.random.default_rng(1)
    for epoch in range(4):
        order = shuffling.permutation(len(x))
        loss = unwatched.fit(x[order], y[order], 8, epochs=1, shuffle=False, verbose=0).history["loss"][0]
        assert round(loss, 5) == result["fit"]["loss"][epoch]


def test_without_the_start_the_moving_statistics_are_a_mean_of_the_batches_alone():
    layer = BatchNormalization(momentum=0.9, dtype="float64")
    model = Sequential([Input((3,)), layer])
    batches = np.random.default_rng(1).normal(2, 3, (4, 5, 3))
    for batch in batches:
        model.forward(batch, training=True)
    weights = 0.9 ** np.arange(3, -1, -1)
    normalization.without_start(model, 4)
    means, variances = batches.mean(axis=1), batches.var(axis=1)
    np.testing.assert_allclose(layer.moving_mean, weights @ means / weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, weights @ variances / weights.sum(), rtol=1e-6)


@pytest.mark.jit
def test_placement_measures_pairs():
    result = normalization.placement(1, "digits", images=48, epochs=1, batch_size=16, learning_rate=0.001)
    assert set(result) == {"before", "after", "versions"}
    assert result["before"]["loss"] != result["after"]["loss"]


@pytest.mark.parametrize("name", OURS)
def test_the_committed_results_are_whole(name):
    experiment = experiments.EXPERIMENTS[name]
    results = experiments.load(name)
    assert [record["run"] for record in results] == [experiment.runs[key] for key in sorted(experiment.runs)]
    assert all(record["settings"] == experiment.settings for record in results)
    assert all(experiment.describe(record) for record in results)

"""The networks, layers and measurements of tutorial 08, and its verdicts."""

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tinycnn.gradient_check import check_layer
from tinycnn.layers import Add, BatchNormalization, Conv2D, GroupNormalization
from tutorials import experiments, why
from tutorials.why import MovingNoise, PartsNormalization, Prediction, network

OURS = ("why_steps", "why_rates", "why_noise", "why_depth")


# Layers


@pytest.mark.parametrize("layer", [MovingNoise(0.5, 0.25), PartsNormalization(2), PartsNormalization(8)])
def test_the_layers_gradients_are_those_of_their_outputs(layer):
    found = check_layer(layer, (5, 3, 3, 2))
    assert found.passed, found


def test_the_noise_moves_all_images_alike_and_each_step_anew():
    x = np.random.default_rng(0).normal(size=(6, 3, 3, 4)).astype("float32")
    layer = MovingNoise(0.5, 0.25)
    layer.build(x.shape)
    one, other = (layer.forward(x, training=True) for _ in range(2))
    assert layer.forward(x) is x
    for y in (one, other):
        slope = (y[1:] - y[:1]) / (x[1:] - x[:1])  # s, the same for all images and pixels of a channel
        np.testing.assert_allclose(slope, np.broadcast_to(np.median(slope, (0, 1, 2)), slope.shape), rtol=1e-2)
    assert np.abs(one - other).mean() > 0.1


def test_each_part_has_statistics_of_its_own():
    x = np.random.default_rng(0).normal(3, 2, (7, 3, 3, 4)).astype("float32")
    layer, usual = PartsNormalization(3, momentum=0.5), BatchNormalization(momentum=0.5)
    layer.build(x.shape)
    y = layer.forward(x, training=True)
    for part in (y[:3], y[3:6], y[6:]):
        np.testing.assert_allclose(part.mean((0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(part.var((0, 1, 2)), 1, atol=1e-2)
    layer, dy = PartsNormalization(7, momentum=0.5), np.random.default_rng(1).normal(size=x.shape).astype("float32")
    for one in (layer, usual):
        one.build(x.shape)
    np.testing.assert_array_equal(layer.forward(x, training=True), usual.forward(x, training=True))
    np.testing.assert_array_equal(layer.backward(dy), usual.backward(dy))
    np.testing.assert_array_equal(layer.gamma.grad, usual.gamma.grad)
    np.testing.assert_array_equal(layer.moving_variance, usual.moving_variance)
    np.testing.assert_array_equal(layer.forward(x), usual.forward(x))


# Networks


def of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_networks_of_one_seed_begin_with_the_same_kernels():
    kernels = {kind: [layer.kernel.value for layer in of(network(kind, 4, seed=3), Conv2D)] for kind in why.KINDS}
    for kind in why.KINDS:
        for one, other in zip(kernels[kind], kernels["none"], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (network("none", 4, seed=4).layers[1].kernel.value != kernels["none"][0]).any()


def test_a_network_has_as_many_convolutions_skips_and_normalizations_as_it_says():
    model = network("batch", 6, skip=True)
    assert [len(of(model, kind)) for kind in (Conv2D, BatchNormalization, Add)] == [6, 6, 2]
    assert not of(network("none", 6), BatchNormalization) + of(network("none", 6), Add)
    assert [len(of(network("noisy", 4), kind)) for kind in (BatchNormalization, MovingNoise)] == [4, 4]
    groups = [layer.groups for kind in ("layer", "group") for layer in of(network(kind, 4), GroupNormalization)]
    assert groups == [1] * 4 + [why.GROUPS] * 4
    assert [layer.size for layer in of(network("parts", 4, size=5), PartsNormalization)] == [5] * 4
    deviations = {start: network(start=start, seed=1).layers[3].kernel.value.std() for start in why.STARTS}
    assert deviations["he"] > 1.2 * deviations["glorot"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("batsch",),
            "network: expected a kind of none, batch, layer, group, noisy, noisier, parts, received 'batsch'.",
        ),
        (("none", 5), "network: expected an even depth from 4 on, received 5. Blocks have two layers each."),
        (("none", 2), "network: expected an even depth from 4 on, received 2."),
    ],
)
def test_a_network_that_does_not_exist_is_refused(arguments, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        network(*arguments)


# Looking around at a step


def test_along_a_step_on_a_parabola(monkeypatch):
    """L = h·w²/2: the gradient changes by η·h of itself."""
    w, h, rate = np.array([3.0]), 2.0, 0.05
    model = SimpleNamespace(
        parameters=[SimpleNamespace(value=w, shape=(1,))],
        get_weights=lambda: [w.copy()],
        set_weights=lambda weights: np.copyto(w, weights[0]),
        random_streams={},
    )
    monkeypatch.setattr(why, "loss_and_gradient", lambda model, x, y: (0.5 * h * w[0] ** 2, h * w))
    found = why.along_the_step(model, None, None, rate)
    assert w[0] == 3
    assert found["relative_change"] == pytest.approx(4 * rate * h)
    assert found["gradient_change"] == pytest.approx(4 * rate * h * h * 3)
    ends = [0.5 * h * (3 * (1 - factor * rate * h)) ** 2 for factor in why.FACTORS]
    assert found["loss_range"] == pytest.approx(max(ends) - min(ends))


@pytest.mark.jit
@pytest.mark.parametrize("kind", ["none", "noisy"])
def test_looking_around_changes_nothing(kind, few_digits):
    (x, y), _ = few_digits
    one, other = (network(kind, 4, seed=1) for _ in range(2))
    why.along_the_step(one, x, y, 0.1)
    why.gradients_before_and_after(one, x, y, 0.1)
    for model in (one, other):
        why.step_along(model, x, y, 0.1)
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.jit
def test_a_gradient_turns_by_the_steps_of_the_layers_in_front(few_digits):
    (x, y), _ = few_digits
    model = network("none", 4, seed=1)
    assert why.gradients_before_and_after(model, x, y, 0.0) == pytest.approx(1, abs=1e-6)
    assert why.gradients_before_and_after(model, x, y, 0.1) < 0.999
    model.get_layer("dense").kernel.value *= 3  # behind all of them: it makes no step that they could feel
    for layer in why.convolutions(model)[:-1]:
        layer.kernel.value[...] = 0  # nothing arrives: no gradient, no step
    assert why.gradients_before_and_after(model, x, y, 0.1) == pytest.approx(0, abs=1e-6)


def test_the_distance_of_two_distributions():
    before = [(np.array([1.0, 2.0]), np.array([3.0, 4.0]))]
    after = [(np.array([1.0, 5.0]), np.array([7.0, 4.0]))]
    assert why.distance(before, before) == 0
    assert why.distance(before, after) == pytest.approx(math.sqrt((9 + 16) / (9 + 16)))


@pytest.mark.jit
def test_inputs_are_those_of_all_convolutions_but_the_first(few_digits):
    (x, _), _ = few_digits
    given = why.inputs(network("batch", 6, seed=1), x)
    assert len(given) == 5
    assert given[0][0].shape == (8,)


# Runs


@pytest.mark.jit
def test_runs_are_repeatable_and_say_what_they_measured(few_digits):
    arguments = {"seed": 1, "rate": 0.03, "epochs": 1, "batch_size": 32}
    steps = why.steps("noisy", every=1, probe=16, **arguments)
    assert steps == json.loads(json.dumps(why.steps("noisy", every=1, probe=16, **arguments)))
    assert [len(steps[name]) for name in ("at", "shift", "cosine", "loss_range", "relative_change")] == [2] * 5
    depths = why.depths(kinds=["none", "batch"], depths=[4], **arguments)["trainings"]
    assert [(t["depth"], t["start"], t["skip"]) for t in depths["batch"]] == [(4, *remedy) for remedy in why.REMEDIES]
    noise = why.noise(sizes=[32, 2], images=32, **arguments)["trainings"]
    assert len({training["test_loss"] for training in noise}) == 3
    works, breaks_down = why.rates(1, ["none"], [0.03, 1e6], 1, 32)["trainings"]["none"]
    assert len(works["history"]) == 1
    assert 0 <= works["accuracy"] <= 1
    assert breaks_down == {"history": None}


@pytest.mark.parametrize("name", OURS)
def test_the_committed_results_are_whole(name):
    experiment = experiments.EXPERIMENTS[name]
    results = experiments.load(name)
    assert [record["run"] for record in results] == [experiment.runs[key] for key in sorted(experiment.runs)]
    assert all(record["settings"] == experiment.settings for record in results)
    assert all(experiment.describe(record) for record in results)
    assert {int(record["run"]["seed"]) for record in results} == {1, 2, 3, 4, 5}


# Verdicts


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((-1.0, -1.1, -0.9), "supported"), ((1.0, 1.1, 0.9), "contradicted"), ((1.0, -1.0, 0.1), "undecided")],
)
def test_a_verdict_needs_the_whole_interval(values, verdict):
    one = Prediction("who", "what", values, (-math.inf, 0), (0, math.inf))
    assert one.verdict == verdict
    low, high = one.interval
    assert low < np.mean(values) < high


def test_of_quotients_the_logarithms_are_averaged():
    one = Prediction("who", "what", (0.5, 2.0, 1.0), (0, 0.5), (1, math.inf), quotient=True)
    assert one.mean == pytest.approx(1)
    low, high = one.interval
    assert low * high == pytest.approx(1)
    same = Prediction("who", "what", (3.0, 3.0, 3.0), (3 - 1e-9, math.inf), (0, 1), quotient=True)
    assert same.interval == (pytest.approx(3), pytest.approx(3))
    assert same.verdict == "supported"


def test_a_training_that_broke_down_counts_as_one_that_guesses():
    runs = [
        {
            "settings": {"rates": [0.1, 1.0]},
            "trainings": [{"history": [2.0, 1.0], "accuracy": 0.9, "loss": 0.5}, {"history": None}],
        }
    ] * 2
    np.testing.assert_allclose(why.losses_by(runs), [[1.5, math.log(10)]] * 2)
    np.testing.assert_array_equal(why.largest_rates(runs), [0.1, 0.1])
    np.testing.assert_array_equal(why.final(runs, "loss", 7.0), [[0.5, 7.0]] * 2)


def test_every_prediction_has_five_runs_and_a_row_in_the_table():
    found = why.predictions()
    assert all(len(one.values) == 5 for one in found)
    rows = why.table(found).splitlines()
    assert len(rows) == len(found) + 2
    assert len({row.count("|") for row in rows}) == 1

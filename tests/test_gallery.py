"""The gallery: each mistake is wrong where it says, runs can be compared and resumed, files are whole or refused."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tinycnn.gradient_check import check_layer, check_loss
from tinycnn.layers import Dropout
from tutorials import gallery, runs
from tutorials.mistakes import ADAM, ALL, MISTAKES, RIGHT, dx_assigned, pay_all_ties, remember_ties

# Of each mistake the first stage at which it differs, and the layer (or "loss") that the checker finds wrong.
EXPECTED = {
    "bn_without_x_hat": ("gradients", "normalization_2"),
    "bn_constant_statistics": ("gradients", "normalization_2"),
    "bn_zero_dx": ("gradients", "normalization_3"),
    "bn_never_updated": ("inference", None),
    "bn_batch_statistics": ("inference", None),
    "dropout_without_factor": ("forward", None),
    "dropout_left_on": ("inference", None),
    "dropout_mask_anew": ("gradients", "dropout_3"),
    "dropout_mask_forgotten": ("gradients", "dropout_3"),
    "pooling_all_ties": ("gradients", "pooling_2"),
    "pooling_first_pixel": ("gradients", "pooling_2"),
    "conv_dx_flipped": ("gradients", "conv2d_2"),
    "conv_dx_assigned": ("gradients", "conv2d_2"),
    "conv_dkernel_transposed": ("gradients", "conv2d_2"),
    "conv_dkernel_shifted": ("gradients", "conv2d_2"),
    "conv_dkernel_negative": ("gradients", "conv2d_2"),
    "bias_no_gradient": ("gradients", "dense_3"),
    "relu_missing": ("gradients", "dense_3"),
    "relu_leaky": ("gradients", "dense_3"),
    "loss_not_divided": ("gradients", "loss"),
    "loss_not_divided_momentum": ("gradients", "loss"),
    "loss_plus_labels": ("gradients", "loss"),
    "loss_labels_alone": ("gradients", "loss"),
    "momentum_against": ("update", None),
    "adam_uncorrected": ("update", None),
    "adam_without_root": ("update", None),
    "never_cleared": ("update", None),
    "start_at_zero": ("start", None),
}
TINY = {"seeds": [1, 2], "images": 64, "epochs": 2, "batch_size": 32}


@pytest.fixture
def few(monkeypatch):
    """The gallery has few digits to test with."""
    training, (x, y) = gallery.load_digits()
    monkeypatch.setattr(gallery, "load_digits", lambda: (training, (x[:40], y[:40])))


@pytest.fixture(scope="module")
def batch():
    (x, y), _ = gallery.load_digits()
    return x[:16], y[:16]


def passes(model, layer, batch):
    """Whether the checker finds nothing wrong with a layer, or with the loss."""
    if layer == "loss":
        z = np.random.default_rng(0).normal(size=(4, 10))
        return check_loss(model.loss.with_logits(), batch[1][:4], z, entries=10).passed
    one = model.get_layer(layer)
    return check_layer(one, (2, *one.input_shape[1:]), entries=10, directions=1).passed


# The mistakes


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_wrong_where_it_says_and_the_right_network_is_not(name, batch):
    stage, layer = EXPECTED[name]
    mistake = MISTAKES[name]
    assert gallery.first_difference(mistake, batch) == stage
    if layer is not None:
        assert not passes(gallery.network(mistake, 0), layer, batch)


def test_the_right_networks_differ_from_themselves_in_nothing_and_pass(batch):
    for right in RIGHT.values():
        assert gallery.first_difference(right, batch) is None
    model = gallery.network(RIGHT[ADAM], 0)
    assert all(passes(model, layer, batch) for layer in {layer for _, layer in EXPECTED.values()} - {None})


def test_networks_of_a_seed_start_from_the_same_weights():
    right = gallery.network(RIGHT[ADAM], 3).get_weights()
    for name in MISTAKES:
        own = gallery.network(MISTAKES[name], 3).get_weights()
        same = [np.array_equal(*pair) for pair in zip(right, own, strict=True)]
        assert all(same) == (name != "start_at_zero"), name
    assert not np.array_equal(right[0], gallery.network(RIGHT[ADAM], 4).get_weights()[0])


def test_pooling_pays_ties_by_hand():
    x = np.array([[1.0, 3, 0, 0], [3, 2, 0, 0]]).reshape(1, 2, 4, 1)
    y, ties = remember_ties(x, (2, 2), (2, 2))
    assert y.ravel().tolist() == [3, 0]
    dx = pay_all_ties(np.array([5.0, -7.0]).reshape(1, 1, 2, 1), ties, (2, 4), (2, 2), (2, 2))
    assert dx.reshape(2, 4).tolist() == [[0, 5, -7, -7], [5, 0, -7, -7]]


def test_dx_assigned_is_right_where_windows_do_not_overlap(rng):
    dz, kernel = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=(2, 2, 3, 4))
    for strides, size in (((2, 2), (6, 6)), ((1, 1), (4, 4))):
        right = gallery.kernels.REFERENCE.conv2d_backward_input(dz, kernel, size, strides, (1, 1))
        assert np.allclose(dx_assigned(dz, kernel, size, strides, (1, 1)), right) == (strides == (2, 2))


def test_the_cosine_is_that_of_the_gradients(batch):
    def cosine(name):
        return gallery.cosine(ALL[name], 1, gallery.network(ALL[name], 1).get_weights(), batch)

    assert cosine("loss_not_divided") == 1  # longer, in the same direction
    assert 0 < cosine("bn_without_x_hat") < 0.999
    model = gallery.network(MISTAKES["conv_dkernel_negative"], 1)
    own = gallery._gradients(model, *batch)
    right = [-g if p.name == "kernel" and g.ndim == 4 else g for p, g in zip(model.parameters, own, strict=True)]
    one, other = (np.concatenate([g.ravel() for g in gradients]) for gradients in (own, right))
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert cosine("conv_dkernel_negative") == pytest.approx(expected, abs=1e-4)


# A run


def test_a_run_has_its_form_repeats_and_tells_the_checkers_verdict(few, monkeypatch):
    said = {"passed": False, "wrong": [["input", 0.5, "it is zero"]]}
    monkeypatch.setattr(gallery, "checked", lambda mistake: said)
    result = gallery.train("dropout_left_on", **TINY)
    assert set(result["history"]) == set(gallery.CURVES)
    assert all(np.shape(table) == (2, 2) for table in result["history"].values())
    assert np.shape(result["accuracy"]) == np.shape(result["alone"]) == (2,)
    assert result["differs"] == "inference"
    assert result["checker"] == said
    assert result["direction"]["start"] == [1, 1]
    assert json.loads(json.dumps(result)) == result
    assert gallery.train("dropout_left_on", **TINY) == result
    right = gallery.train(ADAM, **TINY)
    assert right["history"]["loss"][0][0] != right["history"]["loss"][1][0]
    assert right["accuracy"] == right["alone"]


def test_a_run_meets_the_same_batches_and_masks_as_the_right_one(few, monkeypatch):
    """What differs in inference alone has the same training loss, to the last digit, while no gradient is wrong."""
    monkeypatch.setattr(gallery, "checked", lambda mistake: {"passed": True, "wrong": []})
    right = gallery.train(ADAM, **{**TINY, "seeds": [2]})
    wrong = gallery.train("bn_never_updated", **{**TINY, "seeds": [2]})
    assert wrong["history"]["loss"] == right["history"]["loss"]
    assert wrong["history"]["val_loss"] != right["history"]["val_loss"]


def test_a_loss_that_is_no_number_any_more_ends_the_curve(few, monkeypatch):
    fits = []

    def fit(self, *arguments, **options):
        fits.append(self)
        if len(fits) == 2:
            raise gallery.LossNotFiniteError("loss: …")
        return SimpleNamespace(history={**{name: [0.25] for name in gallery.CURVES}, "val_loss": [np.inf]})

    monkeypatch.setattr(gallery.Sequential, "fit", fit)
    monkeypatch.setattr(gallery, "checked", lambda mistake: {"passed": True, "wrong": []})
    history = gallery.train(ADAM, **{**TINY, "seeds": [1], "epochs": 3})["history"]
    assert history["loss"] == [[0.25, None, None]]
    assert history["val_loss"] == [[None, None, None]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_checker_catches_every_wrong_gradient_in_the_network(name):
    wrong_gradient = EXPECTED.get(name, (None, None))[1] is not None
    found = gallery.checked(ALL[name])
    assert found["passed"] != wrong_gradient, found


# Files and the command


def record(passed=True, **changes):
    wrong = [] if passed else [["input", 0.5, "follows from a/input: it is zero"]]
    return {
        "history": {name: [[1.0, 0.5], [1.0, 0.25]] for name in gallery.CURVES},
        "accuracy": [0.5, 0.75],
        "alone": [0.5, 0.75],
        "direction": {"start": [1.0, 1.0], "end": [1.0, None]},
        "checker": {"passed": passed, "wrong": wrong},
        "differs": None if passed else "gradients",
        "versions": runs.installed(gallery.PACKAGES),
        "code": runs.code(),
        **changes,
    }


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Runs that take no time; returns the folder of results and the names of what was made."""
    made = []

    def run(function, arguments, threads):
        assert (function, threads) == (gallery.TRAIN, 1)
        made.append(arguments["mistake"])
        return record(arguments["mistake"] in RIGHT, machine={})

    monkeypatch.setattr(runs, "run_in_a_process", run)
    monkeypatch.setattr(gallery, "RESULTS", tmp_path)
    monkeypatch.setattr(gallery, "SETTINGS", TINY)
    return SimpleNamespace(folder=tmp_path, made=made)


def test_the_command_makes_what_is_missing_and_fresh_makes_all(quick, capsys):
    assert gallery.main([]) == 0
    assert sorted(quick.made) == sorted(ALL)
    (quick.folder / "relu_leaky.json").unlink()
    assert gallery.main([]) == 0
    assert quick.made[len(ALL) :] == ["relu_leaky"]
    assert f"{len(ALL) - 1} of {len(ALL)} runs are in {quick.folder}" in capsys.readouterr().out
    assert list(gallery.load(quick.folder)) == list(ALL)
    assert gallery.main(["--fresh"]) == 0
    assert len(quick.made) == 2 * len(ALL) + 1


def test_a_try_out_goes_to_another_folder(quick, monkeypatch, tmp_path):
    monkeypatch.setattr(gallery, "QUICK", tmp_path / "quick")
    monkeypatch.setattr(gallery, "QUICK_SETTINGS", {**TINY, "images": 32})
    assert gallery.main(["--quick"]) == 0
    assert not list(quick.folder.glob("*.json"))
    assert json.loads((tmp_path / "quick" / "relu_leaky.json").read_text())["settings"]["images"] == 32


def test_a_recheck_renews_what_the_checker_says_and_nothing_else(quick, monkeypatch):
    assert gallery.main([]) == 0
    before = gallery.load(quick.folder)["relu_leaky"]
    monkeypatch.setattr(gallery, "checked", lambda mistake: {"passed": False, "wrong": [["a", None, "new words"]]})
    assert gallery.main(["--recheck"]) == 0
    after = gallery.load(quick.folder)["relu_leaky"]
    assert gallery.says(after) == "a: new words"
    assert {**after, "checker": None} == {**before, "checker": None}
    assert len(quick.made) == len(ALL)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda whole: "{", "expected the result of a run, received JSONDecodeError"),
        (lambda whole: json.dumps({**whole, "accuracy": [0.5]}), "received a file that lacks some. Delete it, and"),
        (lambda whole: json.dumps({**whole, "history": {}}), "received a file that lacks some."),
        (lambda whole: json.dumps({**whole, "direction": {"start": [1]}}), "received a file that lacks some."),
        (
            lambda whole: json.dumps({**whole, "history": {**whole["history"], "loss": [[1.0, 0.5]]}}),
            "received a file that lacks some.",
        ),
        (lambda whole: json.dumps({**whole, "alone": ["a", 1]}), "received a file that lacks some."),
        (lambda whole: json.dumps({**whole, "checker": {"passed": True}}), "received a file that lacks some."),
        (lambda whole: json.dumps({**whole, "settings": {}}), "expected a result with the settings of the others"),
    ],
)
def test_a_damaged_file_is_one_sentence(quick, capsys, damage, text):
    assert gallery.main([]) == 0
    path = quick.folder / "relu_leaky.json"
    path.write_text(damage(json.loads(path.read_text())))
    capsys.readouterr()
    assert gallery.main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"python -m tutorials.gallery: {path}: expected ")
    assert text in error
    assert error.count("\n") == 1


def test_a_missing_file_is_named(quick):
    assert gallery.main([]) == 0
    (quick.folder / "relu_leaky.json").unlink()
    text = f"expected 30 results in {quick.folder}, found 29, without 'relu_leaky'. Make them with python -m tutorials"
    with pytest.raises(runs.RunError, match=re.escape(text)):
        gallery.load(quick.folder)


def test_jobs_below_one_are_a_usage_error(capsys):
    with pytest.raises(SystemExit):
        gallery.main(["--jobs", "0"])
    assert "argument --jobs: expected a whole number of at least 1, received 0" in capsys.readouterr().err


# What the files say


def with_ends(loss, val_loss):
    """A record of two seeds whose losses end so."""
    curves = {"loss": [[1.0, end] for end in loss], "val_loss": [[1.0, end] for end in val_loss]}
    return record(history={**record()["history"], **curves})


def test_what_the_losses_show():
    right = with_ends([0.2, 0.4], [0.3, 0.5])
    assert gallery.shown_by_loss(with_ends([0.3, 0.2], [0.5, 0.4]), right) == "no"
    assert gallery.shown_by_loss(with_ends([0.9, 0.3], [0.4, 0.4]), right) == "no"  # in one run alone
    assert gallery.shown_by_loss(with_ends([0.9, 0.3], [0.4, 0.6]), right) == "beside"
    assert gallery.shown_by_loss(with_ends([0.1, 0.1], [0.4, 0.4]), right) == "beside"
    assert gallery.shown_by_loss(with_ends([2.3, 0.3], [0.4, 1.2]), right) == "alone"
    assert gallery.shown_by_loss(with_ends([None, 0.3], [0.4, None]), right) == "alone"


def test_differences_are_paired_and_intervals_hold_for_equal_values():
    difference = gallery.difference(record(accuracy=[0.25, 1.0]), record())
    np.testing.assert_allclose(difference, [-25, 25])
    assert gallery.interval(np.array([0.1, 0.1])) == (0.1, 0.1)
    low, high = gallery.interval(np.array([-1.0, 0.0, 1.0]))
    assert (low, high) == pytest.approx((-2.484, 2.484), abs=1e-3)  # 4.303 / √3


def test_the_checkers_words_are_those_on_what_is_to_blame():
    own = record(False, checker={"passed": False, "wrong": [["b", 1, "follows from a: zero"], ["a", 1, "zero"]]})
    assert gallery.says(own) == "a: zero"
    assert gallery.says(record(False)) == "a/input: it is zero"
    assert gallery.says(record()) == "passed"


def test_the_results_of_the_repository_are_whole_and_agree_with_the_mistakes():
    results = gallery.load()
    assert {name: results[name]["differs"] for name in MISTAKES} == {n: stage for n, (stage, _) in EXPECTED.items()}
    assert {name: results[name]["checker"]["passed"] for name in MISTAKES} == {
        name: layer is None for name, (_, layer) in EXPECTED.items()
    }
    assert sum(path.stat().st_size for path in gallery.RESULTS.iterdir()) < 500_000


def test_dropout_that_is_left_on_changes_inference_alone():
    layer = MISTAKES["dropout_left_on"].layers[Dropout](0.5, seed=1)
    layer.build((None, 100))
    x = np.ones((2, 100), "float32")
    y = layer.forward(x)
    assert set(np.unique(y)) == {0, 2}
    with pytest.raises(RuntimeError):
        layer.backward(x)  # nothing was kept

"""Experiments: what a run measures, that runs of one seed can be compared, and the command."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tutorials import experiments, runs
from tutorials.experiments import Experiment, overfit

SETTINGS = {"data": "digits", "checks": [2, 5], "batch_size": 16}
PARTS = ("loss", "accuracy", "inference_loss", "inference_accuracy", "val_loss", "val_accuracy")


def answer(**arguments):
    """A run that takes no time."""
    return {
        "history": {"loss": [arguments["seed"]]},
        "versions": runs.installed(["tinycnn", "numpy"]),
        "code": runs.code(),
    }


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """An experiment of two runs in this process; returns its folder."""
    made = []

    def run(function, arguments, threads):
        made.append(arguments["seed"])
        return answer(**arguments)

    experiment = Experiment("Why?", "nowhere:run", {"data": "digits"}, {"a": {"seed": 1}, "b": {"seed": 2}}, str)
    monkeypatch.setitem(experiments.EXPERIMENTS, "quick", experiment)
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    monkeypatch.setattr(runs, "run_in_a_process", run)
    return SimpleNamespace(folder=tmp_path / "quick", made=made)


@pytest.mark.jit
def test_a_run_measures_at_each_check_in_both_modes():
    result = overfit("dropout", 40, seed=1, **SETTINGS)
    history = result["history"]
    assert history["step"] == [2, 5]
    assert set(history) == {"step", *PARTS}
    assert all(len(values) == 2 for values in history.values())
    _, (validation, _), _ = experiments.study.load_images("digits", None)
    for key, images in (("inference_accuracy", 40), ("val_accuracy", len(validation))):
        counts = np.multiply(history[key], images)
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)  # shares of the right set
    assert history["val_loss"] != history["inference_loss"]
    assert set(result["versions"]) == set(experiments.PACKAGES)
    assert json.loads(json.dumps(result)) == result
    assert overfit("dropout", 40, seed=1, **SETTINGS) == result
    assert overfit("dropout", 40, seed=2, **SETTINGS) != result


@pytest.mark.jit
def test_an_epoch_is_averaged_once_as_fit_does_and_twice(monkeypatch):
    few, labels = np.random.default_rng(0).random((40, 28, 28, 1)).astype("float32"), np.arange(40) % 10
    monkeypatch.setattr(experiments.study, "load_images", lambda data, images: ((few, labels), None, None))
    history = experiments.progress_line("plain", 1, "digits", 1, 16)["history"]
    order = np.random.default_rng(1).permutation(40)
    network = experiments.study.start_from("plain", 1)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    parts = [order[:16], order[16:32], order[32:]]
    a, b, c = (network.train_on_batch(few[part], labels[part]) for part in parts)
    running = [a, (a + b) / 2, (16 * a + 16 * b + 8 * c) / 40]
    np.testing.assert_allclose(history["loss"], [running[-1]], atol=1e-5)
    np.testing.assert_allclose(history["averaged_twice"], [np.mean(running)], atol=1e-5)
    network = experiments.study.start_from("plain", 1)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    said = network.fit(few[order], labels[order], 16, epochs=1, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history["loss"], said, atol=1e-5)


@pytest.mark.jit
def test_runs_of_one_seed_share_images_batches_and_first_weights(monkeypatch):
    seen = {}

    def watch(name):
        def batches(x, y, size, rng):
            for batch in original(x, y, size, rng):
                seen.setdefault(name, []).append(batch)
                yield batch

        return batches

    def start(name, seed):
        model = start_from(name, seed)
        seen[f"weights of {name}"] = model.get_weights()
        return model

    original, start_from = experiments.shuffled_batches, experiments.study.start_from
    monkeypatch.setattr(experiments.study, "start_from", start)
    for name in ("plain", "dropout"):
        monkeypatch.setattr(experiments, "shuffled_batches", watch(name))
        overfit(name, 40, seed=3, **SETTINGS)
    assert len(seen["plain"]) == 5
    for one, other in zip(seen["plain"], seen["dropout"], strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    for one, other in zip(seen["weights of plain"], seen["weights of dropout"], strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_go_through_all_images_in_an_order_of_each_rounds_own():
    x = np.arange(10)
    batches = experiments.shuffled_batches(x, -x, 4, np.random.default_rng(0))
    rounds = []
    for _ in range(2):
        parts = [next(batches) for _ in range(3)]
        assert [len(images) for images, _ in parts] == [4, 4, 2]
        for images, labels in parts:
            np.testing.assert_array_equal(labels, -images)
        rounds.append(np.concatenate([images for images, _ in parts]))
        assert sorted(rounds[-1]) == list(range(10))
    assert (rounds[0] != rounds[1]).any()


def test_the_last_check_is_three_epochs_of_all_images_for_every_size():
    chosen = experiments.EXPERIMENTS["overfitting"]
    assert chosen.settings["checks"][-1] == 3 * int(np.ceil(50_000 / 32))
    assert len(chosen.runs) == len(experiments.MODELS) * len(experiments.IMAGES) * len(experiments.SEEDS)


def test_the_command_makes_what_is_missing_and_keeps_what_is_there(quick, capsys):
    assert experiments.main(["quick"]) == 0
    assert sorted(quick.made) == [1, 2]
    (quick.folder / "a.json").unlink()
    assert experiments.main(["quick"]) == 0
    assert sorted(quick.made) == [1, 1, 2]
    assert "1 of 2 runs are in" in capsys.readouterr().out
    assert sorted(r["history"]["loss"][0] for r in experiments.load("quick")) == [1, 2]


def test_results_of_other_settings_are_refused(quick, capsys):
    assert experiments.main(["quick"]) == 0
    path = quick.folder / "a.json"
    path.write_text(path.read_text().replace('"digits"', '"mnist"'))
    assert experiments.main(["quick"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        f"python -m tutorials.experiments: {path}: expected a result with the settings of the others,"
    )
    assert "--fresh" in error
    assert experiments.main(["quick", "--fresh"]) == 0


def test_without_mnist_nothing_starts(quick, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "nowhere"))
    experiments.EXPERIMENTS["quick"].settings["data"] = "mnist"
    assert experiments.main(["quick"]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert quick.made == []


def test_ctrl_c_says_that_the_same_command_goes_on(quick, capsys, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "complete", interrupted)
    assert experiments.main(["quick"]) == 130
    assert "stopped. Finished runs are kept; the same command goes on." in capsys.readouterr().err


def test_no_results_are_an_error_that_names_the_command(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"found none\. Make them with python -m tutorials\.experiments overfitting"
    ):
        experiments.load("overfitting", tmp_path)


def test_jobs_below_one_are_a_usage_error(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["overfitting", "--jobs", "0"])
    assert "argument --jobs: expected a whole number of at least 1, received 0" in capsys.readouterr().err

"""Verdicts: the rule, the intervals behind it, and that each claim looks at what it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tutorials import claims, runs, study
from tutorials.claims import CONTRADICTED, SUPPORTED, UNDECIDED, Claim, Evidence

EPOCHS = np.arange(1, 11)


def run(level: float, accuracy: float, rise: float = 0.0, seed: int = 1, training: float = 0.5) -> dict[str, Any]:
    """A record whose validation loss is ``level`` at first and changes by ``rise`` in each epoch."""
    jitter = 1e-4 * seed
    history = {
        "loss": list(training * level / EPOCHS + jitter),
        "val_loss": list(level + rise * EPOCHS + jitter),
        "val_accuracy": [0.99 + jitter] * 10,
        "accuracy": [0.999] * 10,
    }
    return {
        "history": history,
        "training": {"loss": 0.01, "accuracy": 0.999},
        "test": {"loss": level + jitter, "accuracy": accuracy + jitter},
        "calibration": {"count": [0, 10], "confidence": [0.0, 9.0], "correct": [0, 9]},
    }


def results(**models: dict[str, float]) -> dict[tuple[str, str, int], Any]:
    """Five seeds of each model, with a little scatter; what is not named is like plain."""
    plain = {"level": 0.04, "accuracy": 0.99}
    rng = np.random.default_rng(3)
    found = {}
    for name in study.MODELS:
        for seed in range(1, 6):
            record = run(seed=seed, **(plain | models.get(name, {})))
            for values in record["history"].values():
                values[:] = np.array(values) + 1e-6 * rng.standard_normal(10)
            record["test"] = {key: value + 1e-6 * rng.standard_normal() for key, value in record["test"].items()}
            found["tinycnn", name, seed] = record
    return found


def verdict(words: str, found: dict[tuple[str, str, int], Any]) -> str:
    judged = claims.claims(found)
    (verdict,) = [v for claim, v in zip(judged, claims.decide(judged), strict=True) if words in claim.words]
    return verdict


def test_the_interval_is_students() -> None:
    # Student's own example, the additional hours of sleep by hyoscyamine (Biometrika 1908): mean 0.75, s.d. 1.70 (by n)
    hours = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    low, high = claims.t_interval(hours)
    assert (low + high) / 2 == pytest.approx(0.75)
    half = 2.262 * np.std(hours, ddof=1) / math.sqrt(10)  # 2.262: any table of t, 9 degrees of freedom, 95 %
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert np.ptp(claims.t_interval(hours, 0.99)) > high - low


@pytest.mark.parametrize(
    ("low", "high", "for_it", "against_it"),
    [
        (-math.inf, 0, 1.0, 0.0),  # the numbers are about 0.8 … 1.2
        (0, math.inf, 0.0, 1.0),
        (0.5, 1.5, 0.0, 1.0),
        (1, math.inf, 0.5, 0.5),
        (-0.5, 0.5, 1.0, 0.0),
        (1.5, 2, 1.0, 0.0),
    ],
)
def test_two_tests_of_one_range(low: float, high: float, for_it: float, against_it: float) -> None:
    piece = Evidence("x", (0.8, 0.9, 1.0, 1.1, 1.2), low, high)
    assert piece.p_if_outside == pytest.approx(for_it, abs=0.02 if for_it in (0, 1) else 0.3)
    assert piece.p_if_inside == pytest.approx(against_it, abs=0.02 if against_it in (0, 1) else 0.4)


def test_p_is_that_of_the_t_test_without_the_seed_that_matters_most() -> None:
    values = np.array([0.3, -0.1, 0.2, 0.4, 0.15, 0.25])
    all_but_one = [np.delete(values, i) for i in range(len(values))]
    expected = max(stats.ttest_1samp(x, 0.05, alternative="greater").pvalue for x in [values, *all_but_one])
    assert claims.p_above(values, 0.05) == pytest.approx(expected)
    assert expected > stats.ttest_1samp(values, 0.05, alternative="greater").pvalue
    rng = np.random.default_rng(0)
    many = rng.standard_normal((4, 3, 9))
    one_by_one = [[claims.p_above(x, -0.1) for x in row] for row in many]
    np.testing.assert_allclose(claims.p_above(many, -0.1), one_by_one)
    assert claims.p_above([0.5, 0.5, 0.5], 0.5) == 0.5  # no scatter: infinitely sure, or not at all
    assert claims.p_above([0.5, 0.5, 0.5], 0.4) < 1e-12


def test_two_bounds_are_both_kept_or_one_is_passed() -> None:
    values = np.array([0.9, 1.0, 1.1, 1.05, 0.95])
    above, below = claims.p_above(values, 0.8), claims.p_above(-values, -1.3)
    assert claims.p_outside(values, 0.8, 1.3) == max(above, below)
    assert claims.p_inside(values, 1.2, 1.4) == pytest.approx(2 * claims.p_above(-values, -1.2))
    assert claims.p_inside(values, 1.2, math.inf) == pytest.approx(claims.p_above(-values, -1.2))


def test_all_of_a_claims_evidence_has_to_hold() -> None:
    values = (0.8, 0.9, 1.0, 1.1, 1.2)
    good, open_, bad = (Evidence("x", values, *limits) for limits in ((0, 2), (1, 2), (2, 3)))
    assert Claim("", (good, good)).p_if_false == good.p_if_outside
    assert Claim("", (good, open_)).p_if_false == open_.p_if_outside
    assert Claim("", (open_, bad, good)).p_if_true == pytest.approx(3 * bad.p_if_inside)
    assert Claim("", (good, good)).p_if_true == 1.0
    assert claims.decide([Claim("", (good,))]) == [SUPPORTED]
    assert claims.decide([Claim("", (good, bad))]) == [CONTRADICTED]
    assert claims.decide([Claim("", (good, open_))]) == [UNDECIDED]


def test_holm_goes_on_as_long_as_they_are_small() -> None:
    p = np.array([[0.04, 0.01, 0.3, 0.02], [0.013, 0.012, 0.024, 0.9], [0.9, 0.9, 0.9, 0.012]])
    expected = [[False, True, False, False], [True, True, True, False], [False, False, False, True]]
    np.testing.assert_array_equal(claims.holm(p), expected)  # 5 % / 4, / 3, / 2, / 1
    lonely, several = Evidence("x", (0.2, 0.5, 0.3, 0.4, 0.6), 0, math.inf), Evidence("x", (-1.0, 0.0, 1.0), 0, 9)
    assert 0.0125 < lonely.p_if_outside < 0.05 or lonely.p_if_outside < 0.0125
    p_lonely = lonely.p_if_outside
    others = [Claim("", (several,))] * (int(0.05 / p_lonely) + 1)
    assert claims.decide([Claim("", (lonely,))]) == [SUPPORTED]
    assert claims.decide([Claim("", (lonely,)), *others])[0] == UNDECIDED


def test_no_verdict_hangs_on_one_seed() -> None:
    """Leave out any seed, and judge by what is left without that precaution: nothing that was decided changes."""
    rng = np.random.default_rng(1)
    decided = 0
    for shift in (0.1, 0.3, 0.6, 1.0):
        values = shift + 0.5 * rng.standard_normal(12)
        piece = Evidence("x", tuple(values), 0, math.inf)
        if claims.decide([Claim("", (piece,))] * 11)[0] == SUPPORTED:
            decided += 1
            for i in range(len(values)):
                assert stats.ttest_1samp(np.delete(values, i), 0, alternative="greater").pvalue <= 0.05 / 11
    assert 0 < decided < 4
    # one seed that makes all the difference makes none here
    assert Evidence("x", (0.1, -0.1, 0.05, -0.05, 0.0, 30.0), -math.inf, 1).p_if_inside > 0.3


def test_the_smallest_visible_effect_is_seen_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(2)
    piece = Evidence("x", tuple(stats.zscore(rng.standard_normal(30), ddof=1)), 0, math.inf)
    studies = piece.visible(11) + rng.standard_normal((4000, 30))
    p = stats.ttest_1samp(studies, 0, axis=1, alternative="greater").pvalue
    assert np.mean(p <= 0.05 / 11) == pytest.approx(0.8, abs=0.03)


def test_evidence_as_words() -> None:
    assert str(Evidence("loss", (-0.01, -0.02, -0.03), -1, 0)) == "loss −0.0200 [−0.0448, +0.0048]"
    assert str(Evidence("accuracy", (0.1, 0.2, 0.3), 0, 1, "pp")) == "accuracy +0.20 pp [−0.05, +0.45]"
    assert str(Evidence("rise", (1.0, 2.0, 3.0), 0, 1, "%")) == "rise +2.00 % [−0.48, +4.48]"
    assert str(Evidence("ratio", (2.0, 3.0, 4.0), 0, 2, "times")) == "ratio 3.0 [0.5, 5.5]"


def test_pairs_are_runs_of_one_seed() -> None:
    found = results(dropout={"accuracy": 0.992})
    del found["tinycnn", "plain", 2]
    np.testing.assert_allclose(claims.paired(found, claims.test_accuracy, "dropout", "plain"), [0.2] * 4, atol=1e-3)
    assert list(claims.values(found, claims.test_accuracy, "plain")) == [1, 3, 4, 5]
    assert claims.paired(found, claims.test_accuracy, "dropout", "plain", "keras") == ()


def test_measures() -> None:
    record = run(level=0.04, accuracy=0.99, rise=0.001, seed=0)
    assert claims.test_accuracy(record) == pytest.approx(99)
    assert claims.test_loss(record) == pytest.approx(0.04)
    assert claims.calibration_error(record) == pytest.approx(0)
    assert claims.epoch("val_loss", 3)(record) == pytest.approx(0.043)
    assert claims.late_less_early("val_loss")(record) == pytest.approx(0.005)
    assert claims.generalization_gap(record) == pytest.approx(0.9)
    assert claims.validation_over_training(record) == pytest.approx(0.049 / np.mean([0.02 / 8, 0.02 / 9, 0.002]))
    record["history"]["val_loss"] = [9.0] + [0.04, 0.05] * 4 + [0.04]
    # up by a quarter and down by a fifth in turn; the first epoch does not count
    assert claims.swing(record) == pytest.approx(22.5)


def test_the_ratio_of_the_steps_is_that_of_the_benchmark() -> None:
    report = (claims.ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    plain, bn = (
        float(re.search(rf"^\| {name} \| tinycnn \| ([\d.]+) \(", report, re.MULTILINE)[1])  # type: ignore[index]
        for name in ("plain", "batch_normalization")
    )
    assert claims.step_ratio() == pytest.approx(bn / plain, rel=0.01)


BETTER = {"level": 0.03, "accuracy": 0.995}
WORSE = {"level": 0.05, "accuracy": 0.985}


@pytest.mark.parametrize(
    ("words", "for_it", "against_it"),
    [
        ("Dropout does not significantly change", {}, {"dropout": BETTER}),
        ("training loss starts higher", {"dropout": {"training": 1.5}}, {"dropout": {"training": 0.9}}),
        ("Overfitting is not a concern", {"plain": {"rise": -0.001}}, {"plain": {"rise": 0.001}}),
        ("BN significantly improves", {"batch_normalization": BETTER}, {"batch_normalization": WORSE}),
        ("BN speeds up", {"batch_normalization": BETTER}, {"batch_normalization": WORSE}),
        ("consistently lower", {"batch_normalization": BETTER}, {"batch_normalization": WORSE}),
        ("consistently lower", {"batch_normalization": BETTER}, {"batch_normalization": BETTER | {"rise": 0.002}}),
        (
            "track each other",
            {"batch_normalization": {"training": 9.0}},
            {"batch_normalization": {"training": 1.0}},
        ),
        ("generalizes well", {"batch_normalization": BETTER}, {"batch_normalization": WORSE}),
        ("model needs BN", {"batch_normalization": BETTER}, {"batch_normalization": WORSE}),
        ("does not need dropout", {"dropout": WORSE}, {"dropout": BETTER}),
    ],
)
def test_each_claim_can_be_supported_and_can_be_contradicted(
    words: str, for_it: dict[str, dict[str, float]], against_it: dict[str, dict[str, float]]
) -> None:
    assert verdict(words, results(**for_it)) == SUPPORTED
    assert verdict(words, results(**against_it)) == CONTRADICTED


def test_stability_is_the_swing_of_the_validation_loss() -> None:
    found = results()
    for (_, model, seed), record in found.items():
        size = 0.001 * (1 + 0.1 * seed) * (1 if model == "batch_normalization" else 5)
        record["history"]["val_loss"] = [0.04 + size * (i % 2) for i in range(10)]
    assert verdict("stabilizes", found) == SUPPORTED
    swapped = {"plain": "batch_normalization", "batch_normalization": "plain"}
    other = {(who, swapped.get(model, model), seed): record for (who, model, seed), record in found.items()}
    assert verdict("stabilizes", other) == CONTRADICTED


def test_the_table_has_a_row_for_each_claim() -> None:
    claim = Claim(
        "It works", (Evidence("loss", (-0.01, -0.02, -0.03), -1, 0), Evidence("x", (1.0, 1.1, 1.0), 0, 2, "pp"))
    )
    assert claims.table([claim]).splitlines()[2] == (
        "| It works | undecided | loss −0.0200 [−0.0448, +0.0048]; x +1.03 pp [+0.89, +1.18] | 0.0230; 0.13 pp |"
    )


def test_the_table_is_put_in_place_of_the_old_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for (framework, model, seed), record in results(dropout=BETTER).items():
        own = {"framework": framework, "model": model, "seed": seed}
        runs.write(tmp_path / f"{model}-{seed}.json", {"run": own, "settings": {}, "versions": {}} | record)
    text = tmp_path / "README.md"
    text.write_text("Before.\n\n| the notebook says | of old |\n|---|---|\n| an old row |\n\nAfter | it.\n")
    for _ in range(2):
        assert claims.main(["--results", str(tmp_path), "--write", str(text)]) == 0
        printed = capsys.readouterr().out
        assert text.read_text() == f"Before.\n\n{printed}\nAfter | it.\n"
    assert printed.count("\n") == 13
    text.write_text("No table.")
    with pytest.raises(
        ValueError, match=r"claims: expected one table that begins '\| the notebook says \|', found 0\. Put that line"
    ):
        claims.main(["--results", str(tmp_path), "--write", str(text)])


@pytest.mark.parametrize("spoil", ["two seeds", "two epochs", "no dropout"])
def test_a_study_that_is_too_small_is_told_so(tmp_path: Path, spoil: str, capsys: pytest.CaptureFixture[str]) -> None:
    for (framework, model, seed), record in results().items():
        if (spoil == "two seeds" and seed > 2) or (spoil == "no dropout" and model == "dropout"):
            continue
        if spoil == "two epochs":
            record["history"] = {key: values[:2] for key, values in record["history"].items()}
        own = {"framework": framework, "model": model, "seed": seed}
        runs.write(tmp_path / f"{model}-{seed}.json", {"run": own, "settings": {}, "versions": {}} | record)
    assert claims.main(["--results", str(tmp_path)]) == 1
    found = {
        "two seeds": "plain, found 2 of 10",
        "two epochs": "plain, found 5 of 2",
        "no dropout": "dropout, found 0 of 0",
    }
    assert capsys.readouterr().err == (
        "python -m tutorials.claims: claims: expected at least three runs of ten epochs of the model "
        f"{found[spoil]}. Make them with python -m tutorials.study.\n"
    )

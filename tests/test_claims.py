"""Verdicts: the rule, the intervals behind it, and that each claim looks at what it says."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tutorials import claims, runs, study
from tutorials.claims import NOT_SUPPORTED, SUPPORTED, WRONG, Claim, Evidence

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
    (claim,) = [claim for claim in claims.claims(found) if words in claim.words]
    return claim.verdict


def test_the_interval_is_students() -> None:
    # Student's own example, the additional hours of sleep by hyoscyamine (Biometrika 1908): mean 0.75, s.d. 1.70 (by n)
    hours = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    low, high = claims.t_interval(hours)
    assert (low + high) / 2 == pytest.approx(0.75)
    half = 2.262 * np.std(hours, ddof=1) / math.sqrt(10)  # 2.262: any table of t, 9 degrees of freedom, 95 %
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert np.ptp(claims.t_interval(hours, 0.99)) > high - low


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-math.inf, 0, WRONG),  # the interval is about 0.8 … 1.2
        (0, math.inf, SUPPORTED),
        (0.5, 1.5, SUPPORTED),
        (1, math.inf, NOT_SUPPORTED),
        (-math.inf, 1, NOT_SUPPORTED),
        (-0.5, 0.5, WRONG),
        (1.5, 2, WRONG),
        (0.9, 1.1, NOT_SUPPORTED),
    ],
)
def test_the_rule(low: float, high: float, expected: str) -> None:
    piece = Evidence("x", (0.8, 0.9, 1.0, 1.1, 1.2), low, high)
    assert 0.75 < piece.interval[0] < 0.85 < 1.15 < piece.interval[1] < 1.25
    assert piece.verdict == expected


def test_a_claim_is_as_strong_as_its_weakest_evidence() -> None:
    values = (0.8, 0.9, 1.0, 1.1, 1.2)
    good, open_, bad = (Evidence("x", values, *limits) for limits in ((0, 2), (1, 2), (2, 3)))
    assert Claim("", (good, good)).verdict == SUPPORTED
    assert Claim("", (good, open_)).verdict == NOT_SUPPORTED
    assert Claim("", (open_, bad, good)).verdict == WRONG


def test_looking_at_more_widens_the_interval() -> None:
    values = (0.1, 0.2, 0.3, 0.4, 0.25)
    one, ten = (Evidence("x", values, 0, math.inf, looked_at=n) for n in (1, 10))
    assert ten.interval == pytest.approx(claims.t_interval(values, 0.995))
    assert one.verdict == SUPPORTED
    assert ten.verdict == NOT_SUPPORTED


def test_evidence_as_words() -> None:
    assert str(Evidence("loss", (-0.01, -0.02, -0.03), -1, 0)) == "loss −0.0200 [−0.0448, +0.0048]"
    assert str(Evidence("accuracy", (0.1, 0.2, 0.3), 0, 1, "pp")) == "accuracy +0.20 pp [−0.05, +0.45]"
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
        ("training loss starts higher", {"dropout": WORSE}, {"dropout": BETTER}),
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
def test_each_claim_can_be_supported_and_can_be_wrong(
    words: str, for_it: dict[str, dict[str, float]], against_it: dict[str, dict[str, float]]
) -> None:
    assert verdict(words, results(**for_it)) == SUPPORTED
    assert verdict(words, results(**against_it)) == WRONG


def test_stability_is_the_swing_of_the_validation_loss() -> None:
    found = results()
    for (_, model, seed), record in found.items():
        size = 0.001 * seed * (1 if model == "batch_normalization" else 5)
        record["history"]["val_loss"] = [0.04 + size * (i % 2) for i in range(10)]
    assert verdict("stabilizes", found) == SUPPORTED
    swapped = {"plain": "batch_normalization", "batch_normalization": "plain"}
    other = {(who, swapped.get(model, model), seed): record for (who, model, seed), record in found.items()}
    assert verdict("stabilizes", other) == WRONG


def test_the_table_has_a_row_for_each_claim() -> None:
    claim = Claim("It works", (Evidence("loss", (-0.01, -0.02, -0.03), -1, 0), Evidence("x", (1.0, 1.1), 0, 2, "pp")))
    assert claims.table([claim]).splitlines()[2] == (
        "| It works | not supported | loss −0.0200 [−0.0448, +0.0048]; x +1.05 pp [+0.41, +1.69] |"
    )


def test_the_table_is_put_in_place_of_the_old_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for (framework, model, seed), record in results(dropout=BETTER).items():
        own = {"framework": framework, "model": model, "seed": seed}
        runs.write(tmp_path / f"{model}-{seed}.json", {"run": own, "settings": {}, "versions": {}} | record)
    text = tmp_path / "README.md"
    text.write_text(f"Before.\n\n{claims.table([])}\n| an old row |\n\nAfter | it.\n")
    for _ in range(2):
        assert claims.main(["--results", str(tmp_path), "--write", str(text)]) == 0
        printed = capsys.readouterr().out
        assert text.read_text() == f"Before.\n\n{printed}\nAfter | it.\n"
    assert printed.count("\n") == 13
    text.write_text("No table.")
    with pytest.raises(
        ValueError, match=r"claims: expected one table that begins '\| the .*', found 0\. Put that line"
    ):
        claims.main(["--results", str(tmp_path), "--write", str(text)])

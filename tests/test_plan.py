"""The plan of the study: made-up studies, in which it is known what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tutorials import claims, plan, study
from tutorials.claims import CONTRADICTED, SUPPORTED

FAMILIES = 600


@pytest.fixture(scope="module")
def family() -> list[claims.Claim]:
    return claims.claims(study.load(study.PILOT))


@pytest.mark.parametrize("truth", ["on the edge", "within the edge", SUPPORTED, CONTRADICTED])
def test_a_wrong_verdict_in_at_most_one_of_twenty_studies(family: list[claims.Claim], truth: str) -> None:
    assert plan.wrong(family, truth, families=FAMILIES) <= 0.05


def test_with_no_effect_at_all_too(family: list[claims.Claim]) -> None:
    """All differences are 0, what is measured of one model stays as in the pilot."""
    of_one_model = ("plain's", "its accuracy", "validation over", "training less")
    at = {c.words: [e.mean if e.measure.startswith(of_one_model) else 0.0 for e in c.evidence] for c in family}
    true = [all(e.low < mean < e.high for e, mean in zip(c.evidence, at[c.words], strict=True)) for c in family]
    assert 0 < sum(true) < len(true)
    found = plan.verdicts(family, at, len(study.SEEDS), FAMILIES, scatter=1.0, shared=0.0, seed=1)
    assert np.mean(np.any(found == np.where(true, -1, 1), axis=1)) <= 0.05


@pytest.mark.parametrize("truth", [SUPPORTED, CONTRADICTED])
def test_the_planned_effects_are_found_in_four_of_five_studies(family: list[claims.Claim], truth: str) -> None:
    assert plan.found(family, truth, families=FAMILIES).min() >= 0.8
    assert plan.found(family, truth, seeds=20, families=FAMILIES).min() < 0.8


def test_without_the_correction_wrong_verdicts_are_frequent(
    family: list[claims.Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "holm", lambda p: p <= claims.ERROR)
    assert plan.wrong(family, "on the edge", families=FAMILIES) > 0.1


def test_means_make_a_claim_what_it_is_to_be(family: list[claims.Claim]) -> None:
    for claim in family:
        inside = [[e.low < m < e.high for e, m in zip(claim.evidence, plan.means(claim.evidence, t), strict=True)]
                  for t in (SUPPORTED, CONTRADICTED, "on the edge", "within the edge")]  # fmt: skip
        n = len(claim.evidence)
        assert inside == [[True] * n, [False] + [True] * (n - 1), [False] + [True] * (n - 1), [False] * n]


def test_the_page_holds_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "PLAN.md"
    page.write_text("before\n<!-- simulated -->\nold\n<!-- end -->\nafter\n")
    assert plan.main(["--write", str(page)]) == 0
    printed = capsys.readouterr().out
    assert page.read_text() == f"before\n<!-- simulated -->\n{printed}<!-- end -->\nafter\n"
    assert printed in plan.PLAN.read_text(encoding="utf-8")

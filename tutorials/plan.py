"""How many seeds the study takes, found out before its runs are made: families of claims from made-up runs.

``python -m tutorials.plan`` prints what PLAN.md holds, ``--write`` puts it there. The scatter of every measure is that
of a pilot of five seeds; the means are made up, so it is known which verdicts are right.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tinycnn.files import replacing

from . import claims
from .claims import CONTRADICTED, SUPPORTED, Array, Claim, Evidence
from .study import PILOT, SEEDS, load

PLAN = Path(__file__).with_name("PLAN.md")
FAMILIES = 2000
MORE_SCATTER = 1.3  # five seeds tell a scatter only roughly
SHARED = 0.7  # correlation of all measures in the second half of the families

# How far inside or outside of its range a mean lies, if what the claim says is to be seen. In the units of the measure.
DISTANCES = {
    "test accuracy": 0.1,
    "training loss of epoch 1": 0.02,
    "plain's validation loss": 10.0,
    "its accuracy": 0.1,
    "test loss": 0.004,
    "epoch-to-epoch swing of the validation loss": 4.0,
    "validation loss of epochs 1 to 3": 0.004,
    "in equal time": 0.004,
    "training loss": 0.002,
    "validation loss": 0.006,
    "validation over training loss": 0.3,
    "training less test accuracy": 0.1,
    "gain in test accuracy": 0.1,
}


def distance(piece: Evidence) -> float:
    name = piece.measure.split(",")[0].split(" by ")[0]  # "in equal time by …"
    return DISTANCES[name]


def means(pieces: Sequence[Evidence], truth: str) -> list[float]:
    """Means that make a claim true or false: those of all its pieces inside of their ranges, or of the first outside.

    ``truth``: "supported" and "contradicted" are by `distance`; "on the edge" is on the bound, which claims that a mean
    lies above or below it are false for; "within the edge" likewise, for all its pieces.
    """
    inside = [_inside(piece) for piece in pieces]
    if truth == SUPPORTED:
        return inside
    if truth == CONTRADICTED:
        return [_bound(pieces[0], -distance(pieces[0])), *inside[1:]]
    if truth == "on the edge":
        return [_bound(pieces[0], 0.0), *inside[1:]]
    return [_bound(piece, 0.0) for piece in pieces]


def _bound(piece: Evidence, inwards: float) -> float:
    """A mean that lies so far inside of the nearer bound."""
    return piece.high - inwards if np.isfinite(piece.high) else piece.low + inwards


def _inside(piece: Evidence) -> float:
    both = np.isfinite(piece.low) and np.isfinite(piece.high)
    return (piece.low + piece.high) / 2 if both and piece.unit == "pp" else _bound(piece, distance(piece))


def verdicts(
    family: Sequence[Claim],
    at: Mapping[str, Sequence[float]],
    seeds: int,
    families: int,
    scatter: float,
    shared: float,
    seed: int,
) -> Array:
    """Made-up studies, judged: 1 supported, −1 contradicted, 0 undecided.

    Shapes:  (families, claims)
    """
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((families, seeds))
    p = np.empty((families, len(family), 2))
    for i, claim in enumerate(family):
        outside, inside = [], []
        for piece, mean in zip(claim.evidence, at[claim.words], strict=True):
            noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.standard_normal((families, seeds))
            x = mean + scatter * float(np.std(piece.values, ddof=1)) * noise
            outside.append(claims.p_outside(x, piece.low, piece.high))
            inside.append(claims.p_inside(x, piece.low, piece.high))
        p[:, i, 0] = np.max(outside, axis=0)
        p[:, i, 1] = np.minimum(1, len(inside) * np.min(inside, axis=0))
    return claims.holm(p.min(axis=-1)) * np.where(p[..., 0] < p[..., 1], 1, -1)


def simulate(
    family: Sequence[Claim], truth: str, seeds: int = len(SEEDS), families: int = FAMILIES, scatter: float = 1.0
) -> Array:
    """`verdicts` where every claim is as ``truth`` says; half of the families with measures that move together.

    ``scatter``: how many times as much as in the pilot.
    """
    at = {claim.words: means(claim.evidence, truth) for claim in family}
    half = families // 2
    return np.concatenate(
        [verdicts(family, at, seeds, half, scatter, shared, i) for i, shared in enumerate((0.0, SHARED))]
    )


def wrong(family: Sequence[Claim], truth: str, seeds: int = len(SEEDS), families: int = FAMILIES) -> float:
    """The share of families with any wrong verdict."""
    wrong_verdict = -1 if truth in (SUPPORTED, "within the edge") else 1
    return float(np.mean(np.any(simulate(family, truth, seeds, families) == wrong_verdict, axis=1)))


def found(
    family: Sequence[Claim], truth: str, seeds: int = len(SEEDS), families: int = FAMILIES, scatter: float = 1.0
) -> Array:
    """For each claim, the share of families in which it is found to be what it is."""
    right = 1 if truth == SUPPORTED else -1
    return np.mean(simulate(family, truth, seeds, families, scatter) == right, axis=0)


def tables(family: Sequence[Claim]) -> str:
    """What the simulations say, in Markdown."""
    n = len(SEEDS)
    errors = [
        f"| {words} | {100 * wrong(family, truth):.1f} % |"
        for truth, words in (
            ("on the edge", "every claim just false: one of its means on the bound of its range"),
            ("within the edge", "every claim just true: all of its means on the bound"),
            (SUPPORTED, "every claim true, by the distances below"),
            (CONTRADICTED, "every claim false, by the distances below"),
        )
    ]
    rows = []
    columns = {
        f"{count} seeds{more}": tuple(
            found(family, truth, count, scatter=scatter) for truth in (SUPPORTED, CONTRADICTED)
        )
        for count, scatter, more in (
            (5, 1, ""),
            (20, 1, ""),
            (n, 1, ""),
            (n, MORE_SCATTER, f", scatter x {MORE_SCATTER}"),
        )
    }
    for i, claim in enumerate(family):
        distances = dict.fromkeys(f"{distance(piece):g} {piece.unit}".strip() for piece in claim.evidence)
        cells = [f"{100 * true[i]:.0f} / {100 * false[i]:.0f}" for true, false in columns.values()]
        rows.append(f"| {claim.words} | {', '.join(distances)} | {' | '.join(cells)} |")
    return "\n".join(
        [
            f"| the truth ({n} seeds, {FAMILIES:,} families) | families with any wrong verdict |",
            "|---|---|",
            *errors,
            "",
            f"| found, in % of the families, where true / where false | distance | {' | '.join(columns)} |",
            "|---|---|" + "---|" * len(columns),
            *rows,
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m tutorials.plan", description=(__doc__ or "").split("\n")[0])
    p.add_argument("--write", type=Path, nargs="?", const=PLAN, metavar="FILE", help="put the tables into PLAN.md")
    arguments = p.parse_args(argv)
    result = tables(claims.claims(load(PILOT)))
    print(result)
    if arguments.write:
        text = arguments.write.read_text(encoding="utf-8")
        head, _, rest = text.partition("<!-- simulated -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        with replacing(arguments.write) as temporary:
            temporary.write_text(f"{head}<!-- simulated -->\n{result}\n<!-- end -->{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

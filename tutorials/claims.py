"""The notebook's inferences as claims that numbers can contradict, and a verdict on each from a study's results.

``python -m tutorials.claims`` prints them as a table, ``--write`` puts the table into the README. The tutorial
05_were_the_inferences_right explains it; PLAN.md says what was fixed before the runs were made.

One rule decides. A claim says in what range a mean lies: of a difference below 0, for instance. The seeds give as many
differences, each between two runs that began with the same kernels and met the same batches. Two tests ask of each
claim how surprising they would be if it were false, and if it were true. A claim is supported or contradicted where
that is surprising enough for all claims together (Holm), whichever of the seeds is left out; else it is undecided.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from tinycnn.files import replacing

from .runs import ROOT, Json, RunError, benchmark
from .study import PILOT, expected_calibration_error, load

Array = np.ndarray
Results = Mapping[tuple[str, str, int], Json]
Measure = Callable[[Json], float]

README = ROOT / "README.md"
LEVEL = 0.95  # of the intervals that are shown
ERROR = 0.05  # the probability that any of the verdicts is wrong is at most this
POWER = 0.8  # "could be seen" means: with this probability
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
PLAIN, DROPOUT, BN, BOTH = "plain", "dropout", "batch_normalization", "dropout_and_batch_normalization"

# The smallest effects that are worth being called one; PLAN.md gives the reasons.
POINTS = 0.1  # of accuracy: ten of 10,000 test images
LOSS = 0.002  # of validation and test loss: a twentieth of the plain model's 0.04
TRAINING_LOSS = 0.02  # of the first epoch's, which is about 0.2
RISE = 10.0  # per cent by which a loss has risen before one calls it a concern
SWING = 2.0  # percentage points of the epoch-to-epoch change, which is about 12 %


@dataclass(frozen=True)
class Evidence:
    """One number for each seed, and the range in which their mean must lie if the claim holds.

    Math:    t = √n·(mean − bound)/s with n − 1 degrees of freedom, one-sided, for either bound of the range.
             Each p is the largest of those of all seeds and of all but one
    Source:  two one-sided tests: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657-680

    Attributes:
        measure: what is measured; what stands before a comma is the same for measures that are told together.
        values: one for each seed; mostly a difference of two runs of the same seed.
        low, high: the claim's range.
        unit: "pp" (percentage points), "%", "times" or "" for a loss.
    """

    measure: str
    values: tuple[float, ...]
    low: float
    high: float
    unit: str = ""

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        return t_interval(self.values)

    @property
    def p_if_outside(self) -> float:
        """How likely numbers so far inside the range are, if the mean lies outside: small speaks for the claim."""
        return float(p_outside(self.values, self.low, self.high))

    @property
    def p_if_inside(self) -> float:
        """How likely numbers so far outside the range are, if the mean lies inside: small speaks against the claim."""
        return float(p_inside(self.values, self.low, self.high))

    def visible(self, claims: int) -> float:
        """How far from the nearer bound the mean would have to lie to be seen with a probability of 80 %.

        Math:    (t₁₋ₐ + t₀.₈)·s/√n with a = 5 %/claims, the first and hardest of Holm's levels
        """
        n = len(self.values)
        scale = float(np.std(self.values, ddof=1)) / math.sqrt(n)
        return float(stats.t.ppf(1 - ERROR / claims, n - 1) + stats.t.ppf(POWER, n - 1)) * scale

    def __str__(self) -> str:
        mean, low, high = (_signed(number, self.unit) for number in (self.mean, *self.interval))
        unit = {"pp": " pp", "%": " %"}.get(self.unit, "")
        return f"{self.measure} {mean}{unit} [{low}, {high}]"


@dataclass(frozen=True)
class Claim:
    """A sentence of the notebook, and what speaks for or against it: all of the evidence has to hold."""

    words: str
    evidence: tuple[Evidence, ...]

    @property
    def p_if_false(self) -> float:
        """Where all has to hold, the weakest piece counts, and nothing has to be corrected (intersection-union)."""
        return max(piece.p_if_outside for piece in self.evidence)

    @property
    def p_if_true(self) -> float:
        """One piece that does not hold is enough: so the chances to find one are corrected for (Bonferroni)."""
        return min(1.0, len(self.evidence) * min(piece.p_if_inside for piece in self.evidence))

    @property
    def p(self) -> float:
        return min(self.p_if_false, self.p_if_true)

    @property
    def told(self) -> list[Evidence]:
        """Of measures that are told together the one that holds worst."""
        groups: dict[str, Evidence] = {}
        for piece in self.evidence:
            name = piece.measure.split(",")[0]
            worst = groups.setdefault(name, piece)
            if (piece.p_if_inside, -piece.p_if_outside) < (worst.p_if_inside, -worst.p_if_outside):
                groups[name] = piece
        return list(groups.values())


def decide(claims: Sequence[Claim]) -> list[str]:
    """A verdict on each claim; that any of them is wrong has a probability of at most 5 %.

    Math:    the claims by their p, the smallest first; of m claims the first is decided where p <= 5 %/m, the next
             where p <= 5 %/(m − 1), and so on up to the first that is not
    Source:  Holm 1979, Scand. J. Statist. 6, 65-70;  for decisions to either side: Shaffer 1980, Ann. Statist. 8, 1342
    """
    p = np.array([[claim.p_if_false, claim.p_if_true] for claim in claims])
    decided = holm(p.min(axis=-1))
    return [
        UNDECIDED if not known else SUPPORTED if false < true else CONTRADICTED
        for known, (false, true) in zip(decided, p, strict=True)
    ]


# Numbers


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The confidence interval for the mean of values that scatter as a normal distribution (Student's t)."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval(level)
    return float(low), float(high)


def p_above(values: Array | Sequence[float], bound: float) -> Array:
    """One-sided p of "the mean is not above the bound": the largest of that of all seeds and those of all but one.

    Shapes:  values (..., n);  p (...)
    """
    x = np.asarray(values, float) - bound
    n = x.shape[-1]
    t = _t(x.mean(axis=-1), x.var(axis=-1, ddof=1), n)
    mean = (x.sum(axis=-1, keepdims=True) - x) / (n - 1)  # without each of them
    variance = (np.sum(x**2, axis=-1, keepdims=True) - x**2 - (n - 1) * mean**2) / (n - 2)
    without = _t(mean, np.maximum(variance, 0), n - 1).min(axis=-1)
    return np.maximum(stats.t.sf(t, n - 1), stats.t.sf(without, n - 2))


def _t(mean: Array, variance: Array, n: int) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):  # equal values: an infinite t, or none
        return np.nan_to_num(mean * math.sqrt(n) / np.sqrt(variance), nan=0.0, posinf=1e12, neginf=-1e12)


def p_outside(values: Array | Sequence[float], low: float, high: float) -> Array:
    """p of "the mean lies outside of the range": both bounds have to be kept."""
    p = np.zeros(np.shape(values)[:-1])
    if low > -math.inf:
        p = np.maximum(p, p_above(values, low))
    if high < math.inf:
        p = np.maximum(p, p_above(-np.asarray(values), -high))
    return p


def p_inside(values: Array | Sequence[float], low: float, high: float) -> Array:
    """p of "the mean lies inside of the range": one bound that is passed is enough, and there are at most two."""
    sides = [p_above(-np.asarray(values), -low)] if low > -math.inf else []
    if high < math.inf:
        sides.append(p_above(values, high))
    return np.minimum(1.0, len(sides) * np.min(sides, axis=0))


def holm(p: Array) -> Array:
    """Which of several p are small enough, by Holm's steps.

    Shapes:  p and the result (..., claims)
    """
    order = np.argsort(p, axis=-1)
    m = p.shape[-1]
    small = np.take_along_axis(p, order, axis=-1) <= ERROR / (m - np.arange(m))
    kept = np.logical_and.accumulate(small, axis=-1)
    result = np.empty_like(kept)
    np.put_along_axis(result, order, kept, axis=-1)
    return result


def values(results: Results, measure: Measure, model: str, framework: str = "tinycnn") -> dict[int, float]:
    """The measure by seed."""
    return {
        seed: measure(record)
        for (who, name, seed), record in sorted(results.items())
        if (who, name) == (framework, model)
    }


def paired(results: Results, measure: Measure, model: str, base: str, framework: str = "tinycnn") -> tuple[float, ...]:
    """The measure of ``model`` less that of ``base``, seed by seed, for the seeds that have both."""
    one, other = (values(results, measure, name, framework) for name in (model, base))
    return tuple(one[seed] - other[seed] for seed in one if seed in other)


# Measures


def test_accuracy(record: Json) -> float:
    """In per cent."""
    return 100 * float(record["test"]["accuracy"])


def test_loss(record: Json) -> float:
    return float(record["test"]["loss"])


def calibration_error(record: Json) -> float:
    """In per cent."""
    return 100 * expected_calibration_error(record["calibration"])


def epoch(key: str, number: int) -> Measure:
    """A figure of the history after that many epochs."""
    return lambda record: float(record["history"][key][number - 1])


def first_epochs(key: str) -> Measure:
    """The mean of a figure over epochs 1 to 3."""
    return lambda record: float(np.mean(record["history"][key][:3]))


def late_less_early(key: str) -> Measure:
    """The mean over epochs 8 to 10 less the mean over epochs 3 to 5."""
    return lambda record: float(np.mean(record["history"][key][7:10]) - np.mean(record["history"][key][2:5]))


def rise(key: str) -> Measure:
    """The same in per cent of the mean over epochs 3 to 5."""
    return lambda record: 100 * late_less_early(key)(record) / float(np.mean(record["history"][key][2:5]))


def swing(record: Json) -> float:
    """By how many per cent the validation loss changes from one epoch to the next, on average from epoch 2 on."""
    loss = np.array(record["history"]["val_loss"][1:])
    return float(100 * np.mean(np.abs(np.diff(loss)) / loss[:-1]))


def validation_over_training(record: Json) -> float:
    """How many times as large as the training loss the validation loss is, over epochs 8 to 10."""
    return float(np.mean(record["history"]["val_loss"][7:10]) / np.mean(record["history"]["loss"][7:10]))


def generalization_gap(record: Json) -> float:
    """Accuracy on the training images less accuracy on the test images, both in inference mode; in per cent."""
    return 100 * (float(record["training"]["accuracy"]) - float(record["test"]["accuracy"]))


def step_ratio(framework: str = "tinycnn") -> float:
    """How many times as long as a step of the plain model one with batch normalization takes."""
    ms = benchmark("training_step")["ms"]
    return float(np.median(ms[BN][framework]) / np.median(ms[PLAIN][framework]))


def in_equal_time(results: Results, ratio: float, key: str = "val_loss") -> tuple[float, ...]:
    """A figure of BN less plain's at the same time, seed by seed: the mean over all horizons that ten epochs allow.

    Math:    mean over e = 1, 2, … with e·ratio <= 10 of  bn(e) − plain(e·ratio);  between epochs plain is interpolated
    """
    epochs = np.arange(1, 11)
    bn, plain = (
        {
            seed: record["history"][key]
            for (who, model, seed), record in sorted(results.items())
            if model == name and who == "tinycnn"
        }
        for name in (BN, PLAIN)
    )
    horizons = epochs[epochs * ratio <= 10]
    return tuple(
        float(np.mean(np.array(bn[seed])[horizons - 1] - np.interp(horizons * ratio, epochs, plain[seed])))
        for seed in bn
        if seed in plain
    )


# The claims


def claims(results: Results) -> list[Claim]:
    """Every inference of the notebook, in its order.

    Raises:
        RunError: fewer than three seeds, or not ten epochs: too little to judge by.
    """
    _check_enough(results)

    def change(
        words: str, measure: Measure, model: str, base: str, low: float, high: float, unit: str = ""
    ) -> Evidence:
        return Evidence(words, paired(results, measure, model, base), low, high, unit)

    def alone(words: str, measure: Measure, model: str, low: float, high: float, unit: str = "") -> Evidence:
        return Evidence(words, tuple(values(results, measure, model).values()), low, high, unit)

    def in_every_epoch(words: str, key: str) -> tuple[Evidence, ...]:
        return tuple(
            change(f"{words}, epoch {number}", epoch(key, number), BN, PLAIN, -math.inf, 0) for number in range(1, 11)
        )

    none, inf = (-POINTS, POINTS), math.inf
    clocks = {"tinycnn": step_ratio(), "Keras": step_ratio("keras")}
    return [
        Claim(
            "Dropout does not significantly change the test accuracy",
            (change("test accuracy", test_accuracy, DROPOUT, PLAIN, *none, "pp"),),
        ),
        Claim(
            "With dropout the training loss starts higher",
            (change("training loss of epoch 1", epoch("loss", 1), DROPOUT, PLAIN, TRAINING_LOSS, inf),),
        ),
        Claim(
            "Overfitting is not a concern",
            (
                alone("plain's validation loss, late beside early", rise("val_loss"), PLAIN, -inf, RISE, "%"),
                alone("its accuracy", lambda r: 100 * late_less_early("val_accuracy")(r), PLAIN, -POINTS, inf, "pp"),
            ),
        ),
        Claim(
            "BN significantly improves the model",
            (
                change("test accuracy", test_accuracy, BN, PLAIN, POINTS, inf, "pp"),
                change("test loss", test_loss, BN, PLAIN, -inf, -LOSS),
            ),
        ),
        Claim(
            "BN stabilizes training",
            (change("epoch-to-epoch swing of the validation loss", swing, BN, PLAIN, -inf, -SWING, "pp"),),
        ),
        Claim(
            "BN speeds up training",
            (
                change("validation loss of epochs 1 to 3", first_epochs("val_loss"), BN, PLAIN, -inf, -LOSS),
                *(
                    Evidence(f"in equal time by {who}'s steps ({ratio:.2f})", in_equal_time(results, ratio), -inf, 0)
                    for who, ratio in clocks.items()
                ),
            ),
        ),
        Claim(
            "With BN, training and validation loss are consistently lower",
            (*in_every_epoch("training loss", "loss"), *in_every_epoch("validation loss", "val_loss")),
        ),
        Claim(
            "With BN, the two track each other closely",
            (alone("validation over training loss, late", validation_over_training, BN, 0, 2, "times"),),
        ),
        Claim(
            "The BN model generalizes well",
            (alone("training less test accuracy", generalization_gap, BN, -1, 1, "pp"),),
        ),
        Claim(
            "The model needs BN",
            (change("gain in test accuracy", test_accuracy, BN, PLAIN, POINTS, inf, "pp"),),
        ),
        Claim(
            "The model does not need dropout",
            (change("gain in test accuracy", test_accuracy, DROPOUT, PLAIN, -inf, POINTS, "pp"),),
        ),
    ]


def _check_enough(results: Results) -> None:
    for model in (PLAIN, DROPOUT, BN):
        runs = [record for (who, name, _), record in results.items() if (who, name) == ("tinycnn", model)]
        epochs = min((len(record["history"]["val_loss"]) for record in runs), default=0)
        if len(runs) < 3 or epochs < 10:
            raise RunError(
                f"claims: expected at least three runs of ten epochs of the model {model}, found {len(runs)} of "
                f"{epochs}. Make them with python -m tutorials.study."
            )


def table(found: Sequence[Claim]) -> str:
    """The claims as a table in Markdown."""
    seeds = len(found[0].evidence[0].values) if found else 0
    head = f"| the notebook says | verdict | mean over {seeds} seeds [95 % interval] | visible from |"
    rows = [
        f"| {claim.words} | {verdict} | {'; '.join(map(str, claim.told))} "
        f"| {'; '.join(_unsigned(piece.visible(len(found)), piece.unit) for piece in claim.told)} |"
        for claim, verdict in zip(found, decide(found), strict=True)
    ]
    return "\n".join([head, "|---|---|---|---|", *rows])


def _signed(number: float, unit: str) -> str:
    if unit == "times":
        return f"{number:.1f}"
    return (f"{number:+.2f}" if unit else f"{number:+.4f}").replace("-", "−")


def _unsigned(number: float, unit: str) -> str:
    shown = _signed(number, unit).lstrip("+")
    return f"{shown} {unit}" if unit in ("pp", "%") else shown


def put_into(text: str, verdicts: str) -> str:
    """The text with the table of verdicts in place of the one that it has."""
    changed, count = re.subn(r"\| the notebook says \|.*\n(\|.*\n)*", lambda _: f"{verdicts}\n", text)
    if count != 1:
        raise ValueError(
            f"claims: expected one table that begins '| the notebook says |', found {count}. Put that line where the "
            "table belongs."
        )
    return changed


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m tutorials.claims", description=(__doc__ or "").split("\n")[0])
    p.add_argument("--results", type=Path, default=PILOT, metavar="DIR", help="of a study (default: %(default)s)")
    p.add_argument("--write", type=Path, nargs="?", const=README, metavar="FILE", help="put the table into the README")
    arguments = p.parse_args(argv)
    try:
        verdicts = table(claims(load(arguments.results)))
    except (RunError, FileNotFoundError) as error:
        print(f"{p.prog}: {error}", file=sys.stderr)
        return 1
    print(verdicts)
    if arguments.write:
        text = put_into(arguments.write.read_text(encoding="utf-8"), verdicts)
        with replacing(arguments.write) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

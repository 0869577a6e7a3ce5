"""The notebook's inferences as claims that numbers can contradict, and a verdict on each from the study's results.

``python -m tutorials.claims`` prints them as a table, ``--write`` puts the table into the README. The tutorial
05_were_the_inferences_right explains it.

One rule decides. A claim says in what range a difference lies, for instance below 0. Five seeds give five differences,
each between two runs that began with the same kernels and met the same batches, and these an interval for their mean.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from tinycnn.files import replacing
from tutorials.runs import ROOT, Json
from tutorials.study import RESULTS, expected_calibration_error, load

Results = Mapping[tuple[str, str, int], Json]
Measure = Callable[[Json], float]

README = ROOT / "README.md"
LEVEL = 0.95
MARGIN = 0.1  # percentage points of accuracy: 10 of 10,000 test images; less than that is "no change" to us
SUPPORTED, NOT_SUPPORTED, WRONG = "supported", "not supported", "wrong"
PLAIN, DROPOUT, BN, BOTH = "plain", "dropout", "batch_normalization", "dropout_and_batch_normalization"


@dataclass(frozen=True)
class Evidence:
    """One number for each seed, and the range in which their mean must lie if the claim holds.

    Attributes:
        measure: what is measured.
        values: one for each seed; mostly a difference of two runs of the same seed.
        low, high: the claim's range.
        unit: "pp" (percentage points), "%" or "" for a loss.
        looked_at: among how many such measures this one was picked for being the worst: the interval is widened, so
            that all of them together miss with a probability of 5 %, not each (Bonferroni's correction).
    """

    measure: str
    values: tuple[float, ...]
    low: float
    high: float
    unit: str = ""
    looked_at: int = 1

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        return t_interval(self.values, 1 - (1 - LEVEL) / self.looked_at)

    @property
    def verdict(self) -> str:
        """Supported where the whole interval lies in the claim's range, wrong where none of it does."""
        low, high = self.interval
        if self.low < low and high < self.high:
            return SUPPORTED
        if high <= self.low or self.high <= low:
            return WRONG
        return NOT_SUPPORTED

    def __str__(self) -> str:
        mean, low, high = (_signed(number, self.unit) for number in (self.mean, *self.interval))
        return f"{self.measure} {mean}{' pp' if self.unit == 'pp' else ''} [{low}, {high}]"


@dataclass(frozen=True)
class Claim:
    """A sentence of the notebook, and what speaks for or against it."""

    words: str
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> str:
        """As strong as the weakest piece of evidence."""
        verdicts = [piece.verdict for piece in self.evidence]
        return next(verdict for verdict in (WRONG, NOT_SUPPORTED, SUPPORTED) if verdict in verdicts)


# Numbers


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The confidence interval for the mean of values that scatter as a normal distribution (Student's t)."""
    low, high = stats.ttest_1samp(values, 0).confidence_interval(level)
    return float(low), float(high)


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


def late_less_early(key: str) -> Measure:
    """The mean over epochs 8 to 10 less the mean over epochs 3 to 5."""
    return lambda record: float(np.mean(record["history"][key][7:10]) - np.mean(record["history"][key][2:5]))


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


def step_ratio() -> float:
    """How many times as long as a step of the plain model one with batch normalization takes."""
    path = ROOT / "benchmarks" / "results" / "training_step.json"
    ms = json.loads(path.read_text(encoding="utf-8"))["ms"]
    return float(np.median(ms[BN]["tinycnn"]) / np.median(ms[PLAIN]["tinycnn"]))


# The claims


def claims(results: Results) -> list[Claim]:
    """Every inference of the notebook, in its order."""

    def change(
        words: str, measure: Measure, model: str, base: str, low: float, high: float, unit: str = ""
    ) -> Evidence:
        return Evidence(words, paired(results, measure, model, base), low, high, unit)

    def alone(words: str, measure: Measure, model: str, low: float, high: float, unit: str = "") -> Evidence:
        return Evidence(words, tuple(values(results, measure, model).values()), low, high, unit)

    def worst_epoch(words: str, key: str) -> Evidence:
        by_epoch = {number: paired(results, epoch(key, number), BN, PLAIN) for number in range(1, 11)}
        worst = max(by_epoch, key=lambda number: float(np.mean(by_epoch[number])))
        return Evidence(f"{words} in the worst epoch, {worst}", by_epoch[worst], -math.inf, 0, looked_at=len(by_epoch))

    none, up, down = (-MARGIN, MARGIN), (0, math.inf), (-math.inf, 0)
    longer = round(3 * step_ratio())
    val_loss_rise, val_accuracy_rise = late_less_early("val_loss"), late_less_early("val_accuracy")
    equal_time = Evidence(
        f"validation loss after 3 epochs less plain's after {longer}",
        tuple(
            record["history"]["val_loss"][2] - results["tinycnn", PLAIN, seed]["history"]["val_loss"][longer - 1]
            for (who, name, seed), record in sorted(results.items())
            if (who, name) == ("tinycnn", BN) and ("tinycnn", PLAIN, seed) in results
        ),
        *down,
    )
    return [
        Claim(
            "Dropout does not significantly change the test accuracy",
            (change("test accuracy", test_accuracy, DROPOUT, PLAIN, *none, "pp"),),
        ),
        Claim(
            "With dropout the training loss starts higher",
            (change("training loss, epoch 1", epoch("loss", 1), DROPOUT, PLAIN, *up),),
        ),
        Claim(
            "Overfitting is not a concern",
            (
                alone("plain's validation loss, late less early", val_loss_rise, PLAIN, *down),
                alone("its accuracy", lambda r: 100 * val_accuracy_rise(r), PLAIN, -MARGIN, math.inf, "pp"),
            ),
        ),
        Claim(
            "BN significantly improves the model",
            (
                change("test accuracy", test_accuracy, BN, PLAIN, *up, "pp"),
                change("test loss", test_loss, BN, PLAIN, *down),
            ),
        ),
        Claim(
            "BN stabilizes training",
            (change("epoch-to-epoch swing of the validation loss", swing, BN, PLAIN, *down, "pp"),),
        ),
        Claim(
            "BN speeds up training",
            (change("validation loss, epoch 1", epoch("val_loss", 1), BN, PLAIN, *down), equal_time),
        ),
        Claim(
            "With BN, training and validation loss are consistently lower",
            (worst_epoch("training loss", "loss"), worst_epoch("validation loss", "val_loss")),
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
            (change("gain in test accuracy", test_accuracy, BN, PLAIN, MARGIN, math.inf, "pp"),),
        ),
        Claim(
            "The model does not need dropout",
            (
                change("gain in test accuracy", test_accuracy, DROPOUT, PLAIN, -math.inf, MARGIN, "pp"),
                change("in test loss", test_loss, DROPOUT, PLAIN, 0, math.inf),
            ),
        ),
    ]


def table(found: Sequence[Claim]) -> str:
    """The claims as a table in Markdown."""
    rows = [f"| {c.words} | {c.verdict} | {'; '.join(map(str, c.evidence))} |" for c in found]
    return "\n".join(["| the notebook says | verdict | mean over five seeds [95 % interval] |", "|---|---|---|", *rows])


def _signed(number: float, unit: str) -> str:
    if unit == "times":
        return f"{number:.1f}"
    return (f"{number:+.2f}" if unit else f"{number:+.4f}").replace("-", "−")


def put_into(text: str, verdicts: str) -> str:
    """The text with the table of verdicts in place of the one that it has."""
    head = re.escape(verdicts.splitlines()[0])
    changed, count = re.subn(rf"{head}\n(\|.*\n)*", lambda _: f"{verdicts}\n", text)
    if count != 1:
        raise ValueError(
            f"claims: expected one table that begins {verdicts.splitlines()[0]!r}, found {count}. Put that line "
            "where the table belongs."
        )
    return changed


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m tutorials.claims", description=(__doc__ or "").split("\n")[0])
    p.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="the study's (default: %(default)s)")
    p.add_argument("--write", type=Path, nargs="?", const=README, metavar="FILE", help="put the table into the README")
    arguments = p.parse_args(argv)
    verdicts = table(claims(load(arguments.results)))
    print(verdicts)
    if arguments.write:
        text = put_into(arguments.write.read_text(encoding="utf-8"), verdicts)
        with replacing(arguments.write) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

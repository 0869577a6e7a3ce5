"""Tutorial 05: one run, pairs, margins, images that all runs misread, and a study of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from .. import claims, study
from . import AnswerError, array, choice, number, whole

PLAIN, DROPOUT, BN = claims.PLAIN, claims.DROPOUT, claims.BN
RECIPE: dict[str, Any] = {"data": "digits", "images": None, "epochs": 3, "batch_size": 32, "learning_rate": 0.001}
PROBE = 4  # the seed that is trained again


def exercise_1(share: Any, results: Any) -> str | None:
    plain, bn = _by_seed(results, claims.test_accuracy, PLAIN), _by_seed(results, claims.test_accuracy, BN)
    value = number("the share", share)
    right = 100 * float(np.mean(plain[:, None] >= bn[None, :]))
    if abs(value - right) < 0.06:
        return None
    usual = {
        float(np.mean(plain[:, None] >= bn[None, :])): "Give it in per cent.",
        100
        * float(np.mean(plain >= bn)): "Those are the runs of equal seeds. Combine each plain run with each BN run.",
        100 * float(np.mean(plain[:, None] > bn[None, :])): "A tie counts, too.",
        100 * float(np.mean(plain[:, None] < bn[None, :])): "Those are the combinations in which BN wins.",
    }
    hint = next((words for other, words in usual.items() if abs(value - other) < 0.006), "")
    return f"It is another share. {hint}".rstrip()


def exercise_2(quotient_loss: Any, quotient_accuracy: Any, correlation: Any, results: Any) -> str | None:
    measures = (("training loss", claims.epoch("loss", 1)), ("test accuracy", claims.test_accuracy))
    for (name, measure), answer in zip(measures, (quotient_loss, quotient_accuracy), strict=True):
        value = number(f"the quotient for the {name}", answer)
        with_dropout, without = (_by_seed(results, measure, model) for model in (DROPOUT, PLAIN))
        right = _width(stats.ttest_rel(with_dropout, without)) / _width(
            stats.ttest_ind(with_dropout, without, equal_var=False)
        )
        if abs(value / right - 1) > 0.01:
            hint = "Divide the other way round." if abs(value * right - 1) < 0.01 else "Whole widths, high less low."
            return f"For the {name} it is another quotient. {hint}"
    word = choice("the correlation", correlation, "above zero", "below zero", "cannot tell")
    r = np.corrcoef(with_dropout, without)[0, 1]
    low, high = np.arctanh(r) + np.array([-1, 1]) * 1.96 / np.sqrt(len(without) - 3)
    if word != ("above zero" if low > 0 else "below zero" if high < 0 else "cannot tell"):
        return "The interval of the correlation of the test accuracies says something else: does it hold zero?"
    return None


def exercise_3(margin: Any, results: Any) -> str | None:
    """At the margin the claim is supported, and a hundredth of a point below it is not."""
    value = number("the margin", margin)
    if value <= 0:
        return "A margin is above zero."
    differences = claims.paired(_checked(results), claims.test_accuracy, DROPOUT, PLAIN)

    def supported(m: float) -> bool:
        return claims.decide([claims.Claim("", (claims.Evidence("", differences, -m, m),))]) == [claims.SUPPORTED]

    if not supported(value + 1e-9):
        return "With that margin the claim is not supported yet."
    if value > 0.01 and supported(value - 0.0101):
        return "With that margin it is supported, and with a smaller one, too."
    return None


def exercise_4(by_all: Any, by_any: Any, results: Any) -> str | None:
    everyone, anyone = whole("how many all misread", by_all), whole("how many at least one misreads", by_any)
    misread = [
        set(run["misread"]) for (who, name, _), run in _checked(results).items() if (who, name) == ("tinycnn", PLAIN)
    ]
    if everyone > anyone:
        return "What all of them misread, at least one misreads: the second number cannot be the smaller one."
    if everyone != len(set.intersection(*misread)):
        return "It is another number of images that all plain runs of tinycnn misread: an intersection of sets."
    if anyone != len(set.union(*misread)):
        return "It is another number of images that at least one of them misreads: a union of sets."
    return None


def exercise_5(less_plain: Any, lower: Any) -> str | None:
    """One of the seeds is trained again; the word has to be what the interval of the numbers says."""
    differences = array("BN less plain", less_plain, (5,))
    word = choice("the model with the lower loss", lower, "plain", "bn", "cannot tell")
    right = _trained_again()
    if not np.isclose(differences[PROBE - 1], right, rtol=1e-3, atol=1e-5):
        if np.isclose(differences[PROBE - 1], -right, rtol=1e-3, atol=1e-5):
            return "That is the plain model's loss less BN's. Turn it round."
        return f"For seed {PROBE} it is another difference of test losses. Compare your settings with those above."
    low, high = claims.t_interval(differences.tolist())
    if word != ("plain" if low > 0 else "bn" if high < 0 else "cannot tell"):
        return "The interval of your five numbers says something else."
    return None


@cache
def _trained_again() -> float:
    bn, plain = (study.train("tinycnn", name, PROBE, **RECIPE)["test"]["loss"] for name in (BN, PLAIN))
    return float(bn - plain)


def _checked(results: Any) -> claims.Results:
    if not isinstance(results, Mapping) or ("tinycnn", PLAIN) not in {key[:2] for key in results}:
        raise AnswerError("Expected the results that study.load gives as the last argument; leave it as it is.")
    return results


def _by_seed(results: Any, measure: claims.Measure, model: str) -> np.ndarray:
    return np.array(list(claims.values(_checked(results), measure, model).values()))


def _width(test: Any) -> float:
    interval = test.confidence_interval(0.95)
    return float(interval.high - interval.low)

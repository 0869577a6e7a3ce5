"""Writes the submissions of a class that never was: solutions, some with mistakes, some with units left out.

python tests/make_class.py FOLDER [NUMBER]       then: python -m tinycnn.learn grade FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tinycnn.learn.course import COURSE
from tinycnn.learn.learner import Learner

MISTAKES = {  # of a unit: what stands in its solution, and what stands there instead
    "01": [("2 * h", "h"), ("f(x - e)", "f(x)")],
    "02": [("x @ kernel + bias", "x @ kernel"), ("x @ kernel + bias", "(x @ kernel + bias).tolist()")],
    "03": [("kernel.T", "kernel"), ("dz.sum(axis=0)", "dz.mean(axis=0)"), ("x.T @ dz", "(x.T @ dz) / len(x)")],
    "04": [("np.where(y > 0, dy, 0)", "dy * y"), ("np.maximum(z, 0)", "np.abs(z)")],
    "05": [
        ("dz[rows, labels] -= 1", "dz[rows, labels] += 1"),
        ("np.exp(z - z.max(axis=1, keepdims=True))", "np.exp(z)"),
    ],
    "06": [("w - learning_rate * g", "w + learning_rate * g"), ("(1 - beta_2) * g**2", "(1 - beta_2) * g")],
    "07": [("+ bias", "- bias"), ("return z", "return None")],
    "08": [("kernel[a, b]", "kernel[b, a]"), ("z[...] = bias", "z[...] = 0")],
    "09": [("x.shape[3], filters), x.dtype", "filters, x.shape[3]), x.dtype"), ("dz.sum", "dz.mean")],
    "10": [("+= dz @", "= dz @"), ("kernel[a, b].T", "kernel[-1 - a, -1 - b].T")],
    "11": [("np.where(won, dy, 0)", "dy"), ("pixels.max", "pixels.mean")],
    "12": [(" / (1 - rate)", " * 1.0"), ("dy * mask", "dy")],
    "13": [("+ epsilon) + beta", "+ epsilon)"), ("x - mean", "x")],
    "14": [("(1 - momentum)", "momentum"), ("variance + epsilon", "variance")],
    "15": [("dv * 2", "dv"), ("+ dmean / m", "")],
    "16": [(" - x_hat * (dy * x_hat).mean(axis=0)", ""), ("gamma / std * ", "1 / std * ")],
    "17": [("(bias - moving_mean)", "bias"), ("gamma / ", "")],
    "18": [("dx - due", "dx - dx"), ("rng.standard_normal(forward(x).shape)", "np.ones(forward(x).shape)")],
}


def make_class(folder: Path, number: int, seed: int = 0) -> dict[str, dict[str, str]]:
    """Write them; returns for each submission and unit: "solved", "wrong" or "missing"."""
    rng = np.random.default_rng(seed)
    due: dict[str, dict[str, str]] = {}
    for count in range(number):
        mine = folder / f"learner_{count:03}"
        mine.mkdir(parents=True)
        learner = Learner(mine, rng.bytes(4).hex())
        learner.save()
        due[mine.name] = {}
        for unit in COURSE:
            text = unit.solution(learner.variant(unit)) if not unit.is_milestone else ""
            if not text.strip():
                continue
            fate = str(rng.choice(["solved", "wrong", "missing"], p=[0.8, 0.15, 0.05]))
            if fate == "wrong":
                mistakes = [(old, new) for old, new in MISTAKES.get(unit.number, []) if old in text]
                if mistakes:
                    text = text.replace(*mistakes[rng.integers(len(mistakes))])
                else:
                    fate = "solved"
            if fate != "missing":
                (mine / unit.file).write_text(text, encoding="utf-8")
            if fate == "solved" and any(due[mine.name][needed] != "solved" for needed in unit.needs):
                fate = "wrong"  # it calls what does not hold
            due[mine.name][unit.number] = fate
    return due


if __name__ == "__main__":
    make_class(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 30)

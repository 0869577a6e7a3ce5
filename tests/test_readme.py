"""The README tells the truth: its figures are those of the result files, its commands and links exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tinycnn import models
from tutorials import claims, study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODELS = ("plain", "dropout", "batch_normalization")


def result(name: str) -> dict:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def row(label: str, unit: str) -> list[str]:
    """The three figures of the table row with this label whose cells carry this unit."""
    for line in README.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == label and len(cells) > 3 and cells[1].endswith(unit):
            return cells[1:4]
    raise AssertionError(f"no row {label} in {unit}")


@pytest.mark.parametrize(("label", "who"), [("tinycnn", "tinycnn"), ("Keras", "keras")])
def test_accuracies_are_those_of_the_runs(label, who):
    runs = result("accuracy")["runs"]
    assert row(label, "%") == [f"{100 * runs[f'{who} {name}']['test_accuracy']:.2f} %" for name in MODELS]


def test_every_model_reaches_the_notebooks_accuracy():
    runs = result("accuracy")["runs"]
    assert min(runs[f"tinycnn {name}"]["test_accuracy"] for name in MODELS) >= 0.988


@pytest.mark.parametrize(("label", "framework"), [("tinycnn", "tinycnn"), ("Keras `fit`", "Keras")])
def test_times_are_those_of_the_report(label, framework):
    report = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    medians = [re.search(rf"^\| {name} \| {framework} \| ([\d.]+) ", report, re.MULTILINE)[1] for name in MODELS]
    assert row(label, "ms") == [f"{median} ms" for median in medians]


def test_verdicts_are_those_of_the_study():
    """``python -m tutorials.claims --write`` puts them there."""
    assert f"\n\n{claims.table(claims.claims(study.load(study.PILOT)))}\n\n" in README


def test_versions_are_those_of_the_runs():
    versions = result("accuracy")["versions"]["all"]
    for name, package in (("NumPy", "numpy"), ("Numba", "numba"), ("Keras", "keras"), ("TensorFlow", "tensorflow")):
        assert f"{name} {versions[package]}" in README


def test_exactly_two_one_line_commands_set_up():
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[0].endswith("-m tinycnn.train --bn")
    assert "-m pytest" in commands[1]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    for link in links:
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_example_is_valid_and_short():
    example, by_hand, files = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    lines = [line for line in example.splitlines() if line.strip()]
    assert len(lines) <= 22
    compile(example, "README", "exec")
    compile(by_hand, "README", "exec")
    compile(files, "README", "exec")


def test_the_example_of_files_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, _, files = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    model = models.plain()
    names = {"model": model}
    exec(files, names)
    assert names["model"] is not model
    assert names["model"].get_config() == model.get_config()

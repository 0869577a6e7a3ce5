"""What the tutorials share: the package's code as it runs, results that are kept, predictions, answers.

The notebooks import it as `tinycnn.tutorials.helpers`, so they run wherever the package is installed.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Markdown

import tinycnn

from .runs import benchmark

__all__ = ["benchmark", "compare", "result", "show_source"]

FOLDER = Path(__file__).resolve().parent
ROOT = Path(tinycnn.__file__).resolve().parents[1]


# Results that are kept


def result(name: str) -> Any:
    """What is in results/NAME.json."""
    return json.loads((FOLDER / "results" / f"{name}.json").read_text(encoding="utf-8"))


# Code


def show_source(*objects: Any, docstring: bool = True) -> Markdown:
    """The package's own code, as it runs: functions, methods or classes, each under the name of its file.

    Args:
        docstring: whether to show the docstrings too; without them more of the code fits on a screen.
    """
    parts = []
    for thing in map(inspect.unwrap, objects):  # the function itself, not what it is wrapped in
        source = textwrap.dedent(inspect.getsource(thing)).rstrip()
        if not docstring:
            source = _without_docstrings(source)
        file = Path(inspect.getsourcefile(thing) or "").resolve()
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        name = re.sub(
            r"^tinycnn/(?=tutorials/)", "", name
        )  # as in the repository, where an installation has it elsewhere
        parts.append(f"[`{name}`](../{name})\n```python\n{source}\n```")
    return Markdown("\n\n".join(parts))


def _without_docstrings(source: str) -> str:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            first = node.body[0]
            for number in range(first.lineno - 1, first.end_lineno or first.lineno):
                lines[number] = "\0"
    return "\n".join(line for line in lines if line != "\0")


# Predictions and answers


def compare(prediction: Any, outcome: Any, unit: str = "") -> None:
    """Put what the reader has predicted beside what came out; nobody is graded.

    Args:
        prediction: what stands in the cell to fill in: ``...`` as long as nothing does, a number, or a word.
        outcome: a number, or the word that turned out to be right.

    Raises:
        TypeError: a prediction of another kind than the outcome, or no finite number where one is asked for.
    """
    numeric = not isinstance(outcome, str)
    came_out = f"{outcome:.3g}{unit}" if numeric else repr(outcome)
    if prediction is ...:
        print(f"You have predicted nothing yet. It is {came_out}.")
        return
    if numeric and (not isinstance(prediction, (int, float, np.number)) or not np.isfinite(prediction)):
        raise TypeError(f"compare: expected your prediction as a number, received {prediction!r}. Mend the cell above.")
    if not numeric and not isinstance(prediction, str):
        raise TypeError(
            f"compare: expected your prediction as a word in quotes, received {prediction!r}. Mend it above."
        )
    yours = f"{prediction:.3g}{unit}" if numeric else repr(prediction)
    verdict = "" if numeric else ", as you said" if prediction.strip().lower() == outcome.lower() else ""
    print(f"You predicted {yours}. It is {came_out}{verdict}.")

"""What the tutorials share. They run in this folder, as Jupyter runs them, and ``from helpers import ...`` finds it.

Importing it makes the repository's modules importable too: ``from tutorials.study import ...``.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any

from IPython.display import Markdown

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "tutorials" / "results"

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


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

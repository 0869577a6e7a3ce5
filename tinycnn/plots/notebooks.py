"""In a notebook a picture brings its words along, as "alt" in the metadata of the output.

JupyterLab, nbconvert and MyST-NB put them where a screen reader finds them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from tinycnn.plots.words import describe

Picture = tuple[Any, dict[str, Any]]  # PNG, and the metadata of the output


def show_by(kind: type[Figure], picture: Callable[[Any], Picture]) -> None:
    """Let IPython, where this program runs in one, show figures of a class so; pyplot's printer is for all others."""
    formatter = _png_formatter()
    if formatter is not None:
        formatter.for_type(kind, picture)


def describe_pyplot() -> None:
    """Let pyplot's figures, too, bring their words along in this notebook."""
    formatter = _png_formatter()
    if formatter is None:
        raise RuntimeError("describe_pyplot: expected to run in IPython, found none. Call it in a notebook.")
    import_module("matplotlib_inline.backend_inline")  # registers pyplot's printer, once
    draw = formatter.lookup_by_type(Figure)

    def picture(figure: Figure) -> Picture:
        drawn = draw(figure)
        png, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return png, {**metadata, "alt": describe(figure)}

    formatter.for_type(Figure, picture)


def _png_formatter() -> Any:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return None if shell is None else shell.display_formatter.formatters["image/png"]

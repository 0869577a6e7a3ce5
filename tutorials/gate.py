"""The evidence gate: which sentences and figures of a tutorial say more than its cells show.

``python -m tutorials.build`` refuses a tutorial in which this finds something. It knows three ways to be careless:

- a *sentence* that names a cause or compares, and is tied to nothing. Ties stand at its end, out of the reader's sight:
  ``<!-- shown: NAME -->`` where a cell of the same section asserts it by `evidence.shown`, `counted` or `within`;
  ``<!-- derived -->`` where mathematics or the code that is shown proves it, and no run could say otherwise;
  ``<!-- quoted -->`` where somebody else says it, and is named. A cell that is a derivation as a whole has the tag
  "derived" instead. Questions claim nothing;
- a *number of runs*, in a sentence or in the words of a figure, that no `evidence.counted` counts in its section;
- a figure with a *limit* (a roof, a peak) without `evidence.within` in its cell.

Words are a coarse net. It lets through what is put in other words; an author who writes "the start it was" is caught.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

TIE = re.compile(r"<!--\s*(?:(shown):\s*([^>]*?)|(derived|quoted))\s*-->")
CAUSE = (
    r"because|therefore|hence|thus|due to|cause[sd]?|blame|the reason|is why|responsible|it was\.|it was the"
    r"|what remains|what is left of|leads? to|makes? (?:it|them|the)|made (?:it|them|the)|helps?|helped|hurts?"
    r"|harms?|does harm|gains?|costs?|protects?|prevents?|saves?|thanks to"
)
COMPARISON = (
    r"than|better|worse|best|worst|faster|slower|fastest|slowest|sooner|earlier|later|higher|lower|larger|smaller|fewer"
    r"|longer|shorter|wider|narrower|stronger|weaker|never|in common|no difference|twice|times as|outweighs?|exceeds?"
    r"|beats?|alike|equally|as (?:well|far|many|much|large|small|good|bad) as"
)
CLAIM = re.compile(rf"\b(?:{CAUSE}|{COMPARISON})(?!\w)", re.IGNORECASE)
NUMBER = r"two|three|four|five|six|seven|eight|nine|ten|fifty|several|all|every|each|both|many|other|\d+"
RUNS = re.compile(
    rf"\b(?:{NUMBER})(?: (?:other|more|different))? (?:seeds?|repetitions|runs|trainings)\b", re.IGNORECASE
)
LIMIT = re.compile(r"\b(?:roof|limit|peak|ceiling)\b", re.IGNORECASE)
CALLS = ("shown", "counted", "within")
EXEMPT = {"derived", "exercise", "predict"}  # the last two ask


@dataclass
class Section:
    """What stands under one heading: sentences with their ties, and the evidence that its cells call."""

    sentences: list[tuple[int, str, list[re.Match[str]]]] = field(default_factory=list)  # cell, words, ties
    figures: list[tuple[int, str]] = field(default_factory=list)  # cell, words of a string in code
    calls: dict[str, set[str]] = field(default_factory=dict)  # name -> which of CALLS


def unfounded(notebook: Any) -> list[str]:
    """What the gate refuses in a tutorial, each with the number of its cell; empty where all is founded."""
    found: list[str] = []
    for section in _sections(notebook, found):
        tied = {name for _, _, ties in section.sentences for tie in ties if tie[1] for name in _names(tie)}
        for number, sentence, ties in section.sentences:
            for name in (name for tie in ties if tie[1] for name in _names(tie)):
                if name not in section.calls:
                    found.append(f"cell {number}: no cell of this section shows {name!r}: {sentence}")
            if not ties and not sentence.endswith("?") and (word := CLAIM.search(sentence)):
                found.append(f"cell {number}: {word[0]!r}, tied to nothing: {sentence}")
            shown = {call for tie in ties if tie[1] for name in _names(tie) for call in section.calls.get(name, ())}
            quoted = any(tie[3] for tie in ties)
            if (word := RUNS.search(sentence)) and not quoted and "counted" not in shown:
                found.append(f"cell {number}: {word[0]!r}, counted nowhere: {sentence}")
        counts = any("counted" in calls for calls in section.calls.values())
        for number, words in section.figures:
            if (word := RUNS.search(words)) and not counts:
                found.append(f"cell {number}: {word[0]!r} in a figure or in printed words, counted nowhere: {words}")
        counting = {name for name, calls in section.calls.items() if calls <= {"counted", "within"}}
        for name in sorted(section.calls.keys() - tied - counting):
            found.append(f"{name!r} is shown, but no sentence of its section is tied to it")
    return found


def _names(tie: re.Match[str]) -> list[str]:
    return [name.strip() for name in tie[2].split(",")]


def _sections(notebook: Any, found: list[str]) -> Iterator[Section]:
    section = Section()
    for number, cell in enumerate(notebook.cells, start=1):
        tags = set(cell.metadata.get("tags", ()))
        if cell.cell_type == "markdown":
            if re.search(r"^\s*<!--", cell.source, re.MULTILINE):
                found.append(
                    f"cell {number}: a tie begins a line, where Markdown ends the paragraph. Wrap it with words"
                )
            for part in re.split(r"^(?=## )", cell.source, flags=re.MULTILINE):
                if part.startswith("## "):
                    yield section
                    section = Section()
                if not tags & EXEMPT:
                    section.sentences += [(number, *sentence) for sentence in _sentences(part)]
        elif cell.cell_type == "code":
            tree = ast.parse(cell.source)
            own = list(_calls(tree))
            for name, call in own:
                section.calls.setdefault(name, set()).add(call)
            strings = [
                node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            section.figures += [(number, words) for words in strings if not tags & EXEMPT]
            limits = [words for words in _levels(tree) if LIMIT.search(words)]
            if limits and not any(call == "within" for _, call in own):
                found.append(
                    f"cell {number}: a figure with the limit {limits[0]!r}, and nothing says that no value passes it"
                )
    yield section


def _sentences(markdown: str) -> Iterator[tuple[str, list[re.Match[str]]]]:
    """Sentences and their ties, without code, formulas, tables and headings."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"^#+ .*$|^\|.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`]*`|\$[^$]*\$", "…", text)
    for paragraph in re.split(r"\n\s*\n|^\s*(?:[-*]|\d+\.) ", text, flags=re.MULTILINE):
        words = " ".join(paragraph.split())
        for sentence in re.split(r"(?<=[.!?])(?:\*\*|[)”\"'])*\s+(?!<!--)|(?<=-->)\s*", words):
            ties = list(TIE.finditer(sentence))
            plain = TIE.sub("", sentence).strip()
            if plain:
                yield plain, ties


def _calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(name, function) of each call of evidence whose name is written down."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in CALLS and node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), function


def _levels(tree: ast.AST) -> Iterator[str]:
    """The names of the levels that figures draw."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("levels", "limit", "roof"):
            yield node.arg
            yield from (
                str(n.value) for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            )

"""What a teacher reads: a table for the spreadsheet, and one page for the eye.

What comes from a submission was cut short and rid of control characters before; here it is escaped for where it goes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from tinycnn.learn.course import Unit


@dataclass(frozen=True)
class Result:
    """One unit of one submission. ``verdict`` is "solved", "wrong", "missing" or "not tried"."""

    unit: Unit
    verdict: str
    held: int = 0  # rungs, of so many
    rungs: int = 0
    failing: str = ""
    sentence: str = ""
    mistake: str = ""
    printed: str = ""
    help_taken: str = ""  # as the learner's own file says

    @property
    def share(self) -> float:
        return 1.0 if self.verdict == "solved" else self.held / max(self.rungs, 1)


@dataclass(frozen=True)
class Grade:
    """One submission."""

    name: str
    id: str
    results: Sequence[Result]
    remarks: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def points(self) -> int:
        return sum(result.verdict == "solved" for result in self.results)


@dataclass
class Report:
    """All of it. ``unfinished`` counts the submissions that were not graded, after Ctrl-C."""

    units: Sequence[Unit]
    grades: list[Grade] = field(default_factory=list)
    unfinished: int = 0
    heading: str = ""

    def table(self) -> str:
        """CSV: a row for each submission. A unit's number is the share of its rungs that hold, 1 where it is solved."""
        memory = io.StringIO()
        writer = csv.writer(memory, lineterminator="\n")
        writer.writerow(["submission", "id", "points", "of", *(unit.number for unit in self.units), "remarks"])
        for grade in self.grades:
            shares = [f"{r.share:.2g}" if r.verdict in ("solved", "wrong") else "" for r in grade.results]
            row = [_cell(grade.name), grade.id, grade.points, len(self.units), *shares]
            writer.writerow([*row, _cell("; ".join(grade.remarks))])
        return memory.getvalue()

    def page(self) -> str:
        """HTML: one file, no script, nothing loaded."""
        head = "".join(f'<th scope="col" title="{escape(unit.title)}">{unit.number}</th>' for unit in self.units)
        solved = [sum(grade.results[i].verdict == "solved" for grade in self.grades) for i in range(len(self.units))]
        foot = "".join(f"<td>{count}</td>" for count in solved)
        missing = f'<p class="remark">Interrupted: {self.unfinished} were not graded.</p>' if self.unfinished else ""
        return PAGE.format(
            heading=escape(self.heading),
            missing=missing,
            head=head,
            rows="\n".join(self._row(number, grade) for number, grade in enumerate(self.grades)),
            foot=foot,
            details="\n".join(self._details(number, grade) for number, grade in enumerate(self.grades)),
        )

    def _row(self, number: int, grade: Grade) -> str:
        cells = "".join(_mark(result) for result in grade.results)
        flag = f'<span class="remark" title="{escape("; ".join(grade.remarks))}">! </span>' if grade.remarks else ""
        return (
            f'<tr><th scope="row">{flag}<a href="#s{number}">{escape(grade.name)}</a></th>'
            f'<td class="points">{grade.points}</td>{cells}</tr>'
        )

    def _details(self, number: int, grade: Grade) -> str:
        remarks = "".join(f'<p class="remark">{escape(remark)}.</p>' for remark in grade.remarks)
        units = "".join(_words(result) for result in grade.results if result.verdict in ("wrong", "not tried"))
        lists = (
            f"<p><b>{what}:</b> {', '.join(numbers)}</p>"
            for verdict, what in (("solved", "solved"), ("missing", "not handed in"))
            if (numbers := [_named(result) for result in grade.results if result.verdict == verdict])
        )
        return (
            f"<details><summary>{escape(grade.name)}: {grade.points} of {len(self.units)}</summary>"
            f'<p class="small" id="s{number}">id {escape(grade.id) or "unknown"}, {grade.seconds:.0f} s</p>'
            f"{remarks}{''.join(lists)}{units}</details>"
        )


def _cell(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


MARKS = {"solved": "✓", "missing": "·", "not tried": "–"}


def _mark(result: Result) -> str:
    kind = result.verdict.replace(" ", "-")
    mark = MARKS.get(result.verdict) or f"{result.held}/{result.rungs}"
    title = f"{result.unit}: {result.verdict}" + (f", {result.failing}" if result.failing else "")
    return f'<td class="{kind}" title="{escape(title)}">{mark}</td>'


def _named(result: Result) -> str:
    help_taken = f" ({escape(result.help_taken)})" if result.help_taken else ""
    return f"{result.unit.number}{help_taken}"


def _words(result: Result) -> str:
    """One unit that is not solved, in words."""
    kind = result.verdict.replace(" ", "-")
    lines = [f'<b>{escape(str(result.unit))}</b> <span class="{kind}">{result.verdict}</span>']
    if result.help_taken:
        lines[0] += f' <span class="small">{escape(result.help_taken)}</span>'
    if result.failing:
        lines.append(f"{result.held} of {result.rungs} rungs hold; not: {escape(result.failing)}")
    lines += [escape(text) for text in (result.sentence, result.mistake) if text]
    printed = f"<pre>It printed:\n{escape(result.printed)}</pre>" if result.printed else ""
    return f"<div>{'<br>'.join(lines)}{printed}</div>"


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Grades</title>
<style>
:root {{ color-scheme: light dark; --back: #fff; --text: #1d2125; --line: #d8dce0; --quiet: #667078;
  --good: #1a6b35; --good-back: #dff3e4; --bad: #9a2a1c; --bad-back: #fbe4e0; --note: #7a5200; }}
@media (prefers-color-scheme: dark) {{ :root {{ --back: #16191c; --text: #e4e7ea; --line: #363c42; --quiet: #98a2aa;
  --good: #8fdca6; --good-back: #17331f; --bad: #ffab9d; --bad-back: #43201b; --note: #f0c674; }} }}
body {{ font: 16px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 1rem auto;
  max-width: 72rem; padding: 0 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.4rem; margin: 0 0 .3rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
.wide {{ overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }}
th, td {{ padding: .25rem .4rem; text-align: center; border-bottom: 1px solid var(--line); white-space: nowrap; }}
tbody th, tfoot th, thead th:first-child {{ text-align: left; font-weight: normal; position: sticky; left: 0;
  background: var(--back); max-width: 11rem; overflow: hidden; text-overflow: ellipsis; }}
tfoot td, tfoot th {{ border-bottom: 0; color: var(--quiet); }}
a {{ color: inherit; }} .points {{ font-weight: 600; }}
.solved {{ color: var(--good); }} td.solved {{ background: var(--good-back); }}
.wrong {{ color: var(--bad); }} td.wrong {{ background: var(--bad-back); }}
.missing, .not-tried, .small {{ color: var(--quiet); }} .small {{ font-size: .85rem; }}
.remark {{ color: var(--note); }} span.remark {{ font-weight: 700; }}
details {{ border-bottom: 1px solid var(--line); padding: .35rem 0; }} summary {{ cursor: pointer; }}
details p, details div {{ margin: .5rem 0 .5rem 1rem; }}
:target {{ scroll-margin-top: 3rem; }}
pre {{ white-space: pre-wrap; font-size: .8rem; color: var(--quiet); margin: .3rem 0; }}
</style>
</head>
<body>
<h1>Grades</h1>
<p class="small">{heading}</p>
{missing}
<div class="wide" tabindex="0" role="region" aria-label="grades"><table>
<thead><tr><th scope="col">submission</th><th scope="col">points</th>{head}</tr></thead>
<tbody>
{rows}
</tbody>
<tfoot><tr><th scope="row">solved by</th><td></td>{foot}</tr></tfoot>
</table></div>
<p class="small">✓ solved · 2/3 two of three rungs hold · a dot: not handed in · – not tried · ! see the remarks</p>
<h2>What was found</h2>
{details}
</body>
</html>
"""

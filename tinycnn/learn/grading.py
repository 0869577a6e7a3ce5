"""Checks what a class handed in, each submission in the sandbox, and writes a table and a page.

python -m tinycnn.learn grade FOLDER [--out FOLDER] [--units NAME ...] [--no-milestones]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import tinycnn
from tinycnn.files import replacing
from tinycnn.learn import sandbox
from tinycnn.learn.checking import examine
from tinycnn.learn.child import CALL_LIMIT, plain
from tinycnn.learn.course import COURSE, Unit, find
from tinycnn.learn.report import Grade, Report, Result
from tinycnn.learn.submissions import Submission, flag_shared_ids, read_all

CHECK_LIMIT, MILESTONE_LIMIT = 60.0, 900.0  # seconds that one check may take in all
TABLE, PAGE = "grades.csv", "grades.html"
MOST_SENTENCE, MOST_PRINTED = 600, 1000  # characters in the report


def grade(submissions: Path, out: Path, units: Sequence[str] | None, console: Console, milestones: bool = True) -> int:
    """Grade a folder of submissions.

    Args:
        submissions: has a folder or a zip file for each learner.
        out: a folder for grades.csv and grades.html; made where there is none.
        units: numbers or names; None for all.
        milestones: train the milestones too.

    Returns: the exit code, 130 where Ctrl-C ended it; what was graded until then is written.

    Raises:
        ValueError: nothing can be graded: no submissions, no sandbox that holds, no such unit.
    """
    chosen = _chosen(units, milestones)
    if out.resolve().is_relative_to(submissions.resolve()):
        raise ValueError(f"learn: expected --out outside of {submissions}, received {out}. Name another folder.")
    try:
        sandbox.check()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    found = read_all(submissions)
    out.mkdir(parents=True, exist_ok=True)
    report = Report(chosen)
    begin = time.monotonic()
    code = 0
    try:
        with _progress(console) as progress:
            _grade_all(found, report, progress)
    except KeyboardInterrupt:
        code, report.unfinished = 130, len(found) - len(report.grades)
    seconds = time.monotonic() - begin
    report.heading = (
        f"Submissions: {len(report.grades)}. Units: {len(chosen)}. Graded {time.strftime('%Y-%m-%d %H:%M')} by tinycnn "
        f"{tinycnn.__version__} in {seconds:.0f} s."
    )
    for file, text in ((TABLE, report.table()), (PAGE, report.page())):
        with replacing(out / file) as path:
            path.write_text(text, encoding="utf-8")
    if report.unfinished:
        console.print(f"Interrupted: {report.unfinished} of {len(found)} are not graded.")
    console.print(f"{report.heading}\n{out / TABLE}\n{out / PAGE}")
    return code


def _chosen(names: Sequence[str] | None, milestones: bool) -> list[Unit]:
    """The units to grade, in their order.

    Raises:
        ValueError: no unit is called so, or none is left.
    """
    wanted = [find(name) for name in names] if names else COURSE
    chosen = [
        unit
        for unit in COURSE
        if unit in wanted and (unit.folder / "check.py").exists() and (milestones or not unit.is_milestone)
    ]
    if not chosen:
        raise ValueError("learn: expected a unit that has a check, received none. See: list")
    return chosen


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),  # a name is nobody's markup
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _grade_all(submissions: Sequence[Submission], report: Report, progress: Progress) -> None:
    """Fill the report. All files are written before the first is run, into folders that no submission knows."""
    with tempfile.TemporaryDirectory(prefix="tinycnn-grading-") as name:
        folders = [Path(name) / str(number) for number in range(len(submissions))]
        for submission, folder in zip(submissions, folders, strict=True):
            folder.mkdir()
            submission.write(folder)
        flag_shared_ids(submissions)
        task = progress.add_task("", total=len(submissions))
        for submission, folder in zip(submissions, folders, strict=True):
            begin = time.monotonic()
            results = []
            for unit in report.units:
                progress.update(task, description=f"{submission.name[:30]} {unit.number}")
                results.append(_examine(submission, folder, unit))
            id = submission.learner.id if submission.learner else ""
            seconds = time.monotonic() - begin
            report.grades.append(Grade(submission.name, id, results, tuple(submission.remarks), seconds))
            progress.advance(task)


def _examine(submission: Submission, folder: Path, unit: Unit) -> Result:
    """One unit of a submission whose files lie in the folder."""
    if unit.functions and unit.file not in submission.files:
        return Result(unit, "missing")
    missing = [needed for needed in unit.needs if find(needed).file not in submission.files]
    if missing and unit.is_milestone:
        return Result(unit, "not tried", sentence=f"It needs {', '.join(missing)}, not handed in.")
    variants: list[str | None] = [None]
    if unit.variants:
        owner = submission.learner
        variants = [*unit.variants] if owner is None else [owner.variant(unit)]
    for variant in variants:
        result = _try(submission, folder, unit, variant)
        if result.verdict == "solved":
            break
    return result


def _try(submission: Submission, folder: Path, unit: Unit, variant: str | None) -> Result:
    total = MILESTONE_LIMIT if unit.is_milestone else CHECK_LIMIT
    rungs = len(unit.rungs)
    help_taken = _help_taken(submission, unit)
    try:
        outcome = examine(unit, folder, variant, command=sandbox.command(folder), limit=CALL_LIMIT, total=total)
    except Exception as error:  # a check that did not expect what it was given: one submission must not stop the others
        sentence = f"The check itself ended with {type(error).__name__}: {plain(error, MOST_SENTENCE)}"
        return Result(unit, "wrong", 0, rungs, sentence=sentence, help_taken=help_taken)
    if outcome.imports_tinycnn:
        submission.remark(f"{unit.file} imports tinycnn")
    wrong = outcome.wrong
    return Result(
        unit,
        "solved" if outcome.solved else "wrong",
        len(outcome.passed),
        rungs,
        outcome.failing,
        plain(wrong, MOST_SENTENCE) if wrong else "",
        plain(wrong.mistake, MOST_SENTENCE) if wrong else "",
        "\n".join(plain(line, 200) for line in outcome.printed[:MOST_PRINTED].splitlines()[:20]),
        help_taken,
    )


def _help_taken(submission: Submission, unit: Unit) -> str:
    """What the learner's own file says of hints."""
    if submission.learner is None:
        return ""
    progress = submission.learner.of(unit)
    taken = [f"{progress.hints} hint{'s'[: progress.hints > 1]}"] if 0 < progress.hints < 100 else []
    return ", ".join(taken + (["the solution was shown before it was solved"] if progress.gave_up else []))

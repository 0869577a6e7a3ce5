"""The commands: list, start, check, hint, solution, watch, grade."""

from __future__ import annotations

import argparse
import io
import os
import platform
import re
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

import tinycnn
from tinycnn.learn import learner as learners
from tinycnn.learn import picture
from tinycnn.learn.checking import BEFORE, Outcome, examine
from tinycnn.learn.course import COURSE, Unit, find
from tinycnn.learn.runner import NOT_YET

_COMMAND = re.compile(r"python -m tinycnn\.learn( (start|check|hint|solution|list)\b( (\d\d|[A-C])\b)?( --give-up)?)?")
_KEPT = "\u00a0"  # stands for a space at which no line is broken, so that a command can be copied

HINTS = 4  # the verdict is the first
WIDTH = 80
GRADE = """Check a class: each submission in a sandbox (bubblewrap, on Linux), without network, unable to write, within
limits of time and memory. Results: grades.csv for a spreadsheet, grades.html to read. Ctrl-C writes what is done. See
GRADING.md beside the course."""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where a check fails, 2 where something cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m tinycnn.learn",
        description="A course in which you write the network: each unit is a function or two, checked step by step.",
    )
    parser.add_argument("--folder", type=Path, help=f"yours (default: {learners.DEFAULT}, or this one, if it is one)")
    parser.add_argument("--no-colour", "--no-color", action="store_true", help="no colours; NO_COLOR=1 does the same")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, what in {
        "list": "the units, and where you are",
        "start": "write the file of the next unit, or of NAME",
        "check": "try what you wrote",
        "hint": "what is wrong: where, then its name, then what to read",
        "solution": "one way to write it, after you solved it",
        "watch": "check at every save, until Ctrl-C",
    }.items():
        sub = commands.add_parser(name, help=what, description=what)
        if name != "list":
            sub.add_argument("unit", nargs="?", metavar="NAME", help="3, 03 or dense_backward (default: your next)")
        if name == "solution":
            sub.add_argument("--give-up", action="store_true", help="before you solved it; this is recorded")
    sub = commands.add_parser("grade", help="for teachers: check a folder of submissions", description=GRADE)
    sub.add_argument("submissions", type=Path, help="a folder with a folder or zip file for each learner")
    sub.add_argument(
        "--out", type=Path, default=Path("grades"), help="for grades.csv and grades.html (default: grades)"
    )
    sub.add_argument("--units", nargs="+", metavar="NAME", help="only these (default: all)")
    sub.add_argument("--no-milestones", action="store_true", help="leave out the trainings, which take longest")
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 2
    plain = options.no_colour or bool(os.environ.get("NO_COLOR"))
    console = Console(highlight=False, markup=False, emoji=False, color_system=None if plain else "auto")
    console.width = min(console.width, WIDTH)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no Σ shows a question mark
    try:
        if options.command == "grade":
            from tinycnn.learn import grading

            return grading.grade(options.submissions, options.out, options.units, console, not options.no_milestones)
        return Session(_folder(options.folder), console).run(options)
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _complain(f"learn: {error.filename}: {error.strerror}. See --folder." if error.filename else str(error))
        return 2
    except ValueError as error:
        _complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


def _folder(given: Path | None) -> Path:
    if given is not None:
        return given
    here = Path()
    return here if (here / learners.STATE).exists() else here / learners.DEFAULT


class Session:
    """One command of one learner."""

    def __init__(self, folder: Path, console: Console):
        self.folder, self.console = folder, console

    def run(self, options: Any) -> int:
        if options.command == "start" and not (self.folder / learners.STATE).exists():
            self._begin()
        try:
            self.learner = learners.load(self.folder)
        except learners.Damaged:
            if options.command != "start":
                raise
            self.learner = learners.renewed(self.folder)
            self.learner.save()
            self.say(f"{self.folder / learners.STATE} was damaged. It is put aside, and a new one begun.")
        if options.command == "list":
            return self.list()
        unit = find(options.unit) if options.unit else self.learner.next
        if unit is None:
            self.say("You have solved all of it. See: list", "bold green")
            return 0
        if options.command == "solution":
            return self.solution(unit, options.give_up)
        return getattr(self, options.command)(unit)

    def say(self, text: str, style: str = "", indent: int = 0) -> None:
        """Print it; lines that follow the first begin further in."""
        self.console.print(Text(_fitted(text, self.console.width, indent), style), soft_wrap=True)

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        learners.new(self.folder).save()
        (self.folder / "notyet.py").write_text(NOT_YET, encoding="utf-8")
        self.say(f"Python {platform.python_version()} ({sys.executable}), tinycnn {tinycnn.__version__}.")
        self.say(f"Your folder is {self.folder.resolve()}: open it in your editor.")

    # The commands

    def list(self) -> int:
        """The units, what is solved, and by how much help."""
        following = self.learner.next
        for unit in COURSE:
            progress = self.learner.of(unit)
            mark = "solved" if progress.solved else "next" if unit is following else ""
            help_taken = f"{progress.hints} hint{'s'[: progress.hints > 1]}" if progress.hints else ""
            if progress.gave_up:
                help_taken = "looked up"
            notes = ", ".join(filter(None, (mark, help_taken)))
            style = "green" if progress.solved else "bold" if unit is following else ""
            self.say(f"  {unit.number:>2}  {unit.title:55} {notes}".rstrip(), style, indent=6)
        return 0

    def start(self, unit: Unit) -> int:
        """Write a unit's file, unless there is one already."""
        if unit.is_milestone:
            self.say(f"{unit.title}. Nothing to write: python -m tinycnn.learn check {unit.number}")
            return 0
        path = self.folder / unit.file
        if path.exists():
            self.say(f"{path} is there already and stays as it is. Rename it to begin anew.")
            return 0
        for name, text in unit.handed_out.items():
            file = self.folder / name
            file.parent.mkdir(exist_ok=True)
            if not file.exists():
                file.write_text(text, encoding="utf-8")
        path.write_text(unit.task(self.learner.variant(unit)), encoding="utf-8")
        self.say(f"{unit.number}  {unit.title}", "bold")
        for folder in dict.fromkeys(Path(name).parent for name in unit.handed_out):
            self.say(f"It comes with {self.folder / folder}.")
        self.say(f"Write {' and '.join(unit.functions)} in {path}, then: {self._command('check', unit)}")
        return 0

    def check(self, unit: Unit) -> int:
        """Try it, and say how far it holds."""
        self._require(unit)
        self.say(f"{unit.number}  {unit.title}", "bold")
        outcome = self._examine(unit)
        self._show(outcome)
        return 0 if outcome.solved else 1

    def hint(self, unit: Unit) -> int:
        """One hint more than last time, for what fails now."""
        self._require(unit)
        outcome = self._examine(unit)
        if outcome.wrong is None:
            self._show(outcome)
            return 0
        progress = self.learner.of(unit)
        progress.given = min(max(progress.given, 1) + 1, HINTS)
        progress.hints = max(progress.hints, progress.given - 1)
        self._save()
        self._show(outcome, more=False)
        for number in range(2, progress.given + 1):
            self.say(f"\nHint {number - 1} of {HINTS - 1}", "bold")
            self._hint(number, outcome)
        if progress.given < HINTS:
            self.say(f"\nMore: {self._command('hint', unit)}")
        return 1

    def _hint(self, number: int, outcome: Outcome) -> None:
        wrong = outcome.wrong
        if number == 2 and wrong is not None and wrong.given is not None and wrong.due is not None:
            self.say(picture.text(wrong.given, wrong.due))
            path = self.folder / f"unit_{outcome.unit.number}_wrong.png"
            try:
                picture.write(wrong.given, wrong.due, path)
                self.say(f"The numbers in colour: {path}")
            except OSError as error:
                self.say(f"The numbers in colour could not be written to {path}: {error.strerror}.")
        elif number == 2:
            self.say("It fails before there are numbers to compare: read the sentence above once more.")
        elif number == 3:
            self.say(wrong.mistake if wrong and wrong.mistake else "None of the usual mistakes explains it.")
        else:
            self.say(outcome.unit.hints().strip())

    def solution(self, unit: Unit, give_up: bool) -> int:
        """Print one way to write it."""
        progress = self.learner.of(unit)
        if unit.is_milestone:
            self.say("A milestone has no solution of its own: it runs on yours of the units before.")
            return 0
        if not progress.solved and not give_up:
            raise ValueError(
                f"learn: expected {unit} to be solved first. Take a hint, or: "
                f"python -m tinycnn.learn solution {unit.number} --give-up"
            )
        if not progress.solved and not progress.gave_up:
            progress.gave_up = True
            self.learner.save()  # or it is not shown
        self.console.out(unit.solution(self.learner.variant(unit)), highlight=False)
        return 0

    def watch(self, unit: Unit) -> int:
        """Check now and at every save; when a unit is solved, go on with the next."""
        if unit.is_milestone:
            self.say(f"{unit} has no file to watch. Try: python -m tinycnn.learn check {unit.number}")
            return 0
        self._require(unit)
        self.say("Checks at every save. Ctrl-C ends it.")
        seen: object = None
        while True:
            now = _stamp(self.folder / unit.file)
            if now != seen and now is not None:
                time.sleep(0.2)
                if _stamp(self.folder / unit.file) != now:
                    continue  # still being saved
                seen = now
                outcome = self._examine(unit)
                self._show(outcome)
                if outcome.solved:
                    following = self.learner.next
                    if following is None or following.is_milestone:
                        return 0
                    if not (self.folder / following.file).exists():
                        self.start(following)
                    unit, seen = following, _stamp(self.folder / following.file)
            time.sleep(0.2)

    # What they share

    def _examine(self, unit: Unit) -> Outcome:
        outcome = examine(unit, self.folder, self.learner.variant(unit), say=self.say, pictures=self.folder)
        progress = self.learner.of(unit)
        progress.checks += 1
        progress.solved = progress.solved or outcome.solved
        if outcome.failing != progress.failing:
            progress.failing, progress.given = outcome.failing, 0
        self._save()
        return outcome

    def _require(self, unit: Unit) -> None:
        if not unit.is_milestone and not (self.folder / unit.file).exists():
            raise ValueError(
                f"learn: expected {self.folder / unit.file}, found none. Begin with: "
                f"python -m tinycnn.learn start {unit.number}"
            )

    def _save(self) -> None:
        """Write the progress down; where that fails, what was found out is still shown."""
        try:
            self.learner.save()
        except OSError as error:
            self.say(f"This is not recorded: {self.learner.folder / learners.STATE}: {error.strerror}.", "yellow")

    def _command(self, name: str, unit: Unit) -> str:
        """What to type; a unit's number is left out where the learner is to go on with just that one."""
        return f"python -m tinycnn.learn {name}" + ("" if unit is self.learner.next else f" {unit.number}")

    def _show(self, outcome: Outcome, more: bool = True) -> None:
        for title in outcome.passed:
            self.say(f"  ok     {title}", "green", indent=9)
        if outcome.wrong is not None:
            self.say(f"  WRONG  {outcome.failing}", "bold red", indent=9)
            self.say(f"\n{outcome.wrong}")
            if more and outcome.failing != BEFORE:
                self.say(f"\nMore: {self._command('hint', outcome.unit)}")
        else:
            following = self.learner.next
            end = (
                "That was the last one."
                if following is None
                else f"Next: python -m tinycnn.learn {'check' if following.is_milestone else 'start'}"
            )
            self.say(f"  {outcome.unit.number} is solved. {end}", "bold green")
        if outcome.imports_tinycnn:
            self.say("Your file imports tinycnn. What it does there you are to write here.", "yellow")
        if outcome.printed:
            self.say("\nYour code printed:")
            self.console.out(_printable(outcome.printed), highlight=False)


def _fitted(text: str, width: int, indent: int = 0) -> str:
    """The text in lines that are not longer, where no path and no command is broken."""
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * indent)
    wrapper.break_on_hyphens = wrapper.break_long_words = False
    whole = _COMMAND.sub(lambda command: command[0].replace(" ", _KEPT), text)
    return "\n".join(wrapper.fill(line).replace(_KEPT, " ") for line in whole.split("\n"))


def _complain(text: str) -> None:
    print(_fitted(text, WIDTH), file=sys.stderr)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is saved."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _printable(text: str, lines: int = 20) -> str:
    """The beginning of what somebody printed, without control characters."""
    shown = ["".join(c if c.isprintable() or c == "\t" else "?" for c in line) for line in text.splitlines()]
    return "\n".join(shown[:lines] + (["…"] if len(shown) > lines else []))

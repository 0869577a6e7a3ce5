"""Execute the tutorials, and write the notebooks that readers see.

    python -m tutorials.build             # all: execute the .py, write the .ipynb with its outputs, and the student's
    python -m tutorials.build 02 04       # these two
    python -m tutorials.build --check     # write nothing; exit with 1 on an error, or where a pair has drifted apart

A tutorial's source is NN_name.py, cells in jupytext's percent format. Each is executed from clean, in a kernel of its
own, in an empty folder and without MNIST. Only what went well is written, and nothing in which `tutorials.gate` finds a
sentence without evidence. Cells tagged "solution" are folded; the student's edition, student/NN_name.ipynb, has none of
them, and no outputs. Two builds on one machine give the same file: times are left out
of progress lines, there are no time stamps and no random names of cells, and the same seed gives the same bits.

Other processors add up in another order, so numbers that come from training differ there in their last digits, and
after some epochs in more. ``--check`` therefore compares cells exactly, and outputs by their words: the same kinds of
output in the same order, the same text but for the numbers in it. What must be true of the numbers the tutorials assert
themselves, in cells; an assertion that fails is an error.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tinycnn.files import replacing

from . import gate

FOLDER = Path(__file__).resolve().parent
CELL_SECONDS = 300  # a cell that takes longer hangs
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SOLUTION = "solution"  # the tag of a cell that answers an exercise
STUDENTS_NOTE = (
    "\n\n*This is the student's edition: no outputs, no solutions. Where `...` stands, it is your turn. With both: "
    "[{name}]({name}.ipynb).*"
)
# Before the first cell: figures of pyplot get alternative text, too; those of `tinycnn.plots` have it.
DESCRIBE = "__import__('tinycnn.plots.notebooks', fromlist=['']).describe_pyplot()"
COMPILING = "tinycnn: compiling the fast kernels"  # may be the first thing that a new machine says
TIMES = re.compile(r"\d+s - \d+(ms|us|s)/step")
NO_TIMES = "…s - …/step"
COLOURS = re.compile(r"\x1b\[[\d;]*m")
NUMBERS = re.compile(r"[-+−]?\d[\d.,]*(e[-+]?\d+)?(\s*[-+−]?\d[\d.,]*(e[-+]?\d+)?)*")


class TutorialError(Exception):
    """A tutorial that does not run to its end, or says something on stderr."""


def names() -> list[str]:
    """``["01_the_notebook_again", ...]``"""
    return sorted(path.stem for path in FOLDER.glob("[0-9][0-9]_*.py"))


def choose(beginnings: Sequence[str]) -> list[str]:
    """The tutorials whose names begin so; all where nothing is given."""
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names()):
            raise SystemExit(
                f"build: expected the beginning of a tutorial's name, received {beginning!r}. "
                f"Choose from {', '.join(names())}."
            )
    return [name for name in names() if not beginnings or name.startswith(tuple(beginnings))]


def source(name: str) -> NotebookNode:
    """The cells of the .py, without outputs."""
    notebook = jupytext.read(FOLDER / f"{name}.py", fmt="py:percent")
    notebook.nbformat_minor = 4  # 4.5 asks for names of cells, which would be random
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.pop("id", None)
    return notebook


def folded(notebook: NotebookNode) -> NotebookNode:
    """The same with its solutions folded: by Jupyter's mark and the site's, and words by HTML's own element."""
    for cell in notebook.cells:
        if SOLUTION not in cell.metadata.get("tags", ()):
            continue
        if cell.cell_type == "markdown":
            cell.source = (
                f"<details>\n<summary>Solution: think first, then open</summary>\n\n{cell.source}\n\n</details>"
            )
        else:
            cell.metadata.tags.append("hide-cell")
            cell.metadata.jupyter = {"source_hidden": True}
    return notebook


def students(name: str) -> NotebookNode:
    """The tutorial to work with: nothing is executed, and no solution is in it."""
    notebook = source(name)
    notebook.cells = [cell for cell in notebook.cells if SOLUTION not in cell.metadata.get("tags", ())]
    notebook.cells[0].source += STUDENTS_NOTE.format(name=name)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # links are written for the folder above
            cell.source = re.sub(r"(\]\()(?!https?:|#)", r"\1../", cell.source)
    return notebook


def execute(name: str, package: Path | None = None) -> NotebookNode:
    """The cells of the .py with the outputs of a fresh kernel, which works in an empty folder.

    Args:
        package: a folder to import tinycnn from; by default what is installed.

    Raises:
        TutorialError: a cell raised an error, took too long or said something on stderr.
    """
    notebook = folded(source(name))
    with tempfile.TemporaryDirectory() as empty:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=CELL_SECONDS,
            resources={"metadata": {"path": empty}},
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR", f"--IPKernelApp.exec_lines={DESCRIBE}"],
        )
        try:
            client.execute(env=_environment(package))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise TutorialError(f"{name}: {COLOURS.sub('', str(error)).strip()}") from error
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_clean(name, output) for output in cell.outputs if not _is_compiling(output)]
    return notebook


def _environment(package: Path | None) -> dict[str, str]:
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    environment.pop("TINYCNN_DATA", None)
    return environment


def _is_compiling(output: NotebookNode) -> bool:
    """Nothing else is on stderr; the line is written anew for each kernel."""
    lines = re.split(r"[\r\n]+", output.get("text", "").strip())
    return output.get("name") == "stderr" and all(line.startswith(COMPILING) for line in lines)


def _clean(name: str, output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream":
        if output.name == "stderr":
            raise TutorialError(f"{name}: expected nothing on stderr, received {output.text!r}. Mend what warns.")
        output.text = TIMES.sub(NO_TIMES, output.text)
    return output


def write(name: str, executed: NotebookNode) -> None:
    """The reader's notebook and the student's."""
    _write(FOLDER / f"{name}.ipynb", executed)
    folder = FOLDER / "student"
    folder.mkdir(exist_ok=True)
    _write(folder / f"{name}.ipynb", students(name))


def _write(path: Path, notebook: NotebookNode) -> None:
    with replacing(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")


def drift(name: str, executed: NotebookNode) -> list[str]:
    """How the .ipynb differs from its .py and from what the cells give now; empty where the pair is as it should be."""
    path = FOLDER / f"{name}.ipynb"
    if not path.exists():
        return [f"{path.name} is missing"]
    written = nbformat.read(path, as_version=4)
    if [(cell.cell_type, cell.source) for cell in written.cells] != [(c.cell_type, c.source) for c in executed.cells]:
        return [f"the cells of {path.name} are not those of {name}.py"]
    found = []
    student = FOLDER / "student" / path.name
    if not student.exists() or nbformat.read(student, as_version=4) != students(name):
        found.append(f"student/{path.name} is not the student's edition of {name}.py")
    for number, (old, new) in enumerate(zip(written.cells, executed.cells, strict=True), start=1):
        if new.cell_type != "code":
            continue
        if old.execution_count != new.execution_count:
            found.append(f"cell {number} was not executed in its turn")
        before, now = [_words(output) for output in old.outputs], [_words(output) for output in new.outputs]
        if before != now:
            found.append(f"the output of cell {number} has other words: {before}, now {now}")
    return found


def _words(output: NotebookNode) -> Any:
    """What must be the same on every machine: kinds of output, and words."""
    if output.output_type == "stream":
        return output.name, words(output.text)
    if output.output_type == "error":
        return output.ename
    return {kind: words(text) if kind.startswith("text/") else "" for kind, text in output.data.items()}


def words(text: str) -> str:
    """The text with each number, or row of numbers, replaced by #, and without white space."""
    return "".join(NUMBERS.sub("#", text).split())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tutorials.build", description="Execute the tutorials.")
    parser.add_argument("names", nargs="*", help="beginnings of names, such as 02; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a pair has drifted apart")
    arguments = parser.parse_args(argv)
    failed = 0
    for name in choose(arguments.names):
        start = time.perf_counter()
        problems = gate.unfounded(source(name))
        try:
            executed = execute(name)
            problems += drift(name, executed) if arguments.check else []
        except TutorialError as error:
            problems.append(str(error))
        else:
            if not problems and not arguments.check:
                write(name, executed)
        seconds = time.perf_counter() - start
        verdict = "FAILED" if problems else "ok" if arguments.check else "written"
        print(f"{name:32} {verdict:8} {seconds:5.1f} s", flush=True)
        for problem in problems:
            print(textwrap.indent(problem, "  "), flush=True)
        failed += bool(problems)
    if failed and arguments.check:
        print("Run python -m tutorials.build to write the notebooks anew, and look at the difference.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

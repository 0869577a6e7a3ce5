"""The tutorials: each runs from clean, its pair is whole, and it has the form that readers and teachers count on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tinycnn.kernels.dense import dense_forward
from tinycnn.layers import Dense
from tutorials import build, helpers

README = (build.FOLDER / "README.md").read_text(encoding="utf-8")
NAMES = build.names()


def text_of(name: str, kind: str) -> str:
    return "\n\n".join(cell.source for cell in build.source(name).cells if cell.cell_type == kind)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one that is not deeper."""
    found = re.search(rf"^(#+) {heading}.*?\n(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {heading}"
    return found[2]


# Each tutorial


@pytest.mark.tutorials
@pytest.mark.slow
@pytest.mark.jit
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_clean_and_its_pair_is_whole(name):
    assert build.drift(name, build.execute(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_cells_of_the_pair_are_the_same(name):
    """Quick, for every run of the tests: outputs are another test's affair."""
    written = nbformat.read(build.FOLDER / f"{name}.ipynb", as_version=4)
    assert [(c.cell_type, c.source) for c in written.cells] == [
        (c.cell_type, c.source) for c in build.folded(build.source(name)).cells
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_says_how_to_run_it(name):
    first = build.source(name).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    for word in ("network", "bundled", "seconds"):
        assert word in first.source, f"the first cell says nothing of {word}"


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_with_exercises_and_checked_solutions(name):
    cells = build.source(name).cells
    exercises = section(text_of(name, "markdown"), "Exercises")
    count = len(re.findall(r"^(?:\d\.|\*\*\d|### \d)", exercises, re.MULTILINE))
    assert 3 <= count <= 5, f"{count} exercises"
    headings = [i for i, cell in enumerate(cells) if cell.source.startswith("## Solutions")]
    assert len(headings) == 1
    solutions = [cell.source for cell in cells[headings[0] :] if cell.cell_type == "code"]
    assert sum("assert" in solution for solution in solutions) >= 1, "the solutions are not checked"


@pytest.mark.parametrize("name", NAMES)
def test_the_text_holds_no_measured_number(name):
    """Decimals and percentages are measured, or settings: settings stand in code or in a formula."""
    assert measured(text_of(name, "markdown")) == []


def measured(markdown: str) -> list[str]:
    for other in (r"```.*?```", r"`[^`]*`", r"\$\$.*?\$\$", r"\$[^$]*\$", r"\]\([^)]*\)", r"arXiv:[\d.]+", r"^#+ .*$"):
        markdown = re.sub(other, "", markdown, flags=re.DOTALL if "#" not in other else re.MULTILINE)
    return re.findall(r"\d+\.\d+|\d+(?:\.\d+)? ?%|\d+ ?ms\b", markdown)


def test_the_search_for_measured_numbers_finds_them():
    found = measured(
        "It reaches 98.6 % in 3 ms, or 0.25, not `0.99` or $0.5^n$, as in arXiv:1502.03167 and [x](a0.1b)."
    )
    assert found == ["98.6", "3 ms", "0.25"] or found == ["98.6 %", "3 ms", "0.25"]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("01")])  # 01 has the notebook's cells
def test_its_figures_are_the_packages(name):
    assert "pyplot" not in text_of(name, "code")


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    check_links(text_of(name, "markdown"), build.FOLDER)


@pytest.mark.parametrize("name", NAMES)
def test_teachers_have_a_page(name):
    path = build.FOLDER / "instructors" / f"{name}.md"
    page = path.read_text(encoding="utf-8")
    for heading in ("Aim", "Time", "Misconception", "Lesson", "Quiz"):
        assert section(page, heading).strip(), heading
    questions = re.findall(r"^\d\. ", section(page, "Quiz"), re.MULTILINE)
    assert 4 <= len(questions) <= 6
    assert len(re.findall(r"\*\*Answer", section(page, "Quiz"))) == len(questions)
    check_links(page, path.parent)


# The map


def check_links(text: str, folder: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        assert link.startswith("http") or (folder / link).exists(), link


def test_the_map_names_every_tutorial():
    assert re.findall(r"^\| \[\d\d .*?\]\((.*?)\.ipynb\)", README, re.MULTILINE) == NAMES


def test_the_map_leads_somewhere():
    check_links(README, build.FOLDER)


# Building


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(build.FOLDER / "helpers.py", tmp_path)
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    return tmp_path


def test_a_build_writes_the_pair_and_a_second_one_the_same(folder, capsys):
    (folder / "01_sum.py").write_text(
        "# %% [markdown]\n# # A sum\n\n# %%\nimport sys\n\nprint(1 + 1, 'things')\n"
        "print('3/3 - 4s - 15ms/step - loss: 0.5')\n"
        "line = 'tinycnn: compiling the fast kernels for this processor'\n"
        "print(f'{line}, once: 1 of 2 done\\r{line}, once: 2 of 2 done', file=sys.stderr)\n\n# %%\n2.5\n",
        encoding="utf-8",
    )
    assert build.main([]) == 0
    assert re.fullmatch(r"01_sum +written +\d+\.\d s\n", capsys.readouterr().out)
    first = (folder / "01_sum.ipynb").read_bytes()
    notebook = nbformat.reads(first.decode(), as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    (printed,) = notebook.cells[1].outputs
    assert printed.text == "2 things\n3/3 - …s - …/step - loss: 0.5\n"
    assert notebook.cells[2].outputs[0].data == {"text/plain": "2.5"}
    assert build.main(["01"]) == 0
    assert (folder / "01_sum.ipynb").read_bytes() == first
    capsys.readouterr()
    assert build.main(["--check"]) == 0
    assert re.fullmatch(r"01_sum +ok +\d+\.\d s\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("assert 1 > 2, 'the story is no longer true'", "AssertionError: the story is no longer true"),
        (
            "import warnings\n\nwarnings.warn('odd')",
            "01_sum: expected nothing on stderr, received .*UserWarning: odd.*Mend what warns",
        ),
    ],
)
def test_what_goes_wrong_is_not_written(folder, capsys, code, message):
    (folder / "01_sum.py").write_text(f"# %%\n{code}\n", encoding="utf-8")
    assert build.main([]) == 1
    out = capsys.readouterr().out
    assert re.match(r"01_sum +FAILED", out)
    assert re.search(message, out)
    assert not (folder / "01_sum.ipynb").exists()


def outputs(*texts: str) -> nbformat.NotebookNode:
    """An executed notebook of one cell that printed and showed these texts."""
    shown = [nbformat.v4.new_output("display_data", {"text/plain": text}) for text in texts]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("f()", execution_count=1, outputs=shown)])


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        (["loss 0.123, three 3"], ["loss 0.124, three 3"], False),
        (["[1 2 3]\n  wide"], ["[1  20 ]   wide"], False),
        (["-1e-07 of"], ["0.5 of"], False),
        (["it holds"], ["it does not hold"], True),
        (["loss 0.1"], ["accuracy 0.1"], True),
        (["a", "b"], ["a"], True),
    ],
)
def test_drift_is_seen_in_words_not_in_numbers(folder, before, now, differs):
    build.write("01_sum", outputs(*before))
    assert bool(build.drift("01_sum", outputs(*now))) == differs


def test_drift_is_seen_in_cells_order_and_absence(folder):
    assert build.drift("01_sum", outputs("a")) == ["01_sum.ipynb is missing"]
    build.write("01_sum", outputs("a"))
    other = outputs("a")
    other.cells[0].source = "g()"
    assert build.drift("01_sum", other) == ["the cells of 01_sum.ipynb are not those of 01_sum.py"]
    other = outputs("a")
    other.cells[0].execution_count = 2
    assert build.drift("01_sum", other) == ["cell 1 was not executed in its turn"]
    other = outputs("a")
    other.cells[0].outputs = [nbformat.v4.new_output("display_data", {"text/plain": "a", "image/png": "x"})]
    assert "the output of cell 1 has other words" in build.drift("01_sum", other)[0]


def test_a_name_that_does_not_exist_is_an_error(folder):
    (folder / "01_sum.py").touch()
    with pytest.raises(
        SystemExit, match=r"build: expected the beginning of a tutorial's name, received '7'. Choose from 01_sum"
    ):
        build.main(["7"])


# Showing code


def test_show_source_shows_what_runs():
    shown = helpers.show_source(dense_forward, Dense.backward_parameters).data
    assert "\n\n[`tinycnn/layers/dense.py`](../tinycnn/layers/dense.py)\n```python\ndef backward_parameters" in shown
    assert shown.startswith("[`tinycnn/kernels/dense.py`](../tinycnn/kernels/dense.py)\n```python\ndef dense_forward(x")
    assert "\n    return x @ kernel + bias\n```" in shown
    assert "Math: z" in shown
    assert "```python\ndef backward_parameters(self" in shown


def test_show_source_without_docstrings():
    shown = helpers.show_source(dense_forward, Dense, docstring=False).data
    assert '"""' not in shown
    assert "-> Array:\n    return x @ kernel + bias" in shown
    assert "def forward" in shown

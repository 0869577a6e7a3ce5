"""The tutorials: each runs from clean, its pair is whole, and it has the form that readers and teachers count on."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tinycnn.kernels.dense import dense_forward
from tinycnn.layers import Dense
from tutorials import __main__ as handing_out
from tutorials import build, exercises, gate, helpers

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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A folder with nothing but what a wheel of this repository installs."""
    folder = tmp_path_factory.mktemp("wheel")
    away = shutil.ignore_patterns(".*", "_build", "build", "dist", "runs", "*.egg-info", "__pycache__")
    source = shutil.copytree(build.FOLDER.parent, folder / "source", ignore=away)  # where a build leaves its traces
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(folder / "installed"), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    return folder / "installed"


@pytest.mark.tutorials
@pytest.mark.slow
@pytest.mark.jit
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_from_the_wheel_in_an_empty_folder_and_its_pair_is_whole(name, wheel):
    assert build.drift(name, build.execute(name, wheel)) == []


@pytest.mark.tutorials
@pytest.mark.slow
def test_the_wheel_is_what_runs(wheel, folder):
    (folder / "01_sum.py").write_text(
        "# %%\nimport tinycnn.tutorials.study as study\n\nstudy.__file__\n", encoding="utf-8"
    )
    (output,) = build.execute("01_sum", wheel).cells[0].outputs
    assert output.data["text/plain"] == repr(str(wheel / "tinycnn" / "tutorials" / "study.py"))


@pytest.mark.parametrize("name", NAMES)
def test_the_cells_of_the_pair_are_the_same(name):
    """Quick, for every run of the tests: outputs are another test's affair."""
    written = nbformat.read(build.FOLDER / f"{name}.ipynb", as_version=4)
    assert [(c.cell_type, c.source, c.metadata) for c in written.cells] == [
        (c.cell_type, c.source, c.metadata) for c in build.folded(build.source(name)).cells
    ]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_without_evidence(name):
    assert gate.unfounded(build.source(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_students_edition_holds_neither_outputs_nor_solutions(name):
    student = nbformat.read(build.FOLDER / "student" / f"{name}.ipynb", as_version=4)
    nbformat.validate(student)
    assert student == build.students(name), "python -m tutorials.build writes it anew"
    assert all(not cell.outputs and cell.execution_count is None for cell in student.cells if cell.cell_type == "code")
    text = "\n".join(cell.source for cell in student.cells)
    solutions = [cell for cell in build.source(name).cells if "solution" in cell.metadata.get("tags", ())]
    for cell in solutions:  # single lines may stand elsewhere, too
        lines = [line for line in cell.source.splitlines() if line.strip()]
        for two in map("\n".join, itertools.pairwise(lines)):
            assert len(two) < 40 or two not in text, two
    check_links(text, build.FOLDER / "student")


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_alternative_text(name):
    cells = nbformat.read(build.FOLDER / f"{name}.ipynb", as_version=4).cells
    figures = [
        (number, output.metadata.get("image/png", {}).get("alt", ""))
        for number, cell in enumerate(cells, start=1)
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert figures
    assert [number for number, words in figures if len(words.split()) < 5] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_says_how_to_run_it(name):
    first = build.source(name).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    for word in ("network", "bundled", "seconds"):
        assert word in first.source, f"the first cell says nothing of {word}"


@pytest.mark.parametrize("name", NAMES)
def test_the_reader_predicts_before_it_is_shown(name):
    cells = build.source(name).cells
    asked = [i for i, cell in enumerate(cells) if "predict" in tags(cell)]
    assert len(asked) >= 2
    for i in asked:
        assert "**Predict.**" in cells[i - 1].source, "nobody asks"
        variables = re.findall(r"^(\w+) = ", cells[i].source, re.MULTILINE)
        assert variables, f"expected `guess = ...`, found {cells[i].source}"
        assert cells[i].source.count("...") >= len(variables), "nothing is to be filled in"
        later = "\n".join(cell.source for cell in cells[i + 1 :])
        for variable in variables:
            assert re.search(rf"\bcompare\({variable}\b", later), f"{variable} meets no outcome"


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_with_exercises_answers_to_fill_in_and_folded_solutions(name):
    cells = build.source(name).cells
    first = [i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises")]
    last = [i for i, cell in enumerate(cells) if cell.source.strip() == "## Solutions"]
    assert len(first) == len(last) == 1
    numbers = []
    for i in range(first[0], last[0]):
        if asked := re.match(r"### (\d)\. ", cells[i].source):
            numbers.append(int(asked[1]))
            assert "exercise" in tags(cells[i])
            answer = cells[i + 1]
            assert "answer" in tags(answer)
            assert "..." in answer.source
            assert answer.source.rstrip().splitlines()[-1].startswith(f'check("{name[:2]}.{asked[1]}", ')
    assert numbers == list(range(1, len(numbers) + 1))
    assert 3 <= len(numbers) <= 5
    solutions = cells[last[0] + 1 :]
    assert all("solution" in tags(cell) for cell in solutions), "not folded, and in the student's edition"
    text = "\n".join(cell.source for cell in solutions if cell.cell_type == "code")
    for number in numbers:
        assert f'assert check("{name[:2]}.{number}", ' in text, f"the solution of exercise {number} is not checked"


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


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
    """Of tutorials, with one that is not worth reading."""
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    (tmp_path / "01_sum.py").write_text("# %% [markdown]\n# # A sum\n\n# %%\nf()\n", encoding="utf-8")
    return tmp_path


def test_a_build_writes_the_pair_and_a_second_one_the_same(folder, capsys):
    (folder / "01_sum.py").write_text(
        "# %% [markdown]\n# # A sum\n\n# %%\nimport sys\n\nprint(1 + 1, 'things')\n"
        "print('3/3 - 4s - 15ms/step - loss: 0.5')\n"
        "line = 'tinycnn: compiling the fast kernels for this processor'\n"
        "print(f'{line}, once: 1 of 2 done\\r{line}, once: 2 of 2 done', file=sys.stderr)\n\n# %%\n2.5\n"
        "\n# %%\nfrom matplotlib import pyplot\n\npyplot.plot([3, 2], label='a')\npyplot.show()\n"
        "\n# %%\nfrom tinycnn.plots import training_curves\n\ntraining_curves({'loss': [2.0, 1.0]})\n",
        encoding="utf-8",
    )
    assert build.main([]) == 0
    assert re.fullmatch(r"01_sum +written +\d+\.\d s\n", capsys.readouterr().out)
    first = (folder / "01_sum.ipynb").read_bytes()
    notebook = nbformat.reads(first.decode(), as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", *["code"] * 4]
    (printed,) = notebook.cells[1].outputs
    assert printed.text == "2 things\n3/3 - …s - …/step - loss: 0.5\n"
    assert notebook.cells[2].outputs[0].data == {"text/plain": "2.5"}
    figures = [output.metadata["image/png"] for cell in notebook.cells[3:] for output in cell.outputs]
    assert [figure["alt"] for figure in figures] == [
        "Line chart. x 0 to 1, y 2 to 3; a from 3 to 2.",
        "Line chart: Training curves. Loss: epoch 1 to 2, loss 1 to 2; training from 2 to 1.",
    ]
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
    notebook = build.source("01_sum")
    notebook.cells[1].update(execution_count=1, outputs=shown)
    return notebook


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
    other.cells[1].source = "g()"
    assert build.drift("01_sum", other) == ["the cells of 01_sum.ipynb are not those of 01_sum.py"]
    other = outputs("a")
    other.cells[1].execution_count = 2
    assert build.drift("01_sum", other) == ["cell 2 was not executed in its turn"]
    other = outputs("a")
    other.cells[1].outputs = [nbformat.v4.new_output("display_data", {"text/plain": "a", "image/png": "x"})]
    assert "the output of cell 2 has other words" in build.drift("01_sum", other)[0]


SOLVED = """\
# %% [markdown]
# # A sum
#
# See [the map](README.md) and [a paper](https://example.org).

# %% tags=["answer"]
answer = ...

# %% [markdown] tags=["solution"]
# One and one are two.

# %% tags=["solution"]
answer = 1 + 1
"""


def test_solutions_are_folded_for_readers_and_absent_for_students(folder):
    (folder / "01_sum.py").write_text(SOLVED, encoding="utf-8")
    assert build.main([]) == 0
    cells = nbformat.read(folder / "01_sum.ipynb", as_version=4).cells
    assert cells[2].source.startswith("<details>\n<summary>")
    assert "\n\nOne and one are two.\n\n</details>" in cells[2].source
    assert cells[3].metadata == {"tags": ["solution", "hide-cell"], "jupyter": {"source_hidden": True}}
    cells = nbformat.read(folder / "student" / "01_sum.ipynb", as_version=4).cells
    assert [cell.cell_type for cell in cells] == ["markdown", "code"]
    assert "[the map](../README.md) and [a paper](https://example.org)" in cells[0].source
    assert "student's edition" in cells[0].source
    assert (cells[1].source, cells[1].outputs) == ("answer = ...", [])


def test_drift_is_seen_in_the_students_edition(folder):
    build.write("01_sum", outputs("a"))
    other = (folder / "student" / "01_sum.ipynb").read_text(encoding="utf-8").replace("f()", "g()")
    (folder / "student" / "01_sum.ipynb").write_text(other, encoding="utf-8")
    assert build.drift("01_sum", outputs("a")) == ["student/01_sum.ipynb is not the student's edition of 01_sum.py"]


def test_what_the_gate_refuses_is_not_written(folder, capsys):
    (folder / "01_sum.py").write_text("# %% [markdown]\n# It is better than that.\n", encoding="utf-8")
    assert build.main([]) == 1
    assert "tied to nothing: It is better than that." in capsys.readouterr().out
    assert not (folder / "01_sum.ipynb").exists()


def test_it_runs_in_an_empty_folder(folder):
    (folder / "01_sum.py").write_text("# %%\nimport os\n\nos.listdir()\n", encoding="utf-8")
    assert build.execute("01_sum").cells[0].outputs[0].data == {"text/plain": "[]"}


# Predictions and answers


@pytest.mark.parametrize(
    ("prediction", "outcome", "said"),
    [
        (..., 61.25, "You have predicted nothing yet. It is 61.2 %."),
        (80, 61.25, "You predicted 80 %. It is 61.2 %."),
        (" Falls", "falls", "You predicted ' Falls'. It is 'falls', as you said."),
        ("rises", "falls", "You predicted 'rises'. It is 'falls'."),
    ],
)
def test_a_prediction_stands_beside_what_came_out(prediction, outcome, said, capsys):
    helpers.compare(prediction, outcome, " %" if outcome == 61.25 else "")
    assert capsys.readouterr().out == said + "\n"


@pytest.mark.parametrize(
    ("prediction", "outcome", "message"),
    [
        ("80", 61.25, "as a number, received '80'"),
        (float("nan"), 1.0, "as a number"),
        (3, "falls", "as a word in quotes"),
    ],
)
def test_a_prediction_of_another_kind_is_an_error(prediction, outcome, message):
    with pytest.raises(TypeError, match=f"compare: expected your prediction {message}"):
        helpers.compare(prediction, outcome)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (exercises.number, 2.5, 2.5),
        (exercises.number, "2", "Expected it as a number, received '2'"),
        (exercises.number, True, "Expected it as a number"),
        (exercises.number, float("inf"), "Expected it as a number"),
        (exercises.whole, 3.0, 3),
        (exercises.whole, 2.5, "Expected it as a whole number, received 2.5"),
        (lambda name, value: exercises.choice(name, value, "up", "down"), " Up ", "up"),
        (
            lambda name, value: exercises.choice(name, value, "up", "down"),
            "left",
            "one of 'up', 'down', received 'left'",
        ),
        (lambda name, value: exercises.array(name, value, (2,)).tolist(), [1, 2], [1.0, 2.0]),
        (lambda name, value: exercises.array(name, value, (2,)), [1], r"shape \(2,\), received shape \(1,\)"),
        (lambda name, value: exercises.array(name, value, (2,)), "no", "received str"),
        (lambda name, value: exercises.array(name, value, (2,)), [1, float("nan")], "not finite"),
        (exercises.function, abs, abs),
        (exercises.function, 3, "as a function, received 3"),
    ],
)
def test_an_answer_has_the_kind_that_was_asked_for(kind, value, says):
    if isinstance(says, str) and says != "up":
        with pytest.raises(exercises.AnswerError, match=says):
            kind("it", value)
    else:
        assert kind("it", value) == says


def test_an_exercise_that_does_not_exist_is_an_error():
    with pytest.raises(KeyError, match=r"expected the name of an exercise such as '03.1', received '99.1'"):
        exercises.check("99.1", 3)


def test_a_name_that_does_not_exist_is_an_error(folder):
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


# Handing out


def test_the_students_notebooks_are_written_once(tmp_path, capsys):
    assert handing_out.main([str(tmp_path / "mine")]) == 0
    assert capsys.readouterr().out.startswith(f"{len(NAMES)} notebooks are in {tmp_path / 'mine'}. ")
    assert sorted(path.stem for path in (tmp_path / "mine").iterdir()) == NAMES
    mine = tmp_path / "mine" / f"{NAMES[0]}.ipynb"
    mine.write_text("my work", encoding="utf-8")
    assert handing_out.main([str(tmp_path / "mine")]) == 1
    assert f"expected a folder without the tutorials, found {NAMES[0]}.ipynb, " in capsys.readouterr().err
    assert mine.read_text(encoding="utf-8") == "my work"


def test_a_folder_that_cannot_be_one_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert handing_out.main([str(tmp_path / "file")]) == 1
    assert "expected a folder to write into, received" in capsys.readouterr().err

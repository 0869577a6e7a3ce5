"""The pages of the site tell the truth: their Python runs, and what they show is there."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")}
WITH_PYTHON = sorted(name for name, text in PAGES.items() if "```python\n" in text and not name.startswith("_build"))


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for example in re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL):
        exec(compile(example, page, "exec"), names)


def test_pages_have_python():
    assert {"index.md", "how/keras.md", "how/data.md", "how/layer.md", "how/resume.md"} <= set(WITH_PYTHON)


def test_files_shown_beside_their_mathematics_exist():
    files = [file for text in PAGES.values() for file in re.findall(r"{beside} (\S+)", text)]
    assert len(files) > 10
    assert all((ROOT / file).is_file() for file in files)


def extension(name):
    """An extension of the site's."""
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def docstrings():
    """The extension that shows docstrings."""
    yield extension("docstrings")
    sys.modules.pop("docstrings", None)


def test_a_source_that_an_output_names_is_handed_out():
    pages = extension("pages")
    document = pages.nodes.container()
    for target in ("../tinycnn/model.py", "../tinycnn/none.py", "https://example.org/model.py"):
        document += pages.nodes.reference("", "words", refuri=target)
    pages.hand_out_sources(SimpleNamespace(env=SimpleNamespace(docname="tutorials/01")), document)
    given, missing, elsewhere = document
    assert (given["reftarget"], given.astext()) == ("../tinycnn/model.py", "words")
    assert missing["refuri"] == "../tinycnn/none.py"
    assert elsewhere["refuri"] == "https://example.org/model.py"


def test_pictures_of_a_notebook_have_its_words(tmp_path):
    pages = extension("pages")
    pictures = [b"one", b"two"]
    outputs = [
        {"data": {"image/png": base64.b64encode(picture).decode() + "\n"}, "metadata": {}} for picture in pictures
    ]
    outputs[0]["metadata"] = {"image/png": {"alt": "Line chart."}}
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": [{"source": "#"}, {"outputs": outputs}]}))
    nodes = pages.nodes
    cell = nodes.container("", nodes.literal_block("", "x = 1\nplot(x)"), classes=["cell"])
    cell += [
        nodes.image(uri=f"_build/jupyter_execute/{hashlib.sha256(picture).hexdigest()}.png") for picture in pictures
    ]
    env = SimpleNamespace(docname="page", doc2path=lambda name: tmp_path / f"{name}.ipynb")
    pages.describe_pictures(SimpleNamespace(env=env), cell)
    assert [picture["alt"] for picture in cell.findall(nodes.image)] == ["Line chart.", "Picture made by: plot(x)"]


def test_every_module_of_public_names_has_a_place_in_the_reference(docstrings):
    placed = [module for text in PAGES.values() for module in re.findall(r"{public-names} (\S+)", text)]
    assert sorted(placed) == sorted(docstrings.public_modules())


def test_a_public_name_without_a_place_is_missed(docstrings):
    places = {f"{module}.{name}" for module in docstrings.public_modules() for name in sys.modules[module].__all__}
    modules = set(docstrings.public_modules())
    assert list(docstrings.missing(modules, places)) == []
    assert list(docstrings.missing(modules - {"tinycnn.plots"}, places)) == [
        "a page with public-names of tinycnn.plots"
    ]
    dense = {place for place in places if place.endswith(".Dense")}
    assert len(dense) > 1
    assert list(docstrings.missing(modules, places - dense | {min(dense)})) == []  # one place is enough
    assert list(docstrings.missing(modules, places - dense)) == [f"a place of {min(dense)}"]


def test_labelled_lines_stay_as_they_are(docstrings):
    given = ["A *star*, `code`.", "", "Math:    y = a*b", "         dy = 'x'", "Shapes:  (n,)", ""]
    given += ["Args:", "    a, b: one_", "        or two."]
    rendered = docstrings.rendered(given)
    assert rendered[0] == r"A \*star\*, ``code``."
    start = rendered.index(".. code-block:: none")
    assert rendered[start + 3 : start + 6] == ["   Math:    y = a*b", "            dy = 'x'", "   Shapes:  (n,)"]
    assert "``a, b``" in rendered
    assert "    one\\_" in rendered


def test_a_line_that_goes_on_indented_is_one_paragraph(docstrings):
    rendered = docstrings.rendered(["Threads: one trains,", "    others predict", "Copies: two."])
    assert [line for line in rendered if line] == ["Threads: one trains,", "others predict", "Copies: two."]
    assert rendered.index("Copies: two.") == rendered.index("others predict") + 2
    assert docstrings.LABEL.match("Keras:   same")
    assert not docstrings.LABEL.match("Keras's loop: a text")


def test_indented_examples_become_code(docstrings):
    rendered = docstrings.rendered(["Write::", "", "    y = f(x)"])
    assert rendered[0] == "Write:"
    assert ".. code-block:: python" in rendered
    assert "   y = f(x)" in rendered

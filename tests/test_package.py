"""The package can be released: one version everywhere, and a description that an index can show."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import tinycnn

ROOT = Path(__file__).parents[1]


@pytest.fixture
def description(monkeypatch):
    """What setup.py hands on, with and without a public home."""
    setuptools = pytest.importorskip("setuptools")

    def described(root: Path) -> str:
        given: dict[str, str] = {}
        monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
        runpy.run_path(str(root / "setup.py"))
        return given["long_description"]

    return described


def test_one_version_everywhere():
    version = re.escape(tinycnn.__version__)
    for name, line in (
        ("pyproject.toml", rf'version = "{version}"'),
        ("CITATION.cff", rf"version: {version}"),
        ("CHANGELOG.md", rf"## {version} - \d{{4}}-\d\d-\d\d"),
    ):
        assert re.search(f"^{line}$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), name


def test_an_index_is_given_no_link_that_leads_nowhere(description):
    text = description(ROOT)
    assert "layers/dense.py" in text
    assert all(link.startswith("http") for link in re.findall(r"\]\(([^)]+)\)", text))


def test_with_a_home_links_lead_there(description, tmp_path):
    for name in ("setup.py", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "README.md").write_text("[text](a/b.py) ![curves](c.png) [site](https://example.org)", encoding="utf-8")
    with (tmp_path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('\n[project.urls]\nSource = "https://example.org/tinycnn"\n')
    files = f"https://example.org/tinycnn/blob/v{tinycnn.__version__}"
    expected = f"[text]({files}/a/b.py) ![curves]({files}/c.png?raw=true) [site](https://example.org)"
    assert description(tmp_path) == expected

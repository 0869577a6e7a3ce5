"""What pyproject.toml cannot say: the README as an index shows it, and which folders are packages.

The README is shown there away from the files that it links to. Of the tutorials, which lie beside the package, and of
the benchmarks' results an installation needs what the notebooks import and read: as `tinycnn.tutorials`.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def readme_for_an_index() -> str:
    """The README, its links to files made absolute with pyproject's ``Source``, or taken off where there is none."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', pyproject, re.MULTILINE)[1]
    source = re.search(r'^Source = "(.+?)/?"$', pyproject, re.MULTILINE)
    files = f"{source[1]}/blob/v{version}/" if source else None

    def link(match: re.Match) -> str:
        picture, words, target = match.groups()
        if files is None:
            return "" if picture else words
        return f"{picture}[{words}]({files}{target}{'?raw=true' if picture else ''})"

    return re.sub(r"(!?)\[([^\]]+)\]\((?!https?://|#)([^)\s]+)\)", link, text)


setup(
    long_description=readme_for_an_index(),
    long_description_content_type="text/markdown",
    packages=[
        *find_packages(include=["tinycnn*"]),
        "tinycnn.tutorials",
        "tinycnn.tutorials.exercises",
        "tinycnn.tutorials.benchmarks",
    ],
    package_dir={"tinycnn.tutorials": "tutorials", "tinycnn.tutorials.benchmarks": "benchmarks/results"},
)

"""What the pages of the repository need to be pages of a site: words for pictures, and links that lead somewhere."""

import base64
import hashlib
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference

ROOT = Path(__file__).parents[2]


def words_of_pictures(notebook):
    """Name of a picture's file, as MyST-NB gives it -> the alternative text that the notebook keeps with the output."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    found = {}
    for output in (output for cell in cells for output in cell.get("outputs", ())):
        png, words = output.get("data", {}).get("image/png"), output.get("metadata", {}).get("image/png", {}).get("alt")
        if png and words:
            found[hashlib.sha256(base64.b64decode("".join(png))).hexdigest()] = words
    return found


def describe_pictures(app, doctree):
    """A picture that a cell has made brings its words along; one without is told by the line that made it."""
    page = Path(app.env.doc2path(app.env.docname))
    words = words_of_pictures(page) if page.suffix == ".ipynb" else {}
    for cell in (node for node in doctree.findall(nodes.container) if "cell" in node["classes"]):
        code = next((block.astext() for block in cell.findall(nodes.literal_block)), "")
        last = (code.strip().splitlines() or ["the cell above"])[-1]
        for picture in cell.findall(nodes.image):
            picture["alt"] = words.get(Path(picture["uri"]).stem) or f"Picture made by: {last.strip()[:150]}"


def hand_out_sources(app, doctree):
    """A cell's output that names a source file, relative to its notebook, leads to a copy of that file."""
    here = (ROOT / app.env.docname).parent
    for link in list(doctree.findall(nodes.reference)):
        target = link.get("refuri", "")
        if target.endswith(".py") and (here / target).is_file():
            link.replace_self(download_reference("", "", *link.children, reftarget=target, refdoc=app.env.docname))


def open_folders(app, name, source):
    """A link to a folder of the repository becomes its name: a site has no listing of folders."""
    here = (ROOT / name).parent

    def link(match):
        words, target = match.groups()
        return words if (here / target.split("#")[0]).is_dir() else match[0]

    source[0] = re.sub(r"(?<!!)\[([^\]\n]+)\]\((?!https?:|#)([^)\s]+)\)", link, source[0])


def setup(app):
    app.connect("doctree-read", describe_pictures)
    app.connect("doctree-read", hand_out_sources, priority=400)  # before Sphinx collects what is to be copied
    app.connect("source-read", open_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

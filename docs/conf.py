"""The documentation site: ``python -m sphinx -W -b html -c docs . docs/_build/html`` builds it.

The source folder is the repository: tutorials, results and sources are shown where they lie, so their links hold.
Nothing is executed: notebooks bring their outputs. Formulas are MathML, which browsers draw themselves; no page asks
another server.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

from tinycnn import __version__  # noqa: E402 - of this very folder

project = "tinycnn"
author = copyright = "tinycnn contributors"
version = release = __version__
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "tutorials/*.ipynb",
    "tutorials/README.md",
    "tutorials/PLAN.md",
    "tutorials/instructors/*.md",
    "benchmarks/*.md",
    "tinycnn/**/*.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
exclude_patterns = ["docs/_build", ".venv*", "**/.*", "build", "dist", "tinycnn/learn/units", "tinycnn/lab/page"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "docstrings", "beside", "mathml", "pages"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
html_math_renderer = "mathml"

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes = False
highlight_language = "none"  # what has no language is a command or an output
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "tinycnn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "tinycnn"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {page: [] for page in ("docs/index", "docs/read/**", "docs/what_it_is_not", "search", "genindex")}
html_additional_pages = {"index": "first.html"}
templates_path = ["_templates"]


def keep_what_is_there(app, name, source):
    """A line ``? /place`` in a table of contents names that page where it is in the tree; once there, it must hold."""

    def kept(match: re.Match) -> str:
        return f"{match[1]}\n" if any((ROOT / f"{match[1].strip('/')}{end}").exists() for end in source_suffix) else ""

    source[0] = re.sub(r"^\? (\S+)\n", kept, source[0], flags=re.MULTILINE)


def add_the_lab(app, error):
    """The lab as one file, with a model that is trained here, within seconds, on the bundled digits."""
    if error is not None or app.builder.name != "html":
        return
    from tinycnn import lab, models, set_random_seed
    from tinycnn.lab.images import images_for

    set_random_seed(42)
    model = models.batch_normalization()
    model.name = "batch_normalization"
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    training, test = images_for(model, "digits")
    model.fit(*training, epochs=12, verbose=0)
    if not model.evaluate(*test, verbose=0)[1] > 0.95:
        raise RuntimeError("docs: expected the lab to read 95 % of the test images. Look at its training.")
    lab.export(model, Path(app.outdir) / "lab.html")


def setup(app):
    app.connect("source-read", keep_what_is_there)
    app.connect("build-finished", add_the_lab)

"""Formulas as MathML, which every browser of today draws by itself: no script, no font, no other server."""

from docutils import nodes
from latex2mathml.converter import convert


def inline(self, node):
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display(self, node):
    formula = convert(node.astext(), display="block")
    self.body.append(f'<div class="formula" role="group" aria-label="formula" tabindex="0">{formula}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

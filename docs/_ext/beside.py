"""``.. beside:: tinycnn/kernels/dense.py``: a source file, the docstring of each function or class beside its code."""

import ast
from pathlib import Path

from docstrings import as_rst, rendered
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


def pieces(text):
    """Pairs of a docstring and the code that it is about, from the top of a file to its end."""
    lines = text.splitlines()
    tree = ast.parse(text)
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            first = min([getattr(node, "lineno", 1), *(d.lineno for d in getattr(node, "decorator_list", []))])
            spans.append((first, node.body[0].lineno, node.body[0].end_lineno, ast.get_docstring(node)))
    spans.sort()
    for i, (first, begins, ends, docstring) in enumerate(spans):
        last = spans[i + 1][0] - 1 if i + 1 < len(spans) else len(lines)
        yield docstring, [*lines[first - 1 : begins - 1], *lines[ends:last]]


class Beside(SphinxDirective):
    required_arguments = 1

    def run(self):
        path = ROOT / self.arguments[0]
        self.env.note_dependency(str(path))
        result = [nodes.rubric("", "", nodes.literal("", self.arguments[0]))]
        for docstring, code in pieces(path.read_text(encoding="utf-8")):
            text = nodes.container(classes=["mathematics"])
            text.document = self.state.document
            self.state.nested_parse(as_rst(rendered(docstring.splitlines()), str(path)), 0, text)
            row = nodes.container("", text, classes=["beside"])
            shown = "\n".join(code).strip("\n")
            if shown:
                row += nodes.literal_block(shown, shown, language="python")
            result.append(row)
        return result


def setup(app):
    app.add_directive("beside", Beside)
    return {"parallel_read_safe": False}

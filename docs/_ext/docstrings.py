"""Docstrings as they stand, and every public name of the package on a page.

What a docstring states in labelled lines (Math, Shapes, Keeps, Numbers, Source, Keras, Raises) is shown in monospace,
in its own lines; Args become a list; indented text becomes code; the rest is prose, in which only `backticks` mean
something.

``.. public-names:: tinycnn.layers`` documents what that module's ``__all__`` lists. What another page documents is a
link to there. A module of the package that has an ``__all__`` and no such place is a warning, so an error of the build.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
import types

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LABEL = re.compile(r"(Math|Shapes|Keeps|Layout|Numbers|Source|Sources|Keras|Raises|Returns)\b(?!').{0,80}?[:.](\s|$)")
logger = logging.getLogger(__name__)


def prose(text):
    """A paragraph with its `code` marked, and nothing else in it that reStructuredText would take for markup."""
    parts = re.split(r"(``.+?``|`[^`]+?`)", text, flags=re.DOTALL)
    for i, part in enumerate(parts):
        if i % 2:
            code = part.strip("`")
            parts[i] = f"``{code}``" if code == code.strip() else code
            if i + 1 < len(parts) and parts[i + 1][:1].isalnum():
                parts[i] += r"\ "
            if parts[i - 1][-1:].isalnum():
                parts[i] = r"\ " + parts[i]
        else:
            parts[i] = re.sub(r"([\\*_|])", r"\\\1", part)
    return "".join(parts)


def literal(block, language="none"):
    return [
        f".. code-block:: {language}",
        "   :class: facts",
        "",
        *(f"   {line}".replace("``", "") for line in block),
        "",
    ]


def language(code):
    try:
        ast.parse("\n".join(code))
    except SyntaxError:
        return "none"
    return "python"


def arguments(block):
    """``name: text`` lines, continued by deeper ones, as a definition list."""
    lines = textwrap.dedent("\n".join(block)).splitlines()
    result = []
    for line in lines:
        name, colon, text = line.partition(": ")
        if line[:1].strip() and (colon or line.endswith(":")):
            result += ["", f"``{name.rstrip(':')}``", *([f"    {prose(text)}"] if text else [])]
        else:
            result.append(f"    {prose(line.strip())}")
    return [*result, ""]


def blocks(lines):
    """Runs of lines between empty ones; what is indented belongs to the block before it, if that is labelled."""
    block = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def rendered(lines):
    result = []
    for block in blocks(lines):
        if block[0].startswith(" "):
            code = textwrap.dedent("\n".join(block)).splitlines()
            result += literal(code, language(code))
            continue
        text = []
        while block:
            if block[0].startswith(("Args:", "Attributes:")):
                end = next((i for i, line in enumerate(block) if i and not line.startswith(" ")), len(block))
                text += [block[0]] if block[0].startswith("Attributes:") else []
                result += [prose("\n".join(text)), "", *arguments(block[1:end])]
                text, block = [], block[end:]
            elif LABEL.match(block[0]):
                end = next((i for i, line in enumerate(block) if line.startswith("Args:")), len(block))
                result += [prose("\n".join(text)), "", *literal(block[:end])]
                text, block = [], block[end:]
            elif block[0].startswith(" ") and text and not text[-1].endswith((":", ".")):  # goes on, indented
                text += [block.pop(0).strip(), *([""] if block and not block[0].startswith(" ") else [])]
            elif block[0].startswith(" ") and not any(line.startswith("- ") for line in text):
                end = next((i for i, line in enumerate(block) if not line.startswith(" ")), len(block))
                result += [prose("\n".join(text)), "", *literal(textwrap.dedent("\n".join(block[:end])).splitlines())]
                text, block = [], block[end:]
            else:
                if block[0].startswith("- ") and text and not any(line.startswith("- ") for line in text):
                    text.append("")
                text.append(block.pop(0))
        result += [re.sub("::$", ":", prose("\n".join(text))), ""]
    return [line for part in result for line in part.splitlines() or [""]]


def process(app, what, name, obj, options, lines):
    lines[:] = rendered(lines)


def skip(app, what, name, obj, skipped, options):
    """The fields of a named tuple: its own docstring tells what they are."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def public_modules():
    """The modules of the package with an ``__all__`` that programs import."""
    package = importlib.import_module("tinycnn")
    yield "tinycnn"
    for module in pkgutil.walk_packages(package.__path__, "tinycnn."):
        private = any(part.startswith("_") for part in module.name.split("."))
        if not private and hasattr(importlib.import_module(module.name), "__all__"):
            yield module.name


def owner(module, name):
    """The name under which an object is documented: where it is defined, if that module is one with an ``__all__``."""
    obj = getattr(importlib.import_module(module), name)
    return obj, f"{getattr(obj, '__module__', module)}.{getattr(obj, '__qualname__', name)}"


class PublicNames(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        module = self.arguments[0]
        self.env.public_places[module] = self.env.docname
        lines, named = [], []
        for name in importlib.import_module(module).__all__:
            obj = getattr(importlib.import_module(module), name)
            if isinstance(obj, types.ModuleType):
                named.append(f"``{name}``")
                continue
            key = owner(module, name)[1]
            home = FIRST.setdefault(key, (module, name)) if callable(obj) else (module, name)
            if home != (module, name):
                named.append(f":py:obj:`{name} <{home[0]}.{home[1]}>`")
            elif inspect.isclass(obj):
                bases = ["   :show-inheritance:"] if obj.__bases__ != (object,) else []
                lines += [f".. autoclass:: {module}.{name}", "   :members:", *bases, ""]
            elif callable(obj) and not key.startswith("tinycnn."):  # NumPy's own
                lines += [f".. py:function:: {name}(...)", f"   :module: {module}", ""]
                lines += [f"   {prose(first_line(obj))}", ""]
            elif callable(obj):
                lines += [f".. autofunction:: {module}.{name}", ""]
            else:
                lines += [f".. py:data:: {name}", f"   :module: {module}", "", f"   {prose(value(obj))}", ""]
        if named:
            lines += ["The same objects as elsewhere: " + ", ".join(named) + ".", ""]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(as_rst(lines, module), 0, node)
        return node.children


def as_rst(lines, source):
    """reStructuredText inside a page in Markdown."""
    return StringList(["``````{eval-rst}", *lines, "``````"], source=source)


FIRST = {}  # by the name of what is documented: the module and the name under which it is


def first_line(obj):
    """The first sentence of NumPy's docstrings, behind the signature that some of them bring along."""
    paragraphs = (inspect.getdoc(obj) or "").split("\n\n")
    text = next((text.replace("\n", " ") for text in paragraphs if not re.match(r"\w+\(", text)), "")
    return re.sub(r"(?<=\.) [A-Z].*", "", text)


def value(obj):
    text = repr(obj)
    return text if len(text) < 60 else f"An object of `{type(obj).__name__}`."


def start(app):
    app.env.public_places = getattr(app.env, "public_places", {})  # of pages that are not read again
    FIRST.clear()
    for module in HOMES:
        for name in importlib.import_module(module).__all__:
            if callable(getattr(importlib.import_module(module), name)):
                FIRST.setdefault(owner(module, name)[1], (module, name))


HOMES = [  # where an object that several modules name is documented: the first of these
    "tinycnn.layers", "tinycnn.losses", "tinycnn.metrics", "tinycnn.optimizers", "tinycnn.optimizers.schedules",
    "tinycnn.activations", "tinycnn.initializers", "tinycnn.regularizers", "tinycnn.constraints", "tinycnn.callbacks",
    "tinycnn.models", "tinycnn.datasets", "tinycnn.saving", "tinycnn.export", "tinycnn.gradient_check",
    "tinycnn.inspection", "tinycnn.normalization", "tinycnn.parity", "tinycnn.plots", "tinycnn.preprocessing.image",
    "tinycnn.utils", "tinycnn", "tinycnn.keras",
]  # fmt: skip


def missing(placed, documented):
    """What has no place: modules that no page names, and names of which no module's entry is documented."""
    places = {}  # by the object: the entries that would be enough
    for module in public_modules():
        if module not in placed:
            yield f"a page with public-names of {module}"
            continue
        for name in importlib.import_module(module).__all__:
            obj, key = owner(module, name)
            if not isinstance(obj, types.ModuleType):
                places.setdefault(key if callable(obj) else f"{module}.{name}", set()).add(f"{module}.{name}")
    yield from (f"a place of {min(entries)}" for entries in places.values() if not entries & documented)


def check(app, env):
    for what in missing(env.public_places, set(env.get_domain("py").objects)):
        logger.warning("reference: expected %s, found none. Add one.", what)


def setup(app):
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    app.connect("builder-inited", start)
    app.connect("env-updated", check)
    return {"parallel_read_safe": False}

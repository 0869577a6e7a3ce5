"""What is not there says so: one sentence with the near name, the name's home, or the way out.

Python asks a module's ``__getattr__`` for a name that it lacks, and ``sys.meta_path`` for a module that no folder has;
`explain` answers for both. Type checkers see none of it: to them a missing name is an error, as it should be.
"""

from __future__ import annotations

import difflib
import dis
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

IMPORT_FROM = dis.opmap["IMPORT_FROM"]

#: What a program is told of names that it looks for in any module.
WAYS_OUT = {
    "tinycnn has no automatic differentiation: each layer has a backward(dy) written by hand, and model.fit or "
    "model.train_on_batch takes the steps.": (
        "GradientTape", "Variable", "custom_gradient", "gradients", "stop_gradient",
    ),
    "Leave the decorator out: every line runs as it stands, and kernels are compiled.": ("function",),
    "Keep `import tensorflow as tf` beside tinycnn for it: fit, evaluate and predict take its datasets.": (
        "data", "Dataset", "io", "image_dataset_from_directory", "text_dataset_from_directory",
    ),
    "tinycnn has no models that others have trained: load it in Keras.": ("applications",),
    "tinycnn has data sets of images alone: take this one from Keras, whose load_data gives arrays, too.": (
        "imdb", "reuters", "boston_housing", "california_housing",
    ),
    "Python's own does it: urllib.request.urlretrieve(url, path).": ("get_file",),
    "tinycnn draws no diagrams: model.summary() prints the layers, tinycnn.export_onnx writes a file for netron.app.": (
        "model_to_dot", "vis_utils",
    ),
    "to_categorical is in tinycnn.keras.utils.": ("np_utils",),
}  # fmt: skip

_explained: dict[str, ModuleType] = {}


def explain(package: str) -> None:
    """Let all public modules of a package that are imported so far say what they lack."""
    for name, module in list(sys.modules.items()):
        if f"{name}.".startswith(f"{package}.") and hasattr(module, "__all__") and name not in _explained:
            _explained[name] = module
            module.__getattr__ = _getattr_of(name)  # type: ignore[method-assign]
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)


def _getattr_of(module: str) -> Any:
    def __getattr__(name: str) -> Any:  # noqa: N807 - its name in tracebacks
        if name.startswith("_"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        caller = sys._getframe(1)
        if f"{module}.{name}" in sys.modules:  # being imported right now, which Python finds out itself
            raise AttributeError(f"module {module!r} has no attribute {name!r} yet")
        if caller.f_lasti >= 0 and caller.f_code.co_code[caller.f_lasti] == IMPORT_FROM:
            raise ImportError(sentence(module, name))  # Python would put its own words in place of an AttributeError's
        raise AttributeError(sentence(module, name), name=name)

    return __getattr__


class _Finder:
    """The last that Python asks for a module: ``from tinycnn.keras.applications import VGG16``."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, module = name.rpartition(".")
        if package in _explained:
            raise ModuleNotFoundError(sentence(package, module), name=name)
        return None


def sentence(module: str, name: str) -> str:
    """What to do where ``module`` lacks ``name``."""
    return f"{module}: expected one of its names, received {name!r}. {_way_out(module, name)}"


def _way_out(module: str, name: str) -> str:
    names = [known for known in _explained[module].__all__ if not known.startswith("_")]
    homes = [home for home, there in _explained.items() if name in there.__all__ and module != "tinycnn"]
    if homes:
        return f"It is in {max(homes, key=lambda home: _nearness(home, module))}."
    for way, absent in WAYS_OUT.items():
        if name in absent:
            return way
    if same := [known for known in names if known.lower() == name.lower()]:
        return f"Did you mean {same[0]!r}?"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    guess = f"Did you mean {near[0]!r}? If not: " if near else ""
    if module == "tinycnn":
        return f"{guess}Keras's names are in tinycnn.keras, TensorFlow's in tinycnn.tensorflow."
    if module.startswith("tinycnn.tensorflow") and "keras" not in module:
        return f"{guess}tinycnn has what Keras programs ask of TensorFlow; for others `import tensorflow` may stay."
    return f"{guess}tinycnn has what small convolutional networks need; Keras has the rest, and opens tinycnn's files."


def _nearness(home: str, module: str) -> tuple[int, int]:
    """How many rooms two modules share; of two homes at the same distance the one with the shorter name."""
    return sum(a == b for a, b in zip(home.split("."), module.split("."), strict=False)), -len(home)

"""A model as one HTML file: the lab's page with the weights inside, which computes by itself, offline."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn.datasets import digits
from tinycnn.files import check_path, replacing
from tinycnn.layers import (
    ELU,
    Activation,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    InputLayer,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    Reshape,
    Softmax,
    SpatialDropout2D,
    ZeroPadding2D,
)

if TYPE_CHECKING:
    from tinycnn.model import Model

PAGE = Path(__file__).with_name("page")

#: The activation functions of forward.js.
ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax")


def export(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the lab's page with this model inside: one file that opens in a browser, without a server or a network.

    The page computes by its own forward pass, ``page/forward.js``, in inference. What needs training (gradients, a
    batch's statistics) says that it needs the program, ``python -m tinycnn.lab``. Ten of the bundled digits are in
    the file too, to start from.

    Shapes:  images of (h, w), (h, w, channels) or h·h numbers; a drawing is scaled to h x w, its greys go into all
             channels

    Raises:
        RuntimeError: the model is not built, so it has no weights.
        TypeError: ``path`` is no path.
        ValueError: ``path`` does not end in ``.html``; the model's layers are not all in a row, or one of them is not
            in forward.js; its inputs are no images.
        OSError: the file cannot be written (FileNotFoundError: its folder is not there).
    """
    path = check_path("export", path, ".html")
    text = page_with(described(model))
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def described(model: Model) -> dict[str, Any]:
    """The model as forward.js takes it: layers with their settings, all weights in one row of float32, in base64."""
    model._require_built("export")
    in_row = all(sources == (place - 1,) for place, sources in enumerate(model._sources) if place)
    if not in_row or tuple(model._heads) != (len(model.layers) - 1,):
        raise ValueError(
            f"export: expected layers in a row, received {model.name!r}, whose branches part and meet. "
            "Look at it with the program: python -m tinycnn.lab FILE.keras."
        )
    shape = image_shape("export", model)
    weights: list[np.ndarray] = []
    layers = [_described(layer, weights) for layer in model.layers if not isinstance(layer, InputLayer)]
    return {
        "name": model.name,
        "input_shape": list(shape),
        "layers": layers,
        "examples": examples(),
        "weights": _base64(np.concatenate([np.zeros(0), *(array.ravel() for array in weights)]).astype("<f4")),
    }


def image_shape(who: str, model: Model) -> tuple[int, ...]:
    """The shape of the one image that a model takes.

    Raises:
        ValueError: several inputs or outputs, or none that one could draw.
    """
    entries, heads = model._ends
    if len(entries) > 1 or len(heads) > 1:
        raise ValueError(
            f"{who}: expected a model with one input and one output, received {model.name!r} with {len(entries)} and "
            f"{len(heads)}. Make a model of the part to look at: Model(input, output)."
        )
    shape = tuple(model.input_shape[1:])
    side = math.isqrt(shape[0])
    if len(shape) not in (1, 2, 3) or (len(shape) == 1 and side * side != shape[0]):
        raise ValueError(
            f"{who}: expected a model that takes images, (h, w, channels), received inputs of shape {shape}. "
            "Only what one can draw can be looked at."
        )
    return shape


def described_layer(layer: Layer) -> dict[str, Any]:
    """The same of any layer, for the program; of one that forward.js lacks its class, its shapes, and no settings."""
    try:
        return _described(layer, [])
    except ValueError:
        return {
            "name": layer.name,
            "kind": type(layer).__name__,
            "class": type(layer).__name__,
            "shape": list(layer.output_shape[1:]),
            "settings": {},
            "weights": {n: {"shape": list(v.shape), "offset": 0} for n, v in layer.named_weights.items()},
        }


def _described(layer: Layer, weights: list[np.ndarray]) -> dict[str, Any]:
    if type(layer) not in _SETTINGS:
        known = ", ".join(sorted(kind.__name__ for kind in _SETTINGS))
        raise ValueError(
            f"export: expected layers that page/forward.js computes ({known}), received {layer.name!r}, a "
            f"{type(layer).__name__}. Look at this model with the program: python -m tinycnn.lab FILE.keras."
        )
    settings = _SETTINGS[type(layer)](layer)
    if settings.get("activation", "linear") not in ACTIVATIONS:
        raise ValueError(
            f"export: expected activations of page/forward.js ({', '.join(ACTIVATIONS)}), received {layer.name!r} with "
            f"{settings['activation']!r}. Look at this model with the program: python -m tinycnn.lab FILE.keras."
        )
    places = {}
    for name, value in layer.named_weights.items():
        places[name] = {"shape": list(value.shape), "offset": sum(array.size for array in weights)}
        weights.append(np.asarray(value))
    kind = _COMPUTED_AS.get(type(layer), type(layer)).__name__
    return {
        "name": layer.name,
        "kind": kind,
        "class": type(layer).__name__,
        "shape": list(layer.output_shape[1:]),
        "settings": settings,
        "weights": places,
    }


def _conv2d(layer: Any) -> dict[str, Any]:
    names = ("strides", "dilation_rate", "widths", "padding", "activation")
    return {name: getattr(layer, name) for name in names}


def _pooling(layer: Any) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in ("pool_size", "strides", "widths", "padding")}


def _activation(layer: Any) -> dict[str, Any]:
    return {"activation": layer.activation}


def _relu(layer: Any) -> dict[str, Any]:
    if layer.max_value is not None or layer.threshold:
        raise ValueError(
            f"export: expected a ReLU without max_value and threshold, received {layer.name!r} with "
            f"max_value={layer.max_value}, threshold={layer.threshold}. Look at this model with the program: "
            "python -m tinycnn.lab FILE.keras."
        )
    return {"activation": "leaky_relu", "negative_slope": layer.negative_slope}


def _softmax(layer: Any) -> dict[str, Any]:
    if layer.activation != "softmax":
        raise ValueError(
            f"export: expected a Softmax over the last axis, received {layer.name!r} with axis={layer.axis}. "
            "Look at this model with the program: python -m tinycnn.lab FILE.keras."
        )
    return {"activation": "softmax"}


def _rate(layer: Any) -> dict[str, Any]:
    return {"rate": layer.rate}


def _nothing(layer: Any) -> dict[str, Any]:
    return {}


#: What forward.js has to know of each kind of layer, beside its weights and the shape of its output.
_SETTINGS: dict[type[Layer], Callable[[Any], dict[str, Any]]] = {
    Activation: _activation,
    AlphaDropout: _nothing,
    AveragePooling2D: _pooling,
    BatchNormalization: lambda layer: {"epsilon": layer.epsilon, "trainable": layer.trainable},
    Conv2D: _conv2d,
    Dense: _activation,
    Dropout: _rate,
    ELU: lambda layer: {"activation": "elu", "alpha": layer.alpha},
    Flatten: _nothing,
    GaussianDropout: _nothing,
    GaussianNoise: _nothing,
    GlobalAveragePooling2D: _nothing,
    GlobalMaxPooling2D: _nothing,
    LeakyReLU: lambda layer: {"activation": "leaky_relu", "negative_slope": layer.negative_slope},
    MaxPooling2D: _pooling,
    ReLU: _relu,
    Reshape: _nothing,
    Softmax: _softmax,
    SpatialDropout2D: _nothing,
    ZeroPadding2D: lambda layer: {"padding": layer.padding},
}

#: Layers that forward.js computes as layers of another kind.
_COMPUTED_AS: dict[type[Layer], type[Layer]] = {
    **dict.fromkeys((ELU, LeakyReLU, ReLU, Softmax), Activation),
    **dict.fromkeys((AlphaDropout, GaussianDropout, GaussianNoise, SpatialDropout2D), Dropout),
}


def examples() -> list[dict[str, Any]]:
    """The first of the bundled test digits of each class."""
    _, (x, y) = digits.load_data()
    first = {int(label): place for place, label in reversed(list(enumerate(y)))}
    return [{"label": str(label), "pixels": _base64(x[first[label]])} for label in sorted(first)]


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def page_with(model: dict[str, Any]) -> str:
    """The page as one text: its style sheet, its scripts and the model stand where it asks for them.

    A browser loads no modules from a file, so the scripts are joined, each behind those that it imports. The content
    security policy names the hashes of the one style sheet and the one script: nothing else runs, nothing is loaded.
    """
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    style = (PAGE / "lab.css").read_text(encoding="utf-8")
    script = joined("lab.js")
    data = json.dumps(model, separators=(",", ":")).replace("<", "\\u003c")  # no </script> inside
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:"
    icon = base64.b64encode((PAGE / "icon.svg").read_bytes()).decode("ascii")
    for tag, inline in {
        'href="icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        '<meta name="lab" content="page">': f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<link rel="stylesheet" href="lab.css">': f"<style>{style}</style>",
        '<script type="module" src="lab.js"></script>': (
            f'<script type="application/json" id="model">{data}</script>\n<script type="module">{script}</script>'
        ),
    }.items():
        if page.count(tag) != 1:
            raise RuntimeError(f"export: expected {tag} once in index.html, found it {page.count(tag)} times.")
        page = page.replace(tag, inline)
    return page


def joined(name: str, written: list[str] | None = None) -> str:
    """A module and, before it, those that it imports, as one script: each a function that returns what it exports.

    ``import { a } from "./b.js";`` becomes ``const { a } = b_js;``, and b.js ``const b_js = (() => { ...; return { a };
    })();``. Every module stands there once, in its own words.
    """
    written = [] if written is None else written
    written.append(name)
    text = (PAGE / name).read_text(encoding="utf-8")
    before = ""

    def taken(statement: re.Match[str]) -> str:
        nonlocal before
        names, other = statement[1], os.path.normpath(os.path.join(os.path.dirname(name), statement[2]))
        other = other.replace(os.sep, "/")
        if other not in written:
            before += joined(other, written)
        return f"const {{{names}}} = {_variable(other)};\n"

    text = _IMPORT.sub(taken, text)
    exported = ", ".join(_EXPORT.findall(text))
    text = _EXPORT.sub(lambda found: found[0].removeprefix("export "), text)
    return f"{before}\n// {name}\nconst {_variable(name)} = (() => {{\n{text}\nreturn {{ {exported} }};\n}})();\n"


_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

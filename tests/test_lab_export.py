"""What an exported file of the lab is made of, and the models that cannot be one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parity_cases import MODELS, notebook_model

from tinycnn import Sequential, keras, layers
from tinycnn.keras.layers import Conv2D, Dense, Flatten, Input
from tinycnn.lab.export import PAGE, described, export, joined, page_with

IMAGE = Input((6, 6, 1))


def model_in(text: str) -> Any:
    """The model as it stands in an exported file."""
    (found,) = re.findall(r'<script type="application/json" id="model">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


@pytest.mark.parametrize("name", MODELS)
def test_the_notebooks_models_fit_into_800_kb_and_bring_all_their_weights(name: str, tmp_path: Path) -> None:
    model = notebook_model(keras, name)
    export(model, tmp_path / "model.html")
    text = (tmp_path / "model.html").read_text(encoding="utf-8")
    assert len(text.encode()) < 800_000
    data = model_in(text)
    numbers = np.frombuffer(base64.b64decode(data["weights"]), "<f4")
    places = [place for layer in data["layers"] for place in layer["weights"].values()]
    for weights, place in zip(model.get_weights(), places, strict=True):
        part = numbers[place["offset"] : place["offset"] + weights.size]
        np.testing.assert_array_equal(part.reshape(place["shape"]), weights)
    assert [example["label"] for example in data["examples"]] == list("0123456789")


def test_the_page_is_under_30_kb_gzipped() -> None:
    assert len(gzip.compress(page_with({}).encode())) < 30_000


def test_nothing_runs_or_loads_but_what_the_policy_names(tmp_path: Path) -> None:
    model = Sequential([IMAGE, Conv2D(2, 3), Flatten(), Dense(3)], name="</script><script>alert(1)</script>")
    export(model, tmp_path / "model.html")
    text = (tmp_path / "model.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    scripts = re.findall(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(scripts) == len(styles) == 1
    for content in scripts + styles:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert text.count("<script") == 2  # this one, and the model's data, whose name ends nothing
    assert model_in(text)["name"] == model.name


def test_every_script_stands_in_the_file_once_behind_those_that_it_imports() -> None:
    script = joined("lab.js")
    names = re.findall(r"^// (\S+\.js)$", script, re.MULTILINE)
    all_of_them = {path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.js")}
    of_the_program = {
        "program.js",
        "program_source.js",
        *(f"views/{name}.js" for name in ("compare", "step", "training")),
    }
    assert sorted(names) == sorted(all_of_them - of_the_program)
    assert names[-1] == "lab.js"
    assert names.index("dom.js") < names.index("colours.js") < names.index("views/maps.js")
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)


def two_branches() -> Any:
    x = Input((6, 6, 1))
    return keras.Model(x, layers.Add()([Conv2D(2, 3, name="left")(x), Conv2D(2, 3, name="right")(x)]), name="two")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: Sequential([IMAGE, layers.UpSampling2D(name="up")]), "received 'up', a UpSampling2D"),
        (lambda: Sequential([IMAGE, Conv2D(2, 3, activation="gelu", name="c")]), "received 'c' with 'gelu'"),
        (lambda: Sequential([IMAGE, layers.ReLU(6.0, name="r")]), "received 'r' with max_value=6.0, threshold=0.0"),
        (lambda: Sequential([IMAGE, layers.Softmax(axis=1, name="s")]), "received 's' with axis=1"),
        (lambda: Sequential([Input((7,)), Dense(2)]), "a model that takes images, .* received inputs of shape .7,."),
        (two_branches, "expected layers in a row, received 'two'"),
    ],
)
def test_a_model_that_the_page_cannot_compute(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"export: .*{message}.*") as error:
        export(model(), tmp_path / "model.html")
    assert error.value.args[0].endswith((".", "keras."))
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_weights_and_a_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="export: expected a model that is built"):
        export(Sequential([Dense(3)]), tmp_path / "model.html")
    model = Sequential([IMAGE, Flatten()])
    with pytest.raises(ValueError, match=r"export: expected a path that ends in \.html"):
        export(model, tmp_path / "model.htm")
    with pytest.raises(TypeError, match="export: expected a path, received 3"):
        export(model, 3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        export(model, tmp_path / "nowhere" / "model.html")


def test_rows_of_squares_and_images_in_colour_are_images() -> None:
    for shape in ((16,), (4, 4), (4, 5, 3)):
        assert described(Sequential([Input(shape), Flatten()]))["input_shape"] == list(shape)

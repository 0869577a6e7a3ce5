"""ONNX files: valid for ONNX's checker, and run by its reference evaluator with the predictions of the model."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from parity_cases import LAYER_CASES, MODELS, layer_input, layer_weights, notebook_model, some_digits, uniform
from random_models import build, chains, fill
from tolerances import CHAIN_FLOAT32_SLOPE, PARITY, assert_close

import tinycnn
from tinycnn import Sequential, keras, layers
from tinycnn.kernels.activations import ACTIVATIONS
from tinycnn.saving.onnx import _ACTIVATIONS

onnx = pytest.importorskip("onnx")


def exported(model: Sequential, folder: Path) -> Any:
    """The model as it is read from its file, checked, with the shape of every value."""
    tinycnn.export_onnx(model, folder / "model.onnx")
    proto = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    return onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)


def run(proto: Any, x: np.ndarray) -> np.ndarray:
    from onnx.reference import ReferenceEvaluator

    (y,) = ReferenceEvaluator(proto).run(["output"], {"input": x})
    return y


def assert_predicts(proto: Any, model: Sequential, x: np.ndarray, tolerance: float) -> None:
    y = run(proto, x)
    assert y.dtype == model.layers[-1].dtype
    assert_close(y, model.forward(x), tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_notebook_models(name: str, tmp_path: Path) -> None:
    model = fill(notebook_model(keras, name))
    proto = exported(model, tmp_path)
    x, _ = some_digits(5)
    for batch in (x, x[:1], x[:2]):
        assert_predicts(proto, model, batch, PARITY["float32"])
    assert np.ptp(model.forward(x), axis=0).max() > 0.01  # the predictions tell the images apart


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LAYER_CASES)
def test_every_layer_and_option(case: str, dtype: str, tmp_path: Path) -> None:
    name, arguments, shape = LAYER_CASES[case]
    layer = getattr(layers, name)(**arguments, dtype=dtype)
    model = Sequential([layers.Input(shape[1:]), layer])
    model.set_weights(layer_weights([(name, value.shape) for name, value in layer.named_weights.items()]))
    proto = exported(model, tmp_path)
    # ONNX keeps slopes and epsilon in float32, and its own evaluator the error function.
    rounded = name == "BatchNormalization" or any(it in case for it in ("leaky", "selu", "hard_", "gelu"))
    tolerance = CHAIN_FLOAT32_SLOPE if dtype == "float64" and rounded else PARITY[dtype]
    x = layer_input(case).astype(dtype)
    for batch in (x, x[:1], np.concatenate([x, x, x])):
        assert_predicts(proto, model, batch, tolerance)


def test_a_dilated_transpose(tmp_path: Path) -> None:
    """TensorFlow's CPU kernels have none, so that it is in no table of cases."""
    model = Sequential([layers.Input((4, 5, 2)), layers.Conv2DTranspose(3, 2, padding="same", dilation_rate=(2, 3))])
    x = uniform(1, (2, 4, 5, 2)).astype("float32")
    assert_predicts(exported(fill(model), tmp_path), model, x, PARITY["float32"])


@given(chain=chains())
@settings(max_examples=100)
def test_random_chains(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    model = fill(build(keras, chain, dtype="float64"))
    proto = exported(model, tmp_path_factory.mktemp("onnx"))
    for n in (1, 4):
        x = uniform(n, (n, *chain.input_shape), -2, 2)
        np.testing.assert_allclose(run(proto, x), model.forward(x), rtol=CHAIN_FLOAT32_SLOPE, atol=CHAIN_FLOAT32_SLOPE)


@pytest.mark.parametrize("head", ["relu", "softmax", "batch_normalization"])
@pytest.mark.parametrize("body", [(), (6,), (5, 3)])
def test_inputs_of_other_axes(body: tuple[int, ...], head: str, tmp_path: Path) -> None:
    """Layers that take any shape take rows, and samples of two and of three axes."""
    layer = layers.BatchNormalization() if head == "batch_normalization" else layers.Activation(head)
    model = Sequential([layers.Input((*body, 4)), layer, layers.Flatten()])
    assert_predicts(exported(fill(model), tmp_path), model, uniform(1, (3, *body, 4)).astype("float32"), 1e-6)


def test_a_row_of_zeros_keeps_its_length(tmp_path: Path) -> None:
    model = Sequential([layers.Input((3,)), layers.UnitNormalization()])
    x = np.array([[0, 0, 0], [1, 2, 2]], "float32")
    assert_predicts(exported(model, tmp_path), model, x, PARITY["float32"])


def test_images_are_turned_round_only_where_the_order_counts(tmp_path: Path) -> None:
    """And every node, weight and value carries the name of its layer; the sizes stand beside it, batch included."""
    model = Sequential(
        [
            layers.Input((8, 6, 2)),
            layers.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="eyes"),
            layers.BatchNormalization(scale=False, name="norm"),
            layers.MaxPooling2D(name="pool"),
            layers.Dropout(0.5, name="drop"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="softmax", use_bias=False, name="head"),
        ],
        name="small",
    )
    proto = exported(model, tmp_path)
    graph = proto.graph
    assert [(node.op_type, node.name) for node in graph.node] == [
        ("Transpose", "eyes/channels_first"),
        ("Conv", "eyes"),
        ("Relu", "eyes/relu"),
        ("BatchNormalization", "norm"),
        ("MaxPool", "pool"),
        ("Transpose", "flat/channels_last"),
        ("Flatten", "flat"),
        ("Gemm", "head"),
        ("Softmax", "head/softmax"),
    ]
    assert [weight.name for weight in graph.initializer] == [
        "eyes/kernel",
        "eyes/bias",
        "norm/gamma",
        "norm/beta",
        "norm/moving_mean",
        "norm/moving_variance",
        "head/kernel",
    ]
    sizes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.value_info, *graph.output]
    }
    assert sizes == {
        "input": ["batch", 8, 6, 2],
        "eyes/channels_first:0": ["batch", 2, 8, 6],
        "eyes:0": ["batch", 3, 4, 3],
        "eyes/relu:0": ["batch", 3, 4, 3],
        "norm:0": ["batch", 3, 4, 3],
        "pool:0": ["batch", 3, 2, 1],
        "flat/channels_last:0": ["batch", 2, 1, 3],
        "flat:0": ["batch", 6],
        "head:0": ["batch", 5],
        "output": ["batch", 5],
    }
    stored = onnx.load(tmp_path / "model.onnx")  # as it is in the file: Netron shows the sizes too
    assert {value.name for value in stored.graph.value_info} == set(sizes) - {"input", "output"}
    assert (proto.graph.name, proto.producer_name, proto.producer_version) == ("small", "tinycnn", tinycnn.__version__)


def test_images_come_out_with_the_channels_last(tmp_path: Path) -> None:
    model = Sequential([layers.Input((4, 5, 2)), layers.Conv2D(3, 2), layers.Dropout(0.2), layers.Softmax()])
    proto = exported(fill(model), tmp_path)
    assert proto.graph.node[-1].name == "channels_last"
    assert_predicts(proto, model, uniform(1, (2, 4, 5, 2)).astype("float32"), 1e-6)


def test_model_without_anything_to_compute(tmp_path: Path) -> None:
    model = Sequential([layers.Input((3,)), layers.Dropout(0.2), layers.Activation("linear")])
    proto = exported(model, tmp_path)
    assert [node.op_type for node in proto.graph.node] == ["Identity"]
    assert_predicts(proto, model, uniform(1, (2, 3)).astype("float32"), 0)


def test_names_that_get_in_each_others_way(tmp_path: Path) -> None:
    names = ("input", "output", "a", "a/kernel", "a/kernel_", "a/relu")
    model = Sequential([layers.Input((2,)), *(layers.Dense(2, activation="relu", name=name) for name in names)])
    assert_predicts(exported(fill(model), tmp_path), model, uniform(1, (2, 2)).astype("float32"), 1e-6)


def test_every_activation_has_an_operator() -> None:
    assert set(_ACTIVATIONS) == set(ACTIVATIONS) - {"linear"}


def test_the_model_stays_as_it_was(tmp_path: Path) -> None:
    model = fill(notebook_model(keras, "batch_normalization"))
    before = model.get_weights()
    exported(model, tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


# Errors


def dense() -> Sequential:
    return Sequential([layers.Input((2,)), layers.Dense(3)])


def test_without_onnx_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = "export_onnx: expected the package onnx, found none. Install it: pip install onnx"
    with pytest.raises(ModuleNotFoundError, match=re.escape(message)):
        tinycnn.export_onnx(dense(), tmp_path / "m.onnx")


@pytest.mark.parametrize("path", [None, 3])
def test_path_of_another_type(path: Any) -> None:
    with pytest.raises(TypeError, match=r"export_onnx: expected a path, received .*\. Pass a name such as 'model\."):
        tinycnn.export_onnx(dense(), path)


@pytest.mark.parametrize("name", ["model", "model.onnx.h5", "model.pb", ".onnx"])
def test_path_with_another_ending(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=rf"export_onnx: expected a path that ends in \.onnx, received '.*{name}'\. Name it model\.onnx, for",
    ):
        tinycnn.export_onnx(dense(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a folder to write into, found no"):
        tinycnn.export_onnx(dense(), str(tmp_path / "none" / "model.onnx"))


def test_unbuilt_model(tmp_path: Path) -> None:
    with pytest.raises(
        RuntimeError,
        match=r"export_onnx: expected a model that is built, 'm' is not\. Start it with Input\(shape=\(28, 28, 1\)\)",
    ):
        tinycnn.export_onnx(Sequential([layers.Dense(3)], name="m"), tmp_path / "model.onnx")


def test_layer_of_somebody_else(tmp_path: Path) -> None:
    class Twice(layers.Dense):
        pass

    model = Sequential([layers.Input((2,)), Twice(3, name="mine")])
    with pytest.raises(
        ValueError,
        match=r"export_onnx: expected layers of tinycnn, received 'mine', a Twice\. Build the model of tinycnn's",
    ):
        tinycnn.export_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_former_file_stays_where_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise onnx.checker.ValidationError("not valid")

    file = tmp_path / "model.onnx"
    tinycnn.export_onnx(dense(), file)
    before = file.read_bytes()
    monkeypatch.setattr(onnx.checker, "check_model", refuse)
    with pytest.raises(onnx.checker.ValidationError):
        tinycnn.export_onnx(dense(), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]

"""Models whose layers branch and meet, against Keras's and against differences."""

import copy
import pickle

import numpy as np
import pytest
from tolerances import PARITY, assert_close

import tinycnn
from tinycnn import kernels, utils
from tinycnn.functional import Functional
from tinycnn.gradient_check import check_layer, check_model
from tinycnn.inspection import activations, dead_relu_share, gradients
from tinycnn.keras import Input, Model, Sequential, layers, models

N, SIZES = 24, (12, 12, 1)


@pytest.fixture
def images(rng):
    return rng.random((N, *SIZES)).astype("float32")


def row(la, start):
    """Layers in a row: fused steps apply."""
    x = start((12, 12, 1), name="x")
    y = la.MaxPooling2D(name="pool")(la.Conv2D(4, 3, activation="relu", name="conv")(x))
    y = la.BatchNormalization(name="bn")(y)
    return x, la.Dense(3, activation="softmax", name="head")(la.Flatten(name="flat")(y))


def shortcut(la, start):
    """A residual block, with an output that three layers take."""
    x = start((12, 12, 1), name="x")
    a = la.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    b = la.Conv2D(4, 3, padding="same", activation="relu", name="second")(a)
    c = la.Conv2D(4, 1, name="third")(a)
    y = la.Add(name="sum")([a, b, c])
    y = la.GlobalAveragePooling2D(name="mean")(la.MaxPooling2D(name="pool")(y))
    return x, la.Dense(3, activation="softmax", name="head")(y)


def inception(la, start):
    """Channels side by side, and a gate that is repeated over the places."""
    x = start((12, 12, 1), name="x")
    parts = [la.Conv2D(2, size, padding="same", activation="relu", name=f"conv{size}")(x) for size in (1, 3, 5)]
    y = la.Dropout(0, name="drop")(la.Concatenate(name="beside")(parts))
    gate = la.Dense(6, activation="sigmoid", name="gate")(la.GlobalAveragePooling2D(name="mean")(y))
    y = la.Multiply(name="gated")([y, la.Reshape((1, 1, 6), name="wide")(gate)])
    y = la.MaxPooling2D(4, name="pool")(la.BatchNormalization(name="bn")(y, training=False))
    return x, la.Dense(3, activation="softmax", name="head")(la.Flatten(name="flat")(y))


ONE_OUTPUT = {"row": row, "shortcut": shortcut, "inception": inception}


def two_inputs(la, start):
    x, v = start((12, 12, 1), name="x"), start((5,), name="v")
    y = la.Flatten(name="flat")(la.Conv2D(2, 5, strides=3, activation="relu", name="conv")(x))
    y = la.concatenate([y, la.Dense(4, activation="tanh", name="dense")(v)], name="both")
    return [x, v], la.Dense(3, activation="softmax", name="head")(y)


def two_outputs(la, start):
    x = start((12, 12, 1), name="x")
    y = la.Flatten(name="flat")(la.Conv2D(2, 5, strides=3, activation="relu", name="conv")(x))
    digit = la.Dense(3, activation="softmax", name="digit")(y)
    return x, [digit, la.Dense(2, name="value")(la.average([la.Dense(4, name="a")(y), la.Dense(4, name="b")(y)]))]


def make(graph, kernels="fast", **options):
    utils.clear_session()
    model = Model(*graph(layers, Input), name="m")
    options = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **options}
    model.compile(kernels=kernels, **options)
    return model


# The graph


def test_layers_come_in_kerass_order():
    assert [layer.name for layer in make(shortcut).layers] == [
        *("x", "first", "second", "third", "sum", "pool", "mean", "head")
    ]
    model = make(shortcut)
    assert isinstance(model, Functional)
    assert Model(model.inputs, model.outputs).name == "functional"
    assert model.get_layer(index=0).name == model.input_names[0] == "x"
    assert (model.input_shape, model.output_shape) == ((None, *SIZES), (None, 3))
    assert model.inputs[0] is model.layers[0].output
    assert model.outputs[0] is model.output is model.layers[-1].output


def test_models_are_numbered_as_in_keras():
    utils.clear_session()
    x = Input((4,))
    assert [Model(x, layers.Dense(2)(x)).name for _ in range(2)] == ["functional", "functional_1"]


def test_an_output_that_is_used_twice_gets_the_sum_of_the_gradients(rng):
    x = Input((4,))
    dense = layers.Dense(4)
    y = dense(x)
    model = Model(x, layers.Add()([y, layers.Multiply()([y, y])]))
    values, dy = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    h = dense.forward(values)
    model.forward(values, training=True)
    np.testing.assert_allclose(model.backward(dy), (dy * (1 + 2 * h)) @ dense.kernel.value.T, rtol=1e-5)


@pytest.mark.parametrize("set_name", ["fast", "reference"])
@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_gradients_against_differences(name, set_name, images, rng):
    model = make(ONE_OUTPUT[name], set_name)
    result = check_model(model, images[:3], rng.integers(0, 3, 3), entries=6)
    assert result.passed, f"\n{result}"


def test_gradients_with_several_inputs_and_outputs(images, rng):
    model = make(two_inputs)
    x = [images[:3], rng.standard_normal((3, 5))]
    result = check_model(model, x, rng.integers(0, 3, 3), entries=6)
    assert result.passed, f"\n{result}"
    assert {"input 1", "input 2"} < {row.name for row in result.rows}
    model = make(two_outputs, loss=["sparse_categorical_crossentropy", "mse"], loss_weights=[1, 0.3], metrics=None)
    y = [rng.integers(0, 3, 3), rng.standard_normal((3, 2))]
    assert check_model(model, images[:3], y, entries=6).passed


def output_that_goes_on(la, start):
    """An output with a softmax, and a layer that takes it."""
    x = start((12, 12, 1), name="x")
    digit = la.Dense(3, activation="softmax", name="digit")(la.Flatten(name="flat")(x))
    return x, [digit, la.Dense(2, name="beyond")(digit)]


def test_an_output_that_another_layer_takes_keeps_its_activation(images, rng):
    model = make(output_that_goes_on, loss=["sparse_categorical_crossentropy", "mse"], metrics=None)
    y = [rng.integers(0, 3, N), rng.random((N, 2))]
    beyond = model.predict(images, verbose=0)[1]
    assert model.evaluate(images, y, verbose=0)[2] == pytest.approx(np.mean((beyond - y[1]) ** 2))
    result = check_model(model, images[:3], [one[:3] for one in y], entries=6)
    assert result.passed, f"\n{result}"
    inside = gradients(model, images, y)["digit"].parameters["kernel"]
    model._train_step(images, tuple(y), None, "a test")
    np.testing.assert_allclose(inside, model.get_layer("digit").kernel.grad, rtol=1e-4, atol=1e-6)


def test_an_input_that_nothing_uses_has_a_gradient_of_zero(rng):
    a, b = Input((4,)), Input((3,))
    model = Model([a, b], layers.Dense(2)(a))
    x = [rng.random((5, 4)), rng.random((5, 3))]
    model.forward(x, training=True)
    np.testing.assert_array_equal(model.backward(rng.standard_normal((5, 2)))[1], np.zeros((5, 3)))
    model.compile("sgd", "mse")
    assert check_model(model, x, rng.random((5, 2)), entries=6).passed


def test_a_wrong_gradient_is_named(images, rng, monkeypatch):
    model = make(shortcut, "reference")
    monkeypatch.setattr(layers.Add, "_gradients", lambda self, dy, arrays: [dy, dy, dy * 0.5])
    result = check_model(model, images[:3], rng.integers(0, 3, 3), entries=6)
    assert not result.passed
    assert {row.name for row in result.rows if not row.passed} >= {"third/kernel"}


def test_fused_steps_along_the_branches(images, rng):
    model = make(row, optimizer="sgd")
    assert [type(step).__name__ for step in model._steps] == [
        *("ConvolutionPooling", "BatchNormalization", "Flatten", "Dense")
    ]
    y = rng.integers(0, 3, N)
    other = make(row, optimizer="sgd")
    other.set_weights(model.get_weights())
    for one, steps in ((model, model._steps_of_branches), (other, other._branches(fused=False))):
        one._fused = steps
        one.fit(images, y, epochs=2, shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


def test_layers_in_between_can_be_the_outputs_of_another_model(images):
    model = make(shortcut)
    inside = Model(model.inputs, [layer.output for layer in model.layers[1:4]])
    outputs = inside.predict(images, verbose=0)
    expected = activations(model, images)
    for layer, output in zip(model.layers[1:4], outputs, strict=True):
        np.testing.assert_array_equal(output, expected[layer.name])
    net = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    inside = Model(inputs=net.inputs, outputs=[layer.output for layer in net.layers[:2]])
    assert [array.shape for array in inside.predict(np.ones((1, 8, 8, 1)), verbose=0)] == [(1, 6, 6, 4), (1, 144)]
    tail = Model(net.layers[1].output, net.output)
    np.testing.assert_allclose(
        tail.predict(inside.predict(np.ones((1, 8, 8, 1)), verbose=0)[1], verbose=0),
        net.predict(np.ones((1, 8, 8, 1)), verbose=0),
        rtol=1e-6,
    )


def test_models_called_on_an_input_lend_their_layers(images):
    base = Sequential([layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()])
    x = Input(SIZES)
    model = Model(x, layers.Dense(2)(base(x)))
    assert model.layers[1:3] == base.layers
    np.testing.assert_array_equal(base(images), model.layers[2](model.layers[1](images)))
    outer = Model(x, layers.Softmax()(model(x)))
    named = make(two_inputs)({"v": Input((5,)), "x": Input(SIZES)})
    assert [tensor.shape for tensor in named.layer.input.layer.input] == [(None, 18), (None, 4)]
    np.testing.assert_allclose(outer.predict(images, verbose=0).sum(axis=1), 1, rtol=1e-6)
    both = Sequential([Model(x, base(x)), layers.Dense(2)])
    assert both.predict(images, verbose=0).shape == (N, 2)
    with pytest.raises(ValueError, match="expected layers in a row, received 'm', whose branches part and meet"):
        Sequential([make(shortcut)])


def test_looking_into_a_model(images, rng):
    model = make(inception)
    y = rng.integers(0, 3, N)
    found = gradients(model, images, y)
    assert list(found) == [layer.name for layer in model.layers[1:]]
    assert [g.shape for g in found["gated"].input] == [(N, 12, 12, 6), (N, 1, 1, 6)]
    model._train_step(images, y, None, "a test")
    for layer in model.layers:
        for parameter in layer.parameters:
            expected = found[layer.name].parameters[parameter.name]
            # float32; the step goes through fused kernels (Winograd), the look layer by layer
            np.testing.assert_allclose(parameter.grad, expected, rtol=1e-3, atol=1e-6)
    assert set(dead_relu_share(model, images)) == {"conv1", "conv3", "conv5"}


@pytest.mark.parametrize("way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_like_the_model(way, images, rng):
    model, y = make(inception), rng.integers(0, 3, N)
    model.fit(images, y, verbose=0)
    twin = way(model)
    assert twin.layers[3].output.inputs[0].layer is twin.layers[0]
    for one in (model, twin):
        one.fit(images, y, verbose=0)
    for mine, theirs in zip(twin.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert not np.shares_memory(mine, theirs)


def test_clones_and_configs():
    model = make(two_outputs, loss="mse", metrics=None)
    assert len(models.clone_model(model).loss.losses) == 2
    for other in (
        models.clone_model(model),
        models.model_from_json(model.to_json()),
        Model.from_config(model.get_config()),
    ):
        assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
        assert other._sources == model._sources
        assert other.output_names == ["digit", "value"]


# Several inputs and outputs


def test_inputs_and_outputs_by_name_or_in_order(images, rng):
    model = make(two_inputs)
    v, y = rng.standard_normal((N, 5)), rng.integers(0, 3, N)
    expected = model.predict([images, v], verbose=0)
    np.testing.assert_array_equal(model.predict({"v": v, "x": images}, verbose=0), expected)
    np.testing.assert_array_equal(model((images, v)), model.forward([images, v]))
    history = model.fit({"x": images, "v": v}, {"head": y}, validation_split=0.25, epochs=2, verbose=0)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    model.fit((((images[i : i + 8], v[i : i + 8]), y[i : i + 8]) for i in (0, 8, 16)), verbose=0)
    loss = model.evaluate([images, v], y, verbose=0)
    assert loss == pytest.approx(model.evaluate([images, v], y, batch_size=5, verbose=0))
    with pytest.raises(
        ValueError, match=r"fit: expected one array for each of x, v, received one ndarray\. Pass a list"
    ):
        model.fit(images, y)
    with pytest.raises(ValueError, match=r"predict: expected one array for each of x, v, received those of x, w"):
        model.predict({"x": images, "w": v})
    with pytest.raises(ValueError, match="expected as many inputs as images, received 24 images and 23 inputs"):
        model.fit([images, v[1:]], y)
    with pytest.raises(ValueError, match=r"v: expected an input of shape \(batch, 5\), received \(1, 4\)"):
        model.fit([images, v[:, 1:]], y)


def test_sample_weights_of_one_output(images, rng):
    model = make(two_outputs, loss=["sparse_categorical_crossentropy", "mse"], metrics=None)
    y, weight = [rng.integers(0, 3, N), rng.random((N, 2))], rng.random(N)
    expected = model.evaluate(images, y, sample_weight=[weight, np.ones(N)], verbose=0)
    assert model.evaluate(images, y, sample_weight=[weight, None], verbose=0) == pytest.approx(expected)
    model.fit(images, y, sample_weight=[weight, None], validation_split=0.25, verbose=0)


def test_outputs_in_a_dict(images):
    x, (digit, value) = two_outputs(layers, Input)
    model = Model(x, {"a": digit, "b": value})
    outputs = model.predict(images, verbose=0)
    assert {name: array.shape for name, array in outputs.items()} == {"a": (N, 3), "b": (N, 2)}
    assert model.output_names == ["a", "b"]
    np.testing.assert_array_equal(model(images)["a"].numpy(), outputs["a"])
    np.testing.assert_allclose(model(images)["b"].numpy(), outputs["b"], rtol=1e-5)
    model = Model(x, {"a": digit})
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images, {"a": np.zeros(N)}, verbose=0)
    assert model.predict(images, verbose=0)["a"].shape == (N, 3)


def test_a_mode_that_is_set_where_layers_are_connected_gives_way_to_fits(images):
    x = Input(SIZES)
    model = Model(x, layers.Dropout(0.5)(x, training=True))
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    model = Model(x, Sequential([layers.Dropout(0.5)])(x, training=False))
    assert 0.3 < np.mean(model(images, training=True) == 0) < 0.7


def test_errors(images, rng):
    x = Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    y = shared(x)
    cases = [
        (lambda: Model(x, layers.Add()([y, shared(y)])), ValueError, "expected each layer to be called once, 'shared'"),
        (
            lambda: Model(Input((4,)), y),
            ValueError,
            "Model: expected outputs that its inputs lead to, one depends on 'x'",
        ),
        (lambda: Model(x, 3), TypeError, "Model: expected outputs that are Inputs or outputs of layers called on them"),
        (lambda: Model(), TypeError, "Model: expected inputs that are Inputs or outputs"),
        (
            lambda: Model(input=x, output=y),
            TypeError,
            "Model: expected inputs, outputs, name and trainable, received in",
        ),
        (
            lambda: type("Own", (Model,), {})(),
            TypeError,
            "Own: expected .* received a subclass of Model",
        ),
        (
            lambda: Model(x, layers.Dense(3, name="shared")(y)),
            ValueError,
            "expected layers of different names, received two of the name 'shared'",
        ),
        (
            lambda: Model(x, layers.Dense(3, dtype="float64")(y)),
            ValueError,
            "expected layers of one dtype, received 'shared' of float32",
        ),
        (lambda: layers.Dense(3)([y, x]), TypeError, "expected one input of a model, received a list of 2. Call it on"),
        (lambda: Sequential([layers.Dense(3)])([y]), TypeError, "expected one input of a model, received a list of 1"),
        (
            lambda: Model(x, layers.Flatten()(x)).forward(np.ones((1, 4)), activate=False),
            ValueError,
            "an activation to",
        ),
        (lambda: layers.Add()(y), TypeError, r"expected a list of inputs of a model"),
        (lambda: layers.Add()([y]), ValueError, "expected two inputs or more"),
        (lambda: layers.Add()([y, Input((3,))]), ValueError, r"expected inputs of one shape, received \(None, 4\), "),
        (lambda: layers.Add()([y, np.ones((2, 4))]), TypeError, "expected a list of inputs of a model"),
        (lambda: layers.Concatenate(0), ValueError, "expected an axis other than 0, that of the batch"),
        (lambda: layers.Concatenate(3)([y, y]), ValueError, "differ along axis 3 alone"),
        (lambda: layers.Subtract()([y, y, y]), ValueError, "expected two inputs, received 3"),
        (lambda: y + y, TypeError, r"Call layers on it, such as Add\(\)\(\[a, b\]\)"),
        (lambda: np.asarray(y), TypeError, "shared: expected numbers, received the place in a model"),
        (lambda: y > 0, TypeError, "shared: expected numbers, received the place in a model"),
        (lambda: y.numpy(), TypeError, "shared: expected numbers, received the place in a model"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
    model = make(two_outputs, loss="mse", metrics=None)
    y = [rng.integers(0, 3, N), rng.random((N, 2))]
    for options, message in [
        ({"loss": ["mse"]}, "compile: expected one loss for each of digit, value, received a list of 1"),
        ({"loss": {"digit": "mse"}}, "compile: expected one loss for each of digit, value, received those of digit"),
        ({"loss": "mse", "loss_weights": [1]}, "compile: expected one weight for each of digit, value"),
        ({"loss": "mse", "loss_weights": [1, "2"]}, "compile: expected loss_weights of finite numbers, received '2'"),
        ({"loss": "mse", "metrics": ["mae"]}, "compile: expected one list of metrics for each of digit, value"),
        ({"loss": "mse", "metrics": {"digits": "mae"}}, "received those of digits"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.compile("adam", **options)
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ValueError, match="fit: expected class_weight with a model of one output, received it with 2"):
        model.fit(images, y, class_weight={0: 2.0})
    with pytest.raises(
        ValueError, match=r"fit: expected y\[1\] to be an array of numbers, received None\. Pass one arr"
    ):
        model.fit(images, [y[0], None])
    for options in ({"loss": {"a": "mse"}}, {"metrics": {"a": ["mae"]}}):
        with pytest.raises(ValueError, match=r"compile: expected one .* for each of head, received those of a. Pass a"):
            make(row, **options)
    with pytest.raises(ValueError, match=r"fit: expected one array for each of head, received those of a. Pass a list"):
        make(row, loss=["mse"]).fit(images, {"a": y[0]})
    with pytest.raises(ValueError, match="compile: expected loss_weights with several outputs"):
        make(row, loss_weights=[0.5])
    with pytest.raises(ValueError, match="fold_batch_normalization: expected a Sequential, received 'm'"):
        tinycnn.fold_batch_normalization(make(row))


# Files


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("graph", [row, inception, two_inputs, two_outputs])
@pytest.mark.filterwarnings("ignore:save_model. Keras calls .h5 files:UserWarning")
def test_a_file_holds_the_model(graph, ending, images, rng, tmp_path):
    several = graph is two_outputs
    options = (
        {"loss": ["sparse_categorical_crossentropy", "mse"], "metrics": [["accuracy"], ["mae"]]} if several else {}
    )
    model = make(graph, **options)
    x = [images, rng.random((N, 5))] if graph is two_inputs else images
    y = [rng.integers(0, 3, N), rng.random((N, 2))] if several else rng.integers(0, 3, N)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / f"m{ending}")
    other = tinycnn.load_model(tmp_path / f"m{ending}")
    assert type(other) is Functional
    assert model.evaluate(x, y, verbose=0, return_dict=True) == other.evaluate(x, y, verbose=0, return_dict=True)
    for one in (model, other):
        one.fit(x, y, shuffle=False, verbose=0)
    for mine, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    model.save_weights(tmp_path / "w.weights.h5")
    fresh = make(graph, **options)
    fresh.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(fresh.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("graph", [row, inception, two_inputs, two_outputs])
def test_onnx_computes_the_same(graph, images, rng, tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    model = make(graph, loss="mse", metrics=None)
    tinycnn.export_onnx(model, tmp_path / "m.onnx")
    x = {"input": images}
    if graph is two_inputs:
        x = {"x": images, "v": rng.random((N, 5)).astype("float32")}
    expected = model.predict(list(x.values()) if len(x) > 1 else images, verbose=0)
    outputs = ReferenceEvaluator(onnx.load(tmp_path / "m.onnx")).run(None, x)
    for mine, theirs in zip(expected if isinstance(expected, list) else [expected], outputs, strict=True):
        assert_close(theirs, mine, PARITY["float32"])


# Keras


@pytest.mark.keras
@pytest.mark.parametrize("name", [*ONE_OUTPUT, "two_inputs", "two_outputs"])
def test_training_is_kerass(name, keras, images, rng, tmp_path, capsys):
    graph = {**ONE_OUTPUT, "two_inputs": two_inputs, "two_outputs": two_outputs}[name]
    several = graph is two_outputs
    options = {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    if several:
        options["loss"] = {"digit": "sparse_categorical_crossentropy", "value": "mse"}
        options |= {"loss_weights": {"digit": 1.0, "value": 0.5}, "metrics": {"digit": ["accuracy"], "value": "mae"}}
    x = [images, rng.random((N, 5)).astype("float32")] if graph is two_inputs else images
    y = [rng.integers(0, 3, N), rng.random((N, 2)).astype("float32")] if several else rng.integers(0, 3, N)
    utils.clear_session()
    keras.utils.clear_session(free_memory=False)
    theirs = keras.Model(*graph(keras.layers, keras.Input), name="m")
    mine = Model(*graph(layers, Input), name="m")
    assert [layer.name for layer in mine.layers] == [layer.name for layer in theirs.layers]
    mine.set_weights(theirs.get_weights())
    tables: list[list[str]] = [[], []]
    for model, table in zip((mine, theirs), tables, strict=True):
        model.summary(print_fn=lambda text, table=table, **_: table.append(text), show_trainable=True)
        model.compile(**options)
    assert tables[0] == tables[1]
    histories = [m.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history for m in (mine, theirs)]
    assert histories[0].keys() == histories[1].keys()
    for figure, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][figure], rtol=1e-4, atol=1e-6, err_msg=figure)
    for own, their in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        # nine float32 steps, whose sums are taken in another order; biases in front of a normalization are near 0
        np.testing.assert_allclose(own, their, rtol=1e-3, atol=2e-5)
    figures = [m.evaluate(x, y, verbose=0) for m in (mine, theirs)]
    np.testing.assert_allclose(*figures, rtol=1e-4)

    mine.save(tmp_path / "mine.keras")
    theirs.save(tmp_path / "theirs.keras")
    read = tinycnn.load_model(tmp_path / "theirs.keras"), keras.models.load_model(tmp_path / "mine.keras")
    for model in read:
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), figures[0], rtol=1e-4)


MERGES = {
    "Add": {},
    "Subtract": {},
    "Multiply": {},
    "Average": {},
    "Maximum": {},
    "Minimum": {},
    "Concatenate": {"axis": 2},
}
SHAPES = [(3, 4, 2, 5), (3, 4, 2, 5)], [(3, 4, 2, 5), (3, 1, 1, 5)]


@pytest.mark.parametrize("shapes", SHAPES, ids=["one shape", "repeated"])
@pytest.mark.parametrize("name", MERGES)
class TestMerges:
    def layer(self, name, shapes):
        if name == "Concatenate" and shapes[0] != shapes[1]:
            shapes = [(3, 4, 2, 5), (3, 4, 3, 5)]
        return getattr(layers, name)(**MERGES[name], dtype="float64"), shapes

    def test_gradients(self, name, shapes):
        layer, shapes = self.layer(name, shapes)
        result = check_layer(layer, shapes)
        assert result.passed, f"\n{result}"
        assert [row.name for row in result.rows] == ["input 1", "input 2"]

    def test_contract(self, name, shapes, rng):
        layer, shapes = self.layer(name, shapes)
        x = [rng.standard_normal(shape) for shape in shapes]
        kept = copy.deepcopy(x)
        y = layer(x)
        assert layer.output_shape[1:] == y.shape[1:]
        assert y.dtype == np.float64
        with pytest.raises(RuntimeError, match="before backward, found nothing kept"):
            layer.backward(y)
        np.testing.assert_array_equal(layer.forward(x, training=True), y)
        dy = rng.standard_normal(y.shape)
        kept_dy = dy.copy()
        assert [dx.shape for dx in layer.backward(dy)] == [tuple(shape) for shape in shapes]
        np.testing.assert_array_equal(dy, kept_dy)
        for before, after in zip(kept, x, strict=True):
            np.testing.assert_array_equal(before, after)
        with pytest.raises(ValueError, match="expected 2 inputs, received 3"):
            layer.forward([*x, x[0]])
        with pytest.raises(ValueError, match=r"expected 2 inputs, received one ndarray\."):
            layer.forward(x[0])
        with pytest.raises(ValueError, match=r"expected inputs of one batch, received 3, 2 samples\."):
            layer.forward([x[0], x[1][:2]])
        with pytest.raises(ValueError, match="expected the shapes it was built for"):
            layer.build([(None, 2), (None, 2)])

    @pytest.mark.keras
    def test_kerass(self, name, shapes, keras, rng):
        import tensorflow as tf

        layer, shapes = self.layer(name, shapes)
        x = [rng.integers(-2, 3, shape).astype("float64") for shape in shapes]  # with equal ones
        theirs = getattr(keras.layers, name)(**MERGES[name], dtype="float64")
        variables = [tf.Variable(one) for one in x]
        with tf.GradientTape() as tape:
            output = theirs(variables)
            dy = rng.standard_normal(output.shape)
            total = tf.reduce_sum(output * dy)
        layer.build([one.shape for one in x])
        np.testing.assert_allclose(layer.forward(x, training=True), output.numpy(), rtol=1e-12)
        for mine, their in zip(layer.backward(dy), tape.gradient(total, variables), strict=True):
            np.testing.assert_allclose(mine, their.numpy(), rtol=1e-12)


def test_kernels_are_those_of_compile():
    assert {layer.kernels.name for layer in make(row, "reference").layers} == {kernels.REFERENCE.name}


@pytest.mark.keras
def test_compare_goes_through_the_branches(keras, images, rng):
    from tinycnn.parity import compare

    model = make(shortcut)
    keras_model = keras.models.model_from_json(model.to_json())
    keras_model.set_weights(model.get_weights())
    keras_model.compile("adam", "sparse_categorical_crossentropy")
    rows = compare(model, keras_model, images, rng.integers(0, 3, N))
    assert [r.layer for r in rows] == [layer.name for layer in model.layers[1:]]
    assert max(share for r in rows for share in (r.output, r.output_gradient, r.parameter_gradients or 0)) < 1e-4
    with pytest.raises(ValueError, match="compare: expected a model of one input and one output"):
        compare(make(two_inputs), keras_model, images, rng.integers(0, 3, N))

"""``.h5`` files of whole models: the layout of Keras 3, the words of Keras 2, weights by the order of layers."""

from __future__ import annotations

import json
import re
import warnings

import h5py
import numpy as np
import pytest

import tinycnn
from tinycnn import callbacks, losses, saving
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tinycnn.metrics import SparseCategoricalAccuracy
from tinycnn.sequential import Sequential

RNG = np.random.default_rng(5)
X, Y = RNG.random((4, 8, 8, 1)), np.array([0, 1, 2, 0])
LEGACY = (
    r"^save_model: Keras calls \.h5 files of models legacy, and Keras 3 trains them on only after a new compile\. "
    r"Name the file model\.keras, if Keras 3 is to read it\.$"
)
NOT_COMPILED = (
    r"^load_model: expected a training_config, found none in the file\. The model is not compiled: compile it"
)


def small(name="small", k=tinycnn.keras):
    la = k.layers
    chain = [k.Input((8, 8, 1)), la.Conv2D(2, 3, activation="relu", name="conv"), la.BatchNormalization(name="bn")]
    head = [la.MaxPooling2D(name="pool"), la.Dropout(0.0, name="drop"), la.Flatten(name="flat")]
    return k.Sequential([*chain, *head, la.Dense(3, activation="softmax", name="dense")], name=name)


def trained(k=tinycnn.keras, **options):
    model = small(k=k)
    model.compile(k.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    model.fit(X, Y, verbose=0, shuffle=False)
    return model


def saved(model, path):
    with pytest.warns(UserWarning, match=LEGACY):
        model.save(path)
    return path


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# Our files


def test_saving_and_loading_warn_of_what_keras_warns_of(tmp_path):
    saved(small(), tmp_path / "m.h5")
    with pytest.warns(UserWarning, match=NOT_COMPILED):
        model = tinycnn.load_model(tmp_path / "m.h5")
    assert not model.compiled
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tinycnn.load_model(tmp_path / "m.h5", compile=False)


def tree(path):
    """Groups, arrays and attributes, with the numbers of weights by their names."""
    found = {}

    def visit(name, item):
        kind = (item.shape, str(item.dtype)) if isinstance(item, h5py.Dataset) else "group"
        names = {key: list(item.attrs[key]) for key in item.attrs if key.endswith("_names")}
        found[name] = (kind, sorted(item.attrs), names)

    with h5py.File(path) as file:
        file.visititems(visit)
        return found, sorted(file.attrs), {key: json.loads(file.attrs[key]) for key in file.attrs if "config" in key}


@pytest.mark.keras
def test_our_file_is_laid_out_as_kerass(keras, tmp_path):
    trained(keras).save(tmp_path / "theirs.h5")
    saved(trained(), tmp_path / "ours.h5")
    (theirs, *their_attributes), (ours, *our_attributes) = tree(tmp_path / "theirs.h5"), tree(tmp_path / "ours.h5")

    def arrays(found):
        """The slots of the optimizer have names of our own; their order counts."""
        return {name: value for name, value in found.items() if not name.startswith("optimizer_weights")}

    assert arrays(ours) == arrays(theirs)
    assert our_attributes[0] == their_attributes[0]
    (our_texts,), (their_texts,) = our_attributes[1:], their_attributes[1:]
    assert our_texts["training_config"].keys() == their_texts["training_config"].keys()
    assert our_texts["training_config"]["optimizer_config"].keys() == {"class_name", "config"}
    for mine, their in zip(
        our_texts["model_config"]["config"]["layers"], their_texts["model_config"]["config"]["layers"], strict=True
    ):
        assert mine.keys() == their.keys()
        assert mine["class_name"] == their["class_name"]
        assert mine["config"].keys() == their["config"].keys()


@pytest.mark.keras
def test_keras_reads_our_weights_alone(keras, tmp_path):
    mine, theirs = trained(), small(k=keras)
    theirs.load_weights(saved(mine, tmp_path / "m.h5"))
    assert same(mine.get_weights(), theirs.get_weights())


def test_lists_of_names_too_long_for_an_attribute(tmp_path):
    """HDF5's attributes have 64 kB at most; Keras spreads longer lists over several."""
    name = "a layer whose name is as long as anybody would like it to be and then some more of it"
    model = Sequential([Input((2,)), *(Dense(1 + i % 2, name=f"{name} {i}") for i in range(999))])
    model.set_weights([RNG.random(w.shape) for w in model.get_weights()])
    saved(model, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert {"layer_names0", "layer_names1"} <= set(file["model_weights"].attrs)
    with pytest.warns(UserWarning, match=NOT_COMPILED):
        other = tinycnn.load_model(tmp_path / "m.h5")
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]
    assert same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize("name", ["a/b", "", ".", "top_level_model_weights"])
def test_names_that_no_group_can_have(name, tmp_path):
    for model in (Sequential([Input((2,)), Dense(2, name=name)]), Sequential([Input((2,)), Dense(2)], name=name)):
        text = f"save_model: expected names that can be those of groups in a .h5 file, received {name!r}. Give it a"
        with (
            pytest.raises(ValueError, match=re.escape(text)),
            pytest.warns(UserWarning, match=LEGACY),
        ):
            model.save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


def test_checkpoints(tmp_path):
    model = trained()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "{epoch}.h5")
    with pytest.warns(UserWarning, match=LEGACY):
        model.fit(X, Y, verbose=0, epochs=2, callbacks=[checkpoint])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.h5", "2.h5"]
    assert same(model.get_weights(), tinycnn.load_model(tmp_path / "2.h5").get_weights())


# Weights alone


def alone(source, target):
    """The file of Keras 2's ``save_weights("x.h5")``: what is in the group of a whole model's weights."""
    with h5py.File(source) as model, h5py.File(target, "w") as file:
        for name in model["model_weights"]:
            model.copy(f"model_weights/{name}", file)
        for name, value in model["model_weights"].attrs.items():
            file.attrs[name] = value
    return target


@pytest.mark.parametrize("ending", [".h5", ".hdf5"])
def test_weights_of_a_whole_model_and_of_weights_alone(ending, tmp_path):
    model = trained()
    saved(model, tmp_path / f"m{ending}")
    for path in (tmp_path / f"m{ending}", alone(tmp_path / f"m{ending}", tmp_path / f"w{ending}")):
        other = trained()
        other.set_weights([w + 1 for w in other.get_weights()])
        other.fit(X, Y, verbose=0)
        other.load_weights(path)
        assert same(model.get_weights(), other.get_weights())
        assert other.optimizer.iterations == 2  # which is no weight: left as it was


def test_layers_are_told_apart_by_their_order(tmp_path):
    model = small()
    saved(model, tmp_path / "m.h5")
    chain = [Input((8, 8, 1)), Conv2D(2, 3, name="dense"), BatchNormalization(name="conv"), MaxPooling2D(), Flatten()]
    other = Sequential([*chain, Dropout(0.5), Dense(3, name="bn")])
    other.load_weights(tmp_path / "m.h5")
    assert same(model.get_weights(), other.get_weights())


def test_weights_that_do_not_fit(tmp_path):
    path = saved(small(), tmp_path / "m.h5")

    def refused(model, text):
        before = model.get_weights()
        with pytest.raises(ValueError, match=re.escape(text)):
            model.load_weights(path)
        assert same(before, model.get_weights())

    chain = [Input((8, 8, 1)), Conv2D(2, 3), BatchNormalization()]
    refused(
        Sequential([*chain]),
        f"load_weights: expected 2 layers with weights, received 3 in {path}. Load it into a model of the same layers.",
    )
    rest = [MaxPooling2D(), Flatten()]
    refused(
        Sequential([*chain, *rest, Dense(3, use_bias=False, name="head")]),
        "load_weights: expected 1 arrays (kernel) for layer 'head', received 2, those of 'dense', in",
    )
    refused(
        Sequential([Input((8, 8, 1)), Conv2D(2, 3), BatchNormalization(), *rest, Dense(4, name="head")]),
        "load_weights: expected kernel of shape (18, 4) and a float dtype for layer 'head', received shape (18, 3) and "
        f"dtype float32, that of 'dense', in {path}.",
    )
    with h5py.File(path, "a") as file:
        file["model_weights/top_level_model_weights"].attrs["weight_names"] = ["x"]
        file["model_weights/top_level_model_weights/x"] = [1.0]
    refused(small(), f"load_weights: expected 3 layers with weights, received 4 in {path}.")
    with h5py.File(path, "a") as file:
        del file["model_weights/conv/small"]
    refused(small(), f"expected a whole HDF5 file of weights, received {path} (it has no 'small/conv/kernel')")


def test_files_that_are_no_models(tmp_path):
    saving.save_weights(small(), tmp_path / "m.weights.h5")
    (tmp_path / "m.weights.h5").rename(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="it has no model_config, so it is no whole model"):
        tinycnn.load_model(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = ["{}", "{}"]
    with pytest.raises(ValueError, match="its attribute 'model_config' is not one text"):
        tinycnn.load_model(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = '{"x": NaN}'
    with pytest.raises(ValueError, match="model_config has NaN where a finite number should be"):
        tinycnn.load_model(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = " " * (2**21 + 1)
    with pytest.raises(ValueError, match="model_config has 2097153 bytes where 2097152 would be many"):
        tinycnn.load_model(tmp_path / "m.h5")


# Keras 2. Its files as it writes them, and what Keras 3.15 makes of them


def named(class_name, **config):
    return {"class_name": class_name, "config": config}


def keras_2_layers():
    def common(name):
        return {"name": name, "trainable": True, "dtype": "float32"}

    weights = {
        "use_bias": True,
        "kernel_initializer": named("GlorotUniform", seed=None),
        "bias_initializer": named("Zeros"),
        "kernel_regularizer": named("L2", l2=0.01),
        **dict.fromkeys(["bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint"]),
    }
    window = {"padding": "valid", "data_format": "channels_last"}
    conv = {"filters": 2, "kernel_size": [3, 3], "strides": [1, 1], **window, "dilation_rate": [1, 1], "groups": 1}
    bn = {"axis": [3], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
    initializers = {"beta": "Zeros", "gamma": "Ones", "moving_mean": "Zeros", "moving_variance": "Ones"}
    bn |= {f"{name}_initializer": named(kind) for name, kind in initializers.items()}
    bn |= dict.fromkeys(["beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"])
    shape = {"batch_input_shape": [None, 8, 8, 1]}
    return [
        named("InputLayer", **shape, dtype="float32", sparse=False, ragged=False, name="conv_input"),
        named("Conv2D", **common("conv"), **shape, **conv, activation="relu", **weights),
        named("BatchNormalization", **common("bn"), **bn),
        named("MaxPooling2D", **common("pool"), pool_size=[2, 2], strides=[2, 2], **window),
        named("Dropout", **common("drop"), rate=0.25, noise_shape=None, seed=None),
        named("Flatten", **common("flat"), data_format="channels_last"),
        named("Dense", **common("dense"), units=3, activation="softmax", **weights),
    ]


ADAM = {"name": "Adam", "learning_rate": 0.002, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False}
ADAM_2_11 = {**ADAM, "weight_decay": None, "clipnorm": None, "jit_compile": True, "is_legacy_optimizer": False}
ARRAYS = {
    "conv": {"kernel:0": (3, 3, 1, 2), "bias:0": (2,)},
    "bn": dict.fromkeys(("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"), (2,)),
    "dense": {"kernel:0": (18, 3), "bias:0": (3,)},
}
SLOTS = [
    (f"Adam/{slot}/{layer}/{name}", shape)
    for layer, several in ARRAYS.items()
    for name, shape in several.items()
    if "moving" not in name
    for slot in "mv"
]


def keras_2_file(path, model_config=None, optimizer=(), **training):
    """A file as tf.keras 2 writes it; returns its weights in order. ``training`` changes the training_config."""
    rng = np.random.default_rng(0)
    config = model_config or named("Sequential", name="sequential", layers=keras_2_layers())
    compiled = {
        "loss": "sparse_categorical_crossentropy",
        "metrics": [[named("MeanMetricWrapper", name="accuracy", dtype="float32", fn="sparse_categorical_accuracy")]],
        "weighted_metrics": None,
        "loss_weights": None,
        "optimizer_config": named("Adam", **ADAM, decay=0.0),
        **training,
    }
    arrays = []
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.10.0", "tensorflow"
        file.attrs["model_config"], file.attrs["training_config"] = json.dumps(config), json.dumps(compiled)
        group = file.create_group("model_weights")
        layers = [layer["config"]["name"] for layer in keras_2_layers()[1:]]
        group.attrs["layer_names"] = np.array([name.encode() for name in layers])
        for layer in layers:
            names = [f"{layer}/{name}" for name in ARRAYS.get(layer, {})]
            group.create_group(layer).attrs["weight_names"] = [name.encode() for name in names]
            for name, shape in zip(names, ARRAYS.get(layer, {}).values(), strict=True):
                arrays.append(rng.random(shape, "float32"))
                group[layer][name] = arrays[-1]
        if optimizer:
            group = file.create_group("optimizer_weights")
            group.attrs["weight_names"] = np.array([name.encode() for name, _ in optimizer])
            for name, value in optimizer:
                group[name] = value
    return arrays


def edited(**changes):
    """The model_config with other arguments of layers: ``conv={"padding": "same"}``."""
    layers = keras_2_layers()
    for layer in layers:
        layer["config"].update(changes.get(layer["config"]["name"], {}))
    return named("Sequential", name="sequential", layers=layers)


def without_input_layer():
    layers = keras_2_layers()[1:]
    del layers[0]["config"]["batch_input_shape"]
    return named("Sequential", name="sequential", layers=layers, build_input_shape=[None, 8, 8, 1])


def functional():
    layers, before = [], None
    for layer in keras_2_layers():
        name = layer["config"]["name"]
        layers.append({**layer, "name": name, "inbound_nodes": [[[before, 0, 0, {}]]] if before else []})
        before = name
    ends = {"input_layers": [["conv_input", 0, 0]], "output_layers": [["dense", 0, 0]]}
    return named("Functional", name="model", layers=layers, **ends)


KERAS_2 = {
    "as it is": {},
    "functional": {"model_config": functional()},
    "functional of Keras 2.2": {"model_config": {**functional(), "class_name": "Model"}},
    "built": {"model_config": without_input_layer()},
    "a tuple": {"model_config": edited(conv={"kernel_size": {"class_name": "__tuple__", "items": [3, 3]}})},
    "axis as a number": {"model_config": edited(bn={"axis": 3})},
    "accuracy": {"metrics": ["accuracy"]},
    "metrics by outputs": {"metrics": {"dense": ["acc"]}},
    "no metrics": {"metrics": None},
    "losses in a list": {"loss": ["sparse_categorical_crossentropy"]},
    "a loss": {
        "loss": named("SparseCategoricalCrossentropy", reduction="sum_over_batch_size", name="loss", from_logits=True)
    },
    "sgd": {"optimizer_config": named("SGD", name="SGD", learning_rate=0.01, decay=0.0, momentum=0.5, nesterov=False)},
    "a name of Keras 2.11": {"optimizer_config": named("Custom>Adam", **ADAM_2_11)},
    "no weight decay": {"optimizer_config": named("Adam", **ADAM, weight_decay=False)},
}  # fmt: skip


@pytest.mark.parametrize("case", KERAS_2)
def test_files_of_keras_2(case, tmp_path):
    arrays = keras_2_file(tmp_path / "m.h5", **KERAS_2[case])
    model = tinycnn.load_model(tmp_path / "m.h5")
    assert same(model.get_weights(), arrays)
    assert model.compiled
    assert isinstance(model.loss, losses.SparseCategoricalCrossentropy)
    figures = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(figures) == {"no metrics": ["loss"], "metrics by outputs": ["acc", "loss"]}.get(
        case, ["accuracy", "loss"]
    )


@pytest.mark.keras
@pytest.mark.parametrize("case", KERAS_2)
def test_keras_reads_these_files_too(keras, case, tmp_path):
    keras_2_file(tmp_path / "m.h5", **KERAS_2[case])
    mine, theirs = tinycnn.load_model(tmp_path / "m.h5"), keras.models.load_model(tmp_path / "m.h5")
    assert same(mine.get_weights(), theirs.get_weights())
    np.testing.assert_allclose(mine.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert type(mine.optimizer).__name__ == type(theirs.optimizer).__name__
    if "Custom>" not in json.dumps(KERAS_2[case]):  # of which Keras 3 keeps nothing but the name
        assert mine.optimizer.learning_rate == pytest.approx(float(theirs.optimizer.learning_rate))


def test_files_of_keras_2_that_keras_3_refuses_are_read_too(tmp_path):
    """Words for what has no effect here, or for what is the default."""
    first = named("Sequential", name="s", layers=keras_2_layers()[1:])  # its shape is in its first layer alone
    auto = named("SparseCategoricalCrossentropy", reduction="auto", name="loss", from_logits=False)
    for i, changes in enumerate(
        [{"model_config": first}, {"loss": auto}, {"optimizer_config": named("Adam", **ADAM_2_11)}]
    ):
        arrays = keras_2_file(tmp_path / f"{i}.h5", **changes)
        model = tinycnn.load_model(tmp_path / f"{i}.h5")
        assert same(model.get_weights(), arrays)
        assert model.optimizer.learning_rate == 0.002
        assert isinstance(model._figures.identifiers[0][0], SparseCategoricalAccuracy)


def test_the_slope_of_keras_2s_leaky_relu(tmp_path):
    config = edited()
    config["config"]["layers"].insert(2, named("LeakyReLU", name="leaky", trainable=True, dtype="float32", alpha=0.25))
    keras_2_file(tmp_path / "m.h5", config)
    assert tinycnn.load_model(tmp_path / "m.h5").get_layer("leaky").negative_slope == 0.25


def test_the_optimizers_of_keras_2(tmp_path):
    """From 2.11 on they have the state of Keras 3's; the state of those before fits no more, as in Keras 3."""
    values = [(name, RNG.random(shape).astype("f4")) for name, shape in SLOTS]
    state = [("iteration:0", np.int64(7)), ("learning_rate:0", np.float32(0.5)), *values]
    keras_2_file(tmp_path / "m.h5", optimizer=state, optimizer_config=named("Adam", **ADAM_2_11))
    model = tinycnn.load_model(tmp_path / "m.h5")
    assert (model.optimizer.iterations, model.optimizer.learning_rate) == (7, 0.5)
    assert same(saving.weights.optimizer_weights(model)[2:], [value for _, value in values])
    keras_2_file(tmp_path / "m.h5", optimizer=[("iter:0", np.int64(7)), *values[::2], *values[1::2]])
    with pytest.warns(UserWarning, match="^Adam: expected the 14 arrays of its state, received 13, or others"):
        model = tinycnn.load_model(tmp_path / "m.h5")
    assert model.optimizer.iterations == 0
    keras_2_file(tmp_path / "m.h5", optimizer_config=named("Adam", **ADAM, decay=0.1))
    with pytest.warns(UserWarning, match="^load_model: the optimizer's decay is left out: Keras 3 does not have it ei"):
        tinycnn.load_model(tmp_path / "m.h5")


def test_graphs_in_files_of_keras_2(tmp_path):
    config = functional()
    config["config"]["layers"][-1]["inbound_nodes"] = [[["flat", 0, 0, {"training": True}]]]
    keras_2_file(tmp_path / "m.h5", config)
    with pytest.raises(ValueError, match=r"layer 'dense' \(Dense\): expected a call without options, received True"):
        tinycnn.load_model(tmp_path / "m.h5")
    add = {"class_name": "Add", "name": "sum", "config": {"name": "sum"}}
    add["inbound_nodes"] = [[["dense", 0, 0, {}], ["dense", 0, 0, {}]]]
    config["config"]["layers"][-1]["inbound_nodes"] = [[["flat", 0, 0, {}]]]
    config["config"]["layers"].append(add)
    config["config"]["output_layers"] = [["sum", 0, 0]]
    keras_2_file(tmp_path / "m.h5", config)
    model = tinycnn.load_model(tmp_path / "m.h5")
    assert [model.layers[s].name for s in model._sources[-1]] == ["dense", "dense"]

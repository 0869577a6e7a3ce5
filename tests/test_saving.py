"""Weights files: whole or not at all, checked before use, and the same as Keras's."""

import os
import re
import stat

import h5py
import numpy as np
import pytest
from archives import copied

from tinycnn import models, saving
from tinycnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, LeakyReLU, MaxPooling2D
from tinycnn.sequential import Sequential


def small(units=3, with_dropout=True):
    layers = [
        Input((8, 8, 1)),
        Conv2D(2, 3, activation="relu", name="a name of my own"),
        BatchNormalization(scale=False),
        MaxPooling2D(),
        *([Dropout(0.3)] if with_dropout else []),
        Conv2D(4, 2, use_bias=False),
        LeakyReLU(),
        Flatten(),
        Dense(5),
        Dense(units, activation="softmax"),
    ]
    return Sequential(layers)


def filled(model, seed):
    """The model with random numbers in every array, moving statistics included."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


def same(weights, others):
    return all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


@pytest.mark.parametrize("make", [small, models.plain, models.dropout, models.batch_normalization])
def test_round_trip_is_exact(make, tmp_path):
    model, other = filled(make(), 1), filled(make(), 2)
    saving.save_weights(model, tmp_path / "m.weights.h5")
    before = other.get_weights()
    saving.load_weights(other, tmp_path / "m.weights.h5")
    assert same(model.get_weights(), other.get_weights())
    assert not same(before, other.get_weights())
    x = np.random.default_rng(3).random((4, *model.input_shape[1:]))
    np.testing.assert_array_equal(model.forward(x), other.forward(x))


def test_layout_is_by_class_and_order(tmp_path):
    model = filled(small(), 1)
    saving.save_weights(model, str(tmp_path / "m.weights.h5"))
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert set(file) == {"layers", "vars"}
        assert file["vars"].attrs["name"] == model.name
        sizes = {name: len(group["vars"]) for name, group in file["layers"].items()}
        names = {name: group["vars"].attrs["name"] for name, group in file["layers"].items()}
        np.testing.assert_array_equal(file["layers/dense_1/vars/1"][()], model.layers[-1].bias.value)
        np.testing.assert_array_equal(file["layers/batch_normalization/vars/2"][()], model.layers[1].moving_variance)
    assert sizes == {
        "conv2d": 2,
        "batch_normalization": 3,
        "max_pooling2d": 0,
        "dropout": 0,
        "conv2d_1": 1,
        "leaky_re_lu": 0,
        "flatten": 0,
        "dense": 2,
        "dense_1": 2,
    }
    assert names["conv2d"] == "a name of my own"
    assert names["dense_1"] == model.layers[-1].name


def test_layers_without_weights_do_not_count(tmp_path):
    model, other = filled(small(), 1), filled(small(with_dropout=False), 2)
    saving.save_weights(model, tmp_path / "m.weights.h5")
    saving.load_weights(other, tmp_path / "m.weights.h5")
    assert same(model.get_weights(), other.get_weights())


def test_float64_weights_are_kept_whole(tmp_path):
    def make():
        return Sequential([Input((3,)), Dense(2)], dtype="float64")

    model, other = filled(make(), 1), filled(make(), 2)
    saving.save_weights(model, tmp_path / "m.weights.h5")
    saving.load_weights(other, tmp_path / "m.weights.h5")
    assert model.layers[0].kernel.value.dtype == np.float64
    assert same(model.get_weights(), other.get_weights())


def test_more_than_ten_arrays_keep_their_order(tmp_path):
    class Many(Dense):
        def _build(self, input_shape, rng):
            shape = super()._build(input_shape, rng)
            for i in range(12):
                self._add_parameter(f"p{i}", np.full(2, i, "float32"))
            return shape

    def make():
        return Sequential([Input((3,)), Many(2)])

    model, other = make(), filled(make(), 2)
    saving.save_weights(model, tmp_path / "m.weights.h5")
    saving.load_weights(other, tmp_path / "m.weights.h5")
    assert [w[0] for w in other.get_weights()[2:]] == list(range(12))


SETTINGS = {
    "the latest version": ({"libver": "latest"}, {}),
    "chunks": ({}, {"chunks": True}),
    "gzip": ({}, {"compression": "gzip", "compression_opts": 9}),
    "gzip in the latest version": ({"libver": "latest"}, {"compression": "gzip", "shuffle": True, "fletcher32": True}),
    "shuffle": ({}, {"chunks": True, "shuffle": True}),
    "fletcher32": ({}, {"fletcher32": True}),
    "order of creation": ({"track_order": True}, {"track_order": True}),
    "user block": ({"userblock_size": 1024}, {}),
    "big-endian": ({}, {"dtype": ">f4"}),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_weights_under_other_settings_of_h5py(setting, tmp_path):
    model, other = filled(small(), 1), filled(small(), 2)
    for each in (model, other):
        each.compile("adam", "mse")
    rng = np.random.default_rng(3)
    model.fit(rng.random((4, 8, 8, 1)), rng.random((4, 3)), verbose=0)
    saving.save_weights(model, tmp_path / "m.weights.h5")
    copied(tmp_path / "m.weights.h5", tmp_path / "c.weights.h5", *SETTINGS[setting])
    assert (tmp_path / "m.weights.h5").read_bytes() != (tmp_path / "c.weights.h5").read_bytes()
    saving.load_weights(other, tmp_path / "c.weights.h5")
    assert same(model.get_weights(), other.get_weights())
    assert other.optimizer.iterations == 1
    assert same(model.optimizer.slots.values(), other.optimizer.slots.values())


def test_a_failure_while_writing_leaves_the_former_file(tmp_path, monkeypatch):
    path = tmp_path / "m.weights.h5"
    saving.save_weights(filled(small(), 1), path)
    before = path.read_bytes()
    model = filled(small(), 2)

    def fail(self):
        raise OSError("no space left")

    monkeypatch.setattr(Dense, "get_weights", fail)  # the first layers are written by then
    with pytest.raises(OSError, match="no space left"):
        saving.save_weights(model, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m.weights.h5"]


def test_replacing_shows_nothing_before_the_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with saving.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_replacing_touches_the_former_file_not_at_all(tmp_path):
    """Whoever has it open reads it to the end: it was renamed away, not written over."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    with open(path) as reader:
        with saving.replacing(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_the_disk_has_the_bytes_before_the_name_and_then_the_name(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def record_fsync(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_replace(source, target):
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    saving.save_weights(small(), tmp_path / "m.weights.h5")
    assert calls == ["file", "rename", "folder"]


def test_replacing_after_an_error_leaves_the_former_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write():
        with saving.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


# Errors


def refuse(model, path, kind, text):
    """Loading must fail with this text and leave every weight as it was."""
    before = model.get_weights()
    with pytest.raises(kind, match=re.escape(text)):
        saving.load_weights(model, path)
    assert same(before, model.get_weights())


@pytest.mark.parametrize("function", [saving.save_weights, saving.load_weights])
def test_paths_are_checked(function, tmp_path):
    who = function.__name__
    ends = ".weights.h5" if who == "save_weights" else ".weights.h5 or .keras or .h5 or .hdf5"
    with pytest.raises(ValueError, match=re.escape(f"{who}: expected a path that ends in {ends},")):
        function(small(), tmp_path / ("m.h5" if who == "save_weights" else "m.npz"))
    with pytest.raises(TypeError, match=re.escape(f"{who}: expected a path, received 3.")):
        function(small(), 3)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("function", [saving.save_weights, saving.load_weights])
def test_a_model_that_is_not_built_is_refused(function, tmp_path):
    model = Sequential([Dense(3)], name="unbuilt")
    text = f"{function.__name__}: expected a model that is built, 'unbuilt' is not. Start it with Input"
    with pytest.raises(RuntimeError, match=re.escape(text)):
        function(model, tmp_path / "m.weights.h5")
    assert os.listdir(tmp_path) == []


def test_saving_into_a_missing_folder(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected a folder to write into, found no .*nowhere\. Make it first\."
    ):
        saving.save_weights(small(), tmp_path / "nowhere" / "m.weights.h5")


def test_loading_a_missing_file(tmp_path):
    path = tmp_path / "m.weights.h5"
    refuse(small(), path, FileNotFoundError, f"load_weights: expected a file of weights, found none at {path}.")


@pytest.mark.parametrize("content", [b"", b"these are no weights", None])
def test_loading_bytes_that_are_not_a_whole_file(content, tmp_path):
    path = tmp_path / "m.weights.h5"
    if content is None:  # a file that was cut off
        saving.save_weights(models.plain(), path)
        content, model = path.read_bytes()[:-1000], models.plain()
    else:
        model = small()
    path.write_bytes(content)
    refuse(model, path, ValueError, f"load_weights: expected a whole HDF5 file of weights, received {path} (")


def test_loading_another_hdf5_file(tmp_path):
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers"] = np.arange(3.0)
    refuse(small(), path, ValueError, f"load_weights: expected a whole HDF5 file of weights, received {path} (")
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
    text = "expected 2 arrays (kernel, bias) for layer 'a name of my own' in layers/conv2d, received 0"
    refuse(small(), path, ValueError, text)


def test_another_shape_names_the_first_layer_that_differs(tmp_path):
    path = tmp_path / "m.weights.h5"
    saving.save_weights(small(units=4), path)
    model = small(units=3)
    text = (
        f"load_weights: expected kernel of shape (5, 3) and a float dtype for layer {model.layers[-1].name!r} in "
        f"layers/dense_1, received shape (5, 4) and dtype float32 in {path}. Load it into a model of the same layers."
    )
    refuse(model, path, ValueError, text)


def test_another_number_of_arrays(tmp_path):
    path = tmp_path / "m.weights.h5"
    saving.save_weights(Sequential([Input((3,)), Dense(2, use_bias=False)]), path)
    model = Sequential([Input((3,)), Dense(2, name="with bias")])
    text = (
        "load_weights: expected 2 arrays (kernel, bias) for layer 'with bias' in layers/dense, "
        f"received 1 in {path}. Load it into a model of the same layers."
    )
    refuse(model, path, ValueError, text)


def test_layers_with_weights_that_the_model_does_not_have(tmp_path):
    path = tmp_path / "m.weights.h5"
    saving.save_weights(models.batch_normalization(), path)
    text = (
        "load_weights: expected the layers of the model, received one more with weights, "
        f"layers/batch_normalization, in {path}."
    )
    refuse(models.plain(), path, ValueError, text)
    saving.save_weights(models.plain(), path)
    model = models.batch_normalization()
    text = f"expected 4 arrays (gamma, beta, moving_mean, moving_variance) for layer {model.layers[1].name!r}"
    refuse(model, path, ValueError, text)


def test_values_that_are_not_floats(tmp_path):
    path = tmp_path / "m.weights.h5"
    model = Sequential([Input((3,)), Dense(2)])
    saving.save_weights(model, path)
    with h5py.File(path, "a") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(2, "int64")
    refuse(model, path, ValueError, "received shape (2,) and dtype int64")


# Keras


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def keras_model(keras, kind):
    """The model of the same name in Keras."""
    la = keras.layers

    def batch_normalization():
        return [la.BatchNormalization()] if kind == "batch_normalization" else []

    def dropout(rate):
        return [la.Dropout(rate)] if kind == "dropout" else []

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            la.Conv2D(32, (3, 3), activation="relu"),
            *batch_normalization(),
            la.MaxPooling2D((2, 2)),
            *dropout(0.25),
            la.Conv2D(64, (3, 3), activation="relu"),
            *batch_normalization(),
            la.MaxPooling2D((2, 2)),
            *dropout(0.25),
            la.Flatten(),
            la.Dense(64, activation="relu"),
            *batch_normalization(),
            *dropout(0.5),
            la.Dense(10, activation="softmax"),
        ]
    )


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["plain", "dropout", "batch_normalization"])
def test_keras_loads_our_file_and_predicts_the_same(keras, kind, tmp_path):
    own = getattr(models, kind)()
    rng = np.random.default_rng(4)
    own.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in own.get_weights()])
    saving.save_weights(own, tmp_path / "m.weights.h5")
    theirs = keras_model(keras, kind)
    theirs.load_weights(tmp_path / "m.weights.h5")
    assert same(own.get_weights(), theirs.get_weights())
    x = rng.random((5, 28, 28, 1), "float32")
    np.testing.assert_allclose(own.forward(x), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.keras
@pytest.mark.parametrize("kind", ["plain", "dropout", "batch_normalization"])
def test_we_load_kerass_file_and_predict_the_same(keras, kind, tmp_path):
    theirs = keras_model(keras, kind)
    theirs.compile("adam", "sparse_categorical_crossentropy")  # so that the optimizer's slots stand in the file too
    rng = np.random.default_rng(5)
    theirs.fit(rng.random((8, 28, 28, 1)), rng.integers(0, 10, 8), verbose=0)
    theirs.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert "optimizer" in file
    own = getattr(models, kind)()
    saving.load_weights(own, tmp_path / "m.weights.h5")
    assert same(own.get_weights(), theirs.get_weights())
    x = rng.random((5, 28, 28, 1), "float32")
    np.testing.assert_allclose(own.forward(x), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.keras
def test_our_file_has_the_groups_and_attributes_of_kerass(keras, tmp_path):
    def tree(path):
        found = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, item: found.update(
                    {
                        name: (
                            getattr(item, "shape", "group"),
                            str(getattr(item, "dtype", "")),
                            sorted(item.attrs),
                        )
                    }
                )
            )
        return found

    keras_model(keras, "batch_normalization").save_weights(tmp_path / "theirs.weights.h5")
    saving.save_weights(models.batch_normalization(), tmp_path / "ours.weights.h5")
    assert tree(tmp_path / "ours.weights.h5") == tree(tmp_path / "theirs.weights.h5")


def test_the_models_own_methods_write_and_read(tmp_path):
    model, other = models.batch_normalization(), models.batch_normalization()
    model.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    assert not np.array_equal(models.batch_normalization().get_weights()[0], model.get_weights()[0])
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(one, two)

"""Files from strangers: whatever is in them, loading gives a model or one clear error, soon, and without much memory.

The limits are those that the project promises: a second, and 200 MB besides what was there. A model that is in memory
keeps every number when a file is refused.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import random
import resource
import struct
import sys
import tracemalloc
import warnings
import zipfile

import h5py
import numpy as np
import pytest
from archives import CONFIG, WEIGHTS, Anything, copied, edited_config, mutated, packed, unpacked
from work import less_than

import tinycnn
from tinycnn.layers import Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input
from tinycnn.sequential import Sequential

SECONDS, BYTES = 1.0, 200 * 2**20
SLOW = pytest.mark.slow

# Settings of h5py under which every structure that the reader knows occurs: of the file, of the arrays.
LATEST = ({"libver": "latest"}, {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True})
PACKED = ({"track_order": True, "userblock_size": 512}, {"chunks": True, "compression": "gzip", "fletcher32": True})


def small():
    """A model of few numbers in which every kind of array occurs, trained a little."""
    chain = [Input((4, 4, 1)), Conv2D(2, 2, name="conv2d"), BatchNormalization(), AveragePooling2D(2, padding="same")]
    model = Sequential([*chain, Dropout(0.5), Flatten(), Dense(2, name="dense")], name="small")
    model.compile("adam", "mse", metrics=["mse"])
    rng = np.random.default_rng(3)
    model.fit(rng.random((4, 4, 4, 1)), rng.random((4, 2)), verbose=0)
    return model


def state(model):
    optimizer = model.optimizer
    arrays = [*model.get_weights(), *(slot.copy() for slot in optimizer.slots.values())]
    return [*arrays, np.array(optimizer.iterations), np.array(optimizer.learning_rate)]


def same(one, two):
    return len(one) == len(two) and all(a.tobytes() == b.tobytes() for a, b in zip(one, two, strict=True))


@contextlib.contextmanager
def within_limits(what):
    """Processor time of what happens inside, and all memory that was asked for, NumPy's included.

    A case of the fuzz tests says what it is; there, the memory of the process is looked at instead, see `growth`.
    """
    if not what:
        tracemalloc.start()
    try:
        with less_than(SECONDS, what):
            yield
        if not what:
            assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


def refusal(call):
    """The error with which a file is refused, or None; every other kind of error fails the test."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return None


def check_message(message, start):
    assert message.startswith(start), message[:1000]
    assert "\n" not in message
    assert len(message) < 1000


def load(path, what=""):
    """The model of a file, or None where it is refused; every other end of it fails the test."""
    with within_limits(what), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an optimizer's state that does not fit
        models = []
        message = refusal(lambda: models.append(tinycnn.load_model(path)))
    if message is None:
        return models[0]
    check_message(message, "load_model: expected a model of layers that tinycnn has, in a whole file, received ")
    return None


def load_weights(model, path, what=""):
    """Whether the weights are loaded; where they are refused, the model is as it was."""
    before = state(model)
    with within_limits(what), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        message = refusal(lambda: model.load_weights(path))
    if message is None:
        return True
    check_message(message, "load_weights: expected ")
    assert same(before, state(model)), f"{what}: refused, but something has changed"
    return False


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model's two files."""
    folder = tmp_path_factory.mktemp("files")
    model = small()
    model.save(folder / "m.keras")
    model.save_weights(folder / "m.weights.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that .h5 is of the past
        model.save(folder / "m.h5")
    for source, target, setting in (
        ("m.weights.h5", "latest.weights.h5", LATEST),
        ("m.h5", "latest.h5", LATEST),
        ("m.h5", "packed.h5", PACKED),
    ):
        copied(folder / source, folder / target, *setting)
    return folder


def refused(path, *words):
    """The file is refused with these words."""
    assert load(path) is None
    with pytest.raises(ValueError, match=r"^load_model: ") as caught:
        tinycnn.load_model(path)
    for word in words:
        assert word in str(caught.value), str(caught.value)


# Fuzzing

HOSTILE_VALUES = [
    *[None, True, False, -1, 0, 1, 2, 3, 10**6, 10**12, -(10**12), 10**400, 0.5, -0.5, 1e-300, 1e300, float("nan")],
    *["", "x", "relu", "float64", "../../etc/passwd", "x" * 100_000, "\0", "é𝄞", [], {}, [None], [[]], [10**9] * 2],
    *[{"class_name": "Lambda", "config": {}}, {"class_name": "HeNormal", "config": {"seed": 1}}, [0] * 10_000],
    json.loads("[" * 100 + "]" * 100),
]  # fmt: skip


def places(value):
    """All places in nested lists and dicts, as (container, key)."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


def mutated_config(config, rng):
    config = copy.deepcopy(config)
    for _ in range(rng.choice([1, 1, 2, 4])):
        everywhere = list(places(config))
        container, key = rng.choice(everywhere)
        kind = rng.randrange(4)
        if kind == 0:
            del container[key]
        elif kind == 1:
            other, place = rng.choice(everywhere)
            container[key] = copy.deepcopy(other[place])
        else:
            container[key] = copy.deepcopy(rng.choice(HOSTILE_VALUES))
    return json.dumps(config).encode()


def mutations(count):
    """The numbers of the mutations, from which each is made: the first eighth, and as a slow test all others."""
    first = pytest.param(range(count // 8), id="first")
    return pytest.mark.parametrize("cases", [first, pytest.param(range(count // 8, count), id="others", marks=SLOW)])


def fresh(path, data):
    """A new file: where an old one is truncated, some file systems wait for the disk each time."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def growth():
    """The process may not grow in all cases together by what is allowed for one."""

    def largest():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    before = largest()
    yield
    assert largest() - before < BYTES


@mutations(3000)
def test_fuzzed_keras_files(files, tmp_path, growth, cases):
    """Every member has a checksum: what loads in spite of a mutation is the very model that was saved."""
    path, loaded = tmp_path / "f.keras", 0
    data, original = (files / "m.keras").read_bytes(), tinycnn.load_model(files / "m.keras")
    for case in cases:
        model = load(fresh(path, mutated(data, random.Random(f"keras {case}"))), f"case {case}")
        if model is not None:
            loaded += 1
            assert model.get_config() == original.get_config(), f"case {case}"
            assert same(state(model), state(original)), f"case {case}"
    assert 0 < loaded < len(cases) / 3


@mutations(2500)
def test_fuzzed_configs(files, tmp_path, growth, cases):
    """Somebody who writes a config of his own writes valid checksums too."""
    path, loaded, members = tmp_path / "f.keras", 0, unpacked(files / "m.keras")
    config = json.loads(members[CONFIG])
    for case in cases:
        path.unlink(missing_ok=True)
        packed(path, {**members, CONFIG: mutated_config(config, random.Random(f"config {case}"))})
        loaded += load(path, f"case {case}") is not None
    assert 0.1 * len(cases) < loaded < 0.9 * len(cases)


@mutations(2000)
def test_fuzzed_weights_inside_of_keras_files(files, tmp_path, growth, cases):
    path, loaded, members = tmp_path / "f.keras", 0, unpacked(files / "m.keras")
    for case in cases:
        path.unlink(missing_ok=True)
        weights = mutated(members[WEIGHTS], random.Random(f"weights {case}"))
        model = load(packed(path, {**members, WEIGHTS: weights}), f"case {case}")
        loaded += model is not None
    assert 0.1 * len(cases) < loaded < 0.9 * len(cases)


@mutations(5000)
def test_fuzzed_weights_files(files, tmp_path, growth, cases):
    """HDF5 has no checksums here: what loads may have other numbers, but arrays of the right shapes."""
    path, loaded, data = tmp_path / "f.weights.h5", 0, (files / "m.weights.h5").read_bytes()
    model = small()
    for case in cases:
        fresh(path, mutated(data, random.Random(f"h5 {case}")))
        loaded += load_weights(model, path, f"case {case}")
    assert 0.1 * len(cases) < loaded < 0.9 * len(cases)
    model.load_weights(files / "m.weights.h5")
    *expected, learning_rate = state(tinycnn.load_model(files / "m.keras"))
    assert same(state(model)[:-1], expected)
    assert np.float32(model.optimizer.learning_rate) == np.float32(learning_rate)


@mutations(700)
@pytest.mark.parametrize("name", ["m.h5", "packed.h5", "latest.h5"])
def test_fuzzed_models_in_h5_files(files, tmp_path, growth, name, cases):
    path, loaded, data = tmp_path / "f.h5", 0, (files / name).read_bytes()
    for case in cases:
        fresh(path, mutated(data, random.Random(f"{name} {case}")))
        loaded += load(path, f"case {case}") is not None
    assert 0.04 * len(cases) < loaded < 0.9 * len(cases)


@mutations(700)
@pytest.mark.parametrize("name", ["m.h5", "latest.h5", "latest.weights.h5"])
def test_fuzzed_weights_files_of_other_settings(files, tmp_path, growth, name, cases):
    path, loaded, data = tmp_path / ("f.h5" if name[1:] == ".h5" else f"f.{name[7:]}"), 0, (files / name).read_bytes()
    model = small()
    for case in cases:
        fresh(path, mutated(data, random.Random(f"weights {name} {case}")))
        loaded += load_weights(model, path, f"case {case}")
    assert 0.04 * len(cases) < loaded < 0.95 * len(cases)


@mutations(1000)
@pytest.mark.parametrize("name", ["latest.h5", "packed.h5"])
def test_fuzzed_files_whose_checksums_are_right(files, tmp_path, growth, name, cases, monkeypatch):
    """Somebody who writes a file of his own writes valid checksums too: here none are looked at."""
    monkeypatch.setattr("tinycnn.saving.hdf5.source.lookup3", lambda data: Anything())
    monkeypatch.setattr("tinycnn.saving.hdf5.chunks.fletcher32", lambda data: Anything())
    path, loaded, data = tmp_path / "f.h5", 0, (files / name).read_bytes()
    for case in cases:
        fresh(path, mutated(data, random.Random(f"right {name} {case}")))
        loaded += load(path, f"case {case}") is not None
    assert 0.03 * len(cases) < loaded < 0.9 * len(cases)


@mutations(800)
def test_fuzzed_texts_of_h5_files(files, tmp_path, growth, cases):
    """model_config and training_config, mutated as values."""
    path, loaded, data = tmp_path / "f.h5", 0, (files / "m.h5").read_bytes()
    with h5py.File(files / "m.h5") as file:
        texts = {name: json.loads(file.attrs[name]) for name in ("model_config", "training_config")}
    for case in cases:
        rng = random.Random(f"texts {case}")
        name = rng.choice(["model_config", "training_config"])
        stream = io.BytesIO(data)
        with h5py.File(stream, "a") as file:
            file.attrs[name] = mutated_config(texts[name], rng).decode()
        fresh(path, stream.getbuffer())
        loaded += load(path, f"case {case}") is not None
    assert 0.1 * len(cases) < loaded < 0.9 * len(cases)


def test_a_flipped_bit_anywhere_in_the_weights_of_a_keras_file_is_found(files, tmp_path):
    data = bytearray((files / "m.keras").read_bytes())
    start = data.index(b"\x89HDF")
    for i in range(start, start + len(unpacked(files / "m.keras")[WEIGHTS]), 293):
        data[i] ^= 1 << (i % 8)
        assert load(fresh(tmp_path / "f.keras", data)) is None, f"byte {i}"
        data[i] ^= 1 << (i % 8)


# Malicious archives


@pytest.mark.parametrize("member", [CONFIG, WEIGHTS])
def test_zip_bombs(files, tmp_path, member):
    """A quarter of a gigabyte of zeros in a quarter of a megabyte."""
    members = {name: data for name, data in unpacked(files / "m.keras").items() if name != member}
    with zipfile.ZipFile(tmp_path / "b.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        with archive.open(member, "w", force_zip64=True) as stream:
            for _ in range(256):
                stream.write(bytes(2**20))
    assert (tmp_path / "b.keras").stat().st_size < 2**19
    refused(tmp_path / "b.keras", f"{member} is compressed, which Keras never does")


def test_a_size_that_is_claimed_but_not_there(files, tmp_path):
    """The directory says that the weights have four gigabytes."""
    data = (files / "m.keras").read_bytes()
    place = data.rindex(WEIGHTS.encode()) - 46  # its entry in the directory
    claimed = bytearray(data)
    claimed[place + 20 : place + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    (tmp_path / "c.keras").write_bytes(claimed)
    refused(tmp_path / "c.keras", f"{WEIGHTS} has 4294967294 bytes where {len(data)} would be many")


def test_a_million_members(tmp_path):
    """Their directory alone would fill the memory: it is not read."""
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", *[20] * 2, *[0] * 4, *[0] * 3, 1, *[0] * 4, *[0] * 2) + b"x"
    directory = entry * 10**6
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, len(directory), 0, 0)
    (tmp_path / "m.keras").write_bytes(directory + end)
    refused(tmp_path / "m.keras", "it is not a zip file of three members")
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)  # of a directory with sizes of 64 bits
    (tmp_path / "m.keras").write_bytes(directory + locator + end[:12] + bytes(8) + end[20:])
    refused(tmp_path / "m.keras", "it is not a zip file of three members")


def test_paths_that_climb_out_write_nothing(files, tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    members = unpacked(files / "m.keras")
    path = packed(
        folder / "m.keras", {**members, "../evil.txt": b"x", "/tmp/evil.txt": b"x", "assets/../../evil": b"x"}
    )
    assert load(path) is not None
    assert os.listdir(tmp_path) == ["inner"]
    assert os.listdir(folder) == ["m.keras"]


def test_members_that_are_missing(files, tmp_path):
    members = unpacked(files / "m.keras")
    for member in (CONFIG, WEIGHTS):
        path = packed(tmp_path / "m.keras", {name: data for name, data in members.items() if name != member})
        refused(path, f"There is no item named '{member}' in the archive")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + bytes(18), b"not a zip file" * 100, bytes(10_000)])
def test_other_files(tmp_path, content):
    (tmp_path / "m.keras").write_bytes(content)
    refused(tmp_path / "m.keras", "Save the model anew.")
    (tmp_path / "m.weights.h5").write_bytes(content)
    assert not load_weights(small(), tmp_path / "m.weights.h5")


def test_large_files_of_nothing(tmp_path):
    """Ten gigabytes, all zeros, which a file system stores as nothing."""
    for name in ("m.keras", "m.weights.h5"):
        with open(tmp_path / name, "wb") as stream:
            stream.truncate(10 * 2**30)
    refused(tmp_path / "m.keras", "it is not a zip file of three members")
    assert not load_weights(small(), tmp_path / "m.weights.h5")


def test_weights_that_are_far_too_large(files, tmp_path):
    members = unpacked(files / "m.keras")
    path = packed(tmp_path / "m.keras", {**members, WEIGHTS: members[WEIGHTS] + bytes(64 * 2**20)})
    refused(path, f"{WEIGHTS} has", "bytes where", "would be many")


# Malicious configs


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "",
        "null",
        "3",
        "[]",
        "{}",
        '{"class_name": "Sequential"}',
        "{'class_name': 'Sequential'}",
        "\ud800".encode("utf-16", "surrogatepass"),
        b"\xff\xfe\xfd",
        "1" * 100_000,
        "[" + "[]," * 10**6 + "[]]",
        " " * (2**22 + 1),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_json_that_is_no_model(files, tmp_path, text):
    refused(packed(tmp_path / "m.keras", {**unpacked(files / "m.keras"), CONFIG: text}))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_numbers_that_are_not_finite(files, tmp_path, number):
    members = unpacked(files / "m.keras")
    config = members[CONFIG].replace(b'"momentum": 0.99', b'"momentum": ' + number.encode())
    assert config != members[CONFIG]
    refused(
        packed(tmp_path / "m.keras", {**members, CONFIG: config}), "config.json has", "where a finite number should be"
    )


@pytest.mark.parametrize(
    ("layer", "argument", "value", "words"),
    [
        (1, "filters", 10**12, "expected no more weights than the file holds, received an array of shape (2, 2, 1, 10"),
        (1, "filters", -1, "Conv2D: expected filters to be a positive whole number, received -1."),
        (1, "filters", 2.5, "received 2.5"),
        (1, "kernel_size", [10**9, 10**9], "expected a window that fits into the image"),
        (1, "kernel_size", [1, 1, 1], "expected kernel_size to be a positive whole number or two of them"),
        (1, "strides", [0, 0], "expected strides to be"),
        (1, "groups", 0, "expected groups to be"),
        (1, "activation", "__import__('os').system('true')", "activation: expected one of"),
        (1, "kernel_initializer", {"class_name": "eval", "config": {}}, "initializer: expected one of"),
        (1, "kernel_regularizer", {"class_name": "L2", "config": {"l2": -1}}, "L2: expected l2 >= 0, received -1."),
        (2, "momentum", 10**400, "BatchNormalization: expected a momentum from 0 to 1"),
        (2, "epsilon", "0.1", "'<' not supported"),
        (3, "pool_size", [10**9, 10**9], ""),
        (4, "rate", 2, "Dropout: expected a rate from 0 to 1, received 2."),
        (4, "noise_shape", [1], "expected a noise_shape of 4 sizes"),
        (6, "units", 10**9, "expected no more weights than the file holds, received an array of shape (8, 1000000000)"),
        (6, "name", "x" * 10**6, ""),
        (6, "name", 3, "expected name to be a string, received 3"),
        (6, "dtype", "int8", "expected dtype 'float32' or 'float64', received 'int8'"),
        (6, "units", "9" * 10**6, "expected units to be a positive whole number"),
        (0, "batch_shape", [None, 10**6, 10**6, 1], "expected images of 8388608 pixels at most, received 10000000"),
        (0, "batch_shape", [None, 4, 4, 10**15], "expected no more weights than the file holds"),
        (0, "batch_shape", [None, None, 4, 1], "expected the shape of one sample, all sizes positive"),
        (0, "batch_shape", [None, -4, 4, 1], "expected the shape of one sample, all sizes positive"),
        (0, "batch_shape", 7, "not iterable"),
    ],
)  # fmt: skip
def test_arguments_of_layers(files, tmp_path, layer, argument, value, words):
    def edit(config):
        config["config"]["layers"][layer]["config"][argument] = value

    path = edited_config(files / "m.keras", tmp_path / "m.keras", edit)
    model = load(path)
    if words:
        assert model is None
        refused(path, words)


def test_layers_that_grow_images(files, tmp_path):
    """Images that are only passed on take nothing, but nobody trains on these."""

    def entry(class_name, **config):
        return {"class_name": class_name, "config": {"name": f"l{len(config)}{class_name}", **config}}

    def edit(config):
        grow = [entry("ZeroPadding2D", padding=10**8), entry("AveragePooling2D", pool_size=1)]
        config["config"]["layers"][1:1] = grow

    refused(edited_config(files / "m.keras", tmp_path / "m.keras", edit), "expected images of 8388608 pixels at most")

    def reshape(config):
        layers = [
            entry("InputLayer", batch_shape=[None, 1, 1, 10**12]),
            entry("Reshape", target_shape=[10**6, 10**6, 1]),
        ]
        config["config"]["layers"] = [*layers, entry("AveragePooling2D", pool_size=1)]

    refused(
        edited_config(files / "m.keras", tmp_path / "m.keras", reshape), "expected images of 8388608 pixels at most"
    )


LAYERS_WITHOUT_WEIGHTS = {
    "AveragePooling2D": {"pool_size": 1, "strides": 1, "padding": "same"},
    "MaxPooling2D": {"pool_size": 3, "strides": 1, "padding": "same"},
    "ZeroPadding2D": {"padding": 1},
    "Conv2D": {"filters": 1, "kernel_size": 1, "padding": "same"},
    "Cropping2D": {"cropping": 0},
    "Rescaling": {"scale": 2.0},
    "Normalization": {},
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.5},
    "RandomContrast": {"factor": 0.5},
    "Dropout": {"rate": 0.5, "noise_shape": [1, 1, 1, 1]},
    "BatchNormalization": {},
    "Reshape": {"target_shape": [-1, 1, 1]},
    "Activation": {"activation": "relu"},
    "GaussianNoise": {"stddev": 0.5},
    "LayerNormalization": {"axis": [1, 2, 3]},
    "LeakyReLU": {},
    "PReLU": {},
    "ReLU": {},
    "Softmax": {},
}


@pytest.mark.parametrize("shape", [[2800, 2900, 1], [1, 8_000_000, 1], [8_000_000, 1, 1]])
@pytest.mark.parametrize("kind", LAYERS_WITHOUT_WEIGHTS)
def test_layers_hold_nothing_of_the_size_of_their_images(files, tmp_path, kind, shape):
    """A file of some kilobytes: a hundred layers, one after the other, each for eight million pixels in float64."""

    def edit(config):
        layers = [
            {"class_name": kind, "config": {"name": f"l{i}", "dtype": "float64", **LAYERS_WITHOUT_WEIGHTS[kind]}}
            for i in range(2 if kind == "ZeroPadding2D" else 100)
        ]
        config["config"] = {
            "name": "m",
            "layers": [{"class_name": "InputLayer", "config": {"batch_shape": [None, *shape]}}],
        }
        config["config"]["layers"] += layers
        config["build_config"] = config["compile_config"] = None

    path = edited_config(files / "m.keras", tmp_path / "m.keras", edit)
    tracemalloc.start()
    with contextlib.suppress(ValueError):  # the weights of another model
        tinycnn.load_model(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 8 * 2**20


def test_large_images_that_are_only_passed_on_are_no_harm(tmp_path):
    model = Sequential([Input((2000, 2000, 1)), *(Activation("relu", name=f"a{i}") for i in range(50))])
    model.save(tmp_path / "m.keras")
    assert load(tmp_path / "m.keras").output_shape == (None, 2000, 2000, 1)


def test_a_models_name_is_a_string(files, tmp_path):
    def edit(config):
        config["config"]["name"] = ["x"]

    path = edited_config(files / "m.keras", tmp_path / "m.keras", edit)
    refused(path, "expected the model's name to be a string, received ['x']. Name it.")


def test_fifty_thousand_layers(files, tmp_path):
    def edit(config):
        config["config"]["layers"] = [{"class_name": "ReLU", "config": {}}] * 50_000

    refused(
        edited_config(files / "m.keras", tmp_path / "m.keras", edit), "expected at most 1000 layers, received 50000"
    )


def test_nothing_in_a_file_is_run(files, tmp_path):
    """Python tells a hook about every import, exec, unpickling, process and file that is opened to write."""
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    hostile = [
        {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": "os>system"},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "a", "function": code}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"name": "a", "module": "x.pt"}},
        {
            "module": "my.package",
            "class_name": "Dense",
            "config": {"name": "a", "units": 2},
            "registered_name": "my>Dense",
        },
        {"module": "keras.layers", "class_name": "Activation", "config": {"name": "a", "activation": code}},
        {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
        {"module": "builtins", "class_name": "dict", "config": {}},
    ]
    paths = []
    for i, entry in enumerate(hostile):

        def edit(config, entry=entry):
            config["config"]["layers"].append(entry)
            config["compile_config"]["loss"] = entry

        def edit_texts(file, entry=entry):
            config, training = json.loads(file.attrs["model_config"]), json.loads(file.attrs["training_config"])
            config["config"]["layers"].append(entry)
            training["loss"] = training["optimizer_config"] = entry
            file.attrs["model_config"], file.attrs["training_config"] = json.dumps(config), json.dumps(training)

        paths.append(edited_config(files / "m.keras", tmp_path / f"{i}.keras", edit))
        paths.append(h5_with(files, tmp_path / f"{i}.h5", edit_texts))
    events, listening = [], False

    def hook(event, arguments):
        if listening and (
            event
            in ("import", "exec", "compile", "pickle.find_class", "os.system", "subprocess.Popen", "marshal.loads")
            or (event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
        ):
            events.append((event, str(arguments)[:100]))

    sys.addaudithook(hook)  # for good; it does nothing any more afterwards
    whole = [files / name for name in ("m.keras", "m.h5", "packed.h5", "latest.h5")]
    for path in [*whole, *paths]:
        with contextlib.suppress(ValueError):
            tinycnn.load_model(path)  # what is imported once and for all is imported now
    listening = True
    names = {tinycnn.load_model(path).name for path in whole}
    for path in paths:
        with pytest.raises(ValueError, match="load_model: expected a model of layers that tinycnn has"):
            tinycnn.load_model(path)
    listening = False
    assert events == []
    assert names == {"small"}


# Malicious weights, and whole models in .h5 files


def h5_with(files, target, change):
    """A copy of the model's ``.h5`` file after ``change(file)``."""
    stream = io.BytesIO((files / "m.h5").read_bytes())
    with h5py.File(stream, "a") as file:
        change(file)
    target.write_bytes(stream.getbuffer())
    return target


def test_names_that_name_the_same_array_without_end(files, tmp_path):
    """Four thousand layers of four thousand arrays each, if one believes the names."""

    def change(file):
        file["model_weights"].attrs["layer_names"] = [b"dense"] * 4000
        file["model_weights/dense"].attrs["weight_names"] = (
            list(file["model_weights/dense"].attrs["weight_names"]) * 2000
        )

    refused(h5_with(files, tmp_path / "m.h5", change), "its layer_names name the same thing twice")


def test_a_model_that_is_larger_than_its_compressed_file(files, tmp_path):
    """Weights that are all zero take no place in a file: two million are believed, whatever its size, not more."""

    def change(file, units):
        with_units = file.attrs["model_config"].replace('"units": 2', f'"units": {units}')
        assert with_units != file.attrs["model_config"]
        file.attrs["model_config"] = with_units
        paths = file["model_weights/dense"].attrs["weight_names"]
        for path, shape in zip(paths, [(8, units), (units,)], strict=True):
            del file["model_weights/dense"][path]
            zeros = np.zeros(shape, "f4")
            file["model_weights/dense"].create_dataset(
                path, data=zeros, compression="gzip", chunks=(*shape[:-1], 10_000)
            )

    path = h5_with(files, tmp_path / "m.h5", lambda file: change(file, 200_000))
    assert path.stat().st_size < 2**17
    with pytest.warns(UserWarning, match="arrays of its state"):
        assert tinycnn.load_model(path).count_params() > 1_800_000
    assert load(path) is not None
    path = h5_with(files, tmp_path / "m.h5", lambda file: change(file, 300_000))
    refused(path, "expected no more weights than the file holds, received an array of shape (8, 300000)")


def rewritten(files, write):
    """The bytes of the weights file after ``write(file)`` has changed something by h5py."""
    stream = io.BytesIO((files / "m.weights.h5").read_bytes())
    with h5py.File(stream, "a") as file:
        write(file)
    return stream.getvalue()


def exchange(path, **dataset):
    def write(file):
        del file[path]
        file.create_dataset(path, **dataset)

    return write


def link(path, to):
    def write(file):
        del file[path]
        file[path] = to

    return write


KERNEL = "layers/dense/vars/0"
HOSTILE_HDF5 = {
    "a huge shape": exchange(KERNEL, shape=(10**9, 10**9)),
    "a huge shape in chunks": exchange(KERNEL, shape=(10**6, 10**6), chunks=(1, 1)),
    "compressed zeros": exchange(KERNEL, data=np.zeros((1000, 1000)), compression="gzip"),
    "another file": exchange(KERNEL, shape=(8, 2), dtype="f4", external=[("/etc/passwd", 0, 64)]),
    "a soft link": link(KERNEL, h5py.SoftLink("/layers/conv2d/vars/0")),
    "an external link": link(KERNEL, h5py.ExternalLink("/etc/passwd", "/x")),
    "a group that links to itself": link("layers/dense/vars", h5py.SoftLink("/layers/dense")),
    "references": exchange(KERNEL, shape=(8, 2), dtype=h5py.ref_dtype),
    "strings": exchange(KERNEL, data=["a" * 10**6] * 16, dtype=h5py.string_dtype()),
    "integers": exchange(KERNEL, data=np.zeros((8, 2), "int64")),
    "complex numbers": exchange(KERNEL, data=np.zeros((8, 2), "complex64")),
    "records": exchange(KERNEL, data=np.zeros((8, 2), [("a", "f4")])),
    "another shape": exchange(KERNEL, data=np.zeros((2, 8), "f4")),
    "a group for an array": lambda file: (file.__delitem__(KERNEL), file.create_group(KERNEL)),
    "an array for a group": lambda file: (file.__delitem__("layers"), file.create_dataset("layers", data=[1.0])),
    "no number": lambda file: file.move(KERNEL, "layers/dense/vars/kernel"),
    "one array more": lambda file: file.create_dataset("layers/dense/vars/2", data=[1.0]),
    "one layer more": lambda file: file.create_dataset("layers/lstm/vars/0", data=[1.0]),
    "one layer less": lambda file: file.__delitem__("layers/dense"),
    "steps before the first": exchange("optimizer/vars/0", data=np.int64(-1)),
    "a rate that is no number": exchange("optimizer/vars/1", data=np.float32("nan")),
    "a rate without end": exchange("optimizer/vars/1", data=np.float32("inf")),
    "a rate below zero": exchange("optimizer/vars/1", data=np.float32(-1)),
}


LAYERS_BY_NUMBER = {  # what does not concern that kernel
    *("an array for a group", "no number", "one array more", "one layer more", "one layer less"),
    *("a group that links to itself", "steps before the first", "a rate that is no number", "a rate without end"),
    "a rate below zero",
}
IN_H5 = {
    "one array more": lambda file: file.create_dataset("model_weights/dense/x", data=[1.0]),
    "another order": lambda file: file["model_weights"].attrs.__setitem__("layer_names", ["dense", "conv2d"]),
    "layers that are numbers": lambda file: file["model_weights"].attrs.__setitem__("layer_names", [1, 2]),
    "a path that climbs out": lambda file: file["model_weights/dense"].attrs.__setitem__(
        "weight_names", ["../x", "/y"]
    ),
    "no names": lambda file: file["model_weights"].attrs.__delitem__("layer_names"),
    "no weights": lambda file: file.__delitem__("model_weights"),
    "an array for a group": lambda file: (
        file.__delitem__("model_weights"),
        file.create_dataset("model_weights", data=1),
    ),
    "no model": lambda file: file.attrs.__delitem__("model_config"),
    "a model that is a number": lambda file: file.attrs.__setitem__("model_config", 3.0),
    "a model of bytes": lambda file: file.attrs.__setitem__("model_config", np.void(b"\xff" * 100)),
    "a model that is a list": lambda file: file.attrs.__setitem__("model_config", "[]"),
    "no layers": lambda file: file.attrs.__setitem__("model_config", '{"class_name": "Sequential", "config": {}}'),
    "brackets": lambda file: file.attrs.__setitem__("model_config", "[" * 100_000),
    "training that is a list": lambda file: file.attrs.__setitem__("training_config", "[]"),
    "brackets for training": lambda file: file.attrs.__setitem__("training_config", "[" * 100_000),
}
HARMLESS = {"one array more"}  # nobody asks for it


@pytest.mark.parametrize("name", IN_H5)
def test_models_in_h5_files_that_are_not_as_they_should_be(files, tmp_path, name):
    path = h5_with(files, tmp_path / "m.h5", IN_H5[name])
    assert (load(path) is None) == (name not in HARMLESS)


@pytest.mark.parametrize("name", [name for name in HOSTILE_HDF5 if name not in LAYERS_BY_NUMBER])
def test_arrays_of_models_in_h5_files(files, tmp_path, name):
    """What a hostile weights file has in the place of a kernel, in the place of the kernel of a whole model."""
    data = rewritten(files, HOSTILE_HDF5[name])
    own = "layers/dense/vars/0"
    source = h5py.File(io.BytesIO(data))

    def change(file):
        (path, _) = file["model_weights/dense"].attrs["weight_names"]
        del file[f"model_weights/dense/{path}"]
        link = source.get(own, getlink=True)
        if isinstance(link, h5py.HardLink):
            source.copy(own, file["model_weights/dense"], path)
        else:
            file[f"model_weights/dense/{path}"] = link

    assert load(h5_with(files, tmp_path / "m.h5", change)) is None


@pytest.mark.parametrize("name", HOSTILE_HDF5)
def test_weights_that_are_not_as_they_should_be(files, tmp_path, name):
    data = rewritten(files, HOSTILE_HDF5[name])
    (tmp_path / "m.weights.h5").write_bytes(data)
    assert not load_weights(small(), tmp_path / "m.weights.h5", name)
    path = packed(tmp_path / "m.keras", {**unpacked(files / "m.keras"), WEIGHTS: data})
    assert load(path, name) is None


def test_a_virtual_dataset(files, tmp_path):
    def write(file):
        layout = h5py.VirtualLayout(shape=(8, 2), dtype="f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8, 2))
        del file[KERNEL]
        file.create_virtual_dataset(KERNEL, layout)

    (tmp_path / "m.weights.h5").write_bytes(rewritten(files, write))
    assert not load_weights(small(), tmp_path / "m.weights.h5")


@pytest.mark.parametrize(
    "state_of",
    [
        exchange("optimizer/vars/0", data=np.float32(1)),
        exchange("optimizer/vars/2", data=np.zeros(3, "f4")),
        exchange("optimizer/vars/2", data=np.zeros((2, 2, 1, 2), "i8")),
        lambda file: file.__delitem__(f"optimizer/vars/{len(file['optimizer/vars']) - 1}"),
    ],
)
def test_another_optimizers_state_leaves_the_optimizer_as_it_is(files, tmp_path, state_of):
    data = rewritten(files, state_of)
    (tmp_path / "m.weights.h5").write_bytes(data)
    model = small()
    weights = len(model.get_weights())
    model.set_weights([w + 1 for w in model.get_weights()])
    before = state(model)
    with pytest.warns(UserWarning, match=r"^adam: expected the \d+ arrays of its state, received"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert not same(before[:weights], state(model)[:weights])
    assert same(before[weights:], state(model)[weights:])

"""The reader of HDF5 files: what h5py writes, and a refusal of everything that Keras does not use."""

from __future__ import annotations

import io
import re
import struct

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from tinycnn.saving.hdf5 import Hdf5Error, Hdf5File


def written(write, **options):
    """The bytes of a file that ``write`` fills by h5py."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", **options) as file:
        write(file)
    return stream.getvalue()


def opened(data):
    return Hdf5File(io.BytesIO(data))


def at(file, path):
    address = file.root
    for name in path.split("/"):
        address = file.members(address)[name]
    return address


def refused(data, text, path="x"):
    def read():
        file = opened(data)
        return file.read(file.dataset(at(file, path)))

    with pytest.raises(Hdf5Error, match=re.escape(text)):
        read()


@given(
    array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4), st.sampled_from(["<f2", "<f4", "<f8", "<i4", "<i8"])
)
def test_arrays_are_those_that_h5py_writes(shape, dtype):
    values = np.random.default_rng(len(shape)).integers(-99, 99, shape).astype(dtype) / np.dtype(dtype).type(1)
    values = values.astype(dtype)

    def write(file):
        file.create_group("a/b").create_dataset("0", data=values)

    file = opened(written(write))
    dataset = file.dataset(at(file, "a/b/0"))
    assert (dataset.shape, dataset.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(file.read(dataset), values)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 100, 1500])
def test_groups_with_few_and_with_many_members(count):
    """From some number on, the tree of a group has several levels."""
    names = [f"dense_{i}" for i in range(count)]

    def write(file):
        for i, name in enumerate(names):
            file.create_group(f"layers/{name}/vars") if count < 200 else file.create_dataset(f"layers/{name}", data=i)
        file.require_group("layers").attrs["name"] = "x" * 1000

    file = opened(written(write))
    assert sorted(file.members(at(file, "layers"))) == sorted(names)


def test_headers_that_go_on_elsewhere():
    """Attributes that are added later lie in another block of the object's header."""

    def write(file):
        file["x"] = np.arange(3.0)
        file["y"] = np.arange(3.0)
        for i in range(20):
            file["x"].attrs[f"a{i}"] = "value" * 10
        file["z"] = 1.0

    file = opened(written(write))
    np.testing.assert_array_equal(file.read(file.dataset(at(file, "x"))), np.arange(3.0))
    assert sorted(file.members(file.root)) == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda f: f.create_dataset("x", data=np.zeros(9), compression="gzip"), "compressed or lie in other files"),
        (lambda f: f.create_dataset("x", data=np.zeros(9), fletcher32=True), "compressed or lie in other files"),
        (lambda f: f.create_dataset("x", data=np.zeros(9), chunks=(3,)), "arrays that do not lie in one piece"),
        (lambda f: f.create_dataset("x", (10**9, 10**9), chunks=(9, 9)), "arrays that do not lie in one piece"),
        (lambda f: f.create_dataset("x", (10**6, 10**6)), "an array of shape (1000000, 1000000), but not its"),
        (lambda f: f.create_dataset("x", (3,)), "an array of shape (3,), but not its 12 bytes"),
        (
            lambda f: f.create_dataset("x", (3,), external=[("/etc/hostname", 0, 12)]),
            "compressed or lie in other files",
        ),
        (lambda f: f.create_dataset("x", data="text"), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=b"text"), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=np.zeros(3, "complex64")), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=np.zeros(3, ">f4")), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=np.zeros(3, [("a", "f4")])), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=f.ref, dtype=h5py.ref_dtype), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=True), "something else than plain numbers"),
        (lambda f: f.create_group("x"), "it has a group where an array should be"),
        (lambda f: f.__setitem__("x", h5py.SoftLink("/nowhere")), "it has links where groups and arrays should be"),
        (lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")), "it has links of HDF5 1.8 where a group"),
        (lambda f: f.create_dataset("x", data=h5py.Empty("f4")), "the shape of an array is damaged"),
    ],
)  # fmt: skip
def test_what_keras_does_not_write_is_refused(write, text):
    refused(written(write), text)


def test_virtual_datasets_and_named_types_are_refused():
    def virtual(file):
        layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
        layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(3,))
        file.create_virtual_dataset("x", layout)

    refused(written(virtual), "arrays that do not lie in one piece")

    def named(file):
        file["t"] = np.dtype("f4")
        file.create_dataset("x", (3,), dtype=file["t"])

    refused(written(named), "the header of an object is damaged")


def test_the_format_of_later_versions_is_refused():
    data = written(lambda f: f.create_dataset("x", data=1.0), libver="latest")
    refused(data, "it is not of the version of HDF5 that Keras writes")
    data = written(lambda f: f.create_group("x", track_order=True))
    with pytest.raises(Hdf5Error, match="another version of HDF5 than Keras writes"):
        opened(data).members(at(opened(data), "x"))


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"PK\3\4" * 100, b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_other_files(data):
    with pytest.raises(Hdf5Error):
        opened(data).members(0)


def test_a_file_that_was_cut_off():
    data = written(lambda f: f.create_dataset("x", data=np.zeros(100)))
    refused(data[:-1], f"it has {len(data) - 1} of {len(data)} bytes: it was cut off")


def test_circles_and_multitudes_come_to_an_end():
    """A group whose tree holds the same node a thousand times, each of which leads to it again."""
    data = bytearray(written(lambda f: [f.create_group(f"g{i}") for i in range(3)]))
    tree = data.index(b"TREE")
    data += b"\0" * (-len(data) % 8)
    start = len(data)
    for level in range(3, 0, -1):  # three levels of nodes with a thousand times the same child
        child = start + (3 - level) * (24 + 16 * 1000 + 8) + (24 + 16 * 1000 + 8) if level > 1 else tree
        data += struct.pack("<4sBBHQQ", b"TREE", 0, level, 1000, 2**64 - 1, 2**64 - 1)
        data += struct.pack("<QQ", 0, child) * 1000 + struct.pack("<Q", 0)
    table = data.index(struct.pack("<Q", tree))
    while data[table - 8 : table - 6] != b"\x11\0":  # the symbol table message, not the entry that caches it
        table = data.index(struct.pack("<Q", tree), table + 1)
    data[table : table + 8] = struct.pack("<Q", start)
    data[40:48] = struct.pack("<Q", len(data))
    with pytest.raises(Hdf5Error, match="its groups have more members than a model has, or go round in circles"):
        opened(bytes(data)).members(opened(bytes(data)).root)


def test_a_model_of_a_thousand_layers_is_within_the_limit():
    def write(file):
        for i in range(1000):
            group = file.create_group(f"layers/dense_{i}/vars")
            group.attrs["name"] = f"a layer {i}"
            for k in range(4):
                group.create_dataset(str(k), data=[1.0])

    file = opened(written(write))
    layers = file.members(at(file, "layers"))
    for layer in layers.values():
        variables = file.members(file.members(layer)["vars"])
        assert [file.read(file.dataset(address)) for address in variables.values()] == [1.0] * 4
    assert len(layers) == 1000
    assert file._read_so_far < 2**24

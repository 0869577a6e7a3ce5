"""The reader of HDF5 files: whatever h5py writes under any settings, and a refusal of what no model needs."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib

import h5py
import numpy as np
import pytest
from archives import Anything, mutated, mutated_near_structures
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from tinycnn.saving.hdf5 import Hdf5Error, Hdf5File
from tinycnn.saving.hdf5.checksums import fletcher32, lookup3


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


def array(data, path="x"):
    file = opened(data)
    return file.read(file.dataset(at(file, path)))


def refused(data, text, path="x"):
    with pytest.raises(Hdf5Error, match=re.escape(text)):
        array(data, path)


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


# Settings of h5py

VERSIONS = ["earliest", "latest"]
FIRST = pytest.param(range(100), id="first")
OTHERS = pytest.param(range(100, 150), id="others", marks=pytest.mark.slow)
PACKINGS = [
    {},
    {"compression": "gzip"},
    {"shuffle": True},
    {"fletcher32": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
]
CHUNKS = [  # shape, shape of a chunk, how far the array may grow; the latest version has another index for each
    ((5, 7), (5, 7), None),
    ((5, 7), (2, 3), None),
    ((5, 7), (2, 3), (50, 70)),
    ((300, 30), (1, 3), None),
    ((5, 7), (2, 3), (None, 7)),
    ((5, 7), (2, 3), (5, None)),
    ((3000, 2), (1, 2), (None, 2)),
    ((5, 7, 2), (2, 3, 1), (None, None, 2)),
    ((300, 7), (1, 3), (None, None)),
    ((4,), (100,), (None,)),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("packing", PACKINGS, ids=lambda packing: "-".join(packing) or "plain")
@pytest.mark.parametrize(("shape", "chunks", "largest"), CHUNKS)
def test_arrays_in_chunks(shape, chunks, largest, packing, version):
    values = np.random.default_rng(1).random(shape, "float32")
    data = written(
        lambda f: f.create_dataset("x", data=values, chunks=chunks, maxshape=largest, **packing), libver=version
    )
    np.testing.assert_array_equal(array(data), values)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("packing", [None, *PACKINGS], ids=str)
@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", ">i4", ">i8"])
def test_numbers_whose_first_byte_is_the_greatest(dtype, packing, version):
    values = np.arange(12).reshape(3, 4).astype(dtype)
    options = {} if packing is None else {"chunks": (2, 2), **packing}
    read = array(written(lambda f: f.create_dataset("x", data=values, **options), libver=version))
    assert read.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("block", [512, 2048])
def test_a_user_block_and_the_order_of_creation(block, version, track_order):
    """The block is the user's: whatever is in it."""

    def write(file):
        for i in range(20):
            file.create_dataset(f"g/{i}/x", data=i, track_order=track_order)
        file["g"].attrs["name"] = "a text"

    data = written(write, userblock_size=block, libver=version, track_order=track_order)
    data = b"anything" * (block // 8) + data[block:]
    file = opened(data)
    assert [array(data, f"g/{i}/x") for i in range(20)] == list(range(20))
    assert file.texts(at(file, "g"), "name") == ["a text"]


def low_level(file, kind):
    """A dataset of settings that h5py has no words of its own for."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if kind == "compact":
        settings.set_layout(h5py.h5d.COMPACT)
    else:  # whose chunks need no index, being all there from the beginning
        settings.set_chunk((3, 4))
        settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple((50, 70))
    dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, settings)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(3500, dtype="f4").reshape(50, 70))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["compact", "without an index"])
def test_arrays_in_headers_and_chunks_without_an_index(kind, version):
    data = written(lambda file: low_level(file, kind), libver=version)
    np.testing.assert_array_equal(array(data), np.arange(3500, dtype="f4").reshape(50, 70))


def test_every_flipped_bit_of_a_chunk_with_a_checksum_is_found():
    values = np.random.default_rng(2).random(40, "float32")
    data = bytearray(written(lambda f: f.create_dataset("x", data=values, chunks=(40,), fletcher32=True)))
    start = data.index(values.tobytes())
    for i in range(start, start + values.nbytes + 4):
        data[i] ^= 1 << i % 8
        refused(bytes(data), "a part of an array is damaged")
        data[i] ^= 1 << i % 8
    np.testing.assert_array_equal(array(bytes(data)), values)


def test_flipped_bits_of_a_structure_with_a_checksum_are_found():
    """In files of the latest version: all but the numbers themselves."""

    def write(file):
        for i in range(12):
            file.create_dataset(
                f"g/{i}",
                data=np.zeros((2, 2), "f4"),
                chunks=(1, 1),
                maxshape=(None, None)[: 1 + i % 2] + (2,) * (1 - i % 2),
            )

    data = bytearray(written(write, libver="latest"))
    expected = [array(bytes(data), f"g/{i}") for i in range(12)]
    found = 0
    for i in np.flatnonzero(np.frombuffer(data, "u1"))[::11]:
        data[i] ^= 1 << i % 8
        try:
            read = [array(bytes(data), f"g/{i}") for i in range(12)]
        except Hdf5Error:
            found += 1
        else:
            np.testing.assert_array_equal(read, expected)  # it was in something that nobody reads
        data[i] ^= 1 << i % 8
    assert found > 50


def test_compressed_bytes_that_are_not():
    data = written(lambda f: f.create_dataset("x", data=np.zeros(1000, "f4"), chunks=(1000,), compression="gzip"))
    packed = zlib.compress(bytes(4000), 4)
    for other in (b"\0" * len(packed), packed[:-4] + b"1234", packed[:5] + bytes(len(packed) - 5)):
        refused(data.replace(packed, other), "a part of an array is damaged")


def test_what_unfolds_to_more_than_a_chunk_is_refused():
    """A megabyte that unfolds to a gigabyte, where four bytes should be."""
    values = np.random.default_rng(3).integers(0, 2**32, 2**18, "u4").view("f4")
    data = written(lambda f: f.create_dataset("x", data=values, chunks=(2**18,), compression="gzip"))
    start = data.index(b"\x78\x5e")
    bomb = zlib.compress(bytes(2**28), 9)
    refused(data[:start] + bomb + data[start + len(bomb) :], "a part of an array is damaged")


def test_checksums():
    """`lookup3` as its author computes it; `fletcher32` word by word."""
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551
    rng = np.random.default_rng(4)
    for size in (0, 1, 2, 3, 1000, 600_001):
        data = rng.integers(0, 256, size, "u1").tobytes() if size else b""
        for sample in (data, bytes(size), b"\xff" * size):
            first = second = 0
            for word in np.frombuffer(sample + bytes(size % 2), ">u2").tolist():
                first += word
                second += first
            expected = [total and (total % 65535 or 65535) for total in (first, second)]
            assert fletcher32(sample) == expected[1] << 16 | expected[0]


# Groups and attributes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("count", [0, 1, 8, 9, 100, 1500])
def test_groups_with_few_and_with_many_members(count, version):
    """From some number on, the tree of a group has several levels; in the latest version, a heap has many blocks."""
    names = [f"dense_{i}" for i in range(count)]

    def write(file):
        for i, name in enumerate(names):
            file.create_group(f"layers/{name}/vars") if count < 200 else file.create_dataset(f"layers/{name}", data=i)
        file.require_group("layers").attrs["name"] = "x" * 1000

    file = opened(written(write, libver=version))
    assert sorted(file.members(at(file, "layers"))) == sorted(names)
    if count >= 200:
        layers = file.members(at(file, "layers"))
        assert [file.read(file.dataset(layers[f"dense_{i}"])) for i in range(0, count, 50)] == list(range(0, count, 50))


@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_attributes(version, track_order):
    """Texts of fixed and of any length; from some number on, or where they are large, they lie in heaps."""

    def write(file):
        group = file.create_group("g", track_order=track_order)
        for i in range(1, 40):
            group.attrs[f"a{i}"] = [f"word {k}" * k for k in range(i)]
        group.attrs["fixed"] = np.array([b"abc", b"defgh"])
        group.attrs["rows"] = np.array([[b"a", b"b"], [b"c", b"d"]])
        group.attrs["large"] = np.array([b"x" * 5000, b"y"])
        group.attrs["long"] = "ü" * 100_000
        group.attrs["bytes"] = b"bytes"
        group.attrs["none"] = []
        group.attrs["number"] = 3.0
        group.attrs["empty"] = h5py.Empty("f4")

    file = opened(written(write, libver=version))
    group = at(file, "g")
    for i in range(1, 40):
        assert file.texts(group, f"a{i}") == [f"word {k}" * k for k in range(i)]
    assert file.texts(group, "fixed") == ["abc", "defgh"]
    assert file.texts(group, "rows") == ["a", "b", "c", "d"]
    assert file.texts(group, "large") == ["x" * 5000, "y"]
    assert file.texts(group, "long") == ["ü" * 100_000]
    assert file.texts(group, "bytes") == ["bytes"]
    assert file.texts(group, "none") == []
    assert file.texts(group, "nothing of this name") is None
    with pytest.raises(Hdf5Error, match="its attribute 'number' is no text"):
        file.texts(group, "number")


def test_an_attribute_that_names_the_same_long_text_many_times():
    """Sixteen bytes each in the file, a megabyte each in memory."""

    def write(file):
        file.attrs["x"] = ["y" * 2**20] + ["z"] * 2000

    data = written(write)
    last = struct.pack("<I", 2**20)
    place = data.index(last)
    while data[place + 12 : place + 16] != struct.pack("<I", 1):
        place = data.index(last, place + 1)
    data = data[:place] + data[place : place + 16] * 2001 + data[place + 16 * 2001 :]
    with pytest.raises(Hdf5Error, match="its groups and arrays have more parts than a model has"):
        opened(data).texts(opened(data).root, "x")


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
        (lambda f: f.create_dataset("x", data=np.zeros(9), compression="lzf"), "packed by other means than gzip, shu"),
        (lambda f: f.create_dataset("x", data=np.zeros(9, "i4"), scaleoffset=2), "packed by other means than gzip, sh"),
        (lambda f: f.create_dataset("x", (9, 9), chunks=(3, 2)), "of shape (9, 9), but 15 of its chunks are missing"),
        (lambda f: f.create_dataset("x", (0, 9), chunks=(3000, 3000), maxshape=(None, None)).resize((1, 1)),
         "an array whose chunks are damaged, or far larger than the array"),
        (lambda f: f.create_dataset("x", (10**6, 10**6)), "an array of shape (1000000, 1000000), but not its"),
        (lambda f: f.create_dataset("x", (3,)), "an array of shape (3,), but not its 12 bytes"),
        (lambda f: f.create_dataset("x", (3,), external=[("/etc/hostname", 0, 12)]), "arrays that lie in other files"),
        (lambda f: f.create_dataset("x", data="text"), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=b"text"), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=np.zeros(3, "complex64")), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=np.zeros(3, [("a", "f4")])), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=f.ref, dtype=h5py.ref_dtype), "something else than plain numbers"),
        (lambda f: f.create_dataset("x", data=True), "something else than plain numbers"),
        (lambda f: f.create_group("x"), "it has a group where an array should be"),
        (lambda f: f.__setitem__("x", h5py.SoftLink("/nowhere")), "it has links where groups and arrays should be"),
        (lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/")), "it has links where groups and arrays s"),
        (lambda f: f.create_dataset("x", data=h5py.Empty("f4")), "the shape of an array is damaged"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", VERSIONS)
def test_what_no_model_needs_is_refused(write, text, version):
    refused(written(write, libver=version), text)


def test_virtual_datasets_and_named_types_are_refused():
    def virtual(file):
        layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
        layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(3,))
        file.create_virtual_dataset("x", layout)

    refused(written(virtual), "it has arrays that lie neither in the file as one piece nor in chunks")

    def named(file):
        file["t"] = np.dtype("f4")
        file.create_dataset("x", (3,), dtype=file["t"])

    refused(written(named), "it has shapes or types that several arrays share")


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n", b"PK\3\4" * 100, b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_other_files(data):
    with pytest.raises(Hdf5Error):
        opened(data).members(0)


def test_a_file_that_was_cut_off():
    data = written(lambda f: f.create_dataset("x", data=np.zeros(100)))
    refused(data[:-1], f"it has {len(data) - 1} of {len(data)} bytes: it was cut off")


def everything(file):
    """Every structure that the reader knows, in a file of a few kilobytes."""
    rng = np.random.default_rng(6)
    for i, (shape, chunks, largest) in enumerate(CHUNKS):
        if np.prod(shape) < 200:
            for k, packing in enumerate(PACKINGS):
                values = rng.random(shape, "float32")
                file.create_dataset(f"chunks/{i}/{k}", data=values, chunks=chunks, maxshape=largest, **packing)
    for kind in ("compact", "without an index"):
        low_level(file.create_group(kind), kind)
    for i in range(30):
        file.create_dataset(f"group/{'long' * 30}{i}", data=i)
        file["group"].attrs[f"a{i}"] = ["text"] * i
    file["group"].attrs["large"] = np.array([b"x" * 5000])


def everything_read(data):
    """The sum of all numbers and the length of all texts that are found."""
    file, total = opened(data), 0.0

    def visit(address, depth):
        nonlocal total
        for name in ("a1", "a20", "large"):
            total += sum(map(len, file.texts(address, name) or []))
        try:
            members = file.members(address)
        except Hdf5Error:
            dataset = file.dataset(address)
            if np.prod([float(size) for size in dataset.shape]) < 10_000:  # who reads a model knows its shapes
                with np.errstate(all="ignore"):
                    total += float(file.read(dataset).astype("f8").sum())
        else:
            for member in members.values() if depth < 5 else ():
                visit(member, depth + 1)

    visit(file.root, 0)
    return total


@pytest.mark.parametrize("cases", [FIRST, OTHERS])
@pytest.mark.parametrize("checksums", ["checked", "all right"])
@pytest.mark.parametrize("version", VERSIONS)
def test_fuzzed_files_of_every_structure(version, checksums, cases, monkeypatch):
    """Whatever is wrong with a file is a `Hdf5Error`. Damaged numbers without a checksum are read as they are."""
    data = written(everything, libver=version)
    expected = everything_read(data)
    if checksums == "all right":  # as in files of somebody who computes them
        monkeypatch.setattr("tinycnn.saving.hdf5.source.lookup3", lambda data: Anything())
        monkeypatch.setattr("tinycnn.saving.hdf5.chunks.fletcher32", lambda data: Anything())
    same = other = 0
    for case in cases:
        mutate = mutated_near_structures if case % 2 else mutated
        fuzzed = mutate(data, random.Random(f"{version} {case}"))
        try:
            found = everything_read(fuzzed)
        except Hdf5Error:
            continue
        same += found == expected
        other += found != expected
    assert len(cases) / 50 < same + other < len(cases) * 0.95


def test_chunks_without_an_index_that_would_be_without_end():
    """An array that may grow to 2**62 chunks, says its header."""
    data = bytearray(written(lambda file: low_level(file, "without an index"), libver="latest"))
    data += bytes(8 - len(data) % 8)
    place = data.index(struct.pack("<4Q", 50, 70, 50, 70)) + 16  # how far it may grow
    data[place : place + 16] = struct.pack("<2Q", 2**32, 2**32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinycnn.saving.hdf5.source.lookup3", lambda data: Anything())
        refused(bytes(data), "have more parts than a model has, or go round in circles")


def test_records_that_are_too_short():
    """Trees of links, and of chunks, whose records have no room for what belongs into them."""

    def write(file):
        for i in range(20):
            file.create_dataset(f"g/{i}", data=i)
        file.create_dataset("x", data=np.zeros((4, 4, 4)), chunks=(1, 1, 1), maxshape=(None, None, 4))

    data = written(write, libver="latest")
    for kind, path in ((5, "g/1"), (10, "x")):
        header = data.index(b"BTHD\0" + bytes([kind]))
        damaged = bytearray(data)
        damaged[header + 10 : header + 12] = struct.pack("<H", 1)  # the size of a record
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tinycnn.saving.hdf5.source.lookup3", lambda data: Anything())
            refused(bytes(damaged), "damaged", path)


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
    with pytest.raises(
        Hdf5Error, match="its groups and arrays have more parts than a model has, or go round in circles"
    ):
        opened(bytes(data)).members(opened(bytes(data)).root)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_of_a_thousand_layers_is_within_the_limit(version):
    def write(file):
        for i in range(1000):
            group = file.create_group(f"layers/dense_{i}/vars")
            group.attrs["name"] = f"a layer {i}"
            for k in range(4):
                group.create_dataset(str(k), data=[1.0])

    file = opened(written(write, libver=version))
    layers = file.members(at(file, "layers"))
    for layer in layers.values():
        variables = file.members(file.members(layer)["vars"])
        assert [file.read(file.dataset(address)) for address in variables.values()] == [1.0] * 4
    assert len(layers) == 1000
    assert file._source.read_so_far < 2**24

"""Files that nobody vouches for: thousands of damaged ones, and some that were made to do harm.

Each ends in one clear error or in the true arrays, within a second and within 200 MB beside the arrays themselves.
"""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_mnist import Arrays, assert_is, idx, npz, npz_of_members, small_arrays, table_of, write_idx
from work import less_than

from tinycnn.datasets import mnist, mnist_files

NAMES = ("x_train", "y_train", "x_test", "y_test")
SECONDS = 1.0  # of this process's own work: other programs on the machine do not count
BYTES = 200e6


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Small arrays that count as MNIST."""
    arrays = small_arrays(seed=0)
    monkeypatch.setattr(mnist_files, "ARRAYS", table_of(arrays))
    return arrays


def load(place: Path) -> tuple | str:
    """What `load_data` returns, or the text of its error, which must be one clear line."""
    with less_than(SECONDS):
        try:
            return mnist.load_data(place)
        except ValueError as error:
            message = str(error)
    assert message.startswith("mnist.load_data: expected ")
    assert message.endswith(". Pass a good copy, or no path to search and download.")
    assert "\n" not in message
    assert len(message) < 1000
    return message


# Random damage


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One to four blows; half of them fall on the ends, where headers and directories are."""
    for _ in range(rng.integers(1, 5)):
        size = len(data)
        reach = size if rng.integers(2) else min(size, 300)
        place = int(rng.integers(-reach, reach)) % size if size else 0
        length = int(rng.integers(1, 40))
        before, hit, after = data[:place], data[place : place + length], data[place + length :]
        one_bit = bytes([hit[0] ^ 1 << rng.integers(8)]) + hit[1:] if hit else b""
        choices = (
            before + one_bit + after,
            before + rng.bytes(len(hit)) + after,
            before + b"\xff" * len(hit) + after,
            before + bytes(len(hit)) + after,
            before + after,  # cut out
            before + hit + hit + after,  # twice
            before + rng.bytes(length) + hit + after,  # put in
            before,  # cut off
            before + other[place:],  # another file goes on
            data + before,
        )
        data = choices[rng.integers(len(choices))]
    return data


def mutated_header(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damage to the header of one array of an npz file, under a check sum that is right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = f"{rng.choice(NAMES)}.npy"
    members[name] = mutated(members[name][:128], other, rng) + members[name][128:]
    return npz_of_members(members)


def mutated_and_packed(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return gzip.compress(mutated(content, other, rng), 1)


# How a file is damaged, a whole one, and another whose bytes may get into it
FORMS: dict[str, tuple[Callable, Callable[[Arrays], bytes], Callable[[Arrays], bytes]]] = {
    "npz": (mutated, npz, lambda a: npz(a, compressed=False)),
    "npz, stored": (mutated, lambda a: npz(a, compressed=False), npz),
    "npz, headers": (mutated_header, lambda a: npz(a, compressed=False), npz),
    "idx": (mutated, lambda a: idx(a["x_test"]), lambda a: idx(a["y_test"])),
    "idx.gz": (mutated, lambda a: gzip.compress(idx(a["x_test"])), lambda a: gzip.compress(idx(a["y_test"]))),
    "idx.gz, inside": (mutated_and_packed, lambda a: idx(a["x_test"]), lambda a: idx(a["y_test"])),
}


@pytest.mark.filterwarnings("ignore")  # NumPy and Python warn of strange headers; the error follows
@pytest.mark.parametrize(("seed", "times"), [(7, 150), pytest.param(8, 1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", FORMS)
def test_random_damage(form: str, seed: int, times: int, arrays: Arrays, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    damage, *contents = FORMS[form]
    content, other = (make(arrays) for make in contents)
    suffix = ".gz" if "gz" in form else ""
    if "npz" in form:
        place = file = tmp_path / "mnist.npz"
    else:
        place, file = tmp_path / "idx", tmp_path / "idx" / f"t10k-images-idx3-ubyte{suffix}"
        write_idx(place, arrays, lambda stem: stem + suffix)
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(times):
            file.unlink(missing_ok=True)  # rewriting waits for the disk on some file systems
            file.write_bytes(damage(content, other, rng))
            result = load(place)
            if isinstance(result, str):
                refused += 1
                assert str(file) in result
            else:
                assert_is(result, arrays)
        assert tracemalloc.get_traced_memory()[1] < BYTES / 10  # the arrays are small here
    finally:
        tracemalloc.stop()
    assert refused > 0.7 * times


# Made to do harm. The true sizes count here, so that huge ones have a chance; all arrays are zeros, which pack well.


def header(shape: object = (60000, 28, 28), dtype: str = "'|u1'") -> bytes:
    """The start of an npy file that says so."""
    return npy_start(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}")


def npy_start(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def members(first: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An npz file whose x_train is ``first``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("x_train.npy", first)
        for name in NAMES[1:]:
            archive.writestr(f"{name}.npy", b"")
    return buffer.getvalue()


def many_members() -> bytes:
    """60 MB of a zip file's directory: 1,300,000 members without a name."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 15)
    directory = entry * (60 * 2**20 // len(entry))
    return directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)


def endless(start: bytes = b"") -> bytes:
    """A gzip file of 4 GB of zeros behind ``start``, in 4 MB."""
    packer = zlib.compressobj(wbits=31)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands on its own: repeat it
    return head + block * 4096 + packer.flush()


IDX_START = struct.pack(">HBB3I", 0, 8, 3, 60000, 28, 28)

HARM: dict[str, tuple[Callable[[], bytes], str]] = {
    "npz, bomb": (lambda: members(header() + bytes(100 * 10**6)), "other contents"),
    "npz, bomb of bzip2": (lambda: members(header() + bytes(30 * 10**6), zipfile.ZIP_BZIP2), "packed otherwise"),
    "npz, bomb of lzma": (lambda: members(header() + bytes(30 * 10**6), zipfile.ZIP_LZMA), "packed otherwise"),
    "npz, a million members": (many_members, "more than 100 members"),
    "npz, an npz file in it": (lambda: members(members(header())), "not"),
    "npz, too large a shape": (lambda: members(header((10**9, 28, 28))), "received shape (1000000000, 28, 28)"),
    "npz, negative shape": (lambda: members(header((-60000, 28, 28))), "received shape (-60000, 28, 28)"),
    "npz, shape of many axes": (lambda: members(header((1,) * 3000)), "received shape (1, 1, "),
    "npz, shape of long numbers": (lambda: members(header(f"({'9' * 9000},)")), "not"),
    "npz, objects": (lambda: members(header(dtype="'|O'")), "dtype object"),
    "npz, long strings": (lambda: members(header(dtype="'S2000000000'")), "dtype |S2000000000"),
    "npz, many fields": (lambda: members(header(dtype=repr("u1," * 2900))), "dtype [('f0'"),
    "npz, deep brackets": (lambda: members(npy_start("(" * 9000)), "not"),
    "npz, deep minus": (lambda: members(npy_start("-" * 9000 + "1")), "not"),
    "npz, deep attributes": (lambda: members(npy_start("a" + ".a" * 4500)), "not"),
    "npz, a call": (lambda: members(npy_start("__import__('os').getcwd()")), "not"),
    "npz, long header of version 2": (
        lambda: members(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b" " * 10**7),
        "version (2, 0)",
    ),
    "idx, too large a shape": (
        lambda: struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3),
        "received shape (4294967295, 4294967295, 4294967295)",
    ),
    "idx, floats": (lambda: struct.pack(">HBB3I", 0, 14, 3, 60000, 28, 28), "received 00 00 0e 03"),
    "idx, 255 axes": (lambda: b"\0\0\x08\xff" + b"\0\0\0\2" * 255, "received 00 00 08 ff"),
    "gz, bomb": (lambda: endless(IDX_START), "received more"),
    "gz, bomb of nothing known": (endless, "received 00 00 00 00"),
    "gz, 60 MB of a name": (lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * (60 * 2**20), "ends too early"),
    "gz, three million parts": (lambda: gzip.compress(b"") * (60 * 2**20 // 20), "bytes follow its end"),
    "gz, 60 MB of empty blocks": (lambda: gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * (12 * 2**20), "too early"),
    "gz, a gzip file in it": (lambda: gzip.compress(gzip.compress(IDX_START)), "received 1f 8b"),
    "gz, wrong labels": (lambda: gzip.compress(IDX_START + b"\x0b" * 47_040_000, 1), "other contents"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", HARM)
def test_malicious_file(kind: str, tmp_path: Path) -> None:
    make, message = HARM[kind]
    form, _, _ = kind.partition(",")
    if form == "npz":
        place = file = tmp_path / "mnist.npz"
    else:
        place = tmp_path
        for stem in mnist_files.IDX_FILES.values():
            (tmp_path / stem).touch()
        file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(make())
    assert message in load(place)
    tracemalloc.start()
    try:
        load(place)
        array = 60000 * 28 * 28
        assert tracemalloc.get_traced_memory()[1] - array < BYTES
    finally:
        tracemalloc.stop()


def test_names_that_climb_out_are_never_written(arrays: Arrays, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    good = npz(arrays)
    buffer = io.BytesIO(good)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name in ("../x_train.npy", "../../out.npy", str(tmp_path / "out.npy"), "x_train.npy/../../out.npy"):
            archive.writestr(name, b"out")
    (folder / "mnist.npz").write_bytes(buffer.getvalue())
    assert_is(mnist.load_data(folder), arrays)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "mnist.npz"]


def test_lengths_that_do_not_match(arrays: Arrays, tmp_path: Path) -> None:
    """Images of one file with labels of another, and labels beyond nine: all are other data than MNIST."""
    for changed in ({"y_train": arrays["y_test"]}, {"y_test": arrays["y_test"] + np.uint8(10)}):
        (tmp_path / "mnist.npz").write_bytes(npz({**arrays, **changed}))
        assert "received shape (7,)" in load(tmp_path) or "other contents" in load(tmp_path)
        write_idx(tmp_path / "idx", {**arrays, **changed})
        assert "received shape (7,)" in load(tmp_path / "idx") or "other contents" in load(tmp_path / "idx")


def test_a_hundred_members_are_allowed(arrays: Arrays, tmp_path: Path) -> None:
    buffer = io.BytesIO(npz(arrays))
    with zipfile.ZipFile(buffer, "a") as archive:
        for i in range(mnist_files.MEMBER_LIMIT - 4):
            archive.writestr(f"{i}", b"")
    (tmp_path / "mnist.npz").write_bytes(buffer.getvalue())
    assert_is(mnist.load_data(tmp_path), arrays)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("one more", b"")
    (tmp_path / "mnist.npz").write_bytes(buffer.getvalue())
    assert "more than 100 members" in load(tmp_path)

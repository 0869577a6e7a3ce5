"""fashion_mnist, cifar10 and cifar100: every place they are looked for in, what is refused, and Keras's own arrays.

Small data sets in the true formats stand in for the real ones. What is common to all data sets, downloads above all,
is tested in test_mnist.py.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from test_mnist import Server, Trap, drip, fail_404, files_in, idx, isolate

from tinycnn.datasets import DownloadError, cifar, cifar10, cifar100, download, fashion_mnist

MODULES = {"fashion_mnist": fashion_mnist, "cifar10": cifar10, "cifar100": cifar100}
TITLES = {"fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
names = pytest.mark.parametrize("name", MODULES)
cifars = pytest.mark.parametrize("name", ["cifar10", "cifar100"])


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path, monkeypatch)
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    for module in (cifar10, cifar100):
        monkeypatch.setattr(module, "DATA", dataclasses.replace(module.DATA, url="http://127.0.0.1:1/"))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".cache" / "tinycnn"


@pytest.fixture
def keras_cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".keras" / "datasets"


# --- small data sets in the true formats ---


def python2_pickle(batch: dict[str, object]) -> bytes:
    """As Python 2 and its NumPy have written CIFAR's batches: protocol 2, every text as its bytes."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(value)) + value

    out = io.BytesIO()
    out.write(b"\x80\x02}(")
    for key, value in batch.items():
        out.write(text(key.encode()))
        if isinstance(value, np.ndarray):
            out.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01")
            out.write(b"M" + struct.pack("<H", value.shape[0]) + b"M" + struct.pack("<H", value.shape[1]) + b"\x86")
            out.write(b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|"))
            out.write(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(value.tobytes()) + b"tb")
        elif isinstance(value, bytes):
            out.write(text(value))
        else:
            out.write(b"](" + b"".join(text(v) if isinstance(v, bytes) else b"K" + bytes([v]) for v in value) + b"e")
    out.write(b"u.")
    return out.getvalue()


def batch_of(data: cifar.Cifar, n: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    batch: dict[str, object] = {
        "batch_label": b"some batch",
        "data": rng.integers(0, 256, (n, 3072), "uint8"),
        "filenames": [b"leptodactylus_s_%06d.png" % i for i in range(n)],
    }
    for kind, classes in data.classes.items():
        batch[kind] = [*rng.integers(0, classes, n - 1).tolist(), classes - 1]
    return batch


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclasses.dataclass
class Small:
    """A small data set that counts as the real one: its files, and the arrays they hold."""

    name: str
    files: dict[str, bytes]  # path within a folder -> contents, as published
    unpacked: dict[str, bytes]  # the same, unpacked
    load: Callable[[], tuple]
    arrays: tuple[np.ndarray, ...]
    batches: dict[str, dict[str, object]]

    @property
    def module(self) -> ModuleType:
        return MODULES[self.name]

    def write(self, folder: Path, unpacked: bool = False) -> None:
        for name, content in (self.unpacked if unpacked else self.files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def check(self, data: tuple) -> None:
        (x_train, y_train), (x_test, y_test) = data
        for array, expected in zip((x_train, y_train, x_test, y_test), self.arrays, strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype
            assert array.flags.writeable
            assert array.flags.c_contiguous


def pretend(monkeypatch: pytest.MonkeyPatch, module: ModuleType, members: dict[str, bytes], **changes: object) -> bytes:
    """The archive of ``members``, which counts as the published one from now on."""
    content = tar_gz(members)
    data = dataclasses.replace(module.DATA, archive_hash=hashlib.sha256(content).hexdigest(), **changes)
    monkeypatch.setattr(module, "DATA", data)
    return content


def small_fashion(monkeypatch: pytest.MonkeyPatch) -> Small:
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (30, 28, 28), "uint8"),
        "y_train": rng.integers(0, 10, (30,), "uint8"),
        "x_test": rng.integers(0, 256, (7, 28, 28), "uint8"),
        "y_test": rng.integers(0, 10, (7,), "uint8"),
    }
    files, table = {}, {}
    for name, (file, _, _) in fashion_mnist.FILES.items():
        content = gzip.compress(idx(arrays[name]))
        files[f"fashion-mnist/{file}"] = content
        table[name] = (file, hashlib.sha256(content).hexdigest(), arrays[name].shape)
    monkeypatch.setattr(fashion_mnist, "FILES", table)
    bare = {Path(name).name: content for name, content in files.items()}
    return Small("fashion_mnist", files, bare, fashion_mnist.load_data, tuple(arrays.values()), {})


def small_cifar(name: str, monkeypatch: pytest.MonkeyPatch) -> Small:
    module = MODULES[name]
    sizes = {"data_batch_1": 300, "train": 300, "test": 260, "test_batch": 260}
    batches = {}
    for seed, file in enumerate(module.DATA.batches):
        batches[file] = batch_of(module.DATA, sizes.get(file, 270), seed)
    unpacked = {f"{module.DATA.folder}/{file}": python2_pickle(batch) for file, batch in batches.items()}
    table = {
        file: (hashlib.md5(unpacked[f"{module.DATA.folder}/{file}"]).hexdigest(), len(batch["data"]))
        for file, batch in batches.items()
    }
    readme = {f"{module.DATA.folder}/readme.html": b"<html>", f"{module.DATA.folder}/batches.meta": b"meta"}
    archive = pretend(monkeypatch, module, {**readme, **unpacked}, batches=table)
    kind, dtype = ("labels", "uint8") if name == "cifar10" else ("fine_labels", "int64")
    *train, test = batches.values()

    def joined(parts: list) -> tuple[np.ndarray, np.ndarray]:
        x = np.concatenate([part["data"].reshape(-1, 3, 32, 32) for part in parts]).transpose(0, 2, 3, 1)
        return x, np.concatenate([np.array(part[kind], dtype) for part in parts]).reshape(-1, 1)

    arrays = (*joined(train), *joined([test]))
    return Small(name, {module.DATA.archive: archive}, unpacked, module.load_data, arrays, batches)


def make(name: str, monkeypatch: pytest.MonkeyPatch) -> Small:
    return small_fashion(monkeypatch) if name == "fashion_mnist" else small_cifar(name, monkeypatch)


@pytest.fixture
def small(name: str, monkeypatch: pytest.MonkeyPatch) -> Small:
    return make(name, monkeypatch)


def serve(small: Small, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in small.files.items():
        server.routes[f"/{Path(file).name}"] = content
    if small.name == "fashion_mnist":
        monkeypatch.setattr(fashion_mnist, "MIRRORS", (server.url,))
    else:
        monkeypatch.setattr(small.module, "DATA", dataclasses.replace(small.module.DATA, url=server.url))


# --- where they are looked for ---


@names
@pytest.mark.parametrize("unpacked", [False, True])
def test_tinycnn_data(tmp_path: Path, small: Small, unpacked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    small.write(tmp_path / "data", unpacked)
    (tmp_path / "data" / "mnist.npz").touch()
    for place in ("data", "data/mnist.npz"):  # a file of another data set: its folder is meant
        monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / place))
        small.check(small.load())


@cifars
@pytest.mark.parametrize("place", ["", "{folder}-target"])
def test_folders_as_people_and_keras_unpack_them(
    tmp_path: Path, small: Small, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small.module.DATA.folder
    small.write(tmp_path / "data" / place.format(folder=folder), unpacked=True)
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "data" / ("" if place else folder)))
    small.check(small.load())


@names
@pytest.mark.parametrize("unpacked", [False, True])
def test_cache_folder(cache: Path, small: Small, unpacked: bool) -> None:
    small.write(cache if small.name != "fashion_mnist" or not unpacked else cache / "fashion-mnist", unpacked)
    small.check(small.load())


@names
def test_keras_cache_is_read_and_never_written(keras_cache: Path, cache: Path, small: Small) -> None:
    """As Keras 3 leaves it."""
    if small.name == "fashion_mnist":
        small.write(keras_cache)
    else:
        folder = small.module.DATA.folder
        small.write(keras_cache / f"{folder}-target", unpacked=True)
        (keras_cache / f"{folder}-target_archive").write_bytes(b"not looked at")
    before = sorted(keras_cache.rglob("*"))
    small.check(small.load())
    assert sorted(keras_cache.rglob("*")) == before
    assert not cache.exists()


@cifars
def test_archives_under_keras_names(keras_cache: Path, small: Small) -> None:
    for archive in small.module.DATA.keras_archives:
        keras_cache.mkdir(parents=True, exist_ok=True)
        (keras_cache / archive).write_bytes(*small.files.values())
        small.check(small.load())
        (keras_cache / archive).unlink()


def test_files_of_mnist_beside_those_of_fashion_mnist(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST's files have the same names: only the folder tells which is which."""
    small = small_fashion(monkeypatch)
    small.write(cache)
    for file, _, _ in fashion_mnist.FILES.values():
        (cache / file).write_bytes(b"MNIST's")
    small.check(small.load())


@names
def test_download_is_kept(cache: Path, small: Small, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(small, server, monkeypatch)
    small.check(small.load())
    assert len(server.requests) == len(small.files)
    for file, content in small.files.items():
        assert (cache / file).read_bytes() == content
    server.requests.clear()
    small.check(small.load())
    assert server.requests == []


@names
def test_damaged_keras_copy_is_passed_over_with_a_warning(
    keras_cache: Path, small: Small, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(small, server, monkeypatch)
    small.write(keras_cache)
    file = keras_cache / next(iter(small.files))
    file.write_bytes(b"damaged")
    with pytest.warns(RuntimeWarning, match="Keras's copy is left as it is and not used") as record:
        data = small.load()
    small.check(data)
    assert record[0].filename == __file__
    assert file.read_bytes() == b"damaged"


@names
def test_download_that_cannot_be_stored(
    cache: Path, small: Small, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(small, server, monkeypatch)
    cache.parent.write_text("in the way")
    with pytest.warns(RuntimeWarning, match=rf"{name_of(small)}: expected to store {TITLES[small.name]} in") as record:
        small.check(small.load())
    assert len(record) == 1
    assert record[0].filename == __file__


def name_of(small: Small) -> str:
    return rf"{small.name}\.load_data"


# --- what is missing or refused ---


@names
def test_nowhere_says_what_to_put_where(small: Small) -> None:
    with pytest.raises(DownloadError) as caught:
        small.load()
    message = str(caught.value)
    title = TITLES[small.name]
    assert message.startswith(
        f"{small.name}.load_data: expected {title} on this machine or from a mirror, received neither. Tried"
    )
    assert message.endswith(" and set TINYCNN_DATA to its path.")
    for file in small.files:
        assert Path(file).name in message.split("Put ")[1]
    assert "\n" not in message


@names
def test_tinycnn_data_without_the_data_set(tmp_path: Path, cache: Path, small: Small, monkeypatch) -> None:
    small.write(cache)  # a wrong setting is not passed over
    for place in (tmp_path / "none", tmp_path / "home"):
        monkeypatch.setenv("TINYCNN_DATA", str(place))
        with pytest.raises(
            FileNotFoundError,
            match=rf"{name_of(small)}: expected TINYCNN_DATA to name a folder with .*, received '.*' \(.*: no .*\)\. "
            r"Put .* there, or unset TINYCNN_DATA to download it\.",
        ):
            small.load()


@names
@pytest.mark.parametrize("unpacked", [False, True])
def test_other_contents_are_refused(cache: Path, small: Small, unpacked: bool) -> None:
    """Every file, with one bit changed."""
    folder = cache if small.name != "fashion_mnist" or not unpacked else cache / "fashion-mnist"
    small.write(folder, unpacked)
    for name, content in (small.unpacked if unpacked else small.files).items():
        bad = bytearray(content)
        bad[len(bad) // 2] ^= 1
        (folder / name).write_bytes(bad)
        with pytest.raises(
            ValueError,
            match=rf"{name_of(small)}: expected {TITLES[small.name]}'s {Path(name).name} \((SHA-256|MD5) \w+…\), "
            rf"received other contents \(.*…\) in {folder / name}\. Delete it and call again",
        ):
            small.load()
        assert (folder / name).read_bytes() == bad
        (folder / name).write_bytes(content)
    small.check(small.load())


@names
def test_failed_download_leaves_nothing(
    cache: Path, small: Small, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(small, server, monkeypatch)
    file = Path(list(small.files)[-1]).name
    monkeypatch.setattr(download, "TIME_LIMIT", 1.0)
    http = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    for route, reason in (
        (b"<html>Please log in</html>", "received other contents"),
        (fail_404, "HTTP 404"),
        (drip(http, b"x"), "expected it within 1 s"),
    ):
        server.routes[f"/{file}"] = route
        with pytest.raises(DownloadError, match=reason) as caught:
            small.load()
        assert f"{server.url}{file}" in str(caught.value)
        assert files_in(cache) == []


@cifars
def test_files_over_the_limit_are_not_read(cache: Path, small: Small, server: Server, monkeypatch) -> None:
    (size,) = (len(content) for content in small.files.values())
    monkeypatch.setattr(cifar, "ARCHIVE_LIMIT", size - 1)
    small.write(cache)
    with pytest.raises(ValueError, match=rf"expected a file of at most {size - 1} bytes, received {size} in"):
        small.load()
    (cache / small.module.DATA.archive).unlink()
    serve(small, server, monkeypatch)
    with pytest.raises(DownloadError, match=rf"expected at most {size - 1} bytes, received more"):
        small.load()
    small.write(cache, unpacked=True)
    small.check(small.load())
    first = cache / next(iter(small.unpacked))
    with open(first, "ab") as stream:
        stream.write(bytes(100_000))
    with pytest.raises(ValueError, match=r"expected a file of at most \d+ bytes"):
        small.load()


def test_limits_hold_the_real_files() -> None:
    """Sizes from CIFAR's own page (163 MB, 161 MB), and of the pickles: 31,035,999 and 155,249,918 bytes at most."""
    assert cifar.ARCHIVE_LIMIT > 170_498_071
    assert cifar._size_limit(cifar10.DATA, "data_batch_3") > 31_035_999
    assert cifar._size_limit(cifar100.DATA, "train") > 155_249_918


# Archives that have the right hash and are wrong: the hash is not all that stands between a pickle and the program


def repacked(small: Small, monkeypatch: pytest.MonkeyPatch, cache: Path, content: bytes) -> None:
    monkeypatch.setattr(
        small.module,
        "DATA",
        dataclasses.replace(small.module.DATA, archive_hash=hashlib.sha256(content).hexdigest()),
    )
    cache.mkdir(parents=True, exist_ok=True)
    (cache / small.module.DATA.archive).write_bytes(content)


def linked(small: Small, kind: bytes) -> bytes:
    """An archive whose first batch is a link to a file of the machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for i, (name, content) in enumerate(small.unpacked.items()):
            member = tarfile.TarInfo(name)
            if i == 0:
                member.type, member.linkname = kind, "/etc/hostname"
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@cifars
def test_strange_archives(small: Small, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = small.unpacked
    good = small.files[small.module.DATA.archive]
    without = {name: small.unpacked[name] for name in rest}
    for content, reason in (
        (b"", "not (empty file|.*) in"),
        (b"text", "expected a gzipped tar archive, received bytes that are not"),
        (gzip.compress(b"text" * 1000), "expected a gzipped tar archive, received bytes that are not"),
        (good[: len(good) // 2], "expected a gzipped tar archive, received bytes that are not"),
        (tar_gz(without), rf"received one without {Path(first).name} in"),
        (tar_gz({**without, f"../{first}": small.unpacked[first]}), "received one without"),
        (tar_gz({**without, f"/{first}": small.unpacked[first]}), "received one without"),
        (tar_gz({first: bytes(4_000_000)}), rf"{Path(first).name} is no file of at most \d+ bytes"),
        (linked(small, tarfile.SYMTYPE), "is no file of at most"),
        (linked(small, tarfile.LNKTYPE), "is no file of at most"),
        (linked(small, tarfile.FIFOTYPE), "is no file of at most"),
    ):
        repacked(small, monkeypatch, cache, content)
        with pytest.raises(ValueError, match=reason) as caught:
            small.load()
        assert str(caught.value).startswith(f"{small.name}.load_data: expected ")
        assert str(caught.value).endswith(". Delete it and call again: a fresh copy is then downloaded.")
    repacked(small, monkeypatch, cache, tar_gz({"../out": b"out", str(tmp_path / "out"): b"", **small.unpacked}))
    small.check(small.load())
    assert files_in(cache) == [small.module.DATA.archive]
    assert not list(tmp_path.rglob("out"))


def with_batch(small: Small, monkeypatch: pytest.MonkeyPatch, cache: Path, content: bytes) -> None:
    """The data set whose last batch is ``content``, under hashes that are right."""
    *_, last = small.module.DATA.batches
    batches = {**small.module.DATA.batches, last: (hashlib.md5(content).hexdigest(), 260)}
    monkeypatch.setattr(small.module, "DATA", dataclasses.replace(small.module.DATA, batches=batches))
    small.write(cache, unpacked=True)
    (cache / small.module.DATA.folder / last).write_bytes(content)


@cifars
def test_batches_of_other_contents(small: Small, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, batch = small.batches.values()
    images, kind = batch["data"], list(small.module.DATA.classes)[-1]
    classes = small.module.DATA.classes[kind]
    labels = rf"260 {kind} of 0 … {classes - 1}, received others"
    for changes, reason in (
        ({"data": images[:256]}, r"of 260 images of 3072 bytes, received \(256, 3072\)"),
        ({"data": images[:, :3071]}, r"received \(260, 3071\)"),
        ({"data": [1, 2]}, "received list"),
        ({kind: batch[kind][:-1]}, labels),
        ({kind: [*batch[kind][:-1], classes]}, labels),
        ({kind: [b"1"] * 260}, labels),
        ({kind: [b"text", 1]}, labels),
    ):
        with_batch(small, monkeypatch, cache, python2_pickle({**batch, **changes}))
        with pytest.raises(ValueError, match=reason):
            small.load()
    with_batch(small, monkeypatch, cache, python2_pickle({"data": images}))
    with pytest.raises(
        ValueError, match=rf"received {'test_batch' if small.name == 'cifar10' else 'test'} with KeyError"
    ):
        small.load()
    with_batch(small, monkeypatch, cache, python2_pickle(batch))
    small.check(small.load())


@cifars
def test_pickles_can_do_nothing(small: Small, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content, name in (
        (pickle.dumps(Trap(tmp_path / "sprung"), 2), "__builtin__.getattr"),
        (b"cos\nsystem\n(S'touch " + os.fsencode(tmp_path / "sprung") + b"'\ntR.", "os.system"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "numpy.core.multiarray.fromfile"),
        (b"cbuiltins\neval\n.", "builtins.eval"),
    ):
        with_batch(small, monkeypatch, cache, content)
        with pytest.raises(ValueError, match=f"UnpicklingError: it asks for {name}"):
            small.load()
    assert not (tmp_path / "sprung").exists()
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"), 2))
    assert (tmp_path / "sprung").exists()  # the trap works


def test_label_mode(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    small = small_cifar("cifar100", monkeypatch)
    small.write(cache)
    (_, y_train), (_, y_test) = cifar100.load_data(label_mode="coarse")
    np.testing.assert_array_equal(y_train[:, 0], small.batches["train"]["coarse_labels"])
    np.testing.assert_array_equal(y_test[:, 0], small.batches["test"]["coarse_labels"])
    small.check(cifar100.load_data("fine"))
    with pytest.raises(ValueError, match=r"cifar100\.load_data: expected label_mode 'fine' or 'coarse', received 'x'"):
        cifar100.load_data("x")  # type: ignore[arg-type]


@pytest.mark.keras
@names
def test_keras_reads_the_same(
    keras_cache: Path, small: Small, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the files that Keras itself has downloaded and unpacked, tinycnn reads what Keras reads."""
    import keras
    from keras.src.datasets import cifar10 as keras_cifar10
    from keras.src.datasets import cifar100 as keras_cifar100
    from keras.src.datasets import fashion_mnist as keras_fashion_mnist
    from keras.src.utils import file_utils

    theirs = {"cifar10": keras_cifar10, "cifar100": keras_cifar100, "fashion_mnist": keras_fashion_mnist}[small.name]
    for file, content in small.files.items():
        server.routes[f"/{Path(file).name}"] = content

    def get_file(fname: str, origin: str, file_hash: str | None = None, **options: object) -> str:
        return file_utils.get_file(fname, server.url + origin.rsplit("/", 1)[1], cache_dir=tmp_path / "k", **options)

    (tmp_path / "k").mkdir()
    monkeypatch.setattr(theirs, "get_file", get_file)
    if small.name == "cifar10":  # Keras counts on five times 10,000 images
        batches = list(small.batches.values())
        sizes = [len(batch["data"]) for batch in batches]
        load_batch = keras.src.datasets.cifar.load_batch
        monkeypatch.setattr(theirs, "load_batch", lambda path: padded(load_batch(path), path.endswith("test_batch")))
        (x_train, y_train), test = theirs.load_data()
        keep = np.concatenate([np.arange(n) + 10_000 * i for i, n in enumerate(sizes[:-1])])
        data = (x_train[keep], y_train[keep]), test
    else:
        data = theirs.load_data()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "k"))
    mine = small.load()
    small.check(mine)
    for part, expected in zip(mine, data, strict=True):
        for array, array_of_keras in zip(part, expected, strict=True):
            np.testing.assert_array_equal(array, array_of_keras)
            assert array.dtype == array_of_keras.dtype


def padded(batch: tuple, is_test: bool) -> tuple:
    images, labels = batch
    if is_test:
        return batch
    rest = 10_000 - len(images)
    return np.pad(images, ((0, rest), (0, 0), (0, 0), (0, 0))), np.pad(labels, (0, rest))

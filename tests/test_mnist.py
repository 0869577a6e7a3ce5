"""mnist.load_data: every place it looks in, every way in which that can fail, and the real files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinycnn.datasets import DownloadError, download, mnist, mnist_files, places

PROJECT = Path(__file__).parents[1]
REAL_DATA = os.environ.get("TINYCNN_DATA")  # read before `own_places` takes it away
Arrays = dict[str, np.ndarray]

STEMS = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


# --- a small MNIST, its files, and a place of its own for each test ---


def small_arrays(seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (30, 28, 28), "uint8"),
        "y_train": rng.integers(0, 10, (30,), "uint8"),
        "x_test": rng.integers(0, 256, (7, 28, 28), "uint8"),
        "y_test": rng.integers(0, 10, (7,), "uint8"),
    }


def table_of(arrays: Arrays) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (a.shape, hashlib.sha256(a.tobytes()).hexdigest()) for name, a in arrays.items()}


def npz(arrays: Arrays, compressed: bool = True) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, arrays: Arrays, spelling: Callable[[str], str] = str) -> None:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        file = folder / spelling(STEMS[name])
        file.write_bytes(gzip.compress(idx(array)) if file.suffix == ".gz" else idx(array))


def assert_is(data: tuple, arrays: Arrays) -> None:
    (x_train, y_train), (x_test, y_test) = data
    for array, name in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)
        assert array.dtype == np.uint8
        assert array.flags.writeable


def isolate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder of its own, no settings, no proxy, no waiting."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in (
            "TINYCNN_DATA",
            "TINYCNN_CACHE",
            "XDG_CACHE_HOME",
            "KERAS_HOME",
        ):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(download, "TIMEOUT", 5.0)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder of its own, no settings, no proxy, no network, no waiting."""
    isolate(tmp_path, monkeypatch)
    monkeypatch.setattr(mnist, "MIRRORS", ())


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Small arrays that count as MNIST."""
    arrays = small_arrays(seed=0)
    monkeypatch.setattr(mnist_files, "ARRAYS", table_of(arrays))
    return arrays


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """tinycnn's cache folder, where the environment sets none. Not made yet."""
    return tmp_path / "home" / ".cache" / "tinycnn"


# --- a server on the loopback interface ---


class Server:
    """Serves ``routes``: path -> bytes, or a function (handler, number of the request for this path)."""

    def __init__(self) -> None:
        self.routes: dict[str, bytes | Callable] = {}
        self.requests: list[str] = []
        self.release = threading.Event()  # set at the end: lets stalled answers go
        lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with lock:
                    server.requests.append(self.path)
                    number = server.requests.count(self.path)
                route = server.routes.get(self.path)
                if route is None:
                    self.send_error(404)
                elif callable(route):
                    route(self, number)
                else:
                    send(self, route)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.release = self.release  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, length: int | None = None, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def serve_idx(server: Server, arrays: Arrays, folder: str = "/idx/", packed: bool = True) -> None:
    for name, array in arrays.items():
        server.routes[f"{folder}{STEMS[name]}.gz"] = gzip.compress(idx(array), 1) if packed else idx(array)


# --- where it looks ---


@pytest.mark.parametrize("as_type", [str, Path])
def test_explicit_file(tmp_path: Path, arrays: Arrays, as_type: type) -> None:
    file = tmp_path / "my digits.npz"
    file.write_bytes(npz(arrays))
    assert_is(mnist.load_data(as_type(file)), arrays)
    assert_is(mnist.load_data(path=as_type(file)), arrays)


def test_explicit_folder_with_npz(tmp_path: Path, arrays: Arrays) -> None:
    (tmp_path / "mnist.npz").write_bytes(npz(arrays, compressed=False))
    assert_is(mnist.load_data(tmp_path), arrays)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-idx", ".idx"])
def test_explicit_folder_with_idx_files(tmp_path: Path, arrays: Arrays, mark: str, suffix: str) -> None:
    write_idx(tmp_path / "idx", arrays, lambda stem: stem.replace("-idx", mark) + suffix)
    assert_is(mnist.load_data(tmp_path / "idx"), arrays)


def test_idx_files_in_mixed_spellings(tmp_path: Path, arrays: Arrays) -> None:
    spellings = iter(["{}", "{}.gz", "{}", "{}.gz"])
    write_idx(tmp_path / "idx", arrays, lambda stem: next(spellings).format(stem))
    assert_is(mnist.load_data(tmp_path / "idx"), arrays)


def test_home_sign_in_path_and_settings(tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "m.npz").write_bytes(npz(arrays))
    assert_is(mnist.load_data("~/m.npz"), arrays)
    monkeypatch.setenv("TINYCNN_DATA", "~/m.npz")
    assert_is(mnist.load_data(), arrays)
    monkeypatch.delenv("TINYCNN_DATA")
    (tmp_path / "home" / "mnist.npz").write_bytes(npz(arrays))
    monkeypatch.setenv("TINYCNN_CACHE", "~")
    assert_is(mnist.load_data(), arrays)


def test_relative_path_means_the_current_folder_first(
    tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.npz").write_bytes(npz(arrays))
    cache.mkdir(parents=True)
    (cache / "my.npz").write_bytes(b"not looked at")
    assert_is(mnist.load_data("my.npz"), arrays)


@pytest.mark.parametrize("place", [".cache/tinycnn", ".keras/datasets"])
def test_relative_path_may_mean_a_cache_folder_as_in_keras(
    tmp_path: Path, arrays: Arrays, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "home" / place
    folder.mkdir(parents=True)
    (folder / "my.npz").write_bytes(npz(arrays))
    assert_is(mnist.load_data("my.npz"), arrays)


def test_folder_that_exists_is_not_exchanged_for_the_cache(
    tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(npz(arrays))
    with pytest.raises(FileNotFoundError, match=r"\.: no mnist\.npz and no train-images-idx3-ubyte, "):
        mnist.load_data(".")


def test_default_name_is_searched_but_a_path_object_is_taken_as_given(
    tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist.npz").write_bytes(npz(small_arrays(seed=5)))
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(npz(arrays))
    assert_is(mnist.load_data("mnist.npz"), arrays)
    with pytest.raises(ValueError, match="received other contents"):
        mnist.load_data(Path("mnist.npz"))


def test_order_of_search(
    tmp_path: Path, arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place in turn holds the good file; all later ones hold a bad one, which must not be looked at."""
    keras = tmp_path / "home" / ".keras" / "datasets"
    setting, explicit = tmp_path / "setting", tmp_path / "explicit"
    places = [explicit, setting, cache, keras]
    for place in places:
        place.mkdir(parents=True)
        (place / "mnist.npz").write_bytes(b"bad")
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    server.routes["/mnist.npz"] = npz(arrays)

    monkeypatch.setenv("TINYCNN_DATA", str(setting))
    for place in places:
        if place is cache:
            monkeypatch.delenv("TINYCNN_DATA")
        (place / "mnist.npz").write_bytes(npz(arrays))
        assert_is(mnist.load_data(explicit) if place is explicit else mnist.load_data(), arrays)
        (place / "mnist.npz").write_bytes(b"bad")
        if place is cache:
            (place / "mnist.npz").unlink()
    assert server.requests == []
    (keras / "mnist.npz").unlink()
    assert_is(mnist.load_data(), arrays)
    assert server.requests == ["/mnist.npz"]


@pytest.mark.parametrize("form", ["file", "npz folder", "idx folder"])
def test_tinycnn_data(tmp_path: Path, arrays: Arrays, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    if form == "idx folder":
        write_idx(folder, arrays)
    else:
        (folder / "mnist.npz").write_bytes(npz(arrays))
    monkeypatch.setenv("TINYCNN_DATA", str(folder / "mnist.npz" if form == "file" else folder))
    assert_is(mnist.load_data(), arrays)


def test_empty_settings_count_as_unset(arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(npz(arrays))
    for name in ("TINYCNN_DATA", "TINYCNN_CACHE", "XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.setenv(name, "")
    assert_is(mnist.load_data(), arrays)


def test_cache_folder(tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("own", "xdg/tinycnn"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "mnist.npz").write_bytes(b"bad")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg" / "tinycnn" / "mnist.npz").write_bytes(npz(arrays))
    assert_is(mnist.load_data(), arrays)
    monkeypatch.setenv("TINYCNN_CACHE", str(tmp_path / "own"))
    with pytest.raises(ValueError, match="own"):
        mnist.load_data()


def test_relative_xdg_cache_home_does_not_count(
    tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "xdg" / "tinycnn").mkdir(parents=True)
    (tmp_path / "xdg" / "tinycnn" / "mnist.npz").write_bytes(b"bad")
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(npz(arrays))
    assert_is(mnist.load_data(), arrays)


@pytest.mark.parametrize("setting", [None, "keras home"])
def test_keras_cache_is_read_and_never_written(
    tmp_path: Path, arrays: Arrays, cache: Path, setting: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / ".keras" if setting is None else tmp_path / setting
    if setting:
        monkeypatch.setenv("KERAS_HOME", str(home))
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "mnist.npz").write_bytes(npz(arrays))
    before = (home / "datasets" / "mnist.npz").stat()
    assert_is(mnist.load_data(), arrays)
    assert (home / "datasets" / "mnist.npz").stat().st_mtime_ns == before.st_mtime_ns
    assert [p.name for p in (home / "datasets").iterdir()] == ["mnist.npz"]
    assert not cache.exists()


@pytest.fixture
def damaged_keras_file(tmp_path: Path, arrays: Arrays) -> Path:
    file = tmp_path / "home" / ".keras" / "datasets" / "mnist.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(npz(arrays)[:1000])
    return file


def test_damaged_keras_cache_is_passed_over_with_a_warning(
    arrays: Arrays, damaged_keras_file: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    with pytest.warns(RuntimeWarning, match=r"Keras's copy is left as it is and not used") as record:
        data = mnist.load_data()
    assert_is(data, arrays)
    assert record[0].filename == __file__
    assert damaged_keras_file.read_bytes() == npz(arrays)[:1000]


@pytest.mark.filterwarnings("ignore:mnist.load_data")
def test_damaged_keras_cache_is_named_where_the_download_fails_too(damaged_keras_file: Path) -> None:
    with pytest.raises(DownloadError, match=rf"File is not a zip file\) in {damaged_keras_file}"):
        mnist.load_data()
    assert damaged_keras_file.exists()


# --- places without MNIST ---


def test_missing_explicit_path(tmp_path: Path, arrays: Arrays, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    server.routes["/mnist.npz"] = npz(arrays)
    for path in (tmp_path / "none.npz", str(tmp_path / "none")):
        with pytest.raises(
            FileNotFoundError,
            match=r"mnist\.load_data: expected path to name an npz file or a folder with MNIST, "
            r"received '.*none.*' \(.*none.*: no such file or folder\)\. "
            r"Mend the path, or leave it out to search and download\.",
        ):
            mnist.load_data(path)
    assert server.requests == []


def test_missing_relative_path_lists_all_places(
    tmp_path: Path, arrays: Arrays, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"received 'my\.npz'") as caught:
        mnist.load_data("my.npz")
    for place in (
        "(my.npz:",
        str(cache / "my.npz"),
        str(tmp_path / "home" / ".keras" / "datasets" / "my.npz"),
    ):
        assert place in str(caught.value)


def test_incomplete_idx_folder_says_what_is_missing(tmp_path: Path, arrays: Arrays) -> None:
    write_idx(tmp_path / "idx", arrays)
    (tmp_path / "idx" / STEMS["y_train"]).unlink()
    with pytest.raises(FileNotFoundError, match=r"no mnist\.npz and no train-labels-idx1-ubyte in it"):
        mnist.load_data(tmp_path / "idx")


@pytest.mark.parametrize("make", [False, True])
def test_tinycnn_data_without_mnist_is_an_error(
    tmp_path: Path, arrays: Arrays, cache: Path, server: Server, make: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where MNIST is in the cache and on the network: a wrong setting is not passed over."""
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(npz(arrays))
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    server.routes["/mnist.npz"] = npz(arrays)
    if make:
        (tmp_path / "data").mkdir()
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path / "data"))
    reason = "no mnist.npz and no train-images-idx3-ubyte" if make else "no such file or folder"
    with pytest.raises(
        FileNotFoundError,
        match=rf"mnist\.load_data: expected TINYCNN_DATA to name .*, received '.*data' \(.*{reason}.*\)\. "
        r"Put mnist\.npz there, or unset TINYCNN_DATA to download it\.",
    ):
        mnist.load_data()
    assert server.requests == []


@pytest.mark.parametrize("path", [None, 3, b"mnist.npz"])
def test_wrong_type_of_path(path: object) -> None:
    with pytest.raises(TypeError, match=r"mnist\.load_data: expected path as a str or Path, received .*\. Name a file"):
        mnist.load_data(path)  # type: ignore[arg-type]


def test_empty_path() -> None:
    with pytest.raises(FileNotFoundError, match="received ''"):
        mnist.load_data("")


def test_not_available_and_damaged_can_be_told_apart() -> None:
    """`python -m tinycnn.train --data auto` goes on without MNIST on the first kind only."""
    assert issubclass(DownloadError, OSError)
    assert not issubclass(DownloadError, (FileNotFoundError, ValueError))
    assert not issubclass(FileNotFoundError, DownloadError)


# --- damaged and foreign files ---


class Trap:
    """Whoever unpickles it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.file,))


def npz_of_members(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(array: np.ndarray, version: tuple[int, int] | None = None, shape: tuple[int, ...] | None = None) -> bytes:
    """The array as an .npy file; ``shape`` may lie about it."""
    buffer = io.BytesIO()
    if shape is None:
        np.lib.format.write_array(buffer, array, version=version)
        return buffer.getvalue()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + array.tobytes()


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def damaged_npz(kind: str, a: Arrays) -> bytes:
    stored = npz(a, compressed=False)
    members = {f"{name}.npy": npy(array) for name, array in a.items()}
    return {
        "empty": b"",
        "text": b"<html>Please log in to this network</html>",
        "truncated": npz(a)[: len(npz(a)) // 2],
        "one bit in the pixels": flipped(stored, stored.index(a["x_train"].tobytes()) + 5000),
        "one pixel": npz({**a, "x_train": np.where(np.arange(28) == 3, a["x_train"] ^ 1, a["x_train"])}),
        "one label": npz({**a, "y_test": (a["y_test"] + 1) % 10}),
        "without y_test": npz({name: array for name, array in a.items() if name != "y_test"}),
        "other names": npz({"images": a["x_train"], "labels": a["y_train"]}),
        "shape": npz({**a, "x_test": a["x_test"].reshape(7, 784)}),
        "dtype": npz({**a, "y_train": a["y_train"].astype("int64")}),
        "float pixels": npz({**a, "x_train": a["x_train"] / 255}),
        "same shapes, other pictures": npz(small_arrays(seed=9)),
        "train and test exchanged": npz(
            {"x_train": a["x_test"], "y_train": a["y_test"], "x_test": a["x_train"], "y_test": a["y_train"]}
        ),
        "too few bytes for the shape": npz_of_members(
            {**members, "x_train.npy": npy(a["x_train"][:5], shape=a["x_train"].shape)}
        ),
        "npy version 2": npz_of_members({**members, "x_train.npy": npy(a["x_train"], version=(2, 0))}),
        "member is no npy file": npz_of_members({**members, "x_train.npy": b"hello"}),
    }[kind]


DAMAGED = {
    "empty": r"not \(File is not a zip file\)",
    "text": r"expected an npz file with x_train, y_train, x_test, y_test, received bytes that are not "
    r"\(File is not a zip file\)",
    "truncated": "not a zip file",
    "one bit in the pixels": "Bad CRC-32",
    "one pixel": r"expected MNIST's x_train \(SHA-256 [0-9a-f]{16}…\), received other contents \(SHA-256 ",
    "one label": "expected MNIST's y_test .* received other contents",
    "without y_test": "received one without y_test",
    "other names": "received one without x_train",
    "shape": r"expected x_test of shape \(7, 28, 28\) and dtype uint8, "
    r"received shape \(7, 784\) and dtype uint8",
    "dtype": r"expected y_train of shape \(30,\) and dtype uint8, received shape \(30,\) and dtype int64",
    "float pixels": "dtype float64",
    "same shapes, other pictures": "expected MNIST's x_train .* received other contents",
    "train and test exchanged": r"received shape \(7, 28, 28\)",
    "too few bytes for the shape": "Failed to read all data|expected 23520 bytes got 3920",
    "npy version 2": r"version \(2, 0\) of the npy format",
    "member is no npy file": "npz file",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_or_foreign_npz(tmp_path: Path, arrays: Arrays, kind: str) -> None:
    file = tmp_path / "given.npz"
    data = damaged_npz(kind, arrays)
    file.write_bytes(data)
    with pytest.raises(ValueError, match=DAMAGED[kind]) as caught:
        mnist.load_data(file)
    message = str(caught.value)
    assert message.startswith("mnist.load_data: expected ")
    assert message.endswith(f" in {file}. Pass a good copy, or no path to search and download.")
    assert file.read_bytes() == data


def test_undamaged_twins_of_the_damaged_files_load(tmp_path: Path, arrays: Arrays) -> None:
    """So that the cases above fail for the reason they name."""
    members = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    members["x_train.npy"] = npy(arrays["x_train"], shape=arrays["x_train"].shape)
    members["x_test.npy"] = npy(np.asfortranarray(arrays["x_test"]))
    (tmp_path / "good.npz").write_bytes(npz_of_members(members))
    data = mnist.load_data(tmp_path / "good.npz")
    assert_is(data, arrays)
    assert data[1][0].flags.c_contiguous


def test_pickles_stay_closed(tmp_path: Path, arrays: Arrays) -> None:
    trap = np.empty(30, object)
    trap[:] = [Trap(tmp_path / "sprung")] * 30
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, "y_train": trap})
    (tmp_path / "given.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"received shape .* and dtype object"):
        mnist.load_data(tmp_path / "given.npz")
    assert not (tmp_path / "sprung").exists()
    with np.load(tmp_path / "given.npz", allow_pickle=True) as file:
        assert file["y_train"] is not None
    assert (tmp_path / "sprung").exists()  # the trap works


def test_huge_declared_array_gets_no_memory(tmp_path: Path, arrays: Arrays) -> None:
    members = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    members["x_train.npy"] = npy(arrays["x_train"], shape=(10**6, 28, 28))
    (tmp_path / "given.npz").write_bytes(npz_of_members(members))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"received shape \(1000000, 28, 28\)"):
            mnist.load_data(tmp_path / "given.npz")
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_file_over_the_limit_is_not_read_to_its_end(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "given.npz"
    file.write_bytes(npz(arrays, compressed=False))
    monkeypatch.setattr(mnist_files, "FILE_LIMIT", file.stat().st_size - 1)
    with pytest.raises(ValueError, match=r"expected a file of at most \d+ bytes, received \d+ in .*given"):
        mnist.load_data(file)
    monkeypatch.setattr(mnist_files, "FILE_LIMIT", file.stat().st_size)
    assert_is(mnist.load_data(file), arrays)


def test_real_mnist_is_within_the_limits() -> None:
    """Uncompressed, with room for headers."""
    size = 70_000 * (28 * 28 + 1) + 10_000
    assert size < mnist_files.FILE_LIMIT
    assert size < download.SIZE_LIMIT


def test_damaged_file_in_tinycnn_data(tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"text")
    monkeypatch.setenv("TINYCNN_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"mnist\.npz\. Put a good copy there, or unset TINYCNN_DATA to download one"):
        mnist.load_data()


def test_damaged_file_in_the_cache_is_kept_and_named(
    arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    server.routes["/mnist.npz"] = npz(arrays)
    cache.mkdir(parents=True)
    (cache / "mnist.npz").write_bytes(b"somebody's file")
    with pytest.raises(ValueError, match=r"mnist\.npz\. Delete it and call again: a fresh copy is then downloaded"):
        mnist.load_data()
    assert (cache / "mnist.npz").read_bytes() == b"somebody's file"
    assert server.requests == []
    (cache / "mnist.npz").unlink()
    assert_is(mnist.load_data(), arrays)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: b"", r"starts with bytes 00 00 08 03, received no bytes"),
        (lambda d: b"hello, this is text", r"starts with bytes 00 00 08 03, received 68 65 6c 6c"),
        (lambda d: b"\0\0\x0d\x03" + d[4:], "received 00 00 0d 03"),  # floats
        (lambda d: b"\0\0\x08\x01" + d[4:], "received 00 00 08 01"),  # labels
        (
            lambda d: d[:4] + struct.pack(">I", 31) + d[8:],
            r"shape \(30, 28, 28\), received shape \(31, 28, 28\)",
        ),
        (lambda d: d[:4] + struct.pack("<I", 30) + d[8:], r"received shape \(503316480, 28, 28\)"),
        (lambda d: d[:10], r"received shape \(30, 0, 0\)"),
        (lambda d: d[:-1], "expected 23536 bytes of x_train, received 23535"),
        (lambda d: d[:16], "expected 23536 bytes of x_train, received 16"),
        (lambda d: d + b"\0", "expected 23536 bytes of x_train, received more"),
        (lambda d: d + bytes(100_000), "expected 23536 bytes of x_train, received more"),
        (lambda d: flipped(d, 2000), "expected MNIST's x_train .* received other contents"),
    ],
)
def test_damaged_or_foreign_idx(
    tmp_path: Path, arrays: Arrays, damage: Callable[[bytes], bytes], message: str, suffix: str
) -> None:
    write_idx(tmp_path / "idx", arrays, lambda stem: stem + suffix)
    file = tmp_path / "idx" / (STEMS["x_train"] + suffix)
    data = damage(idx(arrays["x_train"]))
    file.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(ValueError, match=message) as caught:
        mnist.load_data(tmp_path / "idx")
    assert f" in {file}. Pass a good copy" in str(caught.value)


def test_damaged_gzip(tmp_path: Path, arrays: Arrays) -> None:
    write_idx(tmp_path / "idx", arrays, lambda stem: stem + ".gz")
    file = tmp_path / "idx" / (STEMS["x_train"] + ".gz")
    good = file.read_bytes()
    for bad in (good[:5000], good[:-4], flipped(good, len(good) - 6), flipped(good, 3000), good + b"more"):
        file.write_bytes(bad)
        with pytest.raises(ValueError, match=r"expected a whole gzip file, received bytes that are not|received other"):
            mnist.load_data(tmp_path / "idx")


def test_gzip_bomb_is_unpacked_no_further_than_needed(tmp_path: Path, arrays: Arrays) -> None:
    write_idx(tmp_path / "idx", arrays, lambda stem: stem + ".gz")
    bomb = gzip.compress(idx(arrays["x_train"]) + bytes(10**8), 1)
    (tmp_path / "idx" / (STEMS["x_train"] + ".gz")).write_bytes(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="received more"):
            mnist.load_data(tmp_path / "idx")
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", ["npz", "stored npz", "idx.gz", "idx"])
def test_random_damage_is_a_value_error_or_harmless(arrays: Arrays, form: str) -> None:
    """Whatever happens to the bytes, the result is the true arrays or a ValueError."""
    rng = np.random.default_rng(2)
    data = {
        "npz": npz(arrays),
        "stored npz": npz(arrays, compressed=False),
        "idx.gz": gzip.compress(idx(arrays["x_test"])),
        "idx": idx(arrays["x_test"]),
    }[form]
    refused = 0
    for i in range(200):
        bad = bytearray(data)
        # Half of the blows go to the ends, where headers and directories are.
        reach = len(bad) if i % 2 else 200
        for position in rng.integers(-reach, reach, rng.integers(1, 6)):
            bad[position] = rng.integers(256)
        if i % 10 == 0:
            del bad[rng.integers(len(bad)) :]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if "npz" in form:
                    read = mnist_files.read_npz(bytes(bad), "here")
                else:
                    read = {"x_test": mnist_files.read_idx(bytes(bad), "x_test", "here")}
        except ValueError as error:
            refused += 1
            assert str(error).startswith("expected ")  # noqa: PT017
            assert str(error).endswith(" in here")  # noqa: PT017
        else:
            for name, array in read.items():
                np.testing.assert_array_equal(array, arrays[name])
    assert refused > 100


# --- downloads ---


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("form", ["npz", "idx.gz", "idx"])
def test_download(
    arrays: Arrays,
    cache: Path,
    server: Server,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture,
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    serve_idx(server, arrays, packed=form == "idx.gz")
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + ("mnist.npz" if form == "npz" else "idx/"),))
    assert_is(mnist.load_data(), arrays)
    assert files_in(cache) == ["mnist.npz"]
    assert len(server.requests) == (1 if form == "npz" else 4)
    assert capfd.readouterr() == ("", "")  # no terminal, no progress bar
    server.requests.clear()
    assert_is(mnist.load_data(), arrays)
    assert_is(mnist.load_data(cache / "mnist.npz"), arrays)
    assert server.requests == []
    with np.load(cache / "mnist.npz", allow_pickle=False) as file:
        assert sorted(file) == sorted(arrays)  # Keras's layout


def test_file_in_the_cache_follows_the_users_umask(
    arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    old = os.umask(0o022)
    try:
        mnist.load_data()
    finally:
        os.umask(old)
    assert (cache / "mnist.npz").stat().st_mode & 0o777 == 0o644


def test_progress_bar_on_a_terminal(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    server.routes["/mnist.npz"] = bytes(300_000)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    download.fetch(server.url + "mnist.npz")
    assert "mnist.npz: " in terminal.getvalue()
    assert "300k" in terminal.getvalue()


def fail_404(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_error(404)


def fail_500(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_error(500)


def redirect_to_itself(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def redirect_to_a_file(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/hostname")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def redirect_to_ftp(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.send_response(302)
    handler.send_header("Location", "ftp://127.0.0.1:1/mnist.npz")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def break_off(handler: BaseHTTPRequestHandler, number: int) -> None:
    send(handler, bytes(3000), length=9000)


def break_off_chunked(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"ff\r\n" + bytes(100))
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.close_connection = True


def too_short_a_length(handler: BaseHTTPRequestHandler, number: int) -> None:
    send(handler, npz(small_arrays(seed=0)), length=9000)


def no_http(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.wfile.write(b"220 mail.example.org ready\r\n")
    handler.close_connection = True


def flood_of_headers(handler: BaseHTTPRequestHandler, number: int) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 1000)
    handler.close_connection = True


def packed_once_more(handler: BaseHTTPRequestHandler, number: int) -> None:
    body = gzip.compress(npz(small_arrays(seed=0)))
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body)
    handler.close_connection = True


def wrong_bytes(handler: BaseHTTPRequestHandler, number: int) -> None:
    send(handler, b"<html>Please log in</html>")


def other_data(handler: BaseHTTPRequestHandler, number: int) -> None:
    send(handler, npz(small_arrays(seed=9)))


def nothing(handler: BaseHTTPRequestHandler, number: int) -> None:
    send(handler, b"")


# route, requests that are made, text of the reason
FAILURES = {
    "404": (fail_404, 1, "HTTP 404 Not Found"),
    "500": (fail_500, 3, "HTTP 500 Internal Server Error"),
    "redirect loop": (redirect_to_itself, None, "infinite loop"),
    "redirect to a file": (redirect_to_a_file, 1, "not allowed"),
    "redirect to FTP": (redirect_to_ftp, 3, "unknown url type: ftp"),
    "length too short": (too_short_a_length, 1, "File is not a zip file"),
    "no HTTP": (no_http, 3, "220 mail.example.org ready"),
    "flood of headers": (flood_of_headers, 3, "more than 100 headers"),
    "packed once more": (packed_once_more, 1, "File is not a zip file"),
    "broken off": (break_off, 3, "expected 9000 bytes, received 3000"),
    "broken off, chunked": (break_off_chunked, 3, "IncompleteRead"),
    "hung up": (hang_up, 3, "Remote end closed connection"),
    "wrong bytes": (wrong_bytes, 1, "File is not a zip file"),
    "other data": (other_data, 1, "expected MNIST's x_train"),
    "no bytes": (nothing, 1, "File is not a zip file"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failed_download(
    arrays: Arrays, cache: Path, server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the address and the reason; nothing is left; a good second mirror makes up for it."""
    route, requests, reason = FAILURES[kind]
    server.routes["/bad.npz"] = route
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "bad.npz",))
    with pytest.raises(
        DownloadError, match=r"mnist\.load_data: expected MNIST on this machine or from a mirror"
    ) as caught:
        mnist.load_data()
    assert f"{server.url}bad.npz" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_in(cache) == []
    if requests is not None:
        assert len(server.requests) == requests

    serve_idx(server, arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "bad.npz", server.url + "idx/"))
    assert_is(mnist.load_data(), arrays)
    assert files_in(cache) == ["mnist.npz"]


@pytest.mark.parametrize("bad", [fail_500, break_off, break_off_chunked, hang_up])
def test_passing_failure_is_tried_again(
    arrays: Arrays, cache: Path, server: Server, bad: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def route(handler: BaseHTTPRequestHandler, number: int) -> None:
        bad(handler, number) if number < 3 else send(handler, npz(arrays))

    server.routes["/mnist.npz"] = route
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    assert_is(mnist.load_data(), arrays)
    assert len(server.requests) == 3
    assert files_in(cache) == ["mnist.npz"]


@pytest.mark.parametrize("code", [408, 429, 503])
def test_busy_server_is_tried_again(server: Server, code: int) -> None:
    server.routes["/file"] = lambda handler, number: handler.send_error(code) if number == 1 else send(handler, b"ok")
    assert download.fetch(server.url + "file") == b"ok"


def test_pauses_grow_between_attempts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.undo()  # the pauses as they are shipped
    monkeypatch.setattr(download.time, "sleep", slept.append)
    server.routes["/file"] = fail_500
    with pytest.raises(DownloadError, match="HTTP 500"):
        download.fetch(server.url + "file")
    assert len(slept) == 3
    assert slept[0] == 0
    assert 0 < slept[1] < slept[2] <= 10


@pytest.mark.parametrize("sent", [0, 3000])
def test_stall_ends_with_the_timeout(
    arrays: Arrays, cache: Path, server: Server, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stall(handler: BaseHTTPRequestHandler, number: int) -> None:
        if sent:
            send(handler, bytes(sent), length=9000)
            handler.wfile.flush()
        server.release.wait(20)

    server.routes["/mnist.npz"] = stall
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with pytest.raises(DownloadError, match=r"mnist\.npz: (The read operation )?timed out"):
        mnist.load_data()
    while len(server.requests) < 3:  # the server may note a request after we gave it up
        time.sleep(0.01)
    assert len(server.requests) == 3
    assert files_in(cache) == []


HTTP_OK = b"HTTP/1.1 200 OK\r\n"

# What the server sends at once, and the bytes that it goes on with, one now and then
DRIPS = {
    "contents": (HTTP_OK + b"Content-Length: 1000\r\n\r\n", b"x", r"received \d+ bytes"),
    "status line": (b"HTTP", b"1", "received 0 bytes"),
    "header": (HTTP_OK + b"X: ", b"y", "received 0 bytes"),
    "size of a chunk": (HTTP_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", "received 0 bytes"),
}


def drip(start: bytes, drop: bytes) -> Callable:
    def route(handler: BaseHTTPRequestHandler, number: int) -> None:
        try:
            handler.wfile.write(start)
            for _ in range(500):
                if handler.server.release.wait(0.02):  # type: ignore[attr-defined]
                    break
                handler.wfile.write(drop)
        except OSError:
            pass

    return route


@pytest.mark.parametrize("what", DRIPS)
def test_drip_ends_with_the_time_limit(server: Server, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte now and then never meets the timeout. After 10 s the server breaks off: that would be another error."""
    start, drop, received = DRIPS[what]
    server.routes["/file"] = drip(start, drop)
    monkeypatch.setattr(download, "TIME_LIMIT", 0.3)
    with pytest.raises(DownloadError, match=rf"file: expected it within 0\.3 s, {received}"):
        download.fetch(server.url + "file")
    assert server.requests == ["/file"]


def test_after_a_drip_comes_the_next_mirror(
    arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = download.fetch

    def fetch(*arguments: object) -> bytes:
        try:
            return real(*arguments)
        finally:
            monkeypatch.setattr(download, "TIME_LIMIT", 60.0)  # that of the next mirror, however busy the machine is

    monkeypatch.setattr(download, "fetch", fetch)
    server.routes["/slow.npz"] = drip(*DRIPS["contents"][:2])
    serve_idx(server, arrays)
    monkeypatch.setattr(download, "TIME_LIMIT", 1.0)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "slow.npz", server.url + "idx/"))
    assert_is(mnist.load_data(), arrays)
    assert files_in(cache) == ["mnist.npz"]


def test_time_limit_is_one_for_all_files_of_a_mirror(
    arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file takes 40 of the 100 s, by a clock that stands still otherwise."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now, sleep=lambda seconds: None)
    monkeypatch.setattr(mnist, "time", clock)
    monkeypatch.setattr(download, "time", clock)

    def slowly(data: bytes) -> Callable:
        def route(handler: BaseHTTPRequestHandler, number: int) -> None:
            clock.now += 40
            send(handler, data)

        return route

    for name, array in arrays.items():
        server.routes[f"/idx/{STEMS[name]}.gz"] = slowly(gzip.compress(idx(array)))
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "idx/",))
    monkeypatch.setattr(download, "TIME_LIMIT", 100.0)
    with pytest.raises(DownloadError, match=r"ubyte\.gz: expected it within 100 s, none are left"):
        mnist.load_data()
    assert len(server.requests) == 3
    monkeypatch.setattr(download, "TIME_LIMIT", 200.0)
    assert_is(mnist.load_data(), arrays)


def test_no_time_left_for_a_file() -> None:
    with pytest.raises(DownloadError, match="file: expected it within 600 s, none are left"):
        download.fetch("http://127.0.0.1:1/file", time.monotonic() - 1)


def test_look_up_of_the_name_ends_with_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: released.wait(20))
    monkeypatch.setattr(download, "TIME_LIMIT", 0.2)
    with pytest.raises(DownloadError, match=r"file: expected it within 0\.2 s, received 0 bytes"):
        download.fetch("http://slow.example.org/file")
    released.set()


def test_where_no_thread_can_be_started(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(DownloadError, match="file: can't start new thread"):
            download.fetch(server.url + "file")


def test_interrupted_download_stops(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C reaches the waiting thread; the one that receives lets go of the server, and its bar goes away."""
    hung_up = threading.Event()

    def endless(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not server.release.wait(0.01):
                handler.wfile.write(bytes(1000))
        except OSError:
            hung_up.set()

    class Interrupted(queue.SimpleQueue):
        def get(self, timeout: float) -> None:
            while not server.requests:
                time.sleep(0.01)
            raise KeyboardInterrupt

    server.routes["/file"] = endless
    monkeypatch.setattr(download.queue, "SimpleQueue", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        download.fetch(server.url + "file")
    assert hung_up.wait(60)


def test_no_further_attempt_after_the_time_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.routes["/file"] = fail_500
    monkeypatch.setattr(download, "PAUSES", (100.0, 100.0))
    monkeypatch.setattr(download, "TIME_LIMIT", 50.0)
    with pytest.raises(DownloadError, match="HTTP 500"):
        download.fetch(server.url + "file")
    assert server.requests == ["/file"]


@pytest.mark.parametrize("honest", [True, False])
def test_endless_file_ends_with_the_size_limit(server: Server, honest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the server names no length (here: HTTP/1.0 until the connection closes)."""

    def endless(handler: BaseHTTPRequestHandler, number: int) -> None:
        handler.send_response(200)
        if honest:
            handler.send_header("Content-Length", str(10**9))
        handler.end_headers()
        try:
            while not server.release.is_set():
                handler.wfile.write(bytes(10_000))
        except OSError:
            pass

    server.routes["/file"] = endless
    monkeypatch.setattr(download, "SIZE_LIMIT", 50_000)
    with pytest.raises(DownloadError, match="file: expected at most 50000 bytes, received more"):
        download.fetch(server.url + "file")
    assert server.requests == ["/file"]


def test_no_connection_within_the_timeout_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Opener:
        def open(self, url: str, timeout: float) -> None:
            calls.append(timeout)
            raise urllib.error.URLError(TimeoutError("timed out"))

    monkeypatch.setattr(download, "_opener", Opener)
    with pytest.raises(DownloadError, match=r"http://host/file: timed out"):
        download.fetch("http://host/file")
    assert calls == [download.TIMEOUT]


def test_final_error_lists_all_that_was_tried_and_what_to_do(
    tmp_path: Path, arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/idx/" + STEMS["x_train"] + ".gz"] = gzip.compress(idx(arrays["x_train"]))
    mirrors = ("http://127.0.0.1:1/mnist.npz", server.url + "mnist.npz", server.url + "idx/")
    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    with pytest.raises(DownloadError) as caught:
        mnist.load_data()
    message = str(caught.value)
    keras = tmp_path / "home" / ".keras" / "datasets" / "mnist.npz"
    parts = [
        "mnist.load_data: expected MNIST on this machine or from a mirror, received neither. Tried: ",
        f"{cache}: no such file or folder; ",
        f"{keras}: no such file or folder; ",
        "http://127.0.0.1:1/mnist.npz: ",
        "refused; ",
        f"{server.url}mnist.npz: HTTP 404 Not Found; ",
        f"{server.url}idx/{STEMS['y_train']}.gz: HTTP 404 Not Found. ",
        "Put mnist.npz in a folder and set TINYCNN_DATA to its path, or use the bundled tinycnn.datasets.digits.",
    ]
    positions = [message.find(part) for part in parts]
    assert -1 not in positions, (message, positions)
    assert positions == sorted(positions)
    assert "proxy" not in message
    assert files_in(cache) == []


def test_proxy_of_the_environment_is_used_and_named(
    arrays: Arrays, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    monkeypatch.setenv("http_proxy", "http://user:secret@127.0.0.1:1")
    with pytest.raises(DownloadError, match=r"Tried \(through the proxy that the environment sets\): ") as caught:
        mnist.load_data()
    assert "secret" not in str(caught.value)
    assert server.requests == []
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert_is(mnist.load_data(), arrays)


def test_opener_of_the_program_stays_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuse(urllib.request.BaseHandler):
        handler_order = 1  # before urllib's own

        def http_open(self, request: urllib.request.Request) -> None:
            raise urllib.error.URLError("the program's own opener")

    server.routes["/file"] = b"ok"
    monkeypatch.setattr(urllib.request, "_opener", urllib.request.build_opener(Refuse))
    with pytest.raises(urllib.error.URLError, match="own opener"):
        urllib.request.urlopen(server.url + "file")
    assert download.fetch(server.url + "file") == b"ok"


@pytest.mark.parametrize("obstacle", ["a file where the folder should be", "replace fails"])
def test_download_that_cannot_be_stored_is_returned_with_a_warning(
    arrays: Arrays, cache: Path, server: Server, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    if obstacle == "replace fails":

        def replace(source: Path, target: Path) -> None:
            raise PermissionError(13, "Permission denied", str(target))

        monkeypatch.setattr(places.os, "replace", replace)
        reason = "Permission denied"
    else:
        cache.parent.write_text("in the way")
        reason = "(File exists|Not a directory)"
    with pytest.warns(
        RuntimeWarning,
        match=rf"mnist\.load_data: expected to store MNIST in .*mnist\.npz, received .*{reason}.*\. "
        "It will be downloaded again next time. Set TINYCNN_CACHE",
    ) as record:
        assert_is(mnist.load_data(), arrays)
    assert record[0].filename == __file__
    if cache.parent.is_file():
        assert cache.parent.read_text() == "in the way"
    else:
        assert files_in(cache) == []


def test_interruption_while_storing_leaves_nothing(
    arrays: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/mnist.npz"] = npz(arrays)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "mnist.npz",))
    seen = []

    def interrupt(descriptor: int) -> None:
        seen.extend(files_in(cache))
        raise KeyboardInterrupt

    monkeypatch.setattr(places.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mnist.load_data()
    assert len(seen) == 1  # the temporary file was in the cache folder itself, under another name
    assert seen[0] != "mnist.npz"
    assert files_in(cache) == []


def test_file_is_on_disk_before_it_gets_its_name(
    tmp_path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(places.os, "fsync", lambda d: (calls.append("fsync"), fsync(d)))
    monkeypatch.setattr(places.os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    places.write(mnist_files.npz(arrays), tmp_path / "mnist.npz")
    assert calls == ["fsync", "replace"]
    assert_is(mnist.load_data(tmp_path), arrays)


def test_readers_see_a_whole_file_while_others_write_it(tmp_path: Path, arrays: Arrays) -> None:
    file = tmp_path / "mnist.npz"
    places.write(mnist_files.npz(arrays), file)
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(15):
                places.write(mnist_files.npz(arrays), file)
        except Exception as error:
            failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers) or reads < 5:
        assert_is(mnist.load_data(file), arrays)
        reads += 1
    for writer in writers:
        writer.join()
    assert failures == []
    assert files_in(tmp_path) == ["home", "mnist.npz"]


def test_two_processes_at_once(arrays: Arrays, tmp_path: Path, cache: Path, server: Server) -> None:
    """Both find the cache empty and both download: the server answers only when both have asked."""
    both = threading.Barrier(2)
    data = npz(arrays)

    def route(handler: BaseHTTPRequestHandler, number: int) -> None:
        both.wait(60)
        send(handler, data)

    server.routes["/mnist.npz"] = route
    program = (
        "import hashlib, json, sys\n"
        "from tinycnn.datasets import mnist, mnist_files\n"
        "mnist_files.ARRAYS = {k: (tuple(s), h) for k, (s, h) in json.loads(sys.argv[1]).items()}\n"
        "mnist.MIRRORS = (sys.argv[2],)\n"
        "(a, b), (c, d) = mnist.load_data()\n"
        "print(*(hashlib.sha256(x.tobytes()).hexdigest() for x in (a, b, c, d)))\n"
    )
    command = [sys.executable, "-c", program, json.dumps(table_of(arrays)), server.url + "mnist.npz"]
    processes = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    expected = " ".join(hash_ for _, hash_ in table_of(arrays).values())
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")
        assert out.strip() == expected
    assert server.requests == ["/mnist.npz"] * 2
    assert files_in(cache) == ["mnist.npz"]
    assert_is(mnist.load_data(), arrays)


def test_mirrors_as_shipped() -> None:
    program = "from tinycnn.datasets import mnist; print(*mnist.MIRRORS)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    mirrors = done.stdout.split()
    assert len(set(mirrors)) == len(mirrors) >= 3
    for mirror in mirrors:
        assert mirror.startswith("https://")
        assert mirror.endswith(("/mnist.npz", "/"))


# --- the real MNIST, and Keras ---


@pytest.fixture(scope="module")
def real() -> Arrays:
    if not REAL_DATA:
        pytest.skip("TINYCNN_DATA is not set: it names the folder with the real MNIST")
    file = Path(REAL_DATA)
    with np.load(file / "mnist.npz" if file.is_dir() else file, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.mnist
def test_real_mnist(real: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYCNN_DATA", str(REAL_DATA))
    data = mnist.load_data()
    assert_is(data, real)
    (x_train, y_train), (x_test, y_test) = data
    assert (x_train.shape, y_train.shape) == ((60000, 28, 28), (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    # Known figures of MNIST: how often each digit occurs in its training and its test set.
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


@pytest.mark.mnist
def test_real_mnist_downloaded_as_idx_gz(
    real: Arrays, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = {  # of the original files, unpacked
        "x_train": "6bbc9ace898e44ae57da46a324031adb",
        "y_train": "a25bea736e30d166cdddb491f175f624",
        "x_test": "2646ac647ad5339dbf082846283269ea",
        "y_test": "27ae3e4e09519cfbb04c329615203637",
    }
    for name, array in real.items():
        assert hashlib.md5(idx(array), usedforsecurity=False).hexdigest() == md5[name]
    serve_idx(server, real)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url + "idx/",))
    assert_is(mnist.load_data(), real)
    assert_is(mnist.load_data(cache), real)
    assert len(server.requests) == 4
    assert files_in(cache) == ["mnist.npz"]


@pytest.mark.mnist
def test_real_mnist_with_one_pixel_changed(real: Arrays, tmp_path: Path) -> None:
    x_test = real["x_test"].copy()
    x_test[9999, 14, 14] ^= 1
    (tmp_path / "mnist.npz").write_bytes(npz({**real, "x_test": x_test}, compressed=False))
    with pytest.raises(ValueError, match=r"expected MNIST's x_test \(SHA-256 6d87418db22cc802…\)"):
        mnist.load_data(tmp_path)


@pytest.mark.keras
def test_signature_and_cache_folder_are_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import inspect

    import keras

    ours, theirs = inspect.signature(mnist.load_data), inspect.signature(keras.datasets.mnist.load_data)
    assert [(p.name, p.default) for p in ours.parameters.values()] == [
        (p.name, p.default) for p in theirs.parameters.values()
    ]
    # Where Keras puts what it downloads: a file that it already has there is returned without a download.
    home = tmp_path / "keras"
    (home / "datasets").mkdir(parents=True)
    (home / "datasets" / "mnist.npz").write_bytes(b"x")
    found = keras.utils.get_file("mnist.npz", origin="http://127.0.0.1:1/mnist.npz", cache_dir=str(home))
    monkeypatch.setenv("KERAS_HOME", str(home))
    with pytest.warns(RuntimeWarning, match=found), pytest.raises(DownloadError):
        mnist.load_data()

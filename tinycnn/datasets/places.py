"""Where data sets are looked for, in which order, and how they come from the network: the same for all of them."""

from __future__ import annotations

import os
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinycnn.datasets.download import DownloadError

Arrays = dict[str, np.ndarray]
Fetched = tuple[Arrays, dict[str, bytes]]  # the arrays, and the files to keep: name -> contents


@dataclass(frozen=True)
class DataSet:
    """What the search has to know of a data set.

    ``find(place)`` names the files at a place, or raises a FileNotFoundError that says what is missing;
    ``read(files)`` and ``fetch(mirror)`` return verified arrays, or raise a ValueError or a DownloadError.
    """

    who: str  # in front of errors: "mnist.load_data"
    title: str  # "MNIST"
    form: str  # what a path names: "an npz file or a folder with MNIST"
    file: str  # what to put into a folder: "mnist.npz"
    keras_place: str  # within Keras's cache folder
    mirrors: tuple[str, ...]
    find: Callable[[str], list[str]]
    read: Callable[[list[str]], Arrays]
    fetch: Callable[[str], Fetched]
    folder: str = ""  # its own within tinycnn's cache folder
    way_out: str = ""  # what else there is: ", or use the bundled digits"


def load(data: DataSet) -> Arrays:
    """The arrays from where ``TINYCNN_DATA`` says, else from a cache folder, else from the network.

    Raises:
        ValueError: a file is damaged or holds other data.
        FileNotFoundError: ``TINYCNN_DATA`` names a place without the data set.
        DownloadError: it is nowhere on this machine, and no mirror could give it.
    """
    if os.environ.get("TINYCNN_DATA"):
        return _read(data, _find_setting(data), "Put a good copy there, or unset TINYCNN_DATA to download one.")
    return _search(data)


def load_path(data: DataSet, path: str) -> Arrays:
    """The arrays from ``path``: as given, or, if it is relative and not there, within the cache folders."""
    return _read(data, _find_path(data, path), "Pass a good copy, or no path to search and download.")


def cache() -> str:
    if os.environ.get("TINYCNN_CACHE"):
        return os.path.expanduser(os.environ["TINYCNN_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # by the XDG specification a relative one does not count
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "tinycnn")


def keras_cache() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return os.path.join(os.path.expanduser(home), "datasets")


def _find_path(data: DataSet, path: str) -> list[str]:
    place = os.path.expanduser(path)
    places = [place]
    if place and not os.path.isabs(place) and not os.path.exists(place):
        places += [os.path.join(cache(), place), os.path.join(keras_cache(), place)]
    reasons = []
    for place in places:
        try:
            return data.find(place)
        except FileNotFoundError as error:
            reasons.append(str(error))
    raise FileNotFoundError(
        f"{data.who}: expected path to name {data.form}, received {path!r} "
        f"({'; '.join(reasons)}). Mend the path, or leave it out to search and download."
    )


def _find_setting(data: DataSet) -> list[str]:
    place = os.environ["TINYCNN_DATA"]
    try:
        return data.find(os.path.expanduser(place))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{data.who}: expected TINYCNN_DATA to name {data.form}, received {place!r} ({error}). "
            f"Put {data.file} there, or unset TINYCNN_DATA to download it."
        ) from None


def _read(data: DataSet, files: list[str], remedy: str) -> Arrays:
    try:
        return data.read(files)
    except ValueError as error:
        raise ValueError(f"{data.who}: {error}. {remedy}") from error


def _search(data: DataSet) -> Arrays:
    reasons = []
    try:
        files = data.find(os.path.join(cache(), data.folder) if data.folder else cache())
    except FileNotFoundError as error:
        reasons.append(str(error))
    else:
        return _read(data, files, "Delete it and call again: a fresh copy is then downloaded.")

    try:
        return data.read(data.find(os.path.join(keras_cache(), data.keras_place)))
    except FileNotFoundError as error:
        reasons.append(str(error))
    except (ValueError, OSError) as error:
        reasons.append(str(error))
        warnings.warn(
            f"{data.who}: {error}. Keras's copy is left as it is and not used.",
            RuntimeWarning,
            stacklevel=4,
        )
    return _download(data, reasons)


def _download(data: DataSet, reasons: list[str]) -> Arrays:
    for mirror in data.mirrors:
        try:
            arrays, files = data.fetch(mirror)
        except (ValueError, DownloadError) as error:
            reasons.append(str(error))
            continue
        for name, content in files.items():
            file = Path(cache()) / data.folder / name
            try:
                write(content, file)
            except OSError as error:
                warnings.warn(
                    f"{data.who}: expected to store {data.title} in {file}, received {error}. "
                    "It will be downloaded again next time. Set TINYCNN_CACHE to a writable folder.",
                    RuntimeWarning,
                    stacklevel=5,
                )
                break
        return arrays
    has_proxy = set(urllib.request.getproxies()) - {"no"}
    proxy = " (through the proxy that the environment sets)" if has_proxy else ""
    raise DownloadError(
        f"{data.who}: expected {data.title} on this machine or from a mirror, received neither. "
        f"Tried{proxy}: {'; '.join(reasons)}. Put {data.file} in a folder and set TINYCNN_DATA to its path"
        f"{data.way_out}."
    )


def write(content: bytes | memoryview, file: Path) -> None:
    """Write ``content`` to ``file`` in one step: other processes see the whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def content(file: str, limit: int) -> bytes:
    """The bytes of ``file``, of which there may be ``limit``."""
    with open(file, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            raise ValueError(f"expected a file of at most {limit} bytes, received {size} in {file}")
        return stream.read(size)

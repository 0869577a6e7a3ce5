"""The files of CIFAR-10 and CIFAR-100: an archive of pickles, or the folder that it unpacks to.

The pickles are read by an unpickler that knows what NumPy's arrays are made of and nothing else, and only after the
file has shown its published hash.
"""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinycnn.datasets import download, places
from tinycnn.datasets.places import Arrays, DataSet
from tinycnn.datasets.published import folder_of, verified

SIDE = 32
PIXELS = 3 * SIDE * SIDE  # of an image: its red plane, its green plane, its blue plane
ARCHIVE_LIMIT = 256 * 2**20  # bytes; both archives have 170 million


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets, as its archive holds it."""

    name: str  # "cifar10"
    title: str  # "CIFAR-10"
    url: str  # the folder of the archive
    archive: str
    archive_hash: str
    keras_archives: tuple[str, ...]  # the names that Keras, and Keras before it, give it
    folder: str  # what the archive unpacks to
    batches: dict[str, tuple[str, int]]  # file: (its MD5, images in it); the last one is the test set
    classes: dict[str, int]  # the labels of an image: how many classes each kind has


def data_set(data: Cifar) -> DataSet:
    """What `places.load` has to know of CIFAR-10 or CIFAR-100.

    Arrays:  x_train (n, 32, 32, 3) and x_test, uint8; <labels>_train (n,) and <labels>_test, int64, for each of
             ``data.classes``
    """
    return DataSet(
        who=f"{data.name}.load_data",
        title=data.title,
        form=f"a folder with {data.archive}, or with {data.folder} in it",
        file=data.archive,
        keras_place="",
        mirrors=(data.url,),
        find=lambda place: _find(data, place),
        read=lambda files: _read(data, files),
        fetch=lambda mirror: _fetch(data, mirror),
    )


def _find(data: Cifar, place: str) -> list[str]:
    folder = folder_of(place)
    target = os.path.join(f"{data.folder}-target", data.folder)  # as Keras unpacks it
    for unpacked in (os.path.join(folder, name) for name in ("", data.folder, target)):
        files = [os.path.join(unpacked, name) for name in data.batches]
        if all(os.path.isfile(file) for file in files):
            return files
    for archive in (data.archive, *data.keras_archives):
        if os.path.isfile(os.path.join(folder, archive)):
            return [os.path.join(folder, archive)]
    raise FileNotFoundError(f"{place}: no {data.archive} and no {data.folder} in it")


def _read(data: Cifar, files: list[str]) -> Arrays:
    if len(files) == 1:
        return _unpack(data, places.content(files[0], ARCHIVE_LIMIT), files[0])
    batches = {}
    for name, file in zip(data.batches, files, strict=True):
        batches[name] = _parse(data, name, places.content(file, _size_limit(data, name)), file)
    return _joined(data, batches)


def _fetch(data: Cifar, mirror: str) -> places.Fetched:
    url = mirror + data.archive
    content = download.fetch(url, size_limit=ARCHIVE_LIMIT)
    return _unpack(data, content, url), {data.archive: content}


def _unpack(data: Cifar, content: bytes, source: str) -> Arrays:
    """The arrays in the bytes of the archive. Nothing is written; members are taken by their exact names."""
    verified(content, data.archive_hash, f"{data.title}'s {data.archive}", source)
    batches = {name: _parse(data, name, batch, source) for name, batch in _members(data, content, source)}
    missing = ", ".join(name for name in data.batches if name not in batches)
    if missing:
        raise ValueError(f"expected an archive with {data.folder}, received one without {missing} in {source}")
    return _joined(data, batches)


def _members(data: Cifar, content: bytes, source: str) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the batches, as they come in a gzipped tar archive; links are not followed."""
    wanted = {f"{data.folder}/{name}": name for name in data.batches}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
            for member in archive:
                name = wanted.pop(member.name, None)
                if name is None:
                    continue
                limit = _size_limit(data, name)
                stream = archive.extractfile(member) if member.isreg() and member.size <= limit else None
                if stream is None:
                    raise tarfile.TarError(f"{name} is no file of at most {limit} bytes")
                yield name, stream.read()
                if not wanted:
                    return
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise ValueError(
            f"expected a gzipped tar archive, received bytes that are not ({error}) in {source}"
        ) from error


def _size_limit(data: Cifar, name: str) -> int:
    """Bytes of a batch: its images, and for each of them its labels and its file's name."""
    return data.batches[name][1] * (PIXELS + 200) + 10_000


class _Unpickler(pickle.Unpickler):
    """Knows the three names that an array in a pickle needs, and refuses all others."""

    KNOWN = {  # noqa: RUF012
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.KNOWN[module, name]


def _parse(data: Cifar, name: str, content: bytes, source: str) -> Arrays:
    """Images and labels of one batch."""
    expected, n = data.batches[name]
    verified(content, expected, f"{data.title}'s {name}", source)
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        images = batch[b"data"]
        labels = {kind: np.array(batch[kind.encode()]) for kind in data.classes}
    except Exception as error:  # a pickle is a program: what a wrong one does is not to be foreseen
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ValueError(
            f"expected a pickled batch of {data.title}, received {name} with {reason} in {source}"
        ) from error
    if type(images) is not np.ndarray or images.dtype != np.uint8 or images.shape != (n, PIXELS):
        shape = getattr(images, "shape", type(images).__name__)
        raise ValueError(f"expected {name} of {n} images of {PIXELS} bytes, received {shape} in {source}")
    for kind, classes in data.classes.items():
        found = labels[kind]
        if found.shape != (n,) or found.dtype.kind != "i" or not ((found >= 0) & (found < classes)).all():
            raise ValueError(f"expected {name} with {n} {kind} of 0 … {classes - 1}, received others in {source}")
    planes = images.reshape(n, 3, SIDE, SIDE)
    return {"x": np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), **labels}


def _joined(data: Cifar, batches: dict[str, Arrays]) -> Arrays:
    *train, test = data.batches
    arrays = {}
    for kind in ("x", *data.classes):
        arrays[f"{kind}_train"] = np.concatenate([batches[name][kind] for name in train])
        arrays[f"{kind}_test"] = batches[test][kind]
    return arrays

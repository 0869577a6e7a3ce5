"""Fashion-MNIST, as ``keras.datasets.fashion_mnist``: found on this machine or downloaded, and always verified."""

from __future__ import annotations

import os
import time

import numpy as np

from tinycnn.datasets import download, mnist_files, places
from tinycnn.datasets.places import DataSet
from tinycnn.datasets.published import folder_of, verified

__all__ = [
    "load_data",
]

Split = tuple[np.ndarray, np.ndarray]

MIRRORS = (  # folders of the four gzipped IDX files
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FOLDER = "fashion-mnist"  # as in Keras's cache: MNIST's files have the same names

# name: (file, its SHA-256, shape). The hashes are those of TensorFlow Datasets, url_checksums/fashion_mnist.txt.
FILES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "x_train": (
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        (60000, 28, 28),
    ),
    "y_train": (
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        (60000,),
    ),
    "x_test": (
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        (10000, 28, 28),
    ),
    "y_test": (
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        (10000,),
    ),
}


def load_data() -> tuple[Split, Split]:
    """Load Fashion-MNIST: 70,000 pictures of clothes, 28x28 pixels, 0 (background) … 255.

    Classes: 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot

    Where it looks: as `tinycnn.datasets.mnist.load_data` without a path, for the four gzipped files of the original
    (``train-images-idx3-ubyte.gz``, …) in a folder ``fashion-mnist``; ``$TINYCNN_DATA`` may name this folder, too. A
    file counts if it has the SHA-256 that is published; what is downloaded is stored in the cache folder.

    Shapes:  ((x_train (60000, 28, 28), y_train (60000,)), (x_test (10000, 28, 28), y_test (10000,))), uint8
    Raises:
        ValueError: a file is damaged or holds other data. Nothing is deleted: the message says what to do.
        FileNotFoundError: ``$TINYCNN_DATA`` names a place without Fashion-MNIST.
        DownloadError: it is nowhere on this machine, and no mirror could give it (an OSError).
    Source:  H. Xiao, K. Rasul, R. Vollgraf 2017, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
             Learning Algorithms, arXiv:1708.07747
    Licence: not part of tinycnn, which downloads it for you; MIT, copyright Zalando SE.
    Keras:   same arrays.
    """
    arrays = places.load(
        DataSet(
            who="fashion_mnist.load_data",
            title="Fashion-MNIST",
            form=f"a folder with Fashion-MNIST, or with {FOLDER} in it",
            file=f"{', '.join(file for file, _, _ in FILES.values())} in a folder {FOLDER}",
            folder=FOLDER,
            keras_place=FOLDER,
            mirrors=MIRRORS,
            find=_find,
            read=_read,
            fetch=_fetch,
        )
    )
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _find(place: str) -> list[str]:
    folder = folder_of(place)
    if os.path.isdir(os.path.join(folder, FOLDER)):
        folder = os.path.join(folder, FOLDER)
    files = [os.path.join(folder, file) for file, _, _ in FILES.values()]
    missing = [os.path.basename(file) for file in files if not os.path.isfile(file)]
    if missing:
        raise FileNotFoundError(f"{folder}: no {', '.join(missing)} in it")
    return files


def _read(files: list[str]) -> places.Arrays:
    return {
        name: _parse(places.content(file, mnist_files.FILE_LIMIT), name, file)
        for name, file in zip(FILES, files, strict=True)
    }


def _fetch(mirror: str) -> places.Fetched:
    stop_at = time.monotonic() + download.TIME_LIMIT
    arrays, files = {}, {}
    for name, (file, _, _) in FILES.items():
        files[file] = download.fetch(mirror + file, stop_at)
        arrays[name] = _parse(files[file], name, mirror + file)
    return arrays, files


def _parse(data: bytes, name: str, source: str) -> np.ndarray:
    file, expected, shape = FILES[name]
    return mnist_files.parse_idx(verified(data, expected, f"Fashion-MNIST's {file}", source), name, shape, source)

"""MNIST, as ``keras.datasets.mnist``: found on this machine or downloaded, and always verified."""

from __future__ import annotations

import os
import time

import numpy as np

from tinycnn.datasets import download, mnist_files, places
from tinycnn.datasets.places import DataSet

__all__ = [
    "load_data",
]

Split = tuple[np.ndarray, np.ndarray]

MIRRORS = (  # an npz file, or a folder (with a slash at its end) of the four gzipped IDX files
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Split, Split]:
    """Load MNIST: 70,000 handwritten digits of 28x28 pixels, 0 (paper) … 255 (ink).

    Where it looks, in this order:
        1. ``path``: an npz file, a folder with ``mnist.npz``, or a folder with the four IDX files
           (``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte``, …; plain or .gz). The bare default
           ``"mnist.npz"`` stands for the places below; ``Path("mnist.npz")`` is one in the current folder;
        2. ``$TINYCNN_DATA``: a file or folder likewise. Where it is set, no other place is looked at;
        3. the cache folder: ``$TINYCNN_CACHE``, else ``$XDG_CACHE_HOME/tinycnn``, else ``~/.cache/tinycnn``;
        4. Keras's cache, ``$KERAS_HOME/datasets`` or ``~/.keras/datasets``, where nothing is ever written.
           A damaged file there (another program may be at work on it) is passed over with a warning;
        5. the network: each of ``MIRRORS`` in turn. What comes is verified and stored in the cache folder.
    The contents of the arrays are verified by SHA-256, whatever the file; other data are never returned.

    Shapes:  ((x_train (60000, 28, 28), y_train (60000,)), (x_test (10000, 28, 28), y_test (10000,))), uint8
    Order:   the original's; classes are mixed. Nobody wrote for both the training and the test set.
    Raises:
        ValueError: a file is damaged or holds other data. Nothing is deleted: the message says what to do.
        FileNotFoundError: ``path`` or ``$TINYCNN_DATA`` names a place without MNIST.
        DownloadError: it is nowhere on this machine, and no mirror could give it (an OSError).
    Source:  Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits; Y. LeCun, L. Bottou,
             Y. Bengio, P. Haffner 1998, Gradient-based learning applied to document recognition,
             Proc. IEEE 86(11)
    Licence: not part of tinycnn, which downloads it for you. Keras's documentation names Yann LeCun and
             Corinna Cortes as holders of the copyright and CC BY-SA 3.0 as the licence.
    Keras:   same arrays. There ``path`` is relative to its cache and downloaded if missing; here a relative
             ``path`` that is not in the current folder is looked for in tinycnn's cache, then in Keras's, and
             is otherwise an error.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise TypeError(
            f"mnist.load_data: expected path as a str or Path, received {path!r}. "
            "Name a file or folder, or leave it out."
        )
    data = DataSet(
        who="mnist.load_data",
        title="MNIST",
        form="an npz file or a folder with MNIST",
        file="mnist.npz",
        keras_place="mnist.npz",
        mirrors=MIRRORS,
        find=mnist_files.find,
        read=mnist_files.read,
        fetch=_fetch,
        way_out=", or use the bundled tinycnn.datasets.digits",
    )
    arrays = places.load(data) if path == "mnist.npz" else places.load_path(data, os.fspath(path))
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _fetch(mirror: str) -> places.Fetched:
    arrays = _fetch_arrays(mirror)
    return arrays, {"mnist.npz": mnist_files.npz(arrays)}


def _fetch_arrays(mirror: str) -> places.Arrays:
    if not mirror.endswith("/"):
        return mnist_files.read_npz(download.fetch(mirror), mirror)
    stop_at = time.monotonic() + download.TIME_LIMIT
    arrays = {}
    for name, stem in mnist_files.IDX_FILES.items():
        url = f"{mirror}{stem}.gz"
        arrays[name] = mnist_files.read_idx(download.fetch(url, stop_at), name, url)
    return arrays

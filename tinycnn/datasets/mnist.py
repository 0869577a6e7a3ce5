"""MNIST, as ``keras.datasets.mnist``: found on this machine or downloaded, and always verified."""

from __future__ import annotations

import os
import time
import urllib.request
import warnings
from pathlib import Path

import numpy as np

from tinycnn.datasets import download, mnist_files
from tinycnn.datasets.download import DownloadError

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
    if path != "mnist.npz":
        arrays = _read(_find_path(os.fspath(path)), "Pass a good copy, or no path to search and download.")
    elif os.environ.get("TINYCNN_DATA"):
        arrays = _read(_find_setting(), "Put a good copy there, or unset TINYCNN_DATA to download one.")
    else:
        arrays = _search()
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _cache() -> str:
    if os.environ.get("TINYCNN_CACHE"):
        return os.path.expanduser(os.environ["TINYCNN_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # by the XDG specification a relative one does not count
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "tinycnn")


def _keras_cache() -> str:
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return os.path.join(os.path.expanduser(home), "datasets")


def _find_path(path: str) -> list[str]:
    place = os.path.expanduser(path)
    places = [place]
    if place and not os.path.isabs(place) and not os.path.exists(place):
        places += [os.path.join(_cache(), place), os.path.join(_keras_cache(), place)]
    reasons = []
    for place in places:
        try:
            return mnist_files.find(place)
        except FileNotFoundError as error:
            reasons.append(str(error))
    raise FileNotFoundError(
        f"mnist.load_data: expected path to name an npz file or a folder with MNIST, received {path!r} "
        f"({'; '.join(reasons)}). Mend the path, or leave it out to search and download."
    )


def _find_setting() -> list[str]:
    place = os.environ["TINYCNN_DATA"]
    try:
        return mnist_files.find(os.path.expanduser(place))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "mnist.load_data: expected TINYCNN_DATA to name an npz file or a folder with MNIST, "
            f"received {place!r} ({error}). Put mnist.npz there, or unset TINYCNN_DATA to download it."
        ) from None


def _read(files: list[str], remedy: str) -> mnist_files.Arrays:
    try:
        return mnist_files.read(files)
    except ValueError as error:
        raise ValueError(f"mnist.load_data: {error}. {remedy}") from error


def _search() -> mnist_files.Arrays:
    reasons = []
    try:
        files = mnist_files.find(_cache())
    except FileNotFoundError as error:
        reasons.append(str(error))
    else:
        return _read(files, "Delete it and call again: a fresh copy is then downloaded.")

    keras_file = os.path.join(_keras_cache(), "mnist.npz")
    try:
        return mnist_files.read(mnist_files.find(keras_file))
    except FileNotFoundError as error:
        reasons.append(str(error))
    except (ValueError, OSError) as error:
        reasons.append(str(error))
        warnings.warn(
            f"mnist.load_data: {error}. Keras's copy is left as it is and not used.",
            RuntimeWarning,
            stacklevel=3,
        )
    return _download(reasons)


def _download(reasons: list[str]) -> mnist_files.Arrays:
    for mirror in MIRRORS:
        try:
            arrays = _fetch(mirror)
        except (ValueError, DownloadError) as error:
            reasons.append(str(error))
            continue
        file = Path(_cache()) / "mnist.npz"
        try:
            mnist_files.write_npz(arrays, file)
        except OSError as error:
            warnings.warn(
                f"mnist.load_data: expected to store MNIST in {file}, received {error}. "
                "It will be downloaded again next time. Set TINYCNN_CACHE to a writable folder.",
                RuntimeWarning,
                stacklevel=4,
            )
        return arrays
    has_proxy = set(urllib.request.getproxies()) - {"no"}
    proxy = " (through the proxy that the environment sets)" if has_proxy else ""
    raise DownloadError(
        "mnist.load_data: expected MNIST on this machine or from a mirror, received neither. "
        f"Tried{proxy}: {'; '.join(reasons)}. Put mnist.npz in a folder and set TINYCNN_DATA to its path, "
        "or use the bundled tinycnn.datasets.digits."
    )


def _fetch(mirror: str) -> mnist_files.Arrays:
    if not mirror.endswith("/"):
        return mnist_files.read_npz(download.fetch(mirror), mirror)
    stop_at = time.monotonic() + download.TIME_LIMIT
    arrays = {}
    for name, stem in mnist_files.IDX_FILES.items():
        url = f"{mirror}{stem}.gz"
        arrays[name] = mnist_files.read_idx(download.fetch(url, stop_at), name, url)
    return arrays

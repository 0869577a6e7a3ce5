"""CIFAR-10, as ``keras.datasets.cifar10``: found on this machine or downloaded, and always verified."""

from __future__ import annotations

import numpy as np

from tinycnn.datasets import cifar, places

__all__ = [
    "load_data",
]

Split = tuple[np.ndarray, np.ndarray]

DATA = cifar.Cifar(
    name="cifar10",
    title="CIFAR-10",
    url="https://www.cs.toronto.edu/~kriz/",
    archive="cifar-10-python.tar.gz",
    archive_hash="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",  # Keras's, datasets/cifar10.py
    keras_archives=("cifar-10-batches-py-target_archive", "cifar-10-batches-py.tar.gz"),
    folder="cifar-10-batches-py",
    batches={  # the hashes are torchvision's, datasets/cifar.py
        "data_batch_1": ("c99cafc152244af753f735de768cd75f", 10000),
        "data_batch_2": ("d4bba439e000b95fd0a9bffe97cbabec", 10000),
        "data_batch_3": ("54ebc095f3ab1f0389bbae665268c751", 10000),
        "data_batch_4": ("634d18415352ddfa80567beed471001a", 10000),
        "data_batch_5": ("482c414d41f54cd18b22e5b47cb7c3cb", 10000),
        "test_batch": ("40351d587109b95175f43aff81a1287e", 10000),
    },
    classes={"labels": 10},
)


def load_data() -> tuple[Split, Split]:
    """Load CIFAR-10: 60,000 coloured photographs of 32x32 pixels.

    Classes: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck

    Where it looks: as `tinycnn.datasets.mnist.load_data` without a path, for ``cifar-10-python.tar.gz`` or the folder
    ``cifar-10-batches-py`` that it unpacks to, Keras's spellings included. A file counts if it has the hash that is
    published; what is downloaded (170 MB) is stored in the cache folder.

    Shapes:  ((x_train (50000, 32, 32, 3), y_train (50000, 1)), (x_test (10000, 32, 32, 3), y_test (10000, 1))), uint8
    Raises:
        ValueError: a file is damaged or holds other data. Nothing is deleted: the message says what to do.
        FileNotFoundError: ``$TINYCNN_DATA`` names a place without CIFAR-10.
        DownloadError: it is nowhere on this machine and could not be downloaded (an OSError).
    Source:  A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto
    Licence: not part of tinycnn, which downloads it for you; its authors name none.
    Keras:   same arrays (there the images are strided views of channels first).
    """
    arrays = places.load(cifar.data_set(DATA))
    y_train, y_test = (arrays[name].astype("uint8").reshape(-1, 1) for name in ("labels_train", "labels_test"))
    return (arrays["x_train"], y_train), (arrays["x_test"], y_test)

"""CIFAR-100, as ``keras.datasets.cifar100``: found on this machine or downloaded, and always verified."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tinycnn.datasets import cifar, places

__all__ = [
    "load_data",
]

Split = tuple[np.ndarray, np.ndarray]

DATA = cifar.Cifar(
    name="cifar100",
    title="CIFAR-100",
    url="https://www.cs.toronto.edu/~kriz/",
    archive="cifar-100-python.tar.gz",
    archive_hash="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",  # Keras's, datasets/cifar100.py
    keras_archives=("cifar-100-python-target_archive",),
    folder="cifar-100-python",
    batches={  # the hashes are torchvision's, datasets/cifar.py
        "train": ("16019d7e3df5f24257cddd939b257f8d", 50000),
        "test": ("f0ef6b0ae62326f3e7ffdfab6717acfc", 10000),
    },
    classes={"fine_labels": 100, "coarse_labels": 20},
)


def load_data(label_mode: Literal["fine", "coarse"] = "fine") -> tuple[Split, Split]:
    """Load CIFAR-100: 60,000 coloured photographs of 32x32 pixels.

    ``label_mode``: "fine" for 100 classes (apple, aquarium fish, …), "coarse" for the 20 groups that they form.

    Where it looks: as `tinycnn.datasets.mnist.load_data` without a path, for ``cifar-100-python.tar.gz`` or the folder
    ``cifar-100-python`` that it unpacks to, Keras's spellings included. A file counts if it has the hash that is
    published; what is downloaded (170 MB) is stored in the cache folder.

    Shapes:  ((x_train (50000, 32, 32, 3), y_train (50000, 1)), (x_test (10000, 32, 32, 3), y_test (10000, 1)));
             images are uint8, labels int64
    Raises:
        ValueError: another ``label_mode``; a file is damaged or holds other data. Nothing is deleted.
        FileNotFoundError: ``$TINYCNN_DATA`` names a place without CIFAR-100.
        DownloadError: it is nowhere on this machine and could not be downloaded (an OSError).
    Source:  A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, University of Toronto
    Licence: not part of tinycnn, which downloads it for you; its authors name none.
    Keras:   same arrays (there the images are strided views of channels first).
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"cifar100.load_data: expected label_mode 'fine' or 'coarse', received {label_mode!r}. "
            "'fine' has 100 classes, 'coarse' 20."
        )
    arrays = places.load(cifar.data_set(DATA))
    y_train, y_test = (arrays[f"{label_mode}_labels_{part}"].reshape(-1, 1) for part in ("train", "test"))
    return (arrays["x_train"], y_train), (arrays["x_test"], y_test)

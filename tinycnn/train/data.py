"""The images that the training command trains on, and how they are split."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tinycnn.train.common import PROG, ExitError, one_line

if TYPE_CHECKING:
    import numpy as np

    Split = tuple[np.ndarray, np.ndarray]  # images and labels
    Splits = tuple[Split, Split, Split]  # training, validation, test


def load_data(choice: str) -> tuple[str, Split, Split]:
    """The name of the data set that is used, its training and its test images with labels."""
    from tinycnn.datasets import DownloadError, digits, mnist

    if choice == "digits":
        return "digits", *digits.load_data()
    print("Looking for MNIST on this machine, then on the network ...", flush=True)
    try:
        with _short_warnings():
            return "mnist", *mnist.load_data()
    except (FileNotFoundError, DownloadError) as error:
        if choice == "mnist":
            raise ExitError(one_line(error)) from error
        print(
            f"{PROG}: warning: training on the bundled digits, because MNIST is not there. "
            "The results cannot be compared with MNIST's.\n"
            f"  Why: {one_line(error)}\n"
            "  How to get MNIST: run this again with access to the network (it is downloaded once, 11 MB), or put "
            "mnist.npz into a folder and set TINYCNN_DATA to that folder.",
            file=sys.stderr,
        )
        return "digits", *digits.load_data()
    except (OSError, ValueError) as error:  # it is there, but damaged or not readable
        raise ExitError(one_line(error)) from error


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Warnings as one line each, without the place in the source."""

    def show(message: Warning | str, *place: Any) -> None:
        print(f"{PROG}: warning: {one_line(message)}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def prepared(name: str, training: Split, test: Split, subset: int | None) -> Splits:
    """Training, validation and test images as the models take them."""
    return *prepared_for_training(name, training, subset), (scaled(test[0]), test[1])


def prepared_for_training(name: str, training: Split, subset: int | None) -> tuple[Split, Split]:
    """Training and validation images as the models take them."""
    images, labels = training
    return _split(name, scaled(images[:subset]), labels[:subset])


def scaled(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) of 0 … 255 -> (n, 28, 28, 1) of 0 … 1"""
    floats = images.reshape(-1, 28, 28, 1).astype("float32")
    floats /= 255  # in place: the images of MNIST take 188 MB
    return floats


def _split(name: str, images: np.ndarray, labels: np.ndarray) -> tuple[Split, Split]:
    """One sixth for validation: the last of MNIST, every sixth image of the bundled digits."""
    n = len(images)
    if name == "mnist":
        cut = n - n // 6
        return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])
    rest = [i for i in range(n) if i % 6 != 5]
    return (images[rest], labels[rest]), (images[5::6], labels[5::6])

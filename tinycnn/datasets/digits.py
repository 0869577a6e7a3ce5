"""The bundled set: 1,797 real handwritten digits in MNIST's format, for work without a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinycnn.utils import lookup

__all__ = [
    "load_data",
]

Split = tuple[np.ndarray, np.ndarray]

_FILE = Path(__file__).with_name("digits.npz")


def load_data(split: str = "mixed") -> tuple[Split, Split]:
    """Load the UCI "Optical Recognition of Handwritten Digits", enlarged to the size of MNIST's images.

    Each original is an 8x8 image of values 0 … 16. It is enlarged to 20x20 by bilinear interpolation, scaled
    to 0 … 255 and placed in the middle of 28x28 zeros, as MNIST's digits are. The arithmetic is in whole
    numbers: every machine gets the same pixels.

    The labels repeat a form of about 130 digits 14 times, and images of one form resemble each other, as
    digits in one hand do. So there are two questions to ask, and two fixed splits:
        "mixed"  Of each class, every fifth image is a test image. How well are new digits read in hands that
                 the training set knows? (A shuffled split asks the same.)
        "forms"  The first eleven forms are the training set, the last three the test set. How well are digits
                 in new hands read? The harder question, and the one that MNIST's split asks. (The set does
                 not name its writers; it counts 13, so one of them may have filled in two forms.)
    The nearest training image (Euclidean distance) gives the right class for 98.6 % of the test images of
    "mixed" and for 96.3 % of those of "forms".

    Shapes:  ((x_train (n, 28, 28), y_train (n,)), (x_test (m, 28, 28), y_test (m,))), uint8;
             "mixed": n = 1442, m = 355;  "forms": n = 1415, m = 382
    Order:   scikit-learn's, within both parts
    Raises:  ValueError where ``split`` is neither.
    Source:  E. Alpaydin and C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning
             Repository, https://doi.org/10.24432/C50P49 (its test set, as in scikit-learn's ``load_digits``)
    Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/; details in DIGITS.md beside the file
    """
    choose_test = lookup("digits.load_data: split", split, {"mixed": _every_fifth, "forms": _last_forms})
    with np.load(_FILE, allow_pickle=False) as file:
        originals, labels = file["images"], file["labels"]
    images = np.zeros((len(originals), 28, 28), "uint8")
    images[:, 4:24, 4:24] = _enlarge(originals)
    test = choose_test(labels)
    return (images[~test], labels[~test]), (images[test], labels[test])


def _every_fifth(labels: np.ndarray) -> np.ndarray:
    test = np.zeros(len(labels), bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[4::5]] = True
    return test


def _last_forms(labels: np.ndarray) -> np.ndarray:
    # Every form begins with 0 … 9 three times; the twelfth begins at image 1415.
    return np.arange(len(labels)) >= 1415


def _enlarge(originals: np.ndarray) -> np.ndarray:
    """Bilinear interpolation, (n, 8, 8) of 0 … 16 -> (n, 20, 20) of 0 … 255.

    The centre of new pixel i lies at (i + ½)·8/20 − ½ = (4i − 3)/10 original pixels. It takes its value from
    the two originals around it, weighted by nearness; beyond the outermost centres the edge pixel goes on.
    """
    new = np.arange(20)
    tenths = np.clip(4 * new - 3, 0, 70)
    before = np.minimum(tenths // 10, 6)
    weights = np.zeros((20, 8), "int32")  # in tenths: each row sums to 10
    weights[new, before] = 10 * (before + 1) - tenths
    weights[new, before + 1] = tenths - 10 * before
    sums = weights @ originals.astype("int32") @ weights.T  # (n, 20, 20), 0 … 16·10·10
    return ((255 * sums + 800) // 1600).astype("uint8")  # + 800: to the nearest whole number

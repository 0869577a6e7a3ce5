"""The bundled digits: what they are, how they are enlarged, and how they are split."""

from __future__ import annotations

import runpy
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tinycnn.datasets import digits

PROJECT = Path(__file__).parents[1]

# Images of each class in the test part, as the UCI page of the set counts them.
UCI_COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]

# Where a form begins: three times 0 … 9, after the end of the form before.
FORM_BEGIN = list(range(10)) * 2


def stored() -> tuple[np.ndarray, np.ndarray]:
    with np.load(PROJECT / "tinycnn" / "datasets" / "digits.npz", allow_pickle=False) as file:
        return file["images"], file["labels"]


def enlarge_by_hand(original: np.ndarray) -> np.ndarray:
    """Bilinear interpolation from its definition, one pixel at a time, in fractions."""

    def around(i: int) -> list[tuple[int, Fraction]]:
        position = min(max((i + Fraction(1, 2)) * Fraction(8, 20) - Fraction(1, 2), Fraction(0)), Fraction(7))
        below = int(position)
        return [(below, 1 - (position - below)), (min(below + 1, 7), position - below)]

    enlarged = np.zeros((20, 20), "uint8")
    for i in range(20):
        for j in range(20):
            value = sum(wi * wj * int(original[r, c]) for r, wi in around(i) for c, wj in around(j))
            enlarged[i, j] = int(value * Fraction(255, 16) + Fraction(1, 2))
    return enlarged


def nearest_neighbour_accuracy(split: str) -> float:
    (x_train, y_train), (x_test, y_test) = digits.load_data(split)
    a = x_train.reshape(len(x_train), -1).astype("float64")
    b = x_test.reshape(len(x_test), -1).astype("float64")
    distances = (a**2).sum(axis=1) - 2 * b @ a.T  # squared, less a constant of each row
    return float((y_train[distances.argmin(axis=1)] == y_test).mean())


@pytest.mark.parametrize(("split", "n", "m"), [("mixed", 1442, 355), ("forms", 1415, 382)])
def test_shapes_dtypes_and_values(split: str, n: int, m: int) -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data(split)
    assert (x_train.shape, y_train.shape) == ((n, 28, 28), (n,))
    assert (x_test.shape, y_test.shape) == ((m, 28, 28), (m,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
        assert array.flags.writeable
    assert x_train.min() == x_test.min() == 0
    assert x_train.max() == x_test.max() == 255
    counts = np.bincount(y_train, minlength=10) + np.bincount(y_test, minlength=10)
    np.testing.assert_array_equal(counts, UCI_COUNTS)


def test_digits_stand_in_the_middle_as_in_mnist() -> None:
    (images, _), _ = digits.load_data()
    border = images.copy()
    border[:, 4:24, 4:24] = 0
    assert not border.any()
    inside = images[:, 4:24, 4:24]
    assert inside[:, 0].any()
    assert inside[:, -1].any()
    assert inside[:, :, 0].any()
    assert inside[:, :, -1].any()


def test_pixels_are_the_bilinear_interpolation_of_the_originals() -> None:
    originals, labels = stored()
    (x_train, y_train), (x_test, y_test) = digits.load_data("forms")
    images, loaded_labels = np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])
    np.testing.assert_array_equal(loaded_labels, labels)
    for i in np.random.default_rng(1).choice(len(originals), 12, replace=False):
        np.testing.assert_array_equal(images[i, 4:24, 4:24], enlarge_by_hand(originals[i]), err_msg=f"image {i}")


def test_mixed_split_takes_every_fifth_image_of_each_class() -> None:
    _, labels = stored()
    seen = [0] * 10
    expected = []
    for i, digit in enumerate(labels):
        seen[digit] += 1
        if seen[digit] % 5 == 0:
            expected.append(i)
    (all_train, _), (all_test, _) = digits.load_data("forms")
    images = np.concatenate([all_train, all_test])
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    np.testing.assert_array_equal(y_test, labels[expected])
    np.testing.assert_array_equal(x_test, images[expected])
    np.testing.assert_array_equal(x_train, np.delete(images, expected, axis=0))
    np.testing.assert_array_equal(y_train, np.delete(labels, expected))


def test_forms_split_tears_no_form() -> None:
    (_, y_train), (_, y_test) = digits.load_data("forms")
    assert y_test[:20].tolist() == FORM_BEGIN
    labels = np.concatenate([y_train, y_test]).tolist()
    begins = [i for i in range(len(labels)) if labels[i : i + 20] == FORM_BEGIN]
    forms = [i for i in begins if i - 10 not in begins]  # three runs of 0 … 9 match twice
    assert len(y_train) in forms
    assert forms[0] == 0


def test_no_image_is_in_both_parts() -> None:
    for split in ("mixed", "forms"):
        (x_train, _), (x_test, _) = digits.load_data(split)
        train = {image.tobytes() for image in x_train}
        assert not any(image.tobytes() in train for image in x_test), split


def test_new_hands_are_harder_than_known_hands() -> None:
    """The figures of load_data's docstring."""
    assert nearest_neighbour_accuracy("mixed") == pytest.approx(0.986, abs=5e-4)
    assert nearest_neighbour_accuracy("forms") == pytest.approx(0.963, abs=5e-4)


def test_two_calls_share_no_memory() -> None:
    (first, _), _ = digits.load_data()
    first[:] = 0
    (second, _), _ = digits.load_data()
    assert second.any()


def test_unknown_split() -> None:
    with pytest.raises(ValueError, match=r"expected one of forms, mixed, received 'form'\. Did you mean 'forms'\?"):
        digits.load_data("form")


def test_loads_fast_and_the_file_is_small() -> None:
    seconds = []
    for _ in range(3):
        start = time.process_time()  # not the time that other programs take
        digits.load_data()
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1
    assert (PROJECT / "tinycnn" / "datasets" / "digits.npz").stat().st_size < 100_000


def test_attribution_and_licence_stand_beside_the_file() -> None:
    note = (PROJECT / "tinycnn" / "datasets" / "DIGITS.md").read_text(encoding="utf-8")
    for fact in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "python tests/golden/make_digits.py"):
        assert fact in note


def test_file_is_scikit_learns_copy() -> None:
    pytest.importorskip("sklearn", reason="compares digits.npz with scikit-learn's copy")
    script = runpy.run_path(str(PROJECT / "tests" / "golden" / "make_digits.py"))
    arrays = script["original_arrays"]()
    images, labels = stored()
    np.testing.assert_array_equal(images, arrays["images"])
    np.testing.assert_array_equal(labels, arrays["labels"])
    assert images.dtype == labels.dtype == np.uint8


def test_imports() -> None:
    program = (
        "import tinycnn.datasets\n"
        "from tinycnn.datasets import digits, mnist\n"
        "assert tinycnn.datasets.digits is digits and tinycnn.datasets.mnist is mnist\n"
        "import sys\n"
        "print([m for m in ('sklearn', 'tensorflow', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

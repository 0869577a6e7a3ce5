"""Rebuild tinycnn/datasets/digits.npz from scikit-learn's copy of the UCI digits.

    pip install scikit-learn
    python tests/golden/make_digits.py

It holds ``images`` (1797, 8, 8), 0 … 16, and ``labels`` (1797,), both uint8, in scikit-learn's order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

DIGITS = Path(__file__).parents[2] / "tinycnn" / "datasets" / "digits.npz"


def original_arrays() -> dict[str, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    arrays = {"images": digits.images.astype("uint8"), "labels": digits.target.astype("uint8")}
    if not np.array_equal(arrays["images"], digits.images):
        raise ValueError("make_digits: expected whole numbers from 0 to 255 as pixels, received others.")
    return arrays


if __name__ == "__main__":
    np.savez_compressed(DIGITS, **original_arrays())
    print(f"{DIGITS}: {DIGITS.stat().st_size} bytes")

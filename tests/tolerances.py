"""How far two results may be apart, in one table, with the reason for each number.

Distances are measured against the largest number of the expected array: where terms cancel, a single element has no
relative precision to keep, but its error still is a small share of the numbers that were added up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# float64 carries 2.2e-16 a step. The small shapes of the oracle tests add up at most a few hundred terms, whose
# errors reach 1e-14 at worst; 1e-12 leaves room and is a thousand times smaller than any slip of a formula.
ORACLE = 1e-12

# Two orders of summation of the same terms. float32 carries 1.2e-7 a step; the gradient of a 3x3 kernel over 32 images
# of 26x26 adds up 21,632 terms and wanders off by 4e-6 of its largest number (measured; 2e-6 for forward).
# float64: the same, 2**29 times smaller; largest where NumPy adds up 21,632 positive numbers one by one: 2.6e-13.
PARITY = {"float32": 1e-5, "float64": 1e-12}

# Optimizers do the same few operations on each number, in the same order (measured: the same bits); a processor may
# fuse a product and a sum, which changes the last bit or two.
UPDATE = {"float32": 5e-7, "float64": 1e-15}

# float32 results held against formulas in float64, a few operations deep.
FLOAT32 = 2e-6

# A hundred steps of training, in float64. Each step multiplies the rounding errors of the steps before it (by some 1.14
# with batch normalization): 1e-8 at the end for that model, 5e-15 for the two others (measured). The project promises
# 1e-4 for the losses and 1e-3 for the weights; Adam's α with powers of 0.999 instead of float32(0.999) gives 4e-2.
TRAJECTORY = 1e-6

# Outputs and gradients of whole models in float32, against TensorFlow, whose sums over all pixels of a batch are the
# less exact ones: what its batch normalization returns is off by 1.2e-5 of the largest number, ours by 1e-7 (measured
# against float64), and the gradients accordingly.
MODEL = {"plain": 1e-5, "dropout": 1e-5, "batch_normalization": 2e-4}

# One step of Adam in float32, as a share of its length. Adam divides by the root of the gradient's square: where a
# gradient is all rounding error, so is the direction of its weight's step. Measured: 1e-5; with batch normalization
# 2e-2, and still 7e-3 where Keras computes in float64.
STEP = {"plain": 1e-4, "dropout": 1e-4, "batch_normalization": 5e-2}

# TensorFlow keeps the slope of a leaky relu in float32, in float64 layers too: 0.3 becomes 0.30000001; so it does with
# the root of 2 in a gelu.
FLOAT32_SLOPE = 2e-8

# Recorded results of Keras in float64, stored rounded to float32: half a last digit, and what float32 constants in
# TensorFlow (the slope of a leaky relu) add.
GOLDEN = 2e-7

# Outputs and gradients of random chains of up to six layers in float64. Measured over some 3,000 of them: 5e-13, behind
# several batch normalizations of channels that hardly vary.
CHAIN = 1e-10

# The same where a slope (and, in ONNX's files, an epsilon) is kept in float32. Measured: 5e-8.
CHAIN_FLOAT32_SLOPE = 1e-6

# Figures and weights after a few epochs of a tiny model in float32: rounding errors, amplified by some ten steps.
HISTORY = 2e-4

# The same of beginners' programs beside Keras, of each number and of 1. Measured: 2.3e-6, behind batch normalization.
PROGRAM = 2e-5

# Loss and accuracy are means in float64 of figures that the model computed in float32.
FIGURES = 1e-6


def distance(actual: Any, expected: Any) -> float:
    """The largest difference, as a share of the largest finite expected number; infinities must be equal."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    if not finite.any():
        return 0.0
    a, e = actual[finite].astype(np.float64), expected[finite].astype(np.float64)
    assert np.isfinite(a).all(), "a number that is not finite where a finite one is expected"
    return float(np.abs(a - e).max() / max(np.abs(e).max(), np.finfo(np.float64).tiny))


def assert_close(actual: Any, expected: Any, tolerance: float, what: str = "the result") -> None:
    found = distance(actual, expected)
    assert found <= tolerance, f"{what} is off by {found:.2e} of its largest number, allowed are {tolerance:.0e}"

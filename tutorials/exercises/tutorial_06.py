"""Tutorial 06: blocks, intensities, gradients from tables, Winograd's way, sums in any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from . import AnswerError, array, choice, function, number, whole

FILTERS = 64
THREADS = (1, 2, 3, 5, 8, 16)


def exercise_1(block_32: Any, block_16: Any, empty_32: Any, empty_16: Any) -> str | None:
    for registers, lanes, answer, empty in ((32, 16, block_32, empty_32), (16, 8, block_16, empty_16)):
        rows, vectors = _block(f"the block for {registers} registers", answer)
        if (needed := rows * vectors + vectors + 1) > registers:
            return f"A block of {rows}x{vectors} needs {needed} registers, and there are {registers}."
        blocks = [(r, v) for r in range(1, registers) for v in range(1, registers) if r * v + v + 1 <= registers]
        if (rows + vectors) / (rows * vectors) > min((r + v) / (r * v) for r, v in blocks) + 1e-9:
            return f"Another block for {registers} registers takes fewer loads for each product than {rows}x{vectors}."
        share = number(f"the share that stays empty with {registers} registers", empty)
        places = -(-FILTERS // (vectors * lanes)) * vectors * lanes
        if abs(share - (places - FILTERS) / places) > 0.005:
            return (
                f"The share that stays empty is another with {registers} registers. How many groups of {vectors} "
                f"vectors of {lanes} numbers does it take to cover {FILTERS} filters, and how many places do they have?"
            )
    return None


def _block(name: str, value: Any) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise AnswerError(f"Expected {name} as a pair (rows, vectors), received {value!r}.")
    rows, vectors = (whole(f"{part} of {name}", n) for part, n in zip(("rows", "vectors"), value, strict=True))
    if min(rows, vectors) < 1:
        raise AnswerError(f"Expected {name} with at least one row and one vector, received {value!r}.")
    return rows, vectors


def exercise_2(intensity: Any, pooled: Any, save: Any) -> str | None:
    images, pixels, filters = 32, 28 * 28, 32
    operations = 2 * images * 26 * 26 * filters * 9
    for name, value, written in (("the intensity", intensity, 26 * 26), ("the intensity in one pass", pooled, 13 * 13)):
        right = operations / (4 * (images * (pixels + written * filters) + 9 * filters))
        ratio = number(name, value) / right
        if abs(ratio - 1) < 0.02:  # whether the kernel and the biases are counted does not matter
            continue
        hints = {0.5: "Do a multiplication and an addition count as two?", 4.0: "How many bytes has a float32?"}
        hint = next((words for factor, words in hints.items() if abs(ratio / factor - 1) < 0.02), None)
        return (
            f"It is another {name.removeprefix('the ')}. {hint or 'Count what is read once and what is written once.'}"
        )
    if choice("what to save", save, "multiplications", "bytes") != "bytes":
        return "The intensity is small: what does a program wait for on the slope of the roofline?"
    return None


def exercise_3(kernel_gradient: Any) -> str | None:
    """The gradient of the kernel is what makes sum(dkernel * k) equal to sum(dz * conv(x, k)) for every kernel k."""
    compute = function("kernel_gradient", kernel_gradient)
    rng = np.random.default_rng()
    for height, width, channels, filters in ((5, 5, 1, 1), (6, 5, 2, 3), (5, 8, 3, 2)):
        image, dz = rng.normal(size=(height, width, channels)), rng.normal(size=(height - 2, width - 2, filters))
        dkernel = array("what kernel_gradient returns", compute(image, dz), (3, 3, channels, filters))
        windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(0, 1))
        for _ in range(3):
            kernel = rng.normal(size=dkernel.shape)
            z = np.einsum("ijcab,abcf->ijf", windows, kernel)
            if not np.isclose(np.sum(dkernel * kernel), np.sum(dz * z), rtol=1e-5, atol=1e-8):
                return (
                    f"For an image of {height}x{width} pixels, {channels} channels and {filters} filters it is not the "
                    "gradient: sum(dkernel * k) differs from sum(dz * conv(image, k)) for some kernel k."
                )
    return None


def exercise_4(a: Any, g: Any, b: Any, multiplications: Any, in_place_of: Any) -> str | None:
    count = whole("the number of multiplications", multiplications)
    if count < 1 or count > 10:
        return "There should be fewer multiplications than by the definition, and more than none."
    matrices = [array(name, value, (count, n)) for name, value, n in (("A", a, 2), ("G", g, 5), ("B", b, count))]
    if count < 6:
        return "The product of the two polynomials has more coefficients than that, and each needs a value."
    if count > 6:
        return "It is possible with fewer: how many coefficients has the product of the two polynomials?"
    rng = np.random.default_rng()
    for _ in range(5):
        taps, d = rng.integers(-9, 10, 5), rng.integers(-9, 10, 6)
        found = matrices[0].T @ ((matrices[1] @ taps) * (matrices[2].T @ d))
        if not np.allclose(found, np.correlate(d, taps), rtol=0, atol=1e-6):
            return f"For the taps {taps} and the pixels {d} it is not the convolution, but {np.round(found, 3)}."
    if whole("the number by the definition", in_place_of) != 10:
        return "By the definition, each of the two outputs takes a multiplication for each tap."
    return None


def exercise_5(share_out: Any) -> str | None:
    ranges_of = function("share_out", share_out)
    n = 10_000
    values = np.random.default_rng().normal(size=n).astype("float32")
    results = {}
    for threads in THREADS:
        shares = _shares(ranges_of, n, threads)
        if max(sum(stop - first for first, stop in share) for share in shares) > 2 * n / threads:
            return f"With {threads} threads, one of them gets more than twice its fair share."
        ranges = sorted(pair for share in shares for pair in share)
        if ranges[0][0] != 0 or ranges[-1][1] != n or any(a[1] != b[0] for a, b in pairwise(ranges)):
            return f"With {threads} threads, the ranges do not hold each of the numbers once."
        total = np.float32(0)
        for first, stop in ranges:
            total += values[first:stop].sum()
        results[threads] = total.tobytes(), ranges
    if len({total for total, _ in results.values()}) > 1 or any(r != results[1][1] for _, r in results.values()):
        return "The ranges depend on the number of threads, and with them the bits of the sum."
    return None


def _shares(ranges_of: Callable[..., Any], n: int, threads: int) -> list[list[tuple[int, int]]]:
    shares = ranges_of(n, threads)
    form = f"Expected share_out({n}, {threads}) to return a list of {threads} lists of pairs (first, stop)"
    try:
        found = [[(int(first), int(stop)) for first, stop in share] for share in shares]
    except (TypeError, ValueError):
        raise AnswerError(f"{form}, received {shares!r:.80}.") from None
    if len(found) != threads:
        raise AnswerError(f"{form}, received {len(found)} lists.")
    if any(not 0 <= first < stop <= n for share in found for first, stop in share):
        raise AnswerError(f"{form} with 0 <= first < stop <= {n}, received others.")
    return found

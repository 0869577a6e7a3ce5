"""Unit 08."""

import numpy as np

from tinycnn.learn.convolutions import check_forward, convolution, forward_on_paper, forward_shape, slow, some
from tinycnn.learn.rungs import Mine, Wrong, as_array, same


def shape(mine: Mine) -> None:
    """two images of 6x5 and kernels of 3x2 make maps of 4x4"""
    forward_shape(mine, "conv2d_by_taps")


def on_paper(mine: Mine) -> None:
    """an image of 3x3, a kernel of 2x2, done by hand"""
    forward_on_paper(mine, "conv2d_by_taps")


def against_loops(mine: Mine) -> None:
    """fresh numbers, several channels and filters, against plain loops"""
    check_forward(mine, "conv2d_by_taps", (1, 1))


def strides(mine: Mine) -> None:
    """two rows and three columns at a step"""
    check_forward(mine, "conv2d_by_taps", (2, 3))


def lines(mine: Mine) -> None:
    """no loop over pixels: a large image takes as many lines of Python as a small one"""
    small, large = (
        mine.call("conv2d_by_taps", (*some(mine, size, size), (1, 1)), lines=True) for size in (5, 12)
    )  # fmt: skip
    if large > small:
        raise Wrong(
            f"conv2d_by_taps: {small} lines of your file run for an image of 5x5, {large} for one of 12x12. "
            "A loop over the taps of the kernel runs as often for both."
        )


VARIANTS = {  # of which size the result is, and which pixel tap (a, b) of output (i, j) sees
    "flipped": (
        lambda h, w, kh, kw: (h - kh + 1, w - kw + 1),
        lambda h, w, kh, kw: lambda i, j, a, b: (i + kh - 1 - a, j + kw - 1 - b),
    ),
    "wrapped": (
        lambda h, w, kh, kw: (h, w),
        lambda h, w, kh, kw: lambda i, j, a, b: ((i + a) % h, (j + b) % w),
    ),
    "mirrored": (
        lambda h, w, kh, kw: (h, w),
        lambda h, w, kh, kw: lambda i, j, a, b: (min(i + a, 2 * h - 1 - i - a), min(j + b, 2 * w - 1 - j - b)),
    ),
    "uneven": (
        lambda h, w, kh, kw: ((h - kh) // 2 + 1, w - 2 * (kw - 1)),
        lambda h, w, kh, kw: lambda i, j, a, b: (2 * i + a, j + 2 * b),
    ),
}


def of_your_own(mine: Mine) -> None:
    """your own convolution, against its formula in plain loops"""
    if mine.variant is None:
        return
    size, pixel = VARIANTS[mine.variant]
    for height, width, kernel_size in ((6, 7, (3, 2)), (5, 5, (2, 3))):
        x, kernel, bias = some(mine, height, width, kernel_size)
        sizes = (height, width, *kernel_size)
        due = slow(x, kernel, bias, size(*sizes), pixel(*sizes))
        given = as_array("convolution_of_your_own", mine.convolution_of_your_own(x, kernel, bias), due.shape)
        plain = convolution(x, kernel, bias, (1, 1))
        usual = {"that is the convolution of the first exercise": plain} if plain.shape == due.shape else {}
        same("convolution_of_your_own", given, due, usual=usual | _wrong_edges(x, kernel, bias, due))


def _wrong_edges(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, due: np.ndarray) -> dict[str, np.ndarray]:
    """What other edges would give, where the result is as large as the image."""
    if due.shape[1:3] != x.shape[1:3]:
        return {}
    beyond = ((0, 0), (0, kernel.shape[0] - 1), (0, kernel.shape[1] - 1), (0, 0))
    modes = {"constant": "zeros", "edge": "the last row and column, repeated", "reflect": "a mirror on the last pixel"}
    return {
        f"beyond the edge stands something else: {what}": convolution(np.pad(x, beyond, mode), kernel, bias, (1, 1))
        for mode, what in modes.items()
    }


RUNGS = (shape, on_paper, against_loops, strides, lines, of_your_own)

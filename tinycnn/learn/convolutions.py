"""What the units on convolutions share: a slow one to compare with, and the usual mistakes as what they give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinycnn.learn.rungs import Mine, as_array, same

Array = np.ndarray
Pair = tuple[int, int]

IMAGE = "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]"  # of what is done by hand
IGNORED = "the strides are not used: windows are taken one pixel after the other"


def slow(x: Array, kernel: Array, bias: Array, size: Pair, pixel: Callable[[int, int, int, int], Pair]) -> Array:
    """A convolution in plain loops.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, pixel(i,j,a,b), c] · kernel[a,b,c,f]
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, filters);  bias (filters,);  z (n, *size, filters)
    """
    kh, kw, channels, filters = kernel.shape
    z = np.empty((len(x), *size, filters))
    for n, i, j, f in np.ndindex(z.shape):
        total = bias[f]
        for a, b, c in np.ndindex(kh, kw, channels):
            total += x[(n, *pixel(i, j, a, b), c)] * kernel[a, b, c, f]
        z[n, i, j, f] = total
    return z


def convolution(x: Array, kernel: Array, bias: Array, strides: Pair) -> Array:
    """The convolution of units 07 and 08, slowly."""
    size = tuple((x.shape[1 + k] - kernel.shape[k]) // strides[k] + 1 for k in (0, 1))
    return slow(x, kernel, bias, size, lambda i, j, a, b: (i * strides[0] + a, j * strides[1] + b))


def some(mine: Mine, height: int, width: int, kernel_size: Pair = (3, 2)) -> tuple[Array, Array, Array]:
    """Two images of two channels, a kernel of three filters, and its bias."""
    sizes = (2, height, width, 2), (*kernel_size, 2, 3), (3,)
    x, kernel, bias = (mine.rng.standard_normal(size) for size in sizes)
    return x, kernel, bias


def forward_shape(mine: Mine, name: str) -> None:
    x, kernel, bias = (a.astype(np.float32) for a in some(mine, 6, 5))
    as_array(name, mine.call(name, (x, kernel, bias, (1, 1))), (2, 4, 4, 3), np.float32)


def forward_on_paper(mine: Mine, name: str) -> None:
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    kernel = np.array([[1.0, 10.0], [0.0, 100.0]]).reshape(2, 2, 1, 1)
    bias = np.array([1000.0])
    due = np.array([[1521.0, 1632.0], [1854.0, 1965.0]]).reshape(1, 2, 2, 1)
    why = (
        f"The image is {IMAGE}, the kernel [[1, 10], [0, 100]], the bias 1000: the first window makes "
        "1·1 + 10·2 + 0·4 + 100·5 + 1000 = 1521."
    )
    same(name, mine.call(name, (x, kernel, bias, (1, 1))), due, why=why, usual=usual(x, kernel, bias, (1, 1)))


def check_forward(mine: Mine, name: str, strides: Pair) -> None:
    """Fresh numbers against `convolution`; with these strides some rows and columns are left over."""
    x, kernel, bias = some(mine, 6, 8)
    due = convolution(x, kernel, bias, strides)
    same(name, mine.call(name, (x, kernel, bias, strides)), due, usual=usual(x, kernel, bias, strides))


def usual(x: Array, kernel: Array, bias: Array, strides: Pair) -> dict[str, Array]:
    """What the usual mistakes make of a convolution."""
    none = np.zeros_like(bias)
    out_h, out_w = convolution(x, kernel, none, strides).shape[1:3]
    taps = kernel.shape[0] * kernel.shape[1]
    found = {
        "the kernel is flipped: its rows and columns run backwards": convolution(x, kernel[::-1, ::-1], bias, strides),
        "the bias is missing": convolution(x, kernel, none, strides),
        "the bias is added once for each tap": convolution(x, kernel, bias * taps, strides),
        IGNORED: convolution(x, kernel, bias, (1, 1))[:, :out_h, :out_w],
    }
    if kernel.shape[0] == kernel.shape[1]:
        found["rows and columns of the kernel are exchanged"] = convolution(x, kernel.swapaxes(0, 1), bias, strides)
    if x.shape[3] > 1:
        found["only the first channel is taken"] = convolution(x[..., :1], kernel[:, :, :1], bias, strides)
    return found

"""Sums and factors per channel, for pixels that pooling does not take along, and for the few that it has chosen.

A row of pixels is one long loop, which runs on whole vectors, where a loop over the channels of one pixel is short: so
factors are repeated for each pixel of a row, and sums are taken over columns first.
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.parts import inner_njit

Array = np.ndarray


@inner_njit
def add_columns(row: Array, sums: Array) -> None:
    """sums[f] += Σ over the pixels of a row."""
    pixels = row.reshape(-1, len(sums))
    for i in range(len(pixels)):
        for f in range(len(sums)):
            sums[f] += pixels[i, f]


@inner_njit
def relu_and_sums(a: Array, sums: Array) -> None:
    """relu in place, for pixels in a row; adds them to ``sums``."""
    zero = a.dtype.type(0)  # a mere 0 would make float64 of the choice
    for k in range(len(a)):
        a[k] = zero if a[k] <= zero else a[k]
        sums[k] += a[k]


@inner_njit
def add_squares(a: Array, mean: Array, squares: Array) -> None:
    """Add Σ(a − mean)² for each filter, for one image (h, w, filters)."""
    h, w, filters = a.shape
    centres, columns = np.empty(w * filters, a.dtype), np.zeros(w * filters, a.dtype)
    for k in range(len(centres)):
        centres[k] = mean[k] if k < filters else centres[k - filters]
    for i in range(h):
        pixels = a[i].reshape(-1)
        for k in range(len(columns)):
            columns[k] += (pixels[k] - centres[k]) * (pixels[k] - centres[k])
    add_columns(columns, squares)


@inner_njit
def line_where_positive(a: Array, means: Array, slopes: Array, constants: Array, line: Array, sums: Array) -> None:
    """(a − μ)·slope + constant where a is positive, else 0, for pixels in a row; adds them to ``sums``."""
    zero = a.dtype.type(0)
    for k in range(len(a)):
        line[k] = (a[k] - means[k]) * slopes[k] + constants[k] if a[k] > zero else zero
        sums[k] += line[k]


@inner_njit
def add_peak_sums(dy: Array, peaks: Array, mean: Array, sums: Array, products: Array) -> None:
    """Add Σ dy and Σ dy·(peak − μ) for each filter."""
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            for f in range(len(sums)):
                sums[f] += dy[i, j, f]
                products[f] += dy[i, j, f] * (peaks[i, j, f] - mean[f])


@inner_njit
def normalize(x: Array, mean: Array, scale: Array, beta: Array, y: Array) -> None:
    """y = (x − mean)·scale + beta for one image; y may be x."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for f in range(len(mean)):
                y[i, j, f] = (x[i, j, f] - mean[f]) * scale[f] + beta[f]

"""Convolution of each channel by itself, fast: the twin of ``depthwise_conv2d.py``.

Plain loops whose innermost one runs over the channels of a pixel, on vectors. Threads share out the rows of outputs, or
whole images where outputs add to pixels. The kernel's gradient is the sum of `PARTS` parts, whatever the number of
threads, which are added in order: the bits never depend on the threads.
"""

from __future__ import annotations

import numpy as np

from tinycnn.kernels.engine.threads import parallel_njit
from tinycnn.kernels.fast.conv2d import PARTS, column_sums, out_size, total

Array = np.ndarray
Pair = tuple[int, int]

SMALL = 20_000  # products that one thread has done before a second one is awake


def depthwise_conv2d_forward(x: Array, kernel: Array, bias: Array, strides: Pair, dilation_rate: Pair) -> Array:
    n, h, w, _ = x.shape
    kh, kw, _, m = kernel.shape
    out_h, out_w = out_size((h, w), (kh, kw), strides, dilation_rate)
    x, taps = _repeated(x, m), kernel.reshape(kh, kw, -1)
    z = np.empty((n, out_h, out_w, taps.shape[2]), x.dtype)
    run = _forward.alone if z.size * kh * kw <= SMALL else _forward
    run(n * out_h, x, taps, bias, strides, dilation_rate, z)
    return z


def depthwise_conv2d_backward_parameters(
    x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair
) -> tuple[Array, Array]:
    (kh, kw), channels, outputs = kernel_size, x.shape[3], dz.shape[3]
    m = outputs // channels
    sums = np.zeros((PARTS, kh, kw, outputs), x.dtype)
    run = _backward_parameters.alone if dz.size * kh * kw <= SMALL else _backward_parameters
    run(PARTS, _repeated(x, m), dz, strides, dilation_rate, sums)
    return total(sums).reshape(kh, kw, channels, m), column_sums(dz.reshape(-1, outputs), PARTS)


def depthwise_conv2d_backward_input(
    dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair
) -> Array:
    kh, kw, channels, m = kernel.shape
    taps = kernel.reshape(kh, kw, channels * m)
    dx = np.empty((len(dz), image_size[0], image_size[1], channels * m), dz.dtype)
    run = _backward_input.alone if dz.size * kh * kw <= SMALL else _backward_input
    run(len(dz), dz, taps, strides, dilation_rate, dx)
    return dx if m == 1 else np.add.reduce([dx[..., q::m] for q in range(m)])


def _repeated(x: Array, m: int) -> Array:
    return x if m == 1 else x.repeat(m, axis=3)


@parallel_njit
def _forward(part: int, x: Array, taps: Array, bias: Array, strides: Pair, dilation_rate: Pair, z: Array) -> None:
    """One row of outputs."""
    (sh, sw), (dh, dw) = strides, dilation_rate
    image, i = part // z.shape[1], part % z.shape[1]
    for j in range(z.shape[2]):
        output = z[image, i, j]
        for k in range(len(output)):
            output[k] = bias[k]
        for a in range(taps.shape[0]):
            for b in range(taps.shape[1]):
                pixel, tap = x[image, i * sh + a * dh, j * sw + b * dw], taps[a, b]
                for k in range(len(output)):
                    output[k] += pixel[k] * tap[k]


@parallel_njit
def _backward_parameters(part: int, x: Array, dz: Array, strides: Pair, dilation_rate: Pair, sums: Array) -> None:
    """The sum over some rows of outputs, each of which is added up by itself: short sums keep their digits."""
    (sh, sw), (dh, dw) = strides, dilation_rate
    rows = len(dz) * dz.shape[1]
    size = -(-rows // PARTS)
    dtaps = np.empty(sums.shape[1:], sums.dtype)
    row_sums, part_sums = dtaps.reshape(-1), sums[part].reshape(-1)
    for row in range(part * size, min((part + 1) * size, rows)):
        image, i = row // dz.shape[1], row % dz.shape[1]
        row_sums[:] = 0
        for j in range(dz.shape[2]):
            gradient = dz[image, i, j]
            for a in range(dtaps.shape[0]):
                for b in range(dtaps.shape[1]):
                    pixel, dtap = x[image, i * sh + a * dh, j * sw + b * dw], dtaps[a, b]
                    for k in range(len(gradient)):
                        dtap[k] += pixel[k] * gradient[k]
        for k in range(len(row_sums)):
            part_sums[k] += row_sums[k]


@parallel_njit
def _backward_input(part: int, dz: Array, taps: Array, strides: Pair, dilation_rate: Pair, dx: Array) -> None:
    """One image."""
    (sh, sw), (dh, dw) = strides, dilation_rate
    dx[part] = 0
    for i in range(dz.shape[1]):
        for j in range(dz.shape[2]):
            gradient = dz[part, i, j]
            for a in range(taps.shape[0]):
                for b in range(taps.shape[1]):
                    pixel, tap = dx[part, i * sh + a * dh, j * sw + b * dw], taps[a, b]
                    for k in range(len(gradient)):
                        pixel[k] += gradient[k] * tap[k]

"""Layers as one would explain them at a blackboard: one number at a time, in float64, with plain loops.

Nothing here is fast and nothing is shared with the package: the definitions are spelled out from scratch (windows by
their corner in the unpadded image, gradients by following each product back, batch normalization by the six separate
derivatives of the paper), so that the same slip would have to be made twice to go unseen.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray
Pair = tuple[int, int]


# Windows


def first_corner(size: int, window: int, stride: int, padding: str) -> tuple[int, int]:
    """(where the first window begins, how many windows there are) along one axis; a negative start lies in padding."""
    if padding == "valid":
        count = 0
        while count * stride + window <= size:
            count += 1
        return 0, count
    count = math.ceil(size / stride)
    padded = size
    while (count - 1) * stride + window > padded:  # the fewest extra pixels that the windows need
        padded += 1
    return -((padded - size) // 2), count  # an odd one goes to the end


def windows(size: Pair, window: Pair, strides: Pair, padding: str):
    """(i, j, top, left) for each output pixel: its place, and the corner of its window in the unpadded image."""
    top, rows = first_corner(size[0], window[0], strides[0], padding)
    left, columns = first_corner(size[1], window[1], strides[1], padding)
    for i in range(rows):
        for j in range(columns):
            yield i, j, top + i * strides[0], left + j * strides[1]


def output_size(size: Pair, window: Pair, strides: Pair, padding: str) -> Pair:
    return (
        first_corner(size[0], window[0], strides[0], padding)[1],
        first_corner(size[1], window[1], strides[1], padding)[1],
    )


def inside(size: Pair, row: int, column: int) -> bool:
    return 0 <= row < size[0] and 0 <= column < size[1]


# Convolution


def _conv2d_products(x_shape, kernel_shape, strides, padding, dilation_rate, groups):
    """(n, i, j, f, row, column, channel, a, b, c) for each product pixel · weight that enters output (n, i, j, f)."""
    n, h, w, channels = x_shape
    kh, kw, channels_per_group, filters = kernel_shape
    assert channels == channels_per_group * groups
    extent = ((kh - 1) * dilation_rate[0] + 1, (kw - 1) * dilation_rate[1] + 1)
    for i, j, top, left in windows((h, w), extent, strides, padding):
        for a in range(kh):
            for b in range(kw):
                row, column = top + a * dilation_rate[0], left + b * dilation_rate[1]
                if not inside((h, w), row, column):
                    continue
                for f in range(filters):
                    group = f // (filters // groups)
                    for c in range(channels_per_group):
                        for sample in range(n):
                            yield sample, i, j, f, row, column, group * channels_per_group + c, a, b, c


def conv2d(x, kernel, bias, strides=(1, 1), padding="valid", dilation_rate=(1, 1), groups=1) -> Array:
    kh, kw, _, filters = kernel.shape
    extent = ((kh - 1) * dilation_rate[0] + 1, (kw - 1) * dilation_rate[1] + 1)
    out_h, out_w = output_size(x.shape[1:3], extent, strides, padding)
    z = np.zeros((len(x), out_h, out_w, filters))
    for f in range(filters):
        z[:, :, :, f] = bias[f]
    for s, i, j, f, row, column, channel, a, b, c in _conv2d_products(
        x.shape, kernel.shape, strides, padding, dilation_rate, groups
    ):
        z[s, i, j, f] += float(x[s, row, column, channel]) * float(kernel[a, b, c, f])
    return z


def conv2d_gradients(
    x, kernel, dz, strides=(1, 1), padding="valid", dilation_rate=(1, 1), groups=1
) -> tuple[Array, Array, Array]:
    """dx, dkernel, dbias: each product hands the gradient of its output to both of its factors."""
    dx, dkernel, dbias = np.zeros(x.shape), np.zeros(kernel.shape), np.zeros(kernel.shape[-1])
    for s, i, j, f, row, column, channel, a, b, c in _conv2d_products(
        x.shape, kernel.shape, strides, padding, dilation_rate, groups
    ):
        dx[s, row, column, channel] += float(dz[s, i, j, f]) * float(kernel[a, b, c, f])
        dkernel[a, b, c, f] += float(dz[s, i, j, f]) * float(x[s, row, column, channel])
    for s, i, j, f in np.ndindex(dz.shape):
        dbias[f] += float(dz[s, i, j, f])
    return dx, dkernel, dbias


# Pooling


def max_pooling2d(x, pool_size, strides, padding="valid") -> tuple[Array, dict]:
    """The maxima, and for each output place the (row, column) of the first maximum, in row-major order."""
    n, h, w, channels = x.shape
    y = np.full((n, *output_size((h, w), pool_size, strides, padding), channels), np.nan)
    winners = {}
    for i, j, top, left in windows((h, w), pool_size, strides, padding):
        for s in range(n):
            for c in range(channels):
                best, place = -math.inf, None
                for row in range(top, top + pool_size[0]):
                    for column in range(left, left + pool_size[1]):
                        if inside((h, w), row, column) and (place is None or x[s, row, column, c] > best):
                            best, place = x[s, row, column, c], (row, column)
                y[s, i, j, c], winners[s, i, j, c] = best, place
    return y, winners


def max_pooling2d_gradient(x, dy, pool_size, strides, padding="valid") -> Array:
    dx = np.zeros(x.shape)
    for (s, i, j, c), (row, column) in max_pooling2d(x, pool_size, strides, padding)[1].items():
        dx[s, row, column, c] += dy[s, i, j, c]
    return dx


def average_pooling2d(x, pool_size, strides, padding="valid") -> Array:
    """The mean over those pixels of a window that lie inside the image."""
    n, h, w, channels = x.shape
    y = np.zeros((n, *output_size((h, w), pool_size, strides, padding), channels))
    for i, j, pixels in _pixels_of_windows((h, w), pool_size, strides, padding):
        for s in range(n):
            for c in range(channels):
                y[s, i, j, c] = math.fsum(float(x[s, row, column, c]) for row, column in pixels) / len(pixels)
    return y


def average_pooling2d_gradient(x_shape, dy, pool_size, strides, padding="valid") -> Array:
    dx = np.zeros(x_shape)
    for i, j, pixels in _pixels_of_windows(x_shape[1:3], pool_size, strides, padding):
        for s in range(x_shape[0]):
            for c in range(x_shape[3]):
                for row, column in pixels:
                    dx[s, row, column, c] += float(dy[s, i, j, c]) / len(pixels)
    return dx


def _pixels_of_windows(size, pool_size, strides, padding):
    for i, j, top, left in windows(size, pool_size, strides, padding):
        yield (
            i,
            j,
            [
                (row, column)
                for row in range(top, top + pool_size[0])
                for column in range(left, left + pool_size[1])
                if inside(size, row, column)
            ],
        )


# Batch normalization, on rows (m, c)


def batch_statistics(x) -> tuple[Array, Array]:
    """Mean, and variance with the divisor m, of each column."""
    m, channels = x.shape
    mean = [math.fsum(float(v) for v in x[:, c]) / m for c in range(channels)]
    variance = [math.fsum((float(v) - mean[c]) ** 2 for v in x[:, c]) / m for c in range(channels)]
    return np.array(mean), np.array(variance)


def normalize(x, gamma, beta, mean, variance, epsilon) -> Array:
    y = np.zeros(x.shape)
    for k, c in np.ndindex(x.shape):
        y[k, c] = float(gamma[c]) * (float(x[k, c]) - mean[c]) / math.sqrt(variance[c] + epsilon) + float(beta[c])
    return y


def batch_normalization_gradients(x, gamma, dy, epsilon) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta by the six derivatives of Ioffe & Szegedy 2015, section 3, one after the other."""
    m, channels = x.shape
    mean, variance = batch_statistics(x)
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(channels), np.zeros(channels)
    for c in range(channels):
        column = [float(v) for v in x[:, c]]
        upstream = [float(v) for v in dy[:, c]]
        root = math.sqrt(variance[c] + epsilon)
        d_normalized = [g * float(gamma[c]) for g in upstream]
        d_variance = math.fsum(
            d * (v - mean[c]) * -0.5 * (variance[c] + epsilon) ** -1.5
            for d, v in zip(d_normalized, column, strict=True)
        )
        d_mean = math.fsum(-d / root for d in d_normalized)
        d_mean += d_variance * math.fsum(-2 * (v - mean[c]) for v in column) / m
        for k in range(m):
            dx[k, c] = d_normalized[k] / root + d_variance * 2 * (column[k] - mean[c]) / m + d_mean / m
        dgamma[c] = math.fsum(g * (v - mean[c]) / root for g, v in zip(upstream, column, strict=True))
        dbeta[c] = math.fsum(upstream)
    return dx, dgamma, dbeta


# Dense


def dense(x, kernel, bias) -> Array:
    z = np.zeros((len(x), kernel.shape[1]))
    for s, unit in np.ndindex(z.shape):
        z[s, unit] = math.fsum(
            [float(bias[unit]), *(float(x[s, k]) * float(kernel[k, unit]) for k in range(len(kernel)))]
        )
    return z


def dense_gradients(x, kernel, dz) -> tuple[Array, Array, Array]:
    dx, dkernel, dbias = np.zeros(x.shape), np.zeros(kernel.shape), np.zeros(kernel.shape[1])
    for s, unit in np.ndindex(dz.shape):
        for k in range(len(kernel)):
            dx[s, k] += float(dz[s, unit]) * float(kernel[k, unit])
            dkernel[k, unit] += float(dz[s, unit]) * float(x[s, k])
        dbias[unit] += float(dz[s, unit])
    return dx, dkernel, dbias


# Activations: functions and derivatives of one number z


def softmax(z) -> Array:
    """Over the last axis. For moderate z only: nothing is taken off before exp."""
    y = np.zeros(z.shape)
    for place in np.ndindex(z.shape[:-1]):
        powers = [math.exp(float(v)) for v in z[place]]
        for k, power in enumerate(powers):
            y[place][k] = power / math.fsum(powers)
    return y


def softmax_gradient(z, dy) -> Array:
    """By the whole matrix of derivatives, dy_j/dz_k = y_j·(1 − y_k) where j = k, else −y_j·y_k."""
    y, dz = softmax(z), np.zeros(z.shape)
    for place in np.ndindex(z.shape[:-1]):
        p = y[place]
        for k in range(len(p)):
            dz[place][k] = math.fsum(
                float(dy[place][j]) * p[j] * ((1 - p[k]) if j == k else -p[k]) for j in range(len(p))
            )
    return dz


ELEMENTWISE = {
    "linear": (lambda z: z, lambda z: 1.0),
    "relu": (lambda z: z if z > 0 else 0.0, lambda z: 1.0 if z > 0 else 0.0),
    "leaky_relu": (lambda z: z if z > 0 else 0.2 * z, lambda z: 1.0 if z > 0 else 0.2),
    "elu": (lambda z: z if z > 0 else math.exp(z) - 1, lambda z: 1.0 if z > 0 else math.exp(z)),
    "sigmoid": (
        lambda z: 1 / (1 + math.exp(-z)),
        lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2,
    ),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
    "selu": (
        lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * (math.exp(z) - 1)),
        lambda z: 1.0507009873554805 * (1 if z > 0 else 1.6732632423543772 * math.exp(z)),
    ),
    "softplus": (lambda z: math.log(1 + math.exp(z)), lambda z: 1 / (1 + math.exp(-z))),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "exponential": (math.exp, math.exp),
    "relu6": (lambda z: min(max(z, 0.0), 6.0), lambda z: float(0 < z < 6)),
    "hard_sigmoid": (lambda z: min(max(z / 6 + 0.5, 0.0), 1.0), lambda z: (1 / 6) * (-3 < z < 3)),
    "silu": (
        lambda z: z / (1 + math.exp(-z)),
        lambda z: (1 + math.exp(-z) + z * math.exp(-z)) / (1 + math.exp(-z)) ** 2,
    ),
    "hard_silu": (
        lambda z: z * min(max(z / 6 + 0.5, 0.0), 1.0),
        lambda z: 0.0 if z <= -3 else 1.0 if z >= 3 else z / 3 + 0.5,
    ),
    "gelu": (
        lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
        lambda z: (1 + math.erf(z / math.sqrt(2))) / 2 + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "mish": (
        lambda z: z * math.tanh(math.log(1 + math.exp(z))),
        lambda z: (
            math.tanh(math.log(1 + math.exp(z)))
            + z / math.cosh(math.log(1 + math.exp(z))) ** 2 * math.exp(z) / (1 + math.exp(z))
        ),
    ),
}


def activation(name: str, z) -> Array:
    if name == "softmax":
        return softmax(z)
    if name == "log_softmax":
        return np.log(softmax(z))
    function, _ = ELEMENTWISE[name]
    return np.array([function(float(v)) for v in z.ravel()]).reshape(z.shape)


def activation_gradient(name: str, z, dy) -> Array:
    if name == "softmax":
        return softmax_gradient(z, dy)
    if name == "log_softmax":
        return softmax_gradient(z, dy / softmax(z))
    _, derivative = ELEMENTWISE[name]
    slopes = np.array([derivative(float(v)) for v in z.ravel()]).reshape(z.shape)
    return slopes * dy

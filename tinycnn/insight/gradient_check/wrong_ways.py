"""The usual mistakes, made on purpose: each is a kernel that is wrong, with the name of what is wrong with it.

Put into the table of a layer that is right, a wrong kernel gives the gradient that its mistake would give. The gradient
in question is compared with it, number by number: so a mistake is named only where it explains all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinycnn.kernels import REFERENCE, Kernels
from tinycnn.kernels.activations import Activation
from tinycnn.kernels.conv2d import conv2d_backward_input, conv2d_backward_parameters, tap
from tinycnn.kernels.softmax_crossentropy import softmax_crossentropy

Array = np.ndarray
Pair = tuple[int, int]


def tables(layer: Any) -> Iterator[tuple[str, Kernels]]:
    """Mistakes that one can make in this kind of layer: their names, and tables of kernels with which they are made."""
    for entry, name, wrong in WRONG_KERNELS:
        if _KERNELS_OF.get(type(layer).__name__, "-") == entry.split("_")[0]:
            exchanged: dict[str, Any] = {entry: wrong}
            yield name, replace(REFERENCE, **exchanged)
    activation = getattr(layer, "activation", "linear")
    if activation in REFERENCE.activations and activation != "linear":
        own = REFERENCE.activations[activation]
        alone = not layer.params
        for name, kinds, backward in WRONG_ACTIVATIONS:
            if not kinds or activation in kinds:
                pair = Activation(own.forward, backward, own.keeps_input)
                if kinds and not alone:
                    name = f"in the derivative of its activation {activation}: {name}"
                yield name, replace(REFERENCE, activations={**REFERENCE.activations, activation: pair})


_KERNELS_OF = {"Dense": "dense", "Conv2D": "conv2d", "MaxPooling2D": "max", "BatchNormalization": "batch"}


# Dense


def _sums_first(x: Array, dz: Array) -> tuple[Array, Array]:
    return np.outer(x.sum(axis=0), dz.sum(axis=0)), dz.sum(axis=0)


def _first_sample(x: Array, dz: Array) -> tuple[Array, Array]:
    return x[:1].T @ dz[:1], dz[0]


def _last_sample(x: Array, dz: Array) -> tuple[Array, Array]:
    return x[-1:].T @ dz[-1:], dz[-1]


def _bias_over_units(x: Array, dz: Array) -> tuple[Array, Array]:
    return x.T @ dz, np.full(dz.shape[1], dz.sum())


def _not_transposed(dz: Array, kernel: Array) -> Array:
    return dz @ kernel if kernel.shape[0] == kernel.shape[1] else np.full((len(dz), len(kernel)), np.nan)


# Convolution


def _assigned_tap_by_tap(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    dx = np.zeros((len(dz), *image_size, kernel.shape[2]), dz.dtype)
    for a, b in np.ndindex(*kernel.shape[:2]):
        at = tap(dx, a * dilation_rate[0], b * dilation_rate[1], dz.shape[1:3], strides)
        at[...] = dz @ kernel[a, b].T
    return dx


def _assigned_window_by_window(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    dx = np.zeros((len(dz), *image_size, kernel.shape[2]), dz.dtype)
    (kh, kw), (dh, dw) = kernel.shape[:2], dilation_rate
    for i, j in np.ndindex(*dz.shape[1:3]):
        top, left = i * strides[0], j * strides[1]
        rows, columns = slice(top, top + (kh - 1) * dh + 1, dh), slice(left, left + (kw - 1) * dw + 1, dw)
        dx[:, rows, columns] = np.einsum("nf,abcf->nabc", dz[:, i, j], kernel)
    return dx


def _kernel_flipped(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    return conv2d_backward_input(dz, kernel[::-1, ::-1], image_size, strides, dilation_rate)


def _kernel_not_transposed(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    if kernel.shape[2] != kernel.shape[3]:
        return np.full((len(dz), *image_size, kernel.shape[2]), np.nan)
    return conv2d_backward_input(dz, kernel.swapaxes(2, 3), image_size, strides, dilation_rate)


def _places_exchanged(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    if kernel.shape[0] != kernel.shape[1]:
        return np.full((len(dz), *image_size, kernel.shape[2]), np.nan)
    return conv2d_backward_input(dz, kernel.swapaxes(0, 1), image_size, strides, dilation_rate)


def _dx_strides_ignored(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    return conv2d_backward_input(dz, kernel, image_size, (1, 1), dilation_rate)


def _dkernel_strides_ignored(x: Array, dz: Array, kernel_size: Pair, strides: Pair, dilation_rate: Pair) -> Any:
    return conv2d_backward_parameters(x, dz, kernel_size, (1, 1), dilation_rate)


def _dilation_ignored(dz: Array, kernel: Array, image_size: Pair, strides: Pair, dilation_rate: Pair) -> Array:
    return conv2d_backward_input(dz, kernel, image_size, strides, (1, 1))


def _first_image(x: Array, dz: Array, *sizes: Any) -> Any:
    return conv2d_backward_parameters(x[:1], dz[:1], *sizes)


def _last_image(x: Array, dz: Array, *sizes: Any) -> Any:
    return conv2d_backward_parameters(x[-1:], dz[-1:], *sizes)


def _bias_over_filters(x: Array, dz: Array, *sizes: Any) -> Any:
    return conv2d_backward_parameters(x, dz, *sizes)[0], np.full(dz.shape[3], dz.sum())


# Max pooling


def _windows(dy: Array, pool_size: Pair, strides: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    for i, j in np.ndindex(*dy.shape[1:3]):
        top, left = i * strides[0], j * strides[1]
        yield i, j, slice(top, top + pool_size[0]), slice(left, left + pool_size[1])


def _won(argmax: Array, pool_size: Pair) -> Array:
    """(n, pool_h, pool_w, c): 1 at the maximum of one window, 0 elsewhere."""
    places = np.arange(pool_size[0] * pool_size[1]).reshape(1, *pool_size, 1)
    return (places == argmax[:, None, None]).astype(np.float64)


def _pooling_assigned(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    dx = np.zeros((len(dy), *image_size, dy.shape[3]))
    for i, j, rows, columns in _windows(dy, pool_size, strides):
        dx[:, rows, columns] = _won(argmax[:, i, j], pool_size) * dy[:, i, j][:, None, None]
    return dx


def _pooling_maximum_assigned(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
    dx = np.zeros((len(dy), *image_size, dy.shape[3]))
    for i, j, rows, columns in _windows(dy, pool_size, strides):
        won = _won(argmax[:, i, j], pool_size)
        dx[:, rows, columns] = np.where(won, dy[:, i, j][:, None, None], dx[:, rows, columns])
    return dx


def _pooling_as(weights: Callable[[Array, Pair], Array]) -> Callable[..., Array]:
    def backward(dy: Array, argmax: Array, image_size: Pair, pool_size: Pair, strides: Pair) -> Array:
        dx = np.zeros((len(dy), *image_size, dy.shape[3]))
        for i, j, rows, columns in _windows(dy, pool_size, strides):
            dx[:, rows, columns] += weights(argmax[:, i, j], pool_size) * dy[:, i, j][:, None, None]
        return dx

    return backward


def _first_pixel(argmax: Array, pool_size: Pair) -> Array:
    return _won(np.zeros_like(argmax), pool_size)


def _place_exchanged(argmax: Array, pool_size: Pair) -> Array:
    a, b = np.divmod(argmax, pool_size[1])
    return _won(np.minimum(b, pool_size[0] - 1) * pool_size[1] + np.minimum(a, pool_size[1] - 1), pool_size)


# Batch normalization: the gradients of gamma and beta; that of x is fitted term by term, see `statistics_terms`


def _batch_normalization(
    gamma_gradient: Callable[..., Array], beta_gradient: Callable[..., Array]
) -> Callable[..., tuple[Array, Array, Array]]:
    def backward(dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float) -> Any:
        std = np.sqrt(variance + epsilon)
        dx, dgamma, dbeta = REFERENCE.batch_normalization_backward(dy, x, gamma, mean, variance, epsilon)
        arguments = {"dy": dy, "x": x, "x_hat": (x - mean) / std, "gamma": gamma, "std": std, "mean": mean}
        return dx, gamma_gradient(dgamma, **arguments), beta_gradient(dbeta, **arguments)

    return backward


def _only_gamma(wrong: Callable[..., Array]) -> Callable[..., Any]:
    return _batch_normalization(wrong, lambda dbeta, **_: dbeta)


def _only_beta(wrong: Callable[..., Array]) -> Callable[..., Any]:
    return _batch_normalization(lambda dgamma, **_: dgamma, wrong)


# Activations: functions of dy and of what the layer keeps, y, or z for those that keep their input


def _softmax_elementwise(dy: Array, y: Array) -> Array:
    return dy * y * (1 - y)


def _softmax_without_y(dy: Array, y: Array) -> Array:
    return dy - np.sum(dy * y, axis=-1, keepdims=True)


def _softmax_over_the_batch(dy: Array, y: Array) -> Array:
    return y * (dy - np.sum(dy * y, axis=0, keepdims=True))


def _softmax_sum_of_dy(dy: Array, y: Array) -> Array:
    return y * (dy - np.sum(dy, axis=-1, keepdims=True))


def _sigmoid_of(y: Array) -> Array:
    return 1 / (1 + np.exp(-y))


NO_DERIVATIVE = "the derivative of the activation is missing: dz = dy·activation'(z)"
SOFTMAX_SUM = "softmax: the term −y·Σ dy·y is missing"
AT_Y = "the derivative of the activation is taken at y; it is due at z"
ASSIGNED = "= where += is due: pixels in several windows keep the last one's part only"
SAMPLES = {
    "first": "only the first sample counts; all are to be added up",
    "last": "only the last sample counts: = where += is due",
}

# What is wrong, of which activations (none: of all), and the way back.
WRONG_ACTIVATIONS: tuple[tuple[str, tuple[str, ...], Callable[[Array, Array], Array]], ...] = (
    (NO_DERIVATIVE, (), lambda dy, kept: dy),
    ("the sign of dy decides; that of z is due: dz = dy·[z > 0]", ("relu",), lambda dy, y: dy * (dy > 0)),
    ("relu'(z) is taken for z itself: dz = dy·[z > 0]", ("relu",), lambda dy, y: dy * y),
    ("relu the wrong way round: [z < 0] where [z > 0] is due", ("relu",), lambda dy, y: dy * (y <= 0)),
    ("σ' = σ·(1 − σ), and σ(y) is taken for σ(z) = y", ("sigmoid",),
     lambda dy, y: dy * _sigmoid_of(y) * (1 - _sigmoid_of(y))),
    ("tanh' = 1 − tanh², and tanh(y) is taken for tanh(z) = y", ("tanh",), lambda dy, y: dy * (1 - np.tanh(y) ** 2)),
    ("the square is missing: tanh' = 1 − y²", ("tanh",), lambda dy, y: dy * (1 - y)),
    ("the factor 1 − y is missing: σ' = y·(1 − y)", ("sigmoid",), lambda dy, y: dy * y),
    ("the factor y is missing: σ' = y·(1 − y)", ("sigmoid",), lambda dy, y: dy * (1 - y)),
    (SOFTMAX_SUM, ("softmax",), lambda dy, y: y * dy),
    ("softmax taken number by number: y·(1 − y)·dy; each output depends on all inputs: y·(dy − Σ dy·y)", ("softmax",),
     _softmax_elementwise),
    ("softmax: the factor y is missing: y·(dy − Σ dy·y)", ("softmax",), _softmax_without_y),
    ("softmax: the sum goes over the batch; over the classes it is due", ("softmax",), _softmax_over_the_batch),
    ("softmax: Σ dy where Σ dy·y is due", ("softmax",), _softmax_sum_of_dy),
)  # fmt: skip

# An entry of the table of kernels, what is wrong with it, and the wrong one.
WRONG_KERNELS: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("dense_backward_input", "transposed: dx = dz·kernelᵀ, and the kernel stands there as it is", _not_transposed),
    ("dense_backward_parameters", "Σx·Σdz where Σ x·dz is due: multiply sample by sample, then add", _sums_first),
    ("dense_backward_parameters", SAMPLES["first"], _first_sample),
    ("dense_backward_parameters", SAMPLES["last"], _last_sample),
    ("dense_backward_parameters", "summed over the units too; over the samples alone it is due", _bias_over_units),
    ("conv2d_backward_input", ASSIGNED, _assigned_tap_by_tap),
    ("conv2d_backward_input", ASSIGNED, _assigned_window_by_window),
    ("conv2d_backward_input", "flipped: the kernel is turned by 180°, and must not be here", _kernel_flipped),
    ("conv2d_backward_input", "transposed: channels and filters of the kernel are exchanged", _kernel_not_transposed),
    ("conv2d_backward_input", "transposed: rows and columns of the kernel are exchanged", _places_exchanged),
    ("conv2d_backward_input", "the strides are ignored: windows lie `strides` pixels apart", _dx_strides_ignored),
    ("conv2d_backward_input", "the dilation is ignored", _dilation_ignored),
    ("conv2d_backward_parameters", "the strides are ignored: windows lie `strides` pixels apart",
     _dkernel_strides_ignored),
    ("conv2d_backward_parameters", SAMPLES["first"], _first_image),
    ("conv2d_backward_parameters", SAMPLES["last"], _last_image),
    ("conv2d_backward_parameters", "summed over the filters too; over images and pixels it is due", _bias_over_filters),
    ("max_pooling2d_backward", ASSIGNED, _pooling_assigned),
    ("max_pooling2d_backward", ASSIGNED, _pooling_maximum_assigned),
    ("max_pooling2d_backward", "shared out evenly over the window, as average pooling does; the maximum takes all",
     _pooling_as(lambda argmax, pool_size: np.full((1, *pool_size, 1), 1 / (pool_size[0] * pool_size[1])))),
    ("max_pooling2d_backward", "every pixel of the window takes the gradient; the maximum alone is due",
     _pooling_as(lambda argmax, pool_size: np.ones((1, *pool_size, 1)))),
    ("max_pooling2d_backward", "the first pixel of each window takes the gradient, whichever is the largest",
     _pooling_as(_first_pixel)),
    ("max_pooling2d_backward", "transposed: row and column within the window are exchanged",
     _pooling_as(_place_exchanged)),
    ("batch_normalization_backward", "x where x̂ is due: dγ = Σdy·x̂", _only_gamma(
        lambda _, dy, x, **more: np.sum(dy * x, axis=0))),
    ("batch_normalization_backward", "x − μ where x̂ is due: not divided by the deviation; dγ = Σdy·x̂", _only_gamma(
        lambda _, dy, x, mean, **more: np.sum(dy * (x - mean), axis=0))),
    ("batch_normalization_backward", "the factor x̂ is missing: dγ = Σdy·x̂", _only_gamma(
        lambda _, dy, **more: np.sum(dy, axis=0))),
    ("batch_normalization_backward", "the factor γ does not belong here: dγ = Σdy·x̂", _only_gamma(
        lambda dgamma, gamma, **more: gamma * dgamma)),
    ("batch_normalization_backward", "the factor γ does not belong here: dβ = Σdy", _only_beta(
        lambda dbeta, gamma, **more: gamma * dbeta)),
    ("batch_normalization_backward", "the factor x̂ does not belong here: dβ = Σdy", _only_beta(
        lambda _, dy, x_hat, **more: np.sum(dy * x_hat, axis=0))),
)  # fmt: skip


# Batch normalization: dx term by term


def statistics_terms(dx: Array, dy: Array, x: Array, gamma: Array, epsilon: float) -> str:
    """What is wrong with a batch normalization's dx: how often each of its terms stands there; "" if they do not fit.

    Math (per channel): dx = a·dy + b + c·x̂, a, b and c by least squares
                        due are a = γ/√(σ²+ε), b = −a·mean(dy), c = −a·mean(dy·x̂)
    Shapes:  dx, dy, x (m, channels); gamma (channels,)
    """
    m, channels = x.shape
    if m < 6:  # three numbers fit too well
        return ""
    variance = x.var(axis=0)
    std = np.sqrt(variance + epsilon)
    x_hat = (x - x.mean(axis=0)) / std
    times = np.empty((channels, 3))
    for c in range(channels):
        terms = np.stack([dy[:, c], np.ones(m), x_hat[:, c]], axis=1)
        found, *_ = np.linalg.lstsq(terms, dx[:, c], rcond=None)
        if not np.max(np.abs(terms @ found - dx[:, c])) <= 1e-6 * np.max(np.abs(dx[:, c])):
            return ""
        a = gamma[c] / std[c]
        times[c] = found / (a * np.array([1, -dy[:, c].mean(), -np.mean(dy[:, c] * x_hat[:, c])]))
    known = {
        "0": 0.0, "1": 1.0, "−1": -1.0, "2": 2.0, "1/2": 0.5, "m": m, "1/m": 1 / m, "m/(m − 1)": m / (m - 1),
        "(m − 1)/m": (m - 1) / m, "γ": gamma, "1/γ": 1 / gamma, "√(σ²+ε)": std, "1/√(σ²+ε)": 1 / std,
        "(σ²+ε)": std**2, "1/(σ²+ε)": std**-2, "√((m − 1)/m)": np.sqrt((m - 1) / m),
        "√(σ²+ε)/σ": std / np.sqrt(variance),
    }  # fmt: skip
    labels = [next((label for label, values in known.items() if _are(times[:, i], values)), "") for i in range(3)]
    labels = [label or _number(times[:, i]) for i, label in enumerate(labels)]
    return _NAMES.get((labels[0], labels[1], labels[2])) or _name_of_terms(*labels)


def _are(found: Array, due: Any) -> bool:
    return bool(np.allclose(found, due, rtol=1e-4, atol=1e-6))


def _number(found: Array) -> str:
    """The same number for all channels, in figures; "" if it differs."""
    return f"{found[0]:.4g}" if len(found) > 1 and _are(found, found[0]) else ""


# How often dy, mean(dy) and x̂·mean(dy·x̂) stand there.
_NAMES = {
    ("1", "1", "0"): "the term −x̂·mean(dy·x̂) is missing: the variance depends on x too",
    ("1", "0", "1"): "the term −mean(dy) is missing: the mean depends on x too",
    ("1", "0", "0"): "mean and variance are taken for constants: both depend on x",
    ("1", "m", "m"): "not divided by m: the sums of dy and dy·x̂ stand where their means are due",
    ("1", "m/(m − 1)", "m/(m − 1)"): "divided by m − 1 where m is due: the means of dy and of dy·x̂",
    ("1/γ", "1/γ", "1/γ"): "the factor γ is missing",
    ("γ", "γ", "γ"): "γ stands there twice",
    ("1/√(σ²+ε)", "1/√(σ²+ε)", "1/√(σ²+ε)"): "divided by the variance σ²+ε where the deviation, its root, is due",
    ("√(σ²+ε)", "√(σ²+ε)", "√(σ²+ε)"): "the division by the deviation √(σ²+ε) is missing",
    ("√(σ²+ε)/σ", "√(σ²+ε)/σ", "√(σ²+ε)/σ"): "ε is missing under the root",
}


def _name_of_terms(dy: str, mean: str, x_hat: str) -> str:
    if not dy or not mean or not x_hat or dy == mean == x_hat:
        return ""
    reason = {"(σ²+ε)": ": the derivative of 1/√(σ²+ε) has the exponent −3/2", "m": ": not divided by m"}
    if dy == mean == "1":
        return f"the term x̂·mean(dy·x̂) stands there {x_hat} times, due is 1{reason.get(x_hat, '')}"
    if dy == x_hat == "1":
        return f"the term mean(dy) stands there {mean} times, due is 1{reason.get(mean, '')}"
    return (
        f"the terms dy, mean(dy) and x̂·mean(dy·x̂) stand there {dy}, {mean} and {x_hat} times; due is 1 of each, "
        "with γ/√(σ²+ε) before all"
    )


def crossentropy_without_labels(z: Array) -> Array:
    """p/n: the gradient of softmax and cross-entropy in which the label's 1 is not taken off."""
    return softmax_crossentropy(z, np.zeros(len(z), np.int64))[0] / len(z)

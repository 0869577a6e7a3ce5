"""Unit 17. Convolution and normalization as they are in tinycnn, one after the other, against one convolution."""

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.learn.rungs import Mine, as_array, as_tuple, same

NAMES = ("kernel", "bias")
FAR = 0.1  # ε: large, so that it is missed


def _some(mine: Mine, *size: int) -> tuple:
    filters = size[-1]
    kernel, (bias, gamma, beta, mean) = mine.rng.standard_normal(size), mine.rng.standard_normal((4, filters))
    return kernel, bias, gamma, beta, mean, mine.rng.uniform(0.5, 2, filters), FAR


def _fold(mine: Mine, arguments: tuple) -> tuple:
    return as_tuple("fold", mine.fold(*arguments), NAMES)


def _usual(kernel, bias, gamma, beta, mean, variance, epsilon) -> dict[str, dict[str, np.ndarray]]:
    """The usual mistakes, in the kernel and in the bias."""
    f = gamma / np.sqrt(variance + epsilon)
    kernels = {
        "γ is missing": kernel / np.sqrt(variance + epsilon),
        "the division by √(variance + ε) is missing": kernel * gamma,
        "divided by variance + ε; its root is due": kernel * gamma / (variance + epsilon),
        "ε is missing": kernel * gamma / np.sqrt(variance),
        "the kernel stays as it was": kernel,
        "β does not belong into the kernel": kernel * f + beta,
    }
    if kernel.shape[-2] == kernel.shape[-1]:
        kernels["the factor meets the inputs' axis; the filters are the last"] = kernel * f[:, None]
    biases = {
        "the old bias is forgotten": beta - mean * f,
        "the old bias is not scaled": bias - mean * f + beta,
        "the moving mean is forgotten": bias * f + beta,
        "the moving mean is not scaled": bias * f - mean + beta,
        "the moving mean is added; it is to be subtracted": (bias + mean) * f + beta,
        "β is missing": (bias - mean) * f,
        "β is scaled; it stays as it is": (bias - mean + beta) * f,
        "the bias stays as it was": bias,
    }
    return {"kernel": kernels, "bias": biases}


def shapes(mine: Mine) -> None:
    """a kernel and a bias, each as large as before"""
    for size in ((3, 3, 2, 4), (5, 3)):
        kernel, bias = _fold(mine, _some(mine, *size))
        as_array("kernel", kernel, size)
        as_array("bias", bias, size[-1:])


def on_paper(mine: Mine) -> None:
    """kernel 2, bias 1, γ 6, β 5, mean 4, variance 9, ε 0: kernel 4, bias -1"""
    arguments = (np.array([[2.0]]), *(np.array([value]) for value in (1.0, 6.0, 5.0, 4.0, 9.0)), 0.0)
    usual = _usual(*arguments)
    for name, given, due in zip(NAMES, _fold(mine, arguments), ([[4.0]], [-1.0]), strict=True):
        same(name, given, due, usual=usual[name])


def fresh_numbers(mine: Mine) -> None:
    """fresh numbers, filter by filter"""
    for size in ((3, 3, 3, 3), (2, 3, 2, 5), (4, 4)):
        arguments = kernel, bias, gamma, beta, mean, variance, epsilon = _some(mine, *size)
        new_kernel, new_bias = np.empty(size), np.empty(size[-1])
        for u in range(size[-1]):
            factor = gamma[u] / np.sqrt(variance[u] + epsilon)
            new_kernel[..., u] = kernel[..., u] * factor
            new_bias[u] = (bias[u] - mean[u]) * factor + beta[u]
        usual = _usual(*arguments)
        for name, given, due in zip(NAMES, _fold(mine, arguments), (new_kernel, new_bias), strict=True):
            same(name, given, due, usual=usual[name])


def one_layer_less(mine: Mine) -> None:
    """images through one layer give what they gave through two"""
    arguments = kernel, bias, gamma, beta, mean, variance, epsilon = _some(mine, 3, 3, 2, 4)
    images = mine.rng.standard_normal((2, 6, 7, 2))
    z = REFERENCE.conv2d_forward(images, kernel, bias, (1, 1), (1, 1))
    rows = REFERENCE.batch_normalization_inference(z.reshape(-1, 4), gamma, beta, mean, variance, epsilon)
    new_kernel, new_bias = _fold(mine, arguments)
    given = REFERENCE.conv2d_forward(
        images, as_array("kernel", new_kernel, kernel.shape), as_array("bias", new_bias, bias.shape), (1, 1), (1, 1)
    )
    same("y of the one layer", given, rows.reshape(z.shape))


RUNGS = (shapes, on_paper, fresh_numbers, one_layer_less)

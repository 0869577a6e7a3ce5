"""The learner's functions as a table of kernels, so that tinycnn's layers and models run on them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinycnn.kernels import REFERENCE, Kernels
from tinycnn.kernels.activations import ACTIVATIONS, Activation
from tinycnn.kernels.dropout import random_numbers
from tinycnn.learn.rungs import Mine, as_array, as_tuple

Array = np.ndarray

LEARNING_RATE = 0.001  # of Adam in the milestones


def kernels(mine: Mine, *functions: str) -> Kernels:
    """The reference kernels with those entries exchanged that the learner has written."""
    entries: dict[str, Any] = {}
    for function in functions:
        entries |= _ENTRIES[function](mine)
    return replace(REFERENCE, name="yours", **entries)


def _no_dilation(function: str, dilation_rate: Any) -> None:
    if tuple(dilation_rate) != (1, 1):
        raise ValueError(f"{function} of the course knows no dilation")


def _dense_backward(mine: Mine) -> dict[str, Any]:
    """One function here, two in the table: the half of its arguments that is not there is zeros, and so not used."""

    def parameters(x: Array, dz: Array) -> tuple[Array, Array]:
        names = ("dx", "dkernel", "dbias")
        _, dkernel, dbias = as_tuple(
            "dense_backward", mine.dense_backward(dz, x, np.zeros((x.shape[1], dz.shape[1]), x.dtype)), names
        )
        return as_array("dkernel", dkernel, (x.shape[1], dz.shape[1])), as_array("dbias", dbias, (dz.shape[1],))

    def inputs(dz: Array, kernel: Array) -> Array:
        x = np.zeros((len(dz), len(kernel)), dz.dtype)
        names = ("dx", "dkernel", "dbias")
        return as_array("dx", as_tuple("dense_backward", mine.dense_backward(dz, x, kernel), names)[0], x.shape)

    return {"dense_backward_parameters": parameters, "dense_backward_input": inputs}


def _relu(mine: Mine) -> dict[str, Any]:
    pair = Activation(
        lambda z: as_array("relu_forward", mine.relu_forward(z), z.shape),
        lambda dy, y: as_array("relu_backward", mine.relu_backward(dy, y), dy.shape),
    )
    return {"activations": {**ACTIVATIONS, "relu": pair}}


def _softmax_crossentropy(mine: Mine) -> dict[str, Any]:
    def both(z: Array, labels: Array) -> tuple[Array, Array, Array]:
        p, loss, dz = as_tuple("softmax_crossentropy", mine.softmax_crossentropy(z, labels), ("p", "loss", "dz"))
        return as_array("p", p, z.shape), as_array("loss", loss, (len(z),)), as_array("dz", dz, z.shape)

    return {"softmax_crossentropy": both}


def _convolution(name: str) -> Callable[[Mine], dict[str, Any]]:
    def entry(mine: Mine) -> dict[str, Any]:
        def forward(x: Array, kernel: Array, bias: Array, strides: Any, dilation_rate: Any) -> Array:
            _no_dilation(name, dilation_rate)
            shape = (
                len(x),
                *((x.shape[1 + i] - kernel.shape[i]) // strides[i] + 1 for i in (0, 1)),
                kernel.shape[3],
            )
            return as_array(name, mine.call(name, (x, kernel, bias, tuple(strides))), shape)

        return {"conv2d_forward": forward}

    return entry


def _convolution_kernel(mine: Mine) -> dict[str, Any]:
    def parameters(x: Array, dz: Array, kernel_size: Any, strides: Any, dilation_rate: Any) -> tuple[Array, Array]:
        _no_dilation("conv2d_backward_kernel", dilation_rate)
        returned = mine.conv2d_backward_kernel(x, dz, tuple(kernel_size), tuple(strides))
        dkernel, dbias = as_tuple("conv2d_backward_kernel", returned, ("dkernel", "dbias"))
        filters = dz.shape[3]
        return as_array("dkernel", dkernel, (*kernel_size, x.shape[3], filters)), as_array("dbias", dbias, (filters,))

    return {"conv2d_backward_parameters": parameters}


def _convolution_input(mine: Mine) -> dict[str, Any]:
    def inputs(dz: Array, kernel: Array, image_size: Any, strides: Any, dilation_rate: Any) -> Array:
        _no_dilation("conv2d_backward_input", dilation_rate)
        dx = mine.conv2d_backward_input(dz, kernel, tuple(image_size), tuple(strides))
        return as_array("dx", dx, (len(dz), *image_size, kernel.shape[2]))

    return {"conv2d_backward_input": inputs}


def _max_pooling(mine: Mine) -> dict[str, Any]:
    def forward(x: Array, pool_size: Any, strides: Any) -> tuple[Array, Array]:
        returned = mine.max_pooling2d_forward(x, tuple(pool_size), tuple(strides))
        y, argmax = as_tuple("max_pooling2d_forward", returned, ("y", "argmax"))
        out = ((x.shape[1 + i] - pool_size[i]) // strides[i] + 1 for i in (0, 1))
        shape = (len(x), *out, x.shape[3])
        return as_array("y", y, shape), as_array("argmax", argmax, shape)

    def backward(dy: Array, argmax: Array, image_size: Any, pool_size: Any, strides: Any) -> Array:
        dx = mine.max_pooling2d_backward(dy, argmax, tuple(image_size), tuple(pool_size), tuple(strides))
        return as_array("dx", dx, (len(dy), *image_size, dy.shape[3]))

    return {"max_pooling2d_forward": forward, "max_pooling2d_backward": backward}


def _dropout(mine: Mine) -> dict[str, Any]:
    """The mask is the learner's, made of the numbers that the reference draws. `dropout_apply` serves both ways."""

    def mask(key: Any, shape: tuple[int, ...], least: int, scale: Any) -> Array:
        numbers = random_numbers(key, math.prod(shape)).reshape(shape) / 65536  # from 0 to below 1
        made = as_array("dropout_mask", mine.dropout_mask(numbers, least / 65536), shape)
        return made.astype(np.asarray(scale).dtype)

    def apply(x: Array, mask: Array) -> Array:
        return as_array("dropout_forward", mine.dropout_forward(x, mask), x.shape)

    return {"dropout_mask": mask, "dropout_apply": apply}


def _batch_normalization(mine: Mine) -> dict[str, Any]:
    def forward(x: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, Array, Array]:
        returned = mine.batch_normalization_forward(x, gamma, beta, float(epsilon))
        y, mean, variance = as_tuple("batch_normalization_forward", returned, ("y", "mean", "variance"))
        c = gamma.shape
        return as_array("y", y, x.shape), as_array("mean", mean, c), as_array("variance", variance, c)

    return {"batch_normalization_forward": forward}


def _batch_normalization_inference(mine: Mine) -> dict[str, Any]:
    def inference(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float) -> Array:
        y = mine.batch_normalization_inference(x, gamma, beta, mean, variance, float(epsilon))
        return as_array("batch_normalization_inference", y, x.shape)

    return {"batch_normalization_inference": inference}


def _batch_normalization_backward(name: str) -> Callable[[Mine], dict[str, Any]]:
    def entry(mine: Mine) -> dict[str, Any]:
        def backward(dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float) -> Any:
            returned = mine.call(name, (dy, x, gamma, mean, variance, float(epsilon)))
            dx, dgamma, dbeta = as_tuple(name, returned, ("dx", "dgamma", "dbeta"))
            c = gamma.shape
            return as_array("dx", dx, x.shape), as_array("dgamma", dgamma, c), as_array("dbeta", dbeta, c)

        return {"batch_normalization_backward": backward}

    return entry


def _sgd(mine: Mine) -> dict[str, Any]:
    def update(w: Array, g: Array, learning_rate: float) -> None:
        w[:] = as_array("sgd", mine.sgd(w, g, float(learning_rate)), w.shape)

    return {"sgd_update": update}


def _adam(mine: Mine) -> dict[str, Any]:
    """For one training from its start at `LEARNING_RATE`: the table has α where the learner's has η and t."""
    step = itertools.count(1)

    def update(
        w: Array, g: Array, m: Array, v: Array, alpha: float, beta_1: float, beta_2: float, epsilon: float
    ) -> None:
        returned = mine.adam(w, g, m, v, next(step), LEARNING_RATE, beta_1, beta_2, epsilon)
        for target, name, value in zip((w, m, v), "wmv", as_tuple("adam", returned, ("w", "m", "v")), strict=True):
            target[:] = as_array(name, value, target.shape)

    return {"adam_update": update}


_ENTRIES: dict[str, Callable[[Mine], dict[str, Any]]] = {
    "dense_forward": lambda mine: {
        "dense_forward": lambda x, kernel, bias: as_array(
            "dense_forward", mine.dense_forward(x, kernel, bias), (len(x), kernel.shape[1])
        )
    },
    "dense_backward": _dense_backward,
    "relu": _relu,
    "softmax_crossentropy": _softmax_crossentropy,
    "sgd": _sgd,
    "adam": _adam,
    "conv2d_by_windows": _convolution("conv2d_by_windows"),
    "conv2d_by_taps": _convolution("conv2d_by_taps"),
    "conv2d_backward_kernel": _convolution_kernel,
    "conv2d_backward_input": _convolution_input,
    "max_pooling2d": _max_pooling,
    "dropout": _dropout,
    "batch_normalization_forward": _batch_normalization,
    "batch_normalization_inference": _batch_normalization_inference,
    "batch_normalization_backward": _batch_normalization_backward("batch_normalization_backward"),
    "batch_normalization_backward_folded": _batch_normalization_backward("batch_normalization_backward_folded"),
}

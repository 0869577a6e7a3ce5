"""Tutorial 02: a convolution's gradients on paper, average pooling, questions that a wrong backward passes, ties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinycnn.kernels import REFERENCE
from tinycnn.layers import AveragePooling2D, MaxPooling2D, Softmax

from ..mistakes import MISTAKES
from . import array, choice, function, whole

# The tutorial's.
IMAGE = np.array([[1.0, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 2], [1, 1, 0, 1]]).reshape(1, 4, 4, 1)
KERNEL = np.array([[1.0, 0, -1], [2, 1, 0], [0, -1, 1]]).reshape(3, 3, 1, 1)
DZ = np.array([[1.0, 0], [-1, 0]]).reshape(1, 2, 2, 1)


def exercise_1(weight: Any, pixel: Any) -> str | None:
    """The gradient of the kernel's middle weight, and of the image's pixel in row three, column two."""
    dkernel = REFERENCE.conv2d_backward_parameters(IMAGE, DZ, (3, 3), (1, 1), (1, 1))[0]
    dx = REFERENCE.conv2d_backward_input(DZ, KERNEL, (4, 4), (1, 1), (1, 1))
    for name, value, due, what in (
        ("answer_weight", weight, dkernel[1, 1, 0, 0], "which pixel does the middle weight lie on"),
        ("answer_pixel", pixel, dx[0, 2, 1, 0], "which weight lies on the pixel"),
    ):
        given = whole(name, value)
        if given == -due:
            return f"{name}: the sign is turned around. Which of the two windows has the minus?"
        if given != due:
            return f"{name}: two windows count, one plus, one minus; {what} in each of them?"
    return None


def exercise_2(backward: Any) -> str | None:
    """The backward of a 2x2 average pooling of one image of one channel."""
    dy = np.random.default_rng(2).normal(size=(2, 3))
    given = array("what answer_backward returns", function("answer_backward", backward)(dy), (4, 6))
    layer = AveragePooling2D(dtype="float64")
    layer.build((None, 4, 6, 1))
    layer.forward(np.zeros((1, 4, 6, 1)), training=True)
    due = layer.backward(dy[None, :, :, None])[0, :, :, 0]
    if np.allclose(given, 4 * due):
        return "The output is a mean of four pixels: raise one of them by one, by how much does the mean rise?"
    if np.allclose(given, np.tile(dy, (2, 2)) / 4) or np.allclose(given, np.tile(dy, (2, 2))):
        return "The four pixels of a window lie side by side; here they are scattered over the image."
    if not np.allclose(given, due):
        return "Raise one pixel by one: which single output rises, and by how much? That times its dy is due."
    return None


def exercise_3(dy: Any) -> str | None:
    """An upstream gradient for which the right gradient of a softmax is zero, whatever the input."""
    given = array("answer_dy", dy, (6, 3))
    if np.ptp(given, axis=0).max() < 1e-9:
        return "All rows are the same; give some that differ."
    layer = Softmax(dtype="float64")
    layer.build(given.shape)
    layer.forward(np.random.default_rng(2).normal(size=given.shape), training=True)
    if np.abs(layer.backward(given)).max() > 1e-9 * np.abs(given).max():
        return "The right gradient is not zero. Which sum of a softmax's outputs is the same for every input?"
    return None


def exercise_4(x: Any) -> str | None:
    """An input on which a relu that blocks nothing has the right gradient."""
    given = array("answer_input", x, (6, 3))
    if (given < 0).any():
        return "Where the input is below zero, the output stays zero, and the bug is seen."
    if (given < 1e-4).any():
        return "At zero the relu has a kink: to the left the slope is another one. Keep away from it."
    return None


def exercise_5(seen: Any, image: Any) -> str | None:
    """Does random input show a pooling that pays all ties; and an image that does."""
    given = array("answer_image", image, (4, 4))
    if choice("answer_seen", seen, "yes", "no") != "no":
        return "answer_seen: how likely is it that two numbers from a normal distribution are equal?"
    right, wrong = (
        _pooling_gradient(given, replace(REFERENCE, **functions))
        for functions in ({}, MISTAKES["pooling_all_ties"].kernels)
    )
    if np.array_equal(right, wrong):
        return "answer_image: in no window does the largest value stand twice, so nobody would see the bug on it."
    return None


def _pooling_gradient(image: np.ndarray, kernels: Any) -> np.ndarray:
    layer = MaxPooling2D(dtype="float64")
    layer.kernels = kernels
    layer.build((None, 4, 4, 1))
    layer.forward(image[None, :, :, None], training=True)
    return layer.backward(np.random.default_rng(2).normal(size=(1, 2, 2, 1)))

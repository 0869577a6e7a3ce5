"""Mistakes as learners make them, each planted in a function or a layer of its own, and the name that is due.

``python tests/planted_mistakes.py`` makes the matrix of mistakes and diagnoses, MISTAKES.md beside the checker, anew.
Every one of them is tried with several seeds: a mistake counts as named only if each of them names it.

The functions are written in many styles on purpose: loops, einsum, node by node, in place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinycnn import losses
from tinycnn.insight.gradient_check import check_layer, check_loss
from tinycnn.insight.gradient_check.mistakes import UNKNOWN
from tinycnn.kernels import REFERENCE
from tinycnn.kernels.activations import Activation as Pair
from tinycnn.layers import Activation, BatchNormalization, Conv2D, Dense, Dropout, Layer, MaxPooling2D

Array = np.ndarray
SEEDS = (0, 1, 2)
PAGE = Path(__file__).parents[1] / "tinycnn" / "insight" / "gradient_check" / "MISTAKES.md"
RIGHT, NOT_NAMED, WRONG = "named", "unknown", "WRONG"


@dataclass(frozen=True)
class Planted:
    """A mistake.

    Attributes:
        where: the kind of layer.
        what: the mistake, in the words of whoever looks for it.
        make: a layer that has it; None for a loss.
        shape: of its input.
        row: the array whose gradient is wrong.
        due: words of the name that is due.
    """

    where: str
    what: str
    make: Callable[[], Layer]
    shape: tuple[int, ...]
    row: str
    due: str


PLANTED: list[Planted] = []


def plant(
    where: str, what: str, shape: tuple[int, ...], row: str, due: str, layer: Callable[[], Layer], **wrong: Any
) -> None:
    def make() -> Layer:
        made = layer()
        if wrong:
            made.kernels = replace(REFERENCE, name="a learner's", **wrong)
        return made

    PLANTED.append(Planted(where, what, make, shape, row, due))


# Dense

ROWS = (6, 5)


def dense(**wrong: Any) -> tuple[Any, ...]:
    return ROWS, wrong


def dx_not_transposed(dz, kernel):
    out = np.zeros((dz.shape[0], kernel.shape[0]))
    for n in range(dz.shape[0]):
        for i in range(kernel.shape[0]):
            for u in range(dz.shape[1]):
                out[n, i] += dz[n, u] * kernel[u, i]
    return out


def square() -> Layer:
    return Dense(5)


def wide() -> Layer:
    return Dense(4)


D = "dense"
plant(D, "dx = dz·kernel", ROWS, "input", "transposed", square, dense_backward_input=dx_not_transposed)
plant(D, "dx has the wrong sign", ROWS, "input", "the sign is wrong", wide,
      dense_backward_input=lambda dz, k: -np.einsum("nu,iu->ni", dz, k))  # fmt: skip
plant(D, "dx averaged over the batch", ROWS, "input", "averaged over the batch", wide,
      dense_backward_input=lambda dz, k: np.tile((dz @ k.T).mean(0), (len(dz), 1)))  # fmt: skip
plant(D, "dx summed over the batch", ROWS, "input", "summed over the batch", wide,
      dense_backward_input=lambda dz, k: np.ones((len(dz), 1)) * (dz @ k.T).sum(0))  # fmt: skip
plant(D, "dx of the samples in reverse order", ROWS, "input", "the samples stand in reverse order", wide,
      dense_backward_input=lambda dz, k: np.array([dz[-1 - n] @ k.T for n in range(len(dz))]))  # fmt: skip
plant(
    D,
    "dx is None",
    ROWS,
    "input",
    "dense_backward_input returns None, due is an array of shape (6, 5). Is a return missing?",
    wide,
    dense_backward_input=lambda dz, k: None,
)
plant(D, "dx transposed", (6, 5), "input", "dense_backward_input returns an array of shape (5, 6), due is an array of shape (6, 5)", wide,
      dense_backward_input=lambda dz, k: (dz @ k.T).T.copy())  # fmt: skip
plant(D, "dx of zeros", ROWS, "input", "it is zero", wide, dense_backward_input=lambda dz, k: np.zeros((6, 5)))
plant(D, "dx in float16", ROWS, "input", "rounded to float16", wide,
      dense_backward_input=lambda dz, k: (dz @ k.T).astype(np.float16))  # fmt: skip
plant(D, "dx in an array of integers", ROWS, "input", "whole numbers", wide,
      dense_backward_input=lambda dz, k: (dz @ k.T).astype(int))  # fmt: skip
plant(D, "dx holds NaN", ROWS, "input", "it holds NaN or infinity", wide,
      dense_backward_input=lambda dz, k: np.where(dz @ k.T > 0, np.nan, 1.0))  # fmt: skip


def dkernel_by_loops(x, dz, scale=1.0, samples=None):
    dk, db = np.zeros((x.shape[1], dz.shape[1])), np.zeros(dz.shape[1])
    for n in samples or range(len(x)):
        dk += scale * x[n][:, None] * dz[n][None, :]
        db += scale * dz[n]
    return dk, db


def dkernel_assigned(x, dz):
    for n in range(len(x)):
        dk = np.outer(x[n], dz[n])
        db = dz[n]
    return dk, db


P = "dense_backward_parameters"
plant(D, "dkernel averaged over the batch", ROWS, "kernel", "divided by 6, the batch size", wide,
      **{P: lambda x, dz: dkernel_by_loops(x, dz, 1 / len(x))})  # fmt: skip
plant(
    D, "dbias a mean", ROWS, "bias", "divided by 6, the batch size", wide, **{P: lambda x, dz: (x.T @ dz, dz.mean(0))}
)
plant(D, "dkernel = zᵀ·x", (6, 5), "kernel", "transposed", square, **{P: lambda x, dz: (dz.T @ x, dz.sum(0))})
plant(D, "dkernel of the first sample", ROWS, "kernel", "only the first sample counts", wide,
      **{P: lambda x, dz: dkernel_by_loops(x, dz, samples=[0])})  # fmt: skip
plant(D, "= for += over the samples", ROWS, "kernel", "only the last sample counts", wide, **{P: dkernel_assigned})
plant(D, "Σx·Σdz", ROWS, "kernel", "Σx·Σdz where Σ x·dz is due", wide,
      **{P: lambda x, dz: (x.sum(0)[:, None] * dz.sum(0), dz.sum(0))})  # fmt: skip
plant(D, "dbias of the first sample", ROWS, "bias", "only the first sample counts", wide,
      **{P: lambda x, dz: (x.T @ dz, dz[0].copy())})  # fmt: skip
plant(D, "dbias summed over all", ROWS, "bias", "summed over the units too", wide,
      **{P: lambda x, dz: (x.T @ dz, np.ones(dz.shape[1]) * dz.sum())})  # fmt: skip
plant(D, "dkernel has the wrong sign", ROWS, "kernel", "the sign is wrong", wide,
      **{P: lambda x, dz: (-x.T @ dz, dz.sum(0))})  # fmt: skip
plant(D, "dkernel twice", ROWS, "kernel", "2 times too large", wide, **{P: lambda x, dz: (2 * x.T @ dz, dz.sum(0))})


# Activations


def act(name: str, backward: Callable[[Array, Array], Array]) -> dict[str, Any]:
    own = REFERENCE.activations[name]
    return {"activations": {**REFERENCE.activations, name: Pair(own.forward, backward, own.keeps_input)}}


def softmax_by_loops(dy, y):
    dz = np.zeros_like(y)
    for n in range(len(y)):
        for k in range(y.shape[1]):
            dz[n, k] = dy[n, k] * y[n, k] * (1 - y[n, k])
    return dz


A = "activation"
for what, due, name, backward in (
    ("relu: dy as it is", "the derivative of the activation is missing", "relu", lambda dy, y: dy.copy()),
    ("relu: by the sign of dy", "the sign of dy decides", "relu", lambda dy, y: np.maximum(dy, 0)),
    ("relu: times z", "relu'(z) is taken for z itself", "relu", lambda dy, y: dy * np.where(y > 0, y, 0)),
    ("relu: the wrong way round", "relu the wrong way round", "relu", lambda dy, y: np.where(y > 0, 0.0, dy)),
    ("relu: as leaky relu", UNKNOWN, "relu", lambda dy, y: np.where(y > 0, dy, 0.1 * dy)),
    ("sigmoid: σ(y)·(1 − σ(y))", "σ(y) is taken for σ(z)", "sigmoid",
     lambda dy, y: dy / (1 + np.exp(-y)) * (1 - 1 / (1 + np.exp(-y)))),
    ("sigmoid: dy·y", "the factor 1 − y is missing", "sigmoid", lambda dy, y: dy * y),
    ("sigmoid: dy·(1 − y)", "the factor y is missing", "sigmoid", lambda dy, y: dy - dy * y),
    ("tanh: 1 − tanh(y)²", "tanh(y) is taken for tanh(z)", "tanh", lambda dy, y: dy - dy * np.square(np.tanh(y))),
    ("tanh: 1 − y", "the square is missing", "tanh", lambda dy, y: dy * (1 - y)),
    ("softmax: y·dy", "softmax: the term −y·Σ dy·y is missing", "softmax", lambda dy, y: np.multiply(y, dy)),
    ("softmax: number by number", "softmax taken number by number", "softmax", softmax_by_loops),
    ("softmax: dy − Σ dy·y", "softmax: the factor y is missing", "softmax",
     lambda dy, y: dy - np.einsum("nk,nk->n", dy, y)[:, None]),
    ("softmax: sum over the batch", "softmax: the sum goes over the batch", "softmax",
     lambda dy, y: y * (dy - (dy * y).sum(0))),
    ("softmax: Σ dy", "softmax: Σ dy where Σ dy·y is due", "softmax", lambda dy, y: y * (dy - dy.sum(1, keepdims=True))),
):  # fmt: skip
    plant(A, what, (5, 6), "input", due, lambda name=name: Activation(name), **act(name, backward))
plant(A, "relu of a dense layer: dy as it is", ROWS, "kernel", "the derivative of the activation is missing",
      lambda: Dense(4, activation="relu"), **act("relu", lambda dy, y: dy))  # fmt: skip
plant(A, "sigmoid of a dense layer: dy·y", ROWS, "kernel", "in the derivative of its activation sigmoid: the factor 1 − y",
      lambda: Dense(4, activation="sigmoid"), **act("sigmoid", lambda dy, y: dy * y))  # fmt: skip

# Convolution

IMAGES = (2, 6, 5, 3)


def dx_windows(dz, kernel, size, strides, dilation, add=True, flip=False, swap=False):
    """As a learner writes it: window by window."""
    kh, kw, c, _ = kernel.shape
    if flip:
        kernel = kernel[::-1, ::-1]
    if swap:
        kernel = kernel.transpose(1, 0, 2, 3)
    dx = np.zeros((len(dz), *size, c))
    for n in range(len(dz)):
        for i in range(dz.shape[1]):
            for j in range(dz.shape[2]):
                r, q = i * strides[0], j * strides[1]
                part = (kernel * dz[n, i, j]).sum(-1)
                if add:
                    dx[n, r : r + kh, q : q + kw] += part
                else:
                    dx[n, r : r + kh, q : q + kw] = part
    return dx


def dx_taps_assigned(dz, kernel, size, strides, dilation):
    dx = np.zeros((len(dz), *size, kernel.shape[2]))
    oh, ow = dz.shape[1:3]
    for a in range(kernel.shape[0]):
        for b in range(kernel.shape[1]):
            dx[:, a : a + oh * strides[0] : strides[0], b : b + ow * strides[1] : strides[1]][:, :oh, :ow] = np.einsum(
                "nijf,cf->nijc", dz, kernel[a, b]
            )
    return dx


def dkernel_windows(x, dz, size, strides, dilation, samples=None, stride=None, turn=False):
    kh, kw = size
    dk = np.zeros((kh, kw, x.shape[3], dz.shape[3]))
    sh, sw = stride or strides
    for n in samples or range(len(x)):
        for i in range(dz.shape[1]):
            for j in range(dz.shape[2]):
                window = x[n, i * sh : i * sh + kh, j * sw : j * sw + kw]
                dk += window[..., None] * dz[n, i, j]
    return (dk[::-1, ::-1] if turn else dk), dz.sum((0, 1, 2))


def conv(filters: int = 4, size: Any = 3, **more: Any) -> Callable[[], Layer]:
    return lambda: Conv2D(filters, size, **more)


C, DX, DK = "convolution", "conv2d_backward_input", "conv2d_backward_parameters"
plant(C, "dx: = for +=, window by window", IMAGES, "input", "= where += is due", conv(),
      **{DX: lambda *a: dx_windows(*a, add=False)})  # fmt: skip
plant(C, "dx: = for +=, tap by tap", IMAGES, "input", "= where += is due", conv(), **{DX: dx_taps_assigned})
plant(C, "dx: = for +=, strides of 2", (2, 7, 7, 2), "input", "= where += is due", conv(strides=2),
      **{DX: lambda *a: dx_windows(*a, add=False)})  # fmt: skip
plant(C, "dx: kernel flipped", IMAGES, "input", "flipped", conv(), **{DX: lambda *a: dx_windows(*a, flip=True)})
plant(C, "dx: rows and columns of the kernel", IMAGES, "input", "transposed: rows and columns", conv(),
      **{DX: lambda *a: dx_windows(*a, swap=True)})  # fmt: skip
plant(C, "dx: channels and filters of the kernel", IMAGES, "input", "transposed: channels and filters", conv(3),
      **{DX: lambda dz, k, *a: dx_windows(dz, k.transpose(0, 1, 3, 2), *a)})  # fmt: skip
plant(C, "dx: strides ignored", (2, 7, 7, 2), "input", "the strides are ignored", conv(strides=2),
      **{DX: lambda dz, k, size, s, d: dx_windows(dz, k, size, (1, 1), d)})  # fmt: skip
plant(C, "dx: 'same', = for +=", IMAGES, "input", "= where += is due", conv(padding="same"),
      **{DX: lambda *a: dx_windows(*a, add=False)})  # fmt: skip
plant(C, "dx: one pixel off", IMAGES, "input", "shifted by one pixel", conv(size=2),
      **{DX: lambda *a: np.roll(dx_windows(*a), 1, axis=1)})  # fmt: skip
plant(C, "dx: wrong sign", IMAGES, "input", "the sign is wrong", conv(), **{DX: lambda *a: -dx_windows(*a)})
plant(C, "dx: half", IMAGES, "input", "a factor 2 is missing", conv(), **{DX: lambda *a: dx_windows(*a) / 2})
plant(C, "dx: of the first image alone", IMAGES, "input", UNKNOWN, conv(),
      **{DX: lambda *a: dx_windows(*a) * np.array([1, 0])[:, None, None, None]})  # fmt: skip
plant(C, "dkernel: flipped", IMAGES, "kernel", "flipped", conv(), **{DK: lambda *a: dkernel_windows(*a, turn=True)})
plant(C, "dkernel: the first image", IMAGES, "kernel", "only the first sample counts", conv(),
      **{DK: lambda *a: dkernel_windows(*a, samples=[0])})  # fmt: skip
plant(C, "dkernel: the last image", IMAGES, "kernel", "only the last sample counts", conv(),
      **{DK: lambda *a: dkernel_windows(*a, samples=[-1])})  # fmt: skip
plant(C, "dkernel: strides ignored", (2, 7, 7, 2), "kernel", "the strides are ignored", conv(strides=2),
      **{DK: lambda *a: dkernel_windows(*a, stride=(1, 1))})  # fmt: skip
plant(C, "dkernel: averaged over the batch", IMAGES, "kernel", "divided by 2, the batch size", conv(),
      **{DK: lambda x, dz, *a: tuple(v / len(x) for v in dkernel_windows(x, dz, *a))})  # fmt: skip
plant(C, "dkernel: averaged over the pixels", IMAGES, "kernel", "divided by 24, the number of pixels", conv(),
      **{DK: lambda x, dz, *a: tuple(v / dz[..., 0].size for v in dkernel_windows(x, dz, *a))})  # fmt: skip
plant(C, "dkernel: channels and filters", IMAGES, "kernel", "transposed", conv(3),
      **{DK: lambda *a: (dkernel_windows(*a)[0].swapaxes(2, 3), dkernel_windows(*a)[1])})  # fmt: skip
plant(C, "dbias: a mean", IMAGES, "bias", "divided by 24, the number of pixels", conv(),
      **{DK: lambda x, dz, *a: (dkernel_windows(x, dz, *a)[0], dz.mean((0, 1, 2)))})  # fmt: skip
plant(C, "dbias: over the filters too", IMAGES, "bias", "summed over the filters too", conv(),
      **{DK: lambda x, dz, *a: (dkernel_windows(x, dz, *a)[0], np.repeat(dz.sum(), 4))})  # fmt: skip

# Max pooling


def pool_by_windows(dy, argmax, size, pool, strides, how):
    dx = np.zeros((len(dy), *size, dy.shape[3]))
    for n, i, j, c in np.ndindex(*dy.shape):
        a, b = divmod(int(argmax[n, i, j, c]), pool[1])
        r, q = i * strides[0], j * strides[1]
        if how == "assign":
            dx[n, r + a, q + b, c] = dy[n, i, j, c]
        elif how == "mean":
            dx[n, r : r + pool[0], q : q + pool[1], c] += dy[n, i, j, c] / (pool[0] * pool[1])
        elif how == "all":
            dx[n, r : r + pool[0], q : q + pool[1], c] += dy[n, i, j, c]
        elif how == "first":
            dx[n, r, q, c] += dy[n, i, j, c]
        elif how == "turned":
            dx[n, r + b, q + a, c] += dy[n, i, j, c]
    return dx


M = "max pooling"
for what, due, how, strides in (
    ("= for += where windows overlap", "= where += is due", "assign", 1),
    ("shared out over the window", "shared out evenly over the window", "mean", 2),
    ("all pixels of the window", "every pixel of the window takes the gradient", "all", 2),
    ("the first pixel", "the first pixel of each window takes the gradient", "first", 2),
    ("row and column exchanged", "transposed: row and column within the window", "turned", 2),
):
    plant(M, what, (2, 6, 6, 3), "input", due, lambda strides=strides: MaxPooling2D(2, strides=strides),
          max_pooling2d_backward=lambda *a, how=how: pool_by_windows(*a, how))  # fmt: skip
plant(M, "the last of equal maxima", (2, 6, 6, 3), "input at ties", "the last of equal maxima takes the gradient",
      lambda: MaxPooling2D(2), max_pooling2d_forward=lambda x, p, s: last_maximum(x, p, s))  # fmt: skip


def last_maximum(x, pool, strides):
    n, h, w, c = x.shape
    out = (n, (h - pool[0]) // strides[0] + 1, (w - pool[1]) // strides[1] + 1, c)
    y, where = np.zeros(out), np.zeros(out, np.uint8)
    for place in np.ndindex(*out):
        i, j = place[1] * strides[0], place[2] * strides[1]
        window = x[place[0], i : i + pool[0], j : j + pool[1], place[3]].ravel()
        y[place] = window.max()
        where[place] = len(window) - 1 - window[::-1].argmax()
    return y, where


# Dropout


class Dropped(Dropout):
    """Backward as a learner writes it, from the mask of forward."""

    way: Any = None

    def backward(self, dy):
        dy, mask = self._restore(dy)
        return type(self).way(self, dy, mask)


def dropped(way: Callable[[Any, Array, Array], Array]) -> Callable[[], Layer]:
    return lambda: type("Dropped", (Dropped,), {"way": way})(0.4)


R = "dropout"
for what, due, way in (
    ("no mask", "dropout's mask is missing in backward", lambda s, dy, m: dy),
    ("without 1/(1 − rate)", "the factor 1/(1 − rate) of dropout is missing", lambda s, dy, m: dy * (m != 0)),
    ("1/(1 − rate) twice", "stands there twice", lambda s, dy, m: dy * m / (1 - s.rate)),
    ("times 1 − rate", "multiplied by 1 − rate", lambda s, dy, m: dy * (m > 0) * (1 - s.rate)),
    ("no mask, but the factor", "dropout's mask is missing in backward; the factor", lambda s, dy, m: dy / (1 - s.rate)),
    ("mask the wrong way round", "the mask the wrong way round", lambda s, dy, m: np.where(m > 0, 0, dy / (1 - s.rate))),
    ("mask drawn anew", "another mask than forward's", lambda s, dy, m: dy * s.draw_mask(dy.shape)),
    ("wrong sign", "the sign is wrong", lambda s, dy, m: -dy * m),
):  # fmt: skip
    plant(R, what, (6, 10), "input", due, dropped(way))

# Batch normalization, node by node


def bn(how: str) -> Callable[..., Any]:
    def backward(dy, x, gamma, mean, variance, epsilon):
        m = len(x)
        centred = x - mean
        std = np.sqrt(variance + epsilon)
        x_hat = centred / std
        dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)
        dx_hat = dy if how == "no gamma" else dy * gamma * (gamma if how == "gamma twice" else 1)
        power = {"exponent": -0.5}.get(how, -1.5)
        dvar = (dx_hat * centred * -0.5 * (variance + epsilon) ** power).sum(0)
        dmean = -(dx_hat / std).sum(0)
        below = {"m-1": m - 1, "not divided": 1, "m twice": m * m}.get(how, m)
        dvar_times = {"half": 0.5, "twice": 2, "sign": -1, "no x_hat": 0, "constants": 0, "var m-1": m / (m - 1),
                      "var not divided": m}.get(how, 1)  # fmt: skip
        dmean_times = {"no mean": 0, "constants": 0, "mean twice": 2, "mean sign": -1, "mean not divided": m}.get(
            how, 1
        )
        dx = dx_hat / std + dvar_times * dvar * 2 * centred / below + dmean_times * dmean / below
        if how == "variance for deviation":
            dx = dx / std
        if how == "no deviation":
            dx = dx * std
        if how == "dgamma x":
            dgamma = (dy * x).sum(0)
        if how == "dgamma centred":
            dgamma = (dy * centred).sum(0)
        if how == "dgamma gamma":
            dgamma = gamma * dgamma
        if how == "dgamma sum":
            dgamma = dy.sum(0) * 1.0
        if how == "dgamma mean":
            dgamma = dgamma / m
        if how == "dbeta gamma":
            dbeta = dbeta * gamma
        if how == "dbeta mean":
            dbeta = dy.mean(0)
        if how == "dbeta x_hat":
            dbeta = (dy * x_hat).sum(0)
        return dx, dgamma, dbeta

    return backward


B = "batch normalization"
for what, how, row, due in (
    ("without the x̂ term", "no x_hat", "input", "the term −x̂·mean(dy·x̂) is missing"),
    ("x̂ term twice", "twice", "input", "the term x̂·mean(dy·x̂) stands there 2 times, due is 1"),
    ("x̂ term half", "half", "input", "the term x̂·mean(dy·x̂) stands there 1/2 times, due is 1"),
    ("x̂ term with the wrong sign", "sign", "input", "the term x̂·mean(dy·x̂) stands there −1 times, due is 1"),
    ("x̂ term with m − 1", "var m-1", "input", "the term x̂·mean(dy·x̂) stands there m/(m − 1) times, due is 1"),
    ("x̂ term not divided by m", "var not divided", "input", "the term x̂·mean(dy·x̂) stands there m times, due is 1"),
    (
        "exponent −1/2 in the variance's derivative",
        "exponent",
        "input",
        "the term x̂·mean(dy·x̂) stands there (σ²+ε) times",
    ),
    ("without the mean term", "no mean", "input", "the term −mean(dy) is missing"),
    ("mean term twice", "mean twice", "input", "the term mean(dy) stands there 2 times, due is 1"),
    ("mean term with the wrong sign", "mean sign", "input", "the term mean(dy) stands there −1 times, due is 1"),
    ("mean term not divided by m", "mean not divided", "input", "the term mean(dy) stands there m times, due is 1"),
    ("statistics as constants", "constants", "input", "mean and variance are taken for constants"),
    ("both terms not divided by m", "not divided", "input", "not divided by m"),
    ("both terms divided by m − 1", "m-1", "input", "divided by m − 1 where m is due"),
    ("both terms divided by m²", "m twice", "input", "stand there 1, 1/m and 1/m times"),
    ("γ forgotten", "no gamma", "input", "the factor γ is missing"),
    ("γ twice", "gamma twice", "input", "γ stands there twice"),
    ("variance in place of the deviation", "variance for deviation", "input", "divided by the variance σ²+ε where"),
    ("not divided by the deviation", "no deviation", "input", "the division by the deviation √(σ²+ε) is missing"),
    ("dγ from x", "dgamma x", "gamma", "x where x̂ is due"),
    ("dγ from x − μ", "dgamma centred", "gamma", "x − μ where x̂ is due"),
    ("dγ times γ", "dgamma gamma", "gamma", "the factor γ does not belong here"),
    ("dγ = Σdy", "dgamma sum", "gamma", "the factor x̂ is missing"),
    ("dγ a mean", "dgamma mean", "gamma", "divided by 30, the number of pixels"),
    ("dβ times γ", "dbeta gamma", "beta", "the factor γ does not belong here"),
    ("dβ a mean", "dbeta mean", "beta", "divided by 30, the number of pixels"),
    ("dβ = Σdy·x̂", "dbeta x_hat", "beta", "the factor x̂ does not belong here"),
):
    plant(B, what, (2, 3, 5, 3), row, due, BatchNormalization, batch_normalization_backward=bn(how))

# Losses


class Sum(losses.SparseCategoricalCrossentropy):
    def backward(self, y_true, y_pred, sample_weight=None):
        return super().backward(y_true, y_pred, sample_weight) * len(y_pred)


class WithoutLabel(losses.SparseCategoricalCrossentropy):
    def backward(self, y_true, y_pred, sample_weight=None):
        p = np.exp(y_pred)
        return p / p.sum(1, keepdims=True) / len(p)


class Ascent(losses.SparseCategoricalCrossentropy):
    def backward(self, y_true, y_pred, sample_weight=None):
        return -super().backward(y_true, y_pred, sample_weight)


LOSSES = (
    ("not divided by n", Sum, "5 times too large, the batch size"),
    ("label not taken off", WithoutLabel, "the label's 1 is not taken off"),
    ("wrong sign", Ascent, "the sign is wrong"),
)

# The matrix


def diagnoses(step: int = 1, seeds: Sequence[int] = SEEDS) -> list[tuple[str, str, str, str, str]]:
    """(where, what, name due, verdict, what is said) of every step-th mistake; the worst of all seeds."""
    found = []
    for one in PLANTED[::step]:
        said = [check_layer(one.make(), one.shape, seed=seed)[one.row].mistake for seed in seeds]
        found.append((one.where, one.what, one.due, *_worst(one.due, said)))
    for what, loss, due in LOSSES:
        said = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            labels, logits = rng.integers(0, 4, 5), rng.standard_normal((5, 4))
            said.append(check_loss(loss(from_logits=True), labels, logits, seed=seed)["y_pred"].mistake)
        found.append(("loss", what, due, *_worst(due, said)))
    return found


def _worst(due: str, said: list[str]) -> tuple[str, str]:
    verdicts = [verdict(due, one) for one in said]
    for kind in (WRONG, NOT_NAMED, RIGHT):
        if kind in verdicts:
            return kind, (said[verdicts.index(kind)] or "it passes").splitlines()[0]
    raise AssertionError


def verdict(due: str, said: str) -> str:
    """Whether what is said names the mistake; saying that it is unknown is never wrong."""
    if said.startswith((UNKNOWN, "wrong by the constant factor")):
        return NOT_NAMED
    return RIGHT if due in said and due != UNKNOWN else WRONG


def page(found: list[tuple[str, str, str, str, str]]) -> str:
    named = sum(kind == RIGHT for *_, kind, _ in found)
    wrong = sum(kind == WRONG for *_, kind, _ in found)
    rows = [f"| {where} | {what} | {kind} | {said.split(';')[0]} |" for where, what, _, kind, said in found]
    return "\n".join(
        [
            "# Mistakes, and what the gradient checker says of them",
            "",
            "Made by `python tests/planted_mistakes.py`: mistakes planted in layers and functions that are otherwise",
            f"right, each tried with {len(SEEDS)} seeds. Of {len(found)}, {named} are named and {wrong} are named wrongly. The others",
            "are unknown to the checker: then it says so, and shows where the wrong numbers lie.",
            "",
            "| where | mistake | verdict | what is said |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(diagnoses()), encoding="utf-8")
    sys.exit(0)

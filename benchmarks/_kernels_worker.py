"""The worker for single kernels: ``python -m benchmarks._kernels_worker reference`` or ``... fast``.

A process for each set: the reference's matrix products run on NumPy's threads, the fast kernels on Numba's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import _operations
from benchmarks._worker import Stopwatch, serve
from tinycnn import Sequential, kernels
from tinycnn.kernels.engine.winograd import pays
from tinycnn.layers import BatchNormalization, Conv2D, Input, MaxPooling2D
from tinycnn.trainers.fusion import fused_steps

Array = np.ndarray
BATCH = 32
PARAMETERS = 121_930


@dataclass(frozen=True)
class Case:
    """A kernel, or a fused step, on a shape of the notebook's models."""

    entry: str  # its name in the table `tinycnn.kernels.Kernels`; "relu.forward" for an activation; or a step's own
    where: str
    arguments: Callable[[np.random.Generator], tuple[Any, ...]]
    flops: int = 0  # of the definition; 0: no matrix product
    done: int = 0  # by the fast set, where that is fewer
    dtype: str = "float32"
    updates: bool = False  # writes into its arguments instead of returning a result
    fused: tuple[Any, ...] = ()  # classes and arguments of layers that are a fused step, in the fast set


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape, dtype="float32")


def _conv2d(
    where: str, size: int, channels: int, filters: int, input_too: bool = True,
    kernel_size: int = 3, stride: int = 1, dtype: str = "float32",
) -> list[Case]:  # fmt: skip
    """Forward and both backwards, without padding."""
    out, strides, one = (size - kernel_size) // stride + 1, (stride, stride), (1, 1)
    flops = _operations.direct(BATCH, out, kernel_size, channels, filters)
    x, dz, bias = (BATCH, size, size, channels), (BATCH, out, out, filters), (filters,)
    kernel = (kernel_size, kernel_size, channels, filters)

    def arrays(*shapes: tuple[int, ...], settings: tuple[Any, ...]) -> Callable[[np.random.Generator], tuple[Any, ...]]:
        return lambda rng: (*(normal(rng, *shape).astype(dtype) for shape in shapes), *settings)

    def done(tile: int) -> int:
        by_winograd = pays(kernel, strides, one, (out, out))
        return _operations.winograd(BATCH, out, channels, filters, tile) if by_winograd else flops

    by_entry = {
        "conv2d_forward": (arrays(x, kernel, bias, settings=(strides, one)), _operations.TRAINING),
        "conv2d_backward_parameters": (
            arrays(x, dz, settings=(kernel[:2], strides, one)), _operations.GRADIENTS,
        ),
        "conv2d_backward_input": (arrays(dz, kernel, settings=(x[1:3], strides, one)), _operations.GRADIENTS),
    }  # fmt: skip
    cases = [Case(entry, where, it, flops, done(tile), dtype=dtype) for entry, (it, tile) in by_entry.items()]
    return cases if input_too else cases[:2]


def _fused(where: str, size: int, channels: int, filters: int, input_too: bool) -> list[Case]:
    """Both fused steps, each in training (forward and backward) and in inference.

    Of whole numbers, because pooling must find the same ties, and no near ones, in both sets.
    """
    out = size - 2
    x, dy, read = (BATCH, size, size, channels), (BATCH, out // 2, out // 2, filters), out // 2 * 2
    flops = _operations.direct(BATCH, out, 3, channels, filters)
    by_winograd = pays((3, 3, channels, filters), (1, 1), (1, 1), (out, out))
    convolution = partial(Conv2D, filters, 3, activation="relu")

    def done(outputs: int, tile: int) -> int:
        if by_winograd:
            return _operations.winograd(BATCH, outputs, channels, filters, tile)
        return _operations.direct(BATCH, outputs, 3, channels, filters)

    cases = []
    for layers in ((convolution, MaxPooling2D), (convolution, BatchNormalization, MaxPooling2D)):
        normalized, gradients = len(layers) == 3, 2 if input_too else 1
        name = "Conv2D + BatchNormalization + MaxPooling2D" if normalized else "Conv2D + MaxPooling2D"
        all_read = out if normalized else read  # the batch's statistics are those of all outputs
        training = done(all_read, _operations.TRAINING) + gradients * done(all_read, _operations.GRADIENTS)
        cases += [
            Case(f"{name}, training", where, lambda r: (r.integers(-2, 3, x).astype("float32"), normal(r, *dy)),
                 flops * (1 + gradients), training, fused=layers),
            Case(f"{name}, inference", where, lambda r: (r.integers(-2, 3, x).astype("float32"),),
                 flops, done(read, _operations.INFERENCE), fused=layers),
        ]  # fmt: skip
    return cases


def _pooling(where: str, size: int, channels: int) -> list[Case]:
    two, image, out = (2, 2), (size, size), size // 2
    x, y = (BATCH, size, size, channels), (BATCH, out, out, channels)
    counts = np.full((out, out, 1), 4, "float32")
    return [
        Case("max_pooling2d_forward", where, lambda r: (normal(r, *x), two, two)),
        Case("max_pooling2d_backward", where,
             lambda r: (normal(r, *y), r.integers(0, 4, y).astype("uint8"), image, two, two)),
        Case("average_pooling2d_forward", where, lambda r: (normal(r, *x), counts, two, two)),
        Case("average_pooling2d_backward", where, lambda r: (normal(r, *y), counts, image, two, two)),
    ]  # fmt: skip


def _depthwise(where: str, size: int, channels: int) -> list[Case]:
    out, three, one = size - 2, (3, 3), (1, 1)
    x, dz, kernel = (BATCH, size, size, channels), (BATCH, out, out, channels), (*three, channels, 1)
    return [
        Case("depthwise_conv2d_forward", where,
             lambda r: (normal(r, *x), normal(r, *kernel), normal(r, channels), one, one)),
        Case("depthwise_conv2d_backward_parameters", where, lambda r: (normal(r, *x), normal(r, *dz), three, one, one)),
        Case("depthwise_conv2d_backward_input", where,
             lambda r: (normal(r, *dz), normal(r, *kernel), (size, size), one, one)),
    ]  # fmt: skip


def _dense(where: str, inputs: int, units: int) -> list[Case]:
    flops = 2 * BATCH * inputs * units
    x, dz, kernel = (BATCH, inputs), (BATCH, units), (inputs, units)
    return [
        Case("dense_forward", where, lambda r: (normal(r, *x), normal(r, *kernel), normal(r, units)), flops),
        Case("dense_backward_parameters", where, lambda r: (normal(r, *x), normal(r, *dz)), flops),
        Case("dense_backward_input", where, lambda r: (normal(r, *dz), normal(r, *kernel)), flops),
    ]


def _batch_normalization(where: str, rows: int, c: int) -> list[Case]:
    def positive(r: np.random.Generator) -> Array:
        return 0.5 + r.random(c, dtype="float32")

    return [
        Case("batch_normalization_forward", where, lambda r: (normal(r, rows, c), positive(r), normal(r, c), 1e-3)),
        Case("batch_normalization_inference", where,
             lambda r: (normal(r, rows, c), positive(r), normal(r, c), normal(r, c), positive(r), 1e-3)),
        Case("batch_normalization_backward", where,
             lambda r: (normal(r, rows, c), normal(r, rows, c), positive(r), normal(r, c), positive(r), 1e-3)),
    ]  # fmt: skip


def _relu(where: str, size: int, channels: int) -> list[Case]:
    shape = (BATCH, size, size, channels)
    return [
        Case("relu.forward", where, lambda r: (normal(r, *shape),)),
        Case("relu.backward", where, lambda r: (normal(r, *shape), np.maximum(normal(r, *shape), 0))),
    ]


def _update(entry: str, slots: int, *numbers: Any) -> Case:
    """Weights, gradient, slots of positive numbers, then the optimizer's settings."""

    def arguments(r: np.random.Generator) -> tuple[Any, ...]:
        positive = [r.random(PARAMETERS, dtype="float32") for _ in range(slots)]
        return normal(r, PARAMETERS), normal(r, PARAMETERS), *positive, *numbers

    return Case(entry, "all parameters", arguments, updates=True)


CASES = [
    *_conv2d("first convolution", 28, 1, 32, input_too=False),
    *_conv2d("second convolution", 13, 32, 64),
    *_conv2d("the same, 1x1", 13, 32, 64, kernel_size=1),
    *_conv2d("the same, 5x5", 13, 32, 64, kernel_size=5),
    *_conv2d("the same, 7x7", 13, 32, 64, kernel_size=7),
    *_conv2d("the same, strides 2", 13, 32, 64, stride=2),
    *_conv2d("the same, float64", 13, 32, 64, dtype="float64"),
    *_fused("first convolution", 28, 1, 32, input_too=False),
    *_fused("second convolution", 13, 32, 64, input_too=True),
    *_relu("first convolution", 26, 32),
    *_relu("second convolution", 11, 64),
    *_pooling("first pooling", 26, 32),
    *_pooling("second pooling", 11, 64),
    *_depthwise("the second convolution's images", 13, 32),
    *_dense("first dense", 1600, 64),
    *_dense("second dense", 64, 10),
    *_batch_normalization("first normalization", BATCH * 26 * 26, 32),
    *_batch_normalization("second normalization", BATCH * 11 * 11, 64),
    *_batch_normalization("third normalization", BATCH, 64),
    Case(
        "dropout_mask",
        "first dropout",
        lambda r: (r.integers(2**64, dtype=np.uint64), (BATCH, 13, 13, 32), 16_384, np.float32(4 / 3)),
    ),
    Case("dropout_apply", "first dropout", lambda r: (normal(r, BATCH, 13, 13, 32), normal(r, BATCH, 13, 13, 32))),
    Case("softmax_crossentropy", "loss", lambda r: (normal(r, BATCH, 10), r.integers(0, 10, BATCH))),
    _update("sgd_update", 0, 0.01),
    _update("sgd_momentum_update", 1, 0.01, 0.9, True),
    _update("rmsprop_update", 1, None, None, 0.001, 0.9, 0.0, 1e-7),
    _update("adam_update", 2, 0.001, 0.9, 0.999, 1e-7),
    _update("amsgrad_update", 3, 0.001, 0.9, 0.999, 1e-7),
    Case("weight_decay_update", "all parameters", lambda r: (normal(r, PARAMETERS), 0.001, 0.004), updates=True),
]


def function(kernel_set: kernels.Kernels, case: Case) -> Any:
    if case.fused:
        return _fused_function(kernel_set, case)
    if "." in case.entry:
        activation, direction = case.entry.split(".")
        return getattr(kernel_set.activations[activation], direction)
    return getattr(kernel_set, case.entry)


def _fused_function(kernel_set: kernels.Kernels, case: Case) -> Any:
    step, layers = step_of(kernel_set, case)
    if case.entry.endswith("inference"):
        return step.forward

    def training(x: Array, dy: Array) -> list[Array]:
        y = step.forward(x, training=True)
        if x.shape[3] == 1:  # MNIST's images, which need no gradient
            step.backward_parameters(dy)
            gradients = []
        else:
            gradients = [step.backward(dy)]
        # All parameters as one array: alone, the bias's gradient is a small rest of sums that cancel out.
        return [y, *gradients, np.concatenate([grad.ravel() for layer in layers for grad in layer.grads.values()])]

    return training


def step_of(kernel_set: kernels.Kernels, case: Case) -> tuple[Any, list[Any]]:
    """The fused step and its layers; with a set of kernels that lacks the step, it goes layer by layer."""
    rng = np.random.default_rng(2)
    image = case.arguments(rng)[0].shape[1:]
    layers = Sequential([Input(image), *(layer() for layer in case.fused)]).layers
    for layer in layers:
        layer.kernels = kernel_set
    convolution: Any = layers[0]
    convolution.kernel.value[...] = rng.integers(-2, 3, convolution.kernel.value.shape)
    (step,) = fused_steps(layers)
    return step, layers


class KernelsWorker:
    def __init__(self, name: str):
        self.kernels = kernels.SETS[name]
        self.stopwatch = Stopwatch()

    def cases(self) -> list[dict[str, Any]]:
        return [
            {
                "entry": case.entry,
                "where": case.where,
                "flops": case.flops,
                "done": case.done or case.flops,
                "dtype": case.dtype,
                "accelerated": self._is_accelerated(case),
            }
            for case in CASES
        ]

    def _is_accelerated(self, case: Case) -> bool:
        if case.fused:  # a function made for each call
            return self.kernels is not kernels.REFERENCE
        return function(self.kernels, case) is not function(kernels.REFERENCE, case)

    def save_results(self, case: int, path: str) -> None:
        np.savez(path, *self._results(CASES[case]))

    def difference(self, case: int, path: str) -> float:
        """The largest difference from the results in ``path``, as a share of each array's largest number."""
        largest = 0.0
        with np.load(path) as file:
            for own, name in zip(self._results(CASES[case]), file.files, strict=True):
                other = file[name].astype("float64")
                largest = max(largest, float(np.abs(own - other).max() / max(np.abs(other).max(), 1e-30)))
        return largest

    def _results(self, case: Case) -> list[Array]:
        arguments = case.arguments(np.random.default_rng(1))
        returned = function(self.kernels, case)(*arguments)
        if case.updates:
            returned = [argument for argument in arguments if isinstance(argument, np.ndarray)]
        return list(returned) if isinstance(returned, (tuple, list)) else [returned]

    def time_all(self, seconds: float) -> dict[str, Any]:
        """One round: seconds a call for every case."""
        calls: list[float] = []
        timing = self.stopwatch.time(lambda: calls.extend(self._time(case, seconds) for case in CASES))
        return {**timing, "calls": calls}

    def _time(self, case: Case, seconds: float) -> float:
        """The mean over calls that take about ``seconds`` together, after two to warm up."""
        kernel, arguments = function(self.kernels, case), case.arguments(np.random.default_rng(1))
        kernel(*arguments)
        start = time.perf_counter()
        kernel(*arguments)
        calls = max(1, round(seconds / (time.perf_counter() - start)))
        start = time.perf_counter()
        for _ in range(calls):
            kernel(*arguments)
        return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    worker = KernelsWorker(sys.argv[1])
    serve({name: getattr(worker, name) for name in ("cases", "save_results", "difference", "time_all")})

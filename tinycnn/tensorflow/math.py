"""Functions on arrays under the names of ``tf.math``; they compute numbers and no gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.keras import ops
from tinycnn.keras.ops import (
    abs,
    add,
    ceil,
    convert_to_tensor,
    divide,
    equal,
    exp,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log_softmax,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    round,
    sigmoid,
    sign,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    subtract,
    tanh,
)
from tinycnn.keras.ops import all as reduce_all
from tinycnn.keras.ops import any as reduce_any
from tinycnn.keras.ops import isnan as is_nan
from tinycnn.keras.ops import max as reduce_max
from tinycnn.keras.ops import min as reduce_min
from tinycnn.keras.ops import power as pow
from tinycnn.keras.ops import std as reduce_std
from tinycnn.keras.ops import var as reduce_variance
from tinycnn.tensors import Tensor, as_tensor

__all__ = [
    "abs",
    "add",
    "argmax",
    "argmin",
    "ceil",
    "confusion_matrix",
    "divide",
    "equal",
    "exp",
    "floor",
    "greater",
    "greater_equal",
    "is_nan",
    "less",
    "less_equal",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "reduce_all",
    "reduce_any",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "round",
    "sigmoid",
    "sign",
    "softmax",
    "softplus",
    "softsign",
    "sqrt",
    "square",
    "subtract",
    "tanh",
]


def argmax(input: Any, axis: int = 0, output_type: Any = "int64") -> Tensor:
    """Where the largest number is along an axis, the first of several."""
    return as_tensor(ops.argmax(input, axis), output_type)


def argmin(input: Any, axis: int = 0, output_type: Any = "int64") -> Tensor:
    """Where the smallest number is along an axis, the first of several."""
    return as_tensor(ops.argmin(input, axis), output_type)


def _of_the_same_dtype(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """TensorFlow's sums keep the dtype, whose mean of whole numbers is one again."""

    @functools.wraps(function)
    def of_the_same_dtype(input_tensor: Any, axis: ops.Axis = None, keepdims: bool = False) -> Tensor:
        x = convert_to_tensor(input_tensor)
        return ops.cast(function(x, axis, keepdims), x.dtype)

    return of_the_same_dtype


reduce_mean = _of_the_same_dtype(ops.mean)
reduce_prod = _of_the_same_dtype(ops.prod)
reduce_sum = _of_the_same_dtype(ops.sum)


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None, dtype: Any = "int32"
) -> Tensor:
    """How often each class, a row, was taken for each, a column.

    Raises:
        ValueError: a label or a prediction outside 0 … num_classes − 1, or unequal numbers of them.
    """
    rows, columns = np.asarray(labels, "int64").ravel(), np.asarray(predictions, "int64").ravel()
    if rows.shape != columns.shape:
        raise ValueError(
            f"confusion_matrix: expected as many predictions as labels, received {len(columns)} for {len(rows)}. Pass "
            "the number of a class for each: np.argmax(probabilities, axis=1)."
        )
    largest = max((*rows, *columns), default=-1)
    classes = int(largest) + 1 if num_classes is None else num_classes
    if largest >= classes or min((*rows, *columns), default=0) < 0:
        raise ValueError(
            f"confusion_matrix: expected classes from 0 to {classes - 1}, received up to {largest}, from "
            f"{min((*rows, *columns))}. Raise num_classes or mend the labels."
        )
    counts = np.zeros((classes, classes))
    np.add.at(counts, (rows, columns), 1 if weights is None else np.asarray(weights))
    return as_tensor(counts, dtype)

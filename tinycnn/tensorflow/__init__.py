"""The names of TensorFlow that programs use beside Keras: this folder holds names and thin adapters.

In a notebook's import lines, ``tensorflow`` becomes ``tinycnn.tensorflow``, and the rest stays::

    import tinycnn.tensorflow as tf
    from tinycnn.tensorflow import keras
    from tinycnn.tensorflow.keras.layers import Conv2D

Functions work on arrays and give arrays with ``numpy()``; there are no gradients. What is not here says so: for
`tf.data` and the like ``import tensorflow`` may stay. ``__version__`` is that of the TensorFlow whose Keras is
reproduced.
"""

import numpy as np

from tinycnn import absent
from tinycnn.keras import initializers, losses, metrics, optimizers
from tinycnn.keras.ops import (
    abs,
    add,
    argsort,
    cast,
    convert_to_tensor,
    divide,
    equal,
    exp,
    expand_dims,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    matmul,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    ones_like,
    round,
    sigmoid,
    sign,
    sqrt,
    square,
    squeeze,
    stack,
    subtract,
    tanh,
    tile,
    zeros_like,
)
from tinycnn.keras.ops import clip as clip_by_value
from tinycnn.keras.ops import power as pow
from tinycnn.tensorflow import config, image, keras, math, nn, random, test, version
from tinycnn.tensorflow._arrays import (
    concat,
    constant,
    eye,
    fill,
    gather,
    is_tensor,
    linspace,
    one_hot,
    ones,
    range,
    rank,
    reshape,
    shape,
    size,
    transpose,
    where,
    zeros,
)
from tinycnn.tensorflow._runtime import device, executing_eagerly, get_logger
from tinycnn.tensorflow.math import (
    argmax,
    argmin,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from tinycnn.tensors import Tensor

__version__ = version.VERSION

newaxis = None
bool = np.dtype("bool")
float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = double = np.dtype("float64")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")

__all__ = [
    "Tensor",
    "__version__",
    "abs",
    "add",
    "argmax",
    "argmin",
    "argsort",
    "bool",
    "cast",
    "clip_by_value",
    "concat",
    "config",
    "constant",
    "convert_to_tensor",
    "device",
    "divide",
    "double",
    "equal",
    "executing_eagerly",
    "exp",
    "expand_dims",
    "eye",
    "fill",
    "float16",
    "float32",
    "float64",
    "floor",
    "gather",
    "get_logger",
    "greater",
    "greater_equal",
    "image",
    "initializers",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_tensor",
    "keras",
    "less",
    "less_equal",
    "linspace",
    "logical_and",
    "logical_not",
    "logical_or",
    "losses",
    "math",
    "matmul",
    "maximum",
    "metrics",
    "minimum",
    "multiply",
    "negative",
    "newaxis",
    "nn",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "optimizers",
    "pow",
    "random",
    "range",
    "rank",
    "reduce_all",
    "reduce_any",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "reshape",
    "round",
    "shape",
    "sigmoid",
    "sign",
    "size",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "tanh",
    "test",
    "tile",
    "transpose",
    "uint8",
    "version",
    "where",
    "zeros",
    "zeros_like",
]

absent.explain(__name__)

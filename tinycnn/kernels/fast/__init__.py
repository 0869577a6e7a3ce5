"""The fast twins, in Numba, of the kernels one folder up: same names, same signatures. And several layers in one pass,
``conv2d_relu_max_pooling2d.py`` and its like: see tinycnn/trainers/fusion.py."""

from tinycnn.kernels.fast import (
    activations,
    batch_normalization,
    conv2d,
    conv2d_relu_batch_normalization_max_pooling2d,
    conv2d_relu_max_pooling2d,
    dense,
    depthwise_conv2d,
    dropout,
    max_pooling2d,
    optimizers,
    softmax_crossentropy,
)

__all__ = [
    "activations",
    "batch_normalization",
    "conv2d",
    "conv2d_relu_batch_normalization_max_pooling2d",
    "conv2d_relu_max_pooling2d",
    "dense",
    "depthwise_conv2d",
    "dropout",
    "max_pooling2d",
    "optimizers",
    "softmax_crossentropy",
]

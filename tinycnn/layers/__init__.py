"""Layers, one a file. Start with `dense`, then `conv2d`, `max_pooling2d`, `dropout` and `batch_normalization`."""

from collections.abc import Mapping
from typing import Any

from tinycnn import serialization
from tinycnn.layers.activations import ELU, Activation, LeakyReLU, ReLU, Softmax
from tinycnn.layers.alpha_dropout import AlphaDropout
from tinycnn.layers.average_pooling2d import AveragePooling2D, AvgPool2D
from tinycnn.layers.base import Layer, Parameter, ParameterVector
from tinycnn.layers.batch_normalization import BatchNormalization
from tinycnn.layers.center_crop import CenterCrop
from tinycnn.layers.conv2d import Conv2D
from tinycnn.layers.conv2d_transpose import Conv2DTranspose
from tinycnn.layers.cropping2d import Cropping2D
from tinycnn.layers.dense import Dense
from tinycnn.layers.depthwise_conv2d import DepthwiseConv2D
from tinycnn.layers.dropout import Dropout
from tinycnn.layers.flatten import Flatten
from tinycnn.layers.gaussian_noise import GaussianDropout, GaussianNoise
from tinycnn.layers.global_pooling2d import (
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
)
from tinycnn.layers.group_normalization import GroupNormalization
from tinycnn.layers.input import Input, InputLayer
from tinycnn.layers.layer_normalization import LayerNormalization
from tinycnn.layers.max_pooling2d import MaxPool2D, MaxPooling2D
from tinycnn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from tinycnn.layers.normalization import Normalization
from tinycnn.layers.prelu import PReLU
from tinycnn.layers.random_affine import RandomRotation, RandomTranslation, RandomZoom
from tinycnn.layers.random_colors import RandomBrightness, RandomContrast
from tinycnn.layers.random_crop import RandomCrop
from tinycnn.layers.random_flip import RandomFlip
from tinycnn.layers.rescaling import Rescaling
from tinycnn.layers.reshape import Reshape
from tinycnn.layers.resizing import Resizing
from tinycnn.layers.separable_conv2d import SeparableConv2D
from tinycnn.layers.spatial_dropout2d import SpatialDropout2D
from tinycnn.layers.unit_normalization import UnitNormalization
from tinycnn.layers.up_sampling2d import UpSampling2D
from tinycnn.layers.zero_padding2d import ZeroPadding2D

Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
SeparableConvolution2D = SeparableConv2D

_CLASSES: tuple[type[Layer], ...] = (
    Activation,
    Add,
    Average,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    CenterCrop,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    ELU,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    InputLayer,
    GlobalMaxPooling2D,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Minimum,
    Multiply,
    Normalization,
    PReLU,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    Resizing,
    SeparableConv2D,
    Softmax,
    Subtract,
    UpSampling2D,
    SpatialDropout2D,
    UnitNormalization,
    ZeroPadding2D,
)


def deserialize(config: Mapping[str, Any]) -> Layer:
    """A layer from a dict of its class_name and config, as files hold it; only tinycnn's own classes."""
    return serialization.deserialize("layer", config, {cls.__name__: cls for cls in _CLASSES})


serialize = serialization.serialize

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "AlphaDropout",
    "Average",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "CenterCrop",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "Parameter",
    "ParameterVector",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv2D",
    "SeparableConvolution2D",
    "Softmax",
    "SpatialDropout2D",
    "Subtract",
    "UnitNormalization",
    "UpSampling2D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

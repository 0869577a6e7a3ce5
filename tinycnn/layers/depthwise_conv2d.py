"""Two-dimensional convolution of each channel by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn import activations, constraints, initializers, regularizers
from tinycnn.layers.base import Array, Layer, LayerOptions, Setting, Shape, Size
from tinycnn.layers.windows import (
    check_channels_last,
    check_count,
    check_images,
    check_padding,
    crop,
    pad,
    pair,
    windows_of,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class DepthwiseConv2D(Layer):
    """Slide small kernels over each channel; unlike in `Conv2D`, no output sees two channels.

    Math:    z[n,i,j,c·m+q] = bias[c·m+q] + Σ_{a,b} x[n, i·s + a, j·s + b, c] · kernel[a,b,c,q];    y = activation(z)
             with m = depth_multiplier and q < m
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c, m);  bias (c·m,);  y (n, out_h, out_w, c·m); out_h, out_w: see `Conv2D`
    Keeps:   the padded x, and y (or z, see `kernels.activations`)
    Source:  Howard et al. 2017, section 3.1, arXiv:1704.04861
    Keras:   same arguments, defaults and weights; channels_last only. TensorFlow wants equal strides down and across

    Args:
        kernel_size: height and width of the window, or one number for both.
        strides: steps of the window, down and across.
        padding: "valid" or "same"; "same" puts the odd row or column at the bottom and right.
        depth_multiplier: number of kernels, and of outputs, for each channel.
        dilation_rate: distance of the kernel's taps.
        activation: a name such as "relu", or None.
        use_bias: whether a bias is added and learned.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint and the same for bias: names or objects.
    """

    activation = Setting(activations.get)

    def __init__(
        self,
        kernel_size: Size,
        strides: Size = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Size = (1, 1),
        activation: activations.Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: initializers.Identifier = "glorot_uniform",
        bias_initializer: initializers.Identifier = "zeros",
        depthwise_regularizer: regularizers.Identifier = None,
        bias_regularizer: regularizers.Identifier = None,
        *,
        depthwise_constraint: constraints.Identifier = None,
        bias_constraint: constraints.Identifier = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("DepthwiseConv2D", data_format)
        self.kernel_size = pair("DepthwiseConv2D", "kernel_size", kernel_size)
        self.strides = pair("DepthwiseConv2D", "strides", strides)
        self.padding = check_padding("DepthwiseConv2D", padding)
        self.depth_multiplier = check_count("DepthwiseConv2D", "depth_multiplier", depth_multiplier, 1)
        self.dilation_rate = pair("DepthwiseConv2D", "dilation_rate", dilation_rate)
        self.activation = activation
        self.use_bias = use_bias
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        kh, kw = self.kernel_size
        self.widths, (out_h, out_w) = windows_of(
            self.name, (h, w), self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

        kernel = self.depthwise_initializer((kh, kw, channels, self.depth_multiplier), rng, self.dtype)
        self.kernel = self._add_parameter("kernel", kernel, self.depthwise_regularizer)
        self.kernel.constraint = self.depthwise_constraint
        outputs = channels * self.depth_multiplier
        if self.use_bias:
            bias = self.bias_initializer((outputs,), rng, self.dtype)
            self.bias = self._add_parameter("bias", bias, self.bias_regularizer)
            self.bias.constraint = self.bias_constraint
        return (None, out_h, out_w, outputs)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The feature maps; with ``activate=False`` before the activation function."""
        x = pad(self._check_input(x), self.widths)
        bias = self.bias.value if self.use_bias else np.zeros(self.output_shape[-1], self.dtype)
        z = self.kernels.depthwise_conv2d_forward(x, self.kernel.value, bias, self.strides, self.dilation_rate)
        y, kept = self.kernels.activations[self.activation].apply(z) if activate else (z, None)
        if training:
            self._save(y.shape, x, kept)
        return y

    def backward_parameters(self, dy: Array) -> tuple[Array, Array]:
        dy, x, kept = self._restore(dy)
        dz = dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)
        dkernel, dbias = self.kernels.depthwise_conv2d_backward_parameters(
            x, dz, self.kernel_size, self.strides, self.dilation_rate
        )
        self.kernel.grad[...] = dkernel
        if self.use_bias:
            self.bias.grad[...] = dbias
        return dz, x

    def backward(self, dy: Array) -> Array:
        dz, x = self.backward_parameters(dy)
        dx = self.kernels.depthwise_conv2d_backward_input(
            dz, self.kernel.value, x.shape[1:3], self.strides, self.dilation_rate
        )
        return crop(dx, self.widths)

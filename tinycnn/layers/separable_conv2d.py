"""Two-dimensional convolution in two steps: within the channels, then across them."""

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

ONE = 1, 1  # the strides and the dilation rate of the second step


class SeparableConv2D(Layer):
    """A `DepthwiseConv2D`, which sees windows but one channel, then a 1x1 `Conv2D`, which sees channels but one pixel.

    A `Conv2D` costs kh·kw·c·filters products for each pixel, this layer kh·kw·c + c·filters (for depth_multiplier = 1).

    Math:    u = depthwise_conv2d_forward(x, depthwise_kernel)                         see `kernels.depthwise_conv2d`
             z[n,i,j,f] = bias[f] + Σ_k u[n,i,j,k] · pointwise_kernel[0,0,k,f];        y = activation(z)
             backward goes through the same two steps, the second one first
    Shapes:  x (n, h, w, c);  depthwise_kernel (kh, kw, c, m);  pointwise_kernel (1, 1, c·m, filters);  bias (filters,)
             u (n, out_h, out_w, c·m);  y (n, out_h, out_w, filters);  m = depth_multiplier; out_h, out_w: see `Conv2D`
    Keeps:   the padded x, u, and y (or z, see `kernels.activations`)
    Source:  Chollet 2017, arXiv:1610.02357
    Keras:   same arguments, defaults and weights; channels_last only. TensorFlow wants equal strides down and across

    Args:
        filters: number of output channels.
        kernel_size: height and width of the window, or one number for both.
        strides: steps of the window, down and across.
        padding: "valid" or "same"; "same" puts the odd row or column at the bottom and right.
        dilation_rate: distance of the depthwise kernel's taps.
        depth_multiplier: number of depthwise kernels for each channel.
        activation: a name such as "relu", or None.
        use_bias: whether a bias is added and learned.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint and the same for pointwise and bias: names or
            objects.
    """

    activation = Setting(activations.get)

    def __init__(
        self,
        filters: int,
        kernel_size: Size,
        strides: Size = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Size = (1, 1),
        depth_multiplier: int = 1,
        activation: activations.Identifier = None,
        use_bias: bool = True,
        depthwise_initializer: initializers.Identifier = "glorot_uniform",
        pointwise_initializer: initializers.Identifier = "glorot_uniform",
        bias_initializer: initializers.Identifier = "zeros",
        depthwise_regularizer: regularizers.Identifier = None,
        pointwise_regularizer: regularizers.Identifier = None,
        bias_regularizer: regularizers.Identifier = None,
        *,
        depthwise_constraint: constraints.Identifier = None,
        pointwise_constraint: constraints.Identifier = None,
        bias_constraint: constraints.Identifier = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("SeparableConv2D", data_format)
        self.filters = check_count("SeparableConv2D", "filters", filters, 32)
        self.kernel_size = pair("SeparableConv2D", "kernel_size", kernel_size)
        self.strides = pair("SeparableConv2D", "strides", strides)
        self.padding = check_padding("SeparableConv2D", padding)
        self.dilation_rate = pair("SeparableConv2D", "dilation_rate", dilation_rate)
        self.depth_multiplier = check_count("SeparableConv2D", "depth_multiplier", depth_multiplier, 1)
        self.activation = activation
        self.use_bias = use_bias
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        kh, kw = self.kernel_size
        self.widths, (out_h, out_w) = windows_of(
            self.name, (h, w), self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

        depthwise = self.depthwise_initializer((kh, kw, channels, self.depth_multiplier), rng, self.dtype)
        pointwise = self.pointwise_initializer((1, 1, channels * self.depth_multiplier, self.filters), rng, self.dtype)
        self.depthwise_kernel = self._add_parameter("depthwise_kernel", depthwise, self.depthwise_regularizer)
        self.pointwise_kernel = self._add_parameter("pointwise_kernel", pointwise, self.pointwise_regularizer)
        self.depthwise_kernel.constraint = self.depthwise_constraint
        self.pointwise_kernel.constraint = self.pointwise_constraint
        if self.use_bias:
            bias = self.bias_initializer((self.filters,), rng, self.dtype)
            self.bias = self._add_parameter("bias", bias, self.bias_regularizer)
            self.bias.constraint = self.bias_constraint
        return (None, out_h, out_w, self.filters)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The feature maps; with ``activate=False`` before the activation function."""
        x = pad(self._check_input(x), self.widths)
        no_bias = np.zeros(self.pointwise_kernel.shape[2], self.dtype)
        u = self.kernels.depthwise_conv2d_forward(
            x, self.depthwise_kernel.value, no_bias, self.strides, self.dilation_rate
        )  # (n, out_h, out_w, c·m)
        bias = self.bias.value if self.use_bias else np.zeros(self.filters, self.dtype)
        z = self.kernels.conv2d_forward(u, self.pointwise_kernel.value, bias, ONE, ONE)  # (n, out_h, out_w, filters)
        y, kept = self.kernels.activations[self.activation].apply(z) if activate else (z, None)
        if training:
            self._save(y.shape, x, u, kept)
        return y

    def backward_parameters(self, dy: Array) -> tuple[Array, Array]:
        dy, x, u, kept = self._restore(dy)
        dz = dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)
        self.pointwise_kernel.grad[...], dbias = self.kernels.conv2d_backward_parameters(u, dz, ONE, ONE, ONE)
        if self.use_bias:
            self.bias.grad[...] = dbias
        du = self.kernels.conv2d_backward_input(dz, self.pointwise_kernel.value, u.shape[1:3], ONE, ONE)
        self.depthwise_kernel.grad[...], _ = self.kernels.depthwise_conv2d_backward_parameters(
            x, du, self.kernel_size, self.strides, self.dilation_rate
        )
        return du, x

    def backward(self, dy: Array) -> Array:
        du, x = self.backward_parameters(dy)
        dx = self.kernels.depthwise_conv2d_backward_input(
            du, self.depthwise_kernel.value, x.shape[1:3], self.strides, self.dilation_rate
        )
        return crop(dx, self.widths)

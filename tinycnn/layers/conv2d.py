"""Two-dimensional convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinycnn import activations, initializers, regularizers
from tinycnn.layers.base import Array, KernelLayer, KernelOptions, Setting, Shape, Size
from tinycnn.layers.windows import (
    check_channels_last,
    check_count,
    check_images,
    check_padding,
    check_strides_or_dilation,
    crop,
    pad,
    pair,
    windows_of,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Conv2D(KernelLayer):
    """Slide ``filters`` small kernels over each image; every output is one window times one kernel.

    Math:    z[n,i,j,f] = bias[f] + Σ_{a,b,c} x[n, i·s + a, j·s + b, c] · kernel[a,b,c,f];    y = activation(z)
    Shapes:  x (n, h, w, c);  kernel (kh, kw, c / groups, filters);  bias (filters,);  y (n, out_h, out_w, filters)
             "valid": out_h = (h − kh) // s + 1;   "same": zeros are added until out_h = ceil(h / s)
    Keeps:   the padded x, and y (or z, see `kernels.activations`)
    Source:  LeCun et al. 1998, section II; Dumoulin & Visin 2016, arXiv:1603.07285, for strides and padding
    Keras:   same arguments, defaults and weights; channels_last only

    Args:
        filters: number of kernels, and of output channels.
        kernel_size: height and width of the window, or one number for both.
        strides: steps of the window, down and across.
        padding: "valid" or "same"; "same" puts the odd row or column at the bottom and right.
        dilation_rate: distance of the kernel's taps; only together with strides of 1.
        groups: channels and filters are cut into so many groups that do not see each other.
        activation: a name such as "relu", or None.
        use_bias: whether a bias is added and learned.
        kernel_initializer, kernel_regularizer, kernel_constraint and the same for bias: names or objects.
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
        groups: int = 1,
        activation: activations.Identifier = None,
        use_bias: bool = True,
        kernel_initializer: initializers.Identifier = "glorot_uniform",
        bias_initializer: initializers.Identifier = "zeros",
        kernel_regularizer: regularizers.Identifier = None,
        bias_regularizer: regularizers.Identifier = None,
        **options: Unpack[KernelOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("Conv2D", data_format)
        self.filters = check_count("Conv2D", "filters", filters, 32)
        if not isinstance(groups, (int, np.integer)) or groups < 1 or filters % groups:
            raise ValueError(
                f"Conv2D: expected groups to be a positive whole number that divides filters={filters}, "
                f"received {groups!r}. Choose a divisor of both the channels and the filters."
            )
        self.groups = int(groups)
        self.kernel_size = pair("Conv2D", "kernel_size", kernel_size)
        self.strides = pair("Conv2D", "strides", strides)
        self.dilation_rate = pair("Conv2D", "dilation_rate", dilation_rate)
        check_strides_or_dilation("Conv2D", self.strides, self.dilation_rate)
        self.padding = check_padding("Conv2D", padding)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        h, w, channels = check_images(self.name, input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self.name}: expected a number of channels that groups={self.groups} divides, received {channels}. "
                "Choose groups that divide both channels and filters."
            )
        kh, kw = self.kernel_size
        self.widths, (out_h, out_w) = windows_of(
            self.name, (h, w), self.kernel_size, self.strides, self.padding, self.dilation_rate
        )

        kernel_shape = (kh, kw, channels // self.groups, self.filters)
        kernel = self.kernel_initializer(kernel_shape, rng, self.dtype)
        self.kernel = self._add_parameter("kernel", kernel, self.kernel_regularizer)
        if self.use_bias:
            bias = self.bias_initializer((self.filters,), rng, self.dtype)
            self.bias = self._add_parameter("bias", bias, self.bias_regularizer)
        return (None, out_h, out_w, self.filters)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The feature maps; with ``activate=False`` before the activation function."""
        x = pad(self._check_input(x), self.widths)
        bias = self.bias.value if self.use_bias else np.zeros(self.filters, self.dtype)
        z = _join(
            self.kernels.conv2d_forward(x_g, kernel_g, bias_g, self.strides, self.dilation_rate)
            for x_g, kernel_g, bias_g in zip(
                _split(x, self.groups),
                _split(self.kernel.value, self.groups),
                _split(bias, self.groups),
                strict=True,
            )
        )  # (n, out_h, out_w, filters)
        y, kept = self.kernels.activations[self.activation].apply(z) if activate else (z, None)
        if training:
            self._save(y.shape, x, kept)
        return y

    def backward_parameters(self, dy: Array) -> tuple[Array, Array]:
        dy, x, kept = self._restore(dy)
        dz = dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)
        gradients = [
            self.kernels.conv2d_backward_parameters(x_g, dz_g, self.kernel_size, self.strides, self.dilation_rate)
            for x_g, dz_g in zip(_split(x, self.groups), _split(dz, self.groups), strict=True)
        ]
        self.kernel.grad[...] = _join(dkernel for dkernel, _ in gradients)
        if self.use_bias:
            self.bias.grad[...] = _join(dbias for _, dbias in gradients)
        return dz, x

    def backward(self, dy: Array) -> Array:
        dz, x = self.backward_parameters(dy)
        dx = _join(
            self.kernels.conv2d_backward_input(dz_g, kernel_g, x.shape[1:3], self.strides, self.dilation_rate)
            for dz_g, kernel_g in zip(_split(dz, self.groups), _split(self.kernel.value, self.groups), strict=True)
        )  # (n, padded h, padded w, c)
        return crop(dx, self.widths)


def _split(x: Array, groups: int) -> list[Array]:
    """Equal parts of the last axis."""
    if groups == 1:
        return [x]
    return [np.ascontiguousarray(part) for part in np.split(x, groups, axis=-1)]


def _join(parts: Any) -> Array:
    """The inverse of `_split`."""
    first, *others = parts
    return np.concatenate([first, *others], axis=-1) if others else first

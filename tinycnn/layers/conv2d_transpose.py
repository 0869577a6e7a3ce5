"""Two-dimensional convolution the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn import activations, initializers, regularizers
from tinycnn.layers.base import Array, KernelLayer, KernelOptions, Setting, Shape, Size
from tinycnn.layers.windows import (
    Pair,
    check_channels_last,
    check_count,
    check_images,
    check_padding,
    check_strides_or_dilation,
    crop,
    pad,
    paddings,
    pair,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Conv2DTranspose(KernelLayer):
    """Paint ``filters`` maps with small kernels: every pixel of x adds its multiple of the kernels around its place.

    Forward is what `Conv2D`'s backward does to a gradient, and backward is `Conv2D`'s forward: take a convolution from
    large images with ``filters`` channels to small ones with c, turn all its arrows round, and it is this layer. So it
    needs no kernels of its own:

    Math:    z = conv2d_backward_input(x) + bias:  z[n, i·s + a, j·s + b, f] += Σ_c x[n,i,j,c] · kernel[a,b,f,c]
             y = activation(z)
             dx = conv2d_forward(dz)    dbias = Σ dz    dkernel = conv2d_backward_parameters of images dz, gradients x
    Shapes:  x (n, h, w, c);  kernel (kh, kw, filters, c);  bias (filters,);  y (n, out_h, out_w, filters)
             "valid": out_h = (h − 1)·s + max(kh, s);   "same": out_h = h·s, and an odd row is cut off at the bottom
             with output_padding p: (h − 1)·s + kh + p;   "same": (h − 1)·s + kh mod 2 + p
    Keeps:   x, and y (or z, see `kernels.activations`)
    Raises:  ValueError: an output_padding with which no convolution leads from the output back to the input
    Source:  Zeiler et al. 2010, doi:10.1109/CVPR.2010.5539957; Dumoulin & Visin 2016, arXiv:1603.07285, section 4
    Keras:   same arguments, defaults and weights; channels_last only

    Args:
        filters: number of output channels.
        kernel_size: height and width of the window, or one number for both.
        strides: how far neighbours of x are apart in y, down and across.
        padding: "valid" keeps all that is painted, "same" the middle, ``strides`` times as large as x.
        output_padding: further rows and columns at the bottom and right, fewer than ``strides``; None: see above.
        dilation_rate: distance of the kernel's taps; only together with strides of 1.
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
        output_padding: Size | None = None,
        data_format: str | None = None,
        dilation_rate: Size = (1, 1),
        activation: activations.Identifier = None,
        use_bias: bool = True,
        kernel_initializer: initializers.Identifier = "glorot_uniform",
        bias_initializer: initializers.Identifier = "zeros",
        kernel_regularizer: regularizers.Identifier = None,
        bias_regularizer: regularizers.Identifier = None,
        **options: Unpack[KernelOptions],
    ):
        super().__init__(**options)
        self.data_format = check_channels_last("Conv2DTranspose", data_format)
        self.filters = check_count("Conv2DTranspose", "filters", filters, 32)
        self.kernel_size = pair("Conv2DTranspose", "kernel_size", kernel_size)
        self.strides = pair("Conv2DTranspose", "strides", strides)
        self.padding = check_padding("Conv2DTranspose", padding)
        self.output_padding = None if output_padding is None else _output_padding(output_padding, self.strides)
        self.dilation_rate = pair("Conv2DTranspose", "dilation_rate", dilation_rate)
        check_strides_or_dilation("Conv2DTranspose", self.strides, self.dilation_rate)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        *image, channels = check_images(self.name, input_shape)
        (kh, kw), (dh, dw) = self.kernel_size, self.dilation_rate
        window = (kh - 1) * dh + 1, (kw - 1) * dw + 1
        out_h, out_w = (self._output_size(axis, *sizes) for axis, sizes in enumerate(zip(image, window, strict=True)))
        self.widths = paddings(self.padding, (out_h, out_w), window, self.strides)
        (top, bottom), (left, right) = self.widths
        self.padded_size = top + out_h + bottom, left + out_w + right

        kernel = self.kernel_initializer((kh, kw, self.filters, channels), rng, self.dtype)
        self.kernel = self._add_parameter("kernel", kernel, self.kernel_regularizer)
        if self.use_bias:
            bias = self.bias_initializer((self.filters,), rng, self.dtype)
            self.bias = self._add_parameter("bias", bias, self.bias_regularizer)
        return (None, out_h, out_w, self.filters)

    def _output_size(self, axis: int, size: int, window: int) -> int:
        stride = self.strides[axis]
        if self.output_padding is None:
            return size * stride if self.padding == "same" else (size - 1) * stride + max(window, stride)
        more = self.output_padding[axis]
        if self.padding == "valid":
            return (size - 1) * stride + window + more
        out = (size - 1) * stride + window % 2 + more
        if -(-out // stride) != size:
            raise ValueError(
                f"{self.name}: expected output_padding=None or at least 1 for an even kernel with padding='same', "
                f"received {self.output_padding}. Leave it out: y is strides={self.strides} times as large as x then."
            )
        return out

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The painted maps; with ``activate=False`` before the activation function."""
        x = self._check_input(x)
        z = self.kernels.conv2d_backward_input(
            x, self.kernel.value, self.padded_size, self.strides, self.dilation_rate
        )  # (n, padded out_h, padded out_w, filters)
        z = np.ascontiguousarray(crop(z, self.widths))
        if self.use_bias:
            z += self.bias.value
        y, kept = self.kernels.activations[self.activation].apply(z) if activate else (z, None)
        if training:
            self._save(y.shape, x, kept)
        return y

    def backward_parameters(self, dy: Array) -> Array:
        dy, x, kept = self._restore(dy)
        dz = dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)
        if self.use_bias:
            self.bias.grad[...] = dz.sum(axis=(0, 1, 2))
        dz = pad(dz, self.widths)
        self.kernel.grad[...], _ = self.kernels.conv2d_backward_parameters(
            dz, x, self.kernel_size, self.strides, self.dilation_rate
        )
        return dz

    def backward(self, dy: Array) -> Array:
        dz = self.backward_parameters(dy)
        no_bias = np.zeros(self.input_shape[-1], self.dtype)
        return self.kernels.conv2d_forward(dz, self.kernel.value, no_bias, self.strides, self.dilation_rate)


def _output_padding(value: object, strides: Pair) -> Pair:
    """``1`` -> ``(1, 1)``; whole numbers from 0 to below the strides."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2 or not all(
        isinstance(n, (int, np.integer)) and 0 <= n < stride for n, stride in zip(values, strides, strict=True)
    ):
        raise ValueError(
            f"Conv2DTranspose: expected output_padding to be whole numbers from 0 to below strides={strides}, one or "
            f"two, received {value!r}. Leave it out, or write output_padding=(1, 1)."
        )
    return int(values[0]), int(values[1])

"""The fully connected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinycnn import activations, initializers, regularizers
from tinycnn.layers.base import Array, KernelLayer, KernelOptions, Setting, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Dense(KernelLayer):
    """Every output is a weighted sum of all inputs.

    Math:    z = x·kernel + bias    y = activation(z)
             dkernel = xᵀ·dz    dbias = Σ dz    dx = dz·kernelᵀ    with dz = dy·activation'(z)
    Shapes:  x (n, inputs);  kernel (inputs, units);  bias (units,);  y (n, units). Inputs of more axes, such as images
             (n, h, w, inputs), are taken as n·h·w rows
    Keeps:   x and y (or z, see `kernels.activations`)
    Source:  Rumelhart, Hinton & Williams 1986, doi:10.1038/323533a0
    Keras:   same arguments, defaults and weights

    Args:
        units: number of outputs.
        activation: a name such as "relu" or "softmax", or None.
        use_bias: whether a bias is added and learned.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint:
            names or objects.
    """

    activation = Setting(activations.get)

    def __init__(
        self,
        units: int,
        activation: activations.Identifier = None,
        use_bias: bool = True,
        kernel_initializer: initializers.Identifier = "glorot_uniform",
        bias_initializer: initializers.Identifier = "zeros",
        kernel_regularizer: regularizers.Identifier = None,
        bias_regularizer: regularizers.Identifier = None,
        **options: Unpack[KernelOptions],
    ):
        super().__init__(**options)
        if not isinstance(units, (int, np.integer)) or units < 1:
            raise ValueError(f"Dense: expected units to be a positive whole number, received {units!r}. Try 64.")
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def _build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if len(input_shape) < 2:
            raise ValueError(
                f"{self.name}: expected inputs of shape (batch, features), received (batch,). "
                "Reshape them: x.reshape(-1, 1)."
            )
        kernel = self.kernel_initializer((input_shape[-1], self.units), rng, self.dtype)
        self.kernel = self._add_parameter("kernel", kernel, self.kernel_regularizer)
        if self.use_bias:
            bias = self.bias_initializer((self.units,), rng, self.dtype)
            self.bias = self._add_parameter("bias", bias, self.bias_regularizer)
        return (*input_shape[:-1], self.units)

    def forward(self, x: Array, training: bool = False, activate: bool = True) -> Array:
        """The outputs; with ``activate=False`` before the activation function (the logits of a softmax)."""
        x = self._check_input(x)
        rows = x.reshape(-1, x.shape[-1])
        bias = self.bias.value if self.use_bias else np.zeros(self.units, self.dtype)
        z = self.kernels.dense_forward(rows, self.kernel.value, bias).reshape(*x.shape[:-1], self.units)
        y, kept = self.kernels.activations[self.activation].apply(z) if activate else (z, None)
        if training:
            self._save(y.shape, rows, kept)
        return y

    def backward_parameters(self, dy: Array) -> Array:
        dy, rows, kept = self._restore(dy)
        dz = dy if kept is None else self.kernels.activations[self.activation].backward(dy, kept)
        dkernel, dbias = self.kernels.dense_backward_parameters(rows, dz.reshape(-1, self.units))
        self.kernel.grad[...] = dkernel
        if self.use_bias:
            self.bias.grad[...] = dbias
        return dz

    def backward(self, dy: Array) -> Array:
        dz = self.backward_parameters(dy)
        dx = self.kernels.dense_backward_input(dz.reshape(-1, self.units), self.kernel.value)
        return dx.reshape(len(dz), *self.input_shape[1:])

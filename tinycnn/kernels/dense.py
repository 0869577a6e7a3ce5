"""A dense layer's three matrix products."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def dense_forward(x: Array, kernel: Array, bias: Array) -> Array:
    """Math: z = x·kernel + bias.   Shapes: x (n, inputs); kernel (inputs, units); bias (units,); z (n, units)"""
    return x @ kernel + bias


def dense_backward_parameters(x: Array, dz: Array) -> tuple[Array, Array]:
    """Math: dkernel = xᵀ·dz;  dbias = Σ_n dz[n].   Shapes: x (n, inputs); dz (n, units); dkernel (inputs, units)"""
    return x.T @ dz, dz.sum(axis=0)


def dense_backward_input(dz: Array, kernel: Array) -> Array:
    """Math: dx = dz·kernelᵀ.   Shapes: dz (n, units); kernel (inputs, units); dx (n, inputs)"""
    return dz @ kernel.T

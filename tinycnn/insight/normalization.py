"""What can be done to batch normalization after training: exact statistics, and models without it that say the same.

recalibrate_batch_normalization(model, x_train)
folded = fold_batch_normalization(model)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinycnn.insight.copies import copy_model, fresh_optimizer
from tinycnn.layers import (
    Activation,
    AlphaDropout,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    Reshape,
    SeparableConv2D,
    SpatialDropout2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.sequential import Sequential
from tinycnn.trainers.batches import ArrayBatches, check_batch_size

Array = np.ndarray

OTHER_CONVOLUTIONS = Conv2DTranspose, DepthwiseConv2D, SeparableConv2D


def recalibrate_batch_normalization(model: Sequential, x: Any, batch_size: int | None = None) -> None:
    """Replace the moving averages of every batch normalization by the exact mean and variance over ``x``, in place.

    The moving averages are those of a model that was still moving, and at momentum 0.99 they remember their start for
    hundreds of steps. Here the weights stand still: the first such layer gets the statistics of what reaches it from
    all of x, then the second one, with the first one already right, and so on. All else stays as it is: weights,
    optimizer, random streams.

    Math (per channel, over all samples and places, m values):
        moving_mean = Σx/m    moving_variance = Σ(x − moving_mean)²/m, in float64;
        batches are put together by  m = m₁ + m₂,  δ = μ₂ − μ₁,  μ = μ₁ + δ·m₂/m,  M = M₁ + M₂ + δ²·m₁·m₂/m
    Numbers: the batch size changes nothing but the last digits
    Source:  Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3, arXiv:2105.07576 ("PreciseBN"; there all
             layers at once, each batch normalised by its own statistics, which are then averaged). Putting batches
             together: Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance"

    Args:
        model: a model that is built. Layers that are frozen are recalibrated too.
        x: images, without labels: those it was trained on, or enough of them. Dropout does not drop here, as in
            inference.
        batch_size: samples at a time, by default 32.

    Raises:
        RuntimeError: a model that is not built.
        TypeError, ValueError: an x that is not finite numbers, or that the model cannot take; a model without batch
            normalization.
    """
    model._require_built("recalibrate_batch_normalization")
    x, _, _ = model._check_images("recalibrate_batch_normalization", x)
    batch_size = check_batch_size("recalibrate_batch_normalization", batch_size)
    normalizations: list[Any] = [layer for layer in model.layers if isinstance(layer, BatchNormalization)]
    if not normalizations:
        raise ValueError(
            f"recalibrate_batch_normalization: expected a model with BatchNormalization, received {model.name!r}, "
            "which has none. There is nothing to recalibrate: leave the call out."
        )
    for layer in normalizations:
        m, mean, squares = 0, np.zeros(layer.moving_mean.shape), np.zeros(layer.moving_mean.shape)
        for batch, _, _ in ArrayBatches(x, batch_size=batch_size).epoch():
            y = layer._check_input(next(given for other, given, _ in model.walk(batch) if other is layer))
            rows = y.reshape(-1, y.shape[-1]).astype(np.float64)  # (m of this batch, c)
            delta = rows.mean(axis=0) - mean
            total = m + len(rows)
            squares += np.square(rows - rows.mean(axis=0)).sum(axis=0) + delta**2 * m * len(rows) / total
            mean += delta * len(rows) / total
            m = total
        layer.moving_mean[...] = mean
        layer.moving_variance[...] = squares / m


def fold_batch_normalization(model: Sequential, strict: bool = True) -> Sequential:
    """A new model that predicts the same without batch normalization: its layers are folded into their neighbours.

    In inference batch normalization is y = s·x + t with constants s and t for each channel, and a convolution or dense
    layer beside it is linear too: two such maps in a row are one.

    Math:    s = γ/√(moving_variance + ε)    t = β − s·moving_mean
             into the layer before, where that has no activation:   s·(x∗k + b) + t = x∗(s·k) + (s·b + t)
               (a convolution of any kind or Dense; of a SeparableConv2D the pointwise kernel is k)
             into the next Conv2D or Dense, whatever its activation: (s·x + t)∗k + b = x∗(s·k) + (b + t∗k)
             On the way to the next one s and t pass through
               Dropout, noise and "linear" activations, which in inference do nothing;
               Flatten and Reshape, if the channels stay in their order: s and t are repeated;
               average pooling and up-sampling, which are linear, with weights that sum to 1;
               max pooling where all s ≥ 0:  max(s·x + t) = s·max(x) + t; with s < 0 it would be s·min(x) + t.
             Zeros around the images are in the way, in ZeroPadding2D and in a convolution with padding "same": behind
             the batch normalization they are 0, in front of it they would have to be −t/s. Where all t are 0, they are
             not. Behind the batch normalization Conv2DTranspose, DepthwiseConv2D and SeparableConv2D take up nothing: a
             transposed convolution adds fewer taps at the edge, where t∗k would be another number than inside.
    Numbers: computed in float64; predictions are equal up to rounding in the model's dtype
    Source:  Jacob et al. 2018, section 3.2, arXiv:1712.05877, for folding into the layer before

    The notebook's models have batch normalization behind the relu, so there it goes forward, through the pooling.
    The new model is for inference: it can be saved and evaluated, but trained on it would go another way. It shares no
    array with the old one; its layers have the old ones' names, and it is compiled as the old one was, with a fresh
    optimizer.

    Args:
        model: a model that is built; stays as it is.
        strict: True asks for a model without batch normalization; with False, what cannot be folded stays.

    Raises:
        RuntimeError: a model that is not built.
        ValueError: with ``strict``, a batch normalization that cannot be folded; the message says why.
    """
    model._require_built("fold_batch_normalization")
    if not isinstance(model, Sequential):
        raise ValueError(
            f"fold_batch_normalization: expected a Sequential, received {model.name!r}, whose layers may branch. "
            "Build it as one if they follow each other in a row."
        )
    folded: Any = copy_model(model)
    layers = folded.layers
    reasons = _fold_all(layers)
    if reasons and strict:
        raise ValueError(
            "fold_batch_normalization: expected batch normalization that can be folded into a convolution or a dense "
            f"layer, received {'; '.join(f'{name!r}: {why}' for name, why in reasons.items())}. "
            "Pass strict=False to keep what cannot be folded."
        )
    folded._layers = layers
    del folded._tensors[1:]
    folded._connect()
    if folded.optimizer is not None:  # the slots of the old one were made for other weights
        folded.optimizer = fresh_optimizer(model.optimizer)
    return folded


def _fold_all(layers: list[Any]) -> dict[str, str]:
    """Fold what can be folded, the last one first, and take it out of ``layers``; the reasons of the others by name."""
    reasons = {}
    before = len(layers)
    for layer in [layer for layer in reversed(layers) if isinstance(layer, BatchNormalization)]:
        why = _fold(layers, layer)
        if why is None:
            layers.remove(layer)
        else:
            reasons[layer.name] = why
    if reasons and len(layers) < before:
        return _fold_all(layers)  # what is gone may have stood in the way
    return dict(reversed(reasons.items()))


def _fold(layers: list[Any], layer: BatchNormalization) -> str | None:
    """Fold one batch normalization into the layer before it or the next one behind it; or why that cannot be."""
    if type(layer) is not BatchNormalization:  # a class of somebody's own may compute something else
        return f"its class {type(layer).__name__} is not tinycnn's own"
    gamma, beta = layer._gamma_and_beta()
    s = gamma / np.sqrt(layer.moving_variance.astype(np.float64) + layer.epsilon)
    t = beta - s * layer.moving_mean
    place = layers.index(layer)
    before: Any = layers[place - 1] if place else None
    if type(before) in (Conv2D, Dense, *OTHER_CONVOLUTIONS) and before.activation == "linear":
        _fold_into_outputs(before, s, t)
        return None
    for follower in layers[place + 1 :]:
        kind = type(follower)
        if kind in (Flatten, Reshape) and follower.output_shape[-1] % len(s) == 0:
            repeats = follower.output_shape[-1] // len(s)
            s, t = np.tile(s, repeats), np.tile(t, repeats)
        elif kind in (MaxPooling2D, GlobalMaxPooling2D) and (s < 0).any():
            return f"gamma is negative in {(s < 0).sum()} of {len(s)} channels, and {follower.name!r} takes the maximum"
        elif (kind is ZeroPadding2D or (kind is Conv2D and follower.widths != ((0, 0), (0, 0)))) and t.any():
            return f"{follower.name!r} puts zeros around the images"
        elif kind in (Conv2D, Dense):
            _fold_into_inputs(follower, s, t)
            return None
        elif kind in OTHER_CONVOLUTIONS:
            return f"{follower.name!r} is a {kind.__name__}, and only Conv2D and Dense take up what precedes them"
        elif not _lets_pass(follower):
            return f"{follower.name!r} stands between it and the next convolution or dense layer"
    return "no convolution or dense layer without an activation precedes it, and none follows"


def _lets_pass(layer: Layer) -> bool:
    """Whether f(s·x + t) = s·f(x) + t for each channel, where `_fold` has raised no objection."""
    if type(layer) is Activation:
        return layer.activation == "linear"
    quiet = (AlphaDropout, Dropout, GaussianDropout, GaussianNoise, SpatialDropout2D)
    poolings = (AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D)
    return type(layer) in (*quiet, *poolings, UpSampling2D, ZeroPadding2D)


def _fold_into_outputs(layer: Any, s: Array, t: Array) -> None:
    """``s·layer(x) + t`` from ``layer(x)``, with numbers s[f] and t[f] for output f."""
    bias, kernel = _bias(layer), layer.pointwise_kernel if type(layer) is SeparableConv2D else layer.kernel
    bias.value[...] = s * bias.value + t
    if type(layer) is DepthwiseConv2D:
        s = s.reshape(-1, layer.depth_multiplier)  # (c, m)
    elif type(layer) is Conv2DTranspose:
        s = s[:, None]  # (filters, 1)
    kernel.value[...] = s * kernel.value


def _fold_into_inputs(layer: Any, s: Array, t: Array) -> None:
    """``layer(s·x + t)`` from ``layer(x)``: channel c of the input meets the kernel's axis −2."""
    bias, kernel = _bias(layer), layer.kernel.value
    groups = getattr(layer, "groups", 1)  # filter f of group g sees the g-th part of the channels
    filters = kernel.shape[-1] // groups
    s, t = (np.repeat(v.reshape(groups, -1), filters, axis=0).T for v in (s, t))  # (c / groups, filters)
    bias.value[...] = bias.value + (kernel * t).sum(axis=tuple(range(kernel.ndim - 1)))
    kernel[...] = kernel * s


def _bias(layer: Any) -> Any:
    """The layer's bias, which it is given where it has none."""
    if not layer.use_bias:
        layer.use_bias = True
        layer.bias = layer._add_parameter("bias", np.zeros(layer.output_shape[-1], layer.dtype), layer.bias_regularizer)
    return layer.bias

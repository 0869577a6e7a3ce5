"""Random models for property tests: chains of layers with random arguments, as plain data that suits either library.

    @given(chains())
    def test_something(chain):
        model = build(tinycnn.keras, chain)

An argument that a layer takes belongs in its strategy below; then every test that draws chains tries it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from parity_cases import uniform

import tinycnn.layers

LayerArguments = tuple[str, dict[str, Any]]  # the class's name and its arguments: ("Dense", {"units": 3})
Shape = tuple[int, ...]


class Chain(NamedTuple):
    """The shape of one sample, and the layers as (class, arguments)."""

    input_shape: Shape
    layers: list[LayerArguments]


ACTIVATIONS = ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh", "softmax", "softplus", "silu")


def build(k: Any, chain: Chain, **options: Any) -> Any:
    """The chain as a built model; ``k`` is ``keras`` or ``tinycnn.keras``, ``options`` are for Sequential."""
    layers = [getattr(k.layers, name)(**arguments) for name, arguments in chain.layers]
    return k.Sequential([k.layers.Input(shape=chain.input_shape), *layers], **options)


def fill(model: Any, seed: int = 0) -> Any:
    """The model of tinycnn with random weights of either sign, variances from 0.5 to 1.5; returns it."""
    weights = []
    for layer in model.layers:
        for name, value in layer.named_weights.items():
            limit = math.sqrt(3 / math.prod(value.shape[:-1])) if value.ndim > 1 and name != "variance" else 0.5
            centre = 1.0 if name in ("gamma", "moving_variance", "variance") else 0.0
            limit = 0.0 if name == "count" else limit
            weights.append(uniform(seed + len(weights), value.shape, centre - limit, centre + limit))
    model.set_weights(weights)
    return model


@st.composite
def chains(
    draw: Any,
    max_layers: int = 6,
    dropout_rates: tuple[float, ...] = (0.0, 0.25, 0.6),
    names: Sequence[str] | None = None,
) -> Chain:
    """Up to ``max_layers`` layers on small images or rows, and, behind images, now and then a head that makes rows.

    Layers that drop values or add noise have a seed of their own, so that two models of one chain draw the same
    numbers; so have layers that change images at random. Keras's draw others: with ``dropout_rates=(0.0,)``, to compare
    with it in training mode, there are none of the latter. ``names``: the layers to draw from, in place of all.
    """
    shape: Shape = draw(st.one_of(st.tuples(SIZES, SIZES, st.integers(1, 4)), st.tuples(st.integers(1, 12))))
    chain = Chain(shape, [])
    for _ in range(draw(st.integers(1, max_layers) | st.just(max_layers))):
        image_layers = IMAGE_LAYERS if dropout_rates == (0.0,) else IMAGE_LAYERS + RANDOM_LAYERS
        possible = image_layers if len(shape) == 3 else ROW_LAYERS
        name = draw(st.sampled_from(possible if names is None else [name for name in possible if name in names]))
        arguments = draw(ARGUMENTS[name](shape))
        if name in NOISE:
            arguments[NOISE[name]] = draw(st.sampled_from(dropout_rates))
        chain.layers.append((name, arguments))
        # The shape comes from the layer itself; that it is Keras's is tested elsewhere.
        shape = getattr(tinycnn.layers, name)(**arguments).build((None, *shape))[1:]
    return chain


SIZES = st.integers(3, 8)
INITIALIZERS = st.sampled_from(["glorot_uniform", "he_normal", "lecun_normal"])
REGULARIZERS = st.sampled_from([None, None, "l2"])
TRAINABLE = st.sampled_from([True, True, True, False])


@st.composite
def conv2d(draw: Any, shape: Shape) -> dict[str, Any]:
    h, w, channels = shape
    padding = draw(st.sampled_from(["valid", "same"]))
    kernel_size = draw(st.integers(1, min(3, h))), draw(st.integers(1, min(3, w)))
    strides, dilation_rate = (1, 1), (1, 1)
    if draw(st.booleans()):
        strides = draw(PAIRS)
    elif padding == "same" or all((k - 1) * 2 < size for k, size in zip(kernel_size, (h, w), strict=True)):
        dilation_rate = draw(PAIRS)
    groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    return {
        "filters": groups * draw(st.integers(1, 3)),
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation_rate,
        "groups": groups,
        **draw(weighted()),
    }


@st.composite
def conv2d_transpose(draw: Any, shape: Shape) -> dict[str, Any]:
    """Without dilation, which TensorFlow's CPU kernels lack."""
    strides = draw(PAIRS) if shape[0] * shape[1] < 100 else (1, 1)
    return {
        "filters": draw(st.integers(1, 3)),
        "kernel_size": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "strides": strides,
        **draw(st.sampled_from([{"padding": "same"}, {}, {"output_padding": tuple(s - 1 for s in strides)}])),
        **draw(weighted()),
    }


@st.composite
def depthwise_conv2d(draw: Any, shape: Shape) -> dict[str, Any]:
    """With equal strides: TensorFlow has no others."""
    arguments = draw(conv2d(shape))
    for name in ("filters", "groups", "kernel_initializer", "kernel_regularizer"):
        del arguments[name]
    return {
        **arguments,
        "strides": arguments["strides"][0],
        "depth_multiplier": draw(st.integers(1, 2)) if shape[-1] < 5 else 1,
        "depthwise_initializer": draw(INITIALIZERS),
        "depthwise_regularizer": draw(REGULARIZERS),
    }


@st.composite
def separable_conv2d(draw: Any, shape: Shape) -> dict[str, Any]:
    return {
        **draw(depthwise_conv2d(shape)),
        "filters": draw(st.integers(1, 3)),
        "pointwise_initializer": draw(INITIALIZERS),
        "pointwise_regularizer": draw(REGULARIZERS),
    }


def weighted() -> st.SearchStrategy[dict[str, Any]]:
    """What Conv2D and Dense have in common."""
    return st.fixed_dictionaries(
        {
            "activation": st.sampled_from([None, *ACTIVATIONS]),
            "use_bias": st.booleans(),
            "kernel_initializer": INITIALIZERS,
            "kernel_regularizer": REGULARIZERS,
            "trainable": TRAINABLE,
        }
    )


def relu(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    """Numbers that float32 knows exactly: TensorFlow keeps them so."""
    return st.fixed_dictionaries(
        {
            "max_value": st.sampled_from([None, None, 0.6875]),
            "negative_slope": st.sampled_from([0.0, 0.0, 0.125]),
            "threshold": st.sampled_from([0.0, 0.0, 0.3125]),
        }
    )


def dense(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda units, others: {"units": units, **others}, st.integers(1, 6), weighted())


@st.composite
def pooling(draw: Any, shape: Shape) -> dict[str, Any]:
    return {
        "pool_size": (draw(st.integers(1, min(3, shape[0]))), draw(st.integers(1, min(3, shape[1])))),
        "strides": draw(st.sampled_from([None, (1, 1), (1, 2), (2, 2), (3, 2)])),
        "padding": draw(st.sampled_from(["valid", "same"])),
    }


def batch_normalization(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "momentum": st.sampled_from([0.99, 0.6]),
            "epsilon": st.sampled_from([1e-3, 0.1]),
            "center": st.booleans(),
            "scale": st.booleans(),
            "trainable": TRAINABLE,
        }
    )


def normalization(shape: Shape, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What LayerNormalization and GroupNormalization have in common."""
    epsilon, switch = st.sampled_from([1e-3, 0.1]), st.booleans()
    return st.fixed_dictionaries({"epsilon": epsilon, "center": switch, "scale": switch, **arguments})


@st.composite
def random(draw: Any, shape: Shape, **arguments: st.SearchStrategy[Any]) -> dict[str, Any]:
    return {name: draw(values) for name, values in arguments.items()} | {"seed": draw(st.integers(0, 9))}


def moved(shape: Shape, *factors: str) -> st.SearchStrategy[dict[str, Any]]:
    """What the layers that turn, shift and zoom have in common."""
    return random(
        shape,
        **dict.fromkeys(factors, st.sampled_from([0.0, 0.2, (-0.1, 0.6)])),
        fill_mode=st.sampled_from(["reflect", "wrap", "constant", "nearest"]),
        interpolation=st.sampled_from(["bilinear", "nearest"]),
    )


def part(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"height": st.integers(1, shape[0]), "width": st.integers(1, shape[1])})


def nothing(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.just({})


def keepdims(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"keepdims": st.booleans()})


def up_sampling2d(shape: Shape) -> st.SearchStrategy[dict[str, Any]]:
    """Without "bilinear", which TensorFlow has in float32 only."""
    return st.fixed_dictionaries({"size": PAIRS if shape[0] * shape[1] < 100 else st.just((1, 1))})


PAIRS = st.tuples(st.integers(1, 2), st.integers(1, 2))

#: What says how much is drawn at random; `chains` adds it.
NOISE = {"Dropout": "rate", "SpatialDropout2D": "rate", "GaussianDropout": "rate", "AlphaDropout": "rate"}
NOISE |= {"GaussianNoise": "stddev"}

ARGUMENTS: dict[str, Callable[[Shape], st.SearchStrategy[dict[str, Any]]]] = {
    **dict.fromkeys(NOISE, lambda shape: st.fixed_dictionaries({"seed": st.integers(0, 9)})),
    "Activation": lambda shape: st.fixed_dictionaries({"activation": st.sampled_from(ACTIVATIONS)}),
    "AveragePooling2D": pooling,
    "BatchNormalization": batch_normalization,
    "Conv2D": conv2d,
    "Conv2DTranspose": conv2d_transpose,
    "Dense": dense,
    "DepthwiseConv2D": depthwise_conv2d,
    "CenterCrop": part,
    "Cropping2D": lambda shape: st.sampled_from([{"cropping": ((0, shape[0] // 3), (shape[1] // 3, 0))}]),
    "ELU": lambda shape: st.fixed_dictionaries({"alpha": st.sampled_from([1.0, 0.25])}),
    "Flatten": nothing,
    "GlobalAveragePooling2D": keepdims,
    "GlobalMaxPooling2D": keepdims,
    "GroupNormalization": lambda shape: normalization(
        shape, groups=st.sampled_from([-1, *(g for g in range(1, shape[-1] + 1) if shape[-1] % g == 0)])
    ),
    "LayerNormalization": lambda shape: normalization(
        shape, axis=st.sampled_from([-1, 1, list(range(1, len(shape) + 1))])
    ),
    "LeakyReLU": lambda shape: st.fixed_dictionaries({"negative_slope": st.sampled_from([0.3, 0.05])}),
    "MaxPooling2D": pooling,
    "Normalization": lambda shape: st.fixed_dictionaries(
        {"axis": st.sampled_from([-1, None, tuple(range(1, len(shape) + 1))]), "invert": st.booleans()}
    ),
    "PReLU": lambda shape: st.fixed_dictionaries(
        {"shared_axes": st.sampled_from([None, list(range(1, len(shape))) or None]), "trainable": TRAINABLE}
    ),
    "RandomBrightness": lambda shape: random(
        shape, factor=st.sampled_from([0.1, (0.1, 0.3)]), value_range=st.sampled_from([(0, 255), (-1, 1)])
    ),
    "RandomContrast": lambda shape: random(
        shape, factor=st.sampled_from([0.1, (0.1, 0.3)]), value_range=st.sampled_from([(0, 255), (-1, 1)])
    ),
    "RandomCrop": lambda shape: random(shape, height=st.integers(1, 5), width=st.integers(1, 5)),
    "RandomFlip": lambda shape: random(
        shape, mode=st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"])
    ),
    "RandomRotation": lambda shape: moved(shape, "factor"),
    "RandomTranslation": lambda shape: moved(shape, "height_factor", "width_factor"),
    "RandomZoom": lambda shape: moved(shape, "height_factor"),
    "ReLU": relu,
    "Rescaling": lambda shape: st.fixed_dictionaries(
        {"scale": st.sampled_from([0.5, -2.0]), "offset": st.sampled_from([0.0, [0.5] * shape[-1]])}
    ),
    "Resizing": lambda shape: st.fixed_dictionaries(
        {
            "height": st.integers(1, 6),
            "width": st.integers(1, 6),
            "interpolation": st.sampled_from(["bilinear", "nearest"]),
            "crop_to_aspect_ratio": st.booleans(),
        }
    ),
    "Reshape": lambda shape: st.sampled_from(
        [{"target_shape": (shape[1], shape[0], shape[2])}, {"target_shape": (-1, *shape[1:])}]
    ),
    "SeparableConv2D": separable_conv2d,
    "UpSampling2D": up_sampling2d,
    "Softmax": lambda shape: st.fixed_dictionaries({"axis": st.sampled_from([-1, 1, list(range(1, len(shape) + 1))])}),
    "UnitNormalization": lambda shape: st.fixed_dictionaries({"axis": st.sampled_from([-1, 1])}),
    "ZeroPadding2D": lambda shape: st.sampled_from([{"padding": p} for p in (1, (0, 2), ((0, 1), (2, 0)))]),
}
COMMON = ["Activation", "BatchNormalization", "Dropout", "Flatten", "LeakyReLU", "Normalization", "ReLU", "Rescaling"]
COMMON += ["AlphaDropout", "ELU", "GaussianDropout", "GaussianNoise", "GroupNormalization", "LayerNormalization"]
COMMON += ["PReLU", "Softmax"]
ROW_LAYERS = COMMON + ["Dense"] * 5  # more of them, as in real models
IMAGE_LAYERS = COMMON + ["Conv2D"] * 5 + ["MaxPooling2D"] * 2 + ["AveragePooling2D"] * 2
IMAGE_LAYERS += ["CenterCrop", "Conv2DTranspose", "Cropping2D", "DepthwiseConv2D", "GlobalAveragePooling2D"]
IMAGE_LAYERS += ["Dense", "GlobalMaxPooling2D", "Reshape", "SeparableConv2D", "SpatialDropout2D", "UpSampling2D"]
IMAGE_LAYERS += ["ZeroPadding2D"]
RANDOM_LAYERS = [name for name in ARGUMENTS if name.startswith("Random")]
RANDOM_LAYERS += ["Resizing"]  # TensorFlow resizes in float32 only, so that it is compared elsewhere


def some_input(chain: Chain, n: int = 4, seed: int = 7) -> np.ndarray:
    """A batch of ``n`` samples, from −2 to 2, in float64."""
    return uniform(seed, (n, *chain.input_shape), -2, 2)

"""The same programs for Keras and for tinycnn, so that their results can be laid side by side.

``k`` is either ``keras`` or ``tinycnn.keras``: what is written below is what a Keras user writes. The live comparison
(test_keras_parity.py, test_keras_trajectory.py) and the recorded one (golden/make_golden.py, test_golden.py) share it.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Array = np.ndarray
Figures = dict[str, Array]


def uniform(seed: int, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Array:
    """The same numbers under every version of NumPy, which only promises the raw stream of a bit generator."""
    raw = np.random.PCG64(seed).random_raw(math.prod(shape))
    return (low + (high - low) * (raw >> np.uint64(11)) * 2.0**-53).reshape(shape)


# One layer: forward, gradients, moving statistics

IMAGES, SMALL, ROWS = (2, 7, 6, 4), (2, 3, 4, 2), (5, 6)
MODERN = (
    *("selu", "softplus", "softsign", "exponential", "relu6", "hard_sigmoid", "log_softmax"),
    *("silu", "hard_silu", "gelu", "mish"),
)

#: Layers that take several inputs, and that which takes none: tests/test_functional.py has their cases.
OF_GRAPHS = {"InputLayer", "Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}

LAYER_CASES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "conv2d": ("Conv2D", {"filters": 3, "kernel_size": (3, 3)}, IMAGES),
    "conv2d 1x1": ("Conv2D", {"filters": 3, "kernel_size": 1}, IMAGES),
    "conv2d 2x3": ("Conv2D", {"filters": 3, "kernel_size": (2, 3)}, IMAGES),
    "conv2d one channel": ("Conv2D", {"filters": 5, "kernel_size": 3}, (2, 6, 7, 1)),
    "conv2d as large as the image": ("Conv2D", {"filters": 2, "kernel_size": (7, 6)}, IMAGES),
    "conv2d without bias": ("Conv2D", {"filters": 3, "kernel_size": 3, "use_bias": False}, IMAGES),
    "conv2d strides": ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": (2, 3)}, IMAGES),
    "conv2d same": ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same"}, IMAGES),
    "conv2d same, even kernel": ("Conv2D", {"filters": 3, "kernel_size": (4, 2), "padding": "same"}, IMAGES),
    "conv2d same, strides": (
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "strides": (3, 2), "padding": "same"},
        IMAGES,
    ),
    "conv2d same, strides beyond the kernel": (
        "Conv2D",
        {"filters": 3, "kernel_size": 2, "strides": 3, "padding": "same"},
        IMAGES,
    ),
    "conv2d dilation": ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2}, IMAGES),
    "conv2d dilation, same": (
        "Conv2D",
        {"filters": 3, "kernel_size": (3, 2), "dilation_rate": (2, 3), "padding": "same"},
        IMAGES,
    ),
    "conv2d groups": ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2}, IMAGES),
    "conv2d groups, same, strides": (
        "Conv2D",
        {"filters": 4, "kernel_size": 3, "groups": 4, "padding": "same", "strides": 2},
        IMAGES,
    ),
    **{
        f"conv2d {name}": ("Conv2D", {"filters": 3, "kernel_size": 3, "activation": name}, IMAGES)
        for name in ("relu", "softmax", "sigmoid", "tanh", "elu", "leaky_relu")
    },
    "conv2d_transpose": ("Conv2DTranspose", {"filters": 3, "kernel_size": (2, 3)}, SMALL),
    "conv2d_transpose strides": (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (3, 1), "strides": (2, 3), "activation": "relu"},
        SMALL,
    ),
    "conv2d_transpose same, strides": (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (3, 4), "strides": 2, "padding": "same", "use_bias": False},
        SMALL,
    ),
    "conv2d_transpose output_padding": (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": 3, "strides": 3, "output_padding": (0, 1)},
        SMALL,
    ),
    "conv2d_transpose same, output_padding": (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (3, 4), "strides": 3, "output_padding": (0, 2), "padding": "same"},
        SMALL,
    ),
    "depthwise_conv2d": ("DepthwiseConv2D", {"kernel_size": (2, 3)}, IMAGES),
    "depthwise_conv2d several, same, strides": (
        "DepthwiseConv2D",
        {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", "strides": 2, "activation": "relu"},
        IMAGES,
    ),
    "depthwise_conv2d strides and dilation, without bias": (
        "DepthwiseConv2D",
        {"kernel_size": 2, "strides": 2, "dilation_rate": (3, 2), "use_bias": False},
        IMAGES,
    ),
    "separable_conv2d": ("SeparableConv2D", {"filters": 3, "kernel_size": (3, 2)}, SMALL),
    "separable_conv2d several, same, strides": (
        "SeparableConv2D",
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2, "activation": "relu"},
        IMAGES,
    ),
    "separable_conv2d dilation, without bias": (
        "SeparableConv2D",
        {"filters": 3, "kernel_size": 2, "dilation_rate": (3, 2), "use_bias": False},
        IMAGES,
    ),
    "max_pooling2d": ("MaxPooling2D", {}, IMAGES),
    "max_pooling2d overlapping": ("MaxPooling2D", {"pool_size": (3, 2), "strides": (2, 1)}, IMAGES),
    "max_pooling2d gaps": ("MaxPooling2D", {"pool_size": 2, "strides": 3}, IMAGES),
    "max_pooling2d same": ("MaxPooling2D", {"pool_size": 2, "padding": "same"}, IMAGES),
    "max_pooling2d same, overlapping": (
        "MaxPooling2D",
        {"pool_size": (4, 3), "strides": 2, "padding": "same"},
        IMAGES,
    ),
    "average_pooling2d": ("AveragePooling2D", {"pool_size": (2, 2)}, IMAGES),
    "average_pooling2d overlapping": (
        "AveragePooling2D",
        {"pool_size": (3, 2), "strides": (2, 1)},
        IMAGES,
    ),
    "average_pooling2d same": ("AveragePooling2D", {"pool_size": 2, "padding": "same"}, IMAGES),
    "average_pooling2d same, overlapping": (
        "AveragePooling2D",
        {"pool_size": (4, 3), "strides": 2, "padding": "same"},
        IMAGES,
    ),
    "global_average_pooling2d": ("GlobalAveragePooling2D", {}, IMAGES),
    "global_average_pooling2d keepdims": ("GlobalAveragePooling2D", {"keepdims": True}, IMAGES),
    "global_max_pooling2d": ("GlobalMaxPooling2D", {}, IMAGES),
    "global_max_pooling2d keepdims": ("GlobalMaxPooling2D", {"keepdims": True}, IMAGES),
    "flatten": ("Flatten", {}, IMAGES),
    "dense": ("Dense", {"units": 4}, ROWS),
    "dense without bias": ("Dense", {"units": 4, "use_bias": False}, ROWS),
    "dense of images": ("Dense", {"units": 4, "activation": "softmax"}, IMAGES),
    **{
        f"dense {name}": ("Dense", {"units": 4, "activation": name}, ROWS)
        for name in ("relu", "softmax", "sigmoid", "tanh", "elu", "leaky_relu", *MODERN)
    },
    "dropout 0": ("Dropout", {"rate": 0.0}, IMAGES),
    "spatial_dropout2d 0": ("SpatialDropout2D", {"rate": 0.0}, IMAGES),
    "spatial_dropout2d 1": ("SpatialDropout2D", {"rate": 1.0}, IMAGES),
    "gaussian_noise 0": ("GaussianNoise", {"stddev": 0.0}, ROWS),
    "gaussian_dropout 0": ("GaussianDropout", {"rate": 0.0}, ROWS),
    "alpha_dropout 0": ("AlphaDropout", {"rate": 0.0}, ROWS),
    "dropout 1": ("Dropout", {"rate": 1.0}, ROWS),
    "layer_normalization": ("LayerNormalization", {}, IMAGES),
    "layer_normalization of rows": ("LayerNormalization", {"epsilon": 0.2}, ROWS),
    "layer_normalization of two axes": ("LayerNormalization", {"axis": [1, 2]}, IMAGES),
    "layer_normalization of samples": ("LayerNormalization", {"axis": [1, 2, 3], "center": False}, IMAGES),
    "layer_normalization without scale": ("LayerNormalization", {"axis": 2, "scale": False}, IMAGES),
    "group_normalization": ("GroupNormalization", {"groups": 2}, IMAGES),
    "group_normalization of rows": ("GroupNormalization", {"groups": 3, "epsilon": 0.2}, ROWS),
    "group_normalization of maps": ("GroupNormalization", {"groups": -1, "center": False}, IMAGES),
    "group_normalization in one": ("GroupNormalization", {"groups": 1, "axis": 3, "scale": False}, IMAGES),
    "batch_normalization": ("BatchNormalization", {}, IMAGES),
    "batch_normalization of rows": ("BatchNormalization", {}, ROWS),
    "batch_normalization without center": ("BatchNormalization", {"center": False}, IMAGES),
    "batch_normalization without scale": ("BatchNormalization", {"scale": False}, IMAGES),
    "batch_normalization without both": ("BatchNormalization", {"center": False, "scale": False}, ROWS),
    "batch_normalization momentum, epsilon": (
        "BatchNormalization",
        {"momentum": 0.6, "epsilon": 0.2},
        IMAGES,
    ),
    "batch_normalization frozen": ("BatchNormalization", {"trainable": False}, IMAGES),
    **{
        f"activation {name}": ("Activation", {"activation": name}, ROWS)
        for name in ("linear", "relu", "softmax", "sigmoid", "tanh", "elu", "leaky_relu", *MODERN)
    },
    "relu": ("ReLU", {}, IMAGES),
    "relu max_value": ("ReLU", {"max_value": 1.5}, IMAGES),
    "relu slope": ("ReLU", {"negative_slope": 0.25}, ROWS),
    "relu threshold": ("ReLU", {"threshold": 0.5}, ROWS),
    "relu all arguments": ("ReLU", {"max_value": 1.5, "negative_slope": 0.25, "threshold": 0.5}, IMAGES),
    "relu max_value below the threshold": ("ReLU", {"max_value": 0.5, "negative_slope": 0.25, "threshold": 1.0}, ROWS),
    "elu": ("ELU", {}, ROWS),
    "elu alpha": ("ELU", {"alpha": 0.5}, IMAGES),
    "prelu": ("PReLU", {}, IMAGES),
    "prelu shared": ("PReLU", {"shared_axes": [1, 2]}, IMAGES),
    "leaky_relu": ("LeakyReLU", {}, ROWS),
    "leaky_relu slope": ("LeakyReLU", {"negative_slope": 0.05}, IMAGES),
    "softmax": ("Softmax", {}, IMAGES),
    "softmax of an axis": ("Softmax", {"axis": 1}, IMAGES),
    "softmax of two axes": ("Softmax", {"axis": [1, 2]}, IMAGES),
    "unit_normalization": ("UnitNormalization", {}, IMAGES),
    "unit_normalization of two axes": ("UnitNormalization", {"axis": [-1, 1]}, IMAGES),
    "reshape": ("Reshape", {"target_shape": (3, -1)}, IMAGES),
    "reshape to images": ("Reshape", {"target_shape": (3, 2, 1)}, ROWS),
    "up_sampling2d": ("UpSampling2D", {}, IMAGES),
    "up_sampling2d rows and columns": ("UpSampling2D", {"size": (3, 1)}, IMAGES),
    "zero_padding2d": ("ZeroPadding2D", {}, IMAGES),
    "zero_padding2d rows and columns": ("ZeroPadding2D", {"padding": (2, 0)}, IMAGES),
    "zero_padding2d four sides": ("ZeroPadding2D", {"padding": ((0, 1), (2, 3))}, IMAGES),
}


ROUNDED = ("MaxPooling2D", "GlobalMaxPooling2D", "ReLU", "LeakyReLU", "PReLU", "ELU", "Activation")


def layer_input(case: str, step: int = 0) -> Array:
    """Numbers from −2 to 2; where an operation compares numbers, rounded, so that there are ties and zeros."""
    name, _, shape = LAYER_CASES[case]
    x = uniform(100 + step, shape, -2, 2)
    return np.round(2 * x) / 2 if name in ROUNDED else x


def layer_weights(names_and_shapes: list[tuple[str, tuple[int, ...]]]) -> list[Array]:
    """Weights of either sign for each array; variances from 0.5 to 1.5."""
    return [
        uniform(200 + i, tuple(shape), -0.5, 0.5) + (name == "moving_variance")
        for i, (name, shape) in enumerate(names_and_shapes)
    ]


def layer_figures_of_keras(keras: Any, case: str, dtype: str) -> Figures:
    """Outputs, gradients for a random upstream gradient, and what three training steps do to the statistics."""
    import tensorflow as tf

    name, arguments, shape = LAYER_CASES[case]
    layer = getattr(keras.layers, name)(**arguments, dtype=dtype)
    layer.build(shape)
    layer.set_weights(layer_weights([(v.name, v.shape) for v in layer.weights]))
    x = tf.constant(layer_input(case), dtype)
    figures = {"y in inference": layer(x, training=False)}
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        total = tf.reduce_sum(y * tf.constant(uniform(300, tuple(y.shape)), dtype))
    sources = {"x": x, **{v.name: v.value for v in layer.trainable_weights}}
    gradients = tape.gradient(total, sources, unconnected_gradients="zero")
    figures |= {"y in training": y, **{f"d{name}": gradient for name, gradient in gradients.items()}}
    for step in (1, 2):
        layer(tf.constant(layer_input(case, step), dtype), training=True)
    figures |= {f"{v.name} after 3 steps": v.value for v in layer.non_trainable_weights if "moving" in v.name}
    return {name: np.asarray(value) for name, value in figures.items()}


def layer_figures_of_tinycnn(case: str, dtype: str, kernels: Any) -> Figures:
    """The same by explicit forward and backward."""
    from tinycnn import layers

    name, arguments, shape = LAYER_CASES[case]
    layer = getattr(layers, name)(**arguments, dtype=dtype)
    layer.kernels = kernels
    layer.build((None, *shape[1:]))
    layer.set_weights(layer_weights([(name, value.shape) for name, value in layer.named_weights.items()]))
    x = layer_input(case).astype(dtype)
    figures = {"y in inference": layer.forward(x)}
    y = figures["y in training"] = layer.forward(x, training=True)
    figures["dx"] = layer.backward(uniform(300, y.shape).astype(dtype))
    figures |= {f"d{p.name}": p.grad for p in layer.parameters}
    for step in (1, 2):
        layer.forward(layer_input(case, step).astype(dtype), training=True)
    return figures | {f"{name} after 3 steps": value for name, value in layer.state.items()}


# The notebook's models

MODELS = ("plain", "dropout", "batch_normalization")
RATES_AND_SHAPES = ((0.25, (13, 13, 32)), (0.25, (5, 5, 64)), (0.5, (64,)))


def notebook_model(k: Any, name: str, dropout: Any = None, **options: Any) -> Any:
    """One of the notebook's three models; ``dropout`` is the class to use instead of Keras's Dropout."""
    drop = (dropout or k.layers.Dropout) if name == "dropout" else None
    model = k.Sequential(**options)
    model.add(k.layers.Input(shape=(28, 28, 1)))
    for filters in (32, 64):
        model.add(k.layers.Conv2D(filters, (3, 3), activation="relu"))
        if name == "batch_normalization":
            model.add(k.layers.BatchNormalization())
        model.add(k.layers.MaxPooling2D((2, 2)))
        if drop:
            model.add(drop(0.25))
    model.add(k.layers.Flatten())
    model.add(k.layers.Dense(64, activation="relu"))
    if name == "batch_normalization":
        model.add(k.layers.BatchNormalization())
    if drop:
        model.add(drop(0.5))
    model.add(k.layers.Dense(10, activation="softmax"))
    return model


def start(model: Any, seed: int = 400) -> Any:
    """Give the kernels Glorot's uniform distribution, from a stream that never changes; returns the model."""
    weights = model.get_weights()
    for i, w in enumerate(weights):
        if w.ndim > 1:
            limit = math.sqrt(6 / (math.prod(w.shape[:-2]) * (w.shape[-2] + w.shape[-1])))
            weights[i] = uniform(seed + i, w.shape, -limit, limit).astype(w.dtype)
    model.set_weights(weights)
    return model


def draw_masks(step: int, n: int) -> list[Array]:
    """Masks for the three dropout layers: 0 with probability ``rate``, else 1/(1 − rate)."""
    return [
        ((uniform(10_000 + 3 * step + i, (n, *shape), 0, 1) >= rate) / (1 - rate)).astype("float32")
        for i, (rate, shape) in enumerate(RATES_AND_SHAPES)
    ]


def given_mask_layer(keras: Any) -> Any:
    """A Keras layer in place of Dropout: it multiplies by ``given``, a variable that Keras does not count."""
    import tensorflow as tf

    class GivenMask(keras.layers.Layer):
        def __init__(self, rate: float):
            super().__init__()
            self.rate = rate

        def build(self, input_shape: tuple[int, ...]) -> None:
            shape = (None, *input_shape[1:])
            self.given = tf.Variable(tf.ones((1, *input_shape[1:])), trainable=False, shape=shape)

        def call(self, x: Any, training: bool = False) -> Any:
            return x * tf.cast(self.given, x.dtype) if training else x

    return GivenMask


def give_masks(model: Any, step: int, n: int) -> None:
    """The masks of a step to the dropout layers of either library's model."""
    masks = iter(draw_masks(step, n))
    for layer in model.layers:
        if hasattr(layer, "given"):
            layer.given.assign(next(masks))
        elif hasattr(layer, "draw_mask"):
            layer.draw_mask = functools.partial(lambda mask, shape: mask, next(masks))


def train(model: Any, name: str, batches: list[tuple[Array, Array]]) -> list[float]:
    """Train a compiled model; the loss of each step."""
    losses = []
    for step, (x, y) in enumerate(batches):
        if name == "dropout":
            give_masks(model, step, len(x))
        losses.append(float(model.train_on_batch(x, y, return_dict=True)["loss"]))
    return losses


def gradients_of_keras(model: Any, loss: Any, x: Array, y: Array) -> tuple[float, list[Array]]:
    """Loss, and its gradients with respect to the input and every trainable weight, in training mode."""
    import tensorflow as tf

    @tf.function  # as in fit: Keras finds the softmax in front of the loss in graphs only
    def compute(images: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = loss(y, model(images, training=True))
        return value, tape.gradient(value, [images, *(v.value for v in model.trainable_weights)])

    value, gradients = compute(tf.constant(x))
    return float(value), [g.numpy() for g in gradients]


def gradients_of_tinycnn(model: Any, loss: Any, x: Array, y: Array) -> tuple[float, list[Array]]:
    """The same, stepping by hand: the loss of the logits, as softmax and cross-entropy belong together."""
    logits = model.forward(x, training=True, activate=False)
    loss = loss.with_logits()
    dx = model.backward(loss.backward(y, logits))
    return loss.forward(y, logits), [dx, *(p.grad.copy() for p in model.parameters)]


# A tiny model for whatever else a whole model can be compared in


def tiny_model(
    k: Any, classes: int = 10, activation: str | None = "softmax", l2: float = 0.0, bn: bool = False, **options: Any
) -> Any:
    """A convolution, a pooling and a dense layer."""
    regularizer = k.regularizers.L2(l2) if l2 else None
    model = k.Sequential(**options)
    model.add(k.layers.Input(shape=(28, 28, 1)))
    model.add(
        k.layers.Conv2D(
            4, 5, strides=2, activation="relu", kernel_regularizer=regularizer, bias_regularizer=regularizer
        )
    )
    if bn:
        model.add(k.layers.BatchNormalization())
    model.add(k.layers.MaxPooling2D(3))
    model.add(k.layers.Flatten())
    model.add(k.layers.Dense(classes, activation=activation, kernel_regularizer=regularizer))
    return model


def some_digits(n: int, first: int = 0) -> tuple[Array, Array]:
    """Bundled digits, (n, 28, 28, 1) from 0 to 1, and their labels."""
    from tinycnn.datasets import digits

    (x, y), _ = digits.load_data()
    return (x[first : first + n, ..., None] / np.float32(255)), y[first : first + n]


def digit_batches(steps: int, size: int = 32) -> list[tuple[Array, Array]]:
    x, y = some_digits(steps * size)
    return [(x[i : i + size], y[i : i + size]) for i in range(0, steps * size, size)]


def _hot(y: Array) -> Array:
    return np.eye(10, dtype="float32")[y]


def _small(y: Array) -> Array:
    return (y < 5).astype("float32")


# What is compiled (functions of k), what the labels are made of, and the tiny model's arguments
TINY_RUNS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sgd": (lambda k: {"optimizer": k.optimizers.SGD(0.05, momentum=0.9)}, None, {}),
    "nesterov": (lambda k: {"optimizer": k.optimizers.SGD(0.05, momentum=0.9, nesterov=True)}, None, {}),
    "rmsprop": (lambda k: {"optimizer": "rmsprop"}, None, {}),
    "rmsprop centered": (lambda k: {"optimizer": k.optimizers.RMSprop(0.002, momentum=0.5, centered=True)}, None, {}),
    "adam amsgrad": (lambda k: {"optimizer": k.optimizers.Adam(0.002, amsgrad=True)}, None, {}),
    "adamw": (lambda k: {"optimizer": k.optimizers.AdamW(0.002, weight_decay=0.1)}, None, {}),
    "clipnorm": (lambda k: {"optimizer": k.optimizers.SGD(0.1, clipnorm=0.2)}, None, {}),
    "clipvalue": (lambda k: {"optimizer": k.optimizers.SGD(0.1, clipvalue=0.01)}, None, {}),
    "global_clipnorm": (lambda k: {"optimizer": k.optimizers.SGD(0.1, global_clipnorm=0.3)}, None, {}),
    "l2": (lambda k: {"optimizer": "sgd"}, None, {"l2": 0.02}),
    "categorical": (lambda k: {"loss": "categorical_crossentropy"}, _hot, {"bn": True}),
    "label smoothing": (lambda k: {"loss": k.losses.CategoricalCrossentropy(label_smoothing=0.3)}, _hot, {}),
    "logits": (
        lambda k: {"loss": k.losses.SparseCategoricalCrossentropy(from_logits=True)},
        None,
        {"activation": None},
    ),
    "softmax into mse": (lambda k: {"loss": "mse"}, _hot, {}),
    "binary": (lambda k: {"loss": "binary_crossentropy"}, _small, {"classes": 1, "activation": "sigmoid"}),
    "tanh into mse": (lambda k: {"loss": "mean_squared_error"}, _small, {"classes": 1, "activation": "tanh"}),
}


def tiny_run(k: Any, run: str, steps: int = 5, **options: Any) -> tuple[list[float], Any]:
    """Losses of a few steps, and the model after them; ``options`` are for `Sequential` and, "kernels", for compile."""
    arguments, labels, architecture = TINY_RUNS[run]
    compiling = {"kernels": options.pop("kernels")} if "kernels" in options else {}
    model = start(tiny_model(k, **architecture, **options))
    defaults = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**defaults, **arguments(k)}, **compiling)
    return train(model, run, [(x, labels(y) if labels else y) for x, y in digit_batches(steps)]), model


# Large arrays in a few numbers


def digest(array: Array, elements: int = 128, projections: int = 8) -> Array:
    """Small arrays as they are; of large ones some elements, evenly spread, and sums with random signs over √size.

    Every element enters every sum, so no error hides between the samples; both kinds of number are as large as
    the array's elements, so one tolerance suits both.
    """
    flat = np.asarray(array, np.float64).ravel()
    if flat.size <= elements + projections:
        return flat
    sample = flat[np.linspace(0, flat.size - 1, elements).astype(int)]
    sums = [
        np.where(uniform(500 + i, flat.shape) < 0, -flat, flat).sum() / math.sqrt(flat.size) for i in range(projections)
    ]
    return np.concatenate([sample, sums])

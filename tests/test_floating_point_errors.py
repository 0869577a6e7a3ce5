"""np.errstate(all="raise"): a number too small for its type is no error; TerminateOnNaN acts on a NaN alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinycnn import Sequential, activations, callbacks, losses, metrics, optimizers, regularizers
from tinycnn.kernels import SETS
from tinycnn.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    LeakyReLU,
    MaxPooling2D,
    ParameterVector,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.layers.base import Parameter

Array = np.ndarray
# Without Numba's compiler dropout's fast kernel adds modulo 2⁶⁴ in NumPy's scalars, which call that an overflow.
BOTH = pytest.mark.parametrize("kernels", ["reference", pytest.param("fast", marks=pytest.mark.jit)])


@np.errstate(under="ignore")
def of_all_sizes(rng: Any, *shape: int, factor: float = 1.0) -> Array:
    """float32 numbers down to the smallest there are, of both signs."""
    sizes = factor * 10.0 ** rng.uniform(-44, 1, shape)
    return (sizes * rng.choice([-1, 1], shape)).astype("float32")


LAYERS = {
    "conv2d": lambda: Conv2D(3, 3, padding="same", activation="sigmoid"),
    "conv2d elu": lambda: Conv2D(3, 3, activation="elu", kernel_regularizer="l2"),
    "transposed": lambda: Conv2DTranspose(3, 3, strides=2, activation="sigmoid", kernel_regularizer="l2"),
    "depthwise": lambda: DepthwiseConv2D(3, depth_multiplier=2, activation="elu", depthwise_regularizer="l2"),
    "separable": lambda: SeparableConv2D(3, 3, padding="same", depth_multiplier=2, activation="tanh"),
    "up-sampling": lambda: UpSampling2D(3, interpolation="bilinear"),
    "max pooling": lambda: MaxPooling2D(),
    "average pooling": lambda: AveragePooling2D(padding="same"),
    "global pooling": lambda: GlobalAveragePooling2D(),
    "global maxima": lambda: GlobalMaxPooling2D(),
    "normalization": lambda: BatchNormalization(),
    "dropout": lambda: Dropout(0.3),
    "leaky": lambda: LeakyReLU(0.1),
    "padding": lambda: ZeroPadding2D(),
    **{name: lambda name=name: Activation(name) for name in ("softmax", "sigmoid", "tanh", "elu", "relu")},
}


@BOTH
@pytest.mark.parametrize("name", LAYERS)
def test_layers_by_hand(name, kernels, rng):
    layer = LAYERS[name]()
    layer.kernels = SETS[kernels]
    layer.build((None, 6, 6, 2))
    for factor in (1.0, 1e-20, 300.0):  # exp(-300) is 0 in float32
        x = of_all_sizes(rng, 8, 6, 6, 2, factor=factor)
        x[:, ::2] = x[:, 1::2]  # maxima share their gradient
        with np.errstate(all="raise"):
            y = layer(x, training=True)
            dx = layer.backward(of_all_sizes(rng, *y.shape))
            layer(x)
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()


@BOTH
def test_dense_by_hand(kernels, rng):
    for activation in (None, "softmax", "sigmoid", "tanh", "elu"):
        layer = Dense(3, activation=activation)
        layer.kernels = SETS[kernels]
        with np.errstate(all="raise"):
            y = layer(of_all_sizes(rng, 40, 5, factor=30), training=True)
            layer.backward(of_all_sizes(rng, *y.shape))


LOSSES: dict[str, tuple[Any, Any]] = {
    "sparse": (losses.SparseCategoricalCrossentropy(), [0, 1, 2, 3]),
    "sparse logits": (losses.SparseCategoricalCrossentropy(from_logits=True), [0, 1, 2, 3]),
    "categorical": (losses.CategoricalCrossentropy(label_smoothing=0.1), np.eye(4)),
    "categorical logits": (losses.CategoricalCrossentropy(from_logits=True), np.eye(4)),
    "binary": (losses.BinaryCrossentropy(), np.eye(4)),
    "binary logits": (losses.BinaryCrossentropy(from_logits=True), np.eye(4)),
    "mean squared error": (losses.MeanSquaredError(), np.eye(4)),
}


@BOTH
@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_hand(name, kernels, rng):
    loss, y = LOSSES[name]
    z = of_all_sizes(rng, 4, 4, factor=40)
    p = z if loss.from_logits or name == "mean squared error" else activations.softmax(z)
    weight = np.array([1e-300, 1e-200, 1e-50, 1.0])  # too small for float32
    with np.errstate(all="raise"):
        for given in (None, weight):
            assert np.isfinite(loss(y, p, given))
            assert np.isfinite(loss.backward(y, p, given)).all()
        loss.per_sample(y, p)
        loss.gradient(y, p)
        if loss.logits_activation:
            loss.with_activation(np.asarray(y), z, weight, SETS[kernels])


@pytest.mark.parametrize("name", ["elu", "leaky_relu", "linear", "relu", "sigmoid", "softmax", "tanh"])
def test_activation_functions_by_hand(name, rng):
    function = getattr(activations, name)
    with np.errstate(all="raise"):
        y = function(of_all_sizes(rng, 50, 4, factor=60))
    assert np.isfinite(y).all()
    assert activations.get(function) == name


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.01),
    "momentum": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipnorm=1.0),
    "rmsprop": lambda: optimizers.RMSprop(centered=True, momentum=0.5, global_clipnorm=1.0),
    "adam": lambda: optimizers.Adam(),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True, clipvalue=0.5),
    "adamw": lambda: optimizers.AdamW(),
}


@BOTH
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_by_hand(name, kernels, rng):
    parameters = [Parameter("kernel", of_all_sizes(rng, 30, 4)), Parameter("bias", of_all_sizes(rng, 4))]
    vector = ParameterVector(parameters)
    optimizer = OPTIMIZERS[name]()
    optimizer.kernels = SETS[kernels]
    with np.errstate(all="raise"):
        for step in range(1200):  # 0.9**1000 is 0 in float32
            if step % 300 == 0:
                vector.grad[...] = of_all_sizes(rng, vector.grad.size)
            optimizer.apply(vector)
    assert np.isfinite(vector.value).all()


def test_regularizers_and_metrics_by_hand(rng):
    w = of_all_sizes(rng, 100)
    weight = np.full(100, 1e-300)
    with np.errstate(all="raise"):
        regularizers.L1L2(1e-3, 1e-3)(w)
        regularizers.L1L2(1e-3, 1e-3).gradient(w)
        metrics.Mean()(w, weight)
        metrics.get("mse", (None, 1), (None, 1)).update_state(w.reshape(-1, 1) * 0, w.reshape(-1, 1))


@BOTH
def test_a_whole_training(kernels, rng):
    x = of_all_sizes(rng, 24, 8, 8, 1, factor=0.1)
    large = of_all_sizes(rng, 24, 8, 8, 1, factor=5)
    y = rng.integers(0, 3, 24)
    model = Sequential(
        [
            Input(shape=(8, 8, 1)),
            Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            BatchNormalization(),
            MaxPooling2D(),
            Conv2D(4, 2, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.2),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], kernels=kernels)
    with np.errstate(all="raise"):
        history = model.fit(x, y, epochs=3, batch_size=8, validation_data=(x, y), verbose=0).history
        model.evaluate(x, y, sample_weight=np.full(24, 1e-310), verbose=0)
        model.train_on_batch(x, y)
        model.predict(large, verbose=0)
        model(x)
        assert np.geterr()["under"] == "raise"
    assert np.isfinite(history["val_loss"]).all()


def test_a_real_overflow_is_an_error_where_the_user_asks_for_it():
    layer = Dense(1, kernel_initializer="ones")
    layer.kernels = SETS["reference"]
    layer.build((None, 2))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        layer(np.full((1, 2), 3e38))


class Raises(losses.MeanSquaredError):
    """A loss with an error of its own."""

    def forward(self, *arguments: Any) -> float:
        raise FloatingPointError("a sensor's own error")


def test_terminate_on_nan_leaves_other_floating_point_errors_alone():
    model = Sequential([Input(shape=(2,)), Dense(1)])
    model.compile("sgd", Raises())
    x = np.ones((4, 2))
    with pytest.raises(FloatingPointError, match="a sensor's own error"):
        model.fit(x, x[:, 0], callbacks=[callbacks.TerminateOnNaN()], verbose=0)
    model.compile("sgd", "mse", kernels="reference")
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow"):
        model.fit(x * 3e38, x[:, 0], callbacks=[callbacks.TerminateOnNaN()], verbose=0)


def test_terminate_on_nan_ends_training_where_the_loss_is_not_finite():
    model = Sequential([Input(shape=(2,)), Dense(1)])
    model.compile("sgd", "mse")
    with np.errstate(all="ignore"):
        x = np.full((4, 2), 1e30)
        history = model.fit(x, x[:, 0], callbacks=[callbacks.TerminateOnNaN()], epochs=3, verbose=0).history
    assert np.isnan(history["loss"]).tolist() == [True]

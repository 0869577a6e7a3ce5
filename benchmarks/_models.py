"""The measured models, written once for both: ``keras`` is Keras's module or ``tinycnn.keras``."""

from __future__ import annotations

from typing import Any

NOTEBOOK = ("plain", "dropout", "batch_normalization")

# Multiplications and additions of one sample, forward, in each product of the notebook's models.
FORWARD_MACS = {"conv1": 26 * 26 * 9 * 32, "conv2": 11 * 11 * 9 * 32 * 64, "dense1": 1600 * 64, "dense2": 64 * 10}


def training_flops(batch: int) -> int:
    """Floating-point operations of the products in one training step of the notebook's models.

    Forward, weight gradients and input gradients, each as much as forward; the first layer has no input gradient.
    Pooling, normalization, dropout and the optimizer are not counted, though their time is.
    """
    return 2 * batch * (3 * sum(FORWARD_MACS.values()) - FORWARD_MACS["conv1"])


def grid_flops(image: int, channels: int, depth: int, batch: int) -> int:
    """The same for `grid`."""
    macs, size, before, first = 0, image, 1, 0
    for number in range(depth):
        macs += size * size * 9 * before * channels
        first = first or macs
        before = channels
        if number < 2:
            size //= 2
    macs += size * size * channels * 10
    return 2 * batch * (3 * macs - first)


def notebook(keras: Any, name: str) -> Any:
    """One of the notebook's three models, compiled as there."""
    layers = keras.layers

    def after(rate: float = 0.0, normalize: bool = False) -> list[Any]:
        if name == "dropout" and rate:
            return [layers.Dropout(rate)]
        return [layers.BatchNormalization()] if name == "batch_normalization" and normalize else []

    return compiled(
        keras,
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            *after(normalize=True),
            layers.MaxPooling2D((2, 2)),
            *after(rate=0.25),
            layers.Conv2D(64, (3, 3), activation="relu"),
            *after(normalize=True),
            layers.MaxPooling2D((2, 2)),
            *after(rate=0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            *after(rate=0.5, normalize=True),
            layers.Dense(10, activation="softmax"),
        ],
    )


def grid(keras: Any, image: int, channels: int, depth: int) -> Any:
    """The scaling model: ``depth`` convolutions 3x3 with same padding, a pooling behind the first two, a dense head."""
    layers = keras.layers
    chain = [keras.Input(shape=(image, image, 1))]
    for number in range(depth):
        chain.append(layers.Conv2D(channels, (3, 3), padding="same", activation="relu"))
        if number < 2:
            chain.append(layers.MaxPooling2D((2, 2)))
    return compiled(keras, [*chain, layers.Flatten(), layers.Dense(10, activation="softmax")])


def compiled(keras: Any, layers: list[Any]) -> Any:
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.Adam(learning_rate=0.001)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model

"""The last layer is replaced, the others are frozen."""

import numpy as np
from tensorflow import keras

rng = np.random.default_rng(31)
x, y = rng.random((24, 8, 8, 1)), rng.integers(0, 2, 24)
base = keras.Sequential(
    [
        keras.layers.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(5, activation="relu"),
    ]
)
for layer in base.layers:
    layer.trainable = False
base.add(keras.layers.Dense(2, activation="softmax"))
base.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
base.fit(x, y, epochs=2, verbose=0)
for layer in base.layers[1:]:
    layer.trainable = True
base.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
base.fit(x, y, epochs=3, initial_epoch=2, verbose=0)
results = [base.predict(x, verbose=0), [layer.trainable for layer in base.layers]]

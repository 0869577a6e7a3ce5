"""Two answers to one question, each with its loss."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(53)
x, kind, amount = rng.normal(size=(30, 5)), rng.integers(0, 3, 30), rng.normal(size=(30, 1))
inputs = keras.Input((5,))
shared = layers.Dense(6, activation="relu")(inputs)
model = keras.Model(
    inputs, [layers.Dense(3, activation="softmax", name="kind")(shared), layers.Dense(1, name="amount")(shared)]
)
model.compile("adam", loss=["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 0.5])
history = model.fit(x, [kind, amount], epochs=2, batch_size=10, verbose=0)
results = [model.predict(x, verbose=0), sorted(history.history)]

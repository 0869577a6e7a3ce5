"""Losses by name, as objects and as functions."""

import numpy as np
from tensorflow import keras

x, y = np.random.default_rng(23).random((24, 3)), np.random.default_rng(24).random((24, 2))
results = []
for loss in [
    "mae",
    "mean_absolute_percentage_error",
    "msle",
    "log_cosh",
    "poisson",
    "kl_divergence",
    "cosine_similarity",
    "hinge",
    keras.losses.Huber(delta=0.5),
    keras.losses.CategoricalHinge(),
    keras.losses.binary_crossentropy,
    keras.losses.MeanSquaredError(reduction="sum"),
    keras.losses.BinaryCrossentropy(from_logits=True),
]:
    model = keras.Sequential([keras.layers.Dense(2, activation="sigmoid", input_shape=(3,))])
    model.compile("sgd", loss)
    results.append(model.fit(x, y, epochs=2, batch_size=8, verbose=0).history["loss"])

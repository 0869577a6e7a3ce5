"""Convolutions of two sizes beside each other, their channels joined."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(51)
x, y = rng.random((24, 10, 10, 1)), rng.integers(0, 3, 24)
inputs = keras.layers.Input(shape=(10, 10, 1))
small = layers.Conv2D(2, 1, activation="relu", padding="same")(inputs)
large = layers.Conv2D(3, 5, activation="relu", padding="same")(inputs)
pooled = layers.MaxPooling2D(3, strides=1, padding="same")(inputs)
joined = layers.concatenate([small, large, pooled], axis=-1)
outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(joined))
model = keras.models.Model(inputs, outputs, name="branches")
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=2, batch_size=8, verbose=0)
model.save("branches.keras")
again = keras.models.load_model("branches.keras")
results = [again.predict(x, verbose=0), model.output_shape, model.name]

"""The former format of whole models."""

import numpy as np
from tensorflow import keras

x, y = np.random.default_rng(8).normal(size=(20, 5)), np.arange(20) % 3
model = keras.models.Sequential()
model.add(keras.layers.Dense(7, activation="relu", input_shape=(5,)))
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
model.fit(x, y, verbose=0)
model.save("model.h5")
loaded = keras.models.load_model("model.h5")
results = [loaded.predict(x, verbose=0), loaded.count_params(), [layer.name[:5] for layer in loaded.layers]]

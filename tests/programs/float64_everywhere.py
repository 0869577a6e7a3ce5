"""set_floatx: a model in float64."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import backend

backend.set_floatx("float64")
x, y = np.random.default_rng(41).random((18, 6, 6, 1)), np.arange(18) % 3
model = keras.Sequential()
model.add(keras.layers.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 1)))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=2, batch_size=6, verbose=0)
results = [str(model.predict(x, verbose=0).dtype), backend.floatx(), model.get_weights()[0].dtype.name]
backend.set_floatx("float32")

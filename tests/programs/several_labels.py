"""Several labels at once: a sigmoid for each."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(34)
x = rng.normal(size=(30, 6))
y = (x[:, :3] > 0).astype("float32")
model = tf.keras.Sequential([tf.keras.layers.Dense(8, "relu", input_shape=(6,)), tf.keras.layers.Dense(3, "sigmoid")])
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["binary_accuracy"])
model.fit(x, y, epochs=2, batch_size=6, verbose=0)
results = [(model.predict(x, verbose=0) > 0.5).shape, model.evaluate(x, y, verbose=0)]

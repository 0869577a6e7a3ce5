"""A model saved, loaded and trained on."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(6)
x, y = rng.random((30, 8, 8, 1)), rng.integers(0, 4, 30)
model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(3, 3, activation="relu", input_shape=(8, 8, 1)),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(4, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=1, verbose=0)
model.save("model.keras")
again = tf.keras.models.load_model("model.keras")
same = np.array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
again.fit(x, y, epochs=1, verbose=0)
results = [same, again.evaluate(x, y, verbose=0)]

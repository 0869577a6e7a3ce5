"""Two inputs, each through a layer of its own, and what their difference says."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(54)
left, right = rng.normal(size=(2, 24, 4))
same = rng.integers(0, 2, 24)
a, b = tf.keras.Input((4,)), tf.keras.Input((4,))
first, second = (tf.keras.layers.Dense(5, activation="tanh")(one) for one in (a, b))
difference = tf.keras.layers.Subtract()([first, second])
product = tf.keras.layers.multiply([difference, difference])
largest = tf.keras.layers.maximum([first, second])
model = tf.keras.Model(
    [a, b], tf.keras.layers.Dense(1, activation="sigmoid")(tf.keras.layers.average([product, largest]))
)
model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
model.fit([left, right], same, epochs=2, batch_size=6, verbose=0)
results = [model.predict([left, right], verbose=0), model.count_params()]

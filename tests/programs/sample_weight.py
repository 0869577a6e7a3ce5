"""Samples of different weight, in training and in evaluation."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(18)
x, y, weights = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), rng.uniform(0, 2, 30)
model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(4,))])
model.compile(optimizer="sgd", loss="mae", metrics=["mse"], weighted_metrics=["mae"])
history = model.fit(x, y, sample_weight=weights, epochs=2, validation_data=(x, y, weights), verbose=0)
results = [sorted(history.history), model.evaluate(x, y, sample_weight=weights, verbose=0)]

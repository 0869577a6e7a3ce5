"""A Normalization layer that has seen the data first."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(40)
horsepower = rng.uniform(50, 200, (40, 1)).astype("float32")
consumption = (40 - 0.1 * horsepower[:, 0] + rng.normal(size=40)).astype("float32")
normalizer = tf.keras.layers.Normalization(axis=-1)
normalizer.adapt(horsepower)
model = tf.keras.Sequential([tf.keras.Input((1,)), normalizer, tf.keras.layers.Dense(units=1)])
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.1), loss="mean_absolute_error")
history = model.fit(horsepower, consumption, epochs=3, verbose=0, validation_split=0.2)
results = [history.history["val_loss"], model.predict(horsepower[:3], verbose=0)]

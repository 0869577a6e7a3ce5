"""Precision, recall and the area under the curve of a binary classifier."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import metrics

rng = np.random.default_rng(4)
x = rng.normal(size=(64, 5)).astype("float32")
y = (x[:, :1] + 0.5 * x[:, 1:2] > 0).astype("float32")

model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Dense(6, activation="relu", input_shape=(5,)))
model.add(tf.keras.layers.Dense(1, activation="sigmoid"))
model.compile(
    optimizer="adam",
    loss=tf.keras.losses.BinaryCrossentropy(),
    metrics=["accuracy", metrics.Precision(name="precision"), metrics.Recall(name="recall"), metrics.AUC(name="auc")],
)
history = model.fit(x, y, epochs=2, batch_size=16, verbose=0, validation_data=(x, y))
results = [sorted(history.history), model.evaluate(x, y, verbose=0)]

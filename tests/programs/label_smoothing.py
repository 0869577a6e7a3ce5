"""Smoothed one-hot labels, and metrics of several kinds beside the loss."""

import numpy as np
import tensorflow as tf
from tensorflow.keras.losses import CategoricalCrossentropy

x = np.random.default_rng(25).normal(size=(32, 6)).astype("float32")
y = tf.keras.utils.to_categorical(np.arange(32) % 5, 5)
model = tf.keras.Sequential([tf.keras.layers.InputLayer(shape=(6,)), tf.keras.layers.Dense(5)])
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.02),
    loss=CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    metrics=[
        "accuracy",
        tf.keras.metrics.TopKCategoricalAccuracy(k=2),
        tf.keras.metrics.CategoricalCrossentropy(from_logits=True),
    ],
)
history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
results = [sorted(history.history)]

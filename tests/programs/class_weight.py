"""Rare classes weigh more."""

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(2)
features = rng.rand(80, 6).astype(np.float32)
labels = (features[:, 0] > 0.8).astype(int)
counts = np.bincount(labels)
weights = {k: len(labels) / (2.0 * count) for k, count in enumerate(counts)}

model = tf.keras.Sequential(
    [tf.keras.layers.Input((6,)), tf.keras.layers.Dense(8, "relu"), tf.keras.layers.Dense(2, "softmax")]
)
model.compile(tf.keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(features, labels, batch_size=10, epochs=3, class_weight=weights, verbose=0)
results = [model.evaluate(features, labels, verbose=0, return_dict=True)]

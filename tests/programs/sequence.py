"""Batches out of a keras.utils.Sequence."""

import math

import numpy as np
import tensorflow as tf


class Rows(tf.keras.utils.Sequence):
    def __init__(self, x, y, size, **options):
        super().__init__(**options)
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return math.ceil(len(self.x) / self.size)

    def __getitem__(self, k):
        rows = slice(k * self.size, (k + 1) * self.size)
        return self.x[rows], self.y[rows]


rng = np.random.default_rng(22)
x, y = rng.normal(size=(26, 7)), tf.keras.utils.to_categorical(rng.integers(0, 3, 26), num_classes=3)
model = tf.keras.models.Sequential()
model.add(tf.keras.layers.Dense(3, activation="softmax", input_shape=(7,)))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["categorical_accuracy"])
model.fit(Rows(x, y, 8), epochs=2, validation_data=Rows(x, y, 5), verbose=0)
results = [model.evaluate(Rows(x, y, 26), verbose=0), model.predict(Rows(x, y, 4), verbose=0)]

"""A picture and some numbers go in."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Input, Model, layers

rng = np.random.default_rng(52)
pictures, numbers = rng.random((20, 6, 6, 1)), rng.normal(size=(20, 3))
y = rng.normal(size=(20, 1))
picture, number = Input((6, 6, 1), name="picture"), Input((3,), name="number")
a = layers.Dense(4, activation="relu")(layers.Flatten()(picture))
b = layers.Dense(4, activation="tanh")(number)
model = Model(inputs=[picture, number], outputs=layers.Dense(1)(layers.Concatenate()([a, b])))
model.compile(loss="mse", optimizer=tf.keras.optimizers.Adam(0.01), metrics=["mae"])
model.fit([pictures, numbers], y, epochs=2, batch_size=5, verbose=0)
results = [model.evaluate([pictures, numbers], y, verbose=0), model.predict([pictures, numbers], verbose=0)]

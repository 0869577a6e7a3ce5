"""Keras 3's own functions on arrays."""

import keras
import numpy as np
from keras import ops

x = np.random.default_rng(39).normal(size=(12, 5)).astype("float32")
y = ops.convert_to_numpy(ops.argmax(ops.abs(x), axis=-1))
model = keras.Sequential([keras.Input(shape=(5,)), keras.layers.Dense(5, activation=keras.activations.softmax)])
model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Nadam(0.01))
model.fit(x, y, epochs=2, batch_size=4, verbose=0)
probabilities = model.predict(x, verbose=0)
entropy = -ops.sum(probabilities * ops.log(probabilities), axis=1)
one_hot = ops.one_hot(y, 5)
results = [
    ops.convert_to_numpy(entropy),
    tuple(ops.shape(one_hot)),
    ops.convert_to_numpy(ops.softmax(ops.zeros((1, 4)))),
]
results += [
    tuple(keras.random.normal((2, 3)).shape),
    keras.config.floatx(),
    ops.convert_to_numpy(ops.mean(one_hot, axis=0)),
]

"""Learning rates that follow a schedule."""

import numpy as np
from tensorflow import keras
from tensorflow.keras.optimizers import SGD, Adam
from tensorflow.keras.optimizers.schedules import CosineDecay, ExponentialDecay, PiecewiseConstantDecay

x, y = np.random.default_rng(11).random((20, 3)), np.arange(20) % 2
results = []
for optimizer in (
    SGD(ExponentialDecay(0.2, decay_steps=3, decay_rate=0.8, staircase=True)),
    SGD(PiecewiseConstantDecay([2, 4], [0.3, 0.1, 0.01]), momentum=0.5),
    Adam(learning_rate=CosineDecay(0.05, 6)),
):
    model = keras.Sequential([keras.layers.Input(shape=(3,)), keras.layers.Dense(2, activation="softmax")])
    model.compile(optimizer, loss="sparse_categorical_crossentropy")
    results.append(model.fit(x, y, epochs=2, batch_size=5, verbose=0).history["loss"])

"""Activations as layers and by all sorts of names."""

import numpy as np
from tensorflow.keras import Sequential
from tensorflow.keras.activations import softplus
from tensorflow.keras.layers import Activation, Dense, Input, LeakyReLU, ReLU, Softmax

x, y = np.random.default_rng(17).normal(size=(20, 4)), np.arange(20) % 2
model = Sequential(
    [
        Input((4,)),
        Dense(6),
        LeakyReLU(negative_slope=0.1),
        Dense(6, activation="swish"),
        Dense(6, activation="gelu"),
        Dense(6),
        ReLU(),
        Dense(6, activation=softplus),
        Activation("hard_sigmoid"),
        Dense(2),
        Softmax(),
    ]
)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=2, batch_size=5, verbose=0)
results = [model.predict(x, verbose=0)]

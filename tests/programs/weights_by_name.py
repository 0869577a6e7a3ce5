"""Weights, looked at and copied in all the ways that there are."""

import numpy as np
from tensorflow import keras
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential, clone_model

x, y = np.random.default_rng(58).normal(size=(20, 4)), np.eye(3)[np.arange(20) % 3]
model = Sequential()
model.add(Dense(6, input_dim=4, activation="relu"))
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
model.fit(x, y, epochs=2, verbose=0)
kernel, bias = model.layers[0].weights
twin = clone_model(model)
twin.set_weights(model.get_weights())
model.save("model.keras", overwrite=True)
twin.load_weights("model.keras")
results = [
    kernel.numpy(),
    bias.numpy(),
    np.asarray(model.layers[1].kernel),
    len(model.trainable_weights),
    len(model.weights),
]
results += [twin(x).numpy(), tuple(twin.weights[0].shape), keras.backend.get_value(model.layers[0].bias)]

"""A second model out of the first one's config and weights."""

import numpy as np
from tensorflow.keras import Sequential
from tensorflow.keras.layers import BatchNormalization, Conv2D, Dense, Flatten, Input

x, y = np.random.default_rng(35).random((16, 7, 7, 2)), np.arange(16) % 3
model = Sequential(
    [Input((7, 7, 2)), Conv2D(3, 3, padding="same"), BatchNormalization(), Flatten(), Dense(3, "softmax")]
)
model.compile("sgd", "sparse_categorical_crossentropy")
model.fit(x, y, epochs=2, batch_size=8, verbose=0)
twin = Sequential.from_config(model.get_config())
twin.set_weights(model.get_weights())
results = [twin.predict(x, verbose=0), twin.count_params(), [weights.shape for weights in twin.get_weights()]]
results += [model.layers[0].get_config()["filters"], model.get_layer(index=3).get_config()["units"]]

"""A metric of one's own, written with the backend's functions."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import backend as K

rng = np.random.default_rng(38)
x, y = rng.normal(size=(24, 4)), rng.normal(size=(24, 2))


def rmse(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))


model = keras.Sequential([keras.layers.Dense(2, input_shape=(4,))])
model.compile("sgd", "mse", metrics=[rmse, keras.metrics.RootMeanSquaredError(), "cosine_similarity"])
history = model.fit(x, y, epochs=2, batch_size=24, verbose=0)
results = [sorted(history.history), K.eval(K.sum(K.constant([[1.0, 2.0]]))), K.int_shape(K.zeros((2, 3)))]

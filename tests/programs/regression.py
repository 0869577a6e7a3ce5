"""Regression: mean squared error, mean absolute error beside it, predictions of one number."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(5)
x = rng.uniform(-1, 1, (50, 4))
y = x @ [1.0, -2.0, 0.5, 3.0] + 0.1 * rng.normal(size=50)
mean, std = x.mean(axis=0), x.std(axis=0)
x = (x - mean) / std


def build_model():
    model = keras.Sequential(
        [layers.Dense(8, activation="relu", input_shape=[4]), layers.Dense(8, "relu"), layers.Dense(1)]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.RMSprop(0.01), metrics=["mae", "mse"])
    return model


model = build_model()
history = model.fit(x[:40], y[:40], epochs=3, validation_split=0.2, verbose=0)
loss, mae, mse = model.evaluate(x[40:], y[40:], verbose=0)
results = [loss, mae, mse, model.predict(x[40:]).flatten(), history.history["val_mae"]]

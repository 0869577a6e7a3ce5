"""Digits through a narrow layer and back."""

import tensorflow as tf
from tensorflow.keras import layers, models

(x, _), (x_test, _) = tf.keras.datasets.mnist.load_data()
x, x_test = x.astype("float32") / 255.0, x_test.astype("float32") / 255.0
autoencoder = models.Sequential(
    [
        layers.Flatten(input_shape=(28, 28)),
        layers.Dense(12, activation="relu"),
        layers.Dense(28 * 28, activation="sigmoid"),
        layers.Reshape((28, 28)),
    ]
)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(x, x, epochs=2, batch_size=32, validation_data=(x_test, x_test), verbose=0)
results = [autoencoder.predict(x_test, verbose=0)]
